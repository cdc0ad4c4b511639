// Maintenance: keys that nobody may take for a while (LOCK.FREEZE). Who holds such a key keeps it and may
// renew it, who waits for it keeps its place, and all are served in their order when the freeze ends, by
// LOCK.THAW or by the cluster clock. A freeze is no lock: it has no owner and no token.
//
// There are few patterns, so they stand in a list, which is replaced whole when one of them changes.

package fsm

import (
	"cmp"
	"fmt"
	"slices"
)

// MaxFrozen is how many patterns may be frozen at a time. Each is looked at whenever a lock is granted.
const MaxFrozen = 100

// Freeze is a pattern of keys that nobody may take. It never changes in place.
type Freeze struct {
	DB      int
	Pattern string
	Reason  string
	Since   Clock
	Until   Clock  // NoDeadline: until it is thawed
	Conn    uint64 // id of the client that froze it
}

// TTL returns the milliseconds left at clock now, and -1 if it ends with LOCK.THAW only.
func (f *Freeze) TTL(now Clock) int64 { return ttl(f.Until, now) }

// freezeCost is what a freeze counts against the memory limit beside its strings, in bytes.
const freezeCost = 128

func (f *Freeze) cost() int64 { return int64(freezeCost + len(f.Pattern) + len(f.Reason)) }

// frozen is all of them. The list never changes in place.
type frozen struct {
	list  []*Freeze // by database and pattern
	bytes int64     // derived
	next  Clock     // when the first of them ends, NoDeadline: none does by itself; derived
}

func newFrozen(list []*Freeze) frozen {
	v := frozen{list: list}
	for _, f := range list {
		v.bytes += f.cost()
		if f.Until != NoDeadline && (v.next == NoDeadline || f.Until < v.next) {
			v.next = f.Until
		}
	}
	return v
}

// find returns where the freeze of a pattern stands or would stand, and whether it is there.
func (v *frozen) find(db int, pattern string) (at int, is bool) {
	return slices.BinarySearchFunc(v.list, Freeze{DB: db, Pattern: pattern}, func(a *Freeze, b Freeze) int {
		return cmp.Or(cmp.Compare(a.DB, b.DB), cmp.Compare(a.Pattern, b.Pattern))
	})
}

// with returns all of them and f, in the place of that of the same pattern.
func (v *frozen) with(f *Freeze) frozen {
	at, is := v.find(f.DB, f.Pattern)
	list := slices.Clone(v.list)
	if is {
		list[at] = f
	} else {
		list = slices.Insert(list, at, f)
	}
	return newFrozen(list)
}

// setFrozen puts v in the place of what is frozen, in a way that can be undone.
func (m *Machine) setFrozen(v frozen) {
	old := m.frozen
	m.frozen = v
	m.journal = append(m.journal, undo{back: func() { m.frozen = old }})
}

// perFrozen is what a look at one pattern counts against an entry's budget.
const perFrozen = 3

// covers tells whether a key of its database is frozen by f. As for KEYS, "*" matches "" too.
func (m *Machine) covers(f *Freeze, key string) bool {
	return f.Pattern == "*" || m.matches(f.Pattern, key)
}

// frozenAt returns why nobody may take key, or nil.
func (m *Machine) frozenAt(db int, key string) *Freeze {
	for _, f := range m.frozen.list {
		if f.DB == db && m.covers(f, key) {
			return f
		}
	}
	return nil
}

// unlessFrozen returns result, or that key is frozen where it is about what its owner does not have yet.
func (m *Machine) unlessFrozen(db int, key string, it *Item, w *Wish, result LockResult) LockResult {
	if len(m.frozen.list) == 0 || result != Granted && result != Held {
		return result
	}
	if it != nil {
		if h, mine := it.HoldOf(w.Owner); mine && (!w.Upgrade || h.Mode == Exclusive) {
			return result
		}
	}
	m.spent += int64(len(m.frozen.list)) * perFrozen
	if m.frozenAt(db, key) != nil {
		return Frozen
	}
	return result
}

