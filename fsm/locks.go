// The lock semantics: take, wait, release, renew, force. A lock that one owner holds alone is a string key
// whose value is its owner, so everything here also holds for keys that came by SET NX PX, and the other way
// round. What several hold together is in holders.go.
//
// A request names one key or several. It is granted in one entry or not at all: when each of its keys can
// be had, and nobody who came before waits for any of them. So those who share do not keep one who wants
// the lock alone waiting for ever, and a request for many keys holds nothing while it waits and still has
// its turn.

package fsm

import (
	"math"
	"slices"
)

// LockRequest is what LOCK asks for.
type LockRequest struct {
	Keys []string // different ones
	Wish
	Wait   int64 // milliseconds to wait in the queue; 0: not at all, nor in a script or a transaction
	OnConn bool  // instead of a session: the locks end with the caller's connection
}

// LockResult is what became of a request.
type LockResult int

// The results of Lock.
const (
	Granted     LockResult = iota // held now, token given
	Held                          // another holds it, or waits before it
	Parked                        // waiting; the answer comes with a later command
	NotALock                      // the value there cannot be an owner
	OtherMode                     // the owner holds it already, in a mode that allows less
	NotHeld                       // to be upgraded, which its owner does not hold
	QueueFull                     // too many wait for this key
	AllQueues                     // too many wait in all
	Deadlocked                    // to wait for it would close a cycle
	NoSession                     // the session that it names is not there
	Frozen                        // nobody may take it now
	ResultCount                   // how many results there are
)

// mayCome tells whether a request with this result is granted later, if it waits.
func (r LockResult) mayCome() bool { return r == Held || r == Frozen }

// Outcome is what became of a request, and why.
type Outcome struct {
	Result LockResult
	Token  uint64   // of a grant
	Key    string   // the first key that could not be had
	Item   *Item    // what stands there, nil for nothing; of a grant, the last key's
	Cycle  []string // of Deadlocked: owner, key, owner, key, … and the first owner again
}

// Lock takes req's keys for its owner. An owner that holds them already keeps its token, and the deadlines
// become the later ones; else the request is granted, refused or parked.
func (tx *Tx) Lock(req LockRequest) Outcome {
	m := tx.m
	if req.OnConn {
		req.Session = tx.ConnSession().ID
	}
	if req.Session != "" && !m.sessionLives(req.Session) {
		return Outcome{Result: NoSession}
	}
	if first := m.queue.requested[req.request().ID]; first != nil {
		return tx.takeOver(first, &req)
	}
	for _, key := range req.Keys {
		tx.Get(key) // whose time is over goes first, and those who wait for it are served
	}
	out := m.judge(tx.db, req.Keys, &req.Wish)
	switch {
	case out.Result == Granted:
		return m.grantAll(tx.db, req.Keys, &req.Wish, tx.who.Conn, m.clock)
	case !out.Result.mayCome() || req.Wait <= 0 || tx.inside:
		return out
	}
	return tx.await(&req, out)
}

// await parks a request for keys which it cannot have now, as out says, if there is room for it and it
// would not wait for itself.
func (tx *Tx) await(req *LockRequest, out Outcome) Outcome {
	m := tx.m
	if m.full() {
		out.Result = AllQueues
		return out
	}
	if key, crowded := m.crowded(tx.db, req.Keys); crowded {
		return Outcome{Result: QueueFull, Key: key}
	}
	if m.giveUp(peer{tx.who.Origin.Node, tx.who.Conn}) { // which may have stood in the way
		if again := m.judge(tx.db, req.Keys, &req.Wish); again.Result == Granted {
			return m.grantAll(tx.db, req.Keys, &req.Wish, tx.who.Conn, m.clock)
		}
	}
	w := &waiter{
		db: tx.db, lock: req.kept(), since: m.clock, deadline: m.clock.After(req.Wait),
		origin: tx.who.Origin, conn: tx.who.Conn, seq: tx.who.Seq,
	}
	for _, key := range req.Keys {
		if it := m.itemAt(tx.db, key); it != nil {
			key = it.Key // which all who wait for it share
		} else {
			key = keep(key)
		}
		w.keys = append(w.keys, key)
	}
	if cycle := m.cycle(w); cycle != nil {
		m.tellDeadlock(w, keep(out.Key), cycle)
		return Outcome{Result: Deadlocked, Key: out.Key, Item: out.Item, Cycle: cycle}
	}
	m.park(w)
	out.Result = Parked
	return out
}

