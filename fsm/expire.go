// Expiry. A key whose deadline has passed on the cluster clock is gone for every command from the moment
// the clock says so; removing it is only cleaning up. An entry removes a bounded number of keys first, in
// the order of deadline, database and key, and serves those who wait for each; when more are due, the
// leader sends empty entries until none is. So a million locks that end together never hold up commands.

package fsm

// expirePerEntry bounds the keys that one entry removes, and so the time that it takes (about 2 ms).
const expirePerEntry = 1000

// expireDue removes what is due, and ends the patience of waiters, at the beginning of an entry.
func (m *Machine) expireDue(sink Sink) {
	m.thawDue() // first: what follows must not come upon a freeze that is over
	m.endSessions()
	m.forgetRequests()
	for n := 0; n < expirePerEntry; n++ {
		db := m.nextDue()
		if db < 0 {
			break
		}
		d, _ := m.dbs[db].index.Min()
		m.expire(db, d.item)
	}
	for n := 0; n < expirePerEntry; n++ {
		w, ok := m.queue.waiters.Min()
		if !ok || !w.deadline.passed(m.clock) {
			break
		}
		m.remember(w.lock.request(), m.nothing(w))
		m.quit(w, m.nothing(w), "timeout")
		m.serve(0)
	}
	m.commit(Caller{}, sink)
}

// nextDue returns the database whose earliest deadline has passed first, or -1.
func (m *Machine) nextDue() int {
	db := m.earliest()
	if db < 0 {
		return -1
	}
	if d, _ := m.dbs[db].index.Min(); !d.deadline.passed(m.clock) {
		return -1
	}
	return db
}

// earliest returns the database with the first deadline of all, or -1.
func (m *Machine) earliest() int {
	best, at := Clock(0), -1
	for db, s := range m.dbs {
		if d, ok := s.index.Min(); ok && (at < 0 || d.deadline < best) {
			best, at = d.deadline, db
		}
	}
	return at
}

// expire removes a key whose time is over, or the holders of it whose is, and serves those who wait for it at
// once: that it is free was so before the command that finds it. What else the command has freed waits for
// its end. Before entries of VersionLocks the grave stays if the command is undone: the lock has expired all
// the same.
func (m *Machine) expire(db int, it *Item) {
	from := len(m.frees)
	if it.shared() {
		m.expireHolds(db, it)
	} else {
		h := it.hold()
		m.lose(db, it, h.timeout())
		m.counters.expired++
	}
	if m.itemAt(db, it.Key) == nil {
		m.notify(db, EventExpired, "expired", it.Key)
	}
	if it.Token != 0 && m.nodes.level < VersionLocks {
		m.graves.add(Grave{DB: db, Key: it.Key, Owner: it.Str, Token: it.Token, At: it.Deadline, How: LockExpired},
			graveCount)
	}
	m.serve(from)
}

// expireHolds takes the holders out of a lock whose time is over.
func (m *Machine) expireHolds(db int, it *Item) {
	v := m.ownHolders(it)
	for h, ok := v.due.Min(); ok && h.Deadline.passed(m.clock); h, ok = v.due.Min() {
		m.unbind(db, it.Key, h)
		v.drop(h.Owner)
		m.touchedBy(db, it.Key, h.Owner)
		why := h.timeout()
		m.tell(db, why.kind, it.Key, h, why.reason)
		m.counters.expired++
	}
	m.putHolders(db, it.Key, it, v)
	m.freed(db, it.Key)
}

// remains returns the item without the holders whose time is over at clock now, as a read sees it before they
// are removed: nil where nothing is left.
func (it *Item) remains(now Clock) *Item {
	v, ok := it.Value().(*Holders)
	if !ok || v.latest().passed(now) {
		return nil
	}
	left := v.after(now)
	seen := *it
	seen.Deadline = left.earliest()
	seen.Extra = &Extra{Value: left, bytes: left.cost()}
	return &seen
}
