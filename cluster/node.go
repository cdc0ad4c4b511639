// The node: opening, asking, closing.

package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// Options say what a node is made of.
type Options struct {
	NodeID      string
	Incarnation uint64 // rises with each start
	Log         raft.LogStore
	Stable      raft.StableStore
	Snapshots   raft.SnapshotStore
	Runner      fsm.Runner
	Fail        func(error)                   // fail-stop: must not return to a node that goes on
	Free        func() (left uint64, ok bool) // disk: bytes left, and whether that is enough to grow
	Tuning
	Clocks
	Logger     *slog.Logger
	RaftLogger hclog.Logger
}

// Tuning is settings with figures; zero values become defaults.
type Tuning struct {
	Heartbeat     time.Duration // an entry unanswered for so long stops the clock
	DriftPPM      int           // how wrong an oscillator may be, in millionths
	EntryBytes    int           // of commands in an entry; a larger command goes alone
	QueueCalls    int           // commands that may wait to be cut into an entry
	QueueBytes    int
	SnapshotBytes int64 // of log between snapshots
	LogCache      int   // entries kept in memory before the log store
	Limits        func() fsm.Limits
}

// Clocks are where time comes from; tests inject their own.
type Clocks struct {
	Raw       func() int64 // monotonic nanoseconds
	WallClock func() time.Time
}

// Node is one member of the group.
type Node struct {
	opts    Options
	log     *slog.Logger
	origin  fsm.Origin
	raft    *raft.Raft
	outbox  *outbox
	replica *replica
	clock   *clock

	leading      chan bool     // raft's notices of leadership
	ready        chan struct{} // closed once the origin is registered
	stop         chan struct{}
	stopped      chan struct{} // closed when the proposer has ended
	registered   atomic.Bool
	snapshotting atomic.Bool
	lastSnapshot atomic.Int64 // Unix seconds
	wait         sync.WaitGroup
}

