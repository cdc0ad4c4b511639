// The leader's end of other nodes' streams. What they send goes into the inbox, from where the proposer takes
// it together with this node's own calls; what the entries answer goes back by the same stream.
//
// Streams live no longer than a leadership: when it ends they are all closed, what they brought and has no
// outcome is dropped, and their nodes send it again to the next leader. The numbers see to it that nothing is
// done twice.

package cluster

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/divtxt/lockd/fsm"
)

// Bounds of one stream.
const (
	maxInbox   = 8 << 20  // bytes of calls that wait here; then it is not read any further
	maxReplies = 64 << 20 // bytes of replies that the node does not take; then it is cut off
	maxNotes   = 16       // other frames that the node does not take
)

// remote is the stream of one node.
type remote struct {
	origin fsm.Origin
	stream Stream
	ended  atomic.Bool
	heard  atomic.Int64 // raw clock when the last frame came, nanoseconds

	mu       sync.Mutex
	replies  []byte   // encoded, not yet sent
	notes    [][]byte // frames of another kind, not yet sent
	progress progress

	wake chan struct{} // has a value when replies is not empty
	over chan struct{} // closed when it has ended
}

func newRemote(origin fsm.Origin, s Stream) *remote {
	return &remote{origin: origin, stream: s, wake: make(chan struct{}, 1), over: make(chan struct{})}
}

// gone tells whether the stream has ended: nothing of it needs an answer.
func (r *remote) gone() bool { return r.ended.Load() }

// end closes the stream, once.
func (r *remote) end() {
	if r.ended.CompareAndSwap(false, true) {
		close(r.over)
		_ = r.stream.Close() // it ends in any case
	}
}

// leave is end without waiting for the stream: from now on nothing of it is taken.
func (r *remote) leave() {
	if r.ended.CompareAndSwap(false, true) {
		close(r.over)
		go r.stream.Close() //nolint:errcheck // it ends in any case
	}
}

// lastTold is how far the node has come, as it has told.
func (r *remote) lastTold() progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress
}

// answer adds a reply to what is sent next. It does not wait.
func (r *remote) answer(kind byte, number uint64, v fsm.Reply) {
	r.mu.Lock()
	if len(r.replies) == 0 {
		r.replies = append(r.replies, frameReplies)
	}
	r.replies = appendReply(r.replies, kind, number, v)
	size := len(r.replies)
	r.mu.Unlock()
	if size > maxReplies {
		r.end()
	}
}

// flush lets what was answered go.
func (r *remote) flush() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// write sends replies until the stream ends.
func (r *remote) write() {
	defer r.end()
	var spare []byte
	for {
		select {
		case <-r.wake:
		case <-r.over:
			return
		}
		r.mu.Lock()
		frame, notes := r.replies, r.notes
		r.replies, r.notes = spare[:0], nil
		r.mu.Unlock()
		for _, note := range notes {
			if r.stream.Send(note) != nil {
				return
			}
		}
		if len(frame) > 0 && r.stream.Send(frame) != nil {
			return
		}
		if spare = frame; cap(spare) > 1<<20 {
			spare = nil
		}
	}
}

// tell sends a frame that is no reply. Where the node does not read, it is left out.
func (r *remote) tell(frame []byte) {
	r.mu.Lock()
	if len(r.notes) < maxNotes {
		r.notes = append(r.notes, frame)
	}
	r.mu.Unlock()
	r.flush()
}

// remotes are the streams of this leadership, by node.
type remotes struct {
	bell *bell // shared with the outbox: there is something to propose
	raw  func() int64

	by atomic.Pointer[map[string]*remote] // by node; never changed in place: each reply looks here

	mu     sync.Mutex
	room   *sync.Cond
	open   bool
	opened chan struct{} // closed when a leadership begins
	told   chan struct{} // has a value when a node has told how far it has come
	queue  []*call
	bytes  map[*remote]int // of queue
	dirty  []*remote       // have replies of the entry being applied; used by the applying goroutine
}

func newRemotes(b *bell, raw func() int64) *remotes {
	rs := &remotes{
		bell: b, raw: raw, bytes: map[*remote]int{},
		opened: make(chan struct{}), told: make(chan struct{}, 1),
	}
	rs.by.Store(&map[string]*remote{})
	rs.room = sync.NewCond(&rs.mu)
	return rs
}

// begin and end are called when a leadership begins and ends.
func (rs *remotes) begin() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.open = true
	close(rs.opened)
}

func (rs *remotes) end() {
	rs.mu.Lock()
	rs.open, rs.opened = false, make(chan struct{})
	all := rs.by.Swap(&map[string]*remote{})
	rs.bell.took(len(rs.queue))
	rs.queue, rs.bytes = nil, map[*remote]int{}
	rs.room.Broadcast()
	rs.mu.Unlock()
	for _, r := range *all {
		r.end()
	}
}

// errNotLeading is what a node hears that mistakes this one for the leader.
var errNotLeading = errors.New("this node does not lead")

