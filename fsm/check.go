// What must always be true of the state. Tests and the simulation call Check after each step; it walks
// everything, so a server does not.

package fsm

import (
	"errors"
	"fmt"
	"hash/fnv"
)

// Check returns what is wrong with the state, or nil: every invariant that does not depend on how the state
// came to be.
func (m *Machine) Check() error {
	var errs []error
	for db, s := range m.dbs {
		errs = append(errs, m.checkSpace(db, s))
	}
	errs = append(errs, m.checkQueue())
	if len(m.journal)+len(m.answers)+len(m.frees) > 0 {
		errs = append(errs, errors.New("something of the last command was left over"))
	}
	return errors.Join(errs...)
}

// checkSpace holds a database against its index and its byte count.
func (m *Machine) checkSpace(db int, s *space) error {
	var err error
	var bytes int64
	deadlines := 0
	s.keys.Scan(func(key string, it *Item) bool {
		bytes += it.cost()
		_, indexed := s.index.Get(due{it.Deadline, it})
		switch {
		case key != it.Key:
			err = fmt.Errorf("db %d: key %q holds the item of %q", db, key, it.Key)
		case it.Token > m.counters.token:
			err = fmt.Errorf("db %d: %q has token %d, given were %d", db, key, it.Token, m.counters.token)
		case (it.Token == 0) != (len(it.Str) > MaxOwner):
			err = fmt.Errorf("db %d: %q has token %d and %d bytes", db, key, it.Token, len(it.Str))
		case indexed != (it.Deadline != NoDeadline):
			err = fmt.Errorf("db %d: %q is indexed: %v, deadline %d", db, key, indexed, it.Deadline)
		}
		if it.Deadline != NoDeadline {
			deadlines++
		}
		return err == nil
	})
	switch {
	case err != nil:
		return err
	case bytes != s.bytes:
		return fmt.Errorf("db %d: counted %d bytes, there are %d", db, s.bytes, bytes)
	case deadlines != s.index.Len():
		return fmt.Errorf("db %d: %d deadlines are indexed, there are %d", db, s.index.Len(), deadlines)
	}
	return nil
}

// checkQueue holds the queue against what is derived from it, and against the locks: nobody waits for a
// key that is free or its own.
func (m *Machine) checkQueue() error {
	var err error
	q := m.queue
	lengths := map[place]int{}
	q.all.Scan(func(w *waiter) bool {
		p := w.place()
		lengths[p]++
		it, held := m.dbs[w.db].keys.Get(w.key)
		switch {
		case !held:
			err = fmt.Errorf("%q waits for %q, which is free", w.owner, w.key)
		case it.Str == w.owner && lengths[p] == 1:
			err = fmt.Errorf("%q waits for %q, which it holds", w.owner, w.key)
		case q.parked[w.peer()] != w:
			err = fmt.Errorf("waiter %d is not found by its connection", w.ticket)
		case w.ticket > m.counters.tickets:
			err = fmt.Errorf("waiter has ticket %d, given were %d", w.ticket, m.counters.tickets)
		case it.Deadline != NoDeadline:
			if _, ok := m.wakes.Get(wake{it.Deadline, p}); !ok {
				err = fmt.Errorf("nobody wakes up for %q at %d", w.key, it.Deadline)
			}
		}
		return err == nil
	})
	switch {
	case err != nil:
		return err
	case len(lengths) != len(q.lengths) || len(q.parked) != q.all.Len() || q.patience.Len() != q.all.Len():
		return fmt.Errorf("queue of %d: %d places, %d counted, %d parked, %d with patience",
			q.all.Len(), len(lengths), len(q.lengths), len(q.parked), q.patience.Len())
	}
	return nil
}

// Hash returns a number that is the same for equal states and, almost surely, only for them.
func (m *Machine) Hash() uint64 {
	h := fnv.New64a()
	_ = m.View().Write(h) // a hash never fails to take bytes
	return h.Sum64()
}
