// A model of locks with all that they can do: modes, several keys, priorities, sessions, deadlocks. It is
// obviously right rather than fast: maps and slices, everything found by looking at all of it, undone by
// keeping a copy. It says in its own words what locks.go, waiters.go and deadlock.go must do.

package fsm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// heldKey is what stands under a key.
type heldKey struct {
	plain    string          // a string that is too long to be an owner
	delay    string          // the session that died, while nobody may take the key
	deadline Clock           // of these two
	holds    map[string]Hold // of a lock, by owner
	alone    bool            // one owner holds it, as a string
	since    Clock
	limit    int64 // of permits
}

func (k heldKey) isLock() bool { return k.holds != nil }

// ends returns when the first thing of it ends, in the order of deadlines and owners.
func (k heldKey) ends() Clock {
	first := k.deadline
	for _, h := range k.holds {
		if h.Deadline != NoDeadline && (first == NoDeadline || h.Deadline < first) {
			first = h.Deadline
		}
	}
	return first
}

// owners returns the owners in order.
func (k heldKey) owners() []string { return slices.Sorted(maps.Keys(k.holds)) }

// with returns k with h in the place of what its owner has.
func (k heldKey) with(h Hold) heldKey {
	k.holds = maps.Clone(k.holds)
	if k.holds == nil {
		k.holds = map[string]Hold{}
	}
	k.holds[h.Owner] = h
	return k
}

// lockModel is the state.
type lockModel struct {
	clock       Clock
	index, term uint64
	version     byte // of this entry
	limits      Limits
	dbs         [Databases]map[string]heldKey
	queue       []waiter // in the order in which they came
	notes       []waiter // grants that may not have been seen, with the keys that were new
	origins     map[string]origin
	sessions    map[string]Session
	frozen      map[string]Freeze // by database, in two digits, and pattern
	counters    counters
	graves      []Grave
	frees       []turn // to be served at the end of the command
	serving     bool
	refused     []Origin
	events      []string // what the sink gets
}

func newLockModel() *lockModel {
	m := &lockModel{origins: map[string]origin{}, sessions: map[string]Session{}, frozen: map[string]Freeze{}}
	for db := range m.dbs {
		m.dbs[db] = map[string]heldKey{}
	}
	return m
}

// clone returns a copy that shares nothing that is changed in its place.
func (m *lockModel) clone() *lockModel {
	c := *m
	for db := range m.dbs {
		c.dbs[db] = maps.Clone(m.dbs[db])
	}
	c.queue, c.notes = slices.Clone(m.queue), slices.Clone(m.notes)
	c.origins, c.sessions = maps.Clone(m.origins), maps.Clone(m.sessions)
	c.frozen = maps.Clone(m.frozen)
	c.graves, c.frees, c.events = slices.Clone(m.graves), slices.Clone(m.frees), slices.Clone(m.events)
	return &c
}

// undo makes m what it was before.
func (m *lockModel) undo(before *lockModel) { *m = *before.clone() }

// bury remembers how h ended.
func (m *lockModel) bury(p place, h Hold, how EventKind, reason string) {
	at := m.clock
	if m.isDue(h.Deadline) {
		at = h.Deadline
	}
	m.graves = append(m.graves, Grave{p.db, p.key, h.Owner, h.Token, at, how, reason})
	m.graves = m.graves[max(0, len(m.graves)-graveCountMore):]
}

func (m *lockModel) answer(w waiter, reply string) {
	m.events = append(m.events, fmt.Sprintf("%s/%d#%d %s", w.origin.Node, w.origin.Incarnation, w.seq, reply))
}

func (m *lockModel) isDue(d Clock) bool { return d != NoDeadline && d < m.clock }

func (m *lockModel) newToken() uint64 {
	m.counters.token++
	m.counters.grants++
	return m.counters.token
}

// --- keys

func (m *lockModel) at(p place) (heldKey, bool) {
	k, ok := m.dbs[p.db][p.key]
	return k, ok
}

// touched drops the notes about p; of a lock that several hold, only those of owner.
func (m *lockModel) touched(p place, owner string) {
	m.notes = slices.DeleteFunc(m.notes, func(w waiter) bool {
		return w.db == p.db && slices.Contains(w.keys, p.key) && (owner == "" || w.lock.Owner == owner)
	})
}

