// Showing locks: LOCK.INFO and LOCK.LIST, for people and for tools.

package commands

import (
	"strings"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// shownWaiters is how many of those who wait LOCK.INFO shows; it counts them all.
const shownWaiters = 100

func lockInfo(tx *fsm.Tx, a Args) resp.Value {
	key := a.Str(1)
	it := tx.Get(key)
	if it != nil && !it.IsLock() {
		return errNotALock(tx, key)
	}
	state, mode, owner, token, note := "free", resp.Null(), resp.Null(), resp.Null(), resp.Null()
	ttl, held := int64(-2), resp.Null()
	if it != nil {
		state, mode, owner = "held", resp.Bulk("exclusive"), resp.Bulk(it.Str)
		token, ttl = resp.Int(int64(it.Token)), it.TTL(tx.Clock())
		held = resp.Int(int64(tx.Clock() - it.Since))
		note = resp.Bulk(it.Note())
	}
	return resp.Map(
		resp.Bulk("key"), resp.Bulk(strings.Clone(key)),
		resp.Bulk("state"), resp.Bulk(state),
		resp.Bulk("mode"), mode,
		resp.Bulk("owner"), owner,
		resp.Bulk("token"), token,
		resp.Bulk("ttl-ms"), resp.Int(ttl),
		resp.Bulk("held-ms"), held,
		resp.Bulk("note"), note,
		resp.Bulk("waiters"), resp.Int(int64(tx.QueueLen(key))),
		resp.Bulk("queue"), queueOf(tx, key),
	)
}

// queueOf shows those who wait for key, the next one first.
func queueOf(tx *fsm.Tx, key string) resp.Value {
	var list []resp.Value
	tx.Waiters(key, func(w fsm.Waiter) bool {
		list = append(list, resp.Map(
			resp.Bulk("pos"), resp.Int(int64(len(list)+1)),
			resp.Bulk("owner"), resp.Bulk(w.Owner),
			resp.Bulk("since-ms"), resp.Int(int64(tx.Clock()-w.Since)),
			resp.Bulk("wait-left-ms"), resp.Int(max(0, int64(w.Deadline-tx.Clock()))),
			resp.Bulk("note"), resp.Bulk(w.Note),
			resp.Bulk("node"), resp.Bulk(w.Node),
			resp.Bulk("conn"), resp.Int(int64(w.Conn)),
		))
		return len(list) < shownWaiters
	})
	return resp.Array(list...)
}

// The bounds of a page of LOCK.LIST.
const (
	listCount    = 100
	listMaxCount = 1000
	listVisits   = 10000 // keys looked at for a page, when few of them fit
)

// listOptions is what the words of LOCK.LIST said.
type listOptions struct {
	pattern, owner string
	anyOwner       bool
	count          int
	after          string
	fromStart      bool
}

// cursorMark begins every cursor but "0": the rest is the last key of the page. Without it the page that
// ends with a key named 0 would look like the last.
const cursorMark = ">"

func readListOptions(a Args) (o listOptions, problem resp.Value) {
	o = listOptions{pattern: "*", anyOwner: true, count: listCount, fromStart: true}
	for i := 1; i < len(a); i += 2 {
		switch {
		case i+1 >= len(a):
			return o, errSyntax()
		case a.Is(i, "MATCH"):
			o.pattern = a.Str(i + 1)
		case a.Is(i, "OWNER"):
			o.owner, o.anyOwner = a.Str(i+1), false
		case a.Is(i, "COUNT"):
			n, ok := a.Int(i + 1)
			if !ok || n < 1 {
				return o, resp.Errorf("ERR '%s' is no count: give a positive integer", clip(a[i+1], 32))
			}
			o.count = int(min(n, listMaxCount))
		case a.Is(i, "CURSOR"):
			cursor := a.Str(i + 1)
			o.after, o.fromStart = strings.TrimPrefix(cursor, cursorMark), cursor == "0"
			if !o.fromStart && !strings.HasPrefix(cursor, cursorMark) {
				return o, resp.Error("ERR invalid cursor: give the one that LOCK.LIST replied, or 0 to begin")
			}
		default:
			return o, errSyntax()
		}
	}
	return o, resp.Value{}
}

func lockList(tx *fsm.Tx, a Args) resp.Value {
	o, problem := readListOptions(a)
	if problem.IsError() {
		return problem
	}
	if o.fromStart {
		o.after = ""
	}
	p := page{glob: glob{pattern: o.pattern, steps: scanSteps}, count: listVisits}
	var list []resp.Value
	p.walk(tx, o.after, o.fromStart, func(it *fsm.Item) bool {
		if it.IsLock() && (o.anyOwner || it.Str == o.owner) {
			list = append(list, lockRow(tx, it))
		}
		return len(list) < o.count
	})
	next := "0"
	if !p.end {
		next = cursorMark + p.last
	}
	return resp.Array(resp.Bulk(next), resp.Array(list...))
}

// lockRow is one lock as LOCK.LIST shows it.
func lockRow(tx *fsm.Tx, it *fsm.Item) resp.Value {
	return resp.Map(
		resp.Bulk("key"), resp.Bulk(it.Key),
		resp.Bulk("owner"), resp.Bulk(it.Str),
		resp.Bulk("token"), resp.Int(int64(it.Token)),
		resp.Bulk("ttl-ms"), resp.Int(it.TTL(tx.Clock())),
		resp.Bulk("held-ms"), resp.Int(int64(tx.Clock()-it.Since)),
		resp.Bulk("waiters"), resp.Int(int64(tx.QueueLen(it.Key))),
		resp.Bulk("note"), resp.Bulk(it.Note()),
	)
}
