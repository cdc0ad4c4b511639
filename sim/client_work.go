// What clients do: hold locks in the ways in which libraries do it, count, and read.

package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/sim/history"
)

const (
	locks  = 3
	shares = 2 // counters that all clients share
)

// run works until the run is over.
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
				c.at = c.any(c.rng)
			}
			continue
		}
		switch what := c.rng.IntN(30); {
		case c.reads || what < 4:
			c.shared(n)
		case what < 10:
			c.pipeline(n)
		case what < 12:
			c.job(n)
		case what < 14:
			c.publish(n)
		case what < 15:
			c.listen(n)
		case what < 20:
			c.lock(n)
		default:
			c.otherLock(n)
		}
	}
}

// shared uses the counters that all share.
func (c *client) shared(n *cluster.Node) {
	key := fmt.Sprint("shared", c.rng.IntN(shares))
	if !c.reads && c.rng.IntN(3) > 0 {
		line := "INCR " + key
		switch c.rng.IntN(6) {
		case 0:
			line = c.evaluates("@count", 1, key)
		case 1:
			line = both
		}
		c.do(n, 0, ask{history.Op{Kind: history.Count, Key: key}, line})
		return
	}
	c.do(n, 0, ask{history.Op{Kind: history.Read, Key: key}, "GET " + key})
}

// pipeline sends several commands together, whose replies depend on each other.
func (c *client) pipeline(n *cluster.Node) {
	asks := make([]ask, 1+c.rng.IntN(8))
	for i := range asks {
		switch c.rng.IntN(6) {
		case 0:
			asks[i].line = "KEYS " + c.mine + "*"
		case 1, 2:
			asks[i].line = "INCR " + c.mine
		default:
			asks[i].line = "GET " + c.mine
		}
	}
	c.inOrder(asks, c.do(n, 0, asks...))
}

// inOrder looks whether replies about the client's own counter are those of commands done one after the
// other.
func (c *client) inOrder(asks []ask, answers []answer) {
	sure := true
	for i, a := range answers {
		verb, key, _ := strings.Cut(asks[i].line, " ")
		switch {
		case !strings.HasPrefix(key, c.mine):
			continue
		case !a.Known():
			sure = sure && (verb != "INCR" || a.Outcome == history.Refused)
			continue
		}
		var want, got int64
		switch verb {
		case "INCR":
			c.count++
			want, got = c.count, a.Num()
		case "KEYS":
			want, got = min(1, c.count), int64(len(a.List()))
		default:
			want, got = c.count, numberOf(a.Value)
		}
		if sure && got != want {
			c.problem("%s on %s: %q, command %d of a pipeline, was answered %d, want %d",
				c.name, c.at.id, asks[i].line, i, got, want)
		}
	}
	if !sure {
		c.anotherCounter()
	}
}

// try is one attempt to hold a lock.
type try struct {
	*client
	key, owner string
	ttl        time.Duration
	token      int64         // that LOCK replied
	until      time.Duration // the client may believe to hold it until then; 0: it cannot be sure
}

// attempt begins one.
func (c *client) attempt(key string, ttl time.Duration) *try {
	c.owners++
	return &try{client: c, key: key, owner: fmt.Sprint(c.name, "#", c.owners), ttl: ttl}
}

func millis(d time.Duration) int64 { return d.Milliseconds() }

// upTo is a time of whole milliseconds, as the protocol takes them.
func (c *client) upTo(most time.Duration) time.Duration {
	return time.Duration(c.rng.Int64N(most.Milliseconds()+1)) * time.Millisecond
}

