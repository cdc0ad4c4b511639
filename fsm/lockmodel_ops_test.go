// The operations of the random tests of locks, in plain text, against a Tx and against the model. A
// session is named by its number: its id ends in what no model can know.

package fsm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/divtxt/lockd/resp"
)

var lockResults = [ResultCount]string{
	"granted", "held", "parked", "not a lock", "other mode", "not held", "queue full", "all queues", "deadlock",
	"no session", "frozen",
}

// lockOp reads "lock a,b owner ttl=5 wait=50 …".
func lockOp(a opArgs) (req LockRequest) {
	req.Keys, req.Owner, req.Prio = strings.Split(a[1], ","), a[2], DefaultPrio
	for _, field := range a[3:] {
		name, value, _ := strings.Cut(field, "=")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "ttl":
			req.TTL = n
		case "wait":
			req.Wait = n
		case "mode":
			req.Mode = Mode(n)
		case "prio":
			req.Prio = byte(n)
		case "limit":
			req.Limit = n
		case "permits":
			req.Permits = n
		case "max":
			req.MaxHold = n
		case "note":
			req.Note = value
		case "sess":
			req.Session = value
		case "conn":
			req.OnConn = true
		case "re":
			req.Reentrant = true
		case "up":
			req.Upgrade = true
		case "path": // the model does not know it
		default:
			panic("no such field: " + field)
		}
	}
	return req
}

// locksRunner is the command table of the random tests of locks.
type locksRunner struct{ opRunner }

func (locksRunner) Run(tx *Tx, words [][]byte) Reply {
	var out []string
	parked := false
	begin := tx.Mark()
	for _, w := range words {
		a := opArgs(strings.Fields(str(w)))
		switch a[0] {
		case "db":
			tx = tx.In(int(a.num(1)))
			continue
		case "inside":
			tx = tx.Inside()
			continue
		case "undo":
			tx.UndoTo(begin)
			parked = false
			continue
		}
		v := lockTxOp(tx, a)
		parked = parked || v == "parked"
		out = append(out, v)
	}
	if parked {
		return resp.None()
	}
	return resp.Bulk(strings.Join(out, ";"))
}

// sessionID returns the id of the session that name begins.
func sessionID(tx *Tx, name string) string {
	tx.m.sessions.byID.Ascend(name, func(id string, _ *Session) bool {
		if strings.HasSuffix(name, "-") && strings.HasPrefix(id, name) {
			name = id
		}
		return false
	})
	return name
}

// named returns how the model calls a session.
func named(id string) string {
	if begin, _, random := strings.Cut(id, "-"); random {
		return begin + "-"
	}
	return id
}

func lockTxOp(tx *Tx, a opArgs) string {
	switch a[0] {
	case "lock":
		req := lockOp(a)
		if req.Session != "" {
			req.Session = sessionID(tx, req.Session)
		}
		out := tx.Lock(req)
		if out.Result == Granted {
			return fmt.Sprint("token ", out.Token)
		}
		checkCycle(tx, &req, out.Cycle)
		if slices.Contains(a, "path") && out.Cycle != nil {
			return strings.Join(out.Cycle, " ")
		}
		return lockResults[out.Result]
	case "unlock":
		h, released := tx.Unlock(a[1], a[2], uint64(a.num(3)))
		return fmt.Sprint(h.Token, h.Again, released)
	case "renew", "down":
		it := tx.Get(a[1])
		if it == nil {
			return "false false"
		}
		if _, mine := it.HoldOf(a[2]); !mine {
			return "false false"
		}
		if a[0] == "down" {
			return fmt.Sprint(true, tx.Downgrade(it, a[2], Mode(a.num(3))))
		}
		h := tx.Renew(it, a[2], a.num(3))
		return fmt.Sprint(h.Token, h.TTL(tx.Clock()))
	}
	return sessionTxOp(tx, a)
}

// takingBackTxOp takes locks back, freezes and thaws.
func takingBackTxOp(tx *Tx, a opArgs) string {
	switch a[0] {
	case "revoke":
		it, n := tx.Get(a[1]), 0
		if it == nil {
			return "0"
		}
		var holds []Hold
		it.Holds(func(h *Hold) bool {
			if a[2] == "*" || h.Owner == a[2] {
				holds = append(holds, *h)
			}
			return true
		})
		for _, h := range holds {
			tx.Revoke(a[1], h, a.num(3), "because")
			n++
		}
		return fmt.Sprint(n)
	case "freeze":
		return fmt.Sprint(tx.Freeze(a[1], "why", a.num(2)))
	}
	return fmt.Sprint(tx.Thaw(a[1]))
}

