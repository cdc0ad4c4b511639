// What clients do with the locks that Redis has not: share them, count permits, upgrade, take several at
// once, wait by priority, take back what others hold, and show their tokens to fences.

package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/sim/history"
)

const (
	permits = 3 // of a semaphore
	several = 3 // keys that are taken together
)

// otherLock uses one of these locks.
func (c *client) otherLock(n *cluster.Node) {
	switch c.rng.IntN(8) {
	case 0:
		c.readOrWrite(n)
	case 1:
		c.semaphore(n)
	case 2:
		c.upgrade(n)
	case 3:
		c.several(n)
	case 4:
		c.session()
	case 5:
		c.onConn(n)
	case 6:
		c.inTurn(n)
	default:
		if c.rng.IntN(3) == 0 {
			c.reentrant()
		} else {
			c.takenBack(n)
		}
	}
}

// short is a time to live of a lock that many want.
func (c *client) short() time.Duration { return 100*time.Millisecond + c.upTo(700*time.Millisecond) }

// waits asks for a lock with LOCK and such words, for op, and waits for it. leaves tells whether the client
// may hang up meanwhile.
func (t *try) waits(n *cluster.Node, op history.Op, words string, leaves bool) bool {
	op.Wait = t.upTo(800 * time.Millisecond)
	leave := time.Duration(0)
	if leaves {
		leave = patience // unless its node's clients hang up
		if t.rng.IntN(5) == 0 {
			leave = time.Millisecond + t.upTo(300*time.Millisecond)
		}
	}
	line := fmt.Sprintf("LOCK %s %s %d %s WAIT %d", t.key, t.owner, millis(t.ttl), words, millis(op.Wait))
	return t.request(n, leave, ask{op, line}).Outcome == history.Yes
}

// looks shows who waits for a key, at times instead of anything else.
func (c *client) looks(n *cluster.Node, key string) bool {
	if c.rng.IntN(6) > 0 {
		return false
	}
	c.do(n, 0, ask{history.Op{Kind: history.Queue, Key: key}, "LOCK.INFO " + key})
	return true
}

// readOrWrite shares a lock, or takes it alone.
func (c *client) readOrWrite(n *cluster.Node) {
	t := c.attempt(fmt.Sprint("rw", c.rng.IntN(2)), c.short())
	if c.looks(n, t.key) {
		return
	}
	op, words := t.op(history.Take), ""
	switch c.rng.IntN(5) {
	case 0, 1:
	case 2:
		op.Mode, words = history.ModeUpdate, "UPDATE"
	default:
		op.Mode, words = history.ModeShared, "SHARED"
	}
	if t.waits(n, op, words, true) {
		t.use(n)
	}
}

// semaphore takes some permits of one.
func (c *client) semaphore(n *cluster.Node) {
	t := c.attempt("permits", c.short())
	if c.looks(n, t.key) {
		return
	}
	op := t.op(history.Take)
	op.Mode, op.Permits, op.Limit = history.ModeSemaphore, 1+c.rng.Int64N(permits), permits
	if t.waits(n, op, fmt.Sprintf("LIMIT %d PERMITS %d", op.Limit, op.Permits), true) {
		t.use(n)
	}
}

// use looks at what is held and renews it, and frees it or not.
func (t *try) use(n *cluster.Node) {
	holder := t.key + " " + t.owner
	for range t.rng.IntN(3) {
		t.pass()
		time.Sleep(min(t.upTo(200*time.Millisecond), t.ttl/2))
		if n = t.at.running(); n == nil {
			return
		}
		if t.rng.IntN(2) == 0 {
			if !t.renew(n) {
				return
			}
		} else if t.do(n, 0, ask{t.op(history.Holds), "LOCK.TOKEN " + holder})[0].Outcome == history.No {
			return
		}
	}
	if t.rng.IntN(4) > 0 {
		t.do(n, 0, ask{t.op(history.Release), "UNLOCK " + holder})
	}
}

