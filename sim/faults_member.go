// What people do to a cluster: another leader, fewer votes, a new disk; also in the middle of something
// else. Such a change may fail, or take effect though it seemed to fail. So afterwards the cluster is looked
// at, and made whole.

package sim

import (
	"time"

	"github.com/divtxt/lockd/cluster"
)

func memberFaults() []fault {
	return []fault{
		{"hand over", 4, 100, func(s *strike) (func(), bool) {
			n := s.running()
			if n == nil {
				return nil, false
			}
			n.HandOver(s.span)
			return nil, true
		}},
		{"hand over to nobody", 4, 100, handOverToNobody},
		{"transfer", 3, 100, func(s *strike) (func(), bool) {
			return nil, s.change(func(n *cluster.Node) { _, _ = n.Transfer(s.machine.id) })
		}},
		{"demote and promote", 3, 600, func(s *strike) (func(), bool) {
			return func() { s.change(func(n *cluster.Node) { _ = n.Promote(s.machine.id) }) },
				s.change(func(n *cluster.Node) { _ = n.Demote(s.machine.id, false) })
		}},
		{"replace the disk", 3, 400, replace},
	}
}

// change has a change made through some node that runs, and does not wait for it.
func (s *strike) change(do func(*cluster.Node)) bool {
	n := s.any(s.rng).running()
	if n != nil {
		s.ends.Go(func() { do(n) })
	}
	return n != nil
}

// handOverToNobody makes a leader try to hand over to a node that does not hear of it, and go on leading
// with the others' help, if that is the one it tries.
func handOverToNobody(s *strike) (end func(), ok bool) {
	from, to := s.leader(s.rng), s.other()
	n := from.running()
	if n == nil || from == to {
		return nil, false
	}
	s.net.CutOneWay(from.address, to.address)
	s.ends.Go(func() {
		time.Sleep(time.Duration(300+s.rng.IntN(300)) * time.Millisecond)
		s.net.Heal(from.address, to.address)
	})
	n.HandOver(s.span)
	return nil, true
}

// replace removes a node and puts a new disk into its machine, as one does with a broken one. The rest is
// done when the cluster is made whole.
func replace(s *strike) (end func(), ok bool) {
	n := s.other().running()
	if n == nil || s.running() == nil {
		return nil, false
	}
	s.machine.mu.Lock()
	s.unwanted = true
	s.machine.mu.Unlock()
	done := make(chan struct{})
	s.ends.Go(func() {
		_ = n.Remove(s.machine.id, false)
		close(done)
	})
	return func() { <-done }, true
}

// reconcile takes all machines in that are no members, and gives all a vote. It is what a person does after
// having looked at RAFT.NODES.
func (w *world) reconcile() {
	for end := time.Now().Add(patience); !w.whole(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			w.problem("the cluster could not be made whole again in %v", patience)
			return
		}
	}
}

// whole does one thing to make the cluster whole, and tells whether there was nothing to do.
func (w *world) whole() bool {
	if w.quick() {
		return true
	}
	var leader *cluster.Node
	members := map[string]cluster.Member{}
	for _, m := range w.machines {
		if m.leads() {
			leader = m.running()
		}
	}
	if leader == nil {
		w.startAll()
		return false
	}
	for _, m := range leader.Members() {
		members[m.ID] = m
	}
	for _, m := range w.machines {
		member, is := members[m.id]
		switch {
		case !is && m.running() != nil:
			m.leave()
			return false
		case !is:
			if m.wipe() {
				w.ends.Go(m.start)
			}
			_ = leader.Add(m.id, m.address, false)
			return false
		case m.running() == nil:
			m.start()
			return false
		case !member.Voter:
			_ = leader.Promote(m.id)
			return false
		}
	}
	return true
}

// quick tells whether every machine runs a node that every node takes for a voter: the usual case.
func (w *world) quick() bool {
	for _, m := range w.machines {
		n := m.running()
		if n == nil {
			return false
		}
		voters := 0
		for _, member := range n.Members() {
			if member.Voter {
				voters++
			}
		}
		if voters != len(w.machines) {
			return false
		}
	}
	return true
}
