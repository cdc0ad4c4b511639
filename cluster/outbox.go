// The outbox: this node's commands that have no reply yet. It gives them their numbers, in the order in
// which they were submitted, and keeps each until its reply comes, however often it has to be sent, and
// from whichever side the reply comes: the leader's stream or this node's own application of the entry.
//
// A number is given when a call is first taken, to be put into an entry or sent to the leader. A call that
// never was taken can still be withdrawn, for it was surely not done.

package cluster

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// outbox is safe for concurrent use.
type outbox struct {
	maxCalls int
	maxBytes int
	bell     *bell // rings when something is queued

	mu     sync.Mutex
	seq    uint64           // the last number given
	queue  []*call          // not yet taken, in order
	queued int              // how many calls are queued, those taken and not yet sent included
	bytes  int              // their size
	sent   map[uint64]*call // logged calls that were taken and have no reply, by number
	closed string           // why nothing is taken any more

	leaderFull atomic.Pointer[string] // why the leader lets nothing grow; nil or empty when all is well
}

func newOutbox(maxCalls, maxBytes int) *outbox {
	return &outbox{
		maxCalls: maxCalls, maxBytes: maxBytes,
		bell: newBell(), sent: map[uint64]*call{},
	}
}

const (
	msgClosing  = "TRYAGAIN this node is shutting down: nothing was done, send it to another node"
	msgNoLeader = "TRYAGAIN there is no leader (most nodes of the cluster do not answer, or an election is " +
		"on): nothing was done, try again"
	msgUnknown = "UNKNOWN this node stopped before the outcome was known: look before you send it again"
)

// submit numbers the group's calls and queues them, all or none. Where noGrowth is not empty, calls that
// may add to the state get it as their reply instead.
func (o *outbox) submit(g *group, noGrowth string) {
	size, n := 0, 0
	if text := o.leaderFull.Load(); noGrowth == "" && text != nil {
		noGrowth = *text
	}
	last := lastWrite(g.calls)
	for i := range g.calls {
		c := &g.calls[i]
		if noGrowth != "" && c.Grows {
			c.Reply, c.answered = resp.Error(noGrowth), true
			continue
		}
		c.size = c.Command.Size()
		size += c.size
		n++
		// A read before a write of the same pipeline is logged with it: sent again after a change of
		// leader, it could otherwise see the write that came after it.
		if i < last {
			c.Read = false
		}
	}
	if n == 0 {
		g.pending.Store(1)
		g.answer()
		return
	}
	g.pending.Store(int32(n))
	o.mu.Lock()
	if refusal := o.refusal(g, size); refusal != "" {
		o.mu.Unlock()
		refuse(g, refusal)
		return
	}
	for i := range g.calls {
		if c := &g.calls[i]; !c.answered {
			o.queue = append(o.queue, c)
		}
	}
	o.queued += n
	o.bytes += size
	o.mu.Unlock()
	o.bell.came(n)
}

func lastWrite(calls []call) int {
	for i := len(calls) - 1; i >= 0; i-- {
		if !calls[i].Read {
			return i
		}
	}
	return -1
}

// refusal says why a group cannot be taken, or nothing. What ends a connection or its waiting is taken even
// into a full queue: it makes room, and there is at most one of it for a connection.
func (o *outbox) refusal(g *group, size int) string {
	switch {
	case o.closed != "":
		return o.closed
	case g.calls[0].Command.Kind != fsm.KindCommand:
		return ""
	case o.queued >= o.maxCalls || o.bytes+size > o.maxBytes && o.queued > 0:
		return fmt.Sprintf("TRYAGAIN the queue is full (%d commands, %d bytes wait for the disk): "+
			"nothing was done, try again", o.queued, o.bytes)
	}
	return ""
}

func refuse(g *group, text string) {
	for i := range g.calls {
		g.calls[i].Reply = resp.Error(text)
	}
	g.pending.Store(1)
	g.answer()
}

// take moves what is queued to the end of to and gives the logged calls their numbers.
func (o *outbox) take(to []*call) []*call {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.queue {
		if !c.Read {
			o.seq++
			c.number = o.seq
			o.sent[c.number] = c
		}
		to = append(to, c)
	}
	o.bell.took(len(o.queue))
	clear(o.queue)
	o.queue = o.queue[:0]
	return to
}

// cut tells that so many calls are on their way and no longer wait here.
func (o *outbox) cut(calls, bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queued -= calls
	o.bytes -= bytes
}