// lock takes a lock, uses it, and frees it or leaves it to time.
func (c *client) lock(n *cluster.Node) {
	key := fmt.Sprint("lock", c.rng.IntN(locks))
	if c.rng.IntN(12) == 0 {
		c.fails(n)
		return
	}
	if c.rng.IntN(6) == 0 {
		c.do(n, 0, ask{history.Op{Kind: history.Queue, Key: key}, "LOCK.INFO " + key})
		return
	}
	t := c.attempt(key, 0)
	switch c.rng.IntN(3) {
	case 0:
		t.ttl = 30*time.Millisecond + c.upTo(200*time.Millisecond)
	case 1:
		t.ttl = 100*time.Millisecond + c.upTo(1200*time.Millisecond)
	default:
		t.ttl = 1500*time.Millisecond + c.upTo(2500*time.Millisecond)
	}
	if t.take(n) {
		t.hold(n)
	}
}

func (t *try) op(kind history.Kind) history.Op {
	return history.Op{Kind: kind, Key: t.key, Owner: t.owner, TTL: t.ttl}
}

// take tries to get the lock in one of the ways there are. An outcome that is not known is asked for again,
// as LOCK allows, or the lock is freed.
func (t *try) take(n *cluster.Node) bool {
	op, leave := t.op(history.Take), time.Duration(0)
	var line string
	switch t.rng.IntN(5) {
	case 0:
		line = fmt.Sprintf("SET %s %s NX PX %d", t.key, t.owner, millis(t.ttl))
		if t.rng.IntN(2) == 0 {
			line = t.evaluates("@take", 1, t.key, t.owner, millis(t.ttl))
		}
	case 1:
		line = fmt.Sprintf("LOCK %s %s %d", t.key, t.owner, millis(t.ttl))
	default:
		op.Wait = t.upTo(1500 * time.Millisecond)
		line = fmt.Sprintf("LOCK %s %s %d WAIT %d", t.key, t.owner, millis(t.ttl), millis(op.Wait))
		leave = patience // unless its node's clients hang up
		if t.rng.IntN(5) == 0 {
			leave = time.Millisecond + t.upTo(300*time.Millisecond)
		}
	}
	return t.request(n, leave, ask{op, line}).Outcome == history.Yes
}

// request asks for a lock, and again where the outcome is not known.
func (t *try) request(n *cluster.Node, leave time.Duration, a ask) answer {
	t.seen = false
	got := t.do(n, leave, a)[0]
	again := 0
	if strings.Contains(a.line, "LOCK ") {
		again = 2
	}
	for ; got.Outcome == history.Unknown && !got.Left && again > 0; again-- {
		if n = t.at.running(); n == nil {
			return got
		}
		got = t.do(n, 0, a)[0]
	}
	if got.Left {
		t.gone(n)
	}
	t.until, t.token = got.Sent+t.ttl, got.Number
	return got
}

// gone looks whether a client that has hung up is forgotten. Numbers are consecutive: once a later command
// through the same node is answered, the end of the connection has taken effect.
func (t *try) gone(n *cluster.Node) {
	asks := []ask{{line: "INCR " + t.mine}}
	answers := t.do(n, 0, asks...)
	t.inOrder(asks, answers)
	if !answers[0].Known() {
		return
	}
	look := t.do(n, 0, ask{history.Op{Kind: history.Queue, Key: t.key}, "LOCK.INFO " + t.key})[0]
	holder := field(look.Value, "owner").Str()
	// A grant that came at once stays though its reply was not read, as in Redis; one that was waited for does
	// not.
	if look.Known() && (holder == t.owner && t.seen || slices.Contains(look.Waiters, t.owner)) {
		t.problem("%s on %s has hung up while it waited for %s, and is still there: %s holds it, %v wait",
			t.owner, t.at.id, t.key, holder, look.Waiters)
	}
}

// hold looks at the lock and renews it, and frees it or not.
func (t *try) hold(n *cluster.Node) {
	if t.rng.IntN(4) == 0 && !t.keep() {
		return
	}
	for range t.rng.IntN(4) {
		time.Sleep(min(t.upTo(400*time.Millisecond), t.ttl*3/4))
		if n = t.at.running(); n == nil {
			return
		}
		if !t.stay(n) {
			break
		}
	}
	switch t.rng.IntN(4) {
	case 0: // time frees it, and not before: somebody looks at the last moment
		time.Sleep(t.ttl * 9 / 10)
		if n = t.at.running(); n != nil {
			t.do(n, 0, ask{t.op(history.Holds), "GET " + t.key})
		}
	case 1: // time frees it
	default:
		line := []string{"UNLOCK ", "DELIFEQ "}[t.rng.IntN(2)] + t.key + " " + t.owner
		if t.rng.IntN(3) == 0 {
			line = t.evaluates("@release", 1, t.key, t.owner)
		}
		t.do(n, 0, ask{t.op(history.Release), line})
	}
}

