// One run: the cluster, its clients, the faults, and what is looked at afterwards.

package sim

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/sim/history"
	"github.com/divtxt/lockd/sim/report"
)

const (
	recoverWithin  = 5 * time.Second // everything works again so soon after the faults
	clientsPerNode = 5
	patience       = 60 * time.Second // after which a call without a reply is taken for lost
	rateStep       = 100 * time.Millisecond
)

// world is one run.
type world struct {
	schedule
	net       *memnet.Net
	table     *commands.Table
	machines  []*machine
	began     time.Time
	ends      sync.WaitGroup // of killed processes and other things that take their time
	stop      chan struct{}  // closed when the clients are to end
	loaded    sync.Map       // the scripts that have run, by name
	jobs      jobs
	published sync.Map // messages that were answered

	mu       sync.Mutex
	last     time.Duration // the last moment that now gave
	ops      []history.Op
	others   int   // operations that were checked without being written down
	rate     []int // operations answered in each rateStep
	problems []string
	events   []report.Event
	recovery time.Duration // the longest
	stalls   []span
	refusals []renewal
	span     time.Duration // of all
}

// newWorld makes the machines. It must be called in a bubble.
func newWorld(s schedule) *world {
	w := &world{
		schedule: s, net: memnet.New(), table: commands.New(), began: time.Now(), stop: make(chan struct{}),
		jobs: jobs{state: map[string]jobState{}},
	}
	plan := cluster.Plan{}
	for i := range s.nodes {
		id := fmt.Sprint("n", i+1)
		plan.Members = append(plan.Members, cluster.Peer{ID: id, Address: id + ":1"})
	}
	for i, peer := range plan.Members {
		w.machines = append(w.machines, &machine{
			world: w, id: peer.ID, address: peer.Address, disk: newDisk(s.diskTime, s.gapless),
			log: logger(peer.ID), plan: plan,
			clocks: newClocks(s.drift[i]), hung: make(chan struct{}), gate: newGate(),
		})
	}
	w.clearSky()
	return w
}

func logger(id string) *slog.Logger {
	if os.Getenv("LOCKD_TEST_LOG") == "" {
		return slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("on", id)
}

// now is the time since the run began. Each call gives a later one: where time is virtual, much happens in
// the same moment, and what came first would be lost.
func (w *world) now() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = max(w.last+1, time.Since(w.began))
	return w.last
}

// problem notes what a run must not see.
func (w *world) problem(format string, args ...any) {
	at := w.now().Round(time.Microsecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, fmt.Sprintf("%v: ", at)+fmt.Sprintf(format, args...))
}

// answered notes operations that are over, and how many more were checked on the spot.
func (w *world) answered(ops []history.Op, others int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ops = append(w.ops, ops...)
	w.others += others
	step := int(time.Since(w.began) / rateStep)
	for len(w.rate) <= step {
		w.rate = append(w.rate, 0)
	}
	w.rate[step] += len(ops) + others
}

// run is the whole of it.
func (w *world) run() {
	begun := time.Now()
	w.startAll()
	w.settled("at the start")
	var working sync.WaitGroup
	for i := range clientsPerNode * len(w.machines) {
		c := newClient(w, i)
		working.Go(c.run)
	}
	for i, r := range w.rounds {
		w.play(r)
		w.settled(fmt.Sprintf("after the faults of round %d", i+1))
	}
	close(w.stop)
	working.Wait()
	newClient(w, -1).drain()
	w.compare()
	w.span = time.Since(begun)
	for _, m := range w.machines {
		m.stop()
	}
	w.ends.Wait()
	time.Sleep(time.Minute) // whatever waits for a timeout is over then; synctest finds what is not
}

func (w *world) startAll() {
	var all sync.WaitGroup
	for _, m := range w.machines {
		all.Go(m.start)
	}
	all.Wait()
}

// settled waits until every node serves. Where a removal is finished meanwhile, which a leader that died had
// left half done, a node has gone for good: the cluster is made whole again then, and looked at once more.
func (w *world) settled(when string) {
	for range w.machines {
		if !w.quick() {
			w.reconcile() // a change of the members has taken effect after all
		}
		if !w.look(when) {
			return
		}
	}
	w.problem("%s one node after the other is removed", when)
}

// look looks whether every node serves soon. It asks all at the same time, for one that does not must not
// take the time of the others. left tells that one has left the cluster instead, and within that time.
func (w *world) look(when string) (left bool) {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), recoverWithin)
	defer cancel()
	var all sync.WaitGroup
	var some atomic.Bool
	for _, m := range w.machines {
		all.Go(func() {
			err := w.serves(ctx, m)
			switch {
			case err != nil && m.left():
				some.Store(true)
			case err != nil:
				w.problem("%s %s does not serve within %v: %v", when, m.id, recoverWithin, err)
			}
		})
	}
	all.Wait()
	w.recovery = max(w.recovery, time.Since(begun))
	return some.Load()
}

// serves waits until a command through a machine's node takes effect. It may be refused for a moment, as by
// one that has not heard yet that there is room again on the leader's disk.
func (w *world) serves(ctx context.Context, m *machine) error {
	n := m.running()
	if n == nil {
		return errors.New("nothing runs there")
	}
	for {
		err := w.served(ctx, n)
		if err == nil {
			return nil
		}
		if time.Sleep(10 * time.Millisecond); ctx.Err() != nil || m.left() {
			return err
		}
	}
}

