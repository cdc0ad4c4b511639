// Sessions: what a client's locks hang on, so that it has one thing to keep alive instead of one for each,
// and they end together when it dies. A session ends when it was not pinged for its TTL, or, if it is
// bound to a connection, when that has ended and its grace is over. A lock may also hang on a connection
// itself: that is a session without a TTL or a grace, made when it is first needed.
//
// What hangs on a session is found by bonds, of which each database has its own, so that they go with it.
// They are derived from the locks, like all indexes, and there is exactly one for each that hangs on a
// session: how much of one an entry frees must not depend on whether a node came to its state by a snapshot.

package fsm

import (
	"slices"
	"strconv"

	"github.com/tidwall/btree"
)

// Session is one. It never changes in place. Times are in milliseconds.
type Session struct {
	ID        string
	TTL       int64 // how long it lives without a ping; 0: as long as its connection
	Grace     int64 // how long it lives after its TTL, or its connection, has ended
	LockDelay int64 // how long nobody may take what it held when it died
	Meta      []string
	Since     Clock
	Deadline  Clock // when it ends, its grace included; NoDeadline: with its connection
	Node      string
	Conn      uint64 // the connection that it is bound to, or that pinged it last
	Bound     bool   // it ends with that connection, after its grace
	Orphan    bool   // the connection that it was bound to has ended
	Ending    bool   // it is over; what hung on it is being freed
}

// TTLLeft returns the milliseconds after which it must have been pinged, or -1.
func (s *Session) TTLLeft(now Clock) int64 {
	if s.Deadline == NoDeadline {
		return -1
	}
	return max(0, int64(s.Deadline-now)-s.Grace)
}

// connEnded is why something ended that hung on a connection.
const connEnded = "its connection ended"

// end says why what hangs on it ends.
func (s *Session) end(clean bool) string {
	switch {
	case s.TTL == 0:
		return connEnded
	case clean:
		return "session " + s.ID + " was closed"
	}
	return "session " + s.ID + " died"
}

func (s *Session) peer() peer { return peer{s.Node, s.Conn} }

// sessionCost is what a session counts against the memory limit beside its strings, in bytes.
const sessionCost = 320

func (s *Session) cost() int64 {
	n := int64(sessionCost + len(s.ID) + len(s.Node))
	for _, word := range s.Meta {
		n += int64(wordCost + len(word))
	}
	return n
}

// bond says that owner holds a key that ends with a session.
type bond struct {
	session string
	db      int
	key     string
	owner   string
}

func bondBefore(a, b bond) bool {
	switch {
	case a.session != b.session:
		return a.session < b.session
	case a.db != b.db:
		return a.db < b.db
	case a.key != b.key:
		return a.key < b.key
	}
	return a.owner < b.owner
}

// sessions are all of them.
type sessions struct {
	byID       *btree.Map[string, *Session]
	byDeadline *btree.BTreeG[*Session] // those with one; derived
	byPeer     *btree.BTreeG[*Session] // those that are bound; derived
	bytes      int64
}

func newSessions() sessions {
	opts := btree.Options{NoLocks: true}
	return sessions{
		byID: btree.NewMap[string, *Session](0),
		byDeadline: btree.NewBTreeGOptions(func(a, b *Session) bool {
			if a.Deadline != b.Deadline {
				return a.Deadline < b.Deadline
			}
			return a.ID < b.ID
		}, opts),
		byPeer: btree.NewBTreeGOptions(func(a, b *Session) bool {
			if a.peer() != b.peer() {
				return peerBefore(a.peer(), b.peer())
			}
			return a.ID < b.ID
		}, opts),
	}
}

// newBonds are those of an empty database.
func newBonds() *btree.BTreeG[bond] {
	return btree.NewBTreeGOptions(bondBefore, btree.Options{NoLocks: true})
}

// copy returns a copy for reading only, in constant time.
func (s *sessions) copy() sessions {
	return sessions{
		byID: s.byID.Copy(), byDeadline: s.byDeadline.Copy(), byPeer: s.byPeer.Copy(), bytes: s.bytes,
	}
}

