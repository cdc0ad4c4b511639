// Expiry. A key whose deadline has passed on the cluster clock is gone for every command from the moment
// the clock says so; removing it is only cleaning up. An entry removes a bounded number of keys first, in
// the order of deadline, database and key, and serves those who wait for each; when more are due, the
// leader sends empty entries until none is. So a million locks that end together never hold up commands.

package fsm

import "github.com/divtxt/lockd/resp"

// expirePerEntry bounds the keys that one entry removes, and so the time that it takes (about 2 ms).
const expirePerEntry = 1000

// expireDue removes what is due, and ends the patience of waiters, at the beginning of an entry.
func (m *Machine) expireDue(sink Sink) {
	for n := 0; n < expirePerEntry; n++ {
		db := m.nextDue()
		if db < 0 {
			break
		}
		d, _ := m.dbs[db].index.Min()
		m.expire(db, d.item)
	}
	for n := 0; n < expirePerEntry; n++ {
		w, ok := m.queue.patience.Min()
		if !ok || !w.deadline.passed(m.clock) {
			break
		}
		m.quit(w, resp.Null())
		m.serve(0)
	}
	m.commit(sink)
}

// nextDue returns the database whose earliest deadline has passed first, or -1.
func (m *Machine) nextDue() int {
	best, at := Clock(0), -1
	for db, s := range m.dbs {
		if d, ok := s.index.Min(); ok && d.deadline.passed(m.clock) && (at < 0 || d.deadline < best) {
			best, at = d.deadline, db
		}
	}
	return at
}

// expire removes a key whose time is over, and serves those who wait for it at once: that it is free was
// so before the command that finds it. What else the command has freed waits for its end. If the command
// is undone, the grave stays: the lock has expired all the same.
func (m *Machine) expire(db int, it *Item) {
	from := len(m.frees)
	m.remove(db, it)
	m.counters.expired++
	if it.IsLock() {
		m.graves.add(Grave{DB: db, Key: it.Key, Owner: it.Str, Token: it.Token, At: it.Deadline})
	}
	m.serve(from)
}

// Grave is what is remembered of a lock that expired, to tell a late owner what happened.
type Grave struct {
	DB         int
	Key, Owner string
	Token      uint64
	At         Clock // its deadline
}

// graveCount is how many of the last expired locks are remembered.
const graveCount = 128

// graves is a ring of the last expired locks.
type graves struct {
	ring []Grave
	next int
}

func (g *graves) add(v Grave) {
	if len(g.ring) < graveCount {
		g.ring = append(g.ring, v)
		return
	}
	g.ring[g.next] = v
	g.next = (g.next + 1) % graveCount
}

// inOrder calls f with the graves, the oldest first.
func (g *graves) inOrder(f func(Grave)) {
	for i := range g.ring {
		f(g.ring[(g.next+i)%len(g.ring)])
	}
}

func (g *graves) copy() graves { return graves{append([]Grave(nil), g.ring...), g.next} }

// Expired returns what is remembered of the last lock of owner on key that expired.
func (tx *Tx) Expired(key, owner string) (found Grave, ok bool) {
	tx.m.graves.inOrder(func(v Grave) {
		if v.DB == tx.db && v.Key == key && v.Owner == owner {
			found, ok = v, true
		}
	})
	return found, ok
}