// rest is how much is surely left at a time of what was given for ttl, and lasts until then at most.
func (w *world) rest(until, ttl, at time.Duration) time.Duration {
	return max(0, until-at-(ttl/1e6+1)*time.Duration(w.fastBy)-w.earlyBy)
}

// upgrade shares a lock and then wants it alone. What it has then counts as another owner's. Who upgrades
// still holds what it shares and comes before all who wait: nobody looks at that queue.
func (c *client) upgrade(n *cluster.Node) {
	t := c.attempt("upgraded", 300*time.Millisecond+c.short())
	op, words := t.op(history.Take), "SHARED"
	if op.Mode = history.ModeShared; c.rng.IntN(4) > 0 {
		op.Mode, words = history.ModeUpdate, "UPDATE"
	}
	if !t.waits(n, op, words, false) {
		return
	}
	time.Sleep(c.upTo(50 * time.Millisecond))
	if n = c.at.running(); n == nil {
		return
	}
	line := fmt.Sprintf("LOCK.UPGRADE %s %s WAIT %d", t.key, t.owner, millis(c.upTo(300*time.Millisecond)))
	got := c.do(n, 0, ask{line: line})[0]
	t.upgraded(got)
	time.Sleep(c.upTo(50 * time.Millisecond))
	if n = c.at.running(); n == nil {
		return
	}
	op, holder := t.op(history.Release), t.key+" "+t.owner
	if got.Outcome == history.Yes {
		op.Owner += "^"
		if c.rng.IntN(2) == 0 {
			c.do(n, 0, ask{op, "LOCK.DOWNGRADE " + holder})
			op = history.Op{} // nobody needs to know what it shares from then on
		}
	}
	c.do(n, 0, ask{op, "UNLOCK " + holder})
}

// upgraded writes down what came of LOCK.UPGRADE: what was shared has ended, and another holds.
func (t *try) upgraded(got answer) {
	ended, begun := got.Op, got.Op
	ended.Kind, ended.Key, ended.Owner, ended.Number = history.Release, t.key, t.owner, 0
	begun.Kind, begun.Key, begun.Owner, begun.Prio = history.Take, t.key, t.owner+"^", 100
	switch {
	case got.Outcome == history.Yes:
		begun.TTL = t.rest(t.until, t.ttl, got.Sent)
		t.answered([]history.Op{ended, begun}, 0)
	case got.Outcome == history.Unknown:
		t.answered([]history.Op{ended}, 0)
	case got.Outcome == history.No && got.IsError() && got.Said == "": // it does not share it any longer
		ended.Kind = history.Holds
		t.answered([]history.Op{ended}, 0)
	}
}

// several takes some keys together, with one token, or none.
func (c *client) several(n *cluster.Node) {
	var keys []string
	for _, i := range c.rng.Perm(several)[:1+c.rng.IntN(several)] {
		keys = append(keys, fmt.Sprint("many", i))
	}
	t := c.attempt(strings.Join(keys, " "), c.short())
	op := t.op(history.Take)
	op.Wait = c.upTo(800 * time.Millisecond)
	line := fmt.Sprintf("MLOCK %d %s %s %d WAIT %d", len(keys), t.key, t.owner, millis(t.ttl), millis(op.Wait))
	got := t.request(n, 0, ask{op, line})
	if n = c.at.running(); n == nil || !got.Known() {
		return
	}
	t.allOrNone(n, keys, got.Outcome)
	if got.Outcome == history.No {
		return
	}
	time.Sleep(min(c.upTo(150*time.Millisecond), t.ttl/2))
	if n = c.at.running(); n == nil || c.rng.IntN(4) == 0 {
		return
	}
	line = fmt.Sprintf("MUNLOCK %d %s %s", len(keys), t.key, t.owner)
	got = c.do(n, 0, ask{t.op(history.Release), line})[0]
	if got.Known() && got.Num() != int64(len(keys)) && t.rest(t.until, t.ttl, got.Done) > 0 {
		c.problem("%s on %s: %q was answered %d, though it held all of them", c.name, c.at.id, line, got.Num())
	}
}