// patience is how long a stream is kept waiting by a node that is about to lead.
const patience = 200 * time.Millisecond

// add begins to serve a stream, instead of an older one of the same node.
func (rs *remotes) add(r *remote) error {
	rs.mu.Lock()
	opened := rs.opened
	rs.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-opened:
	case <-timer.C:
		return errNotLeading
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if !rs.open {
		return errNotLeading
	}
	if old := rs.get(r.origin.Node); old != nil {
		if old.origin.Incarnation > r.origin.Incarnation {
			return errors.New("a newer start of the same node is connected")
		}
		old.end()
		rs.room.Broadcast()
	}
	r.heard.Store(rs.raw())
	rs.set(r.origin.Node, r)
	return nil
}

// set changes who serves a node. The caller holds rs.mu.
func (rs *remotes) set(node string, r *remote) {
	by := maps.Clone(*rs.by.Load())
	if by[node] = r; r == nil {
		delete(by, node)
	}
	rs.by.Store(&by)
}

func (rs *remotes) drop(r *remote) {
	r.end()
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.get(r.origin.Node) == r {
		rs.set(r.origin.Node, nil)
	}
	delete(rs.bytes, r)
}

// get returns the stream of a node, nil if there is none.
func (rs *remotes) get(node string) *remote { return (*rs.by.Load())[node] }

// put queues calls of a stream. It waits while too many of them wait already.
func (rs *remotes) put(r *remote, calls []*call) {
	size := 0
	for _, c := range calls {
		c.size = c.Command.Size()
		size += c.size
	}
	rs.mu.Lock()
	for rs.bytes[r] > maxInbox && !r.gone() {
		rs.room.Wait()
	}
	live := rs.get(r.origin.Node) == r
	if live {
		rs.queue = append(rs.queue, calls...)
		rs.bytes[r] += size
	}
	rs.mu.Unlock()
	if live {
		rs.bell.came(len(calls))
	}
}

// take moves what is queued to the end of to.
func (rs *remotes) take(to []*call) []*call {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if len(rs.queue) == 0 {
		return to
	}
	to = append(to, rs.queue...)
	rs.bell.took(len(rs.queue))
	clear(rs.queue)
	rs.queue = rs.queue[:0]
	clear(rs.bytes)
	rs.room.Broadcast()
	return to
}

// answer passes a reply on to the node that holds the connection, if its stream is here. It is called by the
// applying goroutine, as is flush at the end of the entry.
func (rs *remotes) answer(o fsm.Origin, number uint64, v fsm.Reply) {
	if r := rs.get(o.Node); r != nil && r.origin == o {
		rs.answerRead(r, replyNumbered, number, v)
	}
}

func (rs *remotes) answerRead(r *remote, kind byte, number uint64, v fsm.Reply) {
	r.answer(kind, number, v)
	for _, d := range rs.dirty {
		if d == r {
			return
		}
	}
	rs.dirty = append(rs.dirty, r)
}

func (rs *remotes) flush() {
	for i, r := range rs.dirty {
		r.flush()
		rs.dirty[i] = nil
	}
	rs.dirty = rs.dirty[:0]
}

// all returns the streams there are.
func (rs *remotes) all() []*remote { return slices.Collect(maps.Values(*rs.by.Load())) }

// Forward serves the stream of another node until it ends.
func (n *Node) Forward(from Identity, s Stream) error {
	if err := n.mayForward(from); err != nil {
		return err
	}
	r := newRemote(fsm.Origin{Node: from.Node, Incarnation: from.Incarnation}, s)
	if err := n.remotes.add(r); err != nil {
		return err
	}
	defer n.remotes.drop(r)
	go r.write()
	for {
		frame, err := s.Recv()
		if err != nil || r.gone() {
			return nil // the stream is over, for whatever reason
		}
		r.heard.Store(n.opts.Raw())
		if err := n.take(r, frame); err != nil {
			n.log.Warn("a node sent what cannot be understood", "node", from.Node, "error", err)
			return err
		}
	}
}

var errTooNew = errors.New("a command is of a kind that the cluster's entries do not have yet")

// take takes in one frame of a stream.
func (n *Node) take(r *remote, frame []byte) error {
	if len(frame) == 0 {
		return errFrame
	}
	switch frame[0] {
	case frameCalls:
		calls, err := decodeCalls(frame[1:], r)
		if err != nil {
			return err
		}
		for _, c := range calls {
			since := c.Command.Kind.Since()
			if since > fsm.EntryVersionFirst && n.replica.level() < since {
				return errTooNew // in an older entry it would stop every node
			}
		}
		n.remotes.put(r, calls)
	case frameStatus:
		p, err := decodeProgress(frame[1:])
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.progress = p
		r.mu.Unlock()
		select {
		case n.remotes.told <- struct{}{}:
		default:
		}
	}
	return nil // a kind of frame that came later is not for this version
}
