// The hub: all connections of this node, and what their commands need of the rest of the server.

package session

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// Node is the way to the replicated state.
type Node interface {
	// Submit sends calls on their way, in order; done gets one value when all have their replies.
	Submit(calls []fsm.Call, done chan<- struct{})
	// ReadHere answers reads at once from what this node has, which may be older than what others have.
	ReadHere(calls []fsm.Call)
	// Withdraw answers calls that have waited for longer and were not sent to a leader.
	Withdraw(longer time.Duration)
	// Leave ends a connection that was parked; unread: its last reply was never written.
	Leave(conn uint64, unread bool)
	// Unblock ends the waiting of a connection, and tells whether it was waiting.
	Unblock(conn uint64, withError bool) bool
	// Snapshot writes the state to disk.
	Snapshot() error
	// Status is figures about the node and the state.
	Status() Status
	// Ordinal is a small number that no other node of the cluster has.
	Ordinal() uint64
}

// Status is what a node tells about itself.
type Status struct {
	fsm.Stats // of the state, as of the last entry
	Member
	Progress
	Disk
	Work
}

// Member is who the node is.
type Member struct {
	Node        string
	Incarnation uint64 // rises with each start
	DiskID      string // made with the data folder
	Role        string // leader, follower, candidate
	Leader      string // node id, "" if unknown
}

// Progress is how far it has come.
type Progress struct {
	CommitIndex uint64
	LastIndex   uint64
	Queued      int    // commands that wait to be put into an entry
	Freezes     uint64 // how often the cluster clock stood still
	Frozen      bool
}

// Disk is what it has written, and how fast that went.
type Disk struct {
	LogBytes     int64 // applied since the last snapshot
	LogEntries   int64 // their number
	Snapshotting bool
	LastSnapshot int64         // Unix seconds, 0: none since start
	SyncLast     time.Duration // what the last sync of the log took
	SyncP50      time.Duration // over the last minute or two
	SyncP99      time.Duration
	DiskFree     uint64
}

// Settings is the node's configuration as CONFIG shows and changes it. Secrets are given in the clear.
type Settings interface {
	Get(name string) (string, bool)
	Names() []string
	SetPairs(pairs []string) error // name, value, name, value, …: all or none
	Secret(name string) bool
}

// Policy is what of the settings is asked for all the time; it may change while the node runs.
type Policy struct {
	Password    func(text string) bool // nil: none is needed
	MaxKeyBytes int
	EnableFlush bool
	Debug       string // who may send DEBUG: no, local, yes
	DefaultDB   int
	SlowlogThan int64 // microseconds, -1: off
	SlowlogLen  int
	MaxClients  int
	// CommandTimeout is how long the outcome of a command may be unknown; 0: as long as it takes.
	CommandTimeout time.Duration
	LatencyAbove   int64 // milliseconds, 0: off
	MaxMemory      int64 // bytes of the state
	Notify         Events
	MaxTracked     int // keys that trackers hold; 0: no limit
}

// Wires connect a hub to the rest of the server, once that is there.
type Wires struct {
	Node     Node
	Table    *commands.Table
	Settings Settings
	Server   *resp.Server
	Topology Topology // nil: this node is alone
	Backups  Backups  // nil: none are made
	Group    Group
	Others   Others // nil: this node is alone
	Stop     func() // ends the process in an orderly way (SHUTDOWN)
}

// Hub implements resp.Handler.
type Hub struct {
	Wires
	log     *slog.Logger
	version string
	started time.Time
	policy  atomic.Pointer[Policy]
	nextID  atomic.Uint64
	stats   *statistics
	slowlog slowlog
	events  latencyEvents

	trackers trackers
	wired    atomic.Bool // other nodes may ask from then on
	saving   atomic.Bool // a BGSAVE runs

	startMemory uint64 // allocated when the hub was made

	leaving  atomic.Bool // see leave.go
	beat     beat
	watching atomic.Bool // a look at those who wait is due (overdue.go)

	mu    sync.Mutex
	conns map[uint64]*conn
}

// New returns a hub that has no connections yet. version is lockd's own.
func New(version string, log *slog.Logger) *Hub {
	h := &Hub{
		log: log, version: version, started: time.Now(), conns: map[uint64]*conn{},
		startMemory: readMemory().used,
	}
	h.policy.Store(&Policy{})
	return h
}

// Wire connects the hub; it must be done before the first connection is accepted.
func (h *Hub) Wire(w Wires) {
	h.Wires = w
	h.stats = newStatistics(w.Table)
	h.wired.Store(true)
}

// SetPolicy changes what the settings say.
func (h *Hub) SetPolicy(p Policy) {
	h.policy.Store(&p)
	h.trackers.mu.Lock()
	defer h.trackers.mu.Unlock()
	h.boundTracked()
}

// Commands are the families that this package brings to the command table.
func (h *Hub) Commands() [][]commands.Command {
	return [][]commands.Command{
		h.authCommands(), h.clientCommands(), h.serverCommands(), h.infoCommands(), h.configCommands(),
		h.slowlogCommands(), h.latencyCommands(), h.backupCommands(),
		h.raftCommands(), h.transactionCommands(), h.lockCommands(),
	}
}

// Open is called for each accepted connection of the data port.
func (h *Hub) Open(rc *resp.Conn) { h.open(rc, standalone, nil) }

func (h *Hub) open(rc *resp.Conn, mode string, view View) {
	p := h.policy.Load()
	c := &conn{
		Conn: commands.Conn{
			ID: h.newID(), Mode: mode, DB: p.firstDB(mode), Proto: 2, Addr: rc.RemoteAddr(),
			LocalAddr: rc.LocalAddr(), Created: time.Now(),
		},
		wire: rc, done: make(chan struct{}, 2), view: view,
	}
	if p.Password == nil {
		c.User = defaultUser
		rc.SetTrusted(true)
	}
	c.touch("")
	rc.Context = c
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns[c.ID] = c
	if h.leaving.Load() {
		rc.Leave()
	}
}

// newID returns a number that no other connection of the cluster has. Those of the first node are 1, 2, 3,
// …
func (h *Hub) newID() uint64 { return fsm.ClientID(h.Node.Ordinal(), h.nextID.Add(1)) }

// defaultUser is the one user there is until access control lists are here, under Redis' name for it.
const defaultUser = "default"

// Closed is called once for each connection.
func (h *Hub) Closed(rc *resp.Conn) {
	c, ok := rc.Context.(*conn)
	if !ok {
		return
	}
	h.mu.Lock()
	delete(h.conns, c.ID)
	h.mu.Unlock()
	if c.tracking.Load() != nil {
		h.track(c, nil)
	}
	if c.unread || c.noted || c.hangs || c.listens.Load() != nil {
		h.Node.Leave(c.ID, c.unread)
	}
}

// all returns the connections in the order of their numbers.
func (h *Hub) all() []*conn {
	h.mu.Lock()
	list := make([]*conn, 0, len(h.conns))
	for _, c := range h.conns {
		list = append(list, c)
	}
	h.mu.Unlock()
	slices.SortFunc(list, func(a, b *conn) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (h *Hub) find(id uint64) *conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conns[id]
}