func (o *Options) setDefaults() {
	def := func(n *int, to int) {
		if *n <= 0 {
			*n = to
		}
	}
	def(&o.EntryBytes, 256<<10)
	def(&o.QueueCalls, 100_000)
	def(&o.QueueBytes, 64<<20)
	def(&o.LogCache, 128)
	if o.SnapshotBytes <= 0 {
		o.SnapshotBytes = 64 << 20
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = 250 * time.Millisecond
	}
	if o.Raw == nil {
		o.Raw = RawClock
	}
	if o.WallClock == nil {
		o.WallClock = time.Now
	}
	if o.Limits == nil {
		o.Limits = func() fsm.Limits { return fsm.Limits{} }
	}
	if o.Free == nil {
		o.Free = func() (uint64, bool) { return 0, true }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// Open starts a node on its stores. Where they are empty it becomes a group of one.
func Open(o Options) (*Node, error) {
	o.setDefaults()
	n := &Node{
		opts: o, log: o.Logger, origin: fsm.Origin{Node: o.NodeID, Incarnation: o.Incarnation},
		outbox:  newOutbox(o.QueueCalls, o.QueueBytes),
		clock:   newClock(o.Raw, o.Heartbeat, o.DriftPPM),
		leading: make(chan bool, 16), ready: make(chan struct{}),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	n.outbox.seq = 1 // the registration is the first
	n.replica = newReplica(n, fsm.New(o.Runner))
	if err := n.startRaft(); err != nil {
		return nil, err
	}
	p := &proposer{node: n, clock: n.clock}
	n.wait.Add(2)
	go p.run()
	go n.tick()
	go n.compact()
	return n, nil
}

// tick keeps the clock going in small steps; a longer gap between two of them was a pause.
func (n *Node) tick() {
	defer n.wait.Done()
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-n.stop:
			return
		case <-ticker.C:
			n.clock.now()
		}
	}
}

// Ready waits until commands can be served.
func (n *Node) Ready(ctx context.Context) error {
	select {
	case <-n.ready:
		return nil
	case <-n.stop:
		return errors.New("the node was closed")
	case <-ctx.Done():
		return fmt.Errorf("no leader yet: %w", ctx.Err())
	}
}

// Submit sends calls on their way, in order, and returns at once; done, which needs room for a value, gets
// one when all have their replies.
func (n *Node) Submit(calls []fsm.Call, done chan<- struct{}) {
	noGrowth := ""
	if left, ok := n.opts.Free(); !ok {
		noGrowth = fmt.Sprintf("OOM disk full: only %d MiB are left on the data folder's disk, below "+
			"min-free-disk; reads, renewals and releases still work; free some space", left>>20)
	}
	n.outbox.submit(newGroup(calls, done), noGrowth)
}

// Leave ends a connection that was parked or has an unread grant. unread says that its last reply was never
// written, so what it granted goes to the next waiter. It returns at once.
func (n *Node) Leave(conn uint64, unread bool) {
	c := fsm.Command{Kind: fsm.KindClose, Conn: conn}
	if unread {
		c.Words = [][]byte{[]byte("UNREAD")}
	}
	n.outbox.submit(newGroup([]fsm.Call{{Command: c}}, make(chan struct{}, 1)), "")
}

// Unblock ends the waiting of a connection of this node, with an error or as if its patience had ended,
// and tells whether it was waiting.
func (n *Node) Unblock(conn uint64, withError bool) bool {
	how := "TIMEOUT"
	if withError {
		how = "ERROR"
	}
	calls := []fsm.Call{{Command: fsm.Command{
		Kind: fsm.KindUnblock, Conn: conn, Words: [][]byte{[]byte(how)}}}}
	done := make(chan struct{}, 1)
	n.Submit(calls, done)
	<-done
	return calls[0].Reply.Kind() == resp.KindInt && calls[0].Reply.Num() == 1
}

// Close hands in what is in flight and stops the node. Calls without an outcome get an error that says
// whether they were surely not done.
func (n *Node) Close() error {
	close(n.stop)
	<-n.stopped
	err := n.raft.Shutdown().Error()
	n.wait.Wait()
	return err
}

func (n *Node) stopping() bool {
	select {
	case <-n.stop:
		return true
	default:
		return false
	}
}

func (n *Node) limits() fsm.Limits { return n.opts.Limits() }

// Status is what a node tells about itself.
type Status struct {
	fsm.Stats
	Origin       fsm.Origin
	Role         string // leader, follower, candidate
	Leader       string // the leader's node id, "" if unknown
	CommitIndex  uint64
	LastIndex    uint64
	Freezes      uint64 // of the clock
	Frozen       bool
	Queued       int // commands that wait to be cut into an entry
	Snapshotting bool
	LastSnapshot int64 // Unix seconds, 0: none since start
	LogBytes     int64 // applied since the last snapshot
	LogEntries   int64 // their number
}

// Status returns figures as of the last entry applied here.
func (n *Node) Status() Status {
	s := Status{
		Origin: n.origin, Role: roleName(n.raft.State()), CommitIndex: n.raft.CommitIndex(),
		LastIndex: n.raft.LastIndex(), Snapshotting: n.snapshotting.Load(),
		LastSnapshot: n.lastSnapshot.Load(), LogBytes: n.replica.logged.Load(),
		LogEntries: n.replica.entries.Load(),
	}
	_, id := n.raft.LeaderWithID()
	s.Leader = string(id)
	s.Freezes, s.Frozen = n.clock.status()
	n.replica.mu.Lock()
	s.Stats = n.replica.stats
	n.replica.mu.Unlock()
	n.outbox.mu.Lock()
	s.Queued = n.outbox.queued
	n.outbox.mu.Unlock()
	return s
}

func roleName(s raft.RaftState) string {
	switch s {
	case raft.Leader:
		return "leader"
	case raft.Candidate:
		return "candidate"
	}
	return "follower"
}
