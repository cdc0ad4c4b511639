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

// refusal wants an error with all of the words.
func refusal(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
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
