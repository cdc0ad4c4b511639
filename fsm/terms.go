// How a lock is held: the modes, and what one owner has of a lock. A lock that one owner holds alone is a
// string key; what several hold together is a value of its own (holders.go). Hold shows both alike.

package fsm

import "errors"

// Mode is how an owner holds a lock, or wants to.
type Mode byte

// The modes. Their values are part of the snapshot's format.
const (
	Exclusive Mode = iota // alone
	Shared                // together with all who share
	Update                // together with all who share, and the only one who may become exclusive
	Permit                // so many of a semaphore's permits
	modes
)

// String returns the mode as users write it.
func (m Mode) String() string {
	return [...]string{"exclusive", "shared", "update", "semaphore"}[m]
}

// Terms are the conditions under which an owner holds a lock. Most locks have none.
type Terms struct {
	Note    string // what the owner says about itself, for people
	Session string // the lock ends with this session; "": with none
	Revoked string // why it was taken back, once somebody said so
	Cap     Clock  // no renewal goes beyond; NoDeadline: none
	Again   int    // how many times more a reentrant owner has taken it
}

// Hold is what one owner has of a lock. It never changes once others can see it.
type Hold struct {
	Owner    string
	Mode     Mode
	Permits  int64  // of a semaphore
	Token    uint64 // fencing token
	Since    Clock
	Deadline Clock  // NoDeadline: until it is released, or its session ends
	Conn     uint64 // id of the client that took it; 0: not known
	Terms
}

// TTL returns the milliseconds left at clock now, and -1 if it has no deadline.
func (h *Hold) TTL(now Clock) int64 { return ttl(h.Deadline, now) }

// Endless tells whether it stays until somebody releases it: it has no deadline, no cap and no session.
func (h *Hold) Endless() bool { return h.Deadline == NoDeadline && h.Session == "" }

func ttl(deadline, now Clock) int64 {
	if deadline == NoDeadline {
		return -1
	}
	return max(0, int64(deadline-now))
}

// capped returns deadline, or the cap where that is earlier.
func (t *Terms) capped(deadline Clock) Clock {
	if t.Cap != NoDeadline && (deadline == NoDeadline || deadline > t.Cap) {
		return t.Cap
	}
	return deadline
}

// Wish is what a request wants of each of its keys. Times are in milliseconds.
type Wish struct {
	Owner, Note string
	Session     string // the lock is to end with it; "": with none
	TTL         int64  // from the grant on; 0: until released
	MaxHold     int64  // no renewal goes beyond so long after the grant; 0: no such limit
	Permits     int64  // of a semaphore
	Limit       int64  // how many permits all may hold together for this request to be granted
	Mode        Mode
	Prio        byte     // 0 to MaxPrio: the higher is served first
	Reentrant   bool     // an owner that holds it already takes it once more
	Upgrade     bool     // its owner shares it already, and wants it alone
	Explain     bool     // it wants to be told why, not only what
	Request     *Request // for which its reply is remembered; nil: for none
}

// The priorities of those who wait.
const (
	DefaultPrio = 5
	MaxPrio     = 9
)

// rank orders those who wait for a key: who has the lower one comes first. Who shares a lock already and
// wants it alone is before all others, since these can only come after it.
func (w *Wish) rank() byte {
	if w.Upgrade {
		return 0
	}
	return 1 + MaxPrio - w.Prio
}

// kept returns w with strings of its own.
func (w *Wish) kept() Wish {
	k := *w
	k.Owner, k.Note, k.Session = keep(w.Owner), keep(w.Note), keep(w.Session)
	if w.Request != nil {
		k.Request = &Request{keep(w.Request.ID), w.Request.Print}
	}
	return k
}

// request returns what w is remembered by; its ID is "" where it is not.
func (w *Wish) request() Request {
	if w.Request == nil {
		return Request{}
	}
	return *w.Request
}

// hold returns what w is granted at clock now. Its strings must be w's to keep.
func (w *Wish) hold(token uint64, conn uint64, now Clock) Hold {
	h := Hold{
		Owner: w.Owner, Mode: w.Mode, Permits: w.Permits, Token: token, Since: now, Conn: conn,
		Terms: Terms{Note: w.Note, Session: w.Session},
	}
	if w.MaxHold > 0 {
		h.Cap = now.After(w.MaxHold)
	}
	if w.TTL > 0 {
		h.Deadline = now.After(w.TTL)
	}
	h.Deadline = h.capped(h.Deadline)
	return h
}

