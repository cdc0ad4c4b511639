// The lock semantics: take, release, renew, force. A lock is a string key whose value is its owner, so
// everything here also holds for keys that came by SET NX PX, and the other way round.

package fsm

// LockRequest is what LOCK asks for. Times are in milliseconds.
type LockRequest struct {
	Key, Owner, Note string
	TTL              int64 // from the grant on; 0: until released
	Wait             int64 // how long to wait in the queue; 0: not at all
}

// LockResult is what became of a request.
type LockResult int

// The results of Lock.
const (
	Granted     LockResult = iota // held now, token given
	Held                          // another holds it
	Parked                        // waiting; the answer comes with a later command
	NotALock                      // the value there cannot be an owner
	QueueFull                     // too many wait for this key
	AllQueues                     // too many wait in all
	ResultCount                   // how many results there are
)

// Lock takes req.Key for req.Owner. The owner that holds it already keeps its token, and the deadline
// becomes the later one; another one is refused or parked. It returns the item that stands at the key,
// which is the grant where the result is Granted.
func (tx *Tx) Lock(req LockRequest) (*Item, LockResult) {
	m := tx.m
	it := tx.Get(req.Key)
	switch {
	case it == nil || (it.IsLock() && it.Str == req.Owner):
		return m.take(tx.db, req.Key, req.Owner, req.Note, req.TTL, it), Granted
	case !it.IsLock():
		return it, NotALock
	case req.Wait <= 0:
		return it, Held
	case m.at.limits.Waiters > 0 && m.queue.all.Len() >= m.at.limits.Waiters:
		return it, AllQueues
	case m.at.limits.WaitersPerKey > 0 &&
		m.queue.lengths[place{tx.db, it.Key}] >= m.at.limits.WaitersPerKey:
		return it, QueueFull
	}
	m.park(&waiter{
		db: tx.db, key: it.Key, owner: keep(req.Owner), note: keep(req.Note), ttl: req.TTL,
		since: m.clock, deadline: m.clock.After(req.Wait),
		origin: tx.who.Origin, conn: tx.who.Conn, seq: tx.who.Seq,
	})
	return it, Parked
}

// take makes owner the holder of key, where held is nil or already its own, and returns the grant.
func (m *Machine) take(db int, key, owner, note string, ttl int64, held *Item) *Item {
	deadline := NoDeadline
	if ttl > 0 {
		deadline = m.clock.After(ttl)
	}
	if held != nil {
		it := *held
		it.Deadline = later(held.Deadline, deadline)
		if note != "" && note != held.Note() {
			it.Extra = &Extra{Note: keep(note)}
		}
		m.put(db, &it)
		return &it
	}
	it := &Item{
		Key: keep(key), Str: keep(owner), Deadline: deadline,
		Since: m.clock, Token: m.tokenFor(owner),
	}
	if note != "" {
		it.Extra = &Extra{Note: keep(note)}
	}
	m.put(db, it)
	return it
}

// Unlock releases key if owner holds it.
func (tx *Tx) Unlock(key, owner string) bool {
	it := tx.Get(key)
	if it == nil || it.Str != owner {
		return false
	}
	tx.m.remove(tx.db, it)
	return true
}

// Force removes key whoever holds it, and returns what stood there, or nil.
func (tx *Tx) Force(key string) *Item {
	it := tx.Get(key)
	if it != nil {
		tx.m.counters.forced++
		tx.m.remove(tx.db, it)
	}
	return it
}

// Waiter is one who waits for a lock, as listings show it.
type Waiter struct {
	Owner, Note     string
	Node            string
	Conn            uint64
	Since, Deadline Clock
}

// Waiters calls f with those who wait for key, in the order of their turn, until it returns false.
func (tx *Tx) Waiters(key string, f func(Waiter) bool) {
	tx.m.queue.each(place{tx.db, key}, func(w *waiter) bool {
		return f(Waiter{w.owner, w.note, w.origin.Node, w.conn, w.since, w.deadline})
	})
}

// QueueLen returns how many wait for key.
func (tx *Tx) QueueLen(key string) (n int) {
	if tx.m.queue.lengths != nil {
		return tx.m.queue.lengths[place{tx.db, key}]
	}
	tx.m.queue.each(place{tx.db, key}, func(*waiter) bool { n++; return true })
	return n
}
