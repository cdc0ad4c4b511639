// Who follows the events knows the locks: their holders and tokens, and who waits. The random tests hold what
// a follower believes against the state.

package fsm

import (
	"fmt"
	"maps"
)

// follower knows only what the events say.
type follower struct {
	held  map[string]uint64 // database, key and owner: token
	waits map[string]bool   // database, key, owner and client
	maybe map[string]bool   // those of them who got the key, see below
	next  uint64
	saw   map[EventKind]int
}

func newFollower() *follower {
	return &follower{held: map[string]uint64{}, waits: map[string]bool{}, maybe: map[string]bool{}, next: 1, saw: map[EventKind]int{}}
}

// truth is what the state says.
func truth(m *Machine) *follower {
	f := newFollower()
	for db, s := range m.dbs {
		s.keys.Scan(func(key string, it *Item) bool {
			it.Holds(func(h *Hold) bool {
				f.held[fmt.Sprint(db, " ", key, " ", h.Owner)] = h.Token
				return true
			})
			return true
		})
	}
	m.queue.waiters.Scan(func(w *waiter) bool {
		for _, key := range w.keys {
			if w.class == classLock {
				f.waits[fmt.Sprint(w.db, " ", key, " ", w.lock.Owner, " ", w.conn)] = true
			}
		}
		return true
	})
	f.next = m.counters.events + 1
	return f
}

// follow takes in what is new, and tells where it is not what the follower knows, or the state.
func (f *follower) follow(m *Machine) (err error) {
	(&Tx{m: m}).Events(f.next, func(e *LockEvent) bool {
		err = f.take(e)
		return err == nil
	})
	t := truth(m)
	f.next = t.next
	for waiter, was := range f.maybe {
		// The random commands come on connections that wait, too, which no client's do: such a one may have got the
		// key by SET, and wait on.
		if was && t.waits[waiter] {
			f.waits[waiter] = true
		}
	}
	clear(f.maybe)
	switch {
	case err != nil:
		return err
	case !maps.Equal(f.held, t.held):
		return fmt.Errorf("the events say that there is held %v, it is %v", f.held, t.held)
	case !maps.Equal(f.waits, t.waits):
		return fmt.Errorf("the events say that there wait %v, it is %v", f.waits, t.waits)
	}
	return nil
}

func (f *follower) take(e *LockEvent) error {
	f.saw[e.Kind]++
	f.next++
	who := fmt.Sprint(e.DB, " ", e.Key, " ", e.Owner)
	waiter := fmt.Sprint(who, " ", e.By)
	switch e.Kind {
	case LockGranted:
		f.held[who] = e.Token
		f.maybe[waiter] = f.maybe[waiter] || f.waits[waiter] // it may be granted twice in an entry
		delete(f.waits, waiter)
	case LockWaiting:
		f.waits[waiter] = true
	case LockGaveUp:
		if !f.waits[waiter] && !f.maybe[waiter] {
			return fmt.Errorf("event %d: %s gave up what it did not wait for", e.Number, waiter)
		}
		delete(f.waits, waiter)
	case LockFlushed:
		maps.DeleteFunc(f.held, func(k string, _ uint64) bool {
			var db int
			_, _ = fmt.Sscan(k, &db)
			return db == int(e.DB)
		})
	case LockRevoking:
		if f.held[who] != e.Token {
			return fmt.Errorf("event %d: %s is told to give back token %d, it is held with %d", e.Number, who, e.Token,
				f.held[who])
		}
	case LockDeadlock, LockFrozen, LockThawed:
	default:
		if e.Token == 0 { // nobody held it, as it was delayed
			return nil
		}
		if f.held[who] != e.Token {
			return fmt.Errorf("event %d: %v %s with token %d, it was held with %d", e.Number, e.Kind, who, e.Token,
				f.held[who])
		}
		delete(f.held, who)
	}
	return nil
}

// sameEvents tells whether two machines have the same last events.
func sameEvents(a, b *Machine) error {
	last := a.counters.events
	if last != b.counters.events || a.events.first != b.events.first {
		return fmt.Errorf("events %d to %d, and %d to %d", a.events.first, last, b.events.first, b.counters.events)
	}
	for n := max(a.events.first, last-min(last, 50)); n <= last; n++ {
		if *a.events.at(n) != *b.events.at(n) {
			return fmt.Errorf("event %+v, and %+v", *a.events.at(n), *b.events.at(n))
		}
	}
	return nil
}
