// The rest of the model of locks: requests, deadlocks, sessions, and what an entry does.

package fsm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// lock is LOCK, MLOCK and LOCK.UPGRADE.
func (m *lockModel) lock(db int, who Caller, req LockRequest, inside bool) string {
	if req.OnConn {
		req.Session = fmt.Sprintf("c%d", who.Conn)
		if !m.lives(req.Session) {
			m.sessions[req.Session] = Session{
				ID: req.Session, Since: m.clock, Node: who.Origin.Node, Conn: who.Conn, Bound: true,
			}
		}
	}
	if req.Session != "" && !m.lives(req.Session) {
		return "no session"
	}
	w := waiter{
		ticket: m.counters.tickets + 1, db: db, keys: req.Keys, lock: req.Wish, since: m.clock,
		deadline: m.clock.After(req.Wait), origin: who.Origin, conn: who.Conn, seq: who.Seq,
	}
	for i := range w.keys {
		m.get(w.place(i))
	}
	result := m.judgeAll(w)
	switch {
	case result == Granted:
		token, _ := m.grant(w)
		return fmt.Sprint("token ", token)
	case result != Held && result != Frozen || req.Wait <= 0 || inside:
		return lockResults[result]
	case m.limits.Waiters > 0 && len(m.queue) >= m.limits.Waiters:
		return lockResults[AllQueues]
	}
	for i := range w.keys {
		if m.limits.WaitersPerKey > 0 && len(m.turn(w.place(i))) >= m.limits.WaitersPerKey {
			return lockResults[QueueFull]
		}
	}
	if m.quitPeer(w.peer(), "null") && m.judgeAll(w) == Granted { // a connection waits for one thing at a time
		token, _ := m.grant(w)
		return fmt.Sprint("token ", token)
	}
	if m.version >= VersionLocks && m.deadlock(w) {
		return lockResults[Deadlocked]
	}
	m.counters.tickets++
	m.queue = append(m.queue, w)
	return lockResults[Parked]
}

// deadlock tells whether w's owner would wait for itself because of w: as w waits for it, or as w comes before
// one because of whom another request of this owner waits.
func (m *lockModel) deadlock(w waiter) bool {
	goal := w.lock.Owner
	with := append(slices.Clone(m.queue), w)
	own := slices.DeleteFunc(slices.Clone(m.queue), func(x waiter) bool { return x.lock.Owner != goal })
	return m.stuck(goal, with, []waiter{w}) || m.stuck(goal, with, own) && !m.stuck(goal, m.queue, own)
}

// stuck tells whether one of own, which are requests of an owner, waits until that owner has gone on.
func (m *lockModel) stuck(goal string, all, own []waiter) bool {
	stuck := map[string]bool{} // others who wait as long as goal does
	blocked := func(x waiter) bool {
		return m.blocked(x, all, func(owner string) bool { return stuck[owner] || owner == goal && x.lock.Owner != goal })
	}
	for changed := true; changed; {
		changed = false
		for _, x := range all {
			if x.lock.Owner != goal && !stuck[x.lock.Owner] && blocked(x) {
				stuck[x.lock.Owner], changed = true, true
			}
		}
	}
	return slices.ContainsFunc(own, blocked)
}

// blocked tells whether x cannot be granted as long as those do not move who stand.
func (m *lockModel) blocked(x waiter, all []waiter, stands func(owner string) bool) bool {
	for i := range x.keys {
		k, _ := m.at(x.place(i))
		if h, mine := k.holds[x.lock.Owner]; mine && covers(h, &x.lock) {
			continue
		}
		var before []string
		for _, b := range all {
			if b.db == x.db && slices.Contains(b.keys, x.keys[i]) && comesBefore(b, x) {
				before = append(before, b.lock.Owner)
			}
		}
		if slices.Contains(before, x.lock.Owner) {
			continue // it has come for this before
		}
		var stay []Hold
		for _, h := range others(k, x.lock.Owner) {
			if stands(h.Owner) {
				stay = append(stay, h)
			}
		}
		if !together(&x.lock, stay) || !x.lock.Upgrade && slices.ContainsFunc(before, stands) {
			return true
		}
	}
	return false
}

