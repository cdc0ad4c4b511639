// What happens to locks is kept: who took one, waited, gave up, lost it, and why. The last of it is in the
// state, so that a feed of it goes on without a gap on any node and after any failover (LOCK.EVENTS), and all
// nodes tell the same of the past (LOCK.HISTORY). Who listens to the channel of a key gets it as a message.
//
// Events are numbered one after the other, and a number says where its event stands. An event never changes
// once the command that caused it has ended, so a view shares them all. A command that fails takes the
// counter back, and what it told is overwritten by the next: the journal need not know. That is why old
// events are dropped only when a command has ended.

package fsm

import (
	"encoding/json"
	"errors"

	"github.com/divtxt/lockd/resp"
)

// EventKind says what happened to a lock.
type EventKind byte

// The kinds of events. Their values are part of the snapshot's format.
const (
	_            EventKind = iota
	LockGranted            // and with which token
	LockReleased           // by its owner
	LockExpired            // its time was over
	LockEnded              // its session was over, or its connection
	LockRemoved            // by DEL, or another value stands there
	LockForced             // by LOCK.FORCE
	LockFlushed            // with all keys of its database, of which this tells together
	LockWaiting            // somebody waits for it
	LockGaveUp             // somebody does no longer
	LockDeadlock           // somebody was refused, who would have waited for ever
	LockRevoking           // by LOCK.REVOKE, with some time left
	LockRevoked            // by LOCK.REVOKE, and that time is over
	LockFrozen             // that nobody may take keys of a pattern, which stands for the key
	LockThawed             // that they may again
	eventKinds
)

// String returns the kind as users read it.
func (k EventKind) String() string {
	return [...]string{
		"none", "granted", "released", "expired", "ended", "removed", "forced", "flushed", "waiting", "gave-up",
		"deadlock", "revoking", "revoked", "frozen", "thawed",
	}[k]
}

// OfMany tells whether events of this kind are about many keys: a database, or those that match a pattern.
func (k EventKind) OfMany() bool { return k == LockFlushed || k == LockFrozen || k == LockThawed }

// LockEvent is one thing that happened to a lock.
type LockEvent struct {
	Number uint64 // one more than that of the event before
	Index  uint64 // of the log entry
	Clock  Clock
	Wall   Wall
	Kind   EventKind
	Mode   Mode
	DB     uint8
	Key    string // "" of LockFlushed
	Owner  string
	Token  uint64 // 0: it was not held
	By     uint64 // id of the client that wants or gets it, or else of the one that ended it; 0: time
	Took   int64  // milliseconds since it was asked for or, of what ends a lock, was granted; or that are left
	Reason string
}

// Waited returns for how many milliseconds somebody has waited for the lock, where the event tells that.
func (e *LockEvent) Waited() (ms int64, told bool) {
	return e.Took, e.Kind == LockGranted || e.Kind == LockGaveUp
}

// Held returns for how many milliseconds the lock has been held, where the event tells that.
func (e *LockEvent) Held() (ms int64, told bool) {
	return e.Took, e.Token != 0 && e.Kind != LockGranted && e.Kind != LockRevoking
}

// Left returns for how many milliseconds more the lock is held at most, where the event tells that.
func (e *LockEvent) Left() (ms int64, told bool) { return e.Took, e.Kind == LockRevoking }

// How much is kept. Owners and keys may be long, so bytes are bounded too, and less is kept where the state
// may not be large.
const (
	mostEvents     = 10_000
	mostEventBytes = 8 << 20
	eventShare     = 16  // at most this part of the memory limit
	mostReason     = 256 // bytes of a reason
	mostNumber     = 1 << 62
	eventChunk     = 250 // events that memory is got for at once
)

// eventCost is what an event counts against the memory limit beside its strings, in bytes.
const eventCost = 128

func (e *LockEvent) cost() int64 {
	return int64(eventCost + len(e.Key) + len(e.Owner) + len(e.Reason))
}

// events are those that are kept. The number of the last one is in the counters.
type events struct {
	chunks []*[eventChunk]LockEvent // written once at each place, but for what a failed command told
	base   uint64                   // the number of the first place in chunks
	first  uint64                   // the number of the first event that is kept
	seen   uint64                   // the last one that those who wait for events were shown
	bytes  int64
}

