package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
)

// rig is a node over stores in memory that outlive it, so that it can be started again on them.
type rig struct {
	t           *testing.T
	log         raft.LogStore
	stable      raft.StableStore
	snapshots   raft.SnapshotStore
	raw         func() int64
	tuning      Tuning
	free        func() (uint64, bool)
	incarnation uint64
	node        *Node
}

func newRig(t *testing.T) *rig {
	return &rig{
		t: t, log: raft.NewInmemStore(), stable: raft.NewInmemStore(), snapshots: raft.NewInmemSnapshotStore(),
	}
}

// start starts the node, as a new incarnation.
func (r *rig) start() *Node {
	r.t.Helper()
	r.incarnation++
	n, err := Open(r.t.Context(), Options{
		NodeID: "n1", Incarnation: r.incarnation, Address: "n1:1", DiskID: "disk-1",
		Stores: Stores{r.log, r.stable, r.snapshots}, Runner: commands.New(),
		Hooks:  Hooks{Fail: func(err error) { r.t.Errorf("fail-stop: %v", err) }, Free: r.free},
		Tuning: r.tuning, Clocks: Clocks{Raw: r.raw},
		Logger:     slog.New(slog.NewTextHandler(io.Discard, nil)),
		RaftLogger: hclog.NewNullLogger(),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.node = n
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.Ready(ctx); err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (r *rig) stop() {
	r.t.Helper()
	if err := r.node.Close(); err != nil {
		r.t.Fatal(err)
	}
}

func started(t *testing.T) *Node {
	r := newRig(t)
	r.start()
	t.Cleanup(r.stop)
	return r.node
}

// callOf makes a call of words; reads are known by their name.
func callOf(conn uint64, line string) fsm.Call {
	var words [][]byte
	for _, w := range strings.Fields(line) {
		words = append(words, []byte(w))
	}
	read := strings.HasPrefix(line, "GET ") || strings.HasPrefix(line, "PTTL ")
	return fsm.Call{Command: fsm.Command{Conn: conn, Words: words}, Read: read, Grows: !read &&
		!strings.HasPrefix(line, "UNLOCK") && !strings.HasPrefix(line, "RENEW")}
}

// pipeline submits lines together and returns their replies.
func pipeline(n *Node, conn uint64, lines ...string) []string {
	calls := make([]fsm.Call, len(lines))
	for i, l := range lines {
		calls[i] = callOf(conn, l)
	}
	done := make(chan struct{}, 1)
	n.Submit(calls, done)
	<-done
	var out []string
	for i := range calls {
		v := calls[i].Reply
		switch {
		case v.IsNull():
			out = append(out, "nil")
		case v.Str() != "":
			out = append(out, v.Str())
		default:
			out = append(out, strconv.FormatInt(v.Num(), 10))
		}
	}
	return out
}

func one(n *Node, line string) string { return pipeline(n, 1, line)[0] }

func expectReplies(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Fatalf("replies %q, want %q", got, want)
	}
}

func TestPipelineIsAnsweredInOrder(t *testing.T) {
	n := started(t)
	expectReplies(t, pipeline(n, 1, "GET a", "SET a 1", "GET a", "SET a 2", "GET a"),
		"nil", "OK", "1", "OK", "2")
	expectReplies(t, pipeline(n, 1, "GET a", "GET b"), "2", "nil")
}

// What a node acknowledged is there after it was stopped and started again, and tokens go on from where
// they were.
func TestStateSurvivesARestart(t *testing.T) {
	r := newRig(t)
	n := r.start()
	expectReplies(t, pipeline(n, 1, "LOCK a o 60000", "LOCK b o 60000"), "1", "2")
	r.stop()
	n = r.start()
	expectReplies(t, pipeline(n, 1, "GET a", "LOCK b x 1000", "LOCK c x 1000"), "o", "nil", "3")
	if err := n.Snapshot(); err != nil {
		t.Fatal(err)
	}
	expectReplies(t, pipeline(n, 1, "LOCK d x 1000"), "4")
	r.stop()
	n = r.start()
	defer r.stop()
	expectReplies(t, pipeline(n, 1, "GET a", "GET d", "LOCK e x 1000"), "o", "x", "5")
}

// Downtime does not count: a lock has its whole rest when the node comes back, however long it was away.
func TestTimeStandsStillWhileDown(t *testing.T) {
	t.Parallel()
	h := &steps{}
	r := newRig(t)
	r.raw = h.read
	n := r.start()
	one(n, "LOCK a o 10000")
	h.run(3 * time.Second)
	r.stop()
	h.at.Add(int64(time.Hour))
	n = r.start()
	defer r.stop()
	left, err := strconv.Atoi(one(n, "PTTL a"))
	if err != nil || left < 6900 || left > 10000 {
		t.Fatalf("%d ms are left of 10000 after 3 s up and an hour down: %v", left, err)
	}
}

// steps is a raw clock that a test moves in steps while the node's ticker reads it.
type steps struct{ at atomic.Int64 }

func (s *steps) read() int64 { return s.at.Load() }

// run lets d pass in steps that each are seen by the clock: the ticker reads it in real time, so that a
// second of this takes about a quarter of a second.
func (s *steps) run(d time.Duration) {
	for ; d > 0; d -= maxStep {
		s.at.Add(int64(maxStep))
		time.Sleep(tickEvery + 10*time.Millisecond)
	}
}

// A lock is never gone before its time, and is gone soon after, with nobody else at work on the node.
func TestLockEndsOnTime(t *testing.T) {
	n := started(t)
	begun := time.Now()
	one(n, "LOCK a o 300")
	for one(n, "GET a") == "o" {
		time.Sleep(time.Millisecond)
	}
	if took := time.Since(begun); took < 300*time.Millisecond || took > 5*time.Second {
		t.Fatalf("a lock of 300 ms was gone after %v", took)
	}
}

// A key that lives until a date is there in the whole millisecond of that date, as in Redis, however the
// milliseconds of the cluster clock lie to those of the wall clock.
func TestDatesAreNotEarly(t *testing.T) {
	n := started(t)
	for i := range 100 {
		time.Sleep(time.Duration(i) * 37 * time.Microsecond)
		end := time.Now().UnixMilli() + 5
		one(n, fmt.Sprintf("SET a o PXAT %d", end))
		for one(n, "GET a") == "o" {
		}
		if at := time.Now().UnixMicro(); at/1000 <= end {
			t.Fatalf("gone %d us before the end of its last millisecond", (end+1)*1000-at)
		}
	}
}

// A waiter gets the lock when its holder's time is over, though no other command comes.
func TestWaiterIsServedByExpiry(t *testing.T) {
	n := started(t)
	one(n, "LOCK a o 200")
	begun := time.Now()
	if got := pipeline(n, 2, "LOCK a p 1000 WAIT 5000")[0]; got != "2" {
		t.Fatalf("waiter got %q, want token 2", got)
	}
	if took := time.Since(begun); took < 150*time.Millisecond || took > 5*time.Second {
		t.Fatalf("the waiter was served after %v, want about 200 ms", took)
	}
}

func TestWaiterGivesUpInTime(t *testing.T) {
	n := started(t)
	one(n, "LOCK a o 60000")
	begun := time.Now()
	if got := pipeline(n, 2, "LOCK a p 1000 WAIT 200")[0]; got != "nil" {
		t.Fatalf("got %q, want nil", got)
	}
	if took := time.Since(begun); took < 200*time.Millisecond || took > 5*time.Second {
		t.Fatalf("gave up after %v, want about 200 ms", took)
	}
}

func TestWaitersAreServedInOrder(t *testing.T) {
	n := started(t)
	one(n, "LOCK a o 60000")
	const waiters = 50
	var mu sync.Mutex
	var order []int
	var wait sync.WaitGroup
	for i := range waiters {
		wait.Add(1)
		go func() {
			defer wait.Done()
			pipeline(n, uint64(10+i), fmt.Sprintf("LOCK a w%d 60000 WAIT 60000", i))
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			pipeline(n, uint64(1000+i), fmt.Sprintf("UNLOCK a w%d", i))
		}()
		for n.Status().Waiters != i+1 {
			time.Sleep(time.Millisecond)
		}
	}
	one(n, "UNLOCK a o")
	wait.Wait()
	for i, w := range order {
		if w != i {
			t.Fatalf("served in the order %v", order)
		}
	}
}

// A connection that ends while it waits loses its place, and a grant that nobody read goes on.
func TestLeavingFreesThePlace(t *testing.T) {
	n := started(t)
	one(n, "LOCK a o 60000")
	left := make(chan struct{}, 1)
	calls := []fsm.Call{callOf(2, "LOCK a p 60000 WAIT 60000")}
	n.Submit(calls, left)
	for n.Status().Waiters != 1 {
		time.Sleep(time.Millisecond)
	}
	n.Leave(2, true)
	<-left
	if n.Status().Waiters != 0 {
		t.Fatal("the waiter is still there")
	}
	// The same, but it was granted before it left.
	n.Submit(calls, left)
	for n.Status().Waiters != 1 {
		time.Sleep(time.Millisecond)
	}
	one(n, "UNLOCK a o")
	<-left
	n.Leave(2, true)
	expectReplies(t, pipeline(n, 3, "LOCK a q 60000", "GET a"), "3", "q")
}

func TestUnblock(t *testing.T) {
	n := started(t)
	one(n, "LOCK a o 60000")
	done := make(chan struct{}, 1)
	calls := []fsm.Call{callOf(2, "LOCK a p 60000 WAIT 60000")}
	n.Submit(calls, done)
	for n.Status().Waiters != 1 {
		time.Sleep(time.Millisecond)
	}
	if n.Unblock(9, false) {
		t.Error("unblocked a connection that does not wait")
	}
	if !n.Unblock(2, true) {
		t.Error("could not unblock one that waits")
	}
	<-done
	if !strings.HasPrefix(calls[0].Reply.Str(), "UNBLOCKED ") {
		t.Errorf("reply %q", calls[0].Reply.Str())
	}
}

// A full queue refuses clearly, and takes again when it has room.
func TestQueueIsBounded(t *testing.T) {
	r := newRig(t)
	r.tuning.QueueCalls = 8
	r.log = &gatedStore{LogStore: r.log}
	n := r.start()
	defer r.stop()
	gate := r.log.(*gatedStore)
	gate.shut()
	dones := make([]chan struct{}, 40)
	calls := make([][]fsm.Call, len(dones))
	for i := range dones {
		dones[i] = make(chan struct{}, 1)
		calls[i] = []fsm.Call{callOf(uint64(i), "SET k v")}
		n.Submit(calls[i], dones[i])
	}
	gate.open()
	refused := 0
	for i := range dones {
		<-dones[i]
		if strings.HasPrefix(calls[i][0].Reply.Str(), "TRYAGAIN the queue is full") {
			refused++
		}
	}
	if refused == 0 || refused == len(dones) {
		t.Fatalf("%d of %d were refused", refused, len(dones))
	}
	if got := one(n, "GET k"); got != "v" {
		t.Fatalf("afterwards GET answers %q", got)
	}
}

// gatedStore holds back writes while it is shut.
type gatedStore struct {
	raft.LogStore
	mu sync.Mutex
}

func (g *gatedStore) shut() { g.mu.Lock() }
func (g *gatedStore) open() { g.mu.Unlock() }

func (g *gatedStore) StoreLogs(logs []*raft.Log) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.LogStore.StoreLogs(logs)
}

// StoreLog is not used by raft's leader but is part of the interface.
func (g *gatedStore) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

func TestFullDiskRefusesGrowthOnly(t *testing.T) {
	var full atomic.Bool
	r := newRig(t)
	r.free = func() (uint64, bool) { return 7 << 20, !full.Load() }
	n := r.start()
	defer r.stop()
	one(n, "LOCK a o 60000")
	full.Store(true)
	got := pipeline(n, 1, "LOCK b o 1000", "RENEW a o 60000", "GET a", "UNLOCK a o")
	if !strings.HasPrefix(got[0], "OOM disk full: only 7 MiB") {
		t.Errorf("LOCK on a full disk answers %q", got[0])
	}
	expectReplies(t, got[2:], "o", "1")
	if left, _ := strconv.Atoi(got[1]); left < 59000 {
		t.Errorf("RENEW on a full disk answers %q", got[1])
	}
	full.Store(false)
	expectReplies(t, pipeline(n, 1, "LOCK b o 1000"), "2")
}

// flakyStore fails some writes: before they are stored, or after, when the outcome is unknown.
type flakyStore struct {
	raft.LogStore
	calls atomic.Int64
	every int64
}

var errFlaky = errors.New("flaky store")

func (f *flakyStore) StoreLogs(logs []*raft.Log) error {
	n := f.calls.Add(1)
	if n%f.every == 0 {
		return errFlaky
	}
	if err := f.LogStore.StoreLogs(logs); err != nil {
		return err
	}
	if n%f.every == f.every/2 {
		return errFlaky
	}
	return nil
}

func (f *flakyStore) StoreLog(l *raft.Log) error { return f.StoreLogs([]*raft.Log{l}) }

// Commands whose entries fail are sent again under the same numbers: each counts once, each gets its true
// reply, in the order of its connection. (In a server the stores stop the process at the first error; a
// cluster loses leaders the same way.)
func TestExactlyOnceThroughSetbacks(t *testing.T) {
	r := newRig(t)
	flaky := &flakyStore{LogStore: r.log, every: 10}
	r.log = flaky
	n := r.start()
	defer r.stop()
	const conns, each = 8, 60
	var wait sync.WaitGroup
	for c := range conns {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := 1; i <= each; i++ {
				own := fmt.Sprintf("own%d", c)
				got := pipeline(n, uint64(c+1), "INCR "+own, "INCR all", "GET "+own)
				if want := strconv.Itoa(i); got[0] != want || got[2] != want {
					t.Errorf("connection %d, round %d: %q", c, i, got)
					return
				}
			}
		}()
	}
	wait.Wait()
	if got := one(n, "GET all"); got != strconv.Itoa(conns*each) {
		t.Fatalf("%s increments took effect, %d were acknowledged", got, conns*each)
	}
	if n := flaky.calls.Load(); n < 2*flaky.every {
		t.Fatalf("only %d writes: too few of them failed to show anything", n)
	}
}

