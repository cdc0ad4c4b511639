// The format of a snapshot: the whole state as a stream, from one View, so that it can be written beside
// later entries.
//
//	8 bytes  "LOCKDSNP", varint version 1 to 4
//	varints  clock, index and term of the last entry, counters
//	since version 2: varints  level, count of silenced nodes
//	since version 3: varints  revision, count of loaded scripts, ordinals; scripts, subscriptions; and an
//	    ordinal with each origin
//	since version 4: varints  count of sessions opened, of requests remembered; sessions, fences, requests;
//	    number of the last event; events; what is frozen; with an item the client that took it and its terms,
//	    with a waiter what it wishes, with a grave how it came to be and a reason
//	graves, origins, since version 2 members, then for each database its items, then the waiters and the
//	unseen grants, each list preceded by its length
//	uint32   CRC-32C of all that precedes, little endian
//
// Version 1 is of the program before there were clusters, and is read. Version 3 is that of a state to
// which an entry of version 3 was applied, and so on; before, version 2 is written. What a program can
// read of a newer one's state is decided by the level: in a cluster of which one node is newer, the older
// ones must be able to read its snapshots until entries of a newer version are written, which waits for
// them.
//
// What is derived (index of deadlines, lengths of queues, wakes) is made anew by Restore. A snapshot that
// does not match its sum, or is of a newer version, is refused whole: the state is replaced only at the end.

package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/tidwall/btree"
)

// SnapshotVersion is the newest version of the snapshot format that this program knows.
const SnapshotVersion = 4

const snapshotMagic = "LOCKDSNP"

// encoder writes a snapshot and keeps its first error.
type encoder struct {
	w       io.Writer
	version int
	sum     uint32
	buf     []byte
	err     error
}

// pieceSize is how much of a snapshot is written or read at once.
const pieceSize = 256 << 10

// flush writes what has gathered, if that is a piece or all that remains.
func (e *encoder) flush(all bool) {
	if e.err != nil || (len(e.buf) < pieceSize && !all) {
		return
	}
	e.sum = crc32.Update(e.sum, castagnoli(), e.buf)
	_, e.err = e.w.Write(e.buf)
	e.buf = e.buf[:0]
}

func (e *encoder) uints(ns ...uint64) {
	for _, n := range ns {
		e.buf = binary.AppendUvarint(e.buf, n)
	}
	e.flush(false)
}

func (e *encoder) string(s string) { e.buf = appendString(e.buf, s) }

// Write writes the view's state to w.
func (v *View) Write(w io.Writer) error {
	m := v.m
	e := &encoder{w: w, version: min(SnapshotVersion, max(2, int(m.nodes.level)))}
	e.buf = append(e.buf, snapshotMagic...)
	e.uints(uint64(e.version), uint64(m.clock), m.at.index, m.at.term)
	c := m.counters
	e.uints(c.token, c.tickets, c.grants, c.expired, c.forced, c.undone)
	e.uints(uint64(m.nodes.level), c.silenced)
	if e.version >= VersionData {
		e.uints(c.revision, c.loads, m.nodes.ordinals)
		e.scripts(&m.scripts)
		e.subscriptions(&m.subs)
	}
	if e.version >= VersionLocks {
		e.uints(c.sessions, c.requests)
		e.sessions(&m.sessions)
		e.fences(&m.fences)
		e.requests(&m.requests)
		e.events(m)
		e.frozen(&m.frozen)
	}
	e.graves(&m.graves)
	e.uints(uint64(m.nodes.origins.Len()))
	m.nodes.origins.Scan(func(node string, o *origin) bool {
		e.string(node)
		e.uints(o.incarnation, o.last)
		if e.version >= VersionData {
			e.uints(o.ordinal)
		}
		return true
	})
	e.members(&m.nodes)
	for _, s := range m.dbs {
		e.uints(uint64(s.keys.Len()))
		s.keys.Scan(func(_ string, it *Item) bool { e.item(it); return e.err == nil })
	}
	for _, q := range []*btree.BTreeG[*waiter]{m.queue.waiters, m.queue.unseen} {
		e.uints(uint64(q.Len()))
		q.Scan(func(w *waiter) bool { e.waiter(w); return e.err == nil })
	}
	e.flush(true)
	if e.err == nil {
		_, e.err = w.Write(binary.LittleEndian.AppendUint32(nil, e.sum))
	}
	return e.err
}

