// What a follower does when its leader's process is gone. A dead process closes its sockets at once, and its
// machine refuses a new connection: that tells more, and sooner, than the silence that raft waits for. So a
// voter whose stream to the leader breaks knocks at the leader's port, and where nothing listens any more it
// sends itself raft's TimeoutNow, as a leader does that hands over: an election begins in milliseconds instead
// of after the election timeout.
//
// Rules that keep it harmless: only voters do it (a learner would depose a healthy leader), once for each
// leadership, one after another by rank, since two candidates at once split the vote, and only while nobody
// else leads. An unneeded election costs a moment; a wrong vote is not possible, raft's rules all hold.

package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	rankDelay = 40 * time.Millisecond // between the candidates of different rank
	knockFor  = 200 * time.Millisecond

	electionTime = 20 * time.Millisecond // in which one that is won is won, usually
	electionLook = 2 * time.Millisecond
)

// failover is safe for concurrent use.
type failover struct {
	node *Node

	mu     sync.Mutex
	leader raft.ServerID // the leadership that was dealt with
	term   uint64
}

// streamBroke knocks at the leader's port.
func (f *failover) streamBroke(at leadership) {
	ctx, cancel := context.WithTimeout(context.Background(), knockFor)
	defer cancel()
	if errors.Is(f.node.opts.Network.Probe(ctx, string(at.address)), ErrNotListening) {
		f.leaderIsDead(at)
	}
}

// leaderIsDead starts an election when this voter's turn comes, unless it was done for that leader already.
func (f *failover) leaderIsDead(at leadership) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leader == at.leader && f.term == at.term {
		return
	}
	f.leader, f.term = at.leader, at.term
	rank, voter := f.rank(at.leader)
	if !voter {
		return
	}
	f.node.wait.Go(func() { f.standAfter(at, time.Duration(rank)*rankDelay) })
}

// rank is this node's place among the voters that are left.
func (f *failover) rank(dead raft.ServerID) (rank int, voter bool) {
	var ids []raft.ServerID
	for _, s := range f.node.configuration().Servers {
		if s.Suffrage == raft.Voter && s.ID != dead {
			ids = append(ids, s.ID)
		}
	}
	slices.Sort(ids)
	return slices.BinarySearch(ids, raft.ServerID(f.node.opts.NodeID))
}

// standAfter makes this node a candidate unless there is another leader by then. It does not wait for its turn
// where somebody has stood already and not won: that one's log lacks what this one's has.
func (f *failover) standAfter(at leadership, delay time.Duration) {
	n := f.node
	tick := time.NewTicker(electionLook)
	defer tick.Stop()
	for begun, lost := time.Now(), time.Duration(0); time.Since(begun) < delay && lost < electionTime; {
		select {
		case <-tick.C:
		case <-n.stop:
			return
		}
		if n.raft.CurrentTerm() > at.term {
			lost += electionLook
		}
	}
	_, leader := n.raft.LeaderWithID()
	if n.raft.State() != raft.Follower || leader != at.leader && leader != "" {
		return
	}
	n.log.Info("the leader's process is gone", "leader", string(at.leader))
	n.stand("the leader's process is gone")
}

// stand makes this follower a candidate at once.
func (n *Node) stand(why string) {
	if n.raft.State() != raft.Follower {
		return
	}
	n.log.Debug("standing for election", "because", why)
	if err := n.timeoutNow(); err != nil {
		n.log.Warn("could not begin an election, raft does it when its timeout is over", "error", err)
	}
}

// timeoutNow makes this node a candidate at once.
func (n *Node) timeoutNow() error {
	id := raft.ServerID(n.opts.NodeID)
	return n.transport.TimeoutNow(id, n.transport.LocalAddr(), &raft.TimeoutNowRequest{
		RPCHeader: raft.RPCHeader{
			ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id),
			Addr: n.transport.EncodePeer(id, n.transport.LocalAddr()),
		},
	}, new(raft.TimeoutNowResponse))
}

// configuration is raft's newest one that this node has, committed or not.
func (n *Node) configuration() raft.Configuration {
	f := n.raft.GetConfiguration()
	if f.Error() != nil {
		return raft.Configuration{} // raft has been shut down
	}
	return f.Configuration()
}