func (m *lockModel) unlock(p place, owner string, token uint64) string {
	k, ok := m.get(p)
	h, mine := k.holds[owner]
	switch {
	case ok && k.plain != "" && k.plain == owner && token == 0:
		m.remove(p)
		return fmt.Sprint(0, 0, true)
	case !mine || token != 0 && token != h.Token:
		return fmt.Sprint(0, 0, false)
	case h.Again > 0:
		less := h
		less.Again--
		m.hold(p, less)
	default:
		m.bury(p, h, LockReleased, "")
		m.dropHold(p, owner)
	}
	return fmt.Sprint(h.Token, h.Again, true)
}

func (m *lockModel) downgrade(p place, owner string, mode Mode) string {
	k, _ := m.get(p)
	h, mine := k.holds[owner]
	if !mine || h.Mode != Exclusive && (h.Mode != Update || mode != Shared) {
		return fmt.Sprint(mine, false)
	}
	if k.alone {
		m.touched(p, "")
	}
	h.Mode, k.alone = mode, false
	m.touched(p, owner)
	m.dbs[p.db][p.key] = k.with(h)
	m.freed(p)
	return fmt.Sprint(mine, true)
}

// set is SET; anew gives a new token even for the same value.
func (m *lockModel) set(p place, who Caller, val string, until Clock, anew bool) string {
	k, ok := m.get(p)
	h, mine := k.holds[val]
	switch {
	case ok && !anew && k.alone && mine:
		h.Deadline = within(h.Cap, until)
		m.hold(p, h)
		return fmt.Sprint("token ", h.Token)
	case ok && !anew && k.plain == val && val != "":
		k.deadline = until
		m.put(p, k)
		return "token 0"
	}
	m.touched(p, "")
	if len(val) > MaxOwner {
		m.dbs[p.db][p.key] = heldKey{plain: val, deadline: until, since: m.clock}
	} else {
		h = Hold{Owner: val, Token: m.newToken(), Since: m.clock, Deadline: until, Conn: who.Conn}
		m.dbs[p.db][p.key] = heldKey{alone: true, since: m.clock}.with(h)
	}
	m.freed(p)
	m.came(p, h.Owner)
	return fmt.Sprint("token ", h.Token)
}

// move is RENAME: of a string, with what makes it end.
func (m *lockModel) move(p place, who Caller, to place) string {
	k, ok := m.get(p)
	if !ok || !k.alone && k.plain == "" || p == to {
		return "no"
	}
	m.get(to)
	m.touched(to, "")
	if k.plain != "" {
		m.dbs[to.db][to.key] = heldKey{plain: k.plain, deadline: k.deadline, since: m.clock}
		m.freed(to)
	} else {
		h := k.holds[k.owners()[0]]
		h.Token, h.Since, h.Conn = m.newToken(), m.clock, who.Conn
		if h.Session == "" && h.Cap == NoDeadline {
			h.Terms = Terms{}
		}
		m.dbs[to.db][to.key] = heldKey{alone: true, since: m.clock}.with(h)
		m.freed(to)
		m.came(to, h.Owner)
	}
	_, ok = m.get(p)
	if ok {
		m.remove(p)
	}
	return fmt.Sprint(ok)
}

// setDeadline is EXPIRE: of a lock that several hold, for all of them.
func (m *lockModel) setDeadline(p place, until Clock) string {
	k, ok := m.get(p)
	switch {
	case !ok:
	case k.isLock():
		for _, h := range k.holds {
			h.Deadline = within(h.Cap, until)
			m.hold(p, h)
		}
	default:
		k.deadline = until
		m.put(p, k)
	}
	return fmt.Sprint(ok)
}

// replace empties a database and returns what was in it.
func (m *lockModel) replace(db int) map[string]heldKey {
	old := m.dbs[db]
	m.dbs[db] = map[string]heldKey{}
	m.notes = slices.DeleteFunc(m.notes, func(w waiter) bool { return w.db == db })
	var keys []string
	for _, w := range m.queue {
		if w.db == db {
			keys = append(keys, w.keys...)
		}
	}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		m.frees = append(m.frees, turn{lockAt(db, key), true})
	}
	return old
}

// swap is SWAPDB: everything gets new tokens.
func (m *lockModel) swap(a, b int) string {
	if a == b {
		return "true"
	}
	wasA, wasB := m.replace(a), m.replace(b)
	for _, move := range []struct {
		to   int
		keys map[string]heldKey
	}{{a, wasB}, {b, wasA}} {
		for _, key := range slices.Sorted(maps.Keys(move.keys)) {
			k := move.keys[key]
			for _, owner := range k.owners() {
				h := k.holds[owner]
				h.Token = m.newToken()
				k = k.with(h)
			}
			m.put(lockAt(move.to, key), k)
		}
	}
	return "true"
}