// allOrNone looks at each of the keys that were granted or refused.
func (t *try) allOrNone(n *cluster.Node, keys []string, granted history.Outcome) {
	asks := make([]ask, len(keys))
	for i, key := range keys {
		asks[i].line = "LOCK.TOKEN " + key + " " + t.owner
		if granted == history.Yes {
			asks[i].Op = t.op(history.Holds)
			asks[i].Key = key
		}
	}
	for i, look := range t.do(n, 0, asks...) {
		if granted == history.No && look.Outcome == history.Yes {
			t.problem("%s on %s was refused %v, and holds %s", t.owner, t.at.id, keys, keys[i])
		}
	}
}

// inTurn waits for a lock by priority, and shows its token to a fence.
func (c *client) inTurn(n *cluster.Node) {
	t := c.attempt("turn", c.short())
	if c.looks(n, t.key) {
		return
	}
	op := t.op(history.Take)
	prio := []int{3, 5, 5, 5, 7}[c.rng.IntN(5)]
	op.Prio = prio - 5
	if !t.waits(n, op, fmt.Sprint("PRIO ", prio), true) {
		return
	}
	if n = c.at.running(); n == nil {
		return
	}
	if c.rng.IntN(2) == 0 {
		time.Sleep(c.upTo(t.ttl * 5 / 4)) // at times it comes too late
		t.pass()
	}
	if n = c.at.running(); n != nil {
		t.use(n)
	}
}

// pass shows the token to the fence, or looks at that.
func (t *try) pass() {
	n := t.at.running()
	if n == nil {
		return
	}
	if t.rng.IntN(4) == 0 {
		t.do(n, 0, ask{history.Op{Kind: history.Fence, Key: "fence"}, "FENCE.GET fence"})
		return
	}
	op := history.Op{Kind: history.Pass, Key: "fence", Number: t.token}
	t.do(n, 0, ask{op, fmt.Sprint("FENCE.PASS fence ", t.token)})
}

// takenBack takes a lock that others take back, or does that.
func (c *client) takenBack(n *cluster.Node) {
	t := c.attempt("taken", c.short())
	if c.rng.IntN(3) == 0 {
		op := history.Op{Kind: history.Revoke, Key: t.key}
		line := "LOCK.FORCE " + t.key + " REASON test"
		if c.rng.IntN(3) > 0 {
			op.TTL = c.upTo(300 * time.Millisecond)
			line = fmt.Sprintf("LOCK.REVOKE %s GRACE %d REASON test", t.key, millis(op.TTL))
		}
		c.do(n, 0, ask{op, line})
		return
	}
	if !t.waits(n, t.op(history.Take), "", true) {
		return
	}
	holder := t.key + " " + t.owner
	for range c.rng.IntN(5) {
		time.Sleep(min(c.upTo(150*time.Millisecond), t.ttl/2))
		if n = c.at.running(); n == nil {
			return
		}
		line := fmt.Sprintf("RENEW %s %d", holder, millis(t.ttl))
		if c.do(n, 0, ask{t.op(history.Renew), line})[0].Outcome == history.No {
			return
		}
	}
	c.do(n, 0, ask{t.op(history.Release), "UNLOCK " + holder})
}

// drainLocks takes each of these locks once more, alone, when all others have gone.
func (c *client) drainLocks(n *cluster.Node) {
	keys := []string{"rw0", "rw1", "permits", "upgraded", "turn", "taken", "bound"}
	for i := range several {
		keys = append(keys, fmt.Sprint("many", i), fmt.Sprint("hung", i))
	}
	for _, key := range keys {
		const most = 8 * time.Second // longer than any of them lives
		line := fmt.Sprintf("LOCK %s last 1000 WAIT %d", key, millis(most))
		if got := c.do(n, 0, ask{line: line})[0]; got.Outcome != history.Yes {
			c.problem("%s was not freed in %v: %v", key, most, got.Value)
		}
	}
}
