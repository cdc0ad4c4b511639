// Clients that work on a few keys through all nodes, as many services do that share locks. Each has a node of
// its own and goes to another when that fails. One in three asks the others too, now and then: what it does
// through one node must be seen through the next. Not all do, or all would soon wait for a node that hangs.

package real

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/divtxt/lockd/sim/history"
)

// Target is a node that clients talk to.
type Target struct{ ID, Addr string }

// opTimeout is how long a client waits for a reply, beside what it asked to wait: longer than lockd's own
// command-timeout, so that lockd's answer is seen.
const opTimeout = 12 * time.Second

// Load is a number of clients at work.
type Load struct {
	History *history.Recorder
	dial    dialer
	name    string // what its owners' names begin with
	keys    []string
	counts  []string
	targets atomic.Pointer[[]Target]
	served  sync.Map // node id -> *atomic.Int64
	stop    chan struct{}
	wait    sync.WaitGroup
}

// StartLoad lets n clients work. The seed makes them choose the same again; what happens then still depends
// on how they meet.
func StartLoad(n int, seed uint64, targets []Target) *Load {
	l := newLoad(history.New(), dialOwn, "", "c")
	l.SetTargets(targets)
	l.start(n, seed)
	return l
}

// newLoad is clients that are not at work yet, on keys with a prefix.
func newLoad(h *history.Recorder, dial dialer, prefix, name string) *Load {
	l := &Load{History: h, dial: dial, name: name, stop: make(chan struct{})}
	for i := range 8 {
		l.keys = append(l.keys, fmt.Sprintf("%slock:%d", prefix, i))
	}
	for i := range 3 {
		l.counts = append(l.counts, fmt.Sprintf("%scount:%d", prefix, i))
	}
	return l
}

func (l *Load) start(n int, seed uint64) {
	for i := range n {
		c := l.newClient(i, seed)
		l.wait.Go(func() {
			defer c.close()
			for !l.stopping() {
				c.step()
			}
		})
	}
}

// SetTargets changes the nodes that clients talk to from now on.
func (l *Load) SetTargets(targets []Target) { l.targets.Store(&targets) }

// Served counts the operations that a node has answered.
func (l *Load) Served(node string) int64 { return l.counter(node).Load() }

func (l *Load) counter(node string) *atomic.Int64 {
	n, _ := l.served.LoadOrStore(node, new(atomic.Int64))
	return n.(*atomic.Int64)
}

// Stop lets the clients finish what they are at.
func (l *Load) Stop() {
	close(l.stop)
	l.wait.Wait()
}

func (l *Load) stopping() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// Drain takes each lock once more and reads each counter: nothing is stuck, and the counts are complete.
// It comes after Stop.
func (l *Load) Drain(most time.Duration) []string {
	c := l.newClient(-1, 0)
	defer c.close()
	var wrong []string
	for _, key := range l.keys {
		owner := c.newOwner()
		op := c.insist(history.Op{Kind: history.Take, Key: key, Owner: owner, TTL: time.Second, Wait: most},
			"LOCK", key, owner, "1000", "WAIT", millis(most))
		if op.Outcome != history.Yes {
			wrong = append(wrong, fmt.Sprintf("a lock that everybody has left is not free after %v: %v", most, &op))
		}
		c.do(history.Op{Kind: history.Release, Key: key, Owner: owner}, "UNLOCK", key, owner)
	}
	for _, key := range l.counts {
		if op := c.insist(history.Op{Kind: history.Read, Key: key}, "GET", key); !op.Known() {
			wrong = append(wrong, fmt.Sprintf("a counter cannot be read: %v", &op))
		}
	}
	return wrong
}

// insist asks the next nodes where one does not answer.
func (c *client) insist(op history.Op, words ...string) history.Op {
	var got history.Op
	for range 2 * len(*c.load.targets.Load()) {
		if got = c.do(op, words...); got.Known() {
			break
		}
	}
	return got
}

