// Requests: commands that their clients may send again, under an id that they chose, when a reply was lost.
// What such a command did cannot be told from the state (was the latch counted down already?), so its reply
// is remembered under the id, and who sends it again gets the same one. What has failed has done nothing,
// and is not remembered.
//
// Replies are kept for ten minutes, and the last ones only, so that they never fill the memory. One that
// waits for a lock is found by the queue instead, until it is answered.

package fsm

import (
	"errors"

	"github.com/tidwall/btree"

	"github.com/divtxt/lockd/resp"
)

// How many replies are remembered, and how long, in milliseconds.
const (
	KeptRequests = 100_000
	RequestLife  = 10 * 60 * 1000
)

// Request names a command that may be sent again. ID is what its client chose, "" for none. Print tells
// commands apart: the same id with another print is a mistake.
type Request struct {
	ID    string
	Print uint64
}

// Sent is what is known of a request.
type Sent int

// What may be known of it.
const (
	SentNever     Sent = iota // or so long ago that it is forgotten; or it waits
	SentBefore                // and was answered
	SentOtherwise             // as another command
)

// request is one with its reply. It never changes.
type request struct {
	Request
	reply Reply
	at    Clock
	order uint64 // rises with each
}

// What a request counts against the memory limit beside its strings, in bytes.
const (
	requestCost = 192
	replyCost   = 64 // a part of its reply
)

func (r *request) cost() int64 { return int64(requestCost+len(r.ID)) + replyBytes(r.reply) }

func replyBytes(v Reply) int64 {
	n := int64(replyCost + len(v.Str()))
	for _, part := range v.List() {
		n += replyBytes(part)
	}
	return n
}

// over tells whether it is forgotten at clock now.
func (r *request) over(now Clock) bool { return r.at.After(RequestLife).passed(now) }

// requests are all that are remembered.
type requests struct {
	byID    *btree.Map[string, *request]
	byOrder *btree.Map[uint64, *request] // derived; nil in a copy
	bytes   int64
}

func newRequests() requests {
	return requests{byID: btree.NewMap[string, *request](0), byOrder: btree.NewMap[uint64, *request](0)}
}

// copy returns a copy for reading only, in constant time.
func (s *requests) copy() requests { return requests{byID: s.byID.Copy(), bytes: s.bytes} }

func (s *requests) add(r *request) {
	s.byID.Set(r.ID, r)
	s.byOrder.Set(r.order, r)
	s.bytes += r.cost()
}

func (s *requests) drop(r *request) {
	s.byID.Delete(r.ID)
	s.byOrder.Delete(r.order)
	s.bytes -= r.cost()
}

// Sent tells whether a request was sent before, and what it was answered.
func (tx *Tx) Sent(r Request) (Reply, Sent) {
	if w := tx.m.queue.requested[r.ID]; w != nil && w.lock.request().Print != r.Print {
		return Reply{}, SentOtherwise
	}
	known, ok := tx.m.requests.byID.Get(r.ID)
	switch {
	case !ok || known.over(tx.m.clock):
		return Reply{}, SentNever
	case known.Print != r.Print:
		return Reply{}, SentOtherwise
	}
	return known.reply, SentBefore
}

// Remember keeps the reply to a request, for whoever sends it again.
func (tx *Tx) Remember(r Request, v Reply) { tx.m.remember(r, v) }

func (m *Machine) remember(r Request, v Reply) {
	if r.ID == "" {
		return
	}
	m.forgetRequest(r.ID)
	for m.requests.byOrder.Len() >= KeptRequests {
		_, oldest, _ := m.requests.byOrder.Min()
		m.forgetRequest(oldest.ID)
	}
	m.counters.requests++
	kept := &request{
		Request: Request{keep(r.ID), r.Print}, reply: keptReply(v), at: m.clock, order: m.counters.requests,
	}
	m.requests.add(kept)
	m.journal = append(m.journal, undo{back: func() { m.requests.drop(kept) }})
}

// forgetRequest drops what is remembered of a request, if anything is.
func (m *Machine) forgetRequest(id string) {
	if r, ok := m.requests.byID.Get(id); ok {
		m.requests.drop(r)
		m.journal = append(m.journal, undo{back: func() { m.requests.add(r) }})
	}
}

// forgetPerEntry bounds the requests that one entry forgets because their time is over.
const forgetPerEntry = 100

// forgetRequests forgets those whose time is over. Nobody can tell the difference, so nobody is woken for it.
func (m *Machine) forgetRequests() {
	for range forgetPerEntry {
		_, oldest, ok := m.requests.byOrder.Min()
		if !ok || !oldest.over(m.clock) {
			return
		}
		m.forgetRequest(oldest.ID)
	}
}

// askedAgain is why one does not wait any longer whose request was sent again.
const askedAgain = "it was asked for again, on another connection"

