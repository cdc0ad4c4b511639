// Those who wait. A queue lives in the replicated state, so it survives a failover and every node serves
// the same waiter in the same entry as the release.
//
// One ordered tree holds all waiters by (database, key, ticket): tickets only grow, so the waiters of a key
// stand together in the order in which they came, and the first of them is one look-up away. What else is
// needed (who is parked on a connection, how long a queue is, whose patience ends next) is derived from it.

package fsm

import (
	"math"

	"github.com/tidwall/btree"

	"github.com/divtxt/lockd/resp"
)

// Origin is one run of a node: its id and its incarnation, a number that rises with each start. Commands
// are numbered for each origin.
type Origin struct {
	Node        string
	Incarnation uint64
}

// place is a key in a database.
type place struct {
	db  int
	key string
}

// peer is a connection of a node.
type peer struct {
	node string
	conn uint64
}

// waiter is one parked LOCK. It never changes once it is in the queue.
type waiter struct {
	ticket   uint64 // order in the whole queue
	db       int
	key      string
	owner    string
	note     string
	ttl      int64 // milliseconds, counted from the grant; 0: none
	since    Clock
	deadline Clock // when patience ends
	origin   Origin
	conn     uint64
	seq      uint64 // the number of the parked command, to answer it
	token    uint64 // in queue.unseen: what was granted
}

func (w *waiter) place() place { return place{w.db, w.key} }
func (w *waiter) peer() peer   { return peer{w.origin.Node, w.conn} }

// waiterCost is what a waiter counts against the memory limit beside its strings, in bytes.
const waiterCost = 320

func (w *waiter) cost() int64 {
	return int64(waiterCost + len(w.key) + len(w.owner) + len(w.note))
}

// queue holds all waiters.
type queue struct {
	all      *btree.BTreeG[*waiter] // by db, key, ticket
	patience *btree.BTreeG[*waiter] // by deadline, ticket
	unseen   *btree.BTreeG[*waiter] // grants whose reply may not have been written, by node, conn
	parked   map[peer]*waiter       // looked up, never ranged over; nil in a copy
	lengths  map[place]int          // the same
	granted  map[place]*waiter      // the same; what unseen holds
	bytes    int64
	numbers  map[call]bool // the parked commands, made when Waits asks, gone with any change
}

// call is a numbered command of an origin.
type call struct {
	origin Origin
	seq    uint64
}

func byPlace(a, b *waiter) bool {
	if a.db != b.db {
		return a.db < b.db
	}
	if a.key != b.key {
		return a.key < b.key
	}
	return a.ticket < b.ticket
}

func byPatience(a, b *waiter) bool {
	if a.deadline != b.deadline {
		return a.deadline < b.deadline
	}
	return a.ticket < b.ticket
}

func byPeer(a, b *waiter) bool {
	if a.origin.Node != b.origin.Node {
		return a.origin.Node < b.origin.Node
	}
	return a.conn < b.conn
}

func newQueue() *queue {
	opts := btree.Options{NoLocks: true}
	return &queue{
		all:      btree.NewBTreeGOptions(byPlace, opts),
		patience: btree.NewBTreeGOptions(byPatience, opts),
		unseen:   btree.NewBTreeGOptions(byPeer, opts),
		parked:   map[peer]*waiter{},
		lengths:  map[place]int{},
		granted:  map[place]*waiter{},
	}
}

// copy returns a copy for reading only, in constant time.
func (q *queue) copy() *queue {
	return &queue{all: q.all.Copy(), unseen: q.unseen.Copy(), bytes: q.bytes}
}

func (q *queue) add(w *waiter) {
	q.all.Set(w)
	q.patience.Set(w)
	q.parked[w.peer()] = w
	q.lengths[w.place()]++
	q.bytes += w.cost()
	q.numbers = nil
}