// client is one of them. It does one thing at a time.
type client struct {
	load   *Load
	id     int
	dice   *rand.Rand
	conns  map[string]connection
	shaken map[string]time.Time // nodes to leave alone until then
	owners int
}

func (l *Load) newClient(id int, seed uint64) *client {
	return &client{
		load: l, id: id, dice: rand.New(rand.NewPCG(seed, uint64(id))),
		conns: map[string]connection{}, shaken: map[string]time.Time{},
	}
}

func (c *client) close() {
	for _, conn := range c.conns {
		conn.Close()
	}
}

func (c *client) newOwner() string {
	c.owners++
	return fmt.Sprintf("%s%d-%d", c.load.name, c.id, c.owners)
}

// pick chooses a node, none that has just failed while there is another.
func (c *client) pick() Target {
	targets := *c.load.targets.Load()
	first := max(c.id, 0) / 3 % len(targets)
	if c.id%3 == 2 && c.dice.IntN(3) == 0 {
		first = c.dice.IntN(len(targets))
	}
	for i := range targets {
		t := targets[(first+i)%len(targets)]
		if time.Now().After(c.shaken[t.ID]) {
			return t
		}
	}
	return targets[c.dice.IntN(len(targets))]
}

// do sends one command to some node, and notes what came of it.
func (c *client) do(op history.Op, words ...string) history.Op {
	h := c.load.History
	target := c.pick()
	op.Node, op.Command = target.ID, words[0]
	op.Sent = h.Now()
	conn, err := c.connect(target)
	op.Dialed = conn.dialed
	var reply any
	if err == nil {
		op.Sent = h.Now()
		reply, err = conn.Do(opTimeout+op.Wait, words...)
	}
	op.Done = h.Now()
	if err != nil {
		op.Outcome, op.Said = classify(err)
	} else {
		understand(&op, reply)
	}
	if !op.Known() {
		c.drop(target.ID)
	} else {
		c.load.counter(target.ID).Add(1)
	}
	h.Add(op)
	return op
}

// caller is a connection through which one command is sent after the other; Conn is one.
type caller interface {
	Do(timeout time.Duration, words ...string) (any, error)
	Close()
}

// dialer makes a caller. Its error wraps errNotSent.
type dialer func(addr string, timeout time.Duration) (caller, error)

func dialOwn(addr string, timeout time.Duration) (caller, error) { return Dial(addr, timeout) }

// connection is one to a node, and when it was made.
type connection struct {
	caller
	dialed time.Duration
}

func (c *client) connect(target Target) (connection, error) {
	if conn, ok := c.conns[target.ID]; ok {
		return conn, nil
	}
	made := connection{dialed: c.load.History.Now()}
	var err error
	if made.caller, err = c.load.dial(target.Addr, time.Second); err == nil {
		c.conns[target.ID] = made
	}
	return made, err
}

// drop leaves a node that has failed alone for a moment.
func (c *client) drop(node string) {
	if conn, ok := c.conns[node]; ok {
		conn.Close()
		delete(c.conns, node)
	}
	c.shaken[node] = time.Now().Add(200 * time.Millisecond)
	time.Sleep(5 * time.Millisecond) // where all nodes fail
}

// classify tells what a client knows after an error.
func classify(err error) (history.Outcome, string) {
	var said Said
	var timeout net.Error
	switch {
	case errors.As(err, &said):
		switch word, _, _ := strings.Cut(string(said), " "); word {
		case "NOTLOCKED", "NOTOWNER", "EXPIRED":
			return history.No, string(said)
		case "TRYAGAIN":
			return history.Refused, string(said)
		}
		return history.Unknown, string(said)
	case errors.Is(err, errNotSent):
		return history.Refused, history.Closed
	case errors.As(err, &timeout) && timeout.Timeout():
		return history.Unknown, "no reply in time"
	}
	return history.Unknown, history.Closed
}
