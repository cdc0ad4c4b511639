// LOCK.TOP: which locks are in the way. It adds up the events that the state keeps, and who waits and holds
// now. A lock of which the events tell nothing any longer, and for which nobody waits, is not seen: LOCK.LIST
// OLDER finds those.

package commands

import (
	"cmp"
	"slices"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// topCount is how many locks LOCK.TOP shows if it is not told.
const topCount = 10

// perHot is the steps that a look at one lock costs.
const perHot = 20

// hotLock is what is known of one key. Times are in milliseconds; those who wait and hold now count too.
type hotLock struct {
	key     string
	owner   string // the first of those who hold it now
	token   uint64
	grants  int64
	waiters int64 // now
	waits   int64 // how often somebody had to wait
	gaveUp  int64 // how often in vain
	waited  duration
	held    duration
}

// duration is how long something took, in all and at most.
type duration struct{ sum, longest int64 }

func (d *duration) add(ms int64) {
	d.sum += ms
	d.longest = max(d.longest, ms)
}

// hotLocks are all that there is to see.
type hotLocks struct {
	byKey map[string]*hotLock // looked up, never ranged over
	list  []*hotLock
}

func (t *hotLocks) at(key string) *hotLock {
	h := t.byKey[key]
	if h == nil {
		h = &hotLock{key: key}
		t.byKey[key] = h
		t.list = append(t.list, h)
	}
	return h
}

// addEvents adds what has happened in the current database.
func (t *hotLocks) addEvents(tx *fsm.Tx) {
	first, next := tx.EventNumbers()
	tx.Spend(int64(next-first) * perEvent)
	tx.Events(first, func(e *fsm.LockEvent) bool {
		if int(e.DB) != tx.DB() || e.Kind.OfMany() {
			return true
		}
		h := t.at(e.Key)
		switch e.Kind {
		case fsm.LockGranted:
			h.grants++
		case fsm.LockWaiting:
			h.waits++
		case fsm.LockGaveUp, fsm.LockDeadlock:
			h.gaveUp++
		}
		if ms, told := e.Waited(); told {
			h.waited.add(ms)
		}
		if ms, told := e.Held(); told {
			h.held.add(ms)
		}
		return true
	})
}

// addNow adds those who wait now, and who holds what was seen.
func (t *hotLocks) addNow(tx *fsm.Tx) {
	tx.WaitedFor("", func(key string) bool {
		h := t.at(key)
		tx.Waiters(key, func(w fsm.Waiter) bool {
			h.waiters++
			h.waited.add(int64(tx.Clock() - w.Since))
			return true
		})
		tx.Spend(h.waiters * perEvent)
		return true
	})
	tx.Spend(int64(len(t.list)) * perHot)
	for _, h := range t.list {
		it := tx.Get(h.key)
		if it == nil {
			continue
		}
		it.Holds(func(v *fsm.Hold) bool {
			if h.held.add(int64(tx.Clock() - v.Since)); h.token == 0 {
				h.owner, h.token = v.Owner, v.Token
			}
			return true
		})
	}
}

// ranking is by what LOCK.TOP orders.
type ranking func(*hotLock) int64

func rankingArg(a Args, i int) (ranking, resp.Value) {
	switch {
	case a.Is(i, "WAIT"):
		return func(h *hotLock) int64 { return h.waited.sum }, resp.Value{}
	case a.Is(i, "HOLD"):
		return func(h *hotLock) int64 { return h.held.sum }, resp.Value{}
	case a.Is(i, "CONTENTION"):
		return func(h *hotLock) int64 { return h.waits }, resp.Value{}
	case a.Is(i, "WAITERS"):
		return func(h *hotLock) int64 { return h.waiters }, resp.Value{}
	}
	return nil, resp.Errorf("ERR LOCK.TOP BY '%s' is not known: it is by WAIT, HOLD, CONTENTION or WAITERS",
		clip(a[i], 32))
}

func lockTop(tx *fsm.Tx, a Args) resp.Value {
	count := topCount
	by := func(h *hotLock) int64 { return h.waited.sum }
	for i := 1; i < len(a); i += 2 {
		problem := errSyntax()
		switch {
		case i+1 >= len(a):
		case a.Is(i, "BY"):
			by, problem = rankingArg(a, i+1)
		case a.Is(i, "COUNT"):
			count, problem = countArg(a, i+1)
		}
		if problem.IsError() {
			return problem
		}
	}
	t := hotLocks{byKey: map[string]*hotLock{}}
	t.addEvents(tx)
	t.addNow(tx)
	t.list = slices.DeleteFunc(t.list, func(h *hotLock) bool { return by(h) == 0 })
	slices.SortFunc(t.list, func(a, b *hotLock) int {
		return cmp.Or(cmp.Compare(by(b), by(a)), cmp.Compare(a.key, b.key))
	})
	var rows []resp.Value
	for _, h := range t.list[:min(count, len(t.list))] {
		rows = append(rows, h.row())
	}
	return resp.Array(rows...)
}

func (h *hotLock) row() resp.Value {
	return resp.Map(
		resp.Bulk("key"), resp.Bulk(h.key), resp.Bulk("waiters"), resp.Int(h.waiters),
		resp.Bulk("waits"), resp.Int(h.waits), resp.Bulk("waited-ms"), resp.Int(h.waited.sum),
		resp.Bulk("longest-wait-ms"), resp.Int(h.waited.longest), resp.Bulk("gave-up"), resp.Int(h.gaveUp),
		resp.Bulk("grants"), resp.Int(h.grants), resp.Bulk("held-ms"), resp.Int(h.held.sum),
		resp.Bulk("longest-hold-ms"), resp.Int(h.held.longest),
		resp.Bulk("owner"), orNull(h.owner, h.token != 0), resp.Bulk("token"), tokenOrNull(h.token),
	)
}
