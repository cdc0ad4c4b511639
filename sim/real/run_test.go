// How a scenario runs: a cluster, clients at work, something that happens, and the checks.

package real

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/divtxt/lockd/sim/history"
)

// binary builds lockd once for all scenarios; LOCKD_FAULTS_BINARY names one to use instead.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("LOCKD_FAULTS_BINARY"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "lockd-faults-bin-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "lockd")
	out, err := exec.Command("go", "build", "-o", path, "github.com/divtxt/lockd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

var built string // the folder of the binary, if it was needed

// TestMain removes the binary. It is also the main function of puppets.
func TestMain(m *testing.M) {
	if addr := os.Getenv(puppetAt); addr != "" {
		if err := Puppet(addr, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "puppet:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// long tells whether LOCKD_FAULTS=long asks for longer runs.
func long() bool { return os.Getenv("LOCKD_FAULTS") == "long" }

// times is how often a scenario repeats its fault.
func times(usual, whenLong int) int {
	if long() {
		return whenLong
	}
	return usual
}

// onRequest lets a scenario run only where LOCKD_FAULTS is set, as the CI step `faults` does.
func onRequest(t *testing.T) {
	t.Helper()
	if os.Getenv("LOCKD_FAULTS") == "" {
		t.Skip("LOCKD_FAULTS=1 runs the scenarios with real processes")
	}
}

// scenario is a cluster under load.
type scenario struct {
	*testing.T
	*Cluster
	load    *Load
	seed    uint64
	mu      sync.Mutex
	excuses []*history.Excuse
	slowest time.Duration // what an operation without excuse may take
}

// newCluster makes an empty cluster, whose logs are kept if the test fails.
func newCluster(t *testing.T, args ...string) *Cluster {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "lockd-faults-")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{Dir: dir, Bin: bin, Args: args}
	t.Cleanup(func() {
		c.Close()
		if bad := c.Crashes(); len(bad) > 0 {
			t.Error(bad)
		}
		if !t.Failed() {
			_ = os.RemoveAll(dir)
			return
		}
		for _, n := range c.Nodes {
			t.Log(n.Tail(30))
		}
		t.Logf("all logs and data are kept in %s", dir)
	})
	return c
}

// begin starts a cluster of so many nodes, and the clients, and waits until these work on all nodes.
func begin(t *testing.T, nodes int, args ...string) *scenario {
	t.Helper()
	return beginOn(t, newCluster(t, args...), nodes)
}

func beginOn(t *testing.T, c *Cluster, nodes int) *scenario {
	t.Helper()
	if err := c.Form(nodes); err != nil {
		t.Fatal(err)
	}
	return underLoad(t, c)
}

// underLoad starts the clients of a cluster that serves.
func underLoad(t *testing.T, c *Cluster) *scenario {
	t.Helper()
	s := &scenario{T: t, Cluster: c, slowest: 5 * time.Second}
	seed := rand.Uint64()
	if n, err := strconv.ParseUint(os.Getenv("LOCKD_SEED"), 10, 64); err == nil {
		seed = n
	}
	s.seed = seed
	t.Logf("LOCKD_SEED=%d", seed)
	s.load = StartLoad(18, seed, c.Targets())
	t.Cleanup(func() {
		if !s.load.stopping() { // a failure; what clients saw until now may tell why
			s.load.Stop()
			s.judge(nil)
		}
	})
	s.settle()
	return s
}

func (s *scenario) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// leader is the node that leads now.
func (s *scenario) leader(but ...*Node) *Node {
	s.Helper()
	n, err := s.Leader(but...)
	s.must(err)
	return n
}

func (s *scenario) follower() *Node {
	s.Helper()
	n, err := s.Follower()
	s.must(err)
	return n
}

// excuse lets operations through a node fail until the function that it returns is called.
func (s *scenario) excuse(n *Node, closedOnly bool) (end func()) {
	e := &history.Excuse{Node: n.ID, From: s.load.History.Now(), ClosedOnly: closedOnly}
	s.mu.Lock()
	s.excuses = append(s.excuses, e)
	s.mu.Unlock()
	return func() { e.To = s.load.History.Now() }
}

// settle waits until clients have got so many more answers from each node that they talk to, but those given.
func (s *scenario) settle(but ...*Node) {
	s.Helper()
	const answers = 40
	type count struct {
		node string
		want int64
	}
	var counts []count
	for _, target := range *s.load.targets.Load() {
		if !slices.ContainsFunc(but, func(n *Node) bool { return n.ID == target.ID }) {
			counts = append(counts, count{target.ID, s.load.Served(target.ID) + answers})
		}
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		counts = slices.DeleteFunc(counts, func(c count) bool { return s.load.Served(c.node) >= c.want })
		if len(counts) == 0 {
			return
		}
		if time.Now().After(end) {
			s.Fatalf("%s does not answer %d operations in %v", counts[0].node, answers, patience)
		}
	}
}

// goOn lets the clients work for a while: the one thing here that is about time and not about events.
func (s *scenario) goOn(d time.Duration) {
	if long() {
		d *= 5
	}
	time.Sleep(d)
}

// restart starts a node again and ends its excuse once it serves.
func (s *scenario) restart(n *Node, excused func()) {
	s.Helper()
	s.must(n.Start())
	s.must(n.AwaitServing(patience))
	excused()
}

// finish stops the clients and judges.
func (s *scenario) finish() {
	s.Helper()
	s.load.Stop()
	s.judge(s.load.Drain(patience))
}

// judge checks what the clients have seen, and adds it to what is known to be wrong.
func (s *scenario) judge(wrong []string) {
	s.Helper()
	ops := s.load.History.Ops()
	var excuses []history.Excuse
	for _, e := range s.excuses {
		excuses = append(excuses, *e)
	}
	wrong = append(wrong, history.Judge(ops, history.Options{}).Violations...)
	wrong = append(wrong, history.CheckErrors(ops, excuses)...)
	wrong = append(wrong, history.CheckSlow(ops, excuses, s.slowest)...)
	for i, w := range wrong {
		if i == 12 {
			s.Errorf("and %d more findings", len(wrong)-i)
			break
		}
		s.Error(w)
	}
	if s.Failed() {
		s.write(ops)
	}
	s.Log(summary(ops, excuses))
}

// write keeps the history beside the logs.
func (s *scenario) write(ops []history.Op) {
	f, err := os.Create(filepath.Join(s.Dir, "history.txt"))
	if err != nil {
		s.Error(err)
		return
	}
	defer f.Close()
	for i := range ops {
		fmt.Fprintln(f, &ops[i])
	}
}

// summary tells how much was seen, and how long the longest silence of the healthy nodes was.
func summary(ops []history.Op, excuses []history.Excuse) string {
	grants, unknown, worst, silence := 0, 0, time.Duration(0), time.Duration(0)
	var answers []time.Duration
	for i := range ops {
		op := &ops[i]
		switch {
		case op.Outcome == history.Unknown:
			unknown++
		case op.Kind == history.Take && op.Outcome == history.Yes:
			grants++
		}
		if !slices.ContainsFunc(excuses, func(e history.Excuse) bool { return e.Covers(op) }) {
			worst = max(worst, op.Done-op.Sent-op.Wait)
			answers = append(answers, op.Done)
		}
	}
	slices.SortFunc(answers, cmp.Compare[time.Duration])
	for i := 1; i < len(answers); i++ {
		silence = max(silence, answers[i]-answers[i-1])
	}
	return fmt.Sprintf("%d operations, %d grants, %d of unknown outcome; on healthy nodes the slowest took %v, "+
		"and nobody had an answer for %v", len(ops), grants, unknown,
		worst.Round(time.Millisecond), silence.Round(time.Millisecond))
}

// TestOneNode kills and stops a single node under load: what it acknowledged is there after each restart.
func TestOneNode(t *testing.T) {
	onRequest(t)
	s := begin(t, 1, "--snapshot-log-bytes", "1mb")
	n := s.Nodes[0]
	for i := range times(3, 20) {
		back := s.excuse(n, false)
		if i%2 == 0 {
			n.Kill()
		} else {
			_, err := n.Stop(patience)
			s.must(err)
		}
		s.restart(n, back)
		s.settle()
		s.goOn(500 * time.Millisecond)
	}
	back := s.excuse(n, false)
	s.must(n.Signal(syscall.SIGSTOP))
	s.goOn(time.Second)
	s.must(n.Signal(syscall.SIGCONT))
	s.settle()
	back()
	s.finish()
}
