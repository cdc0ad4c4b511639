// How a node finds out where it stands when no leader reaches it. One that was removed while it was down
// hears from nobody: raft has no word for it. One that has a new address is looked for at the old one. So a
// node without a leader, and one that another has refused, asks those it knows: I am here, who am I to you?
//
// That a node was removed is final, for its data folder cannot come back. It is believed only where a state
// says so of this very disk: that of this node, or of another one. The states of nodes may be old, but a disk
// that was once removed stays so.
//
// A removal goes through the state first and then through raft's configuration, and its leader may die
// between the two. So a node that reads in its state that it was removed serves nobody from there on, but it
// stays for raft until the configuration has let it go: the others may need its vote to finish.

package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	opHere = "here" // asked by a member, or one that was; hereAnswer

	hereEvery  = 500 * time.Millisecond
	hereWithin = 2 * time.Second
	hereSay    = 10 * time.Second // how often the log tells that no leader comes
)

// hereAnswer is what a node knows of the one that asks.
type hereAnswer struct {
	Leader  string `json:"leader,omitempty"`
	Address string `json:"address,omitempty"` // the leader's
	// Settled tells that this is the leader's answer, and that it knows all that was committed before it led.
	Settled bool   `json:"settled,omitempty"`
	Disk    string `json:"disk,omitempty"`    // of the node of that id, as far as known
	Removed bool   `json:"removed,omitempty"` // by the state
	Member  bool   `json:"member,omitempty"`  // by the configuration
}

// RemovedError tells that the cluster has removed this node.
type RemovedError struct{ Reason string }

func (e *RemovedError) Error() string { return e.Reason }

// answerHere answers a node that looks for its leader. A leader takes its address in.
func (n *Node) answerHere(from Identity) ([]byte, error) {
	if from.Cluster != n.membership.Cluster {
		return nil, fmt.Errorf("node %s belongs to cluster %s, not to %s", n.opts.NodeID, n.membership.Cluster,
			orElse(from.Cluster, "any"))
	}
	n.heardFrom(from)
	settled := n.settled() // before the state is looked at
	at := n.leads.Load()
	disk, _, removed, _ := n.replica.known(from.Node)
	return json.Marshal(hereAnswer{
		Leader: string(at.leader), Address: string(at.address), Settled: settled, Disk: disk, Removed: removed,
		Member: n.isMember(from) == nil,
	})
}

// heardFrom looks, on the leader, whether a member has moved.
func (n *Node) heardFrom(who Identity) {
	if !n.settled() {
		return
	}
	r, err := n.roll()
	server, member := r.find(who.Node)
	if err != nil || !member || r.disk(who.Node) != who.Disk || string(server.Address) == who.Address {
		return
	}
	select {
	case n.changes.turn <- struct{}{}:
	default:
		return // it asks again
	}
	go func() {
		defer n.endTurn()
		ctx, cancel := n.within(growWithin)
		defer cancel()
		if err := n.move(ctx, &r, server, who); err != nil {
			n.log.Warn("a member's new address could not be taken in", "node", who.Node, "error", err)
		}
	}()
}

// doubt makes this node look whether it is a member still.
func (n *Node) doubt() {
	select {
	case n.changes.doubt <- struct{}{}:
	default:
	}
}

// lookAround asks around when that is needed, until the node stops.
func (n *Node) lookAround() {
	defer n.wait.Done()
	tick := time.NewTicker(hereEvery)
	defer tick.Stop()
	var s solitude
	for {
		doubt := false
		select {
		case <-n.stop:
			return
		case <-n.changes.out:
			return
		case <-n.changes.doubt:
			doubt = true
			n.lookAtSelf()
		case <-tick.C:
		}
		if !s.mustAsk(n.leads.Load().leader != "", doubt) || n.alone() {
			continue
		}
		n.askAround()
		if s.mustSay() {
			n.log.Warn("no leader has reached this node: most of the voters are down or cannot be reached, or they "+
				"do not reach this node at its address", "address", n.opts.Address, "members", n.acquaintances())
		}
	}
}

// solitude is for how long a node has had no leader, and what it did about that.
type solitude struct{ since, asked, said time.Time }

func (s *solitude) mustAsk(led, doubt bool) bool {
	switch {
	case led:
		s.since = time.Time{}
	case s.since.IsZero():
		s.since = time.Now()
	}
	lonely := !led && time.Since(s.since) >= hereEvery
	if !doubt && !lonely || time.Since(s.asked) < hereEvery/2 {
		return false
	}
	s.asked = time.Now()
	return true
}

func (s *solitude) mustSay() bool {
	if s.since.IsZero() || time.Since(s.since) < hereSay/2 || time.Since(s.said) < hereSay {
		return false
	}
	s.said = time.Now()
	return true
}

