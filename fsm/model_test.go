// A model of the state machine that is obviously right rather than fast: Go maps and slices, everything
// found by looking at all of it, and undone by keeping a copy. The random tests hold the Machine against it.

package fsm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

type modelItem struct {
	val, note string
	deadline  Clock
	since     Clock
	token     uint64
}

func (it modelItem) isLock() bool { return it.token != 0 }

// model is the state as the design tells it.
type model struct {
	clock       Clock
	index, term uint64
	limits      Limits
	dbs         [Databases]map[string]modelItem
	queue       []waiter // in the order in which they came
	notes       []waiter // grants that may not have been seen
	origins     map[string]origin
	members     map[string]About
	level       byte
	counters    counters
	graves      []Grave
	frees       []place  // to be served at the end of the command
	refused     []Origin // in this entry
	events      []string // what the sink gets
}

func newModel() *model {
	m := &model{origins: map[string]origin{}, members: map[string]About{}, level: 1}
	for db := range m.dbs {
		m.dbs[db] = map[string]modelItem{}
	}
	return m
}

// clone returns a copy that shares nothing.
func (m *model) clone() *model {
	c := *m
	for db := range m.dbs {
		c.dbs[db] = maps.Clone(m.dbs[db])
	}
	c.queue, c.notes = slices.Clone(m.queue), slices.Clone(m.notes)
	c.origins, c.members = maps.Clone(m.origins), maps.Clone(m.members)
	c.graves, c.frees, c.events = slices.Clone(m.graves), slices.Clone(m.frees), slices.Clone(m.events)
	return &c
}

func (m *model) answer(o Origin, seq uint64, reply string) {
	m.events = append(m.events, fmt.Sprintf("%s/%d#%d %s", o.Node, o.Incarnation, seq, reply))
}

func (m *model) refuse(o Origin, seq uint64) {
	m.refused = append(m.refused, o)
	m.events = append(m.events, fmt.Sprintf("%s/%d#%d refused", o.Node, o.Incarnation, seq))
}

// --- keys

// drop forgets the notes that match: what they say is known otherwise by now.
func (m *model) drop(match func(w waiter) bool) { m.notes = slices.DeleteFunc(m.notes, match) }

func (m *model) dropAt(p place) { m.drop(func(w waiter) bool { return w.place(0) == p }) }

func (m *model) put(p place, it modelItem) {
	m.dropAt(p)
	m.dbs[p.db][p.key] = it
}

func (m *model) newToken(val string) uint64 {
	if len(val) > MaxOwner {
		return 0
	}
	m.counters.token++
	m.counters.grants++
	return m.counters.token
}

// freed notes that those who wait for p may be served at the end of the command.
func (m *model) freed(p place) {
	if slices.ContainsFunc(m.queue, func(w waiter) bool { return w.place(0) == p }) {
		m.frees = append(m.frees, p)
	}
}

// remove takes a key away; who waits for it is served later.
func (m *model) remove(p place) {
	m.dropAt(p)
	delete(m.dbs[p.db], p.key)
	m.freed(p)
}

// expire takes away a key whose time is over; who waits for it is served at once.
func (m *model) expire(p place) {
	it := m.dbs[p.db][p.key]
	m.dropAt(p)
	delete(m.dbs[p.db], p.key)
	m.counters.expired++
	if it.isLock() {
		m.graves = append(m.graves, Grave{DB: p.db, Key: p.key, Owner: it.val, Token: it.token, At: it.deadline, How: LockExpired})
		m.graves = m.graves[max(0, len(m.graves)-graveCount):]
	}
	m.serve(p)
}

func (m *model) isDue(d Clock) bool { return d != NoDeadline && d < m.clock }

// get is what a write sees.
func (m *model) get(p place) (modelItem, bool) {
	it, ok := m.dbs[p.db][p.key]
	if ok && m.isDue(it.deadline) {
		m.expire(p)
		it, ok = m.dbs[p.db][p.key]
	}
	return it, ok
}

// peek is what a read sees.
func (m *model) peek(p place) (modelItem, bool) {
	it, ok := m.dbs[p.db][p.key]
	return it, ok && !m.isDue(it.deadline)
}

