// This file wires a node together, from the disk up to the sockets, and takes it down in reverse. It is the
// one place that knows all parts; tests start nodes the same way as main does.

package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/divtxt/lockd/backup"
	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/peer"
	"github.com/divtxt/lockd/cluster/storage"
	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/session"
)

// Server is a running node.
type Server struct {
	nodeID    string
	cfg       *Config
	log       *slog.Logger
	store     *storage.Store
	peers     *peer.Network // nil where the cluster port is not open
	node      *cluster.Node
	backups   *backup.Keeper
	hub       *session.Hub
	wire      *resp.Server
	listeners *Listeners
	views     *views
	failed    chan error    // a listener that gave up
	closing   chan struct{} // closed by Close
	control   *testControl  // nil but in tests
}

// Start opens the data folder, starts the node on it and serves. It returns once commands are answered.
// stop is called when a client asks for the end of the process.
func Start(
	ctx context.Context, cfg *Config, settings *Settings, log *slog.Logger, stop func(),
) (*Server, error) {
	s := &Server{cfg: cfg, log: log, failed: make(chan error, 4), closing: make(chan struct{})}
	go tuneMemory(s.closing)
	err := s.start(ctx, settings, stop)
	if removed, is := errors.AsType[*cluster.RemovedError](err); is {
		err = WithExit(ExitRemoved, removed)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, settings *Settings, stop func()) (err error) {
	if s.nodeID, err = nodeID(s.cfg.Storage.Dir, s.cfg.Storage.NodeID); err != nil {
		return err
	}
	if err := s.openStore(); err != nil {
		return err
	}
	// The sockets come before the node: a port that is taken is said before anything is written.
	if s.listeners, err = openListeners(s.cfg); err != nil {
		return err
	}
	if s.views, err = openViews(ctx, s.cfg, dataPort(s.cfg, s.listeners)); err != nil {
		return err
	}
	_ = s.store.Announce(s.nodeID, s.listeners.first()) // only what a second process is told
	s.hub = session.New(Version, s.log)
	table := commands.New(s.hub.Commands()...)
	if s.node, err = s.openNode(ctx, table, settings); err != nil {
		return err
	}
	s.openBackups()
	s.openAlarms()
	s.wire = resp.NewServer(s.hub, s.cfg.wireLimits(), s.log)
	s.hub.Wire(session.Wires{
		Node: &nodeView{s.node, s.store}, Table: table, Settings: settingsView{settings},
		Server: s.wire, Stop: stop, Topology: topology{s.node}, Backups: s.backups, Group: membership{s.node},
		Others: s.node,
	})
	s.follow(settings)
	if err := s.awaitReady(ctx); err != nil {
		return err
	}
	return s.listen()
}

// awaitReady waits until commands can be served. A node of several does not wait for long: while most of the
// others are away it must answer at least those who want to know why.
func (s *Server) awaitReady(ctx context.Context) error {
	within := readyWithin
	if len(s.node.Members()) > 1 {
		within = serveAfter
	}
	ready, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := s.node.Ready(ready)
	_, removed := errors.AsType[*cluster.RemovedError](err)
	if err == nil || removed || within == readyWithin || ctx.Err() != nil {
		return err
	}
	s.log.Warn("no leader yet: commands wait until most of the nodes are there", "waited", within)
	return nil
}

// serveAfter is how long a node of several waits for a leader before it serves without one.
const serveAfter = 5 * time.Second

func (s *Server) openStore() (err error) {
	if s.control, err = openTestControl(s.log); err != nil {
		return err
	}
	around, err := s.testAppend()
	if err != nil {
		return err
	}
	s.store, err = storage.Open(storage.Options{
		Dir: s.cfg.Storage.Dir, NodeID: s.nodeID, LogStore: s.cfg.Storage.LogStore,
		MinFreeBytes: uint64(s.cfg.Storage.MinFreeDisk), StallLimit: stallLimit, SnapshotRate: snapshotRate,
		Append: around, Check: fsm.Check, Log: s.log,
	})
	return WithExit(ExitDataDir, err)
}

func (s *Server) openNode(
	ctx context.Context, table *commands.Table, settings *Settings,
) (*cluster.Node, error) {
	memory := s.cfg.Limits.MemoryBound() // asked once: it is a limit of the whole run
	network, address, err := s.openPeerPort(ctx)
	if err != nil {
		return nil, err
	}
	return cluster.Open(ctx, cluster.Options{
		NodeID: s.nodeID, Incarnation: s.store.Incarnation(), DiskID: s.store.DiskID(),
		Address: address, Client: s.views.client(),
		Stores: cluster.Stores{Log: s.store.Log, Stable: s.store.Stable, Snapshots: s.store.Snapshots},
		Plan:   s.cfg.Cluster.Plan(), Network: network, Runner: table, Effects: s.hub,
		Hooks: cluster.Hooks{
			Fail: s.failStop, Free: s.store.Free, RaiseIncarnation: s.store.RaiseIncarnation, Removed: s.removed,
			Asked: s.hub.Asked,
		},
		Logger: s.log, RaftLogger: s.store.Logger, Clocks: s.control.clocks(),
		Tuning: cluster.Tuning{
			Heartbeat: s.cfg.Timing.Heartbeat, NodeTimeout: s.cfg.Timing.NodeTimeout,
			DriftPPM:   s.cfg.Timing.ClockDriftPPM,
			EntryBytes: int(s.cfg.Queues.EntryBytes),
			QueueCalls: s.cfg.Queues.MaxPending, QueueBytes: int(s.cfg.Queues.MaxPendingBytes),
			SnapshotBytes: s.cfg.Storage.SnapshotLogBytes,
			Limits: func() fsm.Limits {
				c := settings.Config()
				return fsm.Limits{
					Memory: memory, Waiters: c.Queues.MaxWaiters,
					WaitersPerKey: c.Queues.MaxWaitersPerKey, OwnerBytes: int(c.Limits.MaxOwnerBytes),
				}
			},
		},
	})
}

// failStop ends a node whose state can no longer be trusted to be that of the others.
func (s *Server) failStop(err error) {
	s.log.Error("this node stops: it cannot go on from its log", "error", err, "data-folder", s.cfg.Storage.Dir)
	os.Exit(ExitDataDir) //nolint:forbidigo // fail-stop
}

// removed ends a node that the cluster has removed, in good order.
func (s *Server) removed(reason string) {
	s.log.Error("this node stops: it was removed from the cluster", "reason", reason)
	s.report(WithExit(ExitRemoved, errors.New(reason)))
}

// follow keeps what is made from the settings in step with them.
func (s *Server) follow(settings *Settings) {
	apply := func(c *Config) {
		s.hub.SetPolicy(c.policy())
		s.wire.SetMaxClients(c.Limits.MaxClients)
		s.wire.SetIdleTimeout(c.Limits.IdleTimeout)
		s.views.apply(c)
		s.wire.SetRefuse(func(remote net.Addr) (resp.Value, bool) {
			text, refused := Refusal(c.Network.ProtectedMode, c.Security.RequirePass != "", remote)
			return resp.Error(text), refused
		})
	}
	apply(settings.Config())
	settings.OnChange(apply)
}

// listen begins to accept.
func (s *Server) listen() error {
	var conf *tls.Config
	if len(s.listeners.TLS) > 0 {
		var err error
		if conf, err = s.cfg.TLS.ServerConfig(); err != nil {
			return WithExit(ExitUsage, err)
		}
	}
	for _, ln := range s.listeners.Plain {
		go func() { s.report(s.wire.Serve(ln)) }()
	}
	for _, ln := range s.listeners.TLS {
		go func() { s.report(s.wire.ServeTLS(ln, conf)) }()
	}
	forViews := conf // another variable: the listeners' goroutines read theirs later
	if s.listeners.Port != 0 {
		forViews = nil // the views send clients to the plain port
	}
	s.views.serve(s.cfg, forViews, topology{s.node}, s.hub, s.wire, s.log, s.report)
	return nil
}

func (s *Server) report(err error) {
	if err != nil && !errors.Is(err, net.ErrClosed) {
		select {
		case s.failed <- err:
		default:
		}
	}
}

// handOverWithin is how long a leader that stops tries to make another one lead.
const handOverWithin = 2 * time.Second

// leaveWithin is how long clients have to get the replies to what they have sent.
const leaveWithin = 2 * time.Second

// lastWords is how long connections have to write the last replies before they are closed.
const lastWords = 50 * time.Millisecond

// Close takes down what was started, in reverse. What is in flight is finished first.
func (s *Server) Close() error {
	var errs []error
	close(s.closing)
	// The node first: what is in the log gets its replies, and what comes now is told that it was not done.
	// The listeners after it, for redcon closes a listener's connections with it.
	if s.node != nil {
		s.node.HandOver(handOverWithin)
		if s.wire != nil {
			s.hub.Leave(leaveWithin) // while the node still gets replies, from the next leader too
		}
		errs = append(errs, s.node.Close())
	}
	if s.wire != nil {
		time.Sleep(lastWords)
	}
	if s.views != nil {
		errs = append(errs, s.views.close())
	}
	if s.listeners != nil {
		s.listeners.Close()
	}
	if s.wire != nil {
		errs = append(errs, s.wire.Close())
	}
	if s.peers != nil {
		errs = append(errs, s.peers.Close())
	}
	if s.backups != nil {
		s.backups.Close()
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	errs = append(errs, s.control.close())
	return errors.Join(errs...)
}

// Port returns the port of the Redis protocol, for tests that asked for any free one.
func (s *Server) Port() int { return s.listeners.Port }
