// The whole of load and checks is shown a server that really forgets.

package real

import (
	"testing"
	"time"

	"github.com/divtxt/lockd/sim/history"
)

// TestForgetfulServerIsFound kills a node that keeps its log in memory: the checks must tell that acknowledged
// grants are gone, and that tokens and counters begin anew.
func TestForgetfulServerIsFound(t *testing.T) {
	onRequest(t)
	c := newCluster(t, "--log-store", "memory")
	if err := c.Form(1); err != nil {
		t.Fatal(err)
	}
	load := StartLoad(12, 1, c.Targets())
	n := c.Nodes[0]
	await(t, "200 answers", func() bool { return load.Served(n.ID) > 200 })
	n.Kill()
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	if err := n.AwaitServing(patience); err != nil {
		t.Fatal(err)
	}
	served := load.Served(n.ID)
	await(t, "200 answers after the restart", func() bool { return load.Served(n.ID) > served+200 })
	load.Stop()
	load.Drain(patience)
	holds, gone := history.Holdings(load.History.Ops(), history.Options{})
	ops := load.History.Ops()
	for name, found := range map[string][]string{
		"gone": gone, "tokens": history.CheckTokens(holds), "counters": history.CheckCounters(ops), "errors": history.CheckErrors(ops, nil),
	} {
		if len(found) == 0 {
			t.Errorf("the server forgot everything, and nothing was found about %s", name)
		}
	}
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s after %v", what, patience)
		}
	}
}