func sessionTxOp(tx *Tx, a opArgs) string {
	switch a[0] {
	case "move":
		it := tx.Get(a[1])
		if it == nil || it.Value() != nil || a[1] == a[2] {
			return "no"
		}
		tx.Move(it, a[2])
		return fmt.Sprint(tx.Delete(a[1]))
	case "revoke", "freeze", "thaw":
		return takingBackTxOp(tx, a)
	case "open":
		return named(tx.OpenSession(Session{
			TTL: a.num(1), Grace: a.num(2), LockDelay: a.num(3), Bound: a.num(4) == 1, Meta: []string{"host", a[1]},
		}).ID)
	case "ping", "attach", "close":
		s := tx.Session(sessionID(tx, a[1]))
		switch {
		case s == nil:
			return "no session"
		case a[0] == "close":
			return fmt.Sprint(tx.CloseSession(s))
		case a[0] == "attach":
			s = tx.AttachSession(s)
		default:
			s = tx.PingSession(s)
		}
		return fmt.Sprint(s.Deadline)
	}
	return lockTxRead(tx, a)
}

func lockTxRead(tx *Tx, a opArgs) (s string) {
	switch a[0] {
	case "get":
		it := tx.Get(a[1])
		if it == nil {
			return "-"
		}
		s = fmt.Sprint(it.TTL(tx.Clock()), " ", it.Delayed())
		it.Holds(func(h *Hold) bool { s += fmt.Sprint(" ", modelHold(h)); return true })
		return s
	case "each":
		tx.Each(a[1], func(it *Item) bool {
			s += it.Key
			it.Holds(func(h *Hold) bool { s += " " + h.Owner; return true })
			return true
		})
		return s
	case "waiters":
		s = fmt.Sprint(tx.QueueLen(a[1]))
		tx.Waiters(a[1], func(w Waiter) bool {
			s += fmt.Sprint(" ", w.Owner, w.Node, w.Conn, w.Keys, w.Since, w.Deadline)
			return true
		})
		return s
	case "lost":
		lost, is := tx.Lost(a[1], uint64(a.num(2)))
		if lost.How == LockEnded {
			lost.Reason = "" // it names the session
		}
		return fmt.Sprint(lost, is)
	case "sessions":
		tx.Sessions("", func(v *Session) bool { s += fmt.Sprint(" ", modelSession(v)); return true })
		return s
	case "hangs":
		tx.SessionLocks(sessionID(tx, a[1]), func(db int, key, owner string) bool {
			s += fmt.Sprint(" ", db, key, owner)
			return true
		})
		return s
	}
	return txOp(tx, a)
}

// checkCycle tells whether each step of a cycle that was found is one.
func checkCycle(tx *Tx, req *LockRequest, cycle []string) {
	if n := len(cycle); n > 0 && (n < 5 || n%2 == 0 || cycle[0] != req.Owner || cycle[n-1] != req.Owner) {
		panic(fmt.Sprint("no cycle: ", cycle))
	}
	for i := 0; i+2 < len(cycle); i += 2 {
		waits, key, next := cycle[i], cycle[i+1], cycle[i+2]
		found := waits == req.Owner && slices.Contains(req.Keys, key)
		blocks := next == req.Owner && slices.Contains(req.Keys, key)
		for db := range tx.m.dbs {
			if it := tx.m.itemAt(db, key); it != nil {
				_, holds := it.HoldOf(next)
				blocks = blocks || holds
			}
			tx.In(db).Waiters(key, func(w Waiter) bool {
				found, blocks = found || w.Owner == waits, blocks || w.Owner == next
				return true
			})
		}
		if !found || !blocks {
			panic(fmt.Sprintf("no cycle: %v, as %s does not wait for %s because of %s", cycle, waits, key, next))
		}
	}
}

// modelHold shows what an owner has as the model knows it.
func modelHold(h *Hold) Hold {
	seen := *h
	seen.Session = named(h.Session)
	return seen
}

func modelSession(s *Session) Session {
	seen := *s
	seen.ID, seen.Meta = named(s.ID), nil
	return seen
}

// --- the same against the model

func lockModelOps(m *lockModel, who Caller, db int, words [][]byte, write bool) string {
	var out []string
	parked, inside := false, false
	var begin *lockModel
	if write {
		begin = m.clone()
	}
	for _, w := range words {
		a := opArgs(strings.Fields(string(w)))
		switch a[0] {
		case "db":
			db = int(a.num(1))
			continue
		case "inside":
			inside = true
			continue
		case "undo":
			m.undo(begin)
			parked = false
			continue
		}
		var v string
		switch {
		case a[0] == "lock":
			v = m.lock(db, who, lockOp(a), inside)
		case write:
			v = lockModelOp(m, who, db, a)
		default:
			v = lockModelRead(m, db, a)
		}
		parked = parked || v == "parked"
		out = append(out, v)
	}
	if parked {
		return "none"
	}
	return "bulk " + strings.Join(out, ";")
}