// served has a node do one command.
func (w *world) served(ctx context.Context, n *cluster.Node) error {
	if err := n.Ready(ctx); err != nil {
		return fmt.Errorf("it is not ready: %w", err)
	}
	answered := make(chan resp.Value, 1)
	go func() { answered <- w.ask(n, 1<<40, "INCR ready") }()
	select {
	case reply := <-answered:
		if reply.IsError() {
			return errors.New(reply.Str())
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// compare looks whether all nodes have come to the same state. In a moment in which nothing moves those that
// have applied the same entries must be alike to the last byte, and nobody must be left who waits.
func (w *world) compare() {
	for end := time.Now().Add(recoverWithin); ; time.Sleep(20 * time.Millisecond) {
		synctest.Wait()
		var states []stateOf
		for _, m := range w.machines {
			if n := m.running(); n != nil {
				states = append(states, w.stateOf(m.id, n))
			}
		}
		index, waiting := states[0].Index, 0
		for _, s := range states {
			waiting += s.Waiters
			if s.Index != index {
				index = 0
			}
		}
		switch {
		case index > 0 && waiting == 0:
			w.alike(states)
			if n := states[0].Silenced; n > 0 && w.brief {
				w.problem("nodes were given up %d times for having been silent, though no fault was so long", n)
			}
			return
		case time.Now().After(end):
			w.problem("%v after all clients have left nodes are behind, or somebody waits: %v", recoverWithin, states)
			return
		}
	}
}

// stateOf is one node's state in a moment.
type stateOf struct {
	id string
	fsm.Stats
	bytes []byte
}

func (s stateOf) String() string {
	return fmt.Sprintf("%s: index %d, %d wait", s.id, s.Index, s.Waiters)
}

func (w *world) stateOf(id string, n *cluster.Node) stateOf {
	var b bytes.Buffer
	view := n.View()
	if err := view.Write(&b); err != nil {
		w.problem("the state of %s cannot be written: %v", id, err)
	}
	return stateOf{id, view.Stats(), b.Bytes()}
}

// alike compares states of the same index.
func (w *world) alike(states []stateOf) {
	for _, s := range states {
		if !bytes.Equal(states[0].bytes, s.bytes) {
			w.problem("%s and %s have different states at index %d", states[0].id, s.id, s.Index)
		}
	}
}

// report judges what clients saw and tells all of it. It comes after the bubble, in real time: a search for
// an order of operations is given up after a while.
func (w *world) report() report.Run {
	w.judgeRefusals()
	slices.SortStableFunc(w.ops, func(a, b history.Op) int { return cmp.Compare(a.Sent, b.Sent) })
	o := history.Options{FastBy: w.fastBy, EarlyBy: w.earlyBy}
	v := history.Judge(w.ops, o)
	if v.Inconclusive > 0 {
		w.problems = append(w.problems,
			fmt.Sprintf("the orders of %d keys are too many to try in time", v.Inconclusive))
	}
	v.Checked["pipelines"] = w.others
	r := w.blank()
	r.Spanned, r.Recovery, r.Step = w.span, w.recovery, rateStep
	r.Operations, r.Checked = len(w.ops)+w.others, v.Checked
	r.Events, r.Rate = w.events, w.rate
	r.Violations = append(w.problems, v.Violations...)
	for _, e := range w.events {
		r.Faults[e.Kind]++
	}
	if len(r.Violations) > 0 {
		r.Page = w.keep(cmp.Or(v.Worst, w.named(r.Violations)), o)
	}
	return r
}

// named is the first key that a violation names, and that clients used.
func (w *world) named(violations []string) string {
	text := strings.Join(violations, " ")
	for i := range w.ops {
		if strings.Contains(text, w.ops[i].Key) {
			return w.ops[i].Key
		}
	}
	return ""
}

// keep writes what clients saw, for who looks for the reason, and returns the interactive page of a key.
func (w *world) keep(key string, o history.Options) (page string) {
	base := filepath.Join(filepath.Dir(os.Getenv("LOCKD_RUNS")), fmt.Sprint("seed-", w.seed))
	if os.Getenv("LOCKD_RUNS") == "" {
		base = filepath.Join(os.TempDir(), fmt.Sprint("lockd-sim-seed-", w.seed))
	}
	var b bytes.Buffer
	if history.WriteOps(&b, w.ops) == nil {
		_ = os.WriteFile(base+".jsonl", b.Bytes(), 0o644) // beside a failure that is told in any case
	}
	page = base + ".html"
	if key == "" || history.WritePage(page, w.ops, key, o) != nil {
		return ""
	}
	return page
}

// any returns a machine by chance.
func (w *world) any(rng *rand.Rand) *machine { return w.machines[rng.IntN(len(w.machines))] }

// leader returns the machine whose node leads, or any.
func (w *world) leader(rng *rand.Rand) *machine {
	for _, m := range w.machines {
		if m.leads() {
			return m
		}
	}
	return w.any(rng)
}