// uncut returns those of this node's calls that still have no reply, to be sent again.
func (o *outbox) uncut(calls []*call) (again []*call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range calls {
		if c.from == nil && !c.answered {
			again = append(again, c)
			o.queued++
			o.bytes += c.size
		}
	}
	return again
}

// settled drops from waiting what has been answered meanwhile. The caller holds o.mu.
func (o *outbox) settled(waiting []*call) []*call {
	left := waiting[:0]
	for _, c := range waiting {
		if c.answered {
			o.queued--
			o.bytes -= c.size
			continue
		}
		left = append(left, c)
	}
	return left
}

// reply is what an entry said about one of this node's commands.
type reply struct {
	number uint64
	read   *call // for a read, which has no number
	v      fsm.Reply
}

// deliver gives replies to their calls. A parked call stays until its second reply.
//
// It returns false where one is the reply to a command that this start of the node never sent.
func (o *outbox) deliver(replies []reply) (ours bool) {
	ours = true
	o.mu.Lock()
	for i := range replies {
		r := &replies[i]
		c := r.read
		if c == nil {
			c = o.sent[r.number]
			ours = ours && r.number <= o.seq
		} else if c.answered && !c.running {
			c = nil
		}
		r.read = nil
		if c == nil {
			continue // answered before, by an earlier copy or from the other side
		}
		c.answered, c.running = true, false
		if r.v.Kind() == resp.KindNone {
			continue
		}
		delete(o.sent, c.number)
		c.Reply, c.Number = r.v, c.number
		r.read = c
	}
	o.mu.Unlock()
	for i := range replies {
		if c := replies[i].read; c != nil {
			c.group.answer()
		}
		replies[i] = reply{}
	}
	return ours
}

// given is the last number that was given.
func (o *outbox) given() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seq
}

// shut refuses what comes from now on, and tells whether nothing else did before.
func (o *outbox) shut(why string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed != "" {
		return false
	}
	o.closed = why
	return true
}

// close answers everything that is left when the node stops: what was never cut was surely not done, and a
// read never does anything.
func (o *outbox) close(waiting []*call) {
	o.shut(msgClosing)
	o.mu.Lock()
	waiting = append(waiting, o.queue...)
	o.queue = nil
	var left []*call
	for _, c := range waiting {
		if !c.answered && (!c.cut || c.Read) {
			c.Reply, c.answered = resp.Error(msgClosing), true
			delete(o.sent, c.number)
			left = append(left, c)
		}
	}
	for _, c := range o.sent { // parked, or sent and not heard of
		c.Reply, c.answered = resp.Error(msgUnknown), true
		left = append(left, c)
	}
	o.sent = map[uint64]*call{}
	o.mu.Unlock()
	for _, c := range left {
		c.group.answer()
	}
}

// running tells that a read is being run beside the entries: it will be answered, and is not sent again. It
// returns false where that read was answered already.
func (o *outbox) running(c *call) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.answered {
		return false
	}
	c.answered, c.running = true, true
	return true
}

// withdraw answers the groups that have waited since before a moment and of which no call was taken: nobody
// has seen them.
func (o *outbox) withdraw(before time.Time) {
	o.mu.Lock()
	var gone []*call
	left := o.queue[:0]
	for _, c := range o.queue {
		withdrawn := c.Command.Kind == fsm.KindCommand || c.Command.Kind == fsm.KindUnblock
		if withdrawn && c.group.since.Before(before) {
			c.Reply, c.answered = resp.Error(msgNoLeader), true
			o.queued--
			o.bytes -= c.size
			gone = append(gone, c)
			continue
		}
		left = append(left, c)
	}
	o.bell.took(len(gone))
	clear(o.queue[len(left):])
	o.queue = left
	o.mu.Unlock()
	for _, c := range gone {
		c.group.answer()
	}
}

// giveUp answers those sent calls that lost tells about, with an error. The connections of those that were
// parked leave first: they may go on, and what ends their waiting must not come behind what they send next.
func (o *outbox) giveUp(text string, lost func(c *call) bool, leave func(conn uint64)) {
	o.mu.Lock()
	var gone []*call
	var parked []uint64
	for number, c := range o.sent {
		if !lost(c) {
			continue
		}
		if c.answered {
			parked = append(parked, c.Command.Conn)
		}
		c.Reply, c.answered = resp.Error(text), true
		delete(o.sent, number)
		gone = append(gone, c)
	}
	o.mu.Unlock()
	for _, conn := range parked {
		leave(conn)
	}
	for _, c := range gone {
		c.group.answer()
	}
}