// newEvents is empty; last is the number of the last event that was ever told.
func newEvents(last uint64) events {
	return events{base: (last + 1) / eventChunk * eventChunk, first: last + 1, seen: last}
}

// at returns the place of an event, which must not be before the first.
func (v *events) at(number uint64) *LockEvent {
	place := number - v.base
	for place/eventChunk >= uint64(len(v.chunks)) {
		v.chunks = append(v.chunks, new([eventChunk]LockEvent))
	}
	return &v.chunks[place/eventChunk][place%eventChunk]
}

// cut takes back the events after number, up to last.
func (v *events) cut(number, last uint64) {
	for ; last > number; last-- {
		v.bytes -= v.at(last).cost()
	}
}

// drop forgets old events until no more are left than may be. A chunk that a view may look at is left alone.
func (v *events) drop(last uint64, memory int64) {
	most := int64(mostEventBytes)
	if memory > 0 {
		most = min(most, memory/eventShare)
	}
	for v.first <= last && (last-v.first >= mostEvents || v.bytes > most) {
		v.bytes -= v.at(v.first).cost()
		v.first++
	}
	if n := min((v.first-v.base)/eventChunk, uint64(len(v.chunks))); n > 0 {
		v.chunks = append([]*[eventChunk]LockEvent(nil), v.chunks[n:]...)
		v.base += n * eventChunk
	}
}

// tell notes that something happened to key, or to h, which somebody has of it, wants or had. key and h must
// be the state's own; the reason is copied. Entries of older versions tell nothing.
func (m *Machine) tell(db int, kind EventKind, key string, h *Hold, reason string) {
	if m.nodes.level < VersionLocks {
		return
	}
	took, by := int64(0), m.at.by
	if h.Since != 0 {
		took = int64(m.clock - h.Since)
	}
	switch kind {
	case LockGranted, LockWaiting, LockGaveUp, LockDeadlock:
		by = h.Conn
	case LockExpired:
		by = 0
	case LockRevoking:
		took = h.TTL(m.clock)
	case LockRevoked:
		if h.Deadline.passed(m.clock) {
			by = 0 // who has said so is told by the event before
		}
	}
	m.counters.events++
	e := m.events.at(m.counters.events)
	e.Number, e.Index, e.Clock, e.Wall = m.counters.events, m.at.index, m.clock, m.at.wall
	e.Kind, e.Mode, e.DB, e.Key, e.Owner, e.Token = kind, h.Mode, uint8(db), key, h.Owner, h.Token
	e.By, e.Took, e.Reason = by, took, keep(clipped(reason))
	m.events.bytes += e.cost()
	if kind.ends() {
		m.bury(db, key, h, kind, e.Reason)
	}
	if n := m.subs.names; n[ToChannel]+n[ToPattern] > 0 {
		m.spent += int64(n[ToPattern]) * perSubscription
		m.effects = append(m.effects, effect{kind: effectLock, number: e.Number})
	}
}

func clipped(reason string) string { return reason[:min(len(reason), mostReason)] }

// loss is how locks end. The zero loss tells of nothing: somebody has told already.
type loss struct {
	kind   EventKind
	reason string
}

// tellLost is called when it took the place of old under a key; either may be nil. It tells of those who hold
// nothing of it any longer. Holders that leave while others stay are told of by who lets them go.
func (m *Machine) tellLost(db int, key string, old, it *Item, why loss) {
	switch {
	case why.kind == 0 || old == nil || m.nodes.level < VersionLocks:
	case old.Value() == nil:
		if old.Token != 0 && !it.heldBy(old.Str) {
			h := old.hold()
			m.tell(db, why.kind, key, &h, why.reason)
		}
	case old.shared() && (it == nil || !it.shared()):
		old.Holds(func(h *Hold) bool {
			if !it.heldBy(h.Owner) {
				m.tell(db, why.kind, key, h, why.reason)
			}
			return true
		})
	}
}

// heldBy tells whether owner holds the lock at it, which may be nil.
func (it *Item) heldBy(owner string) bool {
	switch {
	case it == nil:
		return false
	case it.Value() == nil:
		return it.Token != 0 && it.Str == owner
	}
	_, held := it.HoldOf(owner)
	return held
}

