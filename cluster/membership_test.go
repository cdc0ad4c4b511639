package cluster_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
)

// quick makes learners voters after a moment.
func quick() cluster.Tuning { return cluster.Tuning{PromoteAfter: 100 * time.Millisecond} }

// quickTrio is a group of three whose leader does not wait for long before it gives a vote.
func quickTrio(t *testing.T) *groupRig {
	g := &groupRig{t: t, net: memnet.New(), nodes: map[string]*member{}, tuning: quick()}
	g.form("n1", "n2", "n3")
	return g
}

// join starts a node that asks another to be taken in.
func (g *groupRig) join(id, by string) (*cluster.Node, error) {
	g.t.Helper()
	m := g.member(id)
	m.plan = &cluster.Plan{Join: []string{g.nodes[by].at()}}
	return g.open(m)
}

// joins is join of a node that must be taken in.
func (g *groupRig) joins(id, by string) {
	g.t.Helper()
	n, err := g.join(id, by)
	if err != nil {
		g.t.Fatalf("join of %s: %v", id, err)
	}
	g.nodes[id].node = n
	g.ready(id)
}

// waits starts a node that waits to be added.
func (g *groupRig) waits(id string) {
	m := g.member(id)
	m.plan = &cluster.Plan{Wait: true}
	started := make(chan struct{})
	go func() {
		close(started)
		n, err := g.open(m)
		if err != nil {
			g.t.Errorf("%s, which waits to be added: %v", id, err)
		}
		g.mu.Lock()
		m.node = n
		g.mu.Unlock()
	}()
	<-started
	eventually(g.t, "answer of "+id, func() bool {
		ctx, cancel := context.WithTimeout(g.t.Context(), time.Second)
		defer cancel()
		probe := g.net.Node("probe-of-" + id)
		defer probe.Close()
		return probe.Probe(ctx, m.at()) == nil
	})
}

// started waits until a node that waited has been taken in.
func (g *groupRig) started(id string) *cluster.Node {
	g.t.Helper()
	var n *cluster.Node
	eventually(g.t, "start of "+id, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		n = g.nodes[id].node
		return n != nil
	})
	g.ready(id)
	return n
}

// roles is how a node sees the members: "n1=leader n2=voter n3=learner".
func roles(n *cluster.Node) string {
	var words []string
	for _, m := range n.Members() {
		role := "learner"
		switch {
		case m.Leader:
			role = "leader"
		case m.Voter:
			role = "voter"
		}
		words = append(words, m.ID+"="+role)
	}
	return strings.Join(words, " ")
}

