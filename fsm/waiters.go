// Those who wait. A queue lives in the replicated state, so it survives a failover and every node serves
// the same waiter in the same entry as the release.
//
// One ordered tree holds all waiters by (database, key, ticket): tickets only grow, so the waiters of a key
// stand together in the order in which they came, and the first of them is one look-up away. What else is
// needed (who is parked on a connection, how long a queue is, whose patience ends next) is derived from it.

package fsm

import (
	"math"
	"slices"

	"github.com/tidwall/btree"

	"github.com/divtxt/lockd/resp"
)

// Origin is one run of a node: its id and its incarnation, a number that rises with each start. Commands
// are numbered for each origin.
type Origin struct {
	Node        string
	Incarnation uint64
}

// Class says what those who wait at a key wait for. Each class has a queue of its own, so that whoever waits
// for something else is not in the way.
type Class byte

// The classes. Their values are part of the snapshot's format.
const (
	classLock     Class = iota // LOCK: that the key is free
	ClassList                  // BLPOP and its like: that there is an element in the list
	ClassSorted                // BZPOPMIN and its like: that there is a member in the sorted set
	ClassEvents                // LOCK.EVENTS: that something happens to a lock
	ClassLatch                 // LATCH.WAIT: that the latch is open
	ClassElection              // ELECT.OBSERVE: that there is another leader
	ClassBarrier               // BARRIER.ARRIVE: that all parties are there
	ClassLost                  // LOCK.WAITLOST: that somebody does not hold the lock any longer
	classes
)

// nothing is what those are told who waited in vain.
func (c Class) nothing() Reply {
	switch c {
	case ClassLatch:
		return resp.Int(0)
	case classLock, ClassElection, ClassBarrier:
		return resp.Null()
	}
	return resp.NullArray()
}

// place is a key in a database, and for what one waits there.
type place struct {
	db    int
	class Class
	key   string
}

// timed tells whether the end of a lock is what those of a class wait for.
func (c Class) timed() bool { return c == classLock || c == ClassLost }

// lockAt is where those stand who wait for a lock.
func lockAt(db int, key string) place { return place{db, classLock, key} }

// peer is a connection of a node.
type peer struct {
	node string
	conn uint64
}

// waiter is one parked command. It never changes once it is in the queue.
type waiter struct {
	ticket   uint64 // order in the whole queue
	db       int
	class    Class
	since    Clock
	deadline Clock // when patience ends
	origin   Origin
	conn     uint64
	seq      uint64 // the number of the parked command, to answer it
	keys     []string
	again    *again // nil for a lock
	lock     Wish   // of classLock
	token    uint64 // in queue.unseen: what was granted
}

// again is the command of a waiter, which runs again when one of its keys changes.
type again struct{ words [][]byte }

// words are the command, if it is one that runs again.
func (w *waiter) words() [][]byte {
	if w.again == nil {
		return nil
	}
	return w.again.words
}

func (w *waiter) peer() peer { return peer{w.origin.Node, w.conn} }

// place is where w stands with its key number i.
func (w *waiter) place(i int) place { return place{w.db, w.class, w.keys[i]} }

// spot is a waiter's place in the queue of one of its keys.
type spot struct {
	place
	rank   byte // see Wish; 0 for what is no lock
	ticket uint64
	w      *waiter
}

// spot is where w stands for its key number i.
func (w *waiter) spot(i int) spot {
	s := spot{place: w.place(i), ticket: w.ticket, w: w}
	if w.class == classLock {
		s.rank = w.lock.rank()
	}
	return s
}

// What a waiter counts against the memory limit beside its strings, in bytes.
const (
	waiterCost = 320 // with its first key
	wordCost   = 40  // a further key, or a word of its command
)

func (w *waiter) cost() int64 {
	n := waiterCost - wordCost + len(w.lock.Owner) + len(w.lock.Note) + len(w.lock.Session) +
		len(w.lock.request().ID)
	for _, key := range w.keys {
		n += wordCost + len(key)
	}
	for _, word := range w.words() {
		n += wordCost + len(word)
	}
	return int64(n)
}

