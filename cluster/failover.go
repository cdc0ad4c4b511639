// What a follower does when its leader's process is gone. A dead process closes its sockets at once, and its
// machine refuses a new connection: that tells more, and sooner, than the silence that raft waits for. So a
// voter whose stream to the leader breaks knocks at the leader's port, and where nothing listens any more it
// sends itself raft's TimeoutNow, as a leader does that hands over: an election begins in milliseconds
// instead of after the election timeout.
//
// Rules that keep it harmless: only voters do it (a learner would depose a healthy leader), once for each
// leadership, one after another by rank, since two candidates at once split the vote, not where this node
// is still catching up, and only while nobody else leads. An unneeded election costs a moment; a wrong vote
// is not possible, raft's rules all hold.

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

	electionTime = 150 * time.Millisecond // in which one that is won is won, on a slow disk too
	electionLook = 2 * time.Millisecond
)

// failover is safe for concurrent use.
type failover struct {
	node *Node

	mu     sync.Mutex
	leader raft.ServerID // the leadership that was dealt with
	term   uint64

	// The last time that another node asked for this one's vote, and whether its log was shorter.
	asked     time.Time
	askedTerm uint64
	behind    bool
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
	if !voter || f.node.lags(at.leader) {
		return // it could not win, and would only be in the way
	}
	f.node.wait.Go(func() { f.standAfter(at, time.Duration(rank)*rankDelay) })
}

// lags tells whether this node lacks entries that the leader had applied when it last told of itself.
func (n *Node) lags(leader raft.ServerID) bool {
	n.roster.mu.Lock()
	defer n.roster.mu.Unlock()
	return n.raft.LastIndex() < n.roster.told[string(leader)].Index
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

// askedForVote notes that another node stands for election. One whose log is shorter than this one's does not
// get this one's vote, and may never win.
func (f *failover) askedForVote(term, lastIndex uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked, f.askedTerm, f.behind = time.Now(), term, lastIndex < f.node.raft.LastIndex()
}

// turn tells whether to stand now: when this one's place has come and nobody else stands, at once where the
// one that stands lacks what this one has, and otherwise when that one had time enough to win.
func (f *failover) turn(at leadership, begun time.Time, delay time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.askedTerm <= at.term:
		return time.Since(begun) >= delay
	case f.behind:
		return true
	}
	return time.Since(f.asked) >= electionTime
}

// standAfter makes this node a candidate when its turn comes, unless there is another leader by then.
func (f *failover) standAfter(at leadership, delay time.Duration) {
	n := f.node
	tick := time.NewTicker(electionLook)
	defer tick.Stop()
	for begun := time.Now(); !f.turn(at, begun, delay); {
		select {
		case <-tick.C:
		case <-n.stop:
			return
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
	if err := n.timeoutNow(raft.ServerID(n.opts.NodeID), n.transport.LocalAddr()); err != nil {
		n.log.Warn("could not begin an election, raft does it when its timeout is over", "error", err)
	}
}

// timeoutNow makes a node a candidate at once, this one or another.
func (n *Node) timeoutNow(id raft.ServerID, address raft.ServerAddress) error {
	self := raft.ServerID(n.opts.NodeID)
	return n.transport.TimeoutNow(id, address, &raft.TimeoutNowRequest{
		RPCHeader: raft.RPCHeader{
			ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(self),
			Addr: n.transport.EncodePeer(self, n.transport.LocalAddr()),
		},
	}, new(raft.TimeoutNowResponse))
}

// configuration is raft's newest one that this node has, committed or not.
func (n *Node) configuration() raft.Configuration {
	if !n.runs() {
		return raft.Configuration{}
	}
	f := n.raft.GetConfiguration()
	if f.Error() != nil {
		return raft.Configuration{} // raft has been shut down
	}
	return f.Configuration()
}