// What is so of a member, as bits.
const (
	memberRemoved = 1 << iota
	memberNoVote
)

func (e *encoder) members(n *nodes) {
	e.uints(uint64(n.members.Len()))
	n.members.Scan(func(node string, a *About) bool {
		for _, s := range [...]string{node, a.Client, a.Address, a.Disk} {
			e.string(s)
		}
		is := uint64(0)
		if a.Removed {
			is |= memberRemoved
		}
		if a.NoVote {
			is |= memberNoVote
		}
		e.uints(uint64(a.Version), is)
		return true
	})
}

func (e *encoder) scripts(s *scripts) {
	e.uints(uint64(s.bySHA.Len()))
	s.bySHA.Scan(func(sha string, v *Script) bool {
		e.string(sha)
		e.string(v.Body)
		loaded := uint64(0)
		if v.Loaded {
			loaded = 1
		}
		e.uints(v.order, loaded)
		return e.err == nil
	})
}

func (e *encoder) subscriptions(s *subscriptions) {
	e.uints(uint64(s.byName.Len()))
	s.byName.Scan(func(v subscription) bool {
		e.string(v.name)
		e.string(v.node)
		e.uints(uint64(v.kind), v.conn)
		return e.err == nil
	})
}

// What follows an item's fixed part, as bits. The type of a value takes the bits from itemType on, 0 for a
// string; since version 3.
const (
	itemHasNote  = 1
	itemHasTerms = 2
	itemType     = 4
)

// The types of values, as snapshots name them.
const (
	typeString = iota
	typeHash
	typeList
	typeSet
	typeSorted
	typeHolders
	typeDelay
	typeLatch
	typeThrottle
)

func typeNumber(v Value) uint64 {
	switch v.(type) {
	case *Hash:
		return typeHash
	case *List:
		return typeList
	case *Set:
		return typeSet
	case *Sorted:
		return typeSorted
	case *Holders:
		return typeHolders
	case *Delay:
		return typeDelay
	case *Latch:
		return typeLatch
	case *Throttle:
		return typeThrottle
	}
	return typeString
}

func (e *encoder) item(it *Item) {
	e.string(it.Key)
	e.string(it.Str)
	has := uint64(0)
	if it.Extra != nil && it.Extra.Terms != (Terms{Note: it.Note()}) {
		has |= itemHasTerms
	} else if it.Note() != "" {
		has |= itemHasNote
	}
	has |= typeNumber(it.Value()) << itemType
	e.uints(uint64(it.Deadline), uint64(it.Since), it.Token, has)
	if e.version >= VersionData {
		e.uints(it.Rev)
	}
	if e.version >= VersionLocks {
		e.uints(it.Conn)
	}
	if has&itemHasNote != 0 {
		e.string(it.Note())
	}
	if has&itemHasTerms != 0 {
		e.terms(&it.Extra.Terms)
	}
	if v := it.Value(); v != nil {
		v.write(e)
	}
}

func (e *encoder) waiter(w *waiter) {
	for _, s := range [...]string{w.keys[0], w.lock.Owner, w.lock.Note, w.origin.Node} {
		e.string(s)
	}
	e.uints(w.ticket, uint64(w.db), uint64(w.lock.TTL), uint64(w.since), uint64(w.deadline),
		w.origin.Incarnation, w.conn, w.seq, w.token)
	if e.version < VersionData {
		return
	}
	e.uints(uint64(w.class), uint64(len(w.keys)-1))
	for _, key := range w.keys[1:] {
		e.string(key)
	}
	e.uints(uint64(len(w.words())))
	for _, word := range w.words() {
		e.string(string(word))
	}
	if e.version >= VersionLocks {
		e.wish(&w.lock)
	}
}

