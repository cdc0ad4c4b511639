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
	if it != nil && !it.IsLock() && !it.Delayed() {
		return errNotALock(tx, it)
	}
	state, mode, ttl := "free", resp.Null(), int64(-2)
	var first fsm.Hold
	held := resp.Null()
	if it != nil {
		if state, ttl = "held", it.TTL(tx.Clock()); it.Delayed() {
			state = "delayed"
		} else {
			mode = resp.Bulk(it.Mode().String())
			first = firstHold(it)
			held = resp.Int(int64(tx.Clock() - first.Since))
		}
	}
	list := []resp.Value{
		resp.Bulk("key"), resp.Bulk(strings.Clone(key)),
		resp.Bulk("state"), resp.Bulk(state), resp.Bulk("mode"), mode,
		resp.Bulk("owner"), orNull(first.Owner, first.Token != 0),
		resp.Bulk("token"), tokenOrNull(first.Token),
		resp.Bulk("ttl-ms"), resp.Int(ttl), resp.Bulk("held-ms"), held,
		resp.Bulk("note"), orNull(first.Note, first.Token != 0),
		resp.Bulk("waiters"), resp.Int(int64(tx.QueueLen(key))),
		resp.Bulk("queue"), queueOf(tx, key),
	}
	if it != nil {
		list = append(list, resp.Bulk("holders"), holdersOf(tx, it))
		if v, ok := it.Value().(*fsm.Holders); ok && it.Mode() == fsm.Permit {
			permits, limit := v.Permits()
			list = append(list, resp.Bulk("permits"), resp.Int(permits), resp.Bulk("limit"), resp.Int(limit))
		}
	}
	return resp.Map(list...)
}

func orNull(s string, there bool) resp.Value {
	if !there {
		return resp.Null()
	}
	return resp.Bulk(s)
}

func tokenOrNull(token uint64) resp.Value {
	if token == 0 {
		return resp.Null()
	}
	return resp.Int(int64(token))
}

// firstHold returns what the first of the holders has, in the order of their names.
func firstHold(it *fsm.Item) (first fsm.Hold) {
	it.Holds(func(h *fsm.Hold) bool {
		first = *h
		return false
	})
	return first
}

// holdersOf shows those who hold a lock, in the order of their names.
func holdersOf(tx *fsm.Tx, it *fsm.Item) resp.Value {
	var list []resp.Value
	it.Holds(func(h *fsm.Hold) bool {
		row := []resp.Value{
			resp.Bulk("owner"), resp.Bulk(h.Owner), resp.Bulk("mode"), resp.Bulk(h.Mode.String()),
			resp.Bulk("token"), resp.Int(int64(h.Token)), resp.Bulk("ttl-ms"), resp.Int(h.TTL(tx.Clock())),
			resp.Bulk("held-ms"), resp.Int(int64(tx.Clock() - h.Since)), resp.Bulk("note"), resp.Bulk(h.Note),
			resp.Bulk("conn"), resp.Int(int64(h.Conn)), resp.Bulk("session"), orNull(h.Session, h.Session != ""),
			resp.Bulk("times"), resp.Int(int64(h.Again + 1)),
		}
		if h.Permits > 0 {
			row = append(row, resp.Bulk("permits"), resp.Int(h.Permits))
		}
		if h.Cap != fsm.NoDeadline {
			row = append(row, resp.Bulk("cap-ms"), resp.Int(max(0, int64(h.Cap-tx.Clock()))))
		}
		if h.Revoked != "" {
			row = append(row, resp.Bulk("revoked"), resp.Bulk(h.Revoked))
		}
		list = append(list, resp.Map(row...))
		return len(list) < shownWaiters
	})
	return resp.Array(list...)
}