// takeOver gives the place of one who waits to the same request sent again. If that does not want to wait,
// the place is given up. The first connection, where it still is there, gets nothing.
func (tx *Tx) takeOver(first *waiter, req *LockRequest) Outcome {
	m := tx.m
	out := Outcome{Result: Held, Key: first.keys[0], Item: m.itemAt(first.db, first.keys[0])}
	if req.Wait <= 0 || tx.inside {
		m.quit(first, m.ended(first, "repeated"), askedAgain)
		return out
	}
	again := *first
	again.origin, again.conn, again.seq = tx.who.Origin, tx.who.Conn, tx.who.Seq
	again.deadline = m.clock.After(req.Wait)
	again.lock.Session = keep(req.Session)
	m.leave(first)
	m.tellWaiter(first, LockGaveUp, askedAgain)
	m.answer(first, m.ended(first, "repeated"))
	m.park(&again)
	out.Result = Parked
	return out
}

// Claim tells whether req's owner still holds all keys by a token that is replied to it again. From then on
// it knows of it, whatever becomes of the connection that asked first; and what hangs on a connection hangs
// on the caller's.
func (tx *Tx) Claim(req *LockRequest, token uint64) bool {
	for _, key := range req.Keys {
		it := tx.Get(key)
		if it == nil {
			return false
		}
		if h, mine := it.HoldOf(req.Owner); !mine || h.Token != token {
			return false
		}
	}
	for _, key := range req.Keys {
		tx.m.touchedBy(tx.db, key, req.Owner)
		it := tx.Get(key)
		if h, _ := it.HoldOf(req.Owner); req.OnConn && h.Session != tx.ConnSession().ID {
			h.Session = tx.ConnSession().ID
			tx.m.setHold(tx.db, it, &h)
		}
	}
	return true
}

// keptReply returns v with strings of its own.
func keptReply(v Reply) Reply {
	list := make([]Reply, 0, len(v.List()))
	for _, part := range v.List() {
		list = append(list, keptReply(part))
	}
	switch v.Kind() {
	case resp.KindBulk:
		return resp.Bulk(keep(v.Str()))
	case resp.KindSimple:
		return resp.Simple(keep(v.Str()))
	case resp.KindArray:
		return resp.Array(list...)
	case resp.KindMap:
		return resp.Map(list...)
	}
	return v
}

// The kinds of replies, as snapshots name them.
const (
	replyNull = iota
	replyInt
	replyBulk
	replySimple
	replyArray
	replyMap
)

func (e *encoder) requests(s *requests) {
	e.uints(uint64(s.byID.Len()))
	s.byID.Scan(func(id string, r *request) bool {
		e.string(id)
		e.uints(r.Print, uint64(r.at), r.order)
		e.reply(r.reply)
		return e.err == nil
	})
}

func (e *encoder) reply(v Reply) {
	switch v.Kind() {
	case resp.KindInt:
		e.uints(replyInt, uint64(v.Num()))
	case resp.KindBulk:
		e.uints(replyBulk)
		e.string(v.Str())
	case resp.KindSimple:
		e.uints(replySimple)
		e.string(v.Str())
	case resp.KindArray, resp.KindMap:
		kind := uint64(replyArray)
		if v.Kind() == resp.KindMap {
			kind = replyMap
		}
		e.uints(kind, uint64(len(v.List())))
		for _, part := range v.List() {
			e.reply(part)
		}
	default:
		e.uints(replyNull)
	}
}

// request reads one into m, whose counters are read already.
func (d *decoder) request(m *Machine) {
	r := &request{Request: Request{ID: d.string()}}
	r.Print, r.at, r.order = d.uint(), Clock(d.uint()), d.uint()
	r.reply = d.reply(0)
	_, known := m.requests.byID.Get(r.ID)
	if _, numbered := m.requests.byOrder.Get(r.order); known || numbered || r.order > m.counters.requests {
		d.fail(errors.New("a request in it is there twice, or has a number that was never given"))
		return
	}
	m.requests.add(r)
}

// replyDepth bounds how deep a reply may be nested; those that are remembered are flat, or nearly.
const replyDepth = 4

func (d *decoder) reply(depth int) Reply {
	kind := d.uint()
	switch {
	case depth == replyDepth, kind > replyMap:
		d.fail(errors.New("a reply in it is of a kind that this program does not know: start a newer lockd"))
	case kind == replyInt:
		return resp.Int(int64(d.uint()))
	case kind == replyBulk:
		return resp.Bulk(d.string())
	case kind == replySimple:
		return resp.Simple(d.string())
	case kind >= replyArray:
		var list []Reply
		d.each(func() { list = append(list, d.reply(depth+1)) })
		if kind == replyMap {
			return resp.Map(list...)
		}
		return resp.Array(list...)
	}
	return resp.Null()
}