// keep renews the lock in good time, again and again, as libraries do that look after a lock by themselves.
// It is false when the lock, or the node, is gone.
func (t *try) keep() bool {
	for range 2 + t.rng.IntN(6) {
		time.Sleep(t.ttl / 4)
		if n := t.at.running(); n == nil || !t.renew(n) {
			return false
		}
	}
	return true
}

// renew asks for as much time again. It is false when the lock is gone.
func (t *try) renew(n *cluster.Node) bool {
	line := fmt.Sprintf("RENEW %s %s %d", t.key, t.owner, millis(t.ttl))
	got := t.do(n, 0, ask{t.op(history.Renew), line})[0]
	t.refused(got.Op)
	if got.Outcome == history.Yes && t.until != 0 {
		t.until = got.Sent + t.ttl
	}
	return got.Outcome != history.No
}

// stay makes sure of the lock, or makes it live longer. It is false when the lock is gone.
func (t *try) stay(n *cluster.Node) bool {
	var got answer
	holder := t.key + " " + t.owner
	switch t.rng.IntN(7) {
	case 0:
		line := "GET " + t.key
		if t.rng.IntN(2) == 0 {
			line = t.evaluates("@look", 1, t.key)
		}
		got = t.do(n, 0, ask{t.op(history.Holds), line})[0]
	case 1:
		got = t.do(n, 0, ask{t.op(history.Holds), "ISLOCKED " + holder})[0]
	case 2:
		got = t.do(n, 0, ask{t.op(history.Holds), "LOCK.TOKEN " + holder})[0]
	case 3:
		asks := []ask{{line: "INCR " + t.mine}, {t.op(history.Holds), "GET " + t.key}, {line: "GET " + t.mine}}
		answers := t.do(n, 0, asks...)
		t.inOrder(asks, answers)
		got = answers[1]
	case 4:
		got = t.do(n, 0, ask{t.op(history.Replace),
			fmt.Sprintf("SET %s IFEQ %s PX %d", holder, t.owner, millis(t.ttl))})[0]
	default:
		return t.renew(n)
	}
	if op := got.Op; op.Kind == history.Replace {
		if t.until = op.Sent + t.ttl; op.Outcome != history.Yes {
			t.until = 0
		}
	}
	return got.Outcome != history.No
}

// drain takes each lock once more and reads each counter, when all others have gone: nothing is stuck, and
// the counts are complete.
func (c *client) drain() {
	n := c.at.running()
	if n == nil {
		return
	}
	for i := range locks {
		c.owners++
		t := &try{client: c, key: fmt.Sprint("lock", i), owner: fmt.Sprint("last#", c.owners), ttl: time.Second}
		op := t.op(history.Take)
		op.Wait = 8 * time.Second // longer than any lock lives
		line := fmt.Sprintf("LOCK %s %s 1000 WAIT %d", t.key, t.owner, millis(op.Wait))
		if got := c.do(n, 0, ask{op, line})[0]; got.Outcome != history.Yes {
			c.problem("%s was not freed in %v: %v", t.key, op.Wait, got.Value)
			continue
		}
		c.do(n, 0, ask{t.op(history.Release), "UNLOCK " + t.key + " " + t.owner})
	}
	c.drainLocks(n)
	c.drainJobs(n)
	for i := range shares {
		key := fmt.Sprint("shared", i)
		c.do(n, 0, ask{history.Op{Kind: history.Read, Key: key}, "GET " + key})
	}
}