// --- sessions

func (m *lockModel) lives(id string) bool {
	s, ok := m.sessions[id]
	return ok && !m.isDue(s.Deadline)
}

// endSession ends a session: who waits by it leaves, and what hangs on it is free.
func (m *lockModel) endSession(s Session, clean bool) (n int) {
	for _, w := range slices.Clone(m.queue) {
		if w.lock.Session == s.ID {
			m.quit(w, "null")
		}
	}
	for db := range m.dbs {
		for _, key := range slices.Sorted(maps.Keys(m.dbs[db])) {
			p := lockAt(db, key)
			k, _ := m.at(p)
			for _, owner := range k.owners() {
				if h := k.holds[owner]; h.Session == s.ID {
					m.bury(p, h, LockEnded, s.end(clean))
					m.dropHold(p, owner)
					n++
				}
			}
			if _, held := m.at(p); !held && s.LockDelay > 0 && !clean {
				m.put(p, heldKey{delay: s.ID, deadline: m.clock.After(s.LockDelay), since: m.clock})
			}
		}
	}
	delete(m.sessions, s.ID)
	return n
}

// inOrder returns the sessions that match, by deadline or by connection.
func (m *lockModel) inOrder(match func(s Session) bool, order func(a, b Session) int) (list []Session) {
	for _, s := range m.sessions {
		if match(s) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b Session) int { return cmp.Or(order(a, b), strings.Compare(a.ID, b.ID)) })
	return list
}

func (m *lockModel) endSessions() {
	for {
		over := m.inOrder(func(s Session) bool { return m.isDue(s.Deadline) },
			func(a, b Session) int { return cmp.Compare(a.Deadline, b.Deadline) })
		if len(over) == 0 {
			return
		}
		m.endSession(over[0], false)
		m.serve(0)
	}
}

// lost ends the sessions that are bound to connections which have ended, or lets their grace begin.
func (m *lockModel) lost(match func(p peer) bool) {
	bound := m.inOrder(func(s Session) bool { return s.Bound && match(s.peer()) }, func(a, b Session) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), cmp.Compare(a.Conn, b.Conn))
	})
	for _, s := range bound {
		if s.Grace == 0 {
			m.endSession(s, false)
			continue
		}
		s.Bound, s.Orphan = false, true
		s.Deadline = within(m.clock.After(s.Grace), s.Deadline)
		m.sessions[s.ID] = s
	}
}

// --- entries

func (m *lockModel) apply(index, term uint64, e *Entry, reads []Read) {
	m.index, m.term = index, term
	if e.Term != term {
		return
	}
	m.limits, m.refused, m.version = e.Limits, nil, e.Version
	m.clock = max(m.clock, e.Clock)
	m.expireDue()
	place := 0
	readUpTo := func(place int) {
		for len(reads) > 0 && reads[0].Before <= place {
			if r := &reads[0]; !slices.Contains(m.refused, r.Origin) {
				who := Caller{r.Origin, r.Command.Conn, 0}
				m.events = append(m.events, "read "+lockModelOps(m, who, int(r.Command.DB), r.Command.Words, false))
			}
			reads = reads[1:]
		}
	}
	for i := range e.Runs {
		r := &e.Runs[i]
		admitted := m.admit(r)
		if !admitted {
			readUpTo(place)
			m.refused = append(m.refused, r.Origin)
			m.events = append(m.events, fmt.Sprintf("%s/%d#%d refused", r.Origin.Node, r.Origin.Incarnation, r.First))
		}
		for j := range r.Commands {
			readUpTo(place)
			if seq := r.First + uint64(j); admitted && seq == m.origins[r.Origin.Node].last+1 {
				m.origins[r.Origin.Node] = origin{incarnation: r.Origin.Incarnation, last: seq}
				m.command(Caller{r.Origin, r.Commands[j].Conn, seq}, &r.Commands[j])
			}
			place++
		}
	}
	readUpTo(place + len(reads) + 1_000_000)
}

