// Who leads: raft's word for it, kept where everything that must react can wait for it.

package cluster

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// leadership is who leads as this node knows it. It is replaced, never changed.
type leadership struct {
	leading bool // this node itself
	leader  raft.ServerID
	address raft.ServerAddress
	term    uint64
	changed chan struct{} // closed when another one replaces it
}

// whenChanged calls f, at most once, as soon as at is no longer true or the node stops. stop ends the watch.
func (at leadership) whenChanged(n *Node, f func()) (stop func()) {
	done := make(chan struct{})
	var over sync.WaitGroup
	over.Go(func() {
		select {
		case <-at.changed:
			f()
		case <-n.stop:
			f()
		case <-done:
		}
	})
	return func() {
		close(done)
		over.Wait()
	}
}

// lookEvery is how often raft is asked though it has said nothing: it drops notices that nobody takes.
const lookEvery = 20 * time.Millisecond

// observe keeps n.leads in step with raft until the node stops. It also takes raft's notices of its own
// leadership, for raft stops where nobody does.
func (n *Node) observe() {
	defer n.wait.Done()
	notices := make(chan raft.Observation, 64)
	observer := raft.NewObserver(notices, false, func(o *raft.Observation) bool {
		switch data := o.Data.(type) {
		case raft.LeaderObservation, raft.RaftState:
			return true
		case raft.RequestVoteRequest:
			n.failover.askedForVote(data.Term, data.LastLogIndex)
		}
		return false
	})
	n.raft.RegisterObserver(observer)
	defer n.raft.DeregisterObserver(observer)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		n.look()
		select {
		case <-notices:
		case <-n.notices:
		case <-tick.C:
		case <-n.stop:
			go n.drain()
			return
		}
	}
}

// drain takes raft's notices until it has ended.
func (n *Node) drain() {
	for {
		select {
		case <-n.notices:
		case <-n.ended:
			return
		}
	}
}

func (n *Node) look() {
	now := leadership{leading: n.raft.State() == raft.Leader, term: n.raft.CurrentTerm()}
	now.address, now.leader = n.raft.LeaderWithID()
	old := n.leads.Load()
	if now.leading == old.leading && now.leader == old.leader && now.address == old.address &&
		(now.term == old.term || !now.leading) {
		return
	}
	now.changed = make(chan struct{})
	n.leads.Store(&now)
	close(old.changed)
	n.tellWatchers()
	if now.leader != old.leader {
		if now.leader != "" {
			n.replica.work.leaders.Add(1)
		}
		n.log.Info("leader", "node", string(now.leader), "term", now.term, "this-node", n.opts.NodeID)
	}
}
