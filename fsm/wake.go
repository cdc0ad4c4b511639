// When the machine wants to be called although no command comes: a waiter whose patience ends, a session or a
// freeze whose time is over, or a lock whose is and that somebody waits for or watches over, or any such lock
// while somebody watches what happens to locks. The leader asks NextWake and proposes an empty entry then.

package fsm

import "github.com/tidwall/btree"

// wake is a key that somebody waits for or watches over, with the deadline of who holds it.
type wake struct {
	deadline Clock
	place    place
}

func wakeBefore(a, b wake) bool {
	if a.deadline != b.deadline {
		return a.deadline < b.deadline
	}
	if a.place.db != b.place.db {
		return a.place.db < b.place.db
	}
	if a.place.key != b.place.key {
		return a.place.key < b.place.key
	}
	return a.place.class < b.place.class
}

func newWakes() *btree.BTreeG[wake] {
	return btree.NewBTreeGOptions(wakeBefore, btree.Options{NoLocks: true})
}

// noteWake keeps the list of wakes in step when the item of a key changes.
func (m *Machine) noteWake(db int, key string, old, it *Item) {
	if len(m.queue.lengths) == 0 {
		return
	}
	for _, c := range [...]Class{classLock, ClassLost} {
		p := place{db, c, key}
		if m.queue.lengths[p] == 0 {
			continue
		}
		if old != nil && old.Deadline != NoDeadline {
			m.wakes.Delete(wake{old.Deadline, p})
		}
		if it != nil && it.Deadline != NoDeadline {
			m.wakes.Set(wake{it.Deadline, p})
		}
	}
}

// watch is called after w was added to its queue.
func (m *Machine) watch(w *waiter) {
	for i := range w.keys {
		m.wakeFor(w.place(i))
	}
}

// wakeFor puts p on the list.
func (m *Machine) wakeFor(p place) {
	if !p.class.timed() {
		return
	}
	if it := m.itemAt(p.db, p.key); it != nil && it.Deadline != NoDeadline {
		m.wakes.Set(wake{it.Deadline, p})
	}
}

// unwatch is called after w was taken from its queue.
func (m *Machine) unwatch(w *waiter) {
	for i := range w.keys {
		if p := w.place(i); p.class.timed() && m.queue.lengths[p] == 0 {
			m.unwake(p)
		}
	}
}

// unwake takes p from the list.
func (m *Machine) unwake(p place) {
	if !p.class.timed() {
		return
	}
	if it := m.itemAt(p.db, p.key); it != nil && it.Deadline != NoDeadline {
		m.wakes.Delete(wake{it.Deadline, p})
	}
}

// setSpace puts s in the place of database db and keeps the list in step.
func (m *Machine) setSpace(db int, s *space) {
	m.queue.places(db, m.unwake)
	m.dbs[db] = s
	m.queue.places(db, m.wakeFor)
}

// NextWake returns the clock value at which something that somebody waits for will have happened, and
// whether there is any.
func (m *Machine) NextWake() (Clock, bool) {
	next := m.frozen.next
	atLatest := func(d Clock) {
		if d != NoDeadline && (next == NoDeadline || d < next) {
			next = d
		}
	}
	if w, ok := m.queue.waiters.Min(); ok {
		atLatest(w.deadline)
	}
	if w, ok := m.wakes.Min(); ok {
		atLatest(w.deadline)
	}
	if v, ok := m.sessions.byDeadline.Min(); ok {
		atLatest(v.Deadline)
	}
	if db := m.earliest(); db >= 0 && m.watched() {
		d, _ := m.dbs[db].index.Min()
		atLatest(d.deadline)
	}
	if next == NoDeadline || next == forever {
		return 0, false
	}
	return next + 1, true // deadlines pass strictly
}

// HasDeadlines tells whether anything in the state will ever expire.
func (m *Machine) HasDeadlines() bool {
	if w, ok := m.queue.waiters.Min(); ok && w.deadline != forever {
		return true
	}
	for db := range m.dbs {
		if m.Expires(db) > 0 {
			return true
		}
	}
	return m.sessions.byDeadline.Len() > 0 || m.frozen.next != NoDeadline
}

// Due tells whether more keys are due now than the last entry was allowed to remove.
func (m *Machine) Due() bool {
	for _, s := range m.dbs {
		if d, ok := s.index.Min(); ok && d.deadline.passed(m.clock) {
			return true
		}
	}
	return m.sessionsDue()
}
