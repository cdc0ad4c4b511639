// Locks that several owners hold together: those who share, perhaps with one who may update, or those who
// hold a semaphore's permits. It stands under its key as a value, so SET NX, EXISTS, DEL and TTL mean what
// they mean for any key: it is taken, and goes when its last holder does.
//
// Each holder has a deadline of its own. The item carries the earliest one, so the keyspace's index finds
// when somebody is due, and what is then left stays.

package fsm

import (
	"errors"

	"github.com/tidwall/btree"
)

// Holders is a lock that several owners hold together.
type Holders struct {
	holding
	byOwner *btree.Map[string, *Hold]
	due     *btree.BTreeG[*Hold] // those with a deadline, the earliest first
	counts  [modes]int           // how many hold it in each mode
	permits int64                // that are held
	limit   int64                // of permits, as the last grant named it
	bytes   int64
}

// holdersDegree is small: most locks have few holders.
const holdersDegree = 4

func newHolders() *Holders {
	return &Holders{
		byOwner: btree.NewMap[string, *Hold](holdersDegree),
		due:     btree.NewBTreeGOptions(dueFirst, btree.Options{NoLocks: true, Degree: holdersDegree}),
	}
}

func dueFirst(a, b *Hold) bool {
	if a.Deadline != b.Deadline {
		return a.Deadline < b.Deadline
	}
	return a.Owner < b.Owner
}

// Type implements Value.
func (*Holders) Type() string { return "lock" }

// Len implements Value.
func (v *Holders) Len() int { return v.byOwner.Len() }

// Permits returns how many permits of a semaphore are held, and of how many as the last grant said.
func (v *Holders) Permits() (held, limit int64) { return v.permits, v.limit }

func (v *Holders) cost() int64 { return valueCost + v.bytes }

func (v *Holders) copied() Value {
	c := *v
	c.holding = holding{}
	c.byOwner, c.due = v.byOwner.Copy(), v.due.Copy()
	return &c
}

// holdCost is what a holder counts against the memory limit beside its strings, in bytes.
const holdCost = 240

func (h *Hold) cost() int64 {
	return int64(holdCost + len(h.Owner) + len(h.Note) + len(h.Session) + len(h.Revoked))
}

// set puts h in the place of what its owner had, and drop takes an owner out. Both may be undone.
func (v *Holders) set(h *Hold, limit int64) {
	old, was := v.byOwner.Get(h.Owner)
	formerly := v.limit
	v.take(h.Owner)
	v.put(h)
	if limit > 0 {
		v.limit = limit
	}
	if v.journal == nil {
		return
	}
	v.note(func() {
		v.take(h.Owner)
		if was {
			v.put(old)
		}
		v.limit = formerly
	})
}

func (v *Holders) drop(owner string) {
	old, was := v.byOwner.Get(owner)
	if !was {
		return
	}
	v.take(owner)
	if v.journal != nil {
		v.note(func() { v.put(old) })
	}
}

// regranted returns a copy in which each holder has a new token.
func (v *Holders) regranted(token func(h *Hold) uint64) *Holders {
	again := newHolders()
	again.limit = v.limit
	v.byOwner.Scan(func(_ string, h *Hold) bool {
		changed := *h
		changed.Token = token(h)
		again.put(&changed)
		return true
	})
	return again
}

// after returns a copy without those whose time is over at clock now. It only reads v, which others may do at
// the same time.
func (v *Holders) after(now Clock) *Holders {
	left := newHolders()
	left.limit = v.limit
	v.byOwner.Scan(func(_ string, h *Hold) bool {
		if !h.Deadline.passed(now) {
			left.put(h)
		}
		return true
	})
	return left
}

func (v *Holders) put(h *Hold) {
	v.byOwner.Set(h.Owner, h)
	if h.Deadline != NoDeadline {
		v.due.Set(h)
	}
	v.counts[h.Mode]++
	v.permits += h.Permits
	v.bytes += h.cost()
}

func (v *Holders) take(owner string) {
	h, ok := v.byOwner.Delete(owner)
	if !ok {
		return
	}
	if h.Deadline != NoDeadline {
		v.due.Delete(h)
	}
	v.counts[h.Mode]--
	v.permits -= h.Permits
	v.bytes -= h.cost()
}

