// Why: what EXPLAIN adds to the replies of LOCK and UNLOCK, and the graph of who waits for whom as text.

package commands

import (
	"fmt"
	"strings"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func explainGrant(out fsm.Outcome) resp.Value {
	return resp.Map(
		resp.Bulk("ok"), resp.Int(1), resp.Bulk("token"), resp.Int(int64(out.Token)),
		resp.Bulk("reason"), resp.Bulk("granted"), resp.Bulk("key"), resp.Bulk(out.Item.Key),
		resp.Bulk("waited-ms"), resp.Int(0),
	)
}

// explainHeld tells in whose way a request is, its place in the queue if it waited, and when to ask again: -1
// where nobody knows.
func explainHeld(tx *fsm.Tx, req *fsm.LockRequest, out fsm.Outcome) resp.Value {
	reason, holder, token := "queue", resp.Null(), resp.Null()
	held, left, note := resp.Null(), int64(-2), resp.Null()
	again := int64(-1)
	if it := out.Item; it != nil {
		left = it.TTL(tx.Clock())
		again = left
		held = resp.Int(int64(tx.Clock() - it.Since))
		switch {
		case it.Delayed():
			reason = "delayed"
		case !it.HasRoom(&req.Wish): // else only those who wait are in the way
			reason = "held"
		}
		it.Holds(func(h *fsm.Hold) bool {
			holder, token, note = resp.Bulk(h.Owner), resp.Int(int64(h.Token)), resp.Bulk(h.Note)
			held = resp.Int(int64(tx.Clock() - h.Since))
			return h.Owner == req.Owner // of several, one that is in the way
		})
	}
	if f := tx.Frozen(out.Key); f != nil {
		reason = "frozen"
		if ttl := f.TTL(tx.Clock()); left == -2 || left >= 0 && (ttl < 0 || ttl > left) {
			again = ttl
		}
	}
	return resp.Map(
		resp.Bulk("ok"), resp.Int(0), resp.Bulk("token"), resp.Null(),
		resp.Bulk("reason"), resp.Bulk(reason), resp.Bulk("key"), resp.Bulk(out.Key),
		resp.Bulk("holder"), holder, resp.Bulk("holder-token"), token, resp.Bulk("held-ms"), held,
		resp.Bulk("ttl-ms"), resp.Int(left), resp.Bulk("note"), note,
		resp.Bulk("waiters"), resp.Int(int64(tx.QueueLen(out.Key))),
		resp.Bulk("position"), resp.Int(placeFor(tx, out.Key, req.Prio)), resp.Bulk("retry-ms"), resp.Int(again),
	)
}

// placeFor returns the place that who came now would get among those who wait for key.
func placeFor(tx *fsm.Tx, key string, prio byte) int64 {
	place := int64(1)
	tx.Waiters(key, func(w fsm.Waiter) bool {
		if !w.Upgrade && w.Prio < prio {
			return false
		}
		place++
		return true
	})
	tx.Spend(place)
	return place
}

// explainUnlock tells what UNLOCK did, or why it did nothing. it is what stood there before.
func explainUnlock(tx *fsm.Tx, key, owner string, it *fsm.Item, was *fsm.Hold, released bool) resp.Value {
	reason, left := "released", int64(0)
	switch _, held := itemHold(it, owner); {
	case released && was.Again > 0:
		reason, left = "held-again", int64(was.Again)
	case released:
	case it == nil:
		reason = "not-locked"
		if g, ok := tx.Ended(key, owner); ok && g.How != fsm.LockReleased {
			reason = howLost(g.How)
		}
	case it.Delayed():
		reason = "delayed"
	case held:
		reason = "other-token"
	default:
		reason = "not-owner"
		if g, ok := tx.Ended(key, owner); ok && g.TakenBack() {
			reason = howLost(g.How)
		}
	}
	return resp.Map(
		resp.Bulk("ok"), zeroOne(released), resp.Bulk("reason"), resp.Bulk(reason),
		resp.Bulk("key"), resp.Bulk(key), resp.Bulk("left"), resp.Int(left),
	)
}

func itemHold(it *fsm.Item, owner string) (fsm.Hold, bool) {
	if it == nil {
		return fsm.Hold{}, false
	}
	return it.HoldOf(owner)
}

// waitDot is the graph in the language of Graphviz.
func waitDot(tx *fsm.Tx) string {
	var b strings.Builder
	b.WriteString("digraph waits {\n")
	n := 0
	tx.Edges(func(e fsm.Edge) bool {
		style := ""
		if e.Before {
			style = ", style=dashed"
		}
		fmt.Fprintf(&b, "  %q -> %q [label=%q%s];\n", e.Waits, e.Owns, e.Key, style)
		n++
		return n < mostEdges
	})
	b.WriteString("}\n")
	return b.String()
}
