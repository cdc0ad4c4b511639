// What the tests of this package stand on: a hub behind a real socket, with a node that answers by rules a
// test sets, and a client that sends pipelines and compares raw bytes.

package session

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

const patience = 5 * time.Second

// fakeNode answers GET with a bulk, LOCK … WAIT by parking, and everything else with OK.
type fakeNode struct {
	mu      sync.Mutex
	parked  map[uint64]*parkedCall
	left    []string // Leave: number of the connection, and whether its reply was unread
	groups  []int    // sizes of the groups submitted
	status  Status
	delay   time.Duration
	saveErr error
	saves   int
	slow    chan struct{}             // closed to let Snapshot return; nil: at once
	on      func(call *fsm.Call) bool // answers a call in its own way, or not
}

type parkedCall struct {
	call *fsm.Call
	done chan<- struct{}
}

func (n *fakeNode) Submit(calls []fsm.Call, done chan<- struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.groups = append(n.groups, len(calls))
	time.Sleep(n.delay)
	parked := false
	for i := range calls {
		words := calls[i].Command.Words
		if calls[i].Command.Kind != fsm.KindCommand {
			words = [][]byte{[]byte("kind")}
		}
		if n.on != nil && n.on(&calls[i]) {
			continue
		}
		switch name := strings.ToUpper(string(words[0])); {
		case name == "GET" && string(words[1]) == "missing":
			calls[i].Reply = resp.Null()
		case name == "GET":
			calls[i].Reply = resp.Bulk(fmt.Sprintf("%s in %d", words[1], calls[i].Command.DB))
		case name == "LOCK" && len(words) > 4 && string(words[4]) == "WAIT":
			parked = true
			n.parked[calls[i].Command.Conn] = &parkedCall{&calls[i], done}
		case name == "LOCK":
			calls[i].Reply = resp.Int(7)
		default:
			calls[i].Reply = resp.OK()
		}
	}
	if !parked {
		done <- struct{}{}
	}
}

// ReadHere answers as Submit does, and says that it is stale.
func (n *fakeNode) ReadHere(calls []fsm.Call) {
	for i := range calls {
		calls[i].Reply = resp.Bulk("stale")
	}
}

// Withdraw withdraws nothing.
func (n *fakeNode) Withdraw(time.Duration) {}

// answer ends the waiting of a connection.
func (n *fakeNode) answer(conn uint64, v resp.Value) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.parked[conn]
	if p == nil {
		return false
	}
	delete(n.parked, conn)
	p.call.Reply = v
	p.done <- struct{}{}
	return true
}

func (n *fakeNode) Leave(conn uint64, unread bool) {
	n.answer(conn, resp.Null())
	n.mu.Lock()
	defer n.mu.Unlock()
	n.left = append(n.left, fmt.Sprintf("%d %v", conn, unread))
}

func (n *fakeNode) Unblock(conn uint64, withError bool) bool {
	if withError {
		return n.answer(conn, resp.Error("UNBLOCKED client unblocked via CLIENT UNBLOCK"))
	}
	return n.answer(conn, resp.Null())
}

func (n *fakeNode) Snapshot() error {
	if n.slow != nil {
		<-n.slow
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.saves++
	return n.saveErr
}

func (n *fakeNode) Status() Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.status
	s.Waiters = len(n.parked)
	return s
}

// Ordinal is the first node's.
func (n *fakeNode) Ordinal() uint64 { return 0 }

// waiting is how many connections are parked.
func (n *fakeNode) waiting() int { return n.Status().Waiters }

func (n *fakeNode) hasLeft(what string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.left, what)
}

// fakeSettings has a password, which is secret, and a few settings more.
type fakeSettings struct {
	mu     sync.Mutex
	values map[string]string
	change func(name, value string)
}

func (s *fakeSettings) Get(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[strings.ToLower(name)]
	return v, ok
}

func (s *fakeSettings) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *fakeSettings) SetPairs(pairs []string) error {
	for i := 0; i < len(pairs); i += 2 {
		if _, known := s.Get(pairs[i]); !known {
			return errors.New("Unknown option or number of arguments for CONFIG SET - '" + pairs[i] + "'")
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		s.mu.Lock()
		s.values[strings.ToLower(pairs[i])] = pairs[i+1]
		s.mu.Unlock()
		s.change(pairs[i], pairs[i+1])
	}
	return nil
}

func (s *fakeSettings) Secret(name string) bool { return strings.EqualFold(name, "requirepass") }

// bench is a hub that serves.
type bench struct {
	t        *testing.T
	hub      *Hub
	node     *fakeNode
	settings *fakeSettings
	stopped  chan struct{}
	logged   *lockedBuffer
	addr     string
}

// lockedBuffer is what was logged.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func startBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		t: t, stopped: make(chan struct{}, 1), logged: new(lockedBuffer),
		node: &fakeNode{parked: map[uint64]*parkedCall{}, status: Status{
			Member:   Member{Role: "leader", Node: "n1", Leader: "n1", DiskID: "d1"},
			Progress: Progress{CommitIndex: 42},
		}},
	}
	log := slog.New(slog.NewTextHandler(b.logged, nil))
	b.hub = New("0.0.0", log)
	table := commands.New(b.hub.Commands()...)
	server := resp.NewServer(b.hub, resp.Limits{}, log)
	b.settings = &fakeSettings{change: b.apply, values: map[string]string{
		"requirepass": "", "maxmemory": "100", "maxmemory-policy": "noeviction", "slowlog-log-slower-than": "-1"}}
	b.hub.Wire(Wires{Node: b.node, Table: table, Settings: b.settings, Server: server,
		Stop: func() { b.stopped <- struct{}{} }})
	b.policy(func(*Policy) {})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	b.addr = ln.Addr().String()
	return b
}