// crowded returns the first of keys for which no more may wait, if there is one.
func (m *Machine) crowded(db int, keys []string) (string, bool) {
	limit := m.at.limits.WaitersPerKey
	for _, key := range keys {
		if limit > 0 && m.queue.lengths[lockAt(db, key)] >= limit {
			return key, true
		}
	}
	return "", false
}

// judge tells whether a request can be granted now, and if not, why.
func (m *Machine) judge(db int, keys []string, w *Wish) (out Outcome) {
	for _, key := range keys {
		it := m.itemAt(db, key)
		result := m.unlessFrozen(db, key, it, w, m.judgeKey(db, key, it, w))
		if result != Granted && (out.Result == Granted || result != Held) {
			out = Outcome{Result: result, Key: key, Item: it}
		}
		if result != Granted && !result.mayCome() {
			break
		}
	}
	return out
}

// judgeKey tells whether one key can be had: whether it is free, or held in modes that go together with w's,
// and nobody waits for it before w; or whether w's owner has it already.
func (m *Machine) judgeKey(db int, key string, it *Item, w *Wish) LockResult {
	if it != nil {
		if h, mine := it.HoldOf(w.Owner); mine {
			return it.judgeAgain(&h, w)
		}
	}
	if w.Upgrade {
		return NotHeld
	}
	if it == nil {
		return m.unlessAhead(db, key, w)
	}
	v, several := it.Value().(*Holders)
	switch {
	case several && v.fits(w):
		return m.unlessAhead(db, key, w)
	case it.IsLock() || it.Delayed():
		return Held
	}
	return NotALock
}

// judgeAgain does so for an owner who has h of the lock already.
func (it *Item) judgeAgain(h *Hold, w *Wish) LockResult {
	v, several := it.Value().(*Holders)
	switch {
	case h.covers(w), w.Upgrade && several && v.Len() == 1:
		return Granted
	case w.Upgrade:
		return Held
	}
	return OtherMode
}

// unlessAhead grants what can be had, unless somebody else waits for it who comes before w. A command that
// has freed a key itself may take it again: it is as if nothing had happened in between.
func (m *Machine) unlessAhead(db int, key string, w *Wish) LockResult {
	p := lockAt(db, key)
	first := m.queue.first(p)
	switch {
	case first == nil || &first.lock == w || first.lock.rank() > w.rank():
		return Granted
	case !m.serving && (m.at.version < VersionLocks || slices.Contains(m.frees, turn{p, true})):
		return Granted
	}
	return Held
}

// grantAll gives all keys to w's owner, who asked for them at a time, and returns the token: that which it
// has already where it holds all of them by one grant, or a new one for all. What it holds already it
// holds on as it is, or longer.
func (m *Machine) grantAll(db int, keys []string, w *Wish, conn uint64, asked Clock) Outcome {
	out := Outcome{Token: m.tokenHeld(db, keys, w)}
	again := out.Token != 0
	if !again {
		out.Token = m.tokenFor(w.Owner)
	}
	for _, key := range keys {
		if !w.Upgrade && m.holds(db, key, w.Owner) || again {
			out.Item = m.extend(db, key, w, out.Token)
		} else {
			out.Item = m.grant(db, key, w, out.Token, conn)
		}
		if !again {
			h, _ := out.Item.HoldOf(w.Owner)
			h.Conn = conn
			m.tellGrant(db, out.Item.Key, &h, asked)
		}
	}
	return out
}

// holds tells whether owner has something of the lock at a key.
func (m *Machine) holds(db int, key, owner string) (mine bool) {
	if it := m.itemAt(db, key); it != nil {
		_, mine = it.HoldOf(owner)
	}
	return mine
}

// tokenHeld returns the token by which w's owner holds all keys as w wants them, or 0.
func (m *Machine) tokenHeld(db int, keys []string, w *Wish) (token uint64) {
	for _, key := range keys {
		it := m.itemAt(db, key)
		if it == nil {
			return 0
		}
		h, mine := it.HoldOf(w.Owner)
		if !mine || w.Upgrade && h.Mode != Exclusive || token != 0 && h.Token != token {
			return 0
		}
		token = h.Token
	}
	return token
}

