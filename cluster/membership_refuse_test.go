package cluster_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
)

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

// What cannot go well is refused in words that say what to do, through any node, and changes nothing.
func TestRefusedChanges(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	g.waits("n4")
	g.waits("n5")
	other := &groupRig{t: t, net: g.net, nodes: map[string]*member{}}
	other.form("o1")
	for _, n := range []*cluster.Node{g.nodes[g.leader()].node, g.nodes[g.followers()[0]].node} {
		refusal(t, n.Add("n4", "n9:1", false), "nothing listens at n9:1", "--join wait")
		refusal(t, n.Add("n4", "n5:1", false), "the node at n5:1 is n5, not n4", "--node-id n4")
		refusal(t, n.Add("n3", "n3:1", false), "n3 at n3:1 is a member already")
		refusal(t, n.Add("o1", "o1:1", false), "o1 at o1:1 belongs to cluster", "empty --dir")
		for _, err := range []error{n.Remove("n9", true), n.Promote("n9"), n.Demote("n9", false)} {
			refusal(t, err, `no member "n9"`, "n1 at n1:1, n2 at n2:1, n3 at n3:1")
		}
		_, err := n.Transfer("n9")
		refusal(t, err, `no member "n9"`)
	}
	if got := roles(g.nodes["n1"].node); strings.Count(got, "n") != 3 || strings.Contains(got, "learner") {
		t.Errorf("members are now %s", got)
	}
	must(t, g.nodes["n1"].node.Add("n4", "n4:1", true))
	g.started("n4")
	_, err := g.nodes["n1"].node.Transfer("n4")
	refusal(t, err, "n4 is a learner", "RAFT.PROMOTE n4")
	must(t, g.nodes["n1"].node.Add("n5", "n5:1", false)) // or its start goes on after the test
	g.started("n5")
}

// Whoever would take the cluster's majority away is stopped, unless he insists.
func TestTooFewVotersLeft(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	leader, f := g.leader(), g.followers()
	defer g.kill(f[0])()
	n := g.nodes[leader].node
	eventually(t, "silence of "+f[0], func() bool { return strings.Contains(ups(n), f[0]+"-") })
	for _, err := range []error{n.Remove(f[1], false), n.Demote(f[1], false), n.Remove(leader, false)} {
		refusal(t, err, "only 1 of them are up, which is no majority of 2", "FORCE", f[0])
	}
	_, err := n.Transfer(f[0])
	refusal(t, err, "nothing has been heard", f[0])
	must(t, n.Remove(f[0], false)) // who is down anyway can always go
	must(t, n.Remove(f[1], false)) // and of two that are up, one is a majority of what is left
	refusal(t, n.Remove(leader, true), leader+" is the only voter")
	refusal(t, n.Demote(leader, true), leader+" is the only voter")
	expect(t, ask(t, n, 1, "SET a b"), "OK")
}

// ups is who is up, as a node sees it: "n1+ n2-".
func ups(n *cluster.Node) string {
	var words []string
	for _, m := range n.Members() {
		if m.Up {
			words = append(words, m.ID+"+")
		} else {
			words = append(words, m.ID+"-")
		}
	}
	return strings.Join(words, " ")
}

// FORCE does what it says: the cluster stands still until the others are back.
func TestForcedRemoval(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	leader, f := g.leader(), g.followers()
	wait := g.kill(f[0])
	n := g.nodes[leader].node
	eventually(t, "silence of "+f[0], func() bool { return strings.Contains(ups(n), f[0]+"-") })
	done := make(chan error, 1)
	go func() { done <- n.Remove(f[1], true) }()
	g.isRemoved(f[1])
	wait()
	g.start(f[0])
	<-done // it may not know how it went
	expect(t, ask(t, n, 1, "SET a b"), "OK")
	eventually(t, "two members", func() bool { return len(n.Members()) == 2 })
}

// A node that has lost its disk is not let in under its name before the old one was removed. Then it is, and
// the old disk stays out, should it come back.
func TestWipedDisk(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	f := g.followers()
	g.kill(f[0])()
	old := g.nodes[f[0]]
	delete(g.nodes, f[0])
	wiped := g.member(f[0])
	wiped.disk = "another disk"
	_, err := g.join(f[0], f[1])
	refusal(t, err, "has a member "+f[0]+" with another data folder", "RAFT.REMOVE "+f[0])
	g.net.Stop(wiped.at())
	must(t, g.nodes[f[1]].node.Remove(f[0], false))
	g.joins(f[0], f[1])
	g.becomes(f[0], "voter")
	if wiped.incarnation <= old.incarnation {
		t.Errorf("the new %s has incarnation %d, the old one had %d", f[0], wiped.incarnation, old.incarnation)
	}
	expect(t, ask(t, wiped.node, 1, "SET a b", "GET a"), "OK", "b")

	old.address = "elsewhere:1"
	n, err := g.open(old)
	must(t, err)
	defer g.net.Stop(old.at())
	defer g.end(f[0], n)
	select {
	case reason := <-old.removed:
		refusal(t, &cluster.RemovedError{Reason: reason}, f[0]+" was replaced", "another disk")
	case <-time.After(10 * time.Second):
		t.Fatal("the old disk goes on")
	}
	expect(t, ask(t, wiped.node, 1, "GET a"), "b")
}

// A disk that was removed does not come back, though nothing on it says so.
func TestRemovedDiskAsksToJoin(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	f := g.followers()
	must(t, g.nodes[g.leader()].node.Remove(f[0], false))
	g.isRemoved(f[0])
	g.member(f[0]) // empty stores, the same disk
	_, err := g.join(f[0], f[1])
	refusal(t, err, "is the one that was removed", "empty --dir")
}

// Nodes of which some are reached by their own machine alone make no cluster.
func TestLoopbackIsNoBase(t *testing.T) {
	t.Parallel()
	g := &groupRig{t: t, net: memnet.New(), nodes: map[string]*member{}, tuning: quick()}
	g.member("n1").address = "127.0.0.1:1"
	t.Cleanup(g.close)
	g.start("n1")
	g.ready("n1")
	_, err := g.join("n2", "n1")
	refusal(t, err, "n1 at 127.0.0.1:1 is reached by its own machine alone", "--advertise")
	g.net.Stop("n2:1")
	g.member("n3").address = "127.0.0.1:3"
	g.joins("n3", "n1")
}

// Changes that are asked for at the same moment are made one after another, and none undoes another one.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	joining := []string{"n4", "n5", "n6"}
	var all sync.WaitGroup
	for _, id := range joining {
		m := g.member(id)
		m.plan = &cluster.Plan{Join: []string{"n1:1", "n2:1"}}
		all.Go(func() {
			n, err := g.open(m)
			if err != nil {
				t.Errorf("join of %s: %v", id, err)
			}
			m.node = n
		})
	}
	for _, id := range []string{"n1", "n2", "n3"} {
		all.Go(func() {
			if err := g.nodes[id].node.Demote("n2", false); err != nil {
				t.Errorf("through %s: %v", id, err)
			}
		})
	}
	all.Wait()
	for _, id := range joining {
		g.becomes(id, "voter")
	}
	g.becomes("n2", "learner")
	expect(t, ask(t, g.nodes["n5"].node, 1, "SET a b"), "OK")
}