// expireDue ends what is over: sessions, keys, patience.
func (m *lockModel) expireDue() {
	m.thawDue()
	m.endSessions()
	for {
		first, at := place{db: -1}, Clock(0)
		for db := range m.dbs {
			for _, key := range slices.Sorted(maps.Keys(m.dbs[db])) {
				if d := m.dbs[db][key].ends(); m.isDue(d) && (first.db < 0 || d < at) {
					first, at = lockAt(db, key), d
				}
			}
		}
		if first.db < 0 {
			break
		}
		m.expire(first)
	}
	for {
		tired := slices.Clone(m.queue)
		slices.SortStableFunc(tired, func(a, b waiter) int { return cmp.Compare(a.deadline, b.deadline) })
		if len(tired) == 0 || !m.isDue(tired[0].deadline) {
			return
		}
		m.quit(tired[0], "null")
		m.serve(0)
	}
}

func (m *lockModel) admit(r *Run) bool {
	o, known := m.origins[r.Origin.Node]
	node := r.Origin.Node
	switch {
	case known && o.incarnation == r.Origin.Incarnation:
		return r.First <= o.last+1
	case known && o.incarnation > r.Origin.Incarnation,
		r.First != 1 || len(r.Commands) == 0 || r.Commands[0].Kind != KindRegister:
		return false
	}
	m.origins[node] = origin{incarnation: r.Origin.Incarnation}
	if known {
		m.notes = slices.DeleteFunc(m.notes, func(w waiter) bool { return w.origin.Node == node })
		m.dropWaiters(node)
		m.lost(func(p peer) bool { return p.node == node })
		m.serve(0)
	}
	return true
}

// dropWaiters takes all who wait on a node out of their queues without an answer.
func (m *lockModel) dropWaiters(node string) (n int) {
	gone := slices.DeleteFunc(slices.Clone(m.queue), func(w waiter) bool { return w.origin.Node != node })
	slices.SortStableFunc(gone, func(a, b waiter) int { return cmp.Compare(a.deadline, b.deadline) })
	for _, w := range gone {
		m.quit(w, "")
	}
	m.serve(0)
	return len(gone)
}

func (m *lockModel) command(who Caller, c *Command) {
	me := peer{who.Origin.Node, who.Conn}
	reply := "OK"
	switch c.Kind {
	case KindCommand:
		m.forgetPeer(me)
		from := len(m.events)
		reply = atOnce(m.run(who, c), &m.events, from, who)
	case KindClose:
		m.quitPeer(me, "null")
		i := slices.IndexFunc(m.notes, func(w waiter) bool { return w.peer() == me })
		if i >= 0 {
			note := m.notes[i]
			m.forgetPeer(me)
			for j := range note.keys {
				if len(c.Words) > 0 {
					k, _ := m.at(note.place(j))
					m.bury(note.place(j), k.holds[note.lock.Owner], LockEnded, "")
					m.dropHold(note.place(j), note.lock.Owner)
				}
			}
		}
		m.lost(func(p peer) bool { return p == me })
		m.serve(0)
	case KindUnblock:
		reply = fmt.Sprintf("int %d", map[bool]int{true: 1}[m.quitPeer(me, "null")])
		m.serve(0)
	case KindSilence:
		reply = m.silence(string(c.Words[0]), string(c.Words[1]))
	}
	m.events = append(m.events, fmt.Sprintf("%s/%d#%d %s", who.Origin.Node, who.Origin.Incarnation, who.Seq, reply))
}

func (m *lockModel) silence(node, incarnation string) string {
	o := m.origins[node]
	if o.last == 0 || fmt.Sprint(o.incarnation) != incarnation {
		return "int 0"
	}
	m.counters.silenced++
	n := m.dropWaiters(node)
	m.events = append(m.events, fmt.Sprintf("%s/%d silenced", node, o.incarnation))
	m.lost(func(p peer) bool { return p.node == node })
	m.serve(0)
	return fmt.Sprintf("int %d", n)
}

// beginAnew keeps what outlives a cluster: no connection does.
func (m *lockModel) beginAnew(floor uint64) {
	m.counters.token = max(m.counters.token, floor)
	m.queue, m.notes, m.index, m.term = nil, nil, 0, 0
	m.origins = map[string]origin{}
	m.lost(func(peer) bool { return true })
	m.frees = nil
}

// run runs a command; one that panics leaves nothing behind.
func (m *lockModel) run(who Caller, c *Command) (reply string) {
	before := m.clone()
	defer func() {
		if cause := recover(); cause != nil {
			m.undo(before)
			m.counters.undone++
			reply = fmt.Sprintf("error ERR internal error in this command, nothing was changed: %v", cause)
		}
	}()
	reply = lockModelOps(m, who, int(c.DB), c.Words, true)
	m.serve(0)
	return reply
}
