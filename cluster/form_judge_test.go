// Forming without network and disk: all orders in which nodes ask, store, crash and lose their disks are
// played at random, and what must never be is looked for after each step.

package cluster

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// simNode is a node of the play: what is on its disk, and what runs.
type simNode struct {
	id, address, disk string
	disks             int
	durable           *Membership // on the disk
	run               *forming    // nil: not running
	seen              map[string]sighting
	err               error
}

// play is one random run.
type play struct {
	t        *testing.T
	rand     *rand.Rand
	nodes    []*simNode
	plan     Plan
	stored   map[string]string // disk: the cluster whose membership it has ever stored
	complete map[string]string // disk: the cluster that it was ever complete in
	trace    []string
}

func newPlay(t *testing.T, seed uint64, nodes, expect int) *play {
	p := &play{
		t: t, rand: rand.New(rand.NewPCG(seed, 1)),
		stored: map[string]string{}, complete: map[string]string{},
	}
	for i := range nodes {
		n := &simNode{id: fmt.Sprintf("n%d", i+1), address: fmt.Sprintf("host%d:1", i+1)}
		p.nodes = append(p.nodes, n)
		if expect == 0 {
			p.plan.Members = append(p.plan.Members, Peer{n.id, n.address})
		}
		p.wipe(n)
	}
	p.plan.Expect = expect
	return p
}

func (p *play) note(format string, args ...any) {
	p.trace = append(p.trace, fmt.Sprintf(format, args...))
}

func (p *play) fail(format string, args ...any) {
	p.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(p.trace, "\n"))
}

func (p *play) wipe(n *simNode) {
	n.disks++
	n.disk, n.durable, n.run = fmt.Sprintf("%s.%d", n.id, n.disks), nil, nil
	p.note("%s has the new disk %s", n.id, n.disk)
}

func (p *play) start(n *simNode) {
	if n.run != nil {
		return
	}
	n.seen, n.err = map[string]sighting{}, nil
	n.run = &forming{
		self: Identity{Node: n.id, Disk: n.disk, Address: n.address}, plan: p.plan, m: n.durable,
	}
	if n.durable == nil || !n.durable.Complete {
		n.err = n.run.begin()
	}
	if n.err != nil {
		p.note("%s does not begin: %v", n.id, n.err)
		n.run = nil
	}
}

// ask lets n look at one address.
func (p *play) ask(n, at *simNode) {
	s := sighting{address: at.address, err: ErrNotListening}
	if at.run != nil {
		v := at.run.show(n.id)
		s.view, s.err = &v, nil
	}
	n.seen[at.address] = s
}

// judge lets n conclude, once it has asked everybody, and dies before or after storing if crash says so.
func (p *play) judge(n *simNode, crash float64) {
	if n.run == nil || len(n.seen) < len(p.nodes) || n.run.m != nil && n.run.m.Complete {
		return
	}
	var seen []sighting
	for _, address := range slices.Sorted(maps.Keys(n.seen)) {
		seen = append(seen, n.seen[address])
	}
	n.seen = map[string]sighting{}
	v, err := n.run.judge(seen)
	switch {
	case err != nil:
		p.note("%s ends: %v", n.id, err)
		n.run, n.err = nil, err
	case v.store != nil && p.rand.Float64() < crash:
		p.note("%s dies before it stores", n.id)
		n.run = nil
	case v.store != nil:
		p.keep(n, v.store)
		if p.rand.Float64() < crash {
			p.note("%s dies", n.id)
			n.run = nil
		}
	}
}

func (p *play) keep(n *simNode, m *Membership) {
	p.note("%s on %s stores %s of %s, complete %v", n.id, n.disk, m.Cluster, namesOf(m.Members), m.Complete)
	n.durable, n.run.m = m, m
	if other, before := p.stored[n.disk]; before && other != m.Cluster {
		p.fail("disk %s was of %s and is now of %s", n.disk, other, m.Cluster)
	}
	p.stored[n.disk] = m.Cluster
	if !m.Complete {
		return
	}
	p.complete[n.disk] = m.Cluster
	for _, member := range m.Members {
		if p.stored[member.Disk] != m.Cluster {
			p.fail("%s is complete, and %s has not stored it on %s", n.id, member.ID, member.Disk)
		}
	}
	for _, other := range p.nodes {
		if other.durable != nil && other.durable.Complete && other.durable.Cluster != m.Cluster {
			p.fail("%s and %s are complete in two clusters", n.id, other.id)
		}
	}
}