// tellGrant tells that h was granted, which was asked for at a time.
func (m *Machine) tellGrant(db int, key string, h *Hold, asked Clock) {
	granted := *h
	granted.Since = asked
	m.tell(db, LockGranted, key, &granted, "")
}

// tellSet tells of those who hold what another command than LOCK has put under a key. They need not be its
// sender, as those whom SWAPDB takes along.
func (m *Machine) tellSet(db int, it *Item) {
	if it.Value() == nil {
		if it.Token != 0 {
			h := it.hold()
			h.Conn = m.at.by
			m.tellGrant(db, it.Key, &h, m.clock)
		}
		return
	}
	it.Holds(func(h *Hold) bool {
		moved := *h
		moved.Conn = m.at.by
		m.tellGrant(db, it.Key, &moved, m.clock)
		return true
	})
}

// tellDeadlock tells that w was refused, as it would have waited in a cycle.
func (m *Machine) tellDeadlock(w *waiter, key string, cycle []string) {
	reason := ""
	for i, name := range cycle {
		if i > 0 {
			reason += " -> "
		}
		if reason += clipped(name); len(reason) > mostReason {
			break
		}
	}
	h := Hold{Owner: w.lock.Owner, Mode: w.lock.Mode, Since: w.since, Conn: w.conn}
	m.tell(w.db, LockDeadlock, key, &h, reason)
}

// tellAgain tells that w need not wait any longer, as its owner has what it waits for in some other way: so
// all waiting has an end that is told.
func (m *Machine) tellAgain(w *waiter, token uint64) {
	for _, key := range w.keys {
		h := Hold{Owner: w.lock.Owner, Mode: w.lock.Mode, Token: token, Conn: w.conn}
		m.tellGrant(w.db, key, &h, w.since)
	}
}

// tellWaiter tells, for each key that w waits for, that it does so or does so no more.
func (m *Machine) tellWaiter(w *waiter, kind EventKind, reason string) {
	if w.class != classLock {
		return
	}
	h := Hold{Owner: w.lock.Owner, Mode: w.lock.Mode, Since: w.since, Conn: w.conn}
	for _, key := range w.keys {
		m.tell(w.db, kind, key, &h, reason)
	}
}

// lockChannel is what the channels begin with on which the events of a key are told.
const lockChannel = "__lock__:"

// watched tells whether anybody waits for events, or listens to a channel of them.
func (m *Machine) watched() bool {
	if m.nodes.level < VersionLocks {
		return false
	}
	if m.queue.lengths[readersAt()] > 0 {
		return true
	}
	const begin = "__lock__" // a pattern may go on with a star
	for _, kind := range [...]Subscribed{ToChannel, ToPattern} {
		if m.subs.names[kind] > 0 && m.subs.anyFrom(kind, begin) {
			return true
		}
	}
	return false
}

// publish delivers an event to those who listen to the channel of its key.
func (m *Machine) publish(number uint64, sink Sink) {
	e := m.events.at(number)
	channel := lockChannel + e.Key
	if m.subs.receivers(false, channel) > 0 {
		m.subs.deliver(false, channel, e.text(), sink)
	}
}

// text is the message that tells of an event.
func (e *LockEvent) text() string {
	message := struct {
		Event  string `json:"event"`
		Number uint64 `json:"number"`
		DB     uint8  `json:"db"`
		Key    string `json:"key"`
		Owner  string `json:"owner"`
		Token  uint64 `json:"token"`
		Mode   string `json:"mode"`
		By     uint64 `json:"by"`
		Waited *int64 `json:"waited-ms,omitempty"`
		Held   *int64 `json:"held-ms,omitempty"`
		Left   *int64 `json:"left-ms,omitempty"`
		Reason string `json:"reason,omitempty"`
	}{
		Event: e.Kind.String(), Number: e.Number, DB: e.DB, Key: e.Key, Owner: e.Owner, Token: e.Token,
		Mode: e.Mode.String(), By: e.By, Reason: e.Reason,
	}
	if ms, told := e.Waited(); told {
		message.Waited = &ms
	}
	if ms, told := e.Held(); told {
		message.Held = &ms
	}
	if ms, told := e.Left(); told {
		message.Left = &ms
	}
	text, _ := json.Marshal(message) // no value of these types fails
	return string(text)
}

