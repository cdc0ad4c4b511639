// What clients do: hold a lock for a while, in one of the ways in which libraries do it, or count.

package real

import (
	"fmt"
	"strconv"
	"time"

	"github.com/divtxt/lockd/sim/history"
)

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// understand reads a reply.
func understand(o *history.Op, reply any) {
	o.Outcome = history.Yes
	switch v := reply.(type) {
	case nil:
		o.Outcome = history.No
	case int64:
		o.Number = v
		if v == 0 {
			o.Outcome = history.No
		}
	case string:
		understandText(o, v)
	case []any:
		o.Waiters = waiters(v)
	}
	if o.Kind == history.Release || o.Command == "ISLOCKED" { // their 1 is no number
		o.Number = 0
	}
}

// understandText understands +OK, an owner, or a count.
func understandText(o *history.Op, v string) {
	switch {
	case o.Kind == history.Read:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			o.Outcome, o.Said = history.Unknown, fmt.Sprintf("a counter holds %q", v)
		}
		o.Number = n
	case o.Kind == history.Holds && v != o.Owner:
		o.Outcome = history.No
	}
}

// waiters takes the owners out of a reply of LOCK.INFO.
func waiters(info []any) []string {
	var owners []string
	queue, _ := field(info, "queue").([]any)
	for _, w := range queue {
		one, _ := w.([]any)
		if owner, ok := field(one, "owner").(string); ok {
			owners = append(owners, owner)
		}
	}
	return owners
}

// field finds a name in a map, which RESP2 sends as names and values in turn.
func field(pairs []any, name string) any {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == name {
			return pairs[i+1]
		}
	}
	return nil
}

// step is one thing that a client does. One client in six only counts, as fast as it can: so there are always
// commands on their way that must be done once.
func (c *client) step() {
	if c.id%6 == 5 {
		c.count()
		c.think(2 * time.Millisecond)
		return
	}
	switch n := c.dice.IntN(10); {
	case n < 3:
		c.count()
	case n < 4:
		key := c.load.counts[c.dice.IntN(len(c.load.counts))]
		c.do(history.Op{Kind: history.Read, Key: key}, "GET", key)
	case n < 5:
		key := c.key()
		c.do(history.Op{Kind: history.Queue, Key: key}, "LOCK.INFO", key)
	default:
		a := &try{client: c, key: c.key(), owner: c.newOwner(), ttl: c.ttl()}
		if a.take() {
			a.hold()
		}
	}
	c.think(5 * time.Millisecond)
}

func (c *client) count() {
	key := c.load.counts[c.dice.IntN(len(c.load.counts))]
	c.do(history.Op{Kind: history.Count, Key: key}, "INCR", key)
}

// key is one of the first two as often as all others: so that some have queues.
func (c *client) key() string {
	if c.dice.IntN(2) == 0 {
		return c.load.keys[c.dice.IntN(2)]
	}
	return c.load.keys[c.dice.IntN(len(c.load.keys))]
}

func (c *client) think(most time.Duration) { time.Sleep(c.upTo(most)) }

// upTo is a time of whole milliseconds, as the protocol takes them.
func (c *client) upTo(most time.Duration) time.Duration {
	return time.Duration(c.dice.Int64N(most.Milliseconds()+1)) * time.Millisecond
}

// ttl is short for those who mean to let it run out, and long for those who want to see it survive.
func (c *client) ttl() time.Duration {
	switch c.dice.IntN(3) {
	case 0:
		return 100*time.Millisecond + c.upTo(300*time.Millisecond)
	case 1:
		return time.Second + c.upTo(time.Second)
	}
	return 4*time.Second + c.upTo(2*time.Second)
}

// try is one attempt to hold a key.
type try struct {
	*client
	key, owner string
	ttl        time.Duration
}

// short is a time to live that may be left to run out.
func (a *try) short() bool { return a.ttl < time.Second }

// take tries to get the lock. An outcome that is not known is asked for again, as LOCK allows.
func (a *try) take() bool {
	op := history.Op{Kind: history.Take, Key: a.key, Owner: a.owner, TTL: a.ttl}
	words := []string{"LOCK", a.key, a.owner, millis(a.ttl)}
	switch a.dice.IntN(4) {
	case 0:
		words = []string{"SET", a.key, a.owner, "NX", "PX", millis(a.ttl)}
	case 1, 2:
		op.Wait = 100*time.Millisecond + a.upTo(2*time.Second)
		words = append(words, "WAIT", millis(op.Wait))
	}
	got := a.do(op, words...)
	for again := 0; got.Outcome == history.Unknown && words[0] == "LOCK" && again < 3; again++ {
		got = a.do(op, words...)
	}
	if got.Outcome == history.Unknown {
		a.leave()
	}
	return got.Outcome == history.Yes
}

// hold keeps the lock for some steps, and leaves it in some way.
func (a *try) hold() {
	steps := a.dice.IntN(4)
	if !a.short() && a.dice.IntN(12) == 0 {
		steps = 20 // through whatever happens meanwhile
	}
	for range steps {
		a.think(40 * time.Millisecond)
		if !a.stay() || a.load.stopping() {
			break
		}
	}
	if a.short() && a.dice.IntN(3) == 0 {
		a.abandon()
		return
	}
	a.leave()
	if a.dice.IntN(3) == 0 {
		a.look() // it must be gone everywhere
	}
}

// stay makes sure of the lock or makes it live longer. It is false when the lock is gone.
func (a *try) stay() bool {
	switch a.dice.IntN(5) {
	case 0:
		op := history.Op{Kind: history.Renew, Key: a.key, Owner: a.owner, TTL: a.ttl}
		got := a.do(op, "RENEW", a.key, a.owner, millis(a.ttl))
		return got.Outcome != history.No
	case 1:
		got := a.do(history.Op{Kind: history.Replace, Key: a.key, Owner: a.owner, TTL: a.ttl},
			"SET", a.key, a.owner, "IFEQ", a.owner, "PX", millis(a.ttl))
		return got.Outcome != history.No
	}
	return a.look()
}

// look asks any node whether the lock is still held.
func (a *try) look() bool {
	words := [][]string{{"ISLOCKED", a.key, a.owner}, {"LOCK.TOKEN", a.key, a.owner}, {"GET", a.key}}
	got := a.do(history.Op{Kind: history.Holds, Key: a.key, Owner: a.owner}, words[a.dice.IntN(len(words))]...)
	return got.Outcome != history.No
}

// leave releases the lock, also one that is only perhaps held, and asks again until it knows.
func (a *try) leave() {
	words := [][]string{{"UNLOCK", a.key, a.owner}, {"DELIFEQ", a.key, a.owner}}[a.dice.IntN(2)]
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		if got := a.do(history.Op{Kind: history.Release, Key: a.key, Owner: a.owner}, words...); got.Known() {
			return
		}
	}
}

// abandon lets the lock run out, as a client does that dies; sometimes it comes back for it, too late.
func (a *try) abandon() {
	if a.dice.IntN(2) == 0 {
		a.think(a.ttl * 2)
		a.stay()
	}
}