// Frozen returns why nobody may take key of the database, or nil.
func (tx *Tx) Frozen(key string) *Freeze {
	if len(tx.m.frozen.list) == 0 {
		return nil
	}
	tx.Spend(int64(len(tx.m.frozen.list)) * perFrozen)
	return tx.m.frozenAt(tx.db, key)
}

// Freeze lets nobody take keys of the database that match pattern, for ms milliseconds or, if that is 0,
// until they are thawed. A freeze of the same pattern is replaced. It reports false, and changes nothing,
// where too many are frozen.
func (tx *Tx) Freeze(pattern, reason string, ms int64) bool {
	m := tx.m
	if _, is := m.frozen.find(tx.db, pattern); !is && len(m.frozen.list) >= MaxFrozen {
		return false
	}
	f := &Freeze{
		DB: tx.db, Pattern: keep(pattern), Reason: keep(reason), Since: m.clock, Conn: m.client(tx.who.Conn),
	}
	if ms > 0 {
		f.Until = m.clock.After(ms)
	}
	m.setFrozen(m.frozen.with(f))
	m.tell(tx.db, LockFrozen, f.Pattern, &Hold{}, f.Reason)
	return true
}

// Thaw ends a freeze and serves at once those who wait for its keys: a command that thaws a key does not come
// before them. It tells whether the pattern was frozen.
func (tx *Tx) Thaw(pattern string) bool {
	at, is := tx.m.frozen.find(tx.db, pattern)
	if is {
		tx.m.thaw(at)
	}
	return is
}

// Freezes calls f with all that is frozen, by database and pattern, until it returns false.
func (tx *Tx) Freezes(f func(*Freeze) bool) {
	for _, v := range tx.m.frozen.list {
		if !v.Until.passed(tx.m.clock) && !f(v) {
			return
		}
	}
}

// thaw ends the freeze at a place of the list.
func (m *Machine) thaw(at int) {
	f, from := m.frozen.list[at], len(m.frees)
	m.setFrozen(newFrozen(slices.Delete(slices.Clone(m.frozen.list), at, at+1)))
	m.tell(f.DB, LockThawed, f.Pattern, &Hold{}, f.Reason)
	m.queue.places(f.DB, func(p place) {
		if p.class == classLock && m.covers(f, p.key) {
			m.frees = append(m.frees, turn{p, false})
		}
	})
	m.serve(from)
}

// thawDue ends the freezes whose time is over.
func (m *Machine) thawDue() {
	for m.frozen.next.passed(m.clock) {
		m.thaw(slices.IndexFunc(m.frozen.list, func(f *Freeze) bool { return f.Until.passed(m.clock) }))
	}
}

// checkFrozen holds what is frozen against what is derived from it.
func (m *Machine) checkFrozen() error {
	v := &m.frozen
	again := newFrozen(v.list)
	ordered := slices.IsSortedFunc(v.list, func(a, b *Freeze) int {
		return cmp.Or(cmp.Compare(a.DB, b.DB), cmp.Compare(a.Pattern, b.Pattern))
	})
	switch {
	case len(v.list) > MaxFrozen || !ordered:
		return fmt.Errorf("%d patterns are frozen, in order: %v", len(v.list), ordered)
	case again.bytes != v.bytes || again.next != v.next:
		return fmt.Errorf("frozen: counted %d bytes, the first ends at %d; they are %d, at %d", v.bytes, v.next,
			again.bytes, again.next)
	case v.next.passed(m.clock):
		return fmt.Errorf("a freeze was to end at %d, it is %d", v.next, m.clock)
	}
	return nil
}

func (e *encoder) frozen(v *frozen) {
	e.uints(uint64(len(v.list)))
	for _, f := range v.list {
		e.string(f.Pattern)
		e.string(f.Reason)
		e.uints(uint64(f.DB), uint64(f.Since), uint64(f.Until), f.Conn)
	}
}

func (d *decoder) frozen() (v frozen) {
	d.each(func() {
		f := &Freeze{Pattern: d.string(), Reason: d.string()}
		f.DB, f.Since, f.Until, f.Conn = d.database(), Clock(d.uint()), Clock(d.uint()), d.uint()
		if d.err == nil {
			v = v.with(f)
		}
	})
	return v
}
