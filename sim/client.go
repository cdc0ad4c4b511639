// A client: how it sends commands and what it makes of the replies.

package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/sim/history"
)

// client is one after another of a client's connections. Its memory is used again for each group of
// commands, and overwritten as soon as they are answered, as that of a server's connection is.
type client struct {
	*world
	rng    *rand.Rand
	name   string
	at     *machine
	conn   uint64
	buffer []byte
	calls  []fsm.Call
	owners int
	seen   bool   // when it last hung up it was in the queue
	reads  bool   // it does nothing else, so that an old leader has somebody to mislead
	mine   string // a counter that nobody else uses
	count  int64  // what it stands at
	mines  int
	said   int // messages published
}

// newClient makes a client; the one with the number -1 comes when the others are done.
func newClient(w *world, i int) *client {
	c := &client{
		world: w, name: fmt.Sprint("c", i+1), at: w.machines[max(i, 0)%len(w.machines)],
		rng:  rand.New(rand.NewPCG(w.clients[i+1], 2)),
		conn: uint64(i+2) << 20, buffer: make([]byte, 4096), reads: i >= 0 && i < len(w.machines),
	}
	c.anotherCounter()
	return c
}

func (c *client) anotherCounter() {
	c.mines++
	c.mine, c.count = fmt.Sprint("own-", c.name, "-", c.mines, "-"), 0
}

// ask is one command, and the operation as it is written down; one without a Kind is not. One about several
// keys names them all, with blanks between.
type ask struct {
	history.Op
	line string
}

// answer is a command's reply, and what became of the operation.
type answer struct {
	resp.Value
	history.Op
}

// each is what is written down of an operation: one for each of its keys.
func each(op history.Op) (ops []history.Op) {
	if op.Kind == "" {
		return nil
	}
	keys := strings.Fields(op.Key)
	if len(keys) > 1 {
		op.Among = len(keys)
	}
	for _, key := range keys {
		op.Key = key
		ops = append(ops, op)
	}
	return ops
}

// do sends commands as one pipeline and waits for the replies. leave ends the connection meanwhile.
func (c *client) do(n *cluster.Node, leave time.Duration, asks ...ask) []answer {
	c.fill(asks)
	sent := make([]time.Duration, len(asks))
	for i := range sent {
		sent[i] = c.now()
	}
	finished := make(chan struct{}, 1)
	c.at.listens()
	n.Submit(c.calls, finished)
	left, lost := c.wait(n, asks, leave, finished)
	killed := c.at.wasKilled(n)
	answers := make([]answer, len(asks))
	var ops []history.Op
	for i := range asks {
		op := asks[i].Op
		op.Sent, op.Node = sent[i], c.at.id
		op.Command = asks[i].command()
		if lost {
			op.Outcome = history.Unknown
		} else {
			answers[i].Value = c.calls[i].Reply
			c.understand(&op, asks[i].line, answers[i].Value)
		}
		if !killed && !lost && (op.Outcome == history.Yes || op.Outcome == history.No) {
			c.learn(asks[i].line)
		}
		if killed && op.Outcome != history.Refused {
			// What is left of a killed process goes on, and does what nobody hears of. That it calls things
			// not done which it never did is true all the same.
			op.Outcome = history.Unknown
			if op.Kind != history.Pass {
				op.Number = 0
			}
		}
		if left && op.Kind == history.Take {
			op.Outcome, op.Left, op.Number = history.Unknown, true, 0
		}
		op.Done = c.now()
		answers[i].Op = op
		ops = append(ops, each(op)...)
	}
	c.answered(ops, max(0, len(asks)-len(ops)))
	if lost {
		c.problem("%s on %s: no reply to %q after %v", c.name, c.at.id, asks[0].line, patience)
		c.calls, c.buffer = nil, make([]byte, 4096) // the node may still use these
		return answers
	}
	c.forget()
	return answers
}

// wait waits for the replies. The client may hang up meanwhile, and then nobody reads them.
func (c *client) wait(n *cluster.Node, asks []ask, leave time.Duration, finished <-chan struct{}) (
	left, lost bool,
) {
	var leaving <-chan time.Time
	var hangUp <-chan struct{}
	if leave > 0 {
		leaving, hangUp = time.After(leave), c.at.hangingUp()
	}
	overdue := time.NewTimer(patience)
	defer overdue.Stop()
	for {
		select {
		case <-finished:
			return left, false
		case <-overdue.C:
			return left, true
		case <-leaving:
		case <-hangUp:
		}
		c.seen = asks[0].Key != "" && c.waitsFor(n, asks[0])
		n.Leave(c.conn, true)
		c.conn++
		left, leaving, hangUp = true, nil, nil
	}
}

// waitsFor tells whether the client is in the queue for the lock that it asks for.
func (c *client) waitsFor(n *cluster.Node, a ask) bool {
	key, _, _ := strings.Cut(a.Key, " ")
	return slices.Contains(waiters(c.ask(n, c.conn|1<<19, "LOCK.INFO "+key)), a.Owner)
}

