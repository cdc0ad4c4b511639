// The format of a snapshot: the whole state as a stream, from one View, so that it can be written beside
// later entries.
//
//	8 bytes  "LOCKDSNP", varint version 1
//	varints  clock, counters, index and term of the last entry
//	graves, origins, then for each database its items, then the waiters and the unseen grants,
//	each list preceded by its length
//	uint32   CRC-32C of all that precedes, little endian
//
// What is derived (index of deadlines, lengths of queues, wakes) is made anew by Restore. A snapshot that
// does not match its sum, or is of a newer version, is refused whole: the state is replaced only at the end.

package fsm

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/tidwall/btree"
)

// SnapshotVersion is the version of the snapshot format that this program writes.
const SnapshotVersion = 1

const snapshotMagic = "LOCKDSNP"

// maxString bounds a string in a snapshot, so that damaged lengths cannot ask for all memory.
const maxString = 512 << 20

// encoder writes a snapshot and keeps its first error.
type encoder struct {
	w   *bufio.Writer
	sum uint32
	buf []byte
	err error
}

func (e *encoder) flushTo(limit int) {
	if len(e.buf) < limit || e.err != nil {
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
	e.flushTo(32 << 10)
}

func (e *encoder) string(s string) { e.buf = appendString(e.buf, s) }

// Write writes the view's state to w.
func (v *View) Write(w io.Writer) error {
	e := &encoder{w: bufio.NewWriterSize(w, 256<<10)}
	m := v.m
	e.buf = append(e.buf, snapshotMagic...)
	e.uints(SnapshotVersion, uint64(m.clock), m.at.index, m.at.term)
	c := m.counters
	e.uints(c.token, c.tickets, c.grants, c.expired, c.forced, c.undone)
	e.uints(uint64(len(m.graves.ring)))
	m.graves.inOrder(func(g Grave) {
		e.string(g.Key)
		e.string(g.Owner)
		e.uints(uint64(g.DB), g.Token, uint64(g.At))
	})
	e.uints(uint64(m.origins.Len()))
	m.origins.Scan(func(node string, o *origin) bool {
		e.string(node)
		e.uints(o.incarnation, o.last)
		return true
	})
	for _, s := range m.dbs {
		e.uints(uint64(s.keys.Len()))
		s.keys.Scan(func(_ string, it *Item) bool { e.item(it); return e.err == nil })
	}
	for _, q := range []*btree.BTreeG[*waiter]{m.queue.all, m.queue.unseen} {
		e.uints(uint64(q.Len()))
		q.Scan(func(w *waiter) bool { e.waiter(w); return e.err == nil })
	}
	e.flushTo(0)
	if e.err == nil {
		_, e.err = e.w.Write(binary.LittleEndian.AppendUint32(nil, e.sum))
	}
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.err
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

// decoder reads a snapshot and keeps its first error.
type decoder struct {
	r   *bufio.Reader
	sum uint32
	err error
}

// ReadByte feeds binary.ReadUvarint and the checksum.
func (d *decoder) ReadByte() (byte, error) {
	b, err := d.r.ReadByte()
	if err == nil {
		d.sum = crc32.Update(d.sum, castagnoli(), []byte{b})
	}
	return b, err
}

func (d *decoder) uint() uint64 {
	if d.err != nil {
		return 0
	}
	n, err := d.peekUint()
	if err != nil {
		d.err = err
	}
	return n
}

// peekUint reads a number from the buffered bytes where it can, to add them to the sum in one step.
func (d *decoder) peekUint() (uint64, error) {
	b, _ := d.r.Peek(binary.MaxVarintLen64)
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return binary.ReadUvarint(d)
	}
	d.sum = crc32.Update(d.sum, castagnoli(), b[:size])
	_, err := d.r.Discard(size)
	return n, err
}

func (d *decoder) string() string {
	n := d.uint()
	if n > maxString {
		d.fail(errors.New("a length in it is impossible"))
	}
	if d.err != nil || n == 0 {
		return ""
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(d.r, b); err != nil {
		d.fail(err)
		return ""
	}
	d.sum = crc32.Update(d.sum, castagnoli(), b)
	return string(b)
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// each calls f for as many things as the next number says.
func (d *decoder) each(f func()) {
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		f()
	}
}

// Restore replaces the state by a snapshot. On an error the state is as it was.
func (m *Machine) Restore(r io.Reader) error {
	d := &decoder{r: bufio.NewReaderSize(r, 256<<10)}
	fresh := New(m.runner)
	d.header(fresh)
	for db := range fresh.dbs {
		d.space(fresh.dbs[db])
	}
	d.each(func() { fresh.queue.add(d.waiter()) })
	d.each(func() { fresh.queue.unseen.Set(d.waiter()) })
	if d.err == nil {
		d.checkSum()
	}
	if d.err != nil {
		return fmt.Errorf("snapshot: %w", d.err)
	}
	fresh.rebuildWakes()
	fresh.digests.add(fresh.at.index, fresh.digest())
	*m = *fresh
	return nil
}

func (d *decoder) checkSum() {
	want := d.sum
	var b [4]byte
	if _, err := io.ReadFull(d.r, b[:]); err != nil {
		d.fail(err)
	} else if binary.LittleEndian.Uint32(b[:]) != want {
		d.fail(errChecksum)
	}
}

func (d *decoder) header(m *Machine) {
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(d.r, magic); err != nil || string(magic) != snapshotMagic {
		d.fail(errors.New("this is not a snapshot of lockd"))
		return
	}
	d.sum = crc32.Update(d.sum, castagnoli(), magic)
	if version := d.uint(); d.err == nil && version != SnapshotVersion {
		d.fail(fmt.Errorf("it has version %d, this program knows %d: start a newer lockd",
			version, SnapshotVersion))
		return
	}
	m.clock, m.at.index, m.at.term = Clock(d.uint()), d.uint(), d.uint()
	m.counters = counters{d.uint(), d.uint(), d.uint(), d.uint(), d.uint(), d.uint()}
	d.each(func() {
		g := Grave{Key: d.string(), Owner: d.string()}
		g.DB, g.Token, g.At = int(d.uint()), d.uint(), Clock(d.uint())
		m.graves.add(g)
	})
	d.each(func() {
		node := d.string()
		m.origins.Set(node, &origin{incarnation: d.uint(), last: d.uint()})
	})
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
	w.ticket, w.db, w.ttl = d.uint(), int(d.uint()), int64(d.uint())
	w.since, w.deadline = Clock(d.uint()), Clock(d.uint())
	w.origin.Incarnation, w.conn, w.seq, w.token = d.uint(), d.uint(), d.uint(), d.uint()
	if w.db < 0 || w.db >= Databases {
		d.fail(errors.New("a database number in it is impossible"))
		w.db = 0
	}
	return w
}