// queue holds all waiters.
type queue struct {
	spots     *btree.BTreeG[spot]    // by db, class, key, rank, ticket
	waiters   *btree.BTreeG[*waiter] // by deadline, ticket
	unseen    *btree.BTreeG[*waiter] // grants whose reply may not have been written, by node, conn
	parked    *btree.BTreeG[*waiter] // by node, conn; nil in a copy
	lengths   map[place]int          // looked up, never ranged over; nil in a copy
	granted   map[place][]*waiter    // the same; what unseen holds
	asking    map[string]*waiter     // the same; those who wait for locks, by owner, where it is one
	crowds    map[string][]*waiter   // the same, where they are several, in the order in which they came
	tied      map[string][]*waiter   // the same; those of them who wait by a session, by its id
	requested map[string]*waiter     // the same; those of them whose request has an id, by that
	several   *btree.Set[string]     // the owners who wait for several keys
	byClass   [classes]int           // how many wait for what
	bytes     int64
	numbers   map[call]bool // the parked commands, made when Waits asks, gone with any change
}

// call is a numbered command of an origin.
type call struct {
	origin Origin
	seq    uint64
}

func bySpot(a, b spot) bool {
	if a.db != b.db {
		return a.db < b.db
	}
	if a.class != b.class {
		return a.class < b.class
	}
	if a.key != b.key {
		return a.key < b.key
	}
	if a.rank != b.rank {
		return a.rank < b.rank
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
		spots:     btree.NewBTreeGOptions(bySpot, opts),
		waiters:   btree.NewBTreeGOptions(byPatience, opts),
		unseen:    btree.NewBTreeGOptions(byPeer, opts),
		parked:    btree.NewBTreeGOptions(byPeer, opts),
		lengths:   map[place]int{},
		granted:   map[place][]*waiter{},
		asking:    map[string]*waiter{},
		crowds:    map[string][]*waiter{},
		tied:      map[string][]*waiter{},
		requested: map[string]*waiter{},
		several:   new(btree.Set[string]),
	}
}

// copy returns a copy for reading only, in constant time.
func (q *queue) copy() *queue {
	return &queue{spots: q.spots.Copy(), waiters: q.waiters.Copy(), unseen: q.unseen.Copy(), bytes: q.bytes}
}

// Len returns how many wait.
func (q *queue) Len() int { return q.waiters.Len() }

func (q *queue) add(w *waiter) {
	for i := range w.keys {
		s := w.spot(i)
		q.spots.Set(s)
		q.lengths[s.place]++
	}
	if w.class == classLock {
		q.ask(w)
	}
	q.byClass[w.class]++
	q.waiters.Set(w)
	q.parked.Set(w)
	q.bytes += w.cost()
	q.numbers = nil
}

func (q *queue) take(w *waiter) {
	for i := range w.keys {
		s := w.spot(i)
		q.spots.Delete(s)
		if q.lengths[s.place]--; q.lengths[s.place] == 0 {
			delete(q.lengths, s.place)
		}
	}
	if w.class == classLock {
		q.unask(w)
	}
	q.byClass[w.class]--
	q.waiters.Delete(w)
	q.parked.Delete(w)
	q.bytes -= w.cost()
	q.numbers = nil
}

// parkedOn returns who waits on a connection, or nil.
func (q *queue) parkedOn(p peer) *waiter {
	if q.parked.Len() == 0 {
		return nil
	}
	w, _ := q.parked.Get(&waiter{origin: Origin{Node: p.node}, conn: p.conn})
	return w
}

