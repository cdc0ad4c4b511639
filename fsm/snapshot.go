// The format of a snapshot: the whole state as a stream, from one View, so that it can be written beside
// later entries.
//
//	8 bytes  "LOCKDSNP", varint version 1 or 2
//	varints  clock, index and term of the last entry, counters
//	since version 2: varints  level, count of silenced nodes
//	graves, origins, since version 2 members, then for each database its items, then the waiters and the
//	unseen grants, each list preceded by its length
//	uint32   CRC-32C of all that precedes, little endian
//
// Version 1 is of the program before there were clusters, and is read. What a program can read of a newer
// one's state is decided by the level: in a cluster of which one node is newer, the older ones must be able
// to read its snapshots until entries of a newer version are written, which waits for them.
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
const SnapshotVersion = 2

const snapshotMagic = "LOCKDSNP"

// encoder writes a snapshot and keeps its first error.
type encoder struct {
	w   io.Writer
	sum uint32
	buf []byte
	err error
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
	e := &encoder{w: w}
	m := v.m
	e.buf = append(e.buf, snapshotMagic...)
	e.uints(SnapshotVersion, uint64(m.clock), m.at.index, m.at.term)
	c := m.counters
	e.uints(c.token, c.tickets, c.grants, c.expired, c.forced, c.undone)
	e.uints(uint64(m.nodes.level), c.silenced)
	e.uints(uint64(len(m.graves.ring)))
	m.graves.inOrder(func(g Grave) {
		e.string(g.Key)
		e.string(g.Owner)
		e.uints(uint64(g.DB), g.Token, uint64(g.At))
	})
	e.uints(uint64(m.nodes.origins.Len()))
	m.nodes.origins.Scan(func(node string, o *origin) bool {
		e.string(node)
		e.uints(o.incarnation, o.last)
		return true
	})
	e.members(&m.nodes)
	for _, s := range m.dbs {
		e.uints(uint64(s.keys.Len()))
		s.keys.Scan(func(_ string, it *Item) bool { e.item(it); return e.err == nil })
	}
	for _, q := range []*btree.BTreeG[*waiter]{m.queue.all, m.queue.unseen} {
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

// What follows an item's fixed part, as bits.
const itemHasNote = 1

func (e *encoder) item(it *Item) {
	e.string(it.Key)
	e.string(it.Str)
	has := uint64(0)
	if it.Note() != "" {
		has |= itemHasNote
	}
	e.uints(uint64(it.Deadline), uint64(it.Since), it.Token, has)
	if has&itemHasNote != 0 {
		e.string(it.Note())
	}
}

func (e *encoder) waiter(w *waiter) {
	for _, s := range [...]string{w.key, w.owner, w.note, w.origin.Node} {
		e.string(s)
	}
	e.uints(w.ticket, uint64(w.db), uint64(w.ttl), uint64(w.since), uint64(w.deadline),
		w.origin.Incarnation, w.conn, w.seq, w.token)
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
		fresh.queue.places(db, fresh.watch)
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
	m.counters = counters{d.uint(), d.uint(), d.uint(), d.uint(), d.uint(), d.uint(), 0}
	if version > 1 {
		m.nodes.level, m.counters.silenced = d.level(m.buffer.newest), d.uint()
	}
	d.each(func() {
		g := Grave{Key: d.string(), Owner: d.string()}
		g.DB, g.Token, g.At = d.database(), d.uint(), Clock(d.uint())
		m.graves.add(g)
	})
	d.each(func() {
		node := d.string()
		m.nodes.setOrigin(node, &origin{incarnation: d.uint(), last: d.uint()})
	})
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
	if d.uint()&itemHasNote != 0 {
		it.Extra = &Extra{Note: d.string()}
	}
	return it
}

func (d *decoder) waiter() *waiter {
	w := &waiter{key: d.string(), owner: d.string(), note: d.string()}
	w.origin.Node = d.string()
	w.ticket, w.db, w.ttl = d.uint(), d.database(), int64(d.uint())
	w.since, w.deadline = Clock(d.uint()), Clock(d.uint())
	w.origin.Incarnation, w.conn, w.seq, w.token = d.uint(), d.uint(), d.uint(), d.uint()
	return w
}