func (q *queue) take(w *waiter) {
	q.all.Delete(w)
	q.patience.Delete(w)
	delete(q.parked, w.peer())
	q.bytes -= w.cost()
	q.numbers = nil
	if q.lengths[w.place()]--; q.lengths[w.place()] == 0 {
		delete(q.lengths, w.place())
	}
}

// first returns the waiter whose turn is next at p, or nil.
func (q *queue) first(p place) (head *waiter) {
	if q.lengths != nil && q.lengths[p] == 0 {
		return nil
	}
	q.each(p, func(w *waiter) bool {
		head = w
		return false
	})
	return head
}

// each calls f with the waiters of p in the order of their turn until it returns false.
func (q *queue) each(p place, f func(*waiter) bool) {
	q.all.Ascend(&waiter{db: p.db, key: p.key}, func(w *waiter) bool {
		return w.db == p.db && w.key == p.key && f(w)
	})
}

// places calls f with each key of db that somebody waits for, in order.
func (q *queue) places(db int, f func(place)) {
	for next := (&waiter{db: db}); next != nil; {
		from := next
		next = nil
		q.all.Ascend(from, func(w *waiter) bool {
			if w.db == db {
				f(w.place())
				next = &waiter{db: db, key: w.key, ticket: math.MaxUint64}
			}
			return false
		})
	}
}

// Waits tells whether the command of origin numbered seq is parked. A node that had to install a snapshot
// asks it for each command of which it does not know more, so all are looked up once.
func (m *Machine) Waits(origin Origin, seq uint64) bool {
	q := m.queue
	if q.numbers == nil {
		q.numbers = make(map[call]bool, q.all.Len())
		q.all.Scan(func(w *waiter) bool {
			q.numbers[call{w.origin, w.seq}] = true
			return true
		})
	}
	return q.numbers[call{origin, seq}]
}

// park puts w at the end of its queue. A connection waits for one thing at a time: if it waits already, it
// has given that up.
func (m *Machine) park(w *waiter) {
	if former := m.queue.parked[w.peer()]; former != nil {
		m.quit(former, resp.Null())
	}
	m.counters.tickets++
	w.ticket = m.counters.tickets
	m.queue.add(w)
	m.watch(w.place())
	m.journal = append(m.journal, undo{parked: w})
}

// leave takes w out of its queue.
func (m *Machine) leave(w *waiter) {
	m.queue.take(w)
	m.unwatch(w.place())
	m.journal = append(m.journal, undo{left: w})
}

// quit takes w out of its queue without the lock, and answers it. Whoever is first now may be the holder.
func (m *Machine) quit(w *waiter, v Reply) {
	m.leave(w)
	m.answer(w, v)
	m.freed(w.db, w.key)
}

// freed notes that those who wait for key of db may be served.
func (m *Machine) freed(db int, key string) {
	if m.queue.lengths[place{db, key}] > 0 {
		m.frees = append(m.frees, place{db, key})
	}
}

// serve gives each key that was freed, from the place from among them on, to the first who waits for it.
// It runs at the end of a command, so that a command which frees a key and takes it again is not overtaken
// in between.
func (m *Machine) serve(from int) {
	for i := from; i < len(m.frees); i++ {
		p := m.frees[i]
		for w := m.queue.first(p); w != nil && m.grantTo(w); w = m.queue.first(p) {
		}
	}
	clear(m.frees[from:])
	m.frees = m.frees[:from]
}

// grantTo gives w the lock it waits for, if it can have it now: if the key is free, or w's owner holds it.
func (m *Machine) grantTo(w *waiter) bool {
	it := m.itemAt(w.place())
	held := it != nil
	if held && it.Deadline.passed(m.clock) {
		m.expire(w.db, it) // which serves w, or whoever is first
		return true
	}
	if held && (it.Str != w.owner || !it.IsLock()) {
		return false
	}
	m.leave(w)
	token := m.take(w.db, w.key, w.owner, w.note, w.ttl, it).Token
	if !held {
		m.noteUnseen(w, token)
	}
	m.answer(w, intReply(token))
	return true
}