// fits tells whether w can be granted beside those who hold the lock already, none of whom is its owner.
func (v *Holders) fits(w *Wish) bool {
	switch w.Mode {
	case Shared:
		return v.counts[Permit] == 0
	case Update:
		return v.counts[Permit] == 0 && v.counts[Update] == 0
	case Permit:
		return v.counts[Permit] == v.Len() && v.permits <= w.Limit-w.Permits
	}
	return v.Len() == 0
}

// HasRoom tells whether w could be granted beside those who hold the lock, if nobody came before it.
func (it *Item) HasRoom(w *Wish) bool {
	v, several := it.Value().(*Holders)
	return several && v.fits(w)
}

// mode is the strongest in which anybody holds it.
func (v *Holders) mode() Mode {
	switch {
	case v.counts[Permit] > 0:
		return Permit
	case v.counts[Update] > 0:
		return Update
	}
	return Shared
}

// earliest returns the first of the holders' deadlines.
func (v *Holders) earliest() Clock {
	if h, ok := v.due.Min(); ok {
		return h.Deadline
	}
	return NoDeadline
}

// latest returns the deadline after which nobody holds it.
func (v *Holders) latest() Clock {
	if v.due.Len() < v.Len() {
		return NoDeadline
	}
	h, _ := v.due.Max()
	return h.Deadline
}

// Ends returns the deadline after which nothing is left of the item.
func (it *Item) Ends() Clock {
	if v, ok := it.Value().(*Holders); ok {
		return v.latest()
	}
	return it.Deadline
}

// What a hold has beside its fixed part, as bits.
const (
	holdHasNote = 1 << iota
	holdHasSession
	holdHasRevoked
)

func (t *Terms) has() (bits uint64) {
	if t.Note != "" {
		bits |= holdHasNote
	}
	if t.Session != "" {
		bits |= holdHasSession
	}
	if t.Revoked != "" {
		bits |= holdHasRevoked
	}
	return bits
}

func (e *encoder) terms(t *Terms) {
	has := t.has()
	e.uints(has, uint64(t.Cap), uint64(t.Again))
	for i, s := range [...]string{t.Note, t.Session, t.Revoked} {
		if has&(1<<i) != 0 {
			e.string(s)
		}
	}
}

func (d *decoder) terms() (t Terms) {
	has := d.uint()
	t.Cap, t.Again = Clock(d.uint()), int(d.uint())
	for i, s := range [...]*string{&t.Note, &t.Session, &t.Revoked} {
		if has&(1<<i) != 0 {
			*s = d.string()
		}
	}
	return t
}

func (v *Holders) write(e *encoder) {
	e.uints(uint64(v.limit), uint64(v.Len()))
	v.byOwner.Scan(func(_ string, h *Hold) bool {
		e.string(h.Owner)
		e.uints(uint64(h.Mode), uint64(h.Permits), h.Token, uint64(h.Since), uint64(h.Deadline), h.Conn)
		e.terms(&h.Terms)
		return e.err == nil
	})
}

func (d *decoder) holders() *Holders {
	v := newHolders()
	v.limit = int64(d.uint())
	d.each(func() {
		h := &Hold{Owner: d.string()}
		mode := d.uint()
		h.Permits, h.Token = int64(d.uint()), d.uint()
		h.Since, h.Deadline, h.Conn = Clock(d.uint()), Clock(d.uint()), d.uint()
		h.Terms = d.terms()
		if h.Mode = Mode(mode); mode >= uint64(modes) {
			d.fail(errors.New("a lock in it is held in a mode that this program does not know"))
			return
		}
		v.put(h)
	})
	return v
}

// Delay stands under a key that nobody may take yet, as the session that held it died (SESSION.OPEN …
// LOCKDELAY).
type Delay struct {
	holding
	Session string // that died
}

// Type implements Value.
func (*Delay) Type() string { return "lock" }

// Len implements Value.
func (*Delay) Len() int { return 1 }

func (v *Delay) cost() int64 { return valueCost + int64(len(v.Session)) }

func (v *Delay) copied() Value { return &Delay{Session: v.Session} }

func (v *Delay) write(e *encoder) { e.string(v.Session) }
