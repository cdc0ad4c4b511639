// Who is a member, and who leads, as people change it: RAFT.ADD and its kin. Any node takes such a change and
// has it made by the leader; change.go is the leader's side.
//
// Two things say who belongs to the cluster. Raft's configuration says who gets the log and who votes. The
// state says which disk of which node may register and number commands, and whether a node was removed: each
// node reads that from its own log. A change goes through both, one change at a time:
//
//	add      the state admits the disk, then the configuration gets a learner; it is made a voter once it has
//	         caught up (grow.go)
//	remove   the state forgets the node, then the configuration loses it
//
// So at no moment is a node in the configuration that the state does not know, and a leader that dies between
// the two leaves what the next one can see and finish.

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/fsm"
)

const (
	opChange = "change" // a change, asked of the leader by a member: change, changeAnswer

	// changeWithin is how long the leader tries; who asked it waits a little longer, to hear why it failed.
	changeWithin = 15 * time.Second
	askWithin    = changeWithin + 3*time.Second
)

// What may be changed.
const (
	doAdd      = "add"
	doPromote  = "promote"
	doDemote   = "demote"
	doRemove   = "remove"
	doTransfer = "transfer"
)

// change is what a person asks for.
type change struct {
	Do      string `json:"do"`
	ID      string `json:"id,omitempty"`
	Address string `json:"address,omitempty"`
	NoVote  bool   `json:"no_vote,omitempty"`
	Force   bool   `json:"force,omitempty"`
}

