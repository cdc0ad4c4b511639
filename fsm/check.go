// What must always be true of the state. Tests and the simulation call Check after each step; it walks
// everything, so a server does not.

package fsm

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Check returns what is wrong with the state, or nil: every invariant that does not depend on how the state
// came to be.
func (m *Machine) Check() error {
	var errs []error
	for db, s := range m.dbs {
		errs = append(errs, m.checkSpace(db, s))
	}
	errs = append(errs, m.checkQueue(), m.checkUnseen(), m.checkNodes(), m.checkKept(), m.checkSessions(),
		m.checkRequests(), m.checkEvents(), m.checkFrozen(), m.checkGraves())
	if len(m.journal)+len(m.answers)+len(m.frees)+len(m.effects) > 0 {
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
		if v := it.Value(); v != nil && (v.Len() == 0 || v.cost() != it.Extra.bytes) {
			err = fmt.Errorf("db %d: %q counts %d bytes, its %d elements are %d", db, key, it.Extra.bytes,
				v.Len(), v.cost())
			return false
		}
		if it.shared() {
			if err = m.checkHolders(it); err != nil {
				return false
			}
		}
		_, indexed := s.index.Get(due{it.Deadline, it})
		switch {
		case it.Extra != nil && it.Extra.capped(it.Deadline) != it.Deadline:
			err = fmt.Errorf("db %d: %q is held until %d, its cap is %d", db, key, it.Deadline, it.Extra.Cap)
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
	var byClass [classes]int
	q.waiters.Scan(func(w *waiter) bool {
		bytes += w.cost()
		byClass[w.class]++
		if q.parkedOn(w.peer()) != w {
			err = fmt.Errorf("waiter %d is not found by its connection", w.ticket)
		} else if w.ticket > m.counters.tickets {
			err = fmt.Errorf("waiter has ticket %d, given were %d", w.ticket, m.counters.tickets)
		}
		return err == nil
	})
	for db := range m.dbs {
		q.places(db, func(p place) {
			places++
			if it := m.itemAt(p.db, p.key); p.class.timed() && it != nil && it.Deadline != NoDeadline {
				wakes++
			}
			err = errors.Join(err, m.checkPlace(p))
		})
	}
	switch {
	case err != nil:
		return err
	case byClass != q.byClass:
		return fmt.Errorf("%v were counted who wait, by class; they are %v", q.byClass, byClass)
	case places != len(q.lengths) || q.parked.Len() != q.Len():
		return fmt.Errorf("queue of %d: %d places, %d counted, %d parked",
			q.Len(), places, len(q.lengths), q.parked.Len())
	case wakes != m.wakes.Len():
		return fmt.Errorf("%d wakes are noted, there should be %d", m.wakes.Len(), wakes)
	case bytes != q.bytes:
		return fmt.Errorf("queue: counted %d bytes, there are %d", q.bytes, bytes)
	}
	return nil
}

// checkPlace holds the waiters of a key against the key: nobody waits first for what it could have.
func (m *Machine) checkPlace(p place) error {
	length := 0
	m.queue.each(p, func(*waiter) bool { length++; return true })
	it, w := m.itemAt(p.db, p.key), m.queue.first(p)
	if p.class.timed() && it != nil && it.Deadline != NoDeadline {
		if _, ok := m.wakes.Get(wake{it.Deadline, p}); !ok {
			return fmt.Errorf("nobody wakes up for %q at %d", p.key, it.Deadline)
		}
	}
	m.serving = true
	defer func() { m.serving = false }()
	switch {
	case length != m.queue.lengths[p]:
		return fmt.Errorf("%d wait for %q, counted were %d", length, p.key, m.queue.lengths[p])
	case p.class == ClassBarrier && m.checkBarrier(p) != "":
		return fmt.Errorf("%d wait at barrier %q: %s", length, p.key, m.checkBarrier(p))
	case p.class != classLock:
		return nil
	case m.judge(w.db, w.keys, &w.lock).Result == Granted:
		return fmt.Errorf("%q waits for %q, which it could have", w.lock.Owner, w.keys)
	case w.lock.Session != "" && !m.sessionLives(w.lock.Session):
		return fmt.Errorf("%q waits for %q by session %s, which is over", w.lock.Owner, p.key, w.lock.Session)
	}
	return nil
}

// checkUnseen holds the notes of grants against the locks: a note lives only as long as what it is about is
// left alone.
func (m *Machine) checkUnseen() error {
	var err error
	q := m.queue
	places, listed := 0, 0
	seen := map[place]bool{}
	q.unseen.Scan(func(w *waiter) bool {
		for i, key := range w.keys {
			it := m.itemAt(w.db, key)
			if it == nil {
				err = fmt.Errorf("a note says that %q was granted %q, which is free", w.lock.Owner, key)
				break
			}
			if h, ok := it.HoldOf(w.lock.Owner); !ok || h.Token != w.token {
				err = fmt.Errorf("a note says that %q was granted %q with token %d, which is not so",
					w.lock.Owner, key, w.token)
			}
			if !slices.Contains(q.granted[w.place(i)], w) {
				err = fmt.Errorf("the note of %q is not found by its key", key)
			}
			if p := w.place(i); !seen[p] {
				seen[p] = true
				listed += len(q.granted[p])
			}
			places++
		}
		return err == nil
	})
	if err == nil && (listed != places || len(seen) != len(q.granted)) {
		err = fmt.Errorf("%d notes, %d by their keys", places, listed)
	}
	return err
}

// checkHolders holds a lock that several hold against what is derived from them.
func (m *Machine) checkHolders(it *Item) error {
	v := it.Value().(*Holders)
	again := newHolders()
	var err error
	v.byOwner.Scan(func(owner string, h *Hold) bool {
		again.put(h)
		err = m.checkHold(it, owner, h)
		return err == nil
	})
	switch {
	case err != nil:
		return err
	case it.Deadline != v.earliest() || again.counts != v.counts || again.permits != v.permits ||
		again.due.Len() != v.due.Len() || again.bytes != v.bytes:
		return fmt.Errorf("%q: its holders were counted %v, %d permits, %d bytes, deadline %d; they are %v, %d, "+
			"%d, %d", it.Key, v.counts, v.permits, v.bytes, it.Deadline, again.counts, again.permits, again.bytes,
			v.earliest())
	case v.counts[Permit] > 0 && v.counts[Permit] < v.Len() || v.counts[Update] > 1:
		return fmt.Errorf("%q is held in modes that do not go together: %v", it.Key, v.counts)
	}
	return nil
}

// checkHold holds what one of them has against what may be.
func (m *Machine) checkHold(it *Item, owner string, h *Hold) error {
	switch {
	case owner != h.Owner || h.Mode == Exclusive:
		return fmt.Errorf("%q holds %q as %q, %v", owner, it.Key, h.Owner, h.Mode)
	case h.Token == 0 || h.Token > m.counters.token:
		return fmt.Errorf("%q holds %q with token %d, given were %d", owner, it.Key, h.Token, m.counters.token)
	case h.Cap != NoDeadline && h.capped(h.Deadline) != h.Deadline:
		return fmt.Errorf("%q holds %q until %d, its cap is %d", owner, it.Key, h.Deadline, h.Cap)
	}
	return nil
}

// checkSessions holds the sessions against what is derived from them, and what hangs on them.
func (m *Machine) checkSessions() error {
	var err error
	again := newSessions()
	m.sessions.byID.Scan(func(_ string, s *Session) bool {
		again.set(s)
		return true
	})
	for db, space := range m.dbs {
		bonds := 0
		space.keys.Scan(func(key string, it *Item) bool {
			it.Holds(func(h *Hold) bool {
				if h.Session == "" {
					return true
				}
				bonds++
				if _, ok := m.sessions.byID.Get(h.Session); !ok {
					err = fmt.Errorf("%q holds %q by session %s, which is not there", h.Owner, key, h.Session)
				} else if _, ok := space.bonds.Get(bond{h.Session, db, key, h.Owner}); !ok {
					err = fmt.Errorf("session %s does not know that %q holds %q by it", h.Session, h.Owner, key)
				}
				return err == nil
			})
			return err == nil
		})
		if err == nil && bonds != space.bonds.Len() {
			err = fmt.Errorf("db %d: %d locks hang on sessions, which know of %d", db, bonds, space.bonds.Len())
		}
	}
	s := &m.sessions
	if err == nil && (again.bytes != s.bytes || again.byDeadline.Len() != s.byDeadline.Len() ||
		again.byPeer.Len() != s.byPeer.Len()) {
		err = fmt.Errorf("sessions: counted %d bytes, %d deadlines, %d connections; they are %d, %d, %d", s.bytes,
			s.byDeadline.Len(), s.byPeer.Len(), again.bytes, again.byDeadline.Len(), again.byPeer.Len())
	}
	return err
}

// checkEvents holds what is kept of events against what is known of it in sum.
func (m *Machine) checkEvents() error {
	v, last := &m.events, m.counters.events
	bytes, before := int64(0), Clock(0)
	for n := v.first; n <= last; n++ {
		e := v.at(n)
		switch {
		case e.Number != n:
			return fmt.Errorf("event %d stands at place %d", e.Number, n)
		case e.Kind == 0 || e.Kind >= eventKinds || e.Clock < before || e.Clock > m.clock:
			return fmt.Errorf("event %d is of kind %d and clock %d, the one before of %d", n, e.Kind, e.Clock, before)
		case e.Token > m.counters.token:
			return fmt.Errorf("event %d has token %d, given were %d", n, e.Token, m.counters.token)
		case e.Kind == LockGranted && e.Token == 0:
			return fmt.Errorf("event %d grants %q without a token", n, e.Key)
		}
		bytes, before = bytes+e.cost(), e.Clock
	}
	switch {
	case bytes != v.bytes:
		return fmt.Errorf("events: counted %d bytes, there are %d", v.bytes, bytes)
	case v.first < v.base || last+1 < v.first || last+1-v.first > mostEvents || v.seen != last:
		return fmt.Errorf("events %d to %d, base %d, seen %d", v.first, last, v.base, v.seen)
	}
	return nil
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
	m.queue.waiters.Scan(func(w *waiter) bool {
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

// checkKept holds the scripts and the subscriptions against what is derived from them.
func (m *Machine) checkKept() error {
	bytes, evaled := int64(0), 0
	m.scripts.bySHA.Scan(func(_ string, s *Script) bool {
		bytes += s.cost()
		if !s.Loaded {
			evaled++
		}
		return true
	})
	again, same := newSubscriptions(nil), true
	m.subs.byPeer.Scan(func(v subscription) bool {
		again.add(v)
		return true
	})
	m.subs.byPeer.Scan(func(v subscription) bool {
		same = m.subs.counts[v.peer] == again.counts[v.peer]
		return same
	})
	switch {
	case bytes != m.scripts.bytes || evaled != m.scripts.evaled.Len() || evaled > keptByEval:
		return fmt.Errorf("scripts: counted %d bytes and %d by EVAL, they are %d and %d", m.scripts.bytes,
			m.scripts.evaled.Len(), bytes, evaled)
	case again.bytes != m.subs.bytes || m.subs.byName.Len() != m.subs.byPeer.Len() ||
		again.names != m.subs.names || !same || len(again.counts) != len(m.subs.counts):
		return fmt.Errorf("subscriptions: counted %d bytes and %d names, they are %d and %d", m.subs.bytes,
			m.subs.names, again.bytes, again.names)
	}
	return nil
}

// checkRequests holds fences and requests against what is derived from them.
func (m *Machine) checkRequests() error {
	var err error
	f, r := newFences(), newRequests()
	m.fences.byName.Scan(func(resource string, token uint64) bool {
		f.set(resource, token)
		return true
	})
	m.requests.byID.Scan(func(id string, v *request) bool {
		r.add(v)
		if other, _ := m.requests.byOrder.Get(v.order); other != v || v.ID != id || v.order > m.counters.requests {
			err = fmt.Errorf("request %q is remembered as number %d of %d", id, v.order, m.counters.requests)
		}
		return err == nil
	})
	asked := 0
	m.queue.waiters.Scan(func(w *waiter) bool {
		if id := w.lock.request().ID; id != "" {
			asked++
			if m.queue.requested[id] != w {
				err = fmt.Errorf("waiter %d is not found by its request %q", w.ticket, id)
			}
		}
		return err == nil
	})
	switch {
	case err != nil:
		return err
	case f.bytes != m.fences.bytes || f.sum != m.fences.sum:
		return fmt.Errorf("fences: counted %d bytes and sum %x, they are %d and %x", m.fences.bytes, m.fences.sum,
			f.bytes, f.sum)
	case r.bytes != m.requests.bytes || r.byOrder.Len() != m.requests.byOrder.Len() ||
		asked != len(m.queue.requested):
		return fmt.Errorf("requests: counted %d bytes, %d in order, %d waiting; they are %d, %d, %d",
			m.requests.bytes, m.requests.byOrder.Len(), len(m.queue.requested), r.bytes, r.byOrder.Len(), asked)
	}
	return nil
}

// Hash returns a number that is the same for equal states and, almost surely, only for them.
func (m *Machine) Hash() uint64 {
	h := sha256.New()
	_ = m.View().Write(h) // a hash never fails to take bytes
	return binary.BigEndian.Uint64(h.Sum(nil))
}
