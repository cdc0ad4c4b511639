// Package server turns flags, environment and file into a Config, and a Config into a running node.
//
// This file holds the Config alone: what a node can be told, in groups small enough to be handed to the
// part that needs them. Names, defaults, limits and help stand once, in the table of settings (table.go);
// a field here without a line there cannot be set, and a test looks for such fields.
package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/divtxt/lockd/session"
)

// Config is everything that a node is told. A Config that Load returned is complete and checked.
// It is a value: Settings hands out copies, and nobody changes one that another can see.
type Config struct {
	Network   Network
	Cluster   Cluster
	Discovery Discovery
	Storage   Storage
	Security  Security
	TLS       TLS
	Limits    Limits
	Queues    Queues
	Pushes    Pushes
	Timing    Timing
	Log       Log
}

// Network says where the node listens.
type Network struct {
	Bind           []string // addresses; "*" is all of them, a leading "-": skip it if this machine lacks it
	Port           int      // plain Redis protocol; 0 is a free one, or none if there is a TLS port
	ClusterPort    int      // Raft and forwarded commands; 0 is the one of PeerPort
	UnixSocket     string   // path, "" for none
	UnixSocketPerm uint32   // permissions of it, 0 leaves them to the umask
	ProtectedMode  bool     // without a password, answer only peers on this machine
	DefaultDB      int      // the database that a connection starts in
}

// Cluster says who the other nodes are, and how they are talked to. What comes of it is in clusterplan.go.
type Cluster struct {
	Members    Members  // who forms the cluster at the first start
	Expect     int      // how many of them Members.Name must resolve to; 0 without a name
	Join       []string // members to ask to be taken in, or the word wait
	Advertise  string   // host:port at which others reach the cluster port; "" is found out
	Bind       []string // where the cluster port listens; none is Network.Bind
	CertFile   string   // TLS between the nodes: all three files or none
	KeyFile    string
	CACertFile string
	Insecure   bool // without TLS, beyond loopback
}

// Discovery says how clients find the leader, see package discovery.
type Discovery struct {
	SentinelPort int    // 0: none
	MasterName   string // of the group, as Sentinels know it
	ClusterPort  int    // of the view as a Redis Cluster, 0: none
	Host         string // at which clients reach this node; "" is found out
	Port         int    // of the data port, as clients reach it; 0 is the one that is opened
}

// Storage says where and how the state is kept.
type Storage struct {
	Dir              string // the data folder
	NodeID           string // "" is the one stored in the data folder
	LogStore         string // LogStoreWAL, LogStoreBolt or LogStoreMemory
	SnapshotLogBytes int64  // log written since the last snapshot that makes the next one due
	MinFreeDisk      int64  // below this many free bytes writes are refused
	TokenFloor       int64  // no fencing token up to this is given after a restore
}

// The log stores that a node can keep its Raft log in.
const (
	LogStoreWAL    = "wal"
	LogStoreBolt   = "bolt"
	LogStoreMemory = "memory"
)

// Security says who may do what.
type Security struct {
	RequirePass        Secret // "" is no password
	EnableDebugCommand string // DEBUG for nobody (no), peers on this machine (local), or everybody (yes)
	EnableFlush        bool   // FLUSHALL and FLUSHDB
}

// The values of Security.EnableDebugCommand.
const (
	DebugNo    = "no"
	DebugLocal = "local"
	DebugYes   = "yes"
)

// TLS has the names and the meaning of redis.conf.
type TLS struct {
	Port        int // 0 is no TLS
	CertFile    string
	KeyFile     string
	KeyFilePass Secret
	CACertFile  string
	CACertDir   string
	AuthClients string   // whether clients need a certificate: yes, no, optional
	Protocols   []string // TLSv1.2, TLSv1.3; none is both
	Ciphers     []string // of TLS 1.2; none is Go's choice
}

