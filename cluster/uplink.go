// The uplink: a follower's stream to its leader. Calls go up in frames as they come; replies come down. A
// reply may also come from this node's own application of the entry: whichever is first counts.
//
// When the stream ends, whatever has no reply goes again, by the next stream or, if this node leads by then,
// by its own entries.

package cluster

import (
	"context"
	"errors"
	"slices"
	"time"
)

// frameBytes is about the most that is put into one frame of calls.
const frameBytes = 256 << 10

// tellEvery is how often a follower tells its leader how far it has come. It is also how the leader knows
// that the node lives.
const tellEvery = 100 * time.Millisecond

// uplink is used by the goroutine that runs the router, but for receive.
type uplink struct {
	node   *Node
	stream Stream
	tell   chan struct{} // has a value when the leader wants to know how far this node has come
	broken chan struct{} // closed by receive when the stream has ended, after err was set
	err    error

	flight []*call // sent, in order; some are answered by now
	prune  int     // the length at which the answered ones are dropped

	nextRead uint64
	reads    map[uint64]*call // by their names on this stream; guarded by the outbox
}

// follow sends this node's calls to the leader until there is another one or the stream breaks.
func (r *router) follow(at leadership) {
	n := r.node
	ctx, cancel := context.WithTimeout(context.Background(), n.opts.DialTimeout)
	stopWatch := at.whenChanged(n, cancel)
	stream, who, err := n.opts.Network.Open(ctx, string(at.address))
	stopWatch()
	cancel()
	if err == nil && who.Node != string(at.leader) {
		_ = stream.Close() // another node answers at that address: its own fault is not ours
		err = errors.New("node " + who.Node + " answers at the address of node " + string(at.leader))
	}
	if err != nil {
		r.unreachable(at, err)
		return
	}
	u := &uplink{
		node: n, stream: stream, tell: make(chan struct{}, 1), broken: make(chan struct{}),
		reads: map[uint64]*call{}, prune: 1024,
	}
	r.connected()
	stopWatch = at.whenChanged(n, func() { _ = stream.Close() })
	go u.receive()
	u.send(&r.pending, at)
	stopWatch()
	_ = stream.Close() // ended anyway
	<-u.broken
	r.pending.putBack(u.flight)
	n.outbox.leaderFull.Store(nil)
	r.lost(at, u.err)
}

// send runs until the stream is broken, the leader another one, or the node stops.
func (u *uplink) send(p *pending, at leadership) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	var frame []byte
	frame = u.node.progress().append(frame[:0])
	for u.stream.Send(frame) == nil {
		select {
		case <-tick.C: // also under load: a learner that never says how far it has come gets no vote
			frame = u.node.progress().append(frame[:0])
			continue
		case <-u.tell:
			frame = u.node.progress().append(frame[:0])
			continue
		default:
		}
		p.take()
		if len(p.calls) > 0 {
			frame = u.fill(frame[:0], p)
			continue
		}
		select {
		case <-u.node.outbox.bell.ring:
			p.take()
			frame = u.fill(frame[:0], p)
		case <-tick.C:
			frame = u.node.progress().append(frame[:0])
		case <-u.tell:
			frame = u.node.progress().append(frame[:0])
		case <-u.broken:
			return
		case <-at.changed:
			return
		case <-u.node.stop:
			return
		}
		if cap(frame) > 4*frameBytes {
			frame = nil
		}
	}
}

// fill makes a frame of what waits, up to about frameBytes, and notes it as on its way.
func (u *uplink) fill(frame []byte, p *pending) []byte {
	frame = append(frame, frameCalls)
	calls, bytes := 0, 0
	var waiting []*call
	p.cutting(func() {
		waiting = p.calls
		for _, c := range waiting {
			if calls > 0 && len(frame)+c.size > frameBytes {
				break
			}
			number := c.number
			if c.Read {
				u.nextRead++
				c.name, number = u.nextRead, u.nextRead
			}
			frame = appendCall(frame, number, c.Call)
			c.cut = true
			calls++
			bytes += c.size
		}
		p.calls = waiting[calls:]
	})
	u.sent(waiting[:calls])
	u.node.outbox.cut(calls, bytes)
	return frame
}

// sent notes calls as being on their way, and forgets those that have arrived.
func (u *uplink) sent(calls []*call) {
	o := u.node.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range calls {
		if c.name != 0 && !c.answered {
			u.reads[c.name] = c
		}
	}
	u.flight = append(u.flight, calls...)
	if len(u.flight) < u.prune {
		return
	}
	u.flight = slices.DeleteFunc(u.flight, func(c *call) bool { return c.answered })
	u.prune = max(1024, 2*len(u.flight))
}

// receive hands on what the leader says until the stream ends.
func (u *uplink) receive() {
	defer close(u.broken)
	var replies []reply
	for {
		frame, err := u.stream.Recv()
		if err != nil {
			u.err = err
			return
		}
		switch {
		case len(frame) == 0:
		case frame[0] == frameStatus:
			text := string(frame[1:])
			u.node.outbox.leaderFull.Store(&text)
		case frame[0] == frameHealth:
			u.node.hearHealth(frame[1:])
		case frame[0] == frameMark:
			if index, err := decodeMark(frame[1:]); err == nil {
				u.node.wait.Go(func() { u.reachMark(index) })
			}
		case frame[0] == frameReplies:
			got, err := decodeReplies(frame[1:])
			if err != nil {
				u.err = err
				return
			}
			replies = u.match(got, replies[:0])
			u.node.outbox.deliver(replies)
		}
	}
}

// match finds the reads that replies are for, and leaves out what this node must have applied first.
func (u *uplink) match(got []numberedReply, replies []reply) []reply {
	o := u.node.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range got {
		switch g := &got[i]; g.kind {
		case replyNumbered:
			if c := o.sent[g.number]; c != nil && c.Here {
				continue // it comes again, with what else the command does to this node's connections
			}
			replies = append(replies, reply{number: g.number, v: g.value})
		case replyRead:
			if c := u.reads[g.number]; c != nil {
				delete(u.reads, g.number)
				replies = append(replies, reply{read: c, v: g.value})
			}
		}
	}
	return replies
}
