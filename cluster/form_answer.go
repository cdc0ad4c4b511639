// The questions that nodes ask each other before they are members of the same cluster, and what a node
// answers while it forms one and after.

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// The questions (Network.Ask, op) that a node may ask without being a member. Handler.Admit has to let pass
// everybody ForAsk, and Handler.Ask to answer these to everybody and all others to members only.
const (
	opForm   = "form"   // how far are you? formView both ways
	opJoin   = "join"   // take me in: joinQuestion, joinAnswer
	opInvite = "invite" // a leader takes an empty node in: inviteQuestion, inviteAnswer
)

// formView is what a node tells of itself to a node that forms a cluster.
type formView struct {
	Node    string `json:"node"`
	Disk    string `json:"disk"`
	Address string `json:"address"`
	// Plan is for people, List and Expect for comparing.
	Plan   string `json:"plan,omitempty"`
	List   []Peer `json:"list,omitempty"`
	Expect int    `json:"expect,omitempty"`
	// Cluster is empty at stage A. Complete is stage C.
	Cluster  string    `json:"cluster,omitempty"`
	Members  []Founder `json:"members,omitempty"`
	Complete bool      `json:"complete,omitempty"`
	// YourDisk is the disk under which the cluster of who answers knows the node that asks, empty if it knows
	// no such node. Removed tells that it was a member.
	YourDisk string `json:"your_disk,omitempty"`
	Removed  bool   `json:"removed,omitempty"`
}

// joinQuestion is asked of any member; one that is not the leader answers with the leader's address.
type joinQuestion struct {
	Identity Identity `json:"identity"`
}

// joinAnswer has one of Cluster, Leader and Busy. A refusal, which is final, comes as an error instead.
//
// The leader answers with Cluster only after the configuration with the new node is committed: once the node
// has stored that it belongs to the cluster, it does not ask again. A node that is in the configuration
// already, with the same disk, gets the same answer: its first may have been lost.
type joinAnswer struct {
	Cluster          string    `json:"cluster,omitempty"`
	Members          []Founder `json:"members,omitempty"`           // all that the leader knows
	IncarnationFloor uint64    `json:"incarnation_floor,omitempty"` // see Membership
	Leader           string    `json:"leader,omitempty"`            // the address to ask instead
	Busy             string    `json:"busy,omitempty"`              // why not now: ask again later
}

// inviteQuestion is a leader's to an empty node, before it adds it to the configuration.
type inviteQuestion struct {
	Node             string    `json:"node"` // whom the leader means
	Cluster          string    `json:"cluster"`
	Members          []Founder `json:"members"`
	IncarnationFloor uint64    `json:"incarnation_floor,omitempty"`
}

// inviteAnswer says that the invitation is stored.
type inviteAnswer struct {
	Identity Identity `json:"identity"`
}

// known looks up what the cluster's state has of a node. ok is false if it has never heard of it.
type known func(node string) (disk string, incarnation uint64, removed, ok bool)

// answerForm is the answer of a node that belongs to a cluster to opForm; look may be nil.
func answerForm(self Identity, m *Membership, look known, from Identity) ([]byte, error) {
	v := formView{
		Node: self.Node, Disk: self.Disk, Address: self.Address,
		Cluster: m.Cluster, Members: m.Members, Complete: m.Complete,
	}
	v.recognise(m, look, from.Node)
	return json.Marshal(v)
}

// recognise fills in what is known of the node that asks.
func (v *formView) recognise(m *Membership, look known, node string) {
	if look != nil {
		if disk, _, removed, ok := look(node); ok {
			v.YourDisk, v.Removed = disk, removed
			return
		}
	}
	if member, is := m.find(node); is {
		v.YourDisk = member.Disk
	}
}

// answerInvite is the answer of a node that belongs to a cluster to opInvite: the invitation may come twice.
func answerInvite(self Identity, m *Membership, question []byte) ([]byte, error) {
	var q inviteQuestion
	if err := json.Unmarshal(question, &q); err != nil {
		return nil, fmt.Errorf("the invitation is not understood: %w", err)
	}
	switch {
	case q.Node != self.Node:
		return nil, fmt.Errorf("the node at %s is %s, not %s: give RAFT.ADD the id that the node has, or start "+
			"the node with --node-id %s on an empty data folder", self.Address, self.Node, q.Node, q.Node)
	case q.Cluster != m.Cluster:
		return nil, fmt.Errorf("node %s belongs to cluster %s and cannot be added to cluster %s: start it with "+
			"an empty --dir and --join wait", self.Node, m.Cluster, q.Cluster)
	}
	return json.Marshal(inviteAnswer{self})
}

// Identity implements Handler. A node that is not complete belongs to nothing yet.
func (f *former) Identity() Identity { return f.o.Self }

// Admit implements Handler: there is nothing here yet to replicate or to forward to.
func (f *former) Admit(_ Identity, why Purpose) error {
	if why == ForAsk {
		return nil
	}
	return fmt.Errorf("node %s has not finished its start: it belongs to no cluster yet", f.o.Self.Node)
}

// Forward implements Handler.
func (f *former) Forward(Identity, Stream) error {
	return errors.New("this node belongs to no cluster yet")
}

// Ask implements Handler.
func (f *former) Ask(_ context.Context, from Identity, op string, question []byte) ([]byte, error) {
	switch op {
	case opForm:
		f.mu.Lock()
		v := f.view.show(from.Node)
		f.mu.Unlock()
		f.hear(question)
		return json.Marshal(v)
	case opJoin:
		return json.Marshal(joinAnswer{Busy: "that node itself belongs to no cluster yet"})
	case opInvite:
		return f.invited(question)
	}
	return nil, fmt.Errorf("node %s belongs to no cluster yet, and does not answer %q", f.o.Self.Node, op)
}

// hear begins the next round at once if who asks has got further: it is no longer missing, or has stored.
func (f *former) hear(question []byte) {
	var v formView
	if json.Unmarshal(question, &v) != nil {
		return
	}
	state := fmt.Sprintf("%.64s %.64s %v", v.Disk, v.Cluster, v.Complete)
	f.mu.Lock()
	news := f.heard[v.Node] != state && (len(f.heard) < maxTargets || f.heard[v.Node] != "")
	if news {
		f.heard[v.Node] = state
	}
	f.mu.Unlock()
	if news {
		f.wake()
	}
}

func (f *former) wake() {
	select {
	case f.nudge <- struct{}{}:
	default:
	}
}