func (m *lockModel) put(p place, k heldKey) {
	old, ok := m.at(p)
	if !ok || k.alone || old.alone || !k.isLock() || !old.isLock() {
		m.touched(p, "")
	}
	m.dbs[p.db][p.key] = k
}

func (m *lockModel) freed(p place) {
	if len(m.turn(p)) > 0 {
		m.frees = append(m.frees, turn{p, true})
	}
}

func (m *lockModel) remove(p place) {
	m.touched(p, "")
	delete(m.dbs[p.db], p.key)
	m.freed(p)
}

// hold puts h in the place of what its owner has.
func (m *lockModel) hold(p place, h Hold) {
	k, _ := m.at(p)
	m.touched(p, h.Owner)
	m.put(p, k.with(h))
}

// dropHold takes out what an owner has.
func (m *lockModel) dropHold(p place, owner string) {
	k, _ := m.at(p)
	m.touched(p, owner)
	if len(k.holds) == 1 {
		m.remove(p)
		return
	}
	k.holds = maps.Clone(k.holds)
	delete(k.holds, owner)
	m.put(p, k)
	m.freed(p)
}

// expire takes away what is due at p, and serves those who wait for it at once.
func (m *lockModel) expire(p place) {
	from := len(m.frees)
	k, _ := m.at(p)
	var due []Hold
	for _, h := range k.holds {
		if m.isDue(h.Deadline) {
			due = append(due, h)
		}
	}
	slices.SortFunc(due, func(a, b Hold) int {
		return cmp.Or(cmp.Compare(a.Deadline, b.Deadline), strings.Compare(a.Owner, b.Owner))
	})
	for _, h := range due {
		how := LockExpired
		if h.Revoked != "" {
			how = LockRevoked
		}
		m.bury(p, h, how, h.Revoked)
		m.counters.expired++
		m.dropHold(p, h.Owner)
	}
	if !k.isLock() {
		m.counters.expired++
		m.remove(p)
	}
	m.serve(from)
}

// get is what a write sees.
func (m *lockModel) get(p place) (heldKey, bool) {
	if k, ok := m.at(p); ok && m.isDue(k.ends()) {
		m.expire(p)
	}
	return m.at(p)
}

// peek is what a read sees.
func (m *lockModel) peek(p place) (heldKey, bool) {
	k, ok := m.at(p)
	if !k.isLock() {
		return k, ok && !m.isDue(k.deadline)
	}
	k.holds = maps.Clone(k.holds)
	maps.DeleteFunc(k.holds, func(_ string, h Hold) bool { return m.isDue(h.Deadline) })
	return k, len(k.holds) > 0
}

// --- who may have what

// covers tells whether who has h need not be given what w wants.
func covers(h Hold, w *Wish) bool {
	switch {
	case h.Mode == Exclusive:
		return true
	case w.Upgrade || w.Mode == Exclusive:
		return false
	case w.Mode == Permit:
		return h.Mode == Permit && h.Permits >= w.Permits
	}
	return h.Mode == w.Mode || h.Mode == Update && w.Mode == Shared
}

// together tells whether w can be had beside holds, of which none is w's owner's.
func together(w *Wish, holds []Hold) bool {
	free := w.Limit - w.Permits
	for _, h := range holds {
		free -= h.Permits
		switch {
		case w.Upgrade || w.Mode == Exclusive || h.Mode == Exclusive,
			(w.Mode == Permit) != (h.Mode == Permit),
			w.Mode == Update && h.Mode == Update:
			return false
		}
	}
	return w.Mode != Permit || free >= 0
}

// others returns what all but owner have of k.
func others(k heldKey, owner string) (list []Hold) {
	for _, o := range k.owners() {
		if o != owner {
			list = append(list, k.holds[o])
		}
	}
	return list
}

// judge tells whether w can have the key p now. What is frozen nobody can have who does not have it.
func (m *lockModel) judge(p place, w waiter) LockResult {
	result := m.judgeThawed(p, w)
	k, _ := m.at(p)
	h, mine := k.holds[w.lock.Owner]
	has := mine && (!w.lock.Upgrade || h.Mode == Exclusive)
	if (result == Granted || result == Held) && !has && m.isFrozen(p) {
		return Frozen
	}
	return result
}

func (m *lockModel) isFrozen(p place) bool {
	for _, f := range m.frozen {
		if f.DB == p.db && (f.Pattern == "*" || f.Pattern == p.key) {
			return true
		}
	}
	return false
}