// Restore replaces the state by a snapshot. On an error the state is as it was.
func (m *Machine) Restore(r io.Reader) error {
	d := newDecoder(r)
	fresh := New(m.runner, Knowing(int(m.buffer.newest)))
	d.header(fresh)
	for db := range fresh.dbs {
		d.space(fresh.dbs[db])
	}
	d.each(func() { fresh.queue.add(d.waiter()) })
	d.each(func() { fresh.queue.note(d.waiter()) })
	if d.err == nil {
		d.checkSum()
	}
	if d.err != nil {
		return fmt.Errorf("snapshot: %w", d.err)
	}
	for db := range fresh.dbs {
		fresh.queue.places(db, fresh.wakeFor)
		fresh.bindAll(db)
	}
	fresh.digests.add(fresh.at.index, fresh.digest())
	*m = *fresh
	return nil
}

func (d *decoder) header(m *Machine) {
	if magic := d.bytes(len(snapshotMagic)); d.err == nil && string(magic) != snapshotMagic {
		d.fail(errors.New("this is not a snapshot of lockd"))
	}
	version := d.uint()
	if d.err == nil && (version < 1 || version > SnapshotVersion) {
		d.fail(fmt.Errorf("it has version %d, this program knows %d: start a newer lockd",
			version, SnapshotVersion))
		return
	}
	m.clock, m.at.index, m.at.term = Clock(d.uint()), d.uint(), d.uint()
	d.version = int(version)
	c := &m.counters
	for _, n := range [...]*uint64{&c.token, &c.tickets, &c.grants, &c.expired, &c.forced, &c.undone} {
		*n = d.uint()
	}
	if version > 1 {
		m.nodes.level, c.silenced = d.level(m.buffer.newest), d.uint()
	}
	ordinals := uint64(0)
	if version >= VersionData {
		c.revision, c.loads = d.uint(), d.uint()
		ordinals = d.uint()
		d.each(func() {
			s := &Script{SHA: d.string(), Body: d.string(), order: d.uint()}
			s.Loaded = d.uint() > 0
			m.scripts.add(s)
		})
		d.each(func() {
			v := subscription{name: d.string(), peer: peer{node: d.string()}}
			kind := d.uint()
			if v.kind, v.conn = Subscribed(kind), d.uint(); kind > uint64(ToShard) {
				d.fail(errors.New("a subscription in it is of a kind that this program does not know"))
				return
			}
			m.subs.add(v)
		})
	}
	if version >= VersionLocks {
		c.sessions, c.requests = d.uint(), d.uint()
		d.each(func() { m.sessions.set(d.session()) })
		d.each(func() { m.fences.set(d.string(), d.uint()) })
		d.each(func() { d.request(m) })
		d.events(m)
		m.frozen = d.frozen()
	}
	d.graves(&m.graves, m.graveCount())
	d.each(func() {
		node := d.string()
		o := &origin{incarnation: d.uint(), last: d.uint()}
		m.nodes.setOrigin(node, o)
		if version >= VersionData {
			o.ordinal = d.uint()
		}
	})
	m.nodes.ordinals = max(m.nodes.ordinals, ordinals)
	if version > 1 {
		d.each(func() { d.member(&m.nodes) })
	}
}

// level reads the newest entry version that was applied to the state, which is at most known.
func (d *decoder) level(known byte) byte {
	n := d.uint()
	switch {
	case d.err != nil:
	case n < EntryVersionFirst:
		d.fail(fmt.Errorf("its level %d is impossible", n))
	case n > uint64(known):
		d.fail(fmt.Errorf("it was made with entries of version %d, this program knows %d: "+
			"start a newer lockd", n, known))
	}
	return byte(n)
}

