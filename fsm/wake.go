// When the machine wants to be called although no command comes: a waiter whose patience ends, or a lock
// that somebody waits for and whose time is over. The leader asks NextWake and proposes an empty entry then.

package fsm

import "github.com/tidwall/btree"

// wake is a key that somebody waits for, with the deadline of who holds it.
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
	return a.place.key < b.place.key
}

func newWakes() *btree.BTreeG[wake] {
	return btree.NewBTreeGOptions(wakeBefore, btree.Options{NoLocks: true})
}

// noteWake keeps the list of wakes in step when the item of a key changes.
func (m *Machine) noteWake(db int, key string, old, it *Item) {
	p := place{db, key}
	if len(m.queue.lengths) == 0 || m.queue.lengths[p] == 0 {
		return
	}
	if old != nil && old.Deadline != NoDeadline {
		m.wakes.Delete(wake{old.Deadline, p})
	}
	if it != nil && it.Deadline != NoDeadline {
		m.wakes.Set(wake{it.Deadline, p})
	}
}

// watch is called after a waiter was added at p.
func (m *Machine) watch(p place) {
	if it := m.itemAt(p); it != nil && it.Deadline != NoDeadline {
		m.wakes.Set(wake{it.Deadline, p})
	}
}

// unwatch is called after a waiter was taken from p.
func (m *Machine) unwatch(p place) {
	if m.queue.lengths[p] == 0 {
		m.unwake(p)
	}
}

// unwake takes p from the list.
func (m *Machine) unwake(p place) {
	if it := m.itemAt(p); it != nil && it.Deadline != NoDeadline {
		m.wakes.Delete(wake{it.Deadline, p})
	}
}

// setSpace puts s in the place of database db and keeps the list in step.
func (m *Machine) setSpace(db int, s *space) {
	m.queue.places(db, m.unwake)
	m.dbs[db] = s
	m.queue.places(db, m.watch)
}

// NextWake returns the clock value at which something that somebody waits for will have happened, and
// whether there is any.
func (m *Machine) NextWake() (Clock, bool) {
	next, some := Clock(0), false
	if w, ok := m.queue.patience.Min(); ok {
		next, some = w.deadline, true
	}
	if w, ok := m.wakes.Min(); ok && (!some || w.deadline < next) {
		next, some = w.deadline, true
	}
	if next == forever {
		return 0, false
	}
	return next + 1, some // deadlines pass strictly
}

// HasDeadlines tells whether anything in the state will ever expire.
func (m *Machine) HasDeadlines() bool {
	if m.queue.patience.Len() > 0 {
		return true
	}
	for db := range m.dbs {
		if m.Expires(db) > 0 {
			return true
		}
	}
	return false
}

// Due tells whether more keys are due now than the last entry was allowed to remove.
func (m *Machine) Due() bool {
	for _, s := range m.dbs {
		if d, ok := s.index.Min(); ok && d.deadline.passed(m.clock) {
			return true
		}
	}
	return false
}
