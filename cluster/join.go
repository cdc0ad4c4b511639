// The leader's side of joining: taking in a node with an empty data folder, which asks for it (--join
// host:port) or is named by a person (RAFT.ADD) and invited. form_join.go is the other side.

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/fsm"
)

const (
	// admitWithin is how long the leader tries to take in a node that asks: less than that node waits.
	admitWithin = joinLimit - 2*time.Second
	// reachWithin is for one question to a node that is to be taken in.
	reachWithin = 3 * time.Second
	// maxMembers is more than anybody needs: each voter costs time, and each learner the leader's link.
	maxMembers = 32
)

// answerJoin takes in the node that asks, or says whom to ask.
func (n *Node) answerJoin(ctx context.Context, from Identity) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, admitWithin)
	defer cancel()
	answer, err := n.takeIn(ctx, from)
	if errors.Is(err, errElsewhere) {
		at := n.leads.Load()
		answer, err = &joinAnswer{Busy: "the leader changes at this moment"}, nil
		if !at.leading && at.leader != "" {
			answer.Leader = string(at.address)
		}
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

func (n *Node) takeIn(ctx context.Context, who Identity) (*joinAnswer, error) {
	if !n.leads.Load().leading {
		return nil, errElsewhere
	}
	if err := n.inTurn(ctx); err != nil {
		if errors.Is(err, errElsewhere) {
			return nil, err
		}
		return &joinAnswer{Busy: "the leader makes another change of the members"}, nil
	}
	defer n.endTurn()
	r, err := n.roll()
	if err != nil {
		return nil, err
	}
	if self, _ := r.find(n.opts.NodeID); string(self.Address) != n.opts.Address {
		return &joinAnswer{Busy: "the leader has a new address, which the others do not know yet"}, nil
	}
	server, member := r.find(who.Node)
	floor := r.about[who.Node].Incarnation
	switch {
	case who.Cluster != "":
		return nil, fmt.Errorf("node %s belongs to cluster %s already", who.Node, who.Cluster)
	case member && r.disk(who.Node) != who.Disk:
		return nil, n.strangeDisk(&r, who)
	case member && string(server.Address) != who.Address:
		err = n.move(ctx, &r, server, who)
	case !member:
		floor, err = n.admitLearner(ctx, &r, who, false)
	}
	if err != nil {
		return nil, err
	}
	return &joinAnswer{Cluster: n.membership.Cluster, Members: r.founders(), IncarnationFloor: floor}, nil
}

// strangeDisk says why a node cannot take the place of a member.
func (n *Node) strangeDisk(r *roll, who Identity) error {
	return fmt.Errorf("cluster %s has a member %s with another data folder (%s; this one is %s), and a node "+
		"that has forgotten its votes must not vote again: if that data is lost, send RAFT.REMOVE %s to a living "+
		"node first; if it is another node, give this one a --node-id of its own", n.membership.Cluster, who.Node,
		r.disk(who.Node), who.Disk, who.Node)
}

// mayJoin says what speaks against taking a node in, as far as it can be seen.
func (n *Node) mayJoin(r *roll, who Identity) error {
	about := r.about[who.Node]
	switch {
	case about.Removed && about.Disk == who.Disk:
		return fmt.Errorf("the data folder of node %s is the one that was removed from the cluster, and cannot "+
			"come back: start it with an empty --dir", who.Node)
	case who.Cluster != "" && who.Cluster != n.membership.Cluster:
		return fmt.Errorf("node %s at %s belongs to cluster %s, and this is cluster %s: start it with an empty "+
			"--dir and --join wait", who.Node, who.Address, who.Cluster, n.membership.Cluster)
	case who.Version < max(versionMembers, n.replica.level()):
		return fmt.Errorf("node %s understands log entries up to version %d, and this cluster writes version %d: "+
			"start a newer lockd there", who.Node, who.Version, max(versionMembers, n.replica.level()))
	case who.Node == "" || len(who.Node) > fsm.MaxNodeID || len(who.Address) > fsm.MaxAddress:
		return fmt.Errorf("the node's id or its address is too long: %d and %d bytes are allowed", fsm.MaxNodeID,
			fsm.MaxAddress)
	case len(r.servers) >= maxMembers:
		return fmt.Errorf("the cluster has %d members, and more make it slow: remove one first", len(r.servers))
	}
	return n.fitsIn(r, who)
}

// fitsIn refuses an address that another member has, or that the others cannot reach.
func (n *Node) fitsIn(r *roll, who Identity) error {
	all := []Founder{{who.Node, who.Address, who.Disk}}
	for _, f := range r.founders() {
		if f.ID == who.Node {
			continue
		}
		if f.Address == who.Address {
			return fmt.Errorf("node %s has the address %s, which node %s says is its own: start one of them with "+
				"another --advertise", f.ID, f.Address, who.Node)
		}
		all = append(all, f)
	}
	return checkSpread(all)
}

// admitLearner makes a node a learner, and returns the incarnation above which it must start.
func (n *Node) admitLearner(ctx context.Context, r *roll, who Identity, noVote bool) (uint64, error) {
	if err := n.mayJoin(r, who); err != nil {
		return 0, err
	}
	if err := n.membersLevel(ctx, r); err != nil {
		return 0, err
	}
	words := []string{who.Node, who.Disk, who.Address}
	if noVote {
		words = append(words, fsm.AdmitNoVote)
	}
	reply, err := n.order(ctx, fsm.KindAdmit, words...)
	if err != nil {
		return 0, err
	}
	n.log.Info("a node is taken in as a learner", "node", who.Node, "address", who.Address)
	return uint64(reply.Num()), n.reconfigure(ctx, func(d time.Duration) raft.IndexFuture {
		return n.raft.AddNonvoter(raft.ServerID(who.Node), raft.ServerAddress(who.Address), r.index, d)
	})
}

// addNode takes in a node that a person named.
func (n *Node) addNode(ctx context.Context, r *roll, c change) error {
	if n.opts.Network == nil {
		return errors.New("this node's cluster port is in use by another program, so it cannot have others: " +
			"start it with another --cluster-port")
	}
	who, err := n.lookAt(ctx, c)
	if err != nil {
		return err
	}
	if server, member := r.find(c.ID); member {
		switch {
		case r.disk(c.ID) != who.Disk:
			return n.strangeDisk(r, who)
		case string(server.Address) == who.Address:
			return fmt.Errorf("node %s at %s is a member already", c.ID, who.Address)
		}
		return n.move(ctx, r, server, who)
	}
	if err := n.mayJoin(r, who); err != nil { // before it is told that it belongs here, which is for good
		return err
	}
	if err := n.membersLevel(ctx, r); err != nil {
		return err
	}
	if err := n.invite(ctx, r, c); err != nil {
		return err
	}
	_, err = n.admitLearner(ctx, r, who, c.NoVote)
	return err
}

// lookAt finds out who is at an address.
func (n *Node) lookAt(ctx context.Context, c change) (who Identity, err error) {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	_, who, err = n.opts.Network.Ask(ctx, c.Address, opForm, []byte("{}"))
	switch {
	case errors.Is(err, ErrNotListening):
		return who, fmt.Errorf("nothing listens at %s: start the node there first, with an empty --dir and --join "+
			"wait, then send this again", c.Address)
	case err != nil:
		return who, fmt.Errorf("the leader, %s, gets no answer from %s (%w): is that the address of the node's "+
			"cluster port, and can it be reached from there?", n.opts.NodeID, c.Address, err)
	case who.Node != c.ID:
		return who, fmt.Errorf("the node at %s is %s, not %s: give the id that it has, or start it with --node-id "+
			"%s on an empty data folder", c.Address, who.Node, c.ID, c.ID)
	}
	return who, nil
}

// invite makes a waiting node belong to this cluster, durably.
func (n *Node) invite(ctx context.Context, r *roll, c change) error {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	question, err := json.Marshal(inviteQuestion{
		Node: c.ID, Cluster: n.membership.Cluster, Members: r.founders(),
		IncarnationFloor: r.about[c.ID].Incarnation,
	})
	if err != nil {
		return err
	}
	if _, _, err = n.opts.Network.Ask(ctx, c.Address, opInvite, question); err != nil {
		return fmt.Errorf("node %s at %s was not taken in: %w", c.ID, c.Address, err)
	}
	return nil
}

// move gives a member, whose process was just heard, the address that it has now.
func (n *Node) move(ctx context.Context, r *roll, server raft.Server, who Identity) error {
	if err := n.fitsIn(r, who); err != nil {
		return err
	}
	n.log.Info("a member has moved", "node", who.Node, "from", string(server.Address), "to", who.Address)
	address := raft.ServerAddress(who.Address)
	return n.reconfigure(ctx, func(d time.Duration) raft.IndexFuture {
		if server.Suffrage == raft.Voter {
			return n.raft.AddVoter(server.ID, address, r.index, d)
		}
		return n.raft.AddNonvoter(server.ID, address, r.index, d)
	})
}
