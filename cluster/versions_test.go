package cluster_test

import (
	"strings"
	"testing"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
	"github.com/divtxt/lockd/fsm"
)

// mixedTrio is a group of three of which one node knows nothing above the first version of entries.
func mixedTrio(t *testing.T, old string) *groupRig {
	g := &groupRig{t: t, net: memnet.New(), nodes: map[string]*member{}, tuning: quick()}
	g.member(old).tuning.NewestEntry = 1
	g.form("n1", "n2", "n3")
	return g
}

func (g *groupRig) version(want int) {
	g.t.Helper()
	for id, m := range g.nodes {
		if m.node != nil {
			eventually(g.t, "entries of the version wanted on "+id, func() bool {
				return m.node.Figures().EntryVersion == want
			})
		}
	}
}

// As long as one node knows version 1 only, that is what is written, whoever leads, and nothing newer is
// meant.
func TestOlderNodeInTheCluster(t *testing.T) {
	t.Parallel()
	g := mixedTrio(t, "n3")
	g.waits("n4")
	for _, leader := range []string{"n3", "n1"} {
		_, err := g.nodes["n2"].node.Transfer(leader)
		must(t, err)
		time.Sleep(500 * time.Millisecond) // the leader looks at the versions each 200 ms
		for id, m := range g.nodes {
			if m.node != nil {
				expect(t, ask(t, m.node, 1, "LOCK "+id+leader+" o 60000", "GET none")[1:], "nil")
			}
		}
		refusal(t, g.nodes["n1"].node.Add("n4", "n4:1", false), "n3 (knows version 1)", "start a newer lockd there")
		refusal(t, g.nodes["n2"].node.Remove("n1", false), "n3 (knows version 1)")
		g.version(1)
	}
	g.stopNode("n3")
	g.net.Stop("n3:1")
	g.nodes["n3"].tuning.NewestEntry = 0
	g.start("n3")
	g.ready("n3")
	ask(t, g.nodes["n3"].node, 1, "SET a b")
	g.version(fsm.EntryVersion)
	must(t, g.nodes["n1"].node.Add("n4", "n4:1", false))
	g.started("n4")

	// There is no way back: what it cannot read it does not skip.
	failed := make(chan error, 1)
	g.stopNode("n3")
	g.net.Stop("n3:1")
	g.nodes["n3"].tuning.NewestEntry = 1
	g.nodes["n3"].fail = func(err error) {
		select {
		case failed <- err:
		default:
		}
		<-t.Context().Done()
	}
	g.start("n3")
	select {
	case err := <-failed:
		refusal(t, err, "version 4, this program knows 1: start a newer lockd")
		g.net.Stop("n3:1") // its process would be gone: it must not lead when the others are closed
	case <-time.After(10 * time.Second):
		t.Fatal("the older node goes on")
	}
}

// An older node that is gone for good can be removed, though the log cannot say so before it is out.
func TestOlderNodeIsRemoved(t *testing.T) {
	t.Parallel()
	g := mixedTrio(t, "n3")
	g.kill("n3")()
	n := g.nodes["n1"].node
	must(t, n.Remove("n3", false))
	g.version(fsm.EntryVersion)
	eventually(t, "two members", func() bool { return !strings.Contains(roles(n), "n3") })
	g.start("n3")
	g.nodes["n3"].tuning = cluster.Tuning{}
	g.isRemoved("n3")
}

// A node that is too old is not let in.
func TestOlderNodeJoins(t *testing.T) {
	t.Parallel()
	g := quickTrio(t)
	g.member("n4").tuning.NewestEntry = 1
	_, err := g.join("n4", "n1")
	refusal(t, err, "n4 understands log entries up to version 1, and this cluster writes version", "newer lockd")
}