// set puts v in the place of the session of its id, and drop takes it out.
func (s *sessions) set(v *Session) {
	s.drop(v.ID)
	s.byID.Set(v.ID, v)
	if v.Deadline != NoDeadline {
		s.byDeadline.Set(v)
	}
	if v.Bound {
		s.byPeer.Set(v)
	}
	s.bytes += v.cost()
}

func (s *sessions) drop(id string) {
	v, ok := s.byID.Delete(id)
	if !ok {
		return
	}
	if v.Deadline != NoDeadline {
		s.byDeadline.Delete(v)
	}
	if v.Bound {
		s.byPeer.Delete(v)
	}
	s.bytes -= v.cost()
}

// setSession is sessions.set, and dropSession is sessions.drop, in a way that can be undone.
func (m *Machine) setSession(v *Session) {
	m.noteSession(v.ID)
	m.sessions.set(v)
}

func (m *Machine) dropSession(id string) {
	m.noteSession(id)
	m.sessions.drop(id)
}

func (m *Machine) noteSession(id string) {
	old, was := m.sessions.byID.Get(id)
	m.journal = append(m.journal, undo{back: func() {
		if m.sessions.drop(id); was {
			m.sessions.set(old)
		}
	}})
}

// session returns a session that lives, or nil.
func (m *Machine) session(id string) *Session {
	s, ok := m.sessions.byID.Get(id)
	if !ok || s.Ending || s.Deadline.passed(m.clock) {
		return nil
	}
	return s
}

func (m *Machine) sessionLives(id string) bool { return m.session(id) != nil }

// OpenSession makes a session of s, whose id and times it fills in, and returns it.
func (tx *Tx) OpenSession(s Session) *Session {
	m := tx.m
	m.counters.sessions++
	s.ID = "s" + strconv.FormatUint(m.counters.sessions, 10) + "-" +
		strconv.FormatInt(int64(1<<28+tx.Random(15<<28)), 16)
	for i, word := range s.Meta {
		s.Meta[i] = keep(word)
	}
	s.Since, s.Node, s.Conn = m.clock, tx.who.Origin.Node, tx.who.Conn
	s.Deadline = m.clock.After(s.TTL + s.Grace)
	m.setSession(&s)
	return &s
}

// ConnSession returns the session that ends with the caller's connection, which is made where it is not
// there.
func (tx *Tx) ConnSession() *Session {
	m := tx.m
	id := "c" + strconv.FormatUint(tx.who.Conn, 10)
	if s := m.session(id); s != nil {
		return s
	}
	from := len(m.frees)
	for over, ok := m.sessions.byID.Get(id); ok; over, ok = m.sessions.byID.Get(id) {
		m.endSession(over, false) // of an earlier connection of this number, or one that was given up for lost
	}
	m.serve(from)
	s := &Session{ID: id, Since: m.clock, Node: tx.who.Origin.Node, Conn: tx.who.Conn, Bound: true}
	m.setSession(s)
	return s
}

// Session returns a session that lives, or nil.
func (tx *Tx) Session(id string) *Session { return tx.m.session(id) }

// Sessions calls f with the sessions that live, from an id on, in the order of their ids, until it returns
// false.
func (tx *Tx) Sessions(from string, f func(*Session) bool) {
	tx.m.sessions.byID.Ascend(from, func(id string, s *Session) bool {
		return s.Ending || s.Deadline.passed(tx.m.clock) || f(s)
	})
}

// PingSession lets a session live for its TTL from now on.
func (tx *Tx) PingSession(s *Session) *Session {
	changed := *s
	if s.TTL > 0 {
		changed.Deadline = tx.m.clock.After(s.TTL + s.Grace)
	}
	if !s.Bound {
		changed.Node, changed.Conn = tx.who.Origin.Node, tx.who.Conn
	}
	tx.m.setSession(&changed)
	return &changed
}

// AttachSession binds a session to the caller's connection, if it is one that was ever bound, and pings it.
func (tx *Tx) AttachSession(s *Session) *Session {
	changed := *s
	changed.Bound, changed.Orphan = s.Bound || s.Orphan, false
	changed.Node, changed.Conn = tx.who.Origin.Node, tx.who.Conn
	return tx.PingSession(&changed)
}