// Limits bound what one client can cost before it costs anything.
type Limits struct {
	MaxClients      int
	IdleTimeout     time.Duration // 0 is never
	MaxCommandBytes int64         // one command with all its arguments
	MaxArgs         int
	MaxInlineBytes  int64
	MaxKeyBytes     int64
	MaxOwnerBytes   int64         // longer values are plain strings without a token
	PreauthArgs     int           // before AUTH, where a password is asked for
	PreauthBytes    int64         // one argument before AUTH
	PreauthTimeout  time.Duration // from accept until AUTH; 0 is never
	WriteTimeout    time.Duration
	TCPKeepAlive    time.Duration // between probes of a silent connection
	MaxMemory       int64         // of the state; 0 is half of the machine's, see MemoryBound
}

// Queues bound what may wait. Each has its clear error for the one who comes when it is full.
type Queues struct {
	OutputBytes      int64 // replies and pushes that a connection has not read yet
	MaxWaitersPerKey int
	MaxWaiters       int   // over all keys
	MaxPending       int   // commands that this node was given and has not answered
	MaxPendingBytes  int64 // the same, in bytes
	EntryBytes       int64 // one Raft entry; a larger command goes alone
}

// Pushes says what connections may be told without asking.
type Pushes struct {
	Events     session.Events // keyspace notifications
	MaxTracked int            // keys that this node tracks for client-side caches; 0 is no limit
}

// Timing says how long things may take, and what is slow enough to be noted.
type Timing struct {
	CommandTimeout   time.Duration // after it a command that was sent is answered -UNKNOWN
	ClockDriftPPM    int           // how wrong an oscillator may be
	Heartbeat        time.Duration // Raft's; an entry unanswered for so long stops the cluster clock
	NodeTimeout      time.Duration // a node unheard of for so long loses its waiters
	SlowlogThan      int64         // microseconds, -1 is off, 0 is everything
	SlowlogMaxLen    int
	LatencyThreshold int64 // milliseconds, 0 is off
}

// Log says what is logged, and where to.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // LogText or LogJSON
	File   string // "" is stderr
}

// The log formats.
const (
	LogText = "text"
	LogJSON = "json"
)

// clusterPortOffset is Redis' own distance between the two ports.
const clusterPortOffset = 10000

// maxPort is the last port that there is.
const maxPort = 65535

// PlainPort returns the port for plain connections, and whether there is to be one at all. "port 0" beside
// a TLS port is how a redis.conf says "TLS only", and must not open a plain port by surprise.
func (c *Config) PlainPort() (port int, on bool) {
	return c.Network.Port, c.Network.Port != 0 || c.TLS.Port == 0
}

// PeerPort returns the cluster port: the one that is said, else the one at which the list of members has this
// node, else the one that belongs to the data port. It is 0, any free one, if the data port is that too.
func (c *Config) PeerPort() int {
	switch {
	case c.Network.ClusterPort != 0:
		return c.Network.ClusterPort
	case c.listedPort() != 0:
		return c.listedPort()
	case c.Network.Port != 0:
		return c.Network.Port + clusterPortOffset
	case c.TLS.Port != 0:
		return c.TLS.Port + clusterPortOffset
	}
	return 0
}

// MemoryBound returns how many bytes the state may take, with the machine asked if nobody said it.
func (l Limits) MemoryBound() int64 {
	if l.MaxMemory > 0 {
		return l.MaxMemory
	}
	return machineMemory() / 2
}

// String lists every setting as "name value", one a line, sorted, with the secrets hidden.
func (c Config) String() string {
	var b strings.Builder
	for _, s := range newTable().byName() {
		fmt.Fprintf(&b, "%s %s\n", s.name, s.shown(&c))
	}
	return b.String()
}

// Format keeps every verb of fmt to String, so that %+v and %#v too show no secrets.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// clone returns a copy that shares no slice with c.
func (c *Config) clone() *Config {
	d := *c
	d.Network.Bind = slices.Clone(c.Network.Bind)
	d.Cluster.Members.List = slices.Clone(c.Cluster.Members.List)
	d.Cluster.Join = slices.Clone(c.Cluster.Join)
	d.Cluster.Bind = slices.Clone(c.Cluster.Bind)
	d.TLS.Protocols = slices.Clone(c.TLS.Protocols)
	d.TLS.Ciphers = slices.Clone(c.TLS.Ciphers)
	return &d
}
