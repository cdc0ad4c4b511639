// What a forming node concludes from a round of answers: pure, so that a test can play all orders of asking,
// storing, crashing and wiping against it. Why the steps are as they are is said in form.go.

package cluster

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// forming is how far a node is.
type forming struct {
	self   Identity
	plan   Plan
	m      *Membership     // what is stored: nil is stage A
	stored map[string]bool // members that were seen at B or C of m; that stays true
}

// sighting is the answer from one address.
type sighting struct {
	address string
	view    *formView // nil if there was none
	err     error
}

// verdict is what a round has led to: something to store, or whom to wait for.
type verdict struct {
	store   *Membership
	missing []string
}

// begin looks at what is stored and at the plan, which may have been changed since.
func (g *forming) begin() error {
	if g.m == nil {
		return nil
	}
	stored := g.m.peers()
	same := len(g.plan.Members) > 0 && slices.Equal(stored, g.plan.Members) ||
		g.plan.Expect > 0 && g.plan.Expect == len(stored)
	me, in := g.m.find(g.self.Node)
	switch {
	case !same:
		return fmt.Errorf("this node had begun to form a cluster of %s and was not done, and its plan is now %v: "+
			"%s", listPeers(stored), g.plan, startOver)
	case !in || me.Disk != g.self.Disk:
		return fmt.Errorf("the data folder has an unfinished cluster of %s, which is another disk's: it was "+
			"copied; %s", listPeers(stored), startOver)
	}
	return nil
}

// startOver is what to do where a cluster cannot be completed. Raft runs only where the membership is
// complete, so there are no locks where nobody answers; whether somebody does, this node cannot know.
const startOver = "start it with the plan that it had, or, if none of its nodes answers clients (then no " +
	"lock was ever given), empty the data folders of all of them and start them again"

// peers are the nodes that are known by their address: those of the list, or of what is stored.
func (g *forming) peers() []Peer {
	if g.m != nil {
		return g.m.peers()
	}
	return g.plan.Members
}

// show is what the node tells of itself to another.
func (g *forming) show(asker string) formView {
	v := formView{
		Node: g.self.Node, Disk: g.self.Disk, Address: g.self.Address,
		Plan: g.plan.String(), List: g.plan.Members, Expect: g.plan.Expect,
	}
	if g.m != nil {
		v.Cluster, v.Members, v.Complete = g.m.Cluster, g.m.Members, g.m.Complete
		v.recognise(g.m, nil, asker)
	}
	return v
}

// judge draws the conclusions of a round, in which all addresses were asked after the last judge.
func (g *forming) judge(seen []sighting) (verdict, error) {
	var missing []string
	others := map[string]sighting{} // by id
	for _, s := range seen {
		if s.view == nil {
			if s.address != g.self.Address {
				missing = append(missing, fmt.Sprintf("%s: %s", g.called(s.address), plainError(s.err)))
			}
			continue
		}
		if err := g.meet(s); err != nil {
			return verdict{}, err
		}
		if s.view.Disk == g.self.Disk {
			continue
		}
		if twin, is := others[s.view.Node]; is && twin.view.Disk != s.view.Disk {
			return verdict{}, twoWithOneName(s.view.Node, twin, s)
		}
		others[s.view.Node] = s
	}
	if g.m == nil {
		return g.gather(others, missing)
	}
	return g.settle(others, missing)
}

// called is how messages name an address: with the node that is meant to be there.
func (g *forming) called(address string) string {
	for _, p := range g.peers() {
		if p.Address == address {
			return fmt.Sprintf("%s (%s)", p.ID, address)
		}
	}
	return address
}

// meet finds out who answered, and refuses one who is not whom the plan means.
func (g *forming) meet(s sighting) error {
	v := s.view
	if v.Node == g.self.Node && v.Disk != g.self.Disk {
		return twoWithOneName(v.Node, s, sighting{address: g.self.Address, view: &formView{Disk: g.self.Disk}})
	}
	if len(g.plan.Members) == 0 {
		return nil
	}
	for _, p := range g.plan.Members {
		switch {
		case p.Address != s.address || p.ID == v.Node:
		case v.Disk == g.self.Disk:
			return fmt.Errorf("the list has node %s at %s, and that address leads back to this node, %s: correct "+
				"the list, or what the name resolves to", p.ID, p.Address, g.self.Node)
		default:
			return fmt.Errorf("the list has node %s at %s, and the node that runs there says that it is %s: "+
				"correct its --node-id, or the list on all nodes", p.ID, p.Address, v.Node)
		}
	}
	return nil
}

func twoWithOneName(node string, a, b sighting) error {
	return fmt.Errorf("two nodes say that they are %s: one at %s with the data folder %s, one at %s with %s: "+
		"each needs a --node-id of its own", node, a.address, a.view.Disk, b.address, b.view.Disk)
}