// acquaintances are the addresses of all that this node knows, but its own.
func (n *Node) acquaintances() (addresses []string) {
	for _, s := range n.configuration().Servers {
		if string(s.ID) != n.opts.NodeID {
			addresses = append(addresses, string(s.Address))
		}
	}
	for _, m := range n.membership.Members {
		if m.ID != n.opts.NodeID && !slices.Contains(addresses, m.Address) {
			addresses = append(addresses, m.Address)
		}
	}
	return addresses[:min(len(addresses), maxTargets)]
}

// askAround asks all at the same time, and then the leader if that was not among them.
func (n *Node) askAround() {
	ctx, cancel := n.within(hereWithin)
	defer cancel()
	addresses := n.acquaintances()
	leaders := make(chan string, len(addresses))
	var all sync.WaitGroup
	for _, address := range addresses {
		all.Go(func() { leaders <- n.askHere(ctx, address) })
	}
	all.Wait()
	close(leaders)
	for leader := range leaders {
		if leader != "" && leader != n.opts.Address && !slices.Contains(addresses, leader) {
			n.askHere(ctx, leader)
			return
		}
	}
}

// askHere asks one node, and returns the leader's address as that node knows it.
func (n *Node) askHere(ctx context.Context, address string) (leader string) {
	text, who, err := n.opts.Network.Ask(ctx, address, opHere, nil)
	var a hereAnswer
	if err != nil || json.Unmarshal(text, &a) != nil || who.Cluster != n.membership.Cluster {
		return "" // it is asked again
	}
	switch {
	case a.Removed && !a.Member && a.Disk == n.opts.DiskID:
		n.leaveFor(n.removal(address))
	case a.Settled && a.Disk != "" && a.Disk != n.opts.DiskID:
		n.leaveFor(fmt.Sprintf("node %s was replaced: cluster %s knows it with another data folder (%s; this one "+
			"is %s). This one cannot come back: delete it", n.opts.NodeID, n.membership.Cluster, a.Disk,
			n.opts.DiskID))
	}
	return a.Address
}

// lookAtSelf stops this node where its own state says that it was removed.
func (n *Node) lookAtSelf() {
	disk, _, removed, _ := n.replica.known(n.opts.NodeID)
	if !removed || disk != n.opts.DiskID {
		return
	}
	reason := n.removal(append(n.acquaintances(), "host:port")[0])
	n.serveNoMore(reason)
	if n.isMember(n.Identity()) != nil {
		n.leaveFor(reason)
	}
}

// removal says that this node was removed; member is the address of one that was not.
func (n *Node) removal(member string) string {
	return fmt.Sprintf("node %s was removed from cluster %s (RAFT.REMOVE), and its data folder cannot come "+
		"back: to take the node in again, start it with an empty --dir and --join %s", n.opts.NodeID,
		n.membership.Cluster, member)
}

// serveNoMore ends what this node does for clients.
func (n *Node) serveNoMore(reason string) {
	if n.outbox.shut("TRYAGAIN " + reason + "; nothing was done, send it to another node") {
		n.giveUpParked("UNKNOWN " + reason)
	}
}

// lingerFor is how long a removed node waits for the answer to who has removed it, through itself.
const lingerFor = time.Second

// leaveFor makes this node no member any longer: durably, and then for the process.
func (n *Node) leaveFor(reason string) {
	n.changes.once.Do(func() {
		n.serveNoMore(reason)
		m := *n.membership
		m.Removed = reason
		if err := m.write(n.opts.Stable); err != nil {
			n.log.Warn("could not be stored, it is found out again at the next start", "reason", reason, "error", err)
		}
		n.changes.reason = reason
		close(n.changes.out)
		n.wait.Go(func() {
			answered := make(chan struct{})
			go func() {
				n.changes.open.Wait()
				close(answered)
			}()
			select {
			case <-answered:
			case <-time.After(lingerFor):
			}
			if n.opts.Removed != nil {
				n.opts.Removed(reason)
			}
		})
	})
}

// mayAsk refuses questions of those that are no members.
func (n *Node) mayAsk(from Identity) error {
	if err := admit(n.Identity(), n.membership, from, n.replica.known); err != nil {
		return err
	}
	return n.isMember(from)
}

func (n *Node) isMember(who Identity) error {
	servers := n.configuration().Servers
	if slices.ContainsFunc(servers, func(s raft.Server) bool { return string(s.ID) == who.Node }) {
		return nil
	}
	return fmt.Errorf("node %s is no member of cluster %s: if it was removed, start it with an empty --dir and "+
		"--join %s; if it was about to be added, send RAFT.ADD %s %s", who.Node, n.membership.Cluster,
		n.opts.Address, who.Node, who.Address)
}