func (m *lockModel) judgeThawed(p place, w waiter) LockResult {
	k, _ := m.at(p)
	h, mine := k.holds[w.lock.Owner]
	line := m.turn(p)
	switch {
	case w.lock.Upgrade && !mine:
		return NotHeld
	case k.plain != "":
		return NotALock
	case k.delay != "":
		return Held
	case mine && covers(h, &w.lock):
		return Granted
	case mine && !w.lock.Upgrade:
		return OtherMode
	case !together(&w.lock, others(k, w.lock.Owner)):
		return Held
	case mine || len(line) == 0 || line[0].ticket == w.ticket || comesBefore(w, line[0]):
		return Granted
	case !m.serving && (slices.Contains(m.frees, turn{p, true}) || m.version < VersionLocks):
		return Granted // as if nothing had happened since the command freed it
	}
	return Held
}

// judgeAll does so for all its keys.
func (m *lockModel) judgeAll(w waiter) LockResult {
	result := Granted
	for i := range w.keys {
		switch r := m.judge(w.place(i), w); r {
		case Granted:
		case Held:
			result = max(result, Held)
		case Frozen:
			result = Frozen
		default:
			return r
		}
	}
	return result
}

// --- giving

// grant gives w all its keys, and returns the token, and which keys its owner did not have before.
func (m *lockModel) grant(w waiter) (token uint64, fresh []string) {
	again := true
	for i := range w.keys {
		k, _ := m.at(w.place(i))
		h, mine := k.holds[w.lock.Owner]
		again = again && mine && (i == 0 || h.Token == token) && (!w.lock.Upgrade || h.Mode == Exclusive)
		token = h.Token
		if !mine {
			fresh = append(fresh, w.keys[i])
		}
	}
	if !again {
		token = m.newToken()
	}
	for i := range w.keys {
		p := w.place(i)
		k, _ := m.at(p)
		h, mine := k.holds[w.lock.Owner]
		switch {
		case w.lock.Upgrade && !again:
			m.bury(p, h, LockReleased, "")
			h.Mode, h.Permits, h.Token, h.Since = Exclusive, 0, token, m.clock
			m.put(p, heldKey{alone: true, since: h.Since}.with(h))
			m.came(p, h.Owner)
		case w.lock.Upgrade:
			m.hold(p, h)
		case mine:
			m.again(p, h, token, &w.lock)
		default:
			m.give(p, w, token)
		}
	}
	return token, fresh
}

// again renews what an owner has.
func (m *lockModel) again(p place, h Hold, token uint64, w *Wish) {
	if h.Token != token {
		m.bury(p, h, LockReleased, "")
	}
	h.Token = token
	until := NoDeadline
	if w.TTL > 0 {
		until = m.clock.After(w.TTL)
	}
	h.Deadline = within(h.Cap, later(h.Deadline, until))
	if w.Note != "" {
		h.Note = w.Note
	}
	if w.Session != "" {
		h.Session = w.Session
	}
	if w.Reentrant {
		h.Again++
	}
	m.hold(p, h)
}

// within returns the deadline, or the limit where that is earlier.
func within(limit, d Clock) Clock {
	if limit != NoDeadline && (d == NoDeadline || limit < d) {
		return limit
	}
	return d
}

// give gives an owner a key that it does not have.
func (m *lockModel) give(p place, w waiter, token uint64) {
	k, ok := m.at(p)
	h := Hold{
		Owner: w.lock.Owner, Mode: w.lock.Mode, Permits: w.lock.Permits, Token: token, Since: m.clock, Conn: w.conn,
		Terms: Terms{Note: w.lock.Note, Session: w.lock.Session},
	}
	if w.lock.MaxHold > 0 {
		h.Cap = m.clock.After(w.lock.MaxHold)
	}
	if w.lock.TTL > 0 {
		h.Deadline = m.clock.After(w.lock.TTL)
	}
	h.Deadline = within(h.Cap, h.Deadline)
	if !ok {
		k = heldKey{alone: h.Mode == Exclusive, since: m.clock}
	}
	if w.lock.Limit > 0 {
		k.limit = w.lock.Limit
	}
	m.put(p, k.with(h))
	m.came(p, h.Owner)
}

// came lets those have their turn who wait for what their owner has come to hold.
func (m *lockModel) came(p place, owner string) {
	for _, w := range m.queue {
		if w.lock.Owner == owner && w.db == p.db && slices.Contains(w.keys, p.key) {
			m.freedBy(w)
		}
	}
}
