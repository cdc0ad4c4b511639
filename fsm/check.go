// What must always be true of the state. Tests and the simulation call Check after each step; it walks
// everything, so a server does not.

package fsm

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Check returns what is wrong with the state, or nil: every invariant that does not depend on how the state
// came to be.
func (m *Machine) Check() error {
	var errs []error
	for db, s := range m.dbs {
		errs = append(errs, m.checkSpace(db, s))
	}
	errs = append(errs, m.checkQueue(), m.checkUnseen(), m.checkNodes())
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

// checkQueue holds the waiters against what is derived from them.
func (m *Machine) checkQueue() error {
	var err error
	q := m.queue
	bytes, places, wakes := int64(0), 0, 0
	q.all.Scan(func(w *waiter) bool {
		bytes += w.cost()
		if q.parked[w.peer()] != w {
			err = fmt.Errorf("waiter %d is not found by its connection", w.ticket)
		} else if w.ticket > m.counters.tickets {
			err = fmt.Errorf("waiter has ticket %d, given were %d", w.ticket, m.counters.tickets)
		}
		return err == nil
	})
	for db := range m.dbs {
		q.places(db, func(p place) {
			places++
			if it := m.itemAt(p); it != nil && it.Deadline != NoDeadline {
				wakes++
			}
			err = errors.Join(err, m.checkPlace(p))
		})
	}
	switch {
	case err != nil:
		return err
	case places != len(q.lengths) || len(q.parked) != q.all.Len() || q.patience.Len() != q.all.Len():
		return fmt.Errorf("queue of %d: %d places, %d counted, %d parked, %d with patience",
			q.all.Len(), places, len(q.lengths), len(q.parked), q.patience.Len())
	case wakes != m.wakes.Len():
		return fmt.Errorf("%d wakes are noted, there should be %d", m.wakes.Len(), wakes)
	case bytes != q.bytes:
		return fmt.Errorf("queue: counted %d bytes, there are %d", q.bytes, bytes)
	}
	return nil
}

// checkPlace holds the waiters of a key against the key: nobody waits first for what is free or its own.
func (m *Machine) checkPlace(p place) error {
	length := 0
	m.queue.each(p, func(*waiter) bool { length++; return true })
	it, w := m.itemAt(p), m.queue.first(p)
	switch {
	case length != m.queue.lengths[p]:
		return fmt.Errorf("%d wait for %q, counted were %d", length, p.key, m.queue.lengths[p])
	case it == nil:
		return fmt.Errorf("%q waits for %q, which is free", w.owner, p.key)
	case it.IsLock() && it.Str == w.owner:
		return fmt.Errorf("%q waits for %q, which it holds", w.owner, p.key)
	case it.Deadline != NoDeadline:
		if _, ok := m.wakes.Get(wake{it.Deadline, p}); !ok {
			return fmt.Errorf("nobody wakes up for %q at %d", p.key, it.Deadline)
		}
	}
	return nil
}

// checkUnseen holds the notes of grants against the locks: a note lives only as long as its key is left
// alone.
func (m *Machine) checkUnseen() error {
	var err error
	q := m.queue
	q.unseen.Scan(func(w *waiter) bool {
		it := m.itemAt(w.place())
		switch {
		case it == nil || it.Token != w.token || it.Str != w.owner:
			err = fmt.Errorf("a note says that %q was granted %q with token %d, which is not so",
				w.owner, w.key, w.token)
		case q.granted[w.place()] != w:
			err = fmt.Errorf("the note of %q is not found by its key", w.key)
		}
		return err == nil
	})
	if err == nil && len(q.granted) != q.unseen.Len() {
		err = fmt.Errorf("%d notes, %d by their keys", q.unseen.Len(), len(q.granted))
	}
	return err
}

// checkNodes holds the nodes against what is kept of them in sum, and the queue against the nodes.
func (m *Machine) checkNodes() error {
	var err error
	n := &m.nodes
	sum, bytes := uint64(0), int64(0)
	n.origins.Scan(func(_ string, o *origin) bool {
		sum += o.weight()
		return true
	})
	n.members.Scan(func(node string, a *About) bool {
		bytes += a.cost(node)
		if _, ok := n.origins.Get(node); !ok {
			err = fmt.Errorf("member %q has no numbers", node)
		}
		return err == nil
	})
	m.queue.all.Scan(func(w *waiter) bool {
		if w.seq > m.Ran(w.origin) || n.removed(w.origin.Node) {
			err = fmt.Errorf("number %d of %v waits, which has run to %d", w.seq, w.origin, m.Ran(w.origin))
		}
		return err == nil
	})
	switch {
	case err != nil:
		return err
	case sum != n.sum || bytes != n.bytes:
		return fmt.Errorf("nodes: counted %d bytes and sum %x, they are %d and %x", n.bytes, n.sum, bytes, sum)
	case n.level < EntryVersionFirst || n.level > m.buffer.newest:
		return fmt.Errorf("the state has level %d, known are %d to %d", n.level, EntryVersionFirst, m.buffer.newest)
	case n.level < versionMembers && m.counters.silenced > 0:
		return fmt.Errorf("%d silences with entries of version %d", m.counters.silenced, n.level)
	}
	return nil
}

// Hash returns a number that is the same for equal states and, almost surely, only for them.
func (m *Machine) Hash() uint64 {
	h := sha256.New()
	_ = m.View().Write(h) // a hash never fails to take bytes
	return binary.BigEndian.Uint64(h.Sum(nil))
}
