// The node: opening, asking, closing.

package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
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
	DiskID      string // made with the data folder
	Address     string // host:port at which other nodes reach this one
	Client      string // where clients reach it; this package only carries it
	Stores
	Network Network // to the other nodes; nil for a node that will stay alone
	Plan    Plan    // how to come to belong to a cluster at the first start
	Runner  fsm.Runner
	Effects Effects // of entries on this node's connections; nil: there are none
	Hooks
	Tuning
	Clocks
	Logger     *slog.Logger
	RaftLogger hclog.Logger
}

// Stores are where raft keeps what must last.
type Stores struct {
	Log       raft.LogStore
	Stable    raft.StableStore
	Snapshots raft.SnapshotStore
}

// Hooks are what a node asks or tells the rest of the process.
type Hooks struct {
	Fail func(error)                   // fail-stop: must not return to a node that goes on
	Free func() (left uint64, ok bool) // disk: bytes left, and whether that is enough to grow
	// RaiseIncarnation makes the incarnation greater than above, durably, and returns it: a node that joins
	// under an id which was used before must be newer than that.
	RaiseIncarnation func(above uint64) (uint64, error)
	// Removed is told that the cluster has removed this node: it must stop serving.
	Removed func(reason string)
	// Asked answers what another node asks with AskOthers; nil: nothing.
	Asked func(ctx context.Context, question []byte) ([]byte, error)
}

// Tuning is settings with figures; zero values become defaults.
type Tuning struct {
	// Heartbeat is raft's heartbeat and election timeout. An entry that is unanswered for so long stops the
	// cluster clock.
	Heartbeat     time.Duration
	NodeTimeout   time.Duration // how long a node may be silent before its places in queues are given up
	DialTimeout   time.Duration // for reaching another node
	DriftPPM      int           // how wrong an oscillator may be, in millionths
	EntryBytes    int           // of commands in an entry; a larger command goes alone
	QueueCalls    int           // commands that may wait to be cut into an entry
	QueueBytes    int
	SnapshotBytes int64         // of log between snapshots
	LogCache      int           // entries kept in memory before the log store
	PromoteAfter  time.Duration // how long a learner must have kept up before it gets a vote
	NewestEntry   int           // the newest entry version to understand; tests play older programs with it
	Limits        func() fsm.Limits
}

// Clocks are where time comes from; tests inject their own.
type Clocks struct {
	Raw       func() int64 // monotonic nanoseconds
	WallClock func() time.Time
}

// Node is one member of the group.
type Node struct {
	opts       Options
	log        *slog.Logger
	origin     fsm.Origin
	membership *Membership
	raft       *raft.Raft
	store      *snapshotStore
	transport  Transport
	outbox     *outbox
	remotes    *remotes
	replica    *replica
	clock      *clock
	failover   failover
	roster     roster
	changes    changes
	growth     growth
	pen        pen
	leads      atomic.Pointer[leadership]
	version    atomic.Uint32 // of the entries that this node would write as leader
	life
	snapshots
}

// life is how a node begins and ends.
type life struct {
	notices  chan bool     // raft's of its own leadership
	versions chan struct{} // has a value when members may have said which versions they know
	ready    chan struct{} // closed once the origin is registered, and what is new may be used
	stop     chan struct{}
	stopped  chan struct{} // closed when the router has ended
	ended    chan struct{} // closed when raft has ended
	wait     sync.WaitGroup
}