// SessionLocks calls f with the keys that owners hold by a session, in order, until it returns false.
func (tx *Tx) SessionLocks(id string, f func(db int, key, owner string) bool) {
	tx.m.eachBond(id, func(b bond) bool { return f(b.db, b.key, b.owner) })
}

// eachBond calls f with the bonds of a session, in the order of databases and keys, until it returns false.
func (m *Machine) eachBond(id string, f func(bond) bool) {
	more := true
	for _, s := range m.dbs {
		s.bonds.Ascend(bond{session: id}, func(b bond) bool {
			if b.session != id {
				return false
			}
			more = f(b)
			return more
		})
		if !more {
			return
		}
	}
}

// CloseSession ends a session in good order: what hangs on it is free at once. It returns how many locks that
// were.
func (tx *Tx) CloseSession(s *Session) int { return tx.m.endSession(s, true) }

// endPerEntry bounds the locks that the end of sessions frees in one entry, beside those of CloseSession.
const endPerEntry = 1000

// endSession frees what hangs on a session, no more than one entry may; the rest follows in later ones. Who
// waits by it leaves the queue. clean: its client has ended it, so nothing need be delayed.
func (m *Machine) endSession(s *Session, clean bool) (freed int) {
	m.quitTied(s, clean)
	var bonds []bond
	m.eachBond(s.ID, func(b bond) bool {
		bonds = append(bonds, b)
		return clean || len(bonds) < endPerEntry
	})
	for _, b := range bonds {
		m.endBond(b, s, clean)
	}
	if len(bonds) == endPerEntry && !clean {
		m.endLater(s)
	} else {
		m.dropSession(s.ID)
	}
	return len(bonds)
}

// quitTied lets those leave the queue who wait by a session.
func (m *Machine) quitTied(s *Session, clean bool) {
	tied := slices.Clone(m.queue.tied[s.ID])
	slices.SortFunc(tied, byTicket) // the list itself may not have that order on all nodes
	for _, w := range tied {
		m.quit(w, m.ended(w, "session"), s.end(clean))
	}
}

// endLater leaves what hangs on a session that is over, or the rest of it, to the next entries.
func (m *Machine) endLater(s *Session) {
	over := *s
	over.Ending, over.Deadline = true, max(1, m.clock-1)
	m.setSession(&over)
}

// endBond frees what hangs on a session by b.
func (m *Machine) endBond(b bond, s *Session, clean bool) {
	it := m.itemAt(b.db, b.key)
	h, _ := it.HoldOf(b.owner)
	m.dropHold(b.db, it, &h, loss{LockEnded, s.end(clean)})
	m.notify(b.db, EventGeneric, "del", it.Key)
	if s.LockDelay > 0 && !clean && m.itemAt(b.db, b.key) == nil {
		v := &Delay{Session: s.ID}
		m.adopt(v)
		m.put(b.db, &Item{
			Key: it.Key, Since: m.clock, Deadline: m.clock.After(s.LockDelay),
			Extra: &Extra{Value: v, bytes: v.cost()},
		})
	}
}

// endSessions ends the sessions whose time is over.
func (m *Machine) endSessions() {
	for n := 0; n < endPerEntry; n++ {
		s, ok := m.sessions.byDeadline.Min()
		if !ok || !s.Deadline.passed(m.clock) {
			return
		}
		n += m.endSession(s, false)
		m.serve(0)
	}
}

// sessionsDue tells whether more sessions are over than the last entry was allowed to end.
func (m *Machine) sessionsDue() bool {
	s, ok := m.sessions.byDeadline.Min()
	return ok && s.Deadline.passed(m.clock)
}

// lostConn ends the sessions that are bound to a connection which has ended, or lets their grace begin.
func (m *Machine) lostConn(p peer) {
	m.lost(&Session{Node: p.node, Conn: p.conn}, func(s *Session) bool { return s.peer() == p })
}

