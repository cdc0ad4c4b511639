package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// client is one after another of a client's connections. Its memory is used again for each group of commands,
// and overwritten as soon as they are answered, as that of a server's connection is.
type client struct {
	*chaos
	rng    *rand.Rand
	name   string
	at     *machine
	conn   uint64
	buffer []byte
	calls  []fsm.Call
	owners int
	reads  bool   // it does nothing else, so that an old leader has somebody to mislead
	mine   string // a counter that nobody else uses
	count  int64  // what it stands at
	mines  int
}

func newClient(c *chaos, i int, seed uint64) *client {
	cl := &client{
		chaos: c, rng: rand.New(rand.NewPCG(seed, 2)), name: fmt.Sprint("c", i), at: c.hosts[i%len(c.hosts)],
		conn: uint64(i+1) << 20, buffer: make([]byte, 4096),
	}
	cl.anotherCounter()
	return cl
}

func (c *client) anotherCounter() {
	c.mines++
	c.mine, c.count = fmt.Sprint("own-", c.name, "-", c.mines, "-"), 0
}

func (c *client) run() {
	for {
		select {
		case <-c.stop:
			return
		case <-time.After(time.Duration(c.rng.IntN(6_000)) * time.Microsecond):
		}
		n := c.at.running()
		if n == nil {
			if c.rng.IntN(20) == 0 {
				c.at = c.hosts[c.rng.IntN(len(c.hosts))]
			}
			continue
		}
		switch what := c.rng.IntN(8); {
		case c.reads || what < 2:
			c.counters(n)
		case what < 5:
			c.pipeline(n)
		default:
			c.lock(n)
		}
	}
}

// outcome is what became of one command.
type outcome int

const (
	done    outcome = iota
	notDone         // surely
	unknown
)

// answer is a command's reply.
type answer struct {
	resp.Value
	outcome outcome
}

// do sends lines as one pipeline and waits for the replies. leave ends the connection meanwhile.
func (c *client) do(n *cluster.Node, leave time.Duration, lines ...string) []answer {
	c.fill(lines)
	sent := c.check.now()
	finished := make(chan struct{}, 1)
	n.Submit(c.calls, finished)
	var left <-chan time.Time
	if leave > 0 {
		left = time.After(leave)
	}
	lost := time.After(chaosPatience)
	for waiting := true; waiting; {
		select {
		case <-finished:
			waiting = false
		case <-left:
			n.Leave(c.conn, true)
			c.conn++
		case <-lost:
			c.check.problem("%s on %s: no reply to %q after %v", c.name, c.at.id, lines, chaosPatience)
			c.calls, c.buffer = nil, make([]byte, 4096) // the node may still use these
			return slices.Repeat([]answer{{resp.Null(), unknown}}, len(lines))
		}
	}
	answers := make([]answer, len(lines))
	for i := range c.calls {
		answers[i] = c.judge(lines[i], c.calls[i].Reply)
	}
	for i, line := range lines {
		if _, rest, _ := strings.Cut(line, " "); strings.HasPrefix(rest, "lock") {
			c.check.note(strings.Fields(rest)[0], "%s on %s, sent at %v: %s: %v", c.name, c.at.id, sent, line, answers[i].Value)
		}
	}
	for i := range c.buffer {
		c.buffer[i] = 'x'
	}
	for i := range c.calls {
		clear(c.calls[i].Command.Words)
	}
	clear(c.calls)
	return answers
}

// fill makes calls of lines, whose words are in the client's buffer.
func (c *client) fill(lines []string) {
	c.calls = c.calls[:0]
	b := c.buffer[:0]
	for _, line := range lines {
		call := fsm.Call{Command: fsm.Command{Conn: c.conn}}
		for _, w := range strings.Fields(line) {
			from := len(b)
			b = append(b, w...)
			call.Command.Words = append(call.Command.Words, b[from:len(b):len(b)])
		}
		call.Read = strings.HasPrefix(line, "GET ") || strings.HasPrefix(line, "KEYS ")
		call.Long = strings.HasPrefix(line, "KEYS ")
		call.Grows = !call.Read && !strings.HasPrefix(line, "UNLOCK") && !strings.HasPrefix(line, "RENEW")
		c.calls = append(c.calls, call)
	}
}

// judge finds out what became of a command, from its reply.
func (c *client) judge(line string, v resp.Value) answer {
	if !v.IsError() {
		if v.Kind() == resp.KindNone {
			c.check.problem("%s on %s: %q was answered with nothing", c.name, c.at.id, line)
		}
		return answer{v, done}
	}
	switch code, _, _ := strings.Cut(v.Str(), " "); code {
	case "TRYAGAIN":
		return answer{v, notDone}
	case "UNKNOWN":
		return answer{v, unknown}
	case "NOTOWNER", "NOTLOCKED", "EXPIRED": // somebody else holds it, or nobody
		return answer{resp.Int(0), done}
	}
	c.check.problem("%s on %s: %q was answered %q", c.name, c.at.id, line, v.Str())
	return answer{v, unknown}
}