// EventNumbers returns the number of the first event that is kept, and that of the next one to come.
func (tx *Tx) EventNumbers() (first, next uint64) { return tx.m.events.first, tx.m.counters.events + 1 }

// Events calls f with the events from a number on, the first that is kept or a later one, until it returns
// false. What it gets must not be changed.
func (tx *Tx) Events(from uint64, f func(*LockEvent) bool) {
	for n := max(from, tx.m.events.first); n <= tx.m.counters.events && f(tx.m.events.at(n)); n++ {
	}
}

// EventsBack calls f with the events, the last one first, until it returns false.
func (tx *Tx) EventsBack(f func(*LockEvent) bool) {
	for n := tx.m.counters.events; n >= tx.m.events.first && f(tx.m.events.at(n)); n-- {
	}
}

// NewEvents returns the number of the first event that those who wait for events have not been shown.
func (tx *Tx) NewEvents() uint64 { return tx.m.events.seen + 1 }

// AwaitEvents lets the command run again whenever something has happened to a lock, as Park does.
func (tx *Tx) AwaitEvents(words [][]byte, wait int64) Reply {
	p := readersAt()
	return tx.In(p.db).Park(p.class, []string{p.key}, words, wait)
}

// readersAt is where those stand who wait for events, of whatever key.
func readersAt() place { return place{class: ClassEvents} }

// serveReaders shows what an entry has told to all who wait for events: once for all its commands, for each
// time takes about a microsecond for each who waits.
func (m *Machine) serveReaders(sink Sink) {
	if m.counters.events == m.events.seen {
		return
	}
	if p := readersAt(); m.queue.lengths[p] > 0 {
		var readers []*waiter
		m.queue.each(p, func(w *waiter) bool {
			readers = append(readers, w)
			return true
		})
		for _, w := range readers {
			m.runAgain(w)
		}
		m.commit(Caller{}, sink)
	}
	m.events.seen = m.counters.events
}

// noEvents is what those are told who have waited for events in vain: none, and where to go on.
func (m *Machine) noEvents() Reply { return resp.Array(resp.Array(), intReply(m.counters.events+1)) }

func (e *encoder) events(m *Machine) {
	e.uints(m.counters.events, m.counters.events+1-m.events.first)
	for n := m.events.first; n <= m.counters.events; n++ {
		v := m.events.at(n)
		e.uints(v.Index, uint64(v.Clock), uint64(v.Wall), uint64(v.Kind), uint64(v.Mode), uint64(v.DB), v.Token,
			v.By, uint64(v.Took))
		for _, s := range [...]string{v.Key, v.Owner, v.Reason} {
			e.string(s)
		}
	}
}

func (d *decoder) events(m *Machine) {
	m.counters.events = d.uint()
	var list []LockEvent
	d.each(func() {
		v := LockEvent{Index: d.uint(), Clock: Clock(d.uint()), Wall: Wall(d.uint())}
		kind, mode := d.uint(), d.uint()
		v.Kind, v.Mode, v.DB, v.Token = EventKind(kind), Mode(mode), uint8(d.database()), d.uint()
		v.By, v.Took = d.uint(), int64(d.uint())
		v.Key, v.Owner, v.Reason = d.string(), d.string(), d.string()
		if kind == 0 || kind >= uint64(eventKinds) || mode >= uint64(modes) {
			d.fail(errors.New("an event in it is of a kind that this program does not know: start a newer lockd"))
		}
		list = append(list, v)
	})
	if n := m.counters.events; uint64(len(list)) > n || n > mostNumber {
		d.fail(errors.New("it has more events than there can be"))
		return
	}
	m.events = newEvents(m.counters.events - uint64(len(list)))
	m.events.seen = m.counters.events
	for i := range list {
		list[i].Number = m.events.first + uint64(i)
		*m.events.at(list[i].Number) = list[i]
		m.events.bytes += list[i].cost()
	}
}