// gather is stage A: all must be seen empty, or already at B of the very membership that this node sees.
func (g *forming) gather(others map[string]sighting, missing []string) (verdict, error) {
	for _, s := range inOrder(others) {
		if err := g.fits(s); err != nil {
			return verdict{}, err
		}
	}
	members := []Founder{{g.self.Node, g.self.Address, g.self.Disk}}
	for id, s := range others {
		address := s.view.Address
		for _, p := range g.plan.Members { // in a list, the list's word counts: it is the same on all nodes
			if p.ID == id {
				address = p.Address
			}
		}
		members = append(members, Founder{id, address, s.view.Disk})
	}
	wanted := max(len(g.plan.Members), g.plan.Expect)
	if len(members) > wanted {
		return verdict{}, fmt.Errorf("%d nodes were found under the name %s, and --expect says %d: %s; correct "+
			"--expect on all nodes, or stop those that do not belong, and start again", len(members),
			g.plan.Name, g.plan.Expect, namesOf(members))
	}
	if len(members) < wanted {
		if g.plan.Expect > 0 {
			missing = append(missing, fmt.Sprintf("%d nodes under the name %s, there is only %s", wanted,
				g.plan.Name, namesOf(members)))
		}
		return verdict{missing: missing}, nil
	}
	if err := checkSpread(members); err != nil {
		return verdict{}, err
	}
	m := newMembership(members)
	begun := slices.DeleteFunc(inOrder(others), func(s sighting) bool { return s.view.Cluster == "" })
	for i, s := range begun {
		switch {
		case s.view.Cluster == m.Cluster:
		case i == 0 && sameDisks(s.view, m): // an address has changed since: the word of the first counts
			m = newMembership(slices.Clone(s.view.Members))
		default:
			return verdict{}, fmt.Errorf("node %s at %s has begun to form a cluster of other data folders than "+
				"this node sees (%s): a node has lost its data folder in the meantime; %s", s.view.Node, s.address,
				difference(s.view.Members, m.Members), startOver)
		}
	}
	return verdict{store: m}, nil
}

// sameDisks tells whether what a node has stored is of the same nodes and disks as m, and whole.
func sameDisks(v *formView, m *Membership) bool {
	for _, member := range v.Members {
		if ours, is := m.find(member.ID); !is || ours.Disk != member.Disk {
			return false
		}
	}
	return len(v.Members) == len(m.Members) && newMembership(slices.Clone(v.Members)).Cluster == v.Cluster
}

// fits refuses, at stage A, a node with which this one cannot form a cluster.
func (g *forming) fits(s sighting) error {
	v := s.view
	who := fmt.Sprintf("node %s at %s", v.Node, s.address)
	me := fmt.Sprintf("node %s", g.self.Node)
	switch {
	case v.Removed:
		return fmt.Errorf("%s was removed from cluster %s, to which %s belongs: to take it in as a new member, "+
			"start it with an empty --dir and --join %s", me, v.Cluster, who, s.address)
	case v.Cluster != "" && v.YourDisk == "":
		return fmt.Errorf("%s belongs to cluster %s (%s), and this node, %s, is not in it: to take it in, start "+
			"it with --join %s; to form a new cluster, all nodes must have empty data folders", who, v.Cluster,
			namesOf(v.Members), g.self.Node, s.address)
	case v.Complete:
		return fmt.Errorf("this data folder is empty, and cluster %s, to which %s belongs, knows %s with a data "+
			"folder that it has lost (%s): a node that has forgotten its votes must not vote again; send "+
			"RAFT.REMOVE %s to a living node, then start this one with --join %s", v.Cluster, who, me, v.YourDisk,
			g.self.Node, s.address)
	case v.Cluster != "" && v.YourDisk != g.self.Disk:
		return fmt.Errorf("%s has begun to form cluster %s with another data folder of %s (%s), which was lost "+
			"before the cluster was complete: if a node answers clients by now, send it RAFT.REMOVE %s and start "+
			"this one with --join %s; if none does, no lock was ever given: empty the data folders of all nodes and "+
			"start them again", who, v.Cluster, me, v.YourDisk, g.self.Node, s.address)
	case v.Cluster != "" && g.plan.Expect > 0:
		return nil // it may have been started anew with another plan; its members are compared
	case !slices.Equal(v.List, g.plan.Members) || v.Expect != g.plan.Expect:
		return fmt.Errorf("%s was started with another plan: it has %s, and %s has %v%s: give the same to all "+
			"nodes", who, orElse(v.Plan, "none"), me, g.plan, listDifference(v.List, g.plan.Members))
	}
	return nil
}