// snapshots says what is known about them.
type snapshots struct {
	running atomic.Bool
	last    atomic.Int64 // Unix seconds
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
	def(&o.NewestEntry, fsm.EntryVersion)
	if o.Effects == nil {
		o.Effects = noEffects{}
	}
	if o.SnapshotBytes <= 0 {
		o.SnapshotBytes = 64 << 20
	}
	span := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	span(&o.Heartbeat, 250*time.Millisecond)
	span(&o.NodeTimeout, 15*time.Second)
	span(&o.DialTimeout, time.Second)
	span(&o.PromoteAfter, 2*time.Second)
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

// Open starts a node on its stores. Where they are empty it comes to belong to a cluster first, as its plan
// says, and waits for the others until ctx ends; without a plan it becomes a group of one.
func Open(ctx context.Context, o Options) (*Node, error) {
	o.setDefaults()
	n := &Node{opts: o, log: o.Logger, changes: newChanges(), pen: newPen(), life: life{
		notices: make(chan bool, 16), versions: make(chan struct{}, 1), ready: make(chan struct{}),
		stop: make(chan struct{}), stopped: make(chan struct{}), ended: make(chan struct{}),
	}}
	if err := n.belong(ctx); err != nil {
		return nil, err
	}
	n.origin = fsm.Origin{Node: o.NodeID, Incarnation: n.opts.Incarnation}
	n.outbox = newOutbox(o.QueueCalls, o.QueueBytes)
	n.remotes = newRemotes(n.outbox.bell, o.Raw)
	n.clock = newClock(o.Raw, o.Heartbeat, o.DriftPPM)
	n.replica = newReplica(n, fsm.New(o.Runner, fsm.Knowing(o.NewestEntry)))
	n.failover.node = n
	n.leads.Store(&leadership{changed: make(chan struct{})})
	if err := n.startRaft(); err != nil {
		return nil, err
	}
	n.register()
	r := newRouter(n)
	n.wait.Add(5)
	go r.run()
	go n.observe()
	go n.tick()
	go n.compact()
	go n.tend()
	go n.lookAround()
	return n, nil
}

// register makes this start of the node known to the state, as the first of its numbered commands. The node
// is ready when its own state has it: then it knows its ordinal.
func (n *Node) register() {
	calls := n.ownCall(fsm.KindRegister, n.opts.Client, n.opts.Address, n.opts.DiskID,
		strconv.Itoa(n.opts.NewestEntry))
	calls[0].Here = true
	done := make(chan struct{}, 1)
	n.outbox.submit(newGroup(calls, done), "")
	n.wait.Go(func() {
		select {
		case <-done:
			n.awaitVersion()
			close(n.ready)
		case <-n.stop:
		}
	})
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
	case <-n.changes.out:
		return &RemovedError{n.changes.reason}
	case <-n.stop:
		return errors.New("the node was closed")
	case <-ctx.Done():
		return fmt.Errorf("no leader yet: %w", ctx.Err())
	}
}

// Submit sends calls on their way, in order, and returns at once; done, which needs room for a value, gets
// one when all have their replies.
func (n *Node) Submit(calls []fsm.Call, done chan<- struct{}) {
	n.outbox.submit(newGroup(calls, done), n.noGrowth())
}

// ReadHere answers reads at once from this node's own state, which may be behind what others have seen: that
// is what a client asks for who says READONLY.
func (n *Node) ReadHere(calls []fsm.Call) {
	r := n.replica
	for i := range calls {
		c := &calls[i]
		who := fsm.Caller{Origin: n.origin, Conn: c.Command.Conn}
		if !c.Long {
			r.state.RLock()
			c.Reply = r.machine.Read(who, &c.Command)
			r.state.RUnlock()
			continue
		}
		r.state.Lock()
		view := r.machine.View()
		r.state.Unlock()
		c.Reply = view.Read(who, &c.Command)
	}
}

// Ordinal returns a small number that no other node of the cluster has. It is 0 until this start of the node
// is registered, and on a node that is alone.
func (n *Node) Ordinal() uint64 { return n.replica.ordinal.Load() }

// Leave ends a connection that was parked, has an unread grant or listens to anything. unread says that its
// last reply was never written, so what it granted goes to the next waiter. It returns at once.
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
	n.remotes.end()
	err := n.raft.Shutdown().Error()
	close(n.ended)
	n.wait.Wait()
	return err
}

// noGrowth says why nothing may grow; empty when all is well.
func (n *Node) noGrowth() string {
	left, ok := n.opts.Free()
	if ok {
		return ""
	}
	return fmt.Sprintf("OOM disk full: only %d MiB are left on the data folder's disk of node %s, below "+
		"min-free-disk; reads, renewals and releases still work; free some space", left>>20, n.opts.NodeID)
}

// progress is how far this node has come, for its leader.
func (n *Node) progress() progress { return progress{n.raft.AppliedIndex(), n.raft.LastIndex()} }

func (n *Node) stopping() bool {
	select {
	case <-n.stop:
		return true
	default:
		return false
	}
}

// giveUpParked tells those who wait for a lock on this node's connections that they do not any longer.
func (n *Node) giveUpParked(text string) {
	n.outbox.giveUp(text, func(c *call) bool { return c.answered }, n.leaveUnread)
}

// leaveUnread ends a connection that has given up waiting: if it was granted the lock meanwhile, nobody
// knows.
func (n *Node) leaveUnread(conn uint64) { n.Leave(conn, true) }

// Withdraw answers the commands that have waited for longer than that and were never sent to a leader: they
// were surely not done.
func (n *Node) Withdraw(longer time.Duration) { n.outbox.withdraw(time.Now().Add(-longer)) }

func (n *Node) limits() fsm.Limits { return n.opts.Limits() }

// Status is what a node tells about itself.
type Status struct {
	fsm.Stats
	Work
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
		LastIndex: n.raft.LastIndex(), Snapshotting: n.running.Load(),
		LastSnapshot: n.last.Load(), LogBytes: n.replica.logged.Load(),
		LogEntries: n.replica.entries.Load(),
	}
	s.Leader, s.Work = string(n.leads.Load().leader), n.work()
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
