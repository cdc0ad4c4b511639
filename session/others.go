// Connections of the whole cluster. Each node knows its own; CLIENT LIST, KILL and UNBLOCK ask the others.
// Numbers of connections are unique over the cluster (newID), so the answers fit together.

package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
)

// Others are the other nodes.
type Others interface {
	// AskOthers asks all of them at the same time and returns the answers of those that gave one before ctx
	// ended.
	AskOthers(ctx context.Context, question []byte) (answers [][]byte)
}

// othersWithin is how long the others have to answer.
const othersWithin = time.Second

// question is what nodes ask each other. One field is set.
type question struct {
	List    *clientFilter `json:"list,omitempty"`
	Kill    *clientFilter `json:"kill,omitempty"`
	Unblock *unblockWish  `json:"unblock,omitempty"`
}

type unblockWish struct {
	ID        uint64 `json:"id"`
	WithError bool   `json:"withError,omitempty"`
}

// answer is what comes back.
type answer struct {
	Lines []clientLine `json:"lines,omitempty"` // List
	Count int64        `json:"count,omitempty"` // how many were closed or unblocked
}

// clientLine is a connection as CLIENT LIST shows it.
type clientLine struct {
	ID   uint64 `json:"id"`
	Text string `json:"text"`
}

// clientFilter says which connections are meant. Zero fields ask for nothing.
type clientFilter struct {
	IDs   []uint64      `json:"ids,omitempty"`
	Type  string        `json:"type,omitempty"` // normal, pubsub; of others there are none
	Addr  string        `json:"addr,omitempty"`
	LAddr string        `json:"laddr,omitempty"`
	Older time.Duration `json:"older,omitempty"`
	Not   uint64        `json:"not,omitempty"` // the one that is spared
}

func (f *clientFilter) fits(c *conn, now time.Time) bool {
	s := c.look()
	switch {
	case f.Not == s.ID,
		len(f.IDs) > 0 && !slices.Contains(f.IDs, s.ID),
		f.Type != "" && f.Type != c.kind(),
		f.Addr != "" && s.Addr != f.Addr,
		f.LAddr != "" && s.LocalAddr != f.LAddr,
		f.Older > 0 && now.Sub(s.Created) < f.Older:
		return false
	}
	return true
}

// elsewhere tells whether connections of other nodes may fit.
func (h *Hub) elsewhere(f *clientFilter) bool {
	here := func(id uint64) bool { return h.find(id) != nil }
	return len(f.IDs) == 0 || slices.ContainsFunc(f.IDs, func(id uint64) bool { return !here(id) })
}

// kind is the type of a connection, in CLIENT LIST's words.
func (c *conn) kind() string {
	if c.listening().Any() {
		return typePubSub
	}
	return typeNormal
}

// The types of connections that there are here.
const (
	typeNormal = "normal"
	typePubSub = "pubsub"
)

// askOthers asks the other nodes.
func (h *Hub) askOthers(q question) (answers []answer) {
	if h.Others == nil {
		return nil
	}
	text, err := json.Marshal(q)
	if err != nil {
		return nil // no value of these types fails
	}
	ctx, cancel := context.WithTimeout(context.Background(), othersWithin)
	defer cancel()
	for _, text := range h.Others.AskOthers(ctx, text) {
		var a answer
		if json.Unmarshal(text, &a) == nil { // else it is of a newer version
			answers = append(answers, a)
		}
	}
	return answers
}

// Asked answers another node.
func (h *Hub) Asked(_ context.Context, text []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(text, &q); err != nil {
		return nil, err
	}
	var a answer
	switch {
	case !h.wired.Load():
		return nil, errors.New("this node is starting")
	case q.List != nil:
		a.Lines = h.lines(q.List)
	case q.Kill != nil:
		a.Count = h.kill(nil, q.Kill)
	case q.Unblock != nil:
		a.Count = h.unblock(q.Unblock)
	default:
		return nil, errors.New("this version of lockd does not know the question")
	}
	return json.Marshal(a)
}

// lines are the connections of this node.
func (h *Hub) lines(f *clientFilter) (list []clientLine) {
	now := time.Now()
	for _, c := range h.all() {
		if f.fits(c, now) {
			list = append(list, clientLine{c.ID, c.line(now)})
		}
	}
	return list
}

// allLines are those of all nodes, in the order of their numbers.
func (h *Hub) allLines(f *clientFilter) []clientLine {
	list := h.lines(f)
	if h.elsewhere(f) {
		for _, a := range h.askOthers(question{List: f}) {
			list = append(list, a.Lines...)
		}
	}
	slices.SortFunc(list, func(a, b clientLine) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// killAll closes the connections that fit, on all nodes, and returns how many these were.
func (h *Hub) killAll(asking *commands.Conn, f *clientFilter) (closed int64) {
	closed = h.kill(asking, f)
	if h.elsewhere(f) {
		for _, a := range h.askOthers(question{Kill: f}) {
			closed += a.Count
		}
	}
	return closed
}

// kill closes the sockets of all that fit here. Each connection's own goroutine then does the rest: one that
// waits for a lock leaves its place, a grant that was not read goes to the next. Only the subscriptions end
// before this returns, so that nobody who counts subscribers next finds those that were closed.
func (h *Hub) kill(asking *commands.Conn, f *clientFilter) (closed int64) {
	now := time.Now()
	var ends []fsm.Call
	for _, c := range h.all() {
		if !f.fits(c, now) {
			continue
		}
		closed++
		if asking != nil && c.ID == asking.ID {
			asking.Closing = true // it gets its reply first
			continue
		}
		c.wire.Kill()
		if c.listening().Any() {
			ends = append(ends, fsm.Call{Command: fsm.Command{Kind: fsm.KindClose, Conn: c.ID}})
		}
	}
	if len(ends) > 0 {
		done := make(chan struct{}, 1)
		h.Node.Submit(ends, done)
		select {
		case <-done:
		case <-time.After(othersWithin / 2):
		}
	}
	return closed
}

// unblock ends the waiting of a connection of this node, and returns how many that were.
func (h *Hub) unblock(w *unblockWish) int64 {
	if h.find(w.ID) == nil || !h.Node.Unblock(w.ID, w.WithError) {
		return 0
	}
	return 1
}

// unblockAnywhere does it on whichever node the connection is.
func (h *Hub) unblockAnywhere(w *unblockWish) (n int64) {
	if h.find(w.ID) != nil {
		return h.unblock(w)
	}
	for _, a := range h.askOthers(question{Unblock: w}) {
		n += a.Count
	}
	return n
}