// settle is stage B: all members must be seen at B or C, or one at C.
func (g *forming) settle(others map[string]sighting, missing []string) (verdict, error) {
	done, err := g.countStored(others)
	if err != nil {
		return verdict{}, err
	}
	if done {
		return verdict{store: g.m.completed()}, nil
	}
	var changed error
	for _, s := range inOrder(others) {
		v := s.view
		member, is := g.m.find(v.Node)
		switch {
		case !is: // somebody else under the name; it is told itself
		case v.Cluster == g.m.Cluster: // counted
		case v.Cluster != "":
			return verdict{}, fmt.Errorf("this node has begun to form cluster %s, and node %s at %s belongs to "+
				"another, %s (%s): %s", g.m.Cluster, v.Node, s.address, v.Cluster,
				difference(v.Members, g.m.Members), startOver)
		case v.Disk != member.Disk:
			changed = fmt.Errorf("node %s at %s has another data folder (%s) than it had (%s) when this node "+
				"began to form a cluster with it; %s", v.Node, s.address, v.Disk, member.Disk, startOver)
			missing = append(missing, changed.Error())
		default:
			missing = append(missing, g.called(member.Address)+": it is there, and does not see all others yet")
		}
	}
	// Somebody who is not heard now may know that the cluster is complete, with the disk that was lost since.
	// Then it goes on with this node and without that one.
	if changed != nil && g.allHeard(others) {
		return verdict{}, changed
	}
	return verdict{missing: missing}, nil
}

// countStored notes who has stored the membership, and tells whether all have.
func (g *forming) countStored(others map[string]sighting) (all bool, err error) {
	complete := false
	for _, s := range inOrder(others) {
		if s.view.Cluster != g.m.Cluster {
			continue
		}
		if s.view.Removed {
			return false, fmt.Errorf("node %s was removed from cluster %s before it had come to know that the "+
				"cluster is complete: to take it in as a new member, start it with an empty --dir and --join %s",
				g.self.Node, g.m.Cluster, s.address)
		}
		g.saw(s.view.Node)
		complete = complete || s.view.Complete
	}
	return complete || g.allStored(), nil
}

// saw notes that a member has stored the membership.
func (g *forming) saw(node string) {
	if g.stored == nil {
		g.stored = map[string]bool{}
	}
	g.stored[node] = true
}

func (g *forming) allStored() bool {
	for _, m := range g.m.Members {
		if m.ID != g.self.Node && !g.stored[m.ID] {
			return false
		}
	}
	return true
}

func (g *forming) allHeard(others map[string]sighting) bool {
	for _, m := range g.m.Members {
		if _, heard := others[m.ID]; m.ID != g.self.Node && !heard {
			return false
		}
	}
	return true
}

// inOrder keeps messages the same from run to run.
func inOrder(others map[string]sighting) []sighting {
	var all []sighting
	for _, s := range others {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b sighting) int { return strings.Compare(a.view.Node, b.view.Node) })
	return all
}

func namesOf(members []Founder) string {
	var words []string
	for _, m := range members {
		words = append(words, m.ID+" at "+m.Address)
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// difference names the members in which two memberships differ.
func difference(theirs, ours []Founder) string {
	var words []string
	for _, m := range theirs {
		if !slices.Contains(ours, m) {
			words = append(words, fmt.Sprintf("it has %s at %s with folder %s", m.ID, m.Address, m.Disk))
		}
	}
	for _, m := range ours {
		if !slices.Contains(theirs, m) {
			words = append(words, fmt.Sprintf("this node has %s at %s with folder %s", m.ID, m.Address, m.Disk))
		}
	}
	return strings.Join(words, ", ")
}

// listDifference names the entries in which two lists differ.
func listDifference(theirs, ours []Peer) string {
	var words []string
	for _, p := range theirs {
		if !slices.Contains(ours, p) {
			words = append(words, fmt.Sprintf("only it has %s=%s", p.ID, p.Address))
		}
	}
	for _, p := range ours {
		if !slices.Contains(theirs, p) {
			words = append(words, fmt.Sprintf("only this node has %s=%s", p.ID, p.Address))
		}
	}
	if len(words) == 0 || len(theirs) == 0 || len(ours) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// checkSpread refuses members of which some are reached by their own machine alone.
func checkSpread(members []Founder) error {
	var near, far string
	for _, m := range members {
		if OnLoopback(m.Address) {
			near = m.ID + " at " + m.Address
		} else {
			far = m.ID + " at " + m.Address
		}
	}
	if near != "" && far != "" {
		return fmt.Errorf("node %s is reached by its own machine alone, and %s is on another: start the first "+
			"with --advertise host:port, at which the others reach it", near, far)
	}
	return nil
}

// OnLoopback tells of a host:port whether only its own machine reaches it, as far as that can be told without
// asking the DNS.
func OnLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
