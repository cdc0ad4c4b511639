// What is remembered of locks that have ended, so that a late owner is told what became of its lock, and
// whoever watches over a token why it is no longer that of a holder. Events tell it too, but they are many
// and in the order of time: here the few that matter are found by looking at all.
//
// That a key was deleted or set to another value is not remembered: much of that is about what nobody uses as
// a lock, and would drive the others out. A token that is not that of a holder and has no grave was therefore
// removed so, or ended long ago.

package fsm

import (
	"errors"
	"fmt"
	"slices"
)

// Grave is what is remembered of a lock that ended.
type Grave struct {
	DB         int
	Key, Owner string
	Token      uint64
	At         Clock     // when it ended, or was to end
	How        EventKind // one that ends
	Reason     string
}

// TakenBack tells whether somebody else has ended the lock, who may say why.
func (g *Grave) TakenBack() bool { return g.How == LockRevoked || g.How == LockForced }

// ends tells whether a lock of which this is told is remembered as one that ended.
func (k EventKind) ends() bool {
	switch k {
	case LockReleased, LockExpired, LockEnded, LockForced, LockRevoked:
		return true
	}
	return false
}

// How many graves there are at most: before entries of VersionLocks those of locks that expired, then all.
const (
	graveCount     = 128
	graveCountMore = 1024
)

// mostGrave is how long key and owner may be, in bytes, for the end of a lock to be remembered. Graves stay
// until others take their places, so those of the longest names would fill a small memory for good.
const mostGrave = 2048

// graveCost is what a grave counts against the memory limit beside its strings, in bytes.
const graveCost = 104

func (g *Grave) cost() int64 { return int64(graveCost + len(g.Key) + len(g.Owner) + len(g.Reason)) }

// graves is a ring of the last locks that ended.
type graves struct {
	ring   []Grave
	next   int   // the oldest one, which is overwritten next; 0 while there is room
	bytes  int64 // of all
	shared bool  // a view has the same ring
}

// add puts v in the place of the oldest one if there are as many as there may be, and returns how to take it
// back.
func (g *graves) add(v Grave, most int) (back func()) {
	g.own(most)
	g.bytes += v.cost()
	if len(g.ring) < most {
		g.ring = append(g.ring, v)
		return func() {
			g.bytes -= v.cost()
			g.ring = g.ring[:len(g.ring)-1]
		}
	}
	at, old := g.next, g.ring[g.next]
	g.bytes -= old.cost()
	g.ring[at], g.next = v, (at+1)%len(g.ring)
	return func() {
		g.bytes += old.cost() - v.cost()
		g.ring[at], g.next = old, at
	}
}

// own makes the ring one that may be changed, with the oldest one first where it is about to grow.
func (g *graves) own(most int) {
	if g.next > 0 && len(g.ring) < most {
		g.ring, g.next = append(slices.Clone(g.ring[g.next:]), g.ring[:g.next]...), 0
	} else if g.shared {
		g.ring = slices.Clone(g.ring)
	}
	g.shared = false
}

// inOrder calls f with the graves, the oldest first.
func (g *graves) inOrder(f func(Grave)) {
	for i := range g.ring {
		f(g.ring[(g.next+i)%len(g.ring)])
	}
}

// last returns the newest grave that matches.
func (g *graves) last(match func(*Grave) bool) (Grave, bool) {
	for i := len(g.ring) - 1; i >= 0; i-- {
		if v := &g.ring[(g.next+i)%len(g.ring)]; match(v) {
			return *v, true
		}
	}
	return Grave{}, false
}

// copy returns a copy for reading only, in constant time.
func (g *graves) copy() graves {
	g.shared = true
	return *g
}

// graveCount is how many graves there may be.
func (m *Machine) graveCount() int {
	if m.nodes.level >= VersionLocks {
		return graveCountMore
	}
	return graveCount
}

// bury remembers how h ended, which somebody had of key. key and h must be the state's own.
func (m *Machine) bury(db int, key string, h *Hold, how EventKind, reason string) {
	if m.nodes.level < VersionLocks || h.Token == 0 || len(key)+len(h.Owner) > mostGrave {
		return
	}
	at := m.clock
	if h.Deadline.passed(at) {
		at = h.Deadline
	}
	g := Grave{DB: db, Key: key, Owner: h.Owner, Token: h.Token, At: at, How: how, Reason: reason}
	m.journal = append(m.journal, undo{back: m.graves.add(g, m.graveCount())})
}

// Ended returns what is remembered of the last lock of owner on key that ended.
func (tx *Tx) Ended(key, owner string) (Grave, bool) {
	return tx.m.graves.last(func(g *Grave) bool { return g.DB == tx.db && g.Owner == owner && g.Key == key })
}

// EndOf returns what is remembered of the end of the lock on key that had a token.
func (tx *Tx) EndOf(key string, token uint64) (Grave, bool) {
	return tx.m.graves.last(func(g *Grave) bool { return g.Token == token && g.DB == tx.db && g.Key == key })
}

// checkGraves holds the graves against what is counted of them.
func (m *Machine) checkGraves() error {
	g := &m.graves
	bytes := int64(0)
	var err error
	g.inOrder(func(v Grave) {
		bytes += v.cost()
		if !v.How.ends() {
			err = fmt.Errorf("there is a grave of %q, token %d, which has %v", v.Key, v.Token, v.How)
		}
	})
	switch {
	case err != nil:
		return err
	case bytes != g.bytes || len(g.ring) > m.graveCount() || g.next > 0 && len(g.ring) < graveCount:
		return fmt.Errorf("%d graves from %d on count %d bytes, they are %d", len(g.ring), g.next, g.bytes, bytes)
	}
	return nil
}

func (e *encoder) graves(g *graves) {
	e.uints(uint64(len(g.ring)))
	g.inOrder(func(v Grave) {
		e.string(v.Key)
		e.string(v.Owner)
		e.uints(uint64(v.DB), v.Token, uint64(v.At))
		if e.version >= VersionLocks {
			e.uints(uint64(v.How))
			e.string(v.Reason)
		}
	})
}

func (d *decoder) graves(g *graves, most int) {
	d.each(func() {
		v := Grave{Key: d.string(), Owner: d.string(), How: LockExpired}
		v.DB, v.Token, v.At = d.database(), d.uint(), Clock(d.uint())
		if d.version >= VersionLocks {
			how := d.uint()
			if v.How, v.Reason = EventKind(how), d.string(); how >= uint64(eventKinds) || !v.How.ends() {
				d.fail(errors.New("a lock in it ended in a way that this program does not know"))
				return
			}
		}
		g.add(v, most)
	})
}