// fill makes calls of commands, whose words are in the client's buffer.
func (c *client) fill(asks []ask) {
	c.calls = c.calls[:0]
	b := c.buffer[:0]
	for _, a := range asks {
		call := fsm.Call{Command: fsm.Command{Conn: c.conn}}
		for _, w := range a.words() {
			from := len(b)
			b = append(b, w...)
			call.Command.Words = append(call.Command.Words, b[from:len(b):len(b)])
		}
		if a.line == both { // MULTI, the two of them, EXEC
			call.Command.Kind = fsm.KindExec
		} else {
			c.flag(&call)
		}
		c.calls = append(c.calls, call)
	}
}

// flag sets what the command's entry in the table says, as a server does.
func (w *world) flag(call *fsm.Call) {
	cmd, refused := w.table.Lookup(call.Command.Words)
	if cmd == nil {
		w.problem("no such command: %v", refused)
		return
	}
	call.Read, call.Long = !cmd.Numbered(), cmd.Has(commands.Long)
	call.Grows, call.Here = cmd.Has(commands.DenyOOM), cmd.Has(commands.Tells)
}

// forget overwrites what the commands were made of.
func (c *client) forget() {
	for i := range c.buffer {
		c.buffer[i] = 'x'
	}
	for i := range c.calls {
		clear(c.calls[i].Command.Words)
	}
	clear(c.calls)
}

// ask sends one command on a connection of its own.
func (w *world) ask(n *cluster.Node, conn uint64, line string) resp.Value {
	call := fsm.Call{Command: fsm.Command{Conn: conn}}
	for word := range strings.FieldsSeq(line) {
		call.Command.Words = append(call.Command.Words, []byte(word))
	}
	w.flag(&call)
	calls, done := []fsm.Call{call}, make(chan struct{}, 1)
	n.Submit(calls, done)
	select {
	case <-done:
		return calls[0].Reply
	case <-time.After(patience):
		w.problem("no reply to %q after %v", line, patience)
		return resp.Error("TRYAGAIN there was no reply")
	}
}

// understand finds out what became of an operation.
func (c *client) understand(op *history.Op, line string, v resp.Value) {
	op.Outcome = history.Yes
	switch v.Kind() {
	case resp.KindNone:
		c.problem("%s on %s: %q was answered with nothing", c.name, c.at.id, line)
	case resp.KindError:
		c.failed(op, line, v.Str())
		return
	case resp.KindInt:
		op.Number = v.Num()
		if op.Number == 0 {
			op.Outcome = history.No
		}
	}
	if line == both {
		c.together(op, v)
		return
	}
	switch {
	case v.IsNull():
		op.Outcome = history.No
	case op.Kind == history.Queue:
		op.Waiters = waiters(v)
	case op.Kind == history.Read:
		op.Number = numberOf(v)
	case op.Command == "GET" && v.Str() != op.Owner:
		op.Outcome = history.No
	}
	if op.Kind == history.Release || op.Command == "ISLOCKED" { // their 1 is no number
		op.Number = 0
	}
}

// failed is understand for errors.
func (c *client) failed(op *history.Op, line, text string) {
	op.Said = text
	switch code, _, _ := strings.Cut(text, " "); code {
	case "TRYAGAIN", "OOM":
		op.Outcome = history.Refused
	case "UNKNOWN":
		op.Outcome = history.Unknown
	case "ERR":
		if strings.HasPrefix(line, "EVAL @fails") && strings.Contains(text, "as it was told") {
			op.Outcome = history.No
			return
		}
		op.Outcome = history.Unknown
		c.problem("%s on %s: %q was answered %q", c.name, c.at.id, line, text)
	case "NOTOWNER", "NOTLOCKED", "EXPIRED", "REVOKED", "DELAYED": // somebody else holds it, or nobody
		op.Outcome, op.Said = history.No, ""
	case "NOSESSION", "DEADLOCK", "STALE":
		op.Outcome = history.No
	default:
		op.Outcome = history.Unknown
		c.problem("%s on %s: %q was answered %q", c.name, c.at.id, line, text)
	}
}

// waiters takes the owners out of a reply of LOCK.INFO.
func waiters(info resp.Value) (owners []string) {
	for _, w := range field(info, "queue").List() {
		owners = append(owners, field(w, "owner").Str())
	}
	return owners
}

// field finds a name in a map, whose names and values come in turn.
func field(pairs resp.Value, name string) resp.Value {
	list := pairs.List()
	i := slices.IndexFunc(list, func(v resp.Value) bool { return v.Str() == name })
	if i < 0 || i+1 >= len(list) {
		return resp.Null()
	}
	return list[i+1]
}

func numberOf(v resp.Value) (n int64) {
	_, _ = fmt.Sscan(v.Str(), &n) // nothing: 0
	return n
}