// step does one thing at random.
func (p *play) step(crash, wipe float64) {
	n := p.nodes[p.rand.IntN(len(p.nodes))]
	switch x := p.rand.Float64(); {
	case x < wipe:
		p.wipe(n)
	case x < wipe+crash:
		n.run = nil
	case n.run == nil:
		p.start(n)
	case len(n.seen) < len(p.nodes):
		p.ask(n, p.nodes[p.rand.IntN(len(p.nodes))])
	default:
		p.judge(n, crash)
	}
}

// settle lets everything run in good order, and returns how many nodes are complete.
func (p *play) settle() (complete int) {
	for range 6 {
		for _, n := range p.nodes {
			if n.err == nil {
				p.start(n)
			}
		}
		for _, n := range p.nodes {
			for _, at := range p.nodes {
				if n.run != nil {
					p.ask(n, at)
				}
			}
			p.judge(n, 0)
		}
	}
	for _, n := range p.nodes {
		if n.durable != nil && n.durable.Complete {
			complete++
		}
	}
	return complete
}

func seeds(t *testing.T, def int) int {
	if text := os.Getenv("LOCKD_SEEDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return def
}

// TestFormingWithCrashes: whatever dies and comes back, as long as no disk is lost all nodes get there.
func TestFormingWithCrashes(t *testing.T) {
	for seed := range seeds(t, 3000) {
		p := newPlay(t, uint64(seed), 3, seed%2*3)
		for range 120 {
			p.step(0.1, 0)
		}
		for _, n := range p.nodes {
			if n.err != nil {
				p.fail("seed %d: %s gave up: %v", seed, n.id, n.err)
			}
		}
		if got := p.settle(); got != 3 {
			p.fail("seed %d: %d of 3 nodes are complete", seed, got)
		}
	}
}

// TestFormingWithLostDisks: with disks that are lost at any time and one node too many at times, no two
// clusters come of it, and none that a member does not know of.
func TestFormingWithLostDisks(t *testing.T) {
	var complete, broken, overCount int
	for seed := range seeds(t, 6000) {
		nodes := 3 + seed%3/2
		expect := 0
		if nodes == 4 || seed%2 == 1 {
			expect = 3
		}
		p := newPlay(t, uint64(seed), nodes, expect)
		for range 200 {
			p.step(0.05, 0.005)
		}
		clusters := map[string]bool{}
		for _, cluster := range p.complete {
			clusters[cluster] = true
		}
		switch {
		case len(clusters) == 0 && nodes == 4:
			overCount++
		case len(clusters) == 0:
			broken++
		default:
			complete++
		}
	}
	// A play in which nothing ever completes, or nothing ever breaks, shows nothing.
	if complete < 100 || broken < 100 || overCount < 100 {
		t.Errorf("%d plays formed a cluster, %d did not, %d had a node too many", complete, broken, overCount)
	}
}

// TestLostDiskAfterAll: a node that is at B goes on when one is at C, even if the disk of another was lost.
func TestLostDiskAfterAll(t *testing.T) {
	p := newPlay(t, 1, 3, 0)
	a, b, c := p.nodes[0], p.nodes[1], p.nodes[2]
	all := func(nodes ...*simNode) {
		for _, n := range nodes {
			for _, at := range p.nodes {
				p.ask(n, at)
			}
			p.judge(n, 0)
		}
	}
	for _, n := range p.nodes {
		p.start(n)
	}
	all(a, b, c) // all at B
	all(a)       // a at C
	p.wipe(c)
	p.start(c)
	a.run = nil
	all(b) // b does not hear a, and must not give up
	if b.run == nil {
		t.Fatalf("b gave up: %v", b.err)
	}
	all(c)
	if c.err == nil || !strings.Contains(c.err.Error(), "lost before the cluster was complete") {
		t.Errorf("the node with the new disk says %v", c.err)
	}
	p.start(a)
	p.wipe(c)
	p.start(c)
	all(b, c)
	if b.durable == nil || !b.durable.Complete {
		t.Error("b did not follow a")
	}
	if c.err == nil || !strings.Contains(c.err.Error(), "RAFT.REMOVE n3") ||
		!strings.Contains(c.err.Error(), "--join host1:1") {
		t.Errorf("the node with the new disk says %v", c.err)
	}
}

func TestAdmit(t *testing.T) {
	self := Identity{Node: "n1", Cluster: "c", Disk: "d1", Incarnation: 5, Address: "host1:1"}
	m := &Membership{Cluster: "c", Complete: true, Members: []Founder{
		{"n1", "host1:1", "d1"}, {"n2", "host2:1", "d2"}, {"n3", "host3:1", "d3"}}}
	joined := *m
	joined.Joined = true
	state := func(node string) (string, uint64, bool, bool) {
		switch node {
		case "n2":
			return "d2", 7, false, true
		case "gone":
			return "dg", 3, true, true
		}
		return "", 0, false, false
	}
	for _, c := range []struct {
		name  string
		other Identity
		look  known
		m     *Membership
		want  string // "" is let in
	}{
		{"member", Identity{Node: "n2", Cluster: "c", Disk: "d2", Incarnation: 7}, state, m, ""},
		{"member after a new start", Identity{Node: "n2", Cluster: "c", Disk: "d2", Incarnation: 8}, state, m, ""},
		{"founder that the state does not know", Identity{Node: "n3", Cluster: "c", Disk: "d3", Incarnation: 1}, state, m, ""},
		{"one that was just added", Identity{Node: "n9", Cluster: "c", Disk: "d9", Incarnation: 1}, state, m, ""},
		{"the same by a node without state", Identity{Node: "n9", Cluster: "c", Disk: "d9", Incarnation: 1}, nil, m, ""},
		{"replaced while we were away", Identity{Node: "n2", Cluster: "c", Disk: "d2b", Incarnation: 8}, state, m, ""},
		{"founder replaced before we have a state", Identity{Node: "n3", Cluster: "c", Disk: "d3b", Incarnation: 2}, nil, m, ""},
		{"empty", Identity{Node: "n9", Disk: "d9"}, state, m, "n9 belongs to no cluster yet: to take it into cluster c, start it with --join host1:1"},
		{"wiped member", Identity{Node: "n2", Disk: "d2b", Incarnation: 1}, state, m, "node n2 has lost its data folder: cluster c knows it with another (d2)"},
		{"wiped founder", Identity{Node: "n3", Disk: "d3b", Incarnation: 1}, nil, m, "send RAFT.REMOVE n3 to a living node, then start it with --join host1:1"},
		{"removed and wiped", Identity{Node: "gone", Disk: "x", Incarnation: 1}, state, m, "to take it into cluster c"},
		{"old founder, judged by one that joined later", Identity{Node: "n3", Disk: "d3b"}, nil, &joined, "belongs to no cluster yet"},
		{"other cluster", Identity{Node: "n2", Cluster: "x", Disk: "d2", Incarnation: 7}, state, m, "belongs to cluster x, and node n1 at host1:1 to cluster c"},
		{"twin", Identity{Node: "n1", Cluster: "c", Disk: "x", Incarnation: 9}, state, m, "two nodes say that they are n1"},
		{"itself", self, state, m, ""},
		{"removed", Identity{Node: "gone", Cluster: "c", Disk: "dg", Incarnation: 9}, state, m, "node gone was removed from cluster c"},
		{"older copy", Identity{Node: "n2", Cluster: "c", Disk: "d2", Incarnation: 6}, state, m, "the data folder of node n2 is an older copy: it counts its start 6, and cluster c has seen start 7"},
		{"disk that was replaced", Identity{Node: "n2", Cluster: "c", Disk: "d2a", Incarnation: 7}, state, m, "node n2 has another data folder (d2a) than the one that cluster c knows (d2)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := admit(self, c.m, c.other, c.look)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