func lockModelOp(m *lockModel, who Caller, db int, a opArgs) string {
	switch a[0] {
	case "panic":
		panic("boom")
	case "flush":
		m.replace(db)
		return "flushed"
	case "swap":
		return m.swap(db, int(a.num(1)))
	case "open":
		m.counters.sessions++
		s := Session{
			ID: fmt.Sprintf("s%d-", m.counters.sessions), TTL: a.num(1), Grace: a.num(2), LockDelay: a.num(3),
			Bound: a.num(4) == 1, Since: m.clock, Node: who.Origin.Node, Conn: who.Conn,
			Deadline: m.clock.After(a.num(1) + a.num(2)),
		}
		m.sessions[s.ID] = s
		return s.ID
	case "ping", "attach", "close":
		return lockModelSession(m, who, a)
	case "sessions":
		return lockModelRead(m, db, a)
	case "freeze":
		f := Freeze{DB: db, Pattern: a[1], Reason: "why", Since: m.clock, Conn: who.Conn}
		if a.num(2) > 0 {
			f.Until = m.clock.After(a.num(2))
		}
		m.frozen[fmt.Sprintf("%02d%s", db, a[1])] = f
		return "true"
	case "thaw":
		return fmt.Sprint(m.thaw(fmt.Sprintf("%02d%s", db, a[1])))
	}
	p := lockAt(db, a[1])
	switch a[0] {
	case "unlock":
		return m.unlock(p, a[2], uint64(a.num(3)))
	case "move":
		return m.move(p, who, lockAt(db, a[2]))
	case "renew":
		k, _ := m.get(p)
		h, mine := k.holds[a[2]]
		if !mine {
			return "false false"
		}
		m.again(p, h, h.Token, &Wish{TTL: a.num(3)})
		k, _ = m.at(p)
		h = k.holds[a[2]]
		return fmt.Sprint(h.Token, ttl(h.Deadline, m.clock))
	case "down":
		return m.downgrade(p, a[2], Mode(a.num(3)))
	case "ttl":
		return m.setDeadline(p, a.until(2, m.clock))
	case "set", "setnx", "grant":
		if _, ok := m.get(p); ok && a[0] == "setnx" {
			return "exists"
		}
		return m.set(p, who, a.val(2), a.until(3, m.clock), a[0] == "grant")
	case "del", "force":
		k, ok := m.get(p)
		if ok && a[0] == "force" {
			for _, owner := range k.owners() {
				m.bury(p, k.holds[owner], LockForced, "")
			}
			m.counters.forced++
		}
		if ok {
			m.remove(p)
		}
		return fmt.Sprint(ok)
	case "revoke":
		return m.revoke(p, a[2], a.num(3))
	case "get", "lost":
		m.get(p)
	}
	return lockModelRead(m, db, a)
}

func lockModelSession(m *lockModel, who Caller, a opArgs) string {
	s, ok := m.sessions[a[1]]
	if !ok || !m.lives(a[1]) {
		return "no session"
	}
	if a[0] == "close" {
		return fmt.Sprint(m.endSession(s, true))
	}
	if a[0] == "attach" {
		s.Bound, s.Orphan = s.Bound || s.Orphan, false
	}
	if a[0] == "attach" || !s.Bound {
		s.Node, s.Conn = who.Origin.Node, who.Conn
	}
	if s.TTL > 0 {
		s.Deadline = m.clock.After(s.TTL + s.Grace)
	}
	m.sessions[s.ID] = s
	return fmt.Sprint(s.Deadline)
}

func lockModelRead(m *lockModel, db int, a opArgs) (s string) {
	switch a[0] {
	case "get":
		k, ok := m.peek(lockAt(db, a[1]))
		if !ok {
			return "-"
		}
		last := k.deadline
		for i, o := range k.owners() {
			if h := k.holds[o]; i == 0 {
				last = h.Deadline
			} else {
				last = later(last, h.Deadline)
			}
		}
		s = fmt.Sprint(ttl(last, m.clock), " ", k.delay != "")
		for _, o := range k.owners() {
			s += fmt.Sprint(" ", k.holds[o])
		}
	case "each":
		for _, key := range sortedKeys(m.dbs[db]) {
			if k, ok := m.peek(lockAt(db, key)); ok && key >= a[1] {
				s += key
				for _, o := range k.owners() {
					s += " " + o
				}
			}
		}
	case "waiters":
		turn := m.turn(lockAt(db, a[1]))
		s = fmt.Sprint(len(turn))
		for _, w := range turn {
			s += fmt.Sprint(" ", w.lock.Owner, w.origin.Node, w.conn, w.keys, w.since, w.deadline)
		}
	case "sessions":
		for _, id := range sortedKeys(m.sessions) {
			if m.lives(id) {
				s += fmt.Sprint(" ", m.sessions[id])
			}
		}
	case "hangs":
		for db := range m.dbs {
			for _, key := range sortedKeys(m.dbs[db]) {
				k := m.dbs[db][key]
				for _, o := range k.owners() {
					if named(k.holds[o].Session) == named(a[1]) {
						s += fmt.Sprint(" ", db, key, o)
					}
				}
			}
		}
	case "lost":
		k, _ := m.peek(lockAt(db, a[1]))
		s = m.lostToken(lockAt(db, a[1]), k, uint64(a.num(2)))
	case "expired":
		var found Grave
		for _, g := range m.graves {
			if g.DB == db && g.Key == a[1] && g.Owner == a[2] {
				found = g
			}
		}
		s = fmt.Sprint(shownGrave(found), found.Token != 0)
	default:
		panic("no such operation: " + a[0])
	}
	return s
}