// covers tells whether who has h has what w wants.
func (h *Hold) covers(w *Wish) bool {
	switch h.Mode {
	case Exclusive:
		return true
	case Permit:
		return w.Mode == Permit && h.Permits >= w.Permits
	}
	return !w.Upgrade && (h.Mode == w.Mode || h.Mode == Update && w.Mode == Shared)
}

// extended returns h as it is after its owner has asked for it again.
func (h Hold) extended(w *Wish, now Clock) Hold {
	if w.Upgrade {
		return h // to hold it alone already is all that was asked for
	}
	wanted := NoDeadline
	if w.TTL > 0 {
		wanted = now.After(w.TTL)
	}
	h.Deadline = h.capped(later(h.Deadline, wanted))
	if w.Note != "" && w.Note != h.Note {
		h.Note = keep(w.Note)
	}
	if w.Reentrant {
		h.Again++
	}
	return h
}

// Hold returns what the only owner of the lock at it has. The item must be a string.
func (it *Item) hold() Hold {
	h := Hold{
		Owner: it.Str, Mode: Exclusive, Token: it.Token, Since: it.Since, Deadline: it.Deadline, Conn: it.Conn,
	}
	if it.Extra != nil {
		h.Terms = it.Extra.Terms
	}
	return h
}

// itemOf returns the string key that is the lock of h.
func itemOf(key string, h *Hold) *Item {
	it := &Item{
		Key: key, Str: h.Owner, Deadline: h.Deadline, Since: h.Since, Token: h.Token, Conn: h.Conn,
	}
	if h.Terms != (Terms{}) {
		it.Extra = &Extra{Terms: h.Terms}
	}
	return it
}

// HoldOf returns what owner has of the lock at it.
func (it *Item) HoldOf(owner string) (Hold, bool) {
	switch v := it.Value().(type) {
	case nil:
		if it.Token != 0 && it.Str == owner {
			return it.hold(), true
		}
	case *Holders:
		if h, ok := v.byOwner.Get(owner); ok {
			return *h, true
		}
	}
	return Hold{}, false
}

// Holds calls f with what each owner has of the lock at it, in the order of the owners, until it returns
// false.
func (it *Item) Holds(f func(h *Hold) bool) {
	switch v := it.Value().(type) {
	case nil:
		if it.Token != 0 {
			h := it.hold()
			f(&h)
		}
	case *Holders:
		v.byOwner.Scan(func(_ string, h *Hold) bool { return f(h) })
	}
}

// IsLock tells whether the item is a lock: a string short enough to be an owner, or what several hold.
func (it *Item) IsLock() bool { return it.Token != 0 || it.shared() }

// shared tells whether the item is a lock that several may hold together.
func (it *Item) shared() bool {
	_, ok := it.Value().(*Holders)
	return ok
}

// Delayed tells whether nobody may take the key until its deadline, as a session died that held it.
func (it *Item) Delayed() bool {
	_, ok := it.Value().(*Delay)
	return ok
}

// Mode returns how the lock at it is held: of those who share, the strongest.
func (it *Item) Mode() Mode {
	if v, ok := it.Value().(*Holders); ok {
		return v.mode()
	}
	return Exclusive
}

// What a wish is, as bits.
const (
	wishReentrant = 1 << iota
	wishUpgrade
	wishExplain
)

func (e *encoder) wish(w *Wish) {
	is := uint64(0)
	if w.Reentrant {
		is |= wishReentrant
	}
	if w.Upgrade {
		is |= wishUpgrade
	}
	if w.Explain {
		is |= wishExplain
	}
	e.string(w.Session)
	e.uints(uint64(w.Mode), uint64(w.Prio), is, uint64(w.MaxHold), uint64(w.Permits), uint64(w.Limit))
	r := w.request()
	e.string(r.ID)
	e.uints(r.Print)
}

func (d *decoder) wish(w *Wish) {
	w.Session = d.string()
	mode, prio, is := d.uint(), d.uint(), d.uint()
	w.MaxHold, w.Permits, w.Limit = int64(d.uint()), int64(d.uint()), int64(d.uint())
	w.Mode, w.Prio = Mode(mode), byte(prio)
	w.Reentrant, w.Upgrade = is&wishReentrant != 0, is&wishUpgrade != 0
	w.Explain = is&wishExplain != 0
	if r := (Request{d.string(), d.uint()}); r.ID != "" {
		w.Request = &r
	}
	if mode >= uint64(modes) || prio > MaxPrio {
		d.fail(errors.New("a waiter in it wants what this program does not know: start a newer lockd"))
	}
}