func (m *model) live(db int) []string {
	var keys []string
	for k, it := range m.dbs[db] {
		if !m.isDue(it.deadline) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// --- waiting

// take makes owner the holder of a key that is free or its own already.
func (m *model) take(p place, owner, note string, ttl int64) modelItem {
	until := NoDeadline
	if ttl > 0 {
		until = m.clock.After(ttl)
	}
	it, held := m.dbs[p.db][p.key]
	if held {
		it.deadline = later(it.deadline, until)
		if note != "" {
			it.note = note
		}
	} else {
		it = modelItem{owner, note, until, m.clock, m.newToken(owner)}
	}
	m.put(p, it)
	return it
}

// serve lets those who wait for p have it, in the order in which they came, as long as they can.
func (m *model) serve(p place) {
	for {
		i := slices.IndexFunc(m.queue, func(w waiter) bool { return w.place(0) == p })
		if i < 0 {
			return
		}
		it, held := m.get(p)
		if i >= len(m.queue) || m.queue[i].place(0) != p {
			continue // get has served somebody
		}
		w := m.queue[i]
		if held && (!it.isLock() || it.val != w.lock.Owner) {
			return
		}
		m.queue = slices.Delete(m.queue, i, i+1)
		w.token = m.take(p, w.lock.Owner, w.lock.Note, w.lock.TTL).token
		if !held {
			m.notes = append(m.notes, w)
		}
		m.answer(w.origin, w.seq, fmt.Sprintf("int %d", w.token))
	}
}

func (m *model) serveFreed() {
	for len(m.frees) > 0 {
		p := m.frees[0]
		m.frees = m.frees[1:]
		m.serve(p)
	}
	m.frees = nil
}

// quit ends the waiting of those who match, with a reply.
func (m *model) quit(match func(w waiter) bool, reply string) (n int) {
	var gone []waiter
	m.queue = slices.DeleteFunc(m.queue, func(w waiter) bool {
		if match(w) {
			gone = append(gone, w)
		}
		return match(w)
	})
	slices.SortFunc(gone, func(a, b waiter) int {
		return cmp.Or(cmp.Compare(a.db, b.db), strings.Compare(a.keys[0], b.keys[0]), cmp.Compare(a.ticket, b.ticket))
	})
	for _, w := range gone {
		if reply != "" {
			m.answer(w.origin, w.seq, reply)
		}
		m.freed(w.place(0))
	}
	return len(gone)
}

func (m *model) lock(p place, who Caller, owner, note string, ttl, wait int64) string {
	it, held := m.get(p)
	waiting := 0
	for _, w := range m.queue {
		if w.place(0) == p {
			waiting++
		}
	}
	switch {
	case !held || (it.isLock() && it.val == owner):
		return fmt.Sprint("token ", m.take(p, owner, note, ttl).token)
	case !it.isLock():
		return "not a lock"
	case wait <= 0:
		return "held"
	case m.limits.Waiters > 0 && len(m.queue) >= m.limits.Waiters:
		return "all queues"
	case m.limits.WaitersPerKey > 0 && waiting >= m.limits.WaitersPerKey:
		return "queue full"
	}
	me := peer{who.Origin.Node, who.Conn}
	m.quit(func(w waiter) bool { return w.peer() == me }, "null")
	m.counters.tickets++
	m.queue = append(m.queue, waiter{
		ticket: m.counters.tickets, db: p.db, keys: []string{p.key},
		lock:  Wish{Owner: owner, Note: note, TTL: ttl, Prio: DefaultPrio},
		since: m.clock, deadline: m.clock.After(wait), origin: who.Origin, conn: who.Conn, seq: who.Seq,
	})
	return "parked"
}

// replace empties a database and returns what was in it.
func (m *model) replace(db int) map[string]modelItem {
	old := m.dbs[db]
	m.dbs[db] = map[string]modelItem{}
	m.drop(func(w waiter) bool { return w.db == db })
	var ps []place
	for _, w := range m.queue {
		if w.db == db {
			ps = append(ps, w.place(0))
		}
	}
	slices.SortFunc(ps, func(a, b place) int { return strings.Compare(a.key, b.key) })
	m.frees = append(m.frees, slices.Compact(ps)...)
	return old
}

func (m *model) swap(a, b int) bool {
	if a == b {
		return true
	}
	if len(m.dbs[a])+len(m.dbs[b]) > MaxSwap {
		return false
	}
	wasA, wasB := m.replace(a), m.replace(b)
	for _, move := range []struct {
		to    int
		items map[string]modelItem
	}{{a, wasB}, {b, wasA}} {
		for _, key := range slices.Sorted(maps.Keys(move.items)) {
			it := move.items[key]
			it.token = m.newToken(it.val)
			m.put(lockAt(move.to, key), it)
		}
	}
	return true
}

// --- entries

// apply does what Machine.Apply must do. do runs one command's words; it panics where the Machine's runner
// does.
func (m *model) apply(index, term uint64, e *Entry, reads []Read) {
	m.index, m.term = index, term
	if e.Term != 0 && e.Term != term {
		return
	}
	m.limits, m.refused, m.level = e.Limits, nil, max(m.level, e.Version)
	if e.Term != 0 && e.Clock > m.clock {
		m.clock = e.Clock
	}
	m.expireDue()
	place := 0
	readUpTo := func(place int) {
		for len(reads) > 0 && reads[0].Before <= place {
			m.read(&reads[0])
			reads = reads[1:]
		}
	}
	for i := range e.Runs {
		r := &e.Runs[i]
		admitted := m.admit(r)
		if !admitted {
			readUpTo(place)
			m.refuse(r.Origin, r.First)
		}
		for j := range r.Commands {
			readUpTo(place)
			if seq := r.First + uint64(j); admitted && seq == m.origins[r.Origin.Node].last+1 {
				m.origins[r.Origin.Node] = origin{incarnation: r.Origin.Incarnation, last: seq}
				m.command(Caller{r.Origin, r.Commands[j].Conn, seq}, &r.Commands[j], e.Version)
				if m.members[r.Origin.Node].Removed && j < len(r.Commands)-1 {
					m.refuse(r.Origin, seq+1)
					admitted = false
				}
			}
			place++
		}
	}
	readUpTo(place + len(reads) + 1_000_000)
}

func (m *model) expireDue() {
	for {
		first, at := place{db: -1}, Clock(0)
		for db := range m.dbs {
			for _, k := range slices.Sorted(maps.Keys(m.dbs[db])) {
				if d := m.dbs[db][k].deadline; m.isDue(d) && (first.db < 0 || d < at) {
					first, at = lockAt(db, k), d
				}
			}
		}
		if first.db < 0 {
			break
		}
		m.expire(first)
	}
	for {
		var first *waiter
		for i := range m.queue {
			if w := &m.queue[i]; m.isDue(w.deadline) && (first == nil || w.deadline < first.deadline) {
				first = w
			}
		}
		if first == nil {
			return
		}
		ticket := first.ticket
		m.quit(func(w waiter) bool { return w.ticket == ticket }, "null")
		m.serveFreed()
	}
}

func (m *model) admit(r *Run) bool {
	o, known := m.origins[r.Origin.Node]
	switch {
	case m.members[r.Origin.Node].Removed:
		return false
	case known && o.incarnation == r.Origin.Incarnation && r.First <= o.last+1:
		return true
	case known && o.incarnation >= r.Origin.Incarnation,
		r.First != 1 || len(r.Commands) == 0 || r.Commands[0].Kind != KindRegister:
		return false
	}
	m.origins[r.Origin.Node] = origin{incarnation: r.Origin.Incarnation}
	m.quit(func(w waiter) bool { return w.origin.Node == r.Origin.Node }, "")
	m.drop(func(w waiter) bool { return w.origin.Node == r.Origin.Node })
	m.serveFreed()
	return true
}

func (m *model) command(who Caller, c *Command, version byte) {
	me := peer{who.Origin.Node, who.Conn}
	mine := func(w waiter) bool { return w.peer() == me }
	reply := "OK"
	switch c.Kind {
	case KindCommand:
		m.drop(mine)
		from := len(m.events)
		reply = atOnce(m.run(who, c), &m.events, from, who)
	case KindRegister, KindAdmit, KindForget, KindSilence:
		reply = m.order(who, c)
	case KindClose:
		m.quit(mine, "null")
		if i := slices.IndexFunc(m.notes, mine); i >= 0 && len(c.Words) > 0 {
			m.remove(m.notes[i].place(0))
		}
		m.drop(mine)
		m.serveFreed()
	case KindUnblock:
		text := "null"
		if len(c.Words) > 0 && string(c.Words[0]) == "ERROR" {
			text = "error UNBLOCKED client unblocked via CLIENT UNBLOCK"
		}
		reply = fmt.Sprintf("int %d", m.quit(mine, text))
		m.serveFreed()
	}
	m.answer(who.Origin, who.Seq, reply)
}

// order does what a command says about nodes. The words of the random test are good, or end too early.
func (m *model) order(who Caller, c *Command) string {
	var a [4]string
	for i := range min(len(a), len(c.Words)) {
		a[i] = string(c.Words[i])
	}
	want := map[Kind]int{KindRegister: 4, KindAdmit: 3, KindForget: 1, KindSilence: 2}[c.Kind]
	switch {
	case c.Kind == KindRegister && len(c.Words) == 0:
		return "OK"
	case len(c.Words) < want:
		what := map[Kind]string{KindRegister: "registering", KindAdmit: "admitting a node",
			KindForget: "removing a node", KindSilence: "silencing a node"}[c.Kind]
		return "error ERR " + what + " was not done: words are missing, too long or no numbers"
	case c.Kind == KindRegister:
		n, _ := strconv.Atoi(a[3])
		m.members[who.Origin.Node] = About{a[0], a[1], a[2], n, false, m.members[who.Origin.Node].NoVote}
		return "OK"
	}
	about, o := m.members[a[0]], m.origins[a[0]]
	onNode := func(w waiter) bool { return w.origin.Node == a[0] }
	switch c.Kind {
	case KindAdmit:
		if about.Disk != a[1] {
			about = About{Disk: a[1]}
		}
		about.Address, about.Removed, about.NoVote = a[2], false, a[3] == AdmitNoVote
	case KindForget:
		about.Removed = true
		m.drop(onNode)
		m.quit(onNode, "")
		m.serveFreed()
		if o.last > 0 {
			m.events = append(m.events, fmt.Sprintf("%s/%d silenced", a[0], o.incarnation))
		}
	case KindSilence:
		if o.last == 0 || fmt.Sprint(o.incarnation) != a[1] {
			return "int 0"
		}
		m.counters.silenced++
		n := m.quit(onNode, "")
		m.serveFreed()
		m.events = append(m.events, fmt.Sprintf("%s/%d silenced", a[0], o.incarnation))
		return fmt.Sprintf("int %d", n)
	}
	m.members[a[0]], m.origins[a[0]] = about, o
	if c.Kind == KindAdmit {
		return fmt.Sprintf("int %d", o.incarnation)
	}
	return "OK"
}

// beginAnew keeps what outlives a cluster.
func (m *model) beginAnew(floor uint64) {
	m.counters.token = max(m.counters.token, floor)
	m.queue, m.notes, m.index, m.term = nil, nil, 0, 0
	m.origins, m.members = map[string]origin{}, map[string]About{}
}

// run runs a command of the test's runner; one that panics leaves nothing behind but the graves.
func (m *model) run(who Caller, c *Command) (reply string) {
	before := m.clone()
	defer func() {
		if cause := recover(); cause != nil {
			graves := m.graves
			*m = *before
			m.graves = graves
			m.counters.undone++
			reply = fmt.Sprintf("error ERR internal error in this command, nothing was changed: %v", cause)
		}
	}()
	reply = modelOps(m, who, int(c.DB), c.Words, true)
	m.serveFreed()
	return reply
}

func (m *model) read(r *Read) {
	if slices.Contains(m.refused, r.Origin) {
		return
	}
	who := Caller{r.Origin, r.Command.Conn, 0}
	m.events = append(m.events, "read "+modelOps(m, who, int(r.Command.DB), r.Command.Words, false))
}
