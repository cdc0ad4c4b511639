// The keyspace: sixteen databases, each an ordered map of keys and an index of deadlines.
//
// All changes go through put, remove and replaceSpace, which keep the index, the byte count and the undo
// journal in step. The maps are copy-on-write B-trees: a snapshot or a long read takes a copy in constant
// time and reads it beside later changes. The index of deadlines is derived from the items, so it is
// neither copied nor written to disk.

package fsm

import (
	"strconv"

	"github.com/tidwall/btree"
)

// Databases is how many logical databases there are, as in Redis' default.
const Databases = 16

// nodeDegree is the degree of the B-trees that grow with the keys.
const nodeDegree = 32

// space is one database.
type space struct {
	keys  *btree.Map[string, *Item]
	index *btree.BTreeG[due]  // by deadline, then key; nil in a copy
	bonds *btree.BTreeG[bond] // of the locks that hang on a session; derived
	bytes int64               // sum of the items' cost
}

// due is one entry of the index of deadlines. It points to the item to know its key in eight bytes.
type due struct {
	deadline Clock
	item     *Item
}

func dueBefore(a, b due) bool {
	if a.deadline != b.deadline {
		return a.deadline < b.deadline
	}
	return a.item.Key < b.item.Key
}

func newSpace() *space {
	return &space{
		keys: btree.NewMap[string, *Item](nodeDegree),
		index: btree.NewBTreeGOptions(dueBefore,
			btree.Options{NoLocks: true, Degree: nodeDegree}),
		bonds: newBonds(),
	}
}

// copy returns a copy for reading only, in constant time. It has no index.
func (s *space) copy() *space {
	return &space{keys: s.keys.Copy(), bonds: s.bonds.Copy(), bytes: s.bytes}
}

// tighten gives back the memory that trees leave unused when they are filled in order: half of every node.
// A node is copied, at its true size, when it is touched for the first time after a copy of its tree.
func (s *space) tighten() {
	s.keys.Copy()
	s.keys.ScanMut(func(string, *Item) bool { return true })
	s.index.Copy()
	s.index.ScanMut(func(due) bool { return true })
}

// set is the primitive behind every change: it puts it, or removes key where it is nil, and returns what
// stood there before.
func (s *space) set(key string, it *Item) (old *Item) {
	if it == nil {
		old, _ = s.keys.Delete(key)
	} else {
		old, _ = s.keys.Set(key, it)
	}
	if old != nil {
		s.bytes -= old.cost()
		if old.Deadline != NoDeadline && (it == nil || it.Deadline != old.Deadline) {
			s.index.Delete(due{old.Deadline, old})
		}
	}
	if it != nil {
		s.bytes += it.cost()
		if it.Deadline != NoDeadline {
			s.index.Set(due{it.Deadline, it})
		}
	}
	return old
}

// change sets or removes a key of db and remembers how to undo it; why is how the locks end that are no more.
// key must not point into the entry.
func (m *Machine) change(db int, key string, it *Item, why loss) {
	if it != nil && m.nodes.level >= VersionData {
		m.counters.revision++
		it.Rev = m.counters.revision
	}
	old := m.dbs[db].set(key, it)
	m.noteWake(db, key, old, it)
	m.journal = append(m.journal, undo{db: db, key: key, item: old, made: it})
	m.touched(db, key, old != nil && it != nil && old.shared() && it.shared())
	m.rebind(db, key, old, it)
	m.tellLost(db, key, old, it, why)
	m.observed(db, key)
	m.effects = append(m.effects, effect{kind: effectChanged, db: db, name: key})
	if old == nil && it != nil {
		m.notify(db, EventNew, "new", key)
	}
}

// itemAt returns what stands under key of db, perhaps due, or nil.
func (m *Machine) itemAt(db int, key string) *Item {
	it, _ := m.dbs[db].keys.Get(key)
	return it
}

// put sets it under its own key in db.
func (m *Machine) put(db int, it *Item) { m.change(db, it.Key, it, loss{kind: LockRemoved}) }

// remove takes it out of db and notes that those who wait for its key may be served.
func (m *Machine) remove(db int, it *Item) { m.lose(db, it, loss{kind: LockRemoved}) }

// lose is remove, and says why.
func (m *Machine) lose(db int, it *Item, why loss) {
	m.change(db, it.Key, nil, why)
	m.freed(db, it.Key)
}

// replaceSpace puts another database in the place of db, whatever it holds, and notes its queues for
// serving.
func (m *Machine) replaceSpace(db int, s *space) {
	m.journal = append(m.journal, undo{db: db, space: m.dbs[db]})
	if n := m.Keys(db); n > 0 {
		m.tell(db, LockFlushed, "", &Hold{}, strconv.Itoa(n)+" keys")
	}
	m.setSpace(db, s)
	m.touchedAll(db)
	m.effects = append(m.effects, effect{kind: effectFlushed, db: db})
	m.queue.places(db, func(p place) { m.frees = append(m.frees, turn{p, true}) })
}

// Keys returns how many keys db holds, those that are due but not yet removed included.
func (m *Machine) Keys(db int) int { return m.dbs[db].keys.Len() }

// Expires returns how many keys of db have a deadline.
func (m *Machine) Expires(db int) int {
	if m.dbs[db].index == nil {
		return 0
	}
	return m.dbs[db].index.Len()
}

// Bytes returns what the state counts against the memory limit: lengths and constants, so that it is the
// same number on every node.
func (m *Machine) Bytes() int64 {
	n := m.queue.bytes + m.nodes.bytes + m.subs.bytes + m.scripts.bytes + m.sessions.bytes +
		m.fences.bytes + m.requests.bytes + m.events.bytes
	for _, s := range m.dbs {
		n += s.bytes
	}
	if m.nodes.level >= VersionLocks {
		n += m.graves.bytes + m.frozen.bytes
	}
	return n
}