// apply does what the server does when a setting changes.
func (b *bench) apply(name, value string) {
	b.policy(func(p *Policy) {
		switch name {
		case "requirepass":
			p.Password = nil
			if value != "" {
				p.Password = func(text string) bool { return text == value }
			}
		case "slowlog-log-slower-than":
			p.SlowlogThan, _ = strconv.ParseInt(value, 10, 64)
		}
	})
}

// policy changes the hub's policy, beginning with what a node starts with.
func (b *bench) policy(change func(*Policy)) {
	p := *b.hub.policy.Load()
	if p.MaxKeyBytes == 0 {
		p = Policy{MaxKeyBytes: 64, EnableFlush: true, Debug: "no", SlowlogThan: -1, SlowlogLen: 4,
			MaxClients: 100, MaxMemory: 1000}
	}
	change(&p)
	b.hub.SetPolicy(p)
}

// client is a connection of a test.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (b *bench) dial() *client {
	b.t.Helper()
	return dial(b.t, b.addr)
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// send writes commands in one piece. Words are apart by blanks; _ stands for a blank within one, and two
// quotes for an empty one.
func (c *client) send(lines ...string) {
	c.t.Helper()
	var out []byte
	for _, line := range lines {
		words := strings.Fields(line)
		out = fmt.Appendf(out, "*%d\r\n", len(words))
		for _, w := range words {
			w = strings.ReplaceAll(w, "_", " ")
			if w == `""` {
				w = ""
			}
			out = fmt.Appendf(out, "$%d\r\n%s\r\n", len(w), w)
		}
	}
	if _, err := c.conn.Write(out); err != nil {
		c.t.Fatal(err)
	}
}

// want reads as many bytes as are expected, and then, to see that nothing follows, the reply to an ECHO.
func (c *client) want(raw string) {
	c.t.Helper()
	if got := c.read(len(raw)); got != raw {
		c.t.Fatalf("got  %q\nwant %q", got+c.rest(), raw)
	}
}

// exactly is want for a pipeline that nothing may follow.
func (c *client) exactly(raw string) {
	c.t.Helper()
	c.send("ECHO end")
	c.want(raw + "$3\r\nend\r\n")
}

// ends sees that the server closes the connection after raw.
func (c *client) ends(raw string) {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	got, err := io.ReadAll(c.in)
	if string(got) != raw || err != nil && !strings.Contains(err.Error(), "reset") {
		c.t.Fatalf("got  %q, %v\nwant %q and the end", got, err, raw)
	}
}

func (c *client) read(n int) string {
	buffer := make([]byte, n)
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	n, _ = io.ReadFull(c.in, buffer)
	return string(buffer[:n])
}

func (c *client) rest() string {
	buffer := make([]byte, 4096)
	_ = c.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	n, _ := c.in.Read(buffer)
	return string(buffer[:n])
}

// silent sees that nothing comes for a while.
func (c *client) silent() {
	c.t.Helper()
	if got := c.rest(); got != "" {
		c.t.Fatalf("got %q, want silence", got)
	}
}

// do sends one command and returns its reply, flattened: the elements of a list are apart by blanks.
func (c *client) do(line string) string {
	c.t.Helper()
	c.send(line)
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	return strings.Join(c.flat(nil), " ")
}

// flat reads a reply and appends its elements to list.
func (c *client) flat(list []string) []string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	line = strings.TrimSuffix(line, "\r\n")
	n, _ := strconv.Atoi(line[1:])
	switch line[0] {
	case '$', '=':
		if n < 0 {
			return append(list, line)
		}
		return append(list, strings.TrimSuffix(c.read(n+2), "\r\n"))
	case '%':
		n *= 2
	case '*', '~':
	default:
		return append(list, line)
	}
	for range n {
		list = c.flat(list)
	}
	return list
}

// text sends one command and returns its bulk or verbatim reply.
func (c *client) text(line string) string {
	c.t.Helper()
	c.send(line)
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	head, err := c.in.ReadString('\n')
	if err != nil || head[0] != '$' && head[0] != '=' {
		c.t.Fatalf("%s: %q %v", line, head, err)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(head[1:]))
	return strings.TrimSuffix(c.read(n+2), "\r\n")
}

// id is the connection's number.
func (c *client) id() uint64 {
	c.t.Helper()
	c.send("CLIENT ID")
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	id, _ := strconv.ParseUint(strings.TrimSpace(line[1:]), 10, 64)
	return id
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("this never happened: " + what)
		}
	}
}