// changeAnswer is the leader's, where the change was not refused.
type changeAnswer struct {
	Done string `json:"done,omitempty"` // the new leader's id
	// Elsewhere tells that nothing was changed here, as another node leads by now.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// changes is what a node keeps for the changes that are made on it or asked through it.
type changes struct {
	turn  chan struct{}  // has a value while a change is made: one at a time
	doubt chan struct{}  // has a value when this node may be no member any longer
	open  sync.WaitGroup // changes that were asked for here and have no answer yet
	begun chan struct{}  // closed once raft runs: others may ask before

	out    chan struct{} // closed when this node is no member any longer
	once   sync.Once
	reason string // why, once out is closed
}

func newChanges() changes {
	return changes{
		turn: make(chan struct{}, 1), doubt: make(chan struct{}, 1),
		begun: make(chan struct{}), out: make(chan struct{}),
	}
}

// Add takes a node in that waits at address with an empty data folder. It begins as a learner, and gets a
// vote as soon as it has caught up unless noVote is set. For a member that has moved it changes the address.
func (n *Node) Add(id, address string, noVote bool) error {
	_, err := n.change(change{Do: doAdd, ID: id, Address: address, NoVote: noVote})
	return err
}

// Promote gives a learner a vote, waiting a while for it to catch up.
func (n *Node) Promote(id string) error {
	_, err := n.change(change{Do: doPromote, ID: id})
	return err
}

// Demote takes a member's vote away. It goes on as a learner until it is promoted. force does so even where
// the voters that are up are no majority without it.
func (n *Node) Demote(id string, force bool) error {
	_, err := n.change(change{Do: doDemote, ID: id, Force: force})
	return err
}

// Remove takes a member out for good: its data folder can never come back. force does so even where the
// voters that are up are no majority without it.
func (n *Node) Remove(id string, force bool) error {
	_, err := n.change(change{Do: doRemove, ID: id, Force: force})
	return err
}

// Transfer makes another voter lead, the one of that id or whichever is the farthest, and returns its id once
// it leads.
func (n *Node) Transfer(id string) (leader string, err error) {
	return n.change(change{Do: doTransfer, ID: id})
}

// change has a change made by whoever leads.
func (n *Node) change(c change) (done string, err error) {
	n.changes.open.Add(1)
	defer n.changes.open.Done()
	ctx, cancel := n.within(askWithin)
	defer cancel()
	for {
		at := n.leads.Load()
		answer, err := n.changeThrough(ctx, at, c)
		if err != nil || !answer.Elsewhere {
			return answer.Done, err
		}
		select {
		case <-at.changed:
		case <-time.After(100 * time.Millisecond):
		case <-n.changes.out:
			return "", errors.New(n.changes.reason)
		case <-ctx.Done():
			return "", fmt.Errorf("nothing was changed: there was no leader to do it for %v (most of the voters do "+
				"not answer, or an election is on); look at RAFT.NODES and try again", askWithin)
		}
	}
}

// changeThrough asks the leader once.
func (n *Node) changeThrough(ctx context.Context, at *leadership, c change) (answer changeAnswer, err error) {
	switch {
	case at.leading:
		return n.makeChange(ctx, c)
	case at.leader == "" || n.opts.Network == nil:
		return changeAnswer{Elsewhere: true}, nil
	}
	question, err := json.Marshal(c)
	if err != nil {
		return answer, err
	}
	text, _, err := n.opts.Network.Ask(ctx, string(at.address), opChange, question)
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	var refusal *Refusal
	switch {
	case err == nil:
		return answer, nil
	case errors.Is(err, ErrNotListening):
		return changeAnswer{Elsewhere: true}, nil
	case errors.As(err, &refusal):
		return answer, errors.New(refusal.Text)
	}
	return answer, fmt.Errorf("the leader %s was asked and did not answer, so this was done or not: look at "+
		"RAFT.NODES before you send it again (%w)", at.leader, err)
}

// runs tells whether raft has been started.
func (n *Node) runs() bool {
	select {
	case <-n.changes.begun:
		return true
	default:
		return false
	}
}

// within is a context that ends after d, or when the node stops.
func (n *Node) within(d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	go func() {
		select {
		case <-n.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// order has the state do something about a node, and waits for its reply. Another leader may be the one that
// writes it, so it must be of a kind that no leader writes into an older entry any more.
func (n *Node) order(ctx context.Context, kind fsm.Kind, words ...string) (reply fsm.Reply, err error) {
	if n.replica.level() < kind.Since() {
		return reply, errors.New("the cluster does not write entries about members yet: try again")
	}
	calls := n.ownCall(kind, words...)
	done := make(chan struct{}, 1)
	n.outbox.submit(newGroup(calls, done), "")
	select {
	case <-done:
	case <-ctx.Done():
		return reply, fmt.Errorf("nothing was committed for %v: most of the voters do not answer; this is done or "+
			"not, look at RAFT.NODES before you send it again", changeWithin)
	}
	if reply = calls[0].Reply; reply.IsError() {
		return reply, errors.New(reply.Str())
	}
	return reply, nil
}

// roll is who is a member, at one moment.
type roll struct {
	index   uint64 // of the configuration, which a change must be based on
	servers []raft.Server
	about   map[string]fsm.Member
	birth   *Membership // of this node: it knows the disks of founders that have not come yet
}

func (n *Node) roll() (roll, error) {
	if !n.runs() {
		return roll{}, errElsewhere
	}
	f := n.raft.GetConfiguration()
	if err := f.Error(); err != nil {
		return roll{}, err
	}
	r := roll{
		index: f.Index(), servers: f.Configuration().Servers,
		about: map[string]fsm.Member{}, birth: n.membership,
	}
	for _, m := range n.replica.members() {
		r.about[m.Node] = m
	}
	return r, nil
}

func (r *roll) find(id string) (raft.Server, bool) {
	for _, s := range r.servers {
		if s.ID == raft.ServerID(id) {
			return s, true
		}
	}
	return raft.Server{}, false
}

// disk is that of a member, "" while it is not known.
func (r *roll) disk(id string) string {
	if disk := r.about[id].Disk; disk != "" {
		return disk
	}
	founder, _ := r.birth.find(id)
	return founder.Disk
}

// founders are the members as a node that joins is told of them.
func (r *roll) founders() (list []Founder) {
	for _, s := range r.servers {
		list = append(list, Founder{string(s.ID), string(s.Address), r.disk(string(s.ID))})
	}
	return list
}

// without are the voters that are left when one goes.
func (r *roll) without(id string) (left []string) {
	for _, s := range r.servers {
		if s.Suffrage == raft.Voter && string(s.ID) != id {
			left = append(left, string(s.ID))
		}
	}
	return left
}

// Figures are what a node tells of its log.
type Figures struct {
	Cluster      string // the cluster's name
	Address      string // of this node's cluster port
	Term         uint64
	Applied      uint64 // index, changes of the configuration included
	Snapshot     uint64 // index of the last snapshot, 0: none
	EntryVersion int    // of the entries that are written
	NewestEntry  int    // the newest that this node understands
}

// Figures returns them as of now.
func (n *Node) Figures() Figures {
	f := Figures{
		Cluster: n.membership.Cluster, Address: n.opts.Address,
		Term: n.raft.CurrentTerm(), Applied: n.raft.AppliedIndex(),
		EntryVersion: n.replica.level(), NewestEntry: n.opts.NewestEntry,
	}
	if last, err := n.opts.Snapshots.List(); err == nil && len(last) > 0 {
		f.Snapshot = last[0].Index
	}
	return f
}