// counters uses the counters that all share.
func (c *client) counters(n *cluster.Node) {
	key := fmt.Sprint("shared", c.rng.IntN(2))
	count := c.check.counter(key)
	if !c.reads && c.rng.IntN(3) > 0 {
		floor := count.begin(true)
		count.incremented(c, floor, c.do(n, 0, "INCR "+key)[0])
		return
	}
	floor := count.begin(false)
	count.read(c, floor, c.do(n, 0, "GET "+key)[0])
}

// pipeline sends several commands together, whose replies depend on each other.
func (c *client) pipeline(n *cluster.Node) {
	var lines []string
	for range 1 + c.rng.IntN(6) {
		lines = append(lines, [...]string{"INCR ", "GET ", "GET ", "KEYS "}[c.rng.IntN(4)]+c.mine)
	}
	for i := range lines {
		if strings.HasPrefix(lines[i], "KEYS") {
			lines[i] += "*"
		}
	}
	answers := c.do(n, 0, lines...)
	sure := true
	for i, a := range answers {
		var want, got int64
		switch verb, _, _ := strings.Cut(lines[i], " "); {
		case a.outcome != done:
			if verb == "INCR" && a.outcome == unknown {
				sure = false
			}
			continue
		case verb == "INCR":
			c.count++
			want, got = c.count, a.Num()
		case verb == "KEYS":
			want, got = min(1, c.count), int64(len(a.List()))
		default:
			want, got = c.count, numberOf(a.Value)
		}
		if sure && got != want {
			c.check.problem("%s on %s: command %d of %q was answered %d, want %d", c.name, c.at.id, i, lines, got, want)
		}
	}
	if !sure {
		c.anotherCounter()
	}
}

func numberOf(v resp.Value) (n int64) {
	_, _ = fmt.Sscan(v.Str(), &n) // nothing: 0
	return n
}

// lock takes a lock in one of the ways there are, uses it, and frees it or leaves it to time.
func (c *client) lock(n *cluster.Node) {
	c.owners++
	key, owner := fmt.Sprint("lock", c.rng.IntN(3)), fmt.Sprint(c.name, "#", c.owners)
	ttl := 30 + c.rng.IntN(1500)
	var line string
	var leave time.Duration
	switch c.rng.IntN(4) {
	case 0:
		line = fmt.Sprintf("SET %s %s NX PX %d", key, owner, ttl)
	case 1:
		line = fmt.Sprintf("LOCK %s %s %d", key, owner, ttl)
	default:
		line = fmt.Sprintf("LOCK %s %s %d WAIT %d", key, owner, ttl, c.rng.IntN(1500))
		if c.rng.IntN(5) == 0 {
			leave = time.Duration(1+c.rng.IntN(300)) * time.Millisecond
		}
	}
	conn, sent, floor := c.conn, c.check.now(), c.check.tokens()
	a := c.do(n, leave, line)[0]
	if c.conn != conn {
		return // nobody read the reply
	}
	if strings.Contains(line, "WAIT") {
		defer func() {
			n.Leave(conn, false)
			c.conn++
		}()
	}
	if a.outcome != done || a.IsNull() {
		return
	}
	if strings.HasPrefix(line, "LOCK") {
		c.check.token(c, floor, uint64(a.Num()))
	}
	h := &hold{key: key, owner: owner, until: sent + time.Duration(ttl)*time.Millisecond}
	c.check.granted(c, h)
	c.use(n, h)
}

// use looks at a lock that is held and renews it, and frees it or not.
func (c *client) use(n *cluster.Node, h *hold) {
	for range c.rng.IntN(4) {
		c.pause(c.rng.IntN(400))
		switch c.rng.IntN(3) {
		case 0:
			a := c.do(n, 0, "GET "+h.key)[0]
			c.check.still(c, h, a, "GET", a.Str() == h.owner)
		case 1:
			a := c.do(n, 0, "INCR "+c.mine, "GET "+h.key, "GET "+c.mine)
			c.check.still(c, h, a[1], "GET in a pipeline", a[1].Str() == h.owner)
			if a[0].outcome == done {
				c.count++
			}
			if a[0].outcome == unknown {
				c.anotherCounter()
			} else if a[0].outcome == done && (a[0].Num() != c.count || a[2].outcome == done && numberOf(a[2].Value) != c.count) {
				c.check.problem("%s: its counter is %d and %v, want %d", c.name, a[0].Num(), a[2].Value, c.count)
			}
		default:
			ttl := 30 + c.rng.IntN(1500)
			sent := c.check.now()
			a := c.do(n, 0, fmt.Sprintf("RENEW %s %s %d", h.key, h.owner, ttl))[0]
			c.check.still(c, h, a, "RENEW", a.Num() > 0)
			if a.outcome == done && a.Num() > 0 {
				c.check.renewed(h, sent+time.Duration(ttl)*time.Millisecond)
			}
		}
	}
	if c.rng.IntN(3) == 0 {
		return // time frees it, and not before
	}
	held := c.check.released(h)
	a := c.do(n, 0, fmt.Sprintf("UNLOCK %s %s", h.key, h.owner))[0]
	if held && c.check.now() < h.until && a.outcome == done && a.Num() != 1 {
		c.check.problem("%s: UNLOCK of %s by %s, which it held: %d", c.name, h.key, h.owner, a.Num())
	}
}