// lostNode does so for all connections of a node.
func (m *Machine) lostNode(node string) {
	m.lost(&Session{Node: node}, func(s *Session) bool { return s.Node == node })
}

func (m *Machine) lost(from *Session, match func(*Session) bool) {
	var list []*Session
	m.sessions.byPeer.Ascend(from, func(s *Session) bool {
		if !match(s) {
			return false
		}
		list = append(list, s)
		return true
	})
	freed := 0
	for _, s := range list {
		if s.Grace == 0 && freed < endPerEntry {
			freed += 1 + m.endSession(s, false)
			continue
		}
		if s.Grace == 0 {
			m.quitTied(s, false)
			m.endLater(s)
			continue
		}
		orphan := *s
		orphan.Bound, orphan.Orphan = false, true
		if end := m.clock.After(s.Grace); s.Deadline == NoDeadline || end < s.Deadline {
			orphan.Deadline = end
		}
		m.setSession(&orphan)
	}
}

// bind notes that h hangs on its session, and unbind that it does not any longer.
func (m *Machine) bind(db int, key string, h *Hold) {
	if h.Session == "" {
		return
	}
	b, bonds := bond{h.Session, db, key, h.Owner}, m.dbs[db].bonds
	if _, had := bonds.Set(b); !had {
		m.journal = append(m.journal, undo{back: func() { bonds.Delete(b) }})
	}
}

func (m *Machine) unbind(db int, key string, h *Hold) {
	if h.Session == "" {
		return
	}
	b, bonds := bond{h.Session, db, key, h.Owner}, m.dbs[db].bonds
	if _, had := bonds.Delete(b); had {
		m.journal = append(m.journal, undo{back: func() { bonds.Set(b) }})
	}
}

// rebind is called when it took the place of old under a key; either may be nil. Holders that change while
// they stay where they are say so themselves.
func (m *Machine) rebind(db int, key string, old, it *Item) {
	if old != nil && it != nil && old.shared() && it.shared() {
		return
	}
	for _, v := range [...]*Item{old, it} {
		if v == nil || v.Extra == nil || v.Extra.Session == "" && v.Extra.Value == nil {
			continue
		}
		v.Holds(func(h *Hold) bool {
			if v == old {
				m.unbind(db, key, h)
			} else {
				m.bind(db, key, h)
			}
			return true
		})
	}
}

// bindAll makes the bonds of a database that was just read.
func (m *Machine) bindAll(db int) {
	s := m.dbs[db]
	s.keys.Scan(func(key string, it *Item) bool {
		if it.Extra != nil {
			it.Holds(func(h *Hold) bool {
				if h.Session != "" {
					s.bonds.Set(bond{h.Session, db, key, h.Owner})
				}
				return true
			})
		}
		return true
	})
}

// What a session is, as bits.
const (
	sessionBound = 1 << iota
	sessionEnding
	sessionOrphan
)

func (e *encoder) sessions(s *sessions) {
	e.uints(uint64(s.byID.Len()))
	s.byID.Scan(func(id string, v *Session) bool {
		is := uint64(0)
		if v.Bound {
			is |= sessionBound
		}
		if v.Ending {
			is |= sessionEnding
		}
		if v.Orphan {
			is |= sessionOrphan
		}
		e.string(id)
		e.string(v.Node)
		e.uints(is, v.Conn, uint64(v.TTL), uint64(v.Grace), uint64(v.LockDelay), uint64(v.Since),
			uint64(v.Deadline), uint64(len(v.Meta)))
		for _, word := range v.Meta {
			e.string(word)
		}
		return e.err == nil
	})
}

func (d *decoder) session() *Session {
	v := &Session{ID: d.string(), Node: d.string()}
	is := d.uint()
	v.Bound, v.Ending = is&sessionBound != 0, is&sessionEnding != 0
	v.Orphan = is&sessionOrphan != 0
	v.Conn, v.TTL, v.Grace, v.LockDelay = d.uint(), int64(d.uint()), int64(d.uint()), int64(d.uint())
	v.Since, v.Deadline = Clock(d.uint()), Clock(d.uint())
	d.each(func() { v.Meta = append(v.Meta, d.string()) })
	return v
}
