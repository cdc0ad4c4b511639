package discovery

// The view of the group as Redis Sentinels, one on each node, that watch one master. It has a server of its
// own, so that clients find the leader even while the data port has as many connections as it may have. There
// is no password: it tells nothing but addresses, takes no order, and most clients do not send Sentinels the
// password of the data. So CLIENT has here only what is about the own connection.
//
// Connections are served by a session.Hub that has a table of few commands and no state. Only what
// subscribers send is answered here (subscribers.go), for that needs the connection itself.

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/session"
)

// Sentinel is the view as a Redis Sentinel. It is a resp.Handler.
type Sentinel struct {
	name     string // of the group, as clients ask for it
	version  string
	group    *Watcher
	table    *commands.Table
	hub      resp.Handler
	server   *resp.Server
	audience audience
}

var _ resp.Handler = (*Sentinel)(nil)

// NewSentinel returns the view of the group that w follows, under a name that clients are configured with
// (mymaster, by custom). version is lockd's own. It serves nothing before Accept.
func NewSentinel(w *Watcher, name, version string, limits resp.Limits, log *slog.Logger) *Sentinel {
	s := &Sentinel{name: name, version: version, group: w}
	s.server = resp.NewServer(s, limits, log)
	hub := session.New(version, log)
	s.table = commands.Only(hub.ConnectionCommands(), s.commands(), s.sentinelCommands())
	hub.Wire(session.Wires{Node: stateless{}, Table: s.table, Server: s.server})
	hub.SetPolicy(session.Policy{SlowlogThan: -1, MaxClients: limits.MaxClients})
	s.hub = hub.As(session.ModeSentinel, nil)
	w.onChange(func(before, after *snapshot) {
		for _, e := range events(name, before, after) {
			s.audience.tell(e)
		}
	})
	return s
}

// Accept serves connections until Close, with TLS unless conf is nil. It may run for several listeners.
func (s *Sentinel) Accept(ln net.Listener, conf *tls.Config) error {
	return s.server.ServeAs(ln, conf, s)
}

// SetRefuse lets f judge each accepted connection, see resp.Server.
func (s *Sentinel) SetRefuse(f func(remote net.Addr) (resp.Value, bool)) { s.server.SetRefuse(f) }

// Close closes all connections.
func (s *Sentinel) Close() error { return s.server.Close() }

// Open is called for each accepted connection.
func (s *Sentinel) Open(rc *resp.Conn) { s.hub.Open(rc) }

// Closed is called once for each connection.
func (s *Sentinel) Closed(rc *resp.Conn) {
	s.audience.leave(rc)
	s.hub.Closed(rc)
}

// stateless is a node without a state: no command of this view asks for one.
type stateless struct{}

func (stateless) Submit(calls []fsm.Call, done chan<- struct{}) {
	for i := range calls {
		calls[i].Reply = resp.Error("ERR there is no data here: this is a Sentinel's port")
	}
	done <- struct{}{}
}

func (stateless) ReadHere([]fsm.Call)       {}
func (stateless) Withdraw(time.Duration)    {}
func (stateless) Leave(uint64, bool)        {}
func (stateless) Unblock(uint64, bool) bool { return false }
func (stateless) Snapshot() error           { return errors.New("a Sentinel has no state") }
func (stateless) Status() session.Status    { return session.Status{} }
func (stateless) Ordinal() uint64           { return 0 }

// commands are those that are not about the connection, but for SENTINEL itself.
func (s *Sentinel) commands() []commands.Command {
	const flags = commands.NoScript | commands.Loading | commands.Stale
	subscriber := func(name, syntax, summary string, arity int) commands.Command {
		return commands.Command{
			Name: name, Arity: arity, Flags: flags | commands.PubSub, Group: "pubsub", Since: "2.0.0",
			Syntax: syntax, Complexity: "O(N), N the number of words", Local: served, Summary: summary,
		}
	}
	return []commands.Command{
		{
			Name: "ping", Arity: -1, Flags: commands.Fast | commands.Immediate, Group: "connection", Since: "1.0.0",
			Syntax: "[message]", Complexity: "O(1)", Local: ping, Summary: "Ping the Sentinel.",
		},
		{
			Name: "role", Arity: 1, Flags: flags | commands.Fast, Group: "server", Since: "2.8.12",
			Complexity: "O(1)", Local: s.role, Summary: "Reply sentinel, and the name of the group.",
		},
		{
			Name: "info", Arity: -1, Flags: flags, Group: "server", Since: "1.0.0",
			Syntax: "[section [section ...]]", Complexity: "O(1)", Local: s.info,
			Summary: "Reply figures about this Sentinel.",
		},
		{
			Name: "publish", Arity: 3, Flags: flags | commands.PubSub, Group: "pubsub", Since: "2.0.0",
			Syntax: "channel message", Complexity: "O(1)", Local: publish,
			Summary: "An error: only the Sentinel itself tells what happens.",
		},
		subscriber("subscribe", "channel [channel ...]", "Be told of events.", -2),
		subscriber("psubscribe", "pattern [pattern ...]", "Be told of events whose names match.", -2),
		subscriber("unsubscribe", "[channel [channel ...]]", "Be told no more of events.", -1),
		subscriber("punsubscribe", "[pattern [pattern ...]]", "Be told no more of events by pattern.", -1),
	}
}

// served stands in the table for what Sentinel.Serve answers.
func served(*commands.Conn, commands.Args) resp.Value { return resp.None() }

func ping(_ *commands.Conn, a commands.Args) resp.Value {
	switch len(a) {
	case 1:
		return resp.Simple("PONG")
	case 2:
		return resp.Bulk(string(a[1]))
	}
	return resp.Error("ERR wrong number of arguments for 'ping' command")
}

func publish(*commands.Conn, commands.Args) resp.Value {
	return resp.Error("ERR Only HELLO messages are accepted by Sentinel instances.")
}

func (s *Sentinel) role(*commands.Conn, commands.Args) resp.Value {
	return resp.Array(resp.Bulk("sentinel"), resp.Array(resp.Bulk(s.name)))
}

// age is in milliseconds.
func age(since time.Time) int64 { return time.Since(since).Milliseconds() }