// extend renews what w's owner has of a key, with this token.
func (m *Machine) extend(db int, key string, w *Wish, token uint64) *Item {
	it := m.itemAt(db, key)
	old, _ := it.HoldOf(w.Owner)
	h := old.extended(w, m.clock)
	if h.Token = token; token != old.Token { // it is given in exchange
		m.bury(db, it.Key, &old, LockReleased, "")
		m.stir(db, it.Key)
	}
	if w.Session != "" && h.Session != w.Session {
		h.Session = keep(w.Session)
	}
	it = m.setHold(db, it, &h)
	m.notify(db, EventGeneric, "expire", it.Key)
	return it
}

// grant gives a key to w's owner, which does not have it yet or wants to have it alone.
func (m *Machine) grant(db int, key string, w *Wish, token, conn uint64) *Item {
	kept := w.kept()
	h := kept.hold(token, m.client(conn), m.clock)
	it := m.itemAt(db, key)
	if w.Upgrade {
		h, _ = it.HoldOf(w.Owner)
		m.bury(db, it.Key, &h, LockReleased, "")
		m.stir(db, it.Key)
		h.Mode, h.Permits, h.Token, h.Since = Exclusive, 0, token, m.clock
	}
	if it != nil {
		key = it.Key
	} else {
		key = keep(key)
	}
	if h.Mode == Exclusive {
		it = itemOf(key, &h)
		m.put(db, it)
	} else {
		v := newHolders()
		if it != nil {
			v = m.ownHolders(it)
		}
		v.set(&h, w.Limit)
		it = m.putHolders(db, key, it, v)
	}
	m.bind(db, key, &h)
	m.came(db, key, h.Owner)
	m.notify(db, EventString, "set", key)
	return it
}

// client returns the id of a client as it is kept with a lock. Entries of older versions keep none.
func (m *Machine) client(conn uint64) uint64 {
	if m.nodes.level < VersionLocks {
		return 0
	}
	return conn
}

// setHold puts h in the place of what its owner has of the lock at it.
func (m *Machine) setHold(db int, it *Item, h *Hold) *Item {
	if old, _ := it.HoldOf(h.Owner); old.Session != h.Session {
		m.unbind(db, it.Key, &old)
		m.bind(db, it.Key, h)
	}
	if !it.shared() {
		changed := itemOf(it.Key, h)
		m.put(db, changed)
		return changed
	}
	v := m.ownHolders(it)
	v.set(h, 0)
	m.touchedBy(db, it.Key, h.Owner)
	return m.putHolders(db, it.Key, it, v)
}

// dropHold takes an owner out of the lock at it; who waits for the key may be served then.
func (m *Machine) dropHold(db int, it *Item, h *Hold, why loss) {
	m.unbind(db, it.Key, h)
	if !it.shared() {
		m.lose(db, it, why)
		return
	}
	v := m.ownHolders(it)
	v.drop(h.Owner)
	m.tell(db, why.kind, it.Key, h, why.reason)
	m.touchedBy(db, it.Key, h.Owner)
	m.putHolders(db, it.Key, it, v)
	m.freed(db, it.Key)
}

// ownHolders returns what of the lock at it may be changed, as Own does.
func (m *Machine) ownHolders(it *Item) *Holders {
	v := it.Extra.Value
	if v.holder().epoch != m.epoch {
		v = v.copied()
		m.adopt(v)
	}
	return v.(*Holders)
}

// putHolders puts v under key, in the place of old, which is nil where it is new there. Of those who left
// v it was told already.
func (m *Machine) putHolders(db int, key string, old *Item, v *Holders) *Item {
	if v.Len() == 0 {
		m.lose(db, old, loss{})
		return nil
	}
	m.adopt(v)
	it := &Item{Key: key, Since: m.clock, Deadline: v.earliest(), Extra: &Extra{Value: v, bytes: v.cost()}}
	if old != nil {
		it.Key, it.Since = old.Key, old.Since
	}
	m.put(db, it)
	return it
}

// Renew gives what owner has of key at least ttl milliseconds more, within its cap. It must hold it.
func (tx *Tx) Renew(it *Item, owner string, ttl int64) Hold {
	h, _ := it.HoldOf(owner)
	it = tx.m.extend(tx.db, it.Key, &Wish{Owner: owner, TTL: ttl}, h.Token)
	h, _ = it.HoldOf(owner)
	return h
}