// queueOf shows those who wait for key, the next one first.
func queueOf(tx *fsm.Tx, key string) resp.Value {
	var list []resp.Value
	tx.Waiters(key, func(w fsm.Waiter) bool {
		list = append(list, resp.Map(
			resp.Bulk("pos"), resp.Int(int64(len(list)+1)),
			resp.Bulk("owner"), resp.Bulk(w.Owner), resp.Bulk("mode"), resp.Bulk(w.Mode.String()),
			resp.Bulk("prio"), resp.Int(int64(w.Prio)), resp.Bulk("keys"), resp.Int(int64(len(w.Keys))),
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

// listState is in which state the locks are that LOCK.LIST is asked for.
type listState string

// The states. A lock that somebody waits for is mostly held too.
const (
	stateHeld    listState = "held"
	stateWaiting listState = "waiting"
	stateDelayed listState = "delayed"
)

// listOptions is what the words of LOCK.LIST said.
type listOptions struct {
	state          listState
	pattern, owner string
	anyOwner       bool
	older          int64 // milliseconds
	noTTL          bool
	count          int
	after          string
	fromStart      bool
}

// cursorMark begins every cursor but "0": the rest is the last key of the page. Without it the page that
// ends with a key named 0 would look like the last.
const cursorMark = ">"

func readListOptions(a Args) (o listOptions, problem resp.Value) {
	o = listOptions{state: stateHeld, pattern: "*", anyOwner: true, count: listCount, fromStart: true}
	for i := 1; i < len(a); i += 2 {
		if a.Is(i, "NOTTL") {
			o.noTTL = true
			i--
			continue
		}
		if i+1 >= len(a) {
			return o, errSyntax()
		}
		switch {
		case a.Is(i, "STATE"):
			problem = o.readState(a, i+1)
		case a.Is(i, "MATCH"):
			o.pattern = a.Str(i + 1)
		case a.Is(i, "OWNER"):
			o.owner, o.anyOwner = a.Str(i+1), false
		case a.Is(i, "OLDER"):
			problem = o.readOlder(a, i+1)
		case a.Is(i, "COUNT"):
			o.count, problem = countArg(a, i+1)
		case a.Is(i, "CURSOR"):
			problem = o.readCursor(a.Str(i + 1))
		default:
			problem = errSyntax()
		}
		if problem.IsError() {
			return o, problem
		}
	}
	if o.noTTL && o.state != stateHeld {
		return o, resp.Error("ERR NOTTL is about locks that are held: leave STATE out")
	}
	return o, resp.Value{}
}

func (o *listOptions) readState(a Args, i int) resp.Value {
	for _, s := range [...]listState{stateHeld, stateWaiting, stateDelayed} {
		if strings.EqualFold(a.Str(i), string(s)) {
			o.state = s
			return resp.Value{}
		}
	}
	return resp.Errorf("ERR '%s' is no state of a lock: it is held, waiting or delayed", clip(a[i], 32))
}

func (o *listOptions) readOlder(a Args, i int) resp.Value {
	n, ok := a.Int(i)
	if !ok || n < 0 {
		return resp.Errorf("ERR '%s' is no age: give milliseconds", clip(a[i], 32))
	}
	o.older = n
	return resp.Value{}
}

func (o *listOptions) readCursor(cursor string) resp.Value {
	o.after, o.fromStart = strings.TrimPrefix(cursor, cursorMark), cursor == "0"
	switch {
	case o.fromStart:
		o.after = ""
	case !strings.HasPrefix(cursor, cursorMark):
		return resp.Error("ERR invalid cursor: give the one that LOCK.LIST replied, or 0 to begin")
	}
	return resp.Value{}
}

// old tells whether what began at since is as old as was asked for.
func (o *listOptions) old(tx *fsm.Tx, since fsm.Clock) bool {
	return int64(tx.Clock()-since) >= o.older
}

// each returns how to go through what may be in the state that was asked for. What somebody waits for need
// not be there: a request for several keys waits for all of them.
func (o *listOptions) each(tx *fsm.Tx) eachItem {
	if o.state != stateWaiting {
		return tx.Each
	}
	return func(from string, f func(*fsm.Item) bool) {
		tx.WaitedFor(from, func(key string) bool {
			it := tx.Get(key)
			if it == nil {
				it = &fsm.Item{Key: key}
			}
			return f(it)
		})
	}
}

// fits tells whether it is to be shown, and what of it: of several holders the first that fits.
func (o *listOptions) fits(tx *fsm.Tx, it *fsm.Item) (shown fsm.Hold, fits bool) {
	switch o.state {
	case stateDelayed:
		return shown, it.Delayed() && o.anyOwner && o.old(tx, it.Since)
	case stateWaiting:
		tx.Waiters(it.Key, func(w fsm.Waiter) bool {
			fits = (o.anyOwner || w.Owner == o.owner) && o.old(tx, w.Since)
			return !fits
		})
		return firstHold(it), fits
	}
	if !o.anyOwner {
		h, mine := it.HoldOf(o.owner)
		return h, mine && o.fitsHold(tx, &h)
	}
	it.Holds(func(h *fsm.Hold) bool {
		shown, fits = *h, o.fitsHold(tx, h)
		return !fits
	})
	return shown, fits
}

func (o *listOptions) fitsHold(tx *fsm.Tx, h *fsm.Hold) bool {
	return o.old(tx, h.Since) && (!o.noTTL || h.Endless())
}

func lockList(tx *fsm.Tx, a Args) resp.Value {
	o, problem := readListOptions(a)
	if problem.IsError() {
		return problem
	}
	p := page{glob: glob{pattern: o.pattern, steps: scanSteps}, count: listVisits}
	var list []resp.Value
	p.walk(o.each(tx), o.after, o.fromStart, func(it *fsm.Item) bool {
		if h, fits := o.fits(tx, it); fits {
			list = append(list, lockRow(tx, it, &h))
		}
		return len(list) < o.count
	})
	next := "0"
	if !p.end {
		next = cursorMark + p.last
	}
	return resp.Array(resp.Bulk(next), resp.Array(list...))
}

// lockRow is one lock as LOCK.LIST shows it, with what one of its holders has.
func lockRow(tx *fsm.Tx, it *fsm.Item, h *fsm.Hold) resp.Value {
	state, mode, ttl, since, holders := "free", resp.Null(), int64(-2), it.Since, 0
	switch {
	case it.Delayed():
		state, ttl = "delayed", it.TTL(tx.Clock())
	case h.Token != 0:
		state, mode, ttl, since, holders = "held", resp.Bulk(it.Mode().String()), it.TTL(tx.Clock()), h.Since, 1
		if v := it.Value(); v != nil {
			holders = v.Len()
		}
	}
	held := resp.Null()
	if ttl != -2 {
		held = resp.Int(int64(tx.Clock() - since))
	}
	return resp.Map(
		resp.Bulk("key"), resp.Bulk(it.Key),
		resp.Bulk("owner"), orNull(h.Owner, h.Token != 0),
		resp.Bulk("token"), tokenOrNull(h.Token),
		resp.Bulk("ttl-ms"), resp.Int(ttl),
		resp.Bulk("held-ms"), held,
		resp.Bulk("waiters"), resp.Int(int64(tx.QueueLen(it.Key))),
		resp.Bulk("note"), orNull(h.Note, h.Token != 0),
		resp.Bulk("mode"), mode,
		resp.Bulk("holders"), resp.Int(int64(holders)),
		resp.Bulk("state"), resp.Bulk(state),
		resp.Bulk("conn"), resp.Int(int64(h.Conn)),
	)
}
