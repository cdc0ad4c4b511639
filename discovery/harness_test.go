// What the tests of this package stand on: a group whose leader a test chooses, nodes that are real hubs and
// views over one common map in place of a Raft log, and a client that compares raw bytes.

package discovery

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/session"
)

const longEnough = 5 * time.Second

// group is who is in the group, told to all nodes alike.
type group struct {
	mu       sync.Mutex
	peers    []session.Peer
	watchers []chan struct{}
}

// member is the group as one node sees it.
type member struct {
	*group
	id string
}

func (m member) Peers() []session.Peer {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Clone(m.peers)
	for i := range list {
		list[i].Self = list[i].ID == m.id
	}
	return list
}

func (m member) Watch() (<-chan struct{}, func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	changes := make(chan struct{}, 1)
	m.watchers = append(m.watchers, changes)
	return changes, func() {}
}

// change changes the group and tells the nodes.
func (g *group) change(f func(peers []session.Peer) []session.Peer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.peers = f(slices.Clone(g.peers))
	for _, w := range g.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// lead makes a node the leader, or nobody.
func (g *group) lead(id string) {
	g.change(func(peers []session.Peer) []session.Peer {
		for i := range peers {
			peers[i].Leader = peers[i].ID == id
		}
		return peers
	})
}

// set changes one member.
func (g *group) set(id string, f func(*session.Peer)) {
	g.change(func(peers []session.Peer) []session.Peer {
		for i := range peers {
			if peers[i].ID == id {
				f(&peers[i])
			}
		}
		return peers
	})
}

// state is what all nodes have in common. It knows SET, SET NX, GET and DEL, and takes everything else for
// OK.
type state struct {
	mu   sync.Mutex
	keys map[string]string
}

func (s *state) Submit(calls []fsm.Call, done chan<- struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range calls {
		words := calls[i].Command.Words
		name, key := strings.ToUpper(string(words[0])), ""
		if len(words) > 1 {
			key = string(words[1])
		}
		value, held := s.keys[key]
		switch {
		case name == "GET" && held:
			calls[i].Reply = resp.Bulk(value)
		case name == "GET", name == "SET" && held && slices.ContainsFunc(words, isNX):
			calls[i].Reply = resp.Null()
		case name == "DEL":
			delete(s.keys, key)
			calls[i].Reply = resp.Int(1)
		default:
			if name == "SET" {
				s.keys[key] = string(words[2])
			}
			calls[i].Reply = resp.OK()
		}
	}
	done <- struct{}{}
}

func isNX(word []byte) bool { return strings.EqualFold(string(word), "NX") }

func (s *state) ReadHere(calls []fsm.Call) { s.Submit(calls, make(chan struct{}, 1)) }
func (s *state) Withdraw(time.Duration)    {}
func (s *state) Leave(uint64, bool)        {}
func (s *state) Unblock(uint64, bool) bool { return false }
func (s *state) Snapshot() error           { return nil }
func (s *state) Status() session.Status    { return session.Status{} }
func (s *state) Ordinal() uint64           { return 0 }

// node is one of the group: three ports.
type node struct {
	watcher  *Watcher
	cluster  *Cluster
	sentinel *Sentinel
	hub      *session.Hub
	server   *resp.Server
	own      session.ClientAddress
}

// kill closes all sockets of the node.
func (n *node) kill() {
	_ = n.sentinel.Close()
	_ = n.server.Close()
}

// startGroup starts nodes n1, n2, …, of which n1 leads.
func startGroup(t *testing.T, size int) (*group, []*node) {
	t.Helper()
	g, common := &group{}, &state{keys: map[string]string{}}
	var nodes []*node
	for i := range size {
		n, id := &node{}, fmt.Sprintf("n%d", i+1)
		data, cluster, sentinel := listen(t), listen(t), listen(t)
		n.own = session.ClientAddress{Host: "127.0.0.1", Port: port(data), SentinelPort: port(sentinel),
			ClusterViewPort: port(cluster)}
		g.peers = append(g.peers, session.Peer{ID: id, ClientAddress: n.own, Voter: true, Up: true, Leader: i == 0})
		nodes = append(nodes, n)
		hub := session.New("0.0.0", slog.New(slog.DiscardHandler))
		n.hub = hub
		n.server = resp.NewServer(hub, resp.Limits{}, nil)
		table := commands.New(hub.Commands()...)
		hub.Wire(session.Wires{Node: common, Table: table, Server: n.server, Topology: member{g, id}})
		hub.SetPolicy(session.Policy{SlowlogThan: -1, DefaultDB: 3})
		t.Cleanup(n.kill)
		defer func() { // once the group is complete
			n.watcher = Watch(member{g, id}, n.own)
			t.Cleanup(n.watcher.Close)
			n.cluster = &Cluster{group: n.watcher, patience: time.Hour}
			n.sentinel = NewSentinel(n.watcher, "mymaster", "0.0.0", resp.Limits{}, slog.New(slog.DiscardHandler))
			go func() { _ = n.server.Serve(data) }()
			go func() { _ = n.server.ServeAs(cluster, nil, hub.As(session.ModeCluster, n.cluster)) }()
			go func() { _ = n.sentinel.Accept(sentinel, nil) }()
		}()
	}
	return g, nodes
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func port(ln net.Listener) int { return ln.Addr().(*net.TCPAddr).Port }

// client sends commands and compares raw bytes.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, port int) *client {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(4 * longEnough))
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn, in: bufio.NewReader(conn)}
}

func (c *client) send(line string) {
	c.t.Helper()
	words := strings.Fields(line)
	out := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		out = fmt.Appendf(out, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := c.conn.Write(out); err != nil {
		c.t.Fatal(err)
	}
}

// reply reads one reply.
func (c *client) reply() value {
	c.t.Helper()
	v, err := readValue(c.in)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// do sends a command and returns its reply as text.
func (c *client) do(line string) string {
	c.t.Helper()
	c.send(line)
	return c.reply().String()
}

// want sends a command and compares its reply.
func (c *client) want(line, reply string) {
	c.t.Helper()
	if got := c.do(line); got != reply {
		c.t.Fatalf("%s\ngot  %s\nwant %s", line, got, reply)
	}
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(longEnough); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("this never happened: " + what)
		}
	}
}
