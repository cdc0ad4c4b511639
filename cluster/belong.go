// Belonging to a cluster: how a node came to it, who it says it is, and with whom it talks.

package cluster

import (
	"context"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/fsm"
)

// belong finds out which cluster this node belongs to, and forms or joins it at the first start.
func (n *Node) belong(ctx context.Context) error {
	if m, err := ReadMembership(n.opts.Stable); err == nil && m != nil && m.Removed != "" {
		return &RemovedError{m.Removed}
	}
	used, err := raft.HasExistingState(n.opts.Log, n.opts.Stable, n.opts.Snapshots)
	if err != nil {
		return fmt.Errorf("raft state: %w", err)
	}
	m, err := form(ctx, formOptions{
		Self: n.identityWithout(), Plan: n.opts.Plan, Used: used, Stable: n.opts.Stable,
		Network: n.opts.Network, Log: n.log,
	})
	if err != nil {
		return err
	}
	n.membership = m
	if n.opts.Incarnation <= m.IncarnationFloor && n.opts.RaiseIncarnation != nil {
		n.opts.Incarnation, err = n.opts.RaiseIncarnation(m.IncarnationFloor)
	}
	return err
}

// identityWithout is this node before it belongs to a cluster.
func (n *Node) identityWithout() Identity {
	return Identity{
		Node: n.opts.NodeID, Disk: n.opts.DiskID, Incarnation: n.opts.Incarnation,
		Address: n.opts.Address, Client: n.opts.Client, Version: n.opts.NewestEntry,
	}
}

// Identity is who this node is.
func (n *Node) Identity() Identity {
	id := n.identityWithout()
	id.Cluster = n.membership.Cluster
	return id
}

// Admit tells whether to talk with another node.
func (n *Node) Admit(other Identity, why Purpose) error {
	if why == ForAsk {
		return nil // each question has its own rules
	}
	return admit(n.Identity(), n.membership, other, func(node string) (string, uint64, bool, bool) {
		disk, incarnation, removed, ok := n.replica.known(node)
		if removed && why == ForRaft && n.isMember(other) == nil {
			removed = false // its removal is not finished, and may need its vote
		}
		return disk, incarnation, removed, ok
	})
}

// known tells what the state knows about a node.
func (r *replica) known(node string) (disk string, incarnation uint64, removed, ok bool) {
	for _, m := range r.members() {
		if m.Node == node && m.Disk != "" {
			return m.Disk, m.Incarnation, m.Removed, true
		}
	}
	return "", 0, false, false
}

// members is what the state knows about all nodes.
func (r *replica) members() []fsm.Member {
	r.state.RLock()
	defer r.state.RUnlock()
	return r.machine.Members()
}

// level is the version of entries that the state has come to.
func (r *replica) level() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats.Level
}

// Ask answers a question of another node.
func (n *Node) Ask(ctx context.Context, from Identity, op string, question []byte) ([]byte, error) {
	switch op {
	case opForm:
		return answerForm(n.Identity(), n.membership, n.replica.known, from)
	case opJoin:
		return n.answerJoin(ctx, from)
	case opInvite:
		return answerInvite(n.Identity(), n.membership, question)
	case opChange:
		return n.answerChange(ctx, from, question)
	case opHere:
		return n.answerHere(from)
	case opOthers:
		return n.answerOthers(ctx, from, question)
	}
	return nil, fmt.Errorf("this version of lockd does not know the question %q", op)
}

// mayForward tells whether a node's commands are taken.
func (n *Node) mayForward(from Identity) error {
	if !n.leads.Load().leading {
		return nil // as is found out soon, by a way that does not sound like a refusal
	}
	n.heardFrom(from)
	return n.isMember(from)
}

// refused is told what another node said instead of talking. It may mean that this node is no member any
// longer, which is asked then.
func (n *Node) refused(r *Refusal) {
	if r.Text == errNotLeading.Error() {
		return
	}
	n.log.Debug("refused", "by", r.By.Node, "reason", r.Text)
	n.doubt()
}