// remove takes w out of a list in a map.
func remove[K comparable](lists map[K][]*waiter, at K, w *waiter) {
	list := lists[at]
	if len(list) == 1 {
		delete(lists, at)
		return
	}
	if i := slices.Index(list, w); i >= 0 {
		lists[at] = slices.Delete(list, i, i+1)
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
	q.spots.Ascend(spot{place: p}, func(s spot) bool { return s.place == p && f(s.w) })
}

// places calls f with each key of db that somebody waits for, in order.
func (q *queue) places(db int, f func(place)) {
	from := spot{place: place{db: db}}
	for more := true; more; {
		more = false
		q.spots.Ascend(from, func(s spot) bool {
			if s.db == db {
				f(s.place)
				from, more = spot{place: s.place, rank: math.MaxUint8, ticket: math.MaxUint64}, true
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
		q.numbers = make(map[call]bool, q.Len())
		q.waiters.Scan(func(w *waiter) bool {
			q.numbers[call{w.origin, w.seq}] = true
			return true
		})
	}
	return q.numbers[call{origin, seq}]
}

// giveUp ends what a connection waits for, as it waits for one thing at a time, and tells whether it waited.
func (m *Machine) giveUp(p peer) bool {
	former := m.queue.parkedOn(p)
	if former != nil {
		m.quit(former, resp.Null(), "its connection asked for something else")
	}
	return former != nil
}

// park puts w at the end of its queue, or at the place that it has taken over.
func (m *Machine) park(w *waiter) {
	m.giveUp(w.peer())
	if w.ticket == 0 {
		m.counters.tickets++
		w.ticket = m.counters.tickets
	}
	m.queue.add(w)
	m.watch(w)
	m.tellWaiter(w, LockWaiting, "")
	m.journal = append(m.journal, undo{parked: w})
}

// leave takes w out of its queue.
func (m *Machine) leave(w *waiter) {
	m.queue.take(w)
	m.unwatch(w)
	m.journal = append(m.journal, undo{left: w})
}

// quit takes w out of its queue without what it waited for, and answers it. Whoever is first now may be the
// holder.
func (m *Machine) quit(w *waiter, v Reply, why string) {
	m.leave(w)
	m.tellWaiter(w, LockGaveUp, why)
	m.answer(w, v)
	m.freedBy(w)
}

// turn is a place where those who wait may have their turn. own says that the command has freed the key,
// and may take it again before them.
type turn struct {
	place
	own bool
}

// freedBy notes that w stands in nobody's way any longer.
func (m *Machine) freedBy(w *waiter) {
	for _, key := range w.keys {
		m.turnAt(w.db, key, false)
	}
}

// freed notes that those who wait for key of db may be served.
func (m *Machine) freed(db int, key string) { m.turnAt(db, key, true) }

func (m *Machine) turnAt(db int, key string, own bool) {
	if len(m.queue.lengths) == 0 {
		return
	}
	m.stir(db, key) // who has lost it is told before it is another's
	for c := range classes {
		if p := (place{db, c, key}); c != ClassLost && m.queue.byClass[c] > 0 && m.queue.lengths[p] > 0 {
			m.frees = append(m.frees, turn{p, own})
		}
	}
}

// stir notes that those who watch over the holders of key of db are to look again.
func (m *Machine) stir(db int, key string) {
	if p := (place{db, ClassLost, key}); m.queue.lengths[p] > 0 {
		m.frees = append(m.frees, turn{p, false})
	}
}

// serve gives each key that was freed, from the place from among them on, to those who wait for it. It runs
// at the end of a command, so that a command which frees a key and takes it again is not overtaken in
// between.
func (m *Machine) serve(from int) {
	before := m.serving
	m.serving = true
	defer func() { m.serving = before }()
	for i := from; i < len(m.frees); i++ {
		p := m.frees[i].place
		if p.class != classLock {
			m.serveAgain(p)
			continue
		}
		for w := m.queue.first(p); w != nil && m.grantTo(w); w = m.queue.first(p) {
		}
	}
	clear(m.frees[from:])
	m.frees = m.frees[:from]
}

// grantTo gives w the locks it waits for, if it can have all of them now, or lets it go if it never can.
// It tells whether it did either.
func (m *Machine) grantTo(w *waiter) bool {
	for _, key := range w.keys {
		if it := m.itemAt(w.db, key); it != nil && it.Deadline.passed(m.clock) {
			m.expire(w.db, it) // which serves w, or whoever is first
			return true
		}
	}
	if w.lock.Session != "" && !m.sessionLives(w.lock.Session) {
		m.quit(w, m.ended(w, "session"), "its session is over")
		return true
	}
	switch m.judge(w.db, w.keys, &w.lock).Result {
	case Granted:
	case NotHeld:
		m.quit(w, m.lostMeanwhile(w), "what it waited to hold alone it does not hold any longer")
		return true
	default:
		return false
	}
	var fresh []string
	for _, key := range w.keys {
		if !m.holds(w.db, key, w.lock.Owner) {
			fresh = append(fresh, key)
		}
	}
	again := m.tokenHeld(w.db, w.keys, &w.lock) != 0
	m.leave(w)
	out := m.grantAll(w.db, w.keys, &w.lock, w.conn, w.since)
	if again {
		m.tellAgain(w, out.Token)
	}
	if len(fresh) > 0 {
		m.noteUnseen(w, fresh, out.Token)
	}
	reply := w.granted(out.Token, m.clock)
	m.remember(w.lock.request(), reply)
	m.answer(w, reply)
	if len(w.keys) > 1 {
		m.freedBy(w) // those behind it at its other keys
	}
	return true
}