func (d *decoder) member(n *nodes) {
	node := d.string()
	a := &About{Client: d.string(), Address: d.string(), Disk: d.string()}
	a.Version = int(d.uint())
	is := d.uint()
	a.Removed, a.NoVote = is&memberRemoved != 0, is&memberNoVote != 0
	if d.err == nil {
		n.setMember(node, a)
	}
}

// space reads a database. Its keys come in order, which makes loading them fast; the deadlines are sorted
// first for the same reason.
func (d *decoder) space(s *space) {
	var dues []due
	d.each(func() {
		it := d.item()
		s.keys.Load(it.Key, it)
		s.bytes += it.cost()
		if it.Deadline != NoDeadline {
			dues = append(dues, due{it.Deadline, it})
		}
	})
	slices.SortFunc(dues, func(a, b due) int {
		if dueBefore(a, b) {
			return -1
		}
		return 1
	})
	for _, v := range dues {
		s.index.Load(v)
	}
	s.tighten()
}

func (d *decoder) item() *Item {
	it := &Item{Key: d.string(), Str: d.string()}
	it.Deadline, it.Since, it.Token = Clock(d.uint()), Clock(d.uint()), d.uint()
	has := d.uint()
	if d.version >= VersionData {
		it.Rev = d.uint()
	}
	if d.version >= VersionLocks {
		it.Conn = d.uint()
	}
	if has&itemHasNote != 0 {
		it.Extra = &Extra{Terms: Terms{Note: d.string()}}
	}
	if has&itemHasTerms != 0 {
		it.Extra = &Extra{Terms: d.terms()}
	}
	if v := d.value(has >> itemType); v != nil {
		if v.Len() == 0 {
			d.fail(errors.New("a key in it has a value without elements"))
		}
		if it.Extra == nil {
			it.Extra = new(Extra)
		}
		it.Extra.Value, it.Extra.bytes = v, v.cost()
	}
	return it
}

// value reads a value of the type that is called number, or nil for a string.
func (d *decoder) value(number uint64) (v Value) {
	switch number {
	case typeString:
		return nil
	case typeHash:
		v = d.hash()
	case typeList:
		v = d.list()
	case typeSet:
		v = d.set()
	case typeSorted:
		v = d.sorted()
	case typeHolders:
		v = d.holders()
	case typeDelay:
		v = &Delay{Session: d.string()}
	case typeLatch:
		v = &Latch{left: int64(d.uint())}
	case typeThrottle:
		v = &Throttle{arrival: int64(d.uint())}
	default:
		d.fail(errors.New("a key in it is of a type that this program does not know: start a newer lockd"))
		return nil
	}
	return v
}

func (d *decoder) waiter() *waiter {
	w := &waiter{keys: []string{d.string()}}
	w.lock = Wish{Owner: d.string(), Note: d.string(), Prio: DefaultPrio}
	w.origin.Node = d.string()
	w.ticket, w.db, w.lock.TTL = d.uint(), d.database(), int64(d.uint())
	w.since, w.deadline = Clock(d.uint()), Clock(d.uint())
	w.origin.Incarnation, w.conn, w.seq, w.token = d.uint(), d.uint(), d.uint(), d.uint()
	if d.version < VersionData {
		return w
	}
	if n := d.uint(); n < uint64(classes) {
		w.class = Class(n)
	} else {
		d.fail(errors.New("a waiter in it waits for what this program does not know: start a newer lockd"))
	}
	d.each(func() { w.keys = append(w.keys, d.string()) })
	var words [][]byte
	if d.each(func() { words = append(words, []byte(d.string())) }); len(words) > 0 {
		w.again = &again{words}
	}
	if d.version >= VersionLocks {
		d.wish(&w.lock)
	}
	return w
}
