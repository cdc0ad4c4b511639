// The commands of the random tests: each word of a command is one operation in plain text, so that a command
// may do several things, as a script does. They exist twice: against a Tx and against the model.

package fsm

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/divtxt/lockd/resp"
)

// bigValue is too long to be an owner.
var bigValue = strings.Repeat("B", MaxOwner+1)

// opArgs are the fields of an operation. They point into the entry's bytes, as a handler's do.
type opArgs []string

func (a opArgs) num(i int) int64 {
	n, err := strconv.ParseInt(a[i], 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func (a opArgs) val(i int) string {
	if a[i] == "big" {
		return bigValue
	}
	return a[i]
}

// until reads field i as a time to live; 0 is none.
func (a opArgs) until(i int, now Clock) Clock {
	if n := a.num(i); n != 0 {
		return now.After(n)
	}
	return NoDeadline
}

// brief shows a value without its whole length.
func brief(s string) string {
	if len(s) > 100 {
		return fmt.Sprintf("%s…(%d)", s[:3], len(s))
	}
	return strings.Clone(s)
}

// opRunner is the test's command table.
type opRunner struct{}

func (opRunner) Run(tx *Tx, words [][]byte) Reply {
	var out []string
	parked := false
	for _, w := range words {
		a := opArgs(strings.Fields(str(w)))
		if a[0] == "db" {
			tx = tx.In(int(a.num(1)))
			continue
		}
		v := txOp(tx, a)
		parked = parked || v == "parked"
		out = append(out, v)
	}
	if parked {
		return resp.None()
	}
	return resp.Bulk(strings.Join(out, ";"))
}

func txOp(tx *Tx, a opArgs) string {
	switch a[0] {
	case "panic":
		panic("boom")
	case "set":
		return fmt.Sprint("token ", tx.Set(a[1], a.val(2), a.until(3, tx.Clock())).Token)
	case "setnx":
		if tx.Get(a[1]) != nil {
			return "exists"
		}
		return fmt.Sprint("token ", tx.Set(a[1], a.val(2), a.until(3, tx.Clock())).Token)
	case "grant":
		return fmt.Sprint("token ", tx.Grant(tx.Get(a[1]), a[1], a.val(2), a.until(3, tx.Clock())).Token)
	case "ttl":
		it := tx.Get(a[1])
		if it != nil {
			tx.SetDeadline(it, a.until(2, tx.Clock()))
		}
		return fmt.Sprint(it != nil)
	case "del":
		return fmt.Sprint(tx.Delete(a[1]))
	case "unlock":
		_, released := tx.Unlock(a[1], a[2], 0)
		return fmt.Sprint(released)
	case "force":
		return fmt.Sprint(tx.Force(a[1], "") != nil)
	case "lock":
		out := tx.Lock(LockRequest{
			Keys: []string{a[1]}, Wait: a.num(4),
			Wish: Wish{Owner: a[2], TTL: a.num(3), Note: a[5], Prio: DefaultPrio},
		})
		if out.Result == Granted {
			return fmt.Sprint("token ", out.Token)
		}
		return map[LockResult]string{
			Held: "held", Parked: "parked", NotALock: "not a lock", QueueFull: "queue full", AllQueues: "all queues",
		}[out.Result]
	case "flush":
		tx.Flush()
		return "flushed"
	case "swap":
		return fmt.Sprint(tx.Swap(int(a.num(1))))
	}
	return txRead(tx, a)
}

func txRead(tx *Tx, a opArgs) string {
	switch a[0] {
	case "get":
		it := tx.Get(a[1])
		if it == nil {
			return "-"
		}
		return fmt.Sprintf("%s %d %d %s %d", brief(it.Str), it.Token, it.TTL(tx.Clock()), it.Note(), it.Since)
	case "len":
		return fmt.Sprint(tx.Len())
	case "each":
		s := ""
		tx.Each(a[1], func(it *Item) bool {
			s += fmt.Sprint(it.Key, "=", it.Token, " ")
			return true
		})
		return s
	case "waiters":
		s := fmt.Sprint(tx.QueueLen(a[1]))
		tx.Waiters(a[1], func(w Waiter) bool {
			s += fmt.Sprint(" ", w.Owner, w.Node, w.Conn, w.Note, w.Since, w.Deadline)
			return true
		})
		return s
	case "expired":
		g, ok := tx.Ended(a[1], a[2])
		return fmt.Sprint(shownGrave(g), ok)
	}
	panic("no such operation: " + a[0])
}

// modelOps does the same to the model.
func modelOps(m *model, who Caller, db int, words [][]byte, write bool) string {
	var out []string
	parked := false
	for _, w := range words {
		a := opArgs(strings.Fields(string(w)))
		if a[0] == "db" {
			db = int(a.num(1))
			continue
		}
		v := modelOp(m, who, db, a, write)
		parked = parked || v == "parked"
		out = append(out, v)
	}
	if parked {
		return "none"
	}
	return "bulk " + strings.Join(out, ";")
}

func modelOp(m *model, who Caller, db int, a opArgs, write bool) string {
	switch {
	case a[0] == "panic":
		panic("boom")
	case a[0] == "flush":
		m.replace(db)
		return "flushed"
	case a[0] == "swap":
		return fmt.Sprint(m.swap(db, int(a.num(1))))
	case a[0] == "lock":
		return m.lock(lockAt(db, a[1]), who, a[2], a[5], a.num(3), a.num(4))
	case a[0] == "get" && write:
		m.get(lockAt(db, a[1]))
	}
	if read, ok := modelReads[a[0]]; ok {
		return read(m, db, a)
	}
	return modelWrite(m, lockAt(db, a[1]), a)
}

func modelWrite(m *model, p place, a opArgs) string {
	it, ok := m.get(p)
	switch a[0] {
	case "set", "setnx", "grant":
		if ok && a[0] == "setnx" {
			return "exists"
		}
		return m.set(p, a.val(2), a.until(3, m.clock), a[0] == "grant")
	case "ttl":
		if ok {
			it.deadline = a.until(2, m.clock)
			m.put(p, it)
		}
		return fmt.Sprint(ok)
	case "unlock":
		ok = ok && it.val == a[2]
	case "force":
		if ok {
			m.counters.forced++
		}
	}
	if ok { // del, unlock, force
		m.remove(p)
	}
	return fmt.Sprint(ok)
}

// set is SET; anew gives a new token even for the same value.
func (m *model) set(p place, val string, until Clock, anew bool) string {
	it, ok := m.dbs[p.db][p.key]
	if ok && it.val == val && !anew {
		it.deadline = until
	} else {
		it = modelItem{val, "", until, m.clock, m.newToken(val)}
		m.freed(p)
	}
	m.put(p, it)
	return fmt.Sprint("token ", it.token)
}

var modelReads = map[string]func(m *model, db int, a opArgs) string{
	"get": func(m *model, db int, a opArgs) string {
		it, ok := m.peek(lockAt(db, a[1]))
		if !ok {
			return "-"
		}
		ttl := int64(-1)
		if it.deadline != NoDeadline {
			ttl = int64(it.deadline - m.clock)
		}
		return fmt.Sprintf("%s %d %d %s %d", brief(it.val), it.token, ttl, it.note, it.since)
	},
	"len": func(m *model, db int, a opArgs) string { return fmt.Sprint(len(m.live(db))) },
	"each": func(m *model, db int, a opArgs) string {
		s := ""
		for _, k := range m.live(db) {
			if k >= a[1] {
				s += fmt.Sprint(k, "=", m.dbs[db][k].token, " ")
			}
		}
		return s
	},
	"waiters": func(m *model, db int, a opArgs) string {
		s, n := "", 0
		for _, w := range m.queue {
			if w.db == db && w.keys[0] == a[1] {
				s += fmt.Sprint(" ", w.lock.Owner, w.origin.Node, w.conn, w.lock.Note, w.since, w.deadline)
				n++
			}
		}
		return fmt.Sprint(n) + s
	},
	"expired": func(m *model, db int, a opArgs) string {
		var found Grave
		for _, g := range m.graves {
			if g.DB == db && g.Key == a[1] && g.Owner == a[2] {
				found = g
			}
		}
		return fmt.Sprint(found, found.Token != 0)
	},
}

func (opRunner) Match(pattern, channel string) bool { return pattern == "*" || pattern == channel }