// becomes waits until a node has a role on all running nodes.
func (g *groupRig) becomes(id, role string) {
	g.t.Helper()
	eventually(g.t, role+" "+id, func() bool {
		for _, m := range g.nodes {
			if m.node != nil && !strings.Contains(roles(m.node)+" ", id+"="+role+" ") {
				return false
			}
		}
		return true
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// load is clients that count on a key; none may see an error.
type load struct {
	t    *testing.T
	stop chan struct{}
	all  sync.WaitGroup
	done atomic.Int64
}

func (g *groupRig) load(ids ...string) *load {
	l := &load{t: g.t, stop: make(chan struct{})}
	for _, id := range ids {
		n := g.nodes[id].node
		for conn := range uint64(3) {
			l.all.Go(func() { l.run(n, conn) })
		}
	}
	return l
}

func (l *load) run(n *cluster.Node, conn uint64) {
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		got := cluster.Pipeline(n, conn, "GET x", "INCR count")
		if _, err := strconv.Atoi(got[1]); err != nil || got[0] != "nil" {
			l.t.Errorf("a client got %q", got)
			return
		}
		l.done.Add(1)
	}
}

// moves waits until the clients have got further.
func (l *load) moves() {
	l.t.Helper()
	before := l.done.Load()
	eventually(l.t, "progress", func() bool { return l.done.Load() > before+20 })
}

// finish ends the clients, and looks whether each of their commands was done once.
func (l *load) finish(n *cluster.Node) {
	l.t.Helper()
	close(l.stop)
	l.all.Wait()
	expect(l.t, ask(l.t, n, 99, "GET count"), strconv.FormatInt(l.done.Load(), 10))
}

// Nodes come and go under load, and no client of those that stay notices.
func TestMembersChangeUnderLoad(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	leader, f := g.leader(), g.followers()
	l := g.load(f[0])
	g.joins("n4", f[1])
	g.becomes("n4", "voter")
	l.moves()
	must(t, g.nodes[f[0]].node.Remove(f[1], false))
	g.isRemoved(f[1])
	l.moves()
	must(t, g.nodes[f[0]].node.Remove(leader, false)) // which hands over first
	g.isRemoved(leader)
	l.moves()
	g.waits("n5")
	must(t, g.nodes["n4"].node.Add("n5", "n5:1", false))
	n5 := g.started("n5")
	g.becomes("n5", "voter")
	l.moves()
	if got := n5.Members(); len(got) != 3 {
		t.Errorf("members %+v", got)
	}
	l.finish(n5)
}

// isRemoved waits until a node has said that it was removed; it must take nothing any longer, and never start
// again.
func (g *groupRig) isRemoved(id string) {
	g.t.Helper()
	m := g.nodes[id]
	select {
	case reason := <-m.removed:
		if !strings.Contains(reason, id+" was removed from cluster") || !strings.Contains(reason, "--join") {
			g.t.Errorf("%s says %q", id, reason)
		}
	case <-time.After(10 * time.Second):
		g.t.Fatalf("%s does not say that it was removed", id)
	}
	if got := ask(g.t, m.node, 1, "GET x", "SET x 1"); !strings.HasPrefix(got[0], "TRYAGAIN node "+id+" was removed") ||
		got[0] != got[1] {
		g.t.Errorf("%s was removed and answers %q", id, got)
	}
	g.stopNode(id)
	g.net.Stop(m.at())
	g.staysRemoved(id)
}

// staysRemoved starts a removed node again.
func (g *groupRig) staysRemoved(id string) {
	g.t.Helper()
	n, err := g.open(g.nodes[id])
	var removed *cluster.RemovedError
	if !errors.As(err, &removed) {
		g.t.Errorf("%s was removed and starts again: %v", id, err)
	}
	if n != nil {
		g.end(id, n)
	}
	g.net.Stop(g.nodes[id].at())
	delete(g.nodes, id)
}

// A node that was down when it was removed finds out, though nobody sends it anything any more.
func TestRemovedWhileDown(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	f := g.followers()
	g.kill(f[0])()
	must(t, g.nodes[f[1]].node.Remove(f[0], false))
	g.start(f[0])
	g.isRemoved(f[0])
}

// A leader that dies in the middle of a removal leaves it to the next one.
func TestRemovalIsFinished(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	leader, f := g.leader(), g.followers()
	must(t, cluster.Forget(g.nodes[leader].node, f[0]))
	g.isRemoved(f[0])
	eventually(t, "two members", func() bool { return len(g.nodes[f[1]].node.Members()) == 2 })
	must(t, cluster.Forget(g.nodes[f[1]].node, leader)) // also where it is the leader itself
	g.isRemoved(leader)
	expect(t, ask(t, g.nodes[f[1]].node, 1, "SET a b"), "OK")
	eventually(t, "one member", func() bool { return roles(g.nodes[f[1]].node) == f[1]+"=leader" })
}

// The others refuse streams to a leader that was removed. It hears nothing of them, and must make another one
// lead all the same: raft's heartbeats keep them from electing one.
func TestRemovedLeaderWithoutStreams(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	leader, f := g.leader(), g.followers()
	refused := time.After(500 * time.Millisecond) // the others know by then, and refuse new streams
	forgotten := make(chan error, 1)
	go func() { forgotten <- cluster.Forget(g.nodes[leader].node, leader) }()
	for broken := false; !broken; {
		for _, id := range f {
			g.net.Break(leader+":1", id+":1")
		}
		select {
		case <-refused:
			broken = true
		case <-time.After(time.Millisecond):
		}
	}
	must(t, <-forgotten)
	g.isRemoved(leader)
	expect(t, ask(t, g.nodes[f[0]].node, 1, "SET a b"), "OK")
}

// Leadership goes where it is wanted, and whoever asked gets to know when it is there.
func TestTransfer(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	l := g.load(g.followers()[0])
	for _, to := range []string{"n1", "n2", "n3", "n3", ""} {
		asked := g.nodes[g.followers()[0]].node
		got, err := asked.Transfer(to)
		must(t, err)
		if to != "" && got != to || to == "" && got == "n3" {
			t.Errorf("asked for %q, %s leads", to, got)
		}
		if asked.Status().Leader != got {
			eventually(t, "leader as told", func() bool { return asked.Status().Leader == got })
		}
		l.moves()
	}
	l.finish(g.nodes["n1"].node)
}

// A node's vote can be taken away, the leader's too; then it stays a learner, through restarts, until it is
// promoted.
func TestDemoteAndPromote(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	leader := g.leader()
	must(t, g.nodes[leader].node.Demote(leader, false))
	g.becomes(leader, "learner")
	if g.leader() == leader {
		t.Error("a learner leads")
	}
	g.stopNode(leader)
	g.net.Stop(leader + ":1")
	g.start(leader)
	g.ready(leader)
	time.Sleep(5 * quick().PromoteAfter) // in which nothing may happen
	g.becomes(leader, "learner")
	g.waits("n4")
	must(t, g.nodes[leader].node.Add("n4", "n4:1", true))
	g.started("n4")
	for _, id := range []string{"n4", leader} {
		must(t, g.nodes["n4"].node.Promote(id))
		must(t, g.nodes["n4"].node.Promote(id)) // which it is already
		g.becomes(id, "voter")
	}
}

// A member that comes back under another address is found there, the leader too.
func TestMemberMoves(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	for i, id := range []string{g.followers()[0], g.leader()} {
		g.stopNode(id)
		g.net.Stop(g.nodes[id].at())
		g.nodes[id].address = "moved" + strconv.Itoa(i) + ":1"
		g.start(id)
		g.ready(id)
		eventually(t, "new address of "+id, func() bool {
			for _, m := range g.nodes {
				for _, seen := range m.node.Members() {
					if seen.ID == id && seen.Address != g.nodes[id].at() {
						return false
					}
				}
			}
			return true
		})
		expect(t, ask(t, g.nodes[id].node, 1, "SET a b"), "OK")
	}
}

// A node that ran alone grows to three, under the address that it has by then, and each of them counts.
func TestLoneNodeGrows(t *testing.T) {
	t.Parallel()
	g := &groupRig{t: t, net: memnet.New(), nodes: map[string]*member{}, tuning: quick()}
	t.Cleanup(g.close)
	g.member("n1").address = "127.0.0.1:1"
	g.start("n1")
	g.ready("n1")
	ask(t, g.nodes["n1"].node, 1, "LOCK a o 600000")
	g.stopNode("n1")
	g.net.Stop("127.0.0.1:1")
	g.nodes["n1"].address = ""
	g.start("n1")
	g.ready("n1")
	g.becomes("n1", "leader")
	g.joins("n2", "n1")
	g.becomes("n2", "voter")
	g.joins("n3", "n2") // which sends it to the leader
	g.becomes("n3", "voter")
	g.kill("n1")()
	expect(t, ask(t, g.nodes["n3"].node, 1, "GET a", "LOCK a p 1000"), "o", "nil")
	g.start("n1")
	g.ready("n1")
	expect(t, ask(t, g.nodes["n1"].node, 1, "GET a"), "o")
}

// All nodes are restarted, one after another, and the clients of the others notice nothing.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	for _, id := range []string{"n1", "n2", "n3"} {
		var others []string
		for other := range g.nodes {
			if other != id {
				others = append(others, other)
			}
		}
		before := ask(t, g.nodes[others[0]].node, 98, "GET count")[0]
		l := g.load(others...)
		if n, err := strconv.ParseInt(before, 10, 64); err == nil {
			l.done.Add(n) // the clients count already
		}
		l.moves()
		g.nodes[id].node.HandOver(2 * time.Second)
		g.stopNode(id)
		g.net.Stop(g.nodes[id].at())
		l.moves()
		g.start(id)
		g.ready(id)
		l.moves()
		l.finish(g.nodes[id].node)
	}
}