// Unlock releases what owner has of key, or one of the times that it has taken it. token, if not 0, must be
// that of the grant. It returns what was held, and how it is held on: the zero Hold where it is not.
func (tx *Tx) Unlock(key, owner string, token uint64) (was Hold, released bool) {
	it := tx.Get(key)
	if it == nil || !it.IsLock() {
		return tx.unlockLong(it, owner, token)
	}
	h, mine := it.HoldOf(owner)
	if !mine || token != 0 && h.Token != token {
		return Hold{}, false
	}
	if h.Again > 0 {
		less := h
		less.Again--
		tx.m.setHold(tx.db, it, &less)
		return h, true
	}
	tx.m.dropHold(tx.db, it, &h, loss{kind: LockReleased})
	tx.m.notify(tx.db, EventGeneric, "del", it.Key)
	return h, true
}

// unlockLong releases a string that is too long to be an owner, but is the one that is named: DELIFEQ
// knows no such difference.
func (tx *Tx) unlockLong(it *Item, owner string, token uint64) (Hold, bool) {
	if it == nil || it.Value() != nil || it.Str != owner || token != 0 {
		return Hold{}, false
	}
	tx.m.remove(tx.db, it)
	tx.m.notify(tx.db, EventGeneric, "del", it.Key)
	return Hold{Owner: it.Str}, true
}

// Release removes a string whose value was compared before, as DELIFEQ does: if it is a lock, its owner has
// released it, however often it has taken it.
func (tx *Tx) Release(it *Item) {
	tx.m.lose(tx.db, it, loss{kind: LockReleased})
	tx.m.notify(tx.db, EventGeneric, "del", it.Key)
}

// Downgrade lets owner, who holds key, hold it in a mode that lets others share it, and tells whether that
// is less than it has.
func (tx *Tx) Downgrade(it *Item, owner string, mode Mode) bool {
	m := tx.m
	h, mine := it.HoldOf(owner)
	less := h.Mode == Exclusive || h.Mode == Update && mode == Shared
	if !mine || !less || mode == Exclusive || mode == Permit {
		return false
	}
	h.Mode = mode
	v := newHolders()
	if it.shared() {
		m.setHold(tx.db, it, &h)
	} else {
		v.set(&h, 0)
		m.putHolders(tx.db, it.Key, it, v)
	}
	m.freed(tx.db, it.Key)
	return true
}

// Force removes key whoever holds it, for a reason, and returns what stood there, or nil.
func (tx *Tx) Force(key, reason string) *Item {
	it := tx.Get(key)
	if it != nil {
		tx.m.counters.forced++
		if it.Delayed() {
			tx.m.tell(tx.db, LockForced, it.Key, &Hold{}, reason)
		}
		tx.m.lose(tx.db, it, loss{LockForced, reason})
		tx.m.notify(tx.db, EventGeneric, "del", it.Key)
	}
	return it
}

// Waiter is one who waits for a lock, as listings show it.
type Waiter struct {
	Wish
	Keys            []string // all that it waits for
	Node            string
	Conn            uint64
	Since, Deadline Clock
}

// Waiters calls f with those who wait for key, in the order of their turn, until it returns false.
func (tx *Tx) Waiters(key string, f func(Waiter) bool) {
	tx.m.queue.each(lockAt(tx.db, key), func(w *waiter) bool {
		return f(w.public())
	})
}

func (w *waiter) public() Waiter {
	return Waiter{w.lock, w.keys, w.origin.Node, w.conn, w.since, w.deadline}
}

// QueueLen returns how many wait for key.
func (tx *Tx) QueueLen(key string) (n int) {
	if tx.m.queue.lengths != nil {
		return tx.m.queue.lengths[lockAt(tx.db, key)]
	}
	tx.m.queue.each(lockAt(tx.db, key), func(*waiter) bool { n++; return true })
	return n
}

// WaitedFor calls f with the keys that somebody waits for, from a key on and in order, until it returns
// false.
func (tx *Tx) WaitedFor(from string, f func(key string) bool) {
	next := spot{place: lockAt(tx.db, from)}
	for more := true; more; {
		found := false
		tx.m.queue.spots.Ascend(next, func(s spot) bool {
			next, found = s, s.db == tx.db && s.class == classLock
			return false
		})
		if !found {
			return
		}
		more = f(next.key) // who looks at a key that is due changes the queue
		next.rank, next.ticket = math.MaxUint8, math.MaxUint64
	}
}