// A node that stops answers everything: what was surely not done says so, what may have been says that.
func TestCloseAnswersEverything(t *testing.T) {
	r := newRig(t)
	n := r.start()
	one(n, "LOCK a o 60000")
	parked := make(chan struct{}, 1)
	calls := []fsm.Call{callOf(2, "LOCK a p 1000 WAIT 60000")}
	n.Submit(calls, parked)
	for n.Status().Waiters != 1 {
		time.Sleep(time.Millisecond)
	}
	r.stop()
	<-parked
	if !strings.HasPrefix(calls[0].Reply.Str(), "UNKNOWN ") {
		t.Errorf("a parked command was answered %q", calls[0].Reply.Str())
	}
	if got := one(n, "SET b 1"); !strings.HasPrefix(got, "TRYAGAIN ") {
		t.Errorf("a closed node answered %q", got)
	}
	// The new incarnation has taken the old one's waiter out of the queue.
	n = r.start()
	defer r.stop()
	if w := n.Status().Waiters; w != 0 {
		t.Errorf("%d waiters of the old incarnation are left", w)
	}
}

// A snapshot and the log that goes with it are taken by bytes of log, without being asked for.
func TestSnapshotsByBytesOfLog(t *testing.T) {
	r := newRig(t)
	r.tuning.SnapshotBytes = 20 << 10
	n := r.start()
	for i := range 400 {
		one(n, fmt.Sprintf("SET key%d %s", i, strings.Repeat("v", 100)))
	}
	for range 100 {
		if n.Status().LastSnapshot != 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	list, err := r.snapshots.List()
	if err != nil || len(list) == 0 {
		t.Fatalf("no snapshot was taken: %v", err)
	}
	r.stop()
	n = r.start()
	defer r.stop()
	if got := one(n, "GET key399"); len(got) != 100 {
		t.Fatalf("after the restart GET answers %q", got)
	}
}

// Long reads see one state, and do not hold up what comes after them.
func TestLongReadsSeeOneState(t *testing.T) {
	n := started(t)
	for i := range 200 {
		one(n, fmt.Sprintf("SET key%d v", i))
	}
	var wait sync.WaitGroup
	stop := make(chan struct{})
	wait.Add(1)
	go func() {
		defer wait.Done()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				pipeline(n, 7, "MSET key0 "+strconv.Itoa(i)+" key199 "+strconv.Itoa(i))
			}
		}
	}()
	for range 100 {
		call := fsm.Call{Read: true, Long: true, Command: fsm.Command{
			Conn: 3, Words: [][]byte{[]byte("MGET"), []byte("key0"), []byte("key199")}}}
		calls := []fsm.Call{call}
		done := make(chan struct{}, 1)
		n.Submit(calls, done)
		<-done
		pair := calls[0].Reply.List()
		if pair[0].Str() != pair[1].Str() {
			t.Fatalf("a long read saw %q and %q of one MSET", pair[0].Str(), pair[1].Str())
		}
	}
	close(stop)
	wait.Wait()
}

// A data folder that was copied and whose original has run since must not be used: the numbers of its
// commands are taken, so they would be skipped without a word.
func TestCopiedFolderIsNoticed(t *testing.T) {
	for _, snapshot := range []bool{false, true} {
		r := newRig(t)
		n := r.start()
		one(n, "SET a 1")
		if snapshot {
			if err := n.Snapshot(); err != nil {
				t.Fatal(err)
			}
		}
		r.stop()
		noticed := make(chan error, 10)
		n, err := Open(t.Context(), Options{
			NodeID: "n1", Incarnation: r.incarnation, Address: "n1:1", DiskID: "disk-1",
			Stores: Stores{r.log, r.stable, r.snapshots}, Runner: commands.New(),
			Hooks:      Hooks{Fail: func(err error) { noticed <- err }},
			Logger:     slog.New(slog.DiscardHandler),
			RaftLogger: hclog.NewNullLogger(),
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-noticed:
			if !errors.Is(err, errCopiedFolder) {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("not noticed, with a snapshot: %v", snapshot)
		}
		_ = n.Close() // it would have ended
	}
}
