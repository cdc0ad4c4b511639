// Tx is what a handler may do to the state. Keys and values that come in may point into the entry's bytes:
// Tx copies what it keeps.

package fsm

import (
	"math/bits"
	"sort"

	"github.com/divtxt/lockd/resp"
)

// Tx is the state as one command sees it, on behalf of one caller and in one database.
type Tx struct {
	m     *Machine
	db    int
	who   Caller
	write bool

	inside bool   // of a script or a transaction, where nothing waits
	again  bool   // see again.go
	draws  uint64 // how many random numbers were drawn
	short  bool   // of a read that others wait for
	took   int64  // steps of such a read
}

// Clock returns the cluster clock.
func (tx *Tx) Clock() Clock { return tx.m.clock }

// Wall returns the leader's wall clock as the entry carries it.
func (tx *Tx) Wall() Wall { return tx.m.at.wall }

// Index returns the place in the log of the entry that the command is in, or that a read rode along with.
func (tx *Tx) Index() uint64 { return tx.m.at.index }

// Caller returns on whose behalf the command runs.
func (tx *Tx) Caller() Caller { return tx.who }

// DB returns the number of the current database.
func (tx *Tx) DB() int { return tx.db }

// In returns the same transaction in another database, 0 to 15.
func (tx *Tx) In(db int) *Tx {
	other := *tx
	other.db = db
	return &other
}

// Writes tells whether the command is in the log: only then may it change anything.
func (tx *Tx) Writes() bool { return tx.write }

// Nonce is a number that differs from entry to entry, the same on all nodes: a source of choice.
func (tx *Tx) Nonce() uint64 { return tx.m.at.nonce }

// Random returns a number from 0 to n-1, n at least 1, for commands that choose. Those in the log get the
// same one on all nodes: it is made of the entry's nonce and of what differs between the commands of an
// entry.
func (tx *Tx) Random(n int) int {
	tx.draws++
	const odd = 0x9e3779b97f4a7c15
	x := tx.m.at.nonce ^ tx.who.Seq<<24 ^ tx.who.Conn<<44 + tx.m.counters.revision
	for _, part := range [...]uint64{tx.draws, uint64(tx.m.spent)} {
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x = x ^ x>>31 + part*odd
	}
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	high, _ := bits.Mul64(x^x>>31, uint64(n))
	return int(high)
}

// OutOfMemory tells whether the state has reached its limit, so that what adds to it must be refused.
func (tx *Tx) OutOfMemory() bool {
	limit := tx.m.at.limits.Memory
	return limit > 0 && tx.m.Bytes() >= limit
}

// Get returns the item at key, or nil. A key that is due is gone: a read skips it, a write removes it
// first and lets the next waiter have it.
func (tx *Tx) Get(key string) *Item {
	it := tx.m.itemAt(tx.db, key)
	if it == nil || !it.Deadline.passed(tx.m.clock) {
		return it
	}
	if !tx.write {
		return it.remains(tx.m.clock)
	}
	tx.m.expire(tx.db, it)
	return tx.m.itemAt(tx.db, key)
}

// Set puts a string under key. The same value keeps its token, note and age; another value is another
// owner and gets a new token, unless it is too long to be one.
func (tx *Tx) Set(key, value string, deadline Clock) *Item {
	return tx.Replace(tx.Get(key), key, value, deadline)
}

// Replace is Set for who has looked already: old is what Get returned for key. In a large state finding a key
// is most of what a command costs.
func (tx *Tx) Replace(old *Item, key, value string, deadline Clock) *Item {
	if old != nil && old.Value() == nil && old.Str == value {
		return tx.SetDeadline(old, deadline)
	}
	return tx.Grant(old, key, value, deadline)
}

// Grant puts a string under key with a new token even where the value stays the same, as for the
// destination of RENAME. old is what Get returned for key.
func (tx *Tx) Grant(old *Item, key, value string, deadline Clock) *Item {
	return tx.grant(old, key, value, deadline, Terms{})
}

func (tx *Tx) grant(old *Item, key, value string, deadline Clock, terms Terms) *Item {
	it := &Item{Str: keep(value), Deadline: deadline, Since: tx.m.clock, Token: tx.m.tokenFor(value),
		Conn: tx.m.client(tx.who.Conn)}
	if terms != (Terms{}) {
		it.Extra = &Extra{Terms: terms}
	}
	if old != nil {
		it.Key = old.Key
	} else {
		it.Key = keep(key)
	}
	tx.m.put(tx.db, it)
	tx.m.tellSet(tx.db, it)
	tx.m.freed(tx.db, it.Key) // the new owner may be the one who waits for it
	if it.Token != 0 {
		tx.m.came(tx.db, it.Key, it.Str)
	}
	return it
}

// MaxOwner returns the length in bytes up to which a value is an owner, by this entry's limits.
func (tx *Tx) MaxOwner() int { return tx.m.maxOwner() }

func (m *Machine) maxOwner() int {
	if n := m.at.limits.OwnerBytes; n > 0 {
		return n
	}
	return MaxOwner
}

// tokenFor gives out the next fencing token, or 0 for a value that cannot be an owner.
func (m *Machine) tokenFor(value string) uint64 {
	if len(value) > m.maxOwner() {
		return 0
	}
	m.counters.token++
	m.counters.grants++
	return m.counters.token
}

// SetDeadline changes when it ends, though not beyond its cap; the owner and its token stay. Of a lock that
// several hold, it ends for all of them then.
func (tx *Tx) SetDeadline(it *Item, deadline Clock) *Item {
	m := tx.m
	if it.shared() {
		v := m.ownHolders(it)
		var all []*Hold
		v.byOwner.Scan(func(_ string, h *Hold) bool {
			all = append(all, h)
			return true
		})
		for _, h := range all {
			changed := *h
			changed.Deadline = h.capped(deadline)
			v.set(&changed, 0)
			m.touchedBy(tx.db, it.Key, h.Owner)
		}
		return m.putHolders(tx.db, it.Key, it, v)
	}
	changed := *it
	changed.Deadline = deadline
	if it.Extra != nil {
		changed.Deadline = it.Extra.capped(deadline)
	}
	m.put(tx.db, &changed)
	return &changed
}

// Delete removes key and tells whether it was there.
func (tx *Tx) Delete(key string) bool {
	it := tx.Get(key)
	if it != nil {
		tx.m.remove(tx.db, it)
	}
	return it != nil
}

// Len returns how many keys the database has, without those that are due. In a View, which has no index of
// deadlines, it counts these too.
func (tx *Tx) Len() int {
	n := tx.m.Keys(tx.db)
	index := tx.m.dbs[tx.db].index
	if index == nil {
		return n
	}
	return n - sort.Search(index.Len(), func(i int) bool {
		d, _ := index.GetAt(i)
		return !d.deadline.passed(tx.m.clock)
	})
}

// Each calls f with the items of the database from the key from on, in order of their keys, until f
// returns false. Items that are due are skipped.
func (tx *Tx) Each(from string, f func(*Item) bool) {
	tx.m.dbs[tx.db].keys.Ascend(from, func(_ string, it *Item) bool {
		if it.Deadline.passed(tx.m.clock) {
			it = it.remains(tx.m.clock)
		}
		return it == nil || f(it)
	})
}

// Size returns how many items stand in the database, those that are due included: the places of At.
func (tx *Tx) Size() int { return tx.m.Keys(tx.db) }

// At returns the item at place i (0 is the first) in the order of keys, or nil if there are fewer. It may
// be due.
func (tx *Tx) At(i int) *Item {
	_, it, _ := tx.m.dbs[tx.db].keys.GetAt(i)
	return it
}

// Flush empties the database, in a time that depends only on those who wait in it.
func (tx *Tx) Flush() { tx.m.replaceSpace(tx.db, newSpace()) }

// MaxSwap bounds the keys of the two databases of SwapDB together, because each gets a new token.
const MaxSwap = 1000

// Swap exchanges this database with another. It reports false, and changes nothing, where the two hold
// more than MaxSwap keys: each key changes its place, so each needs a new fencing token.
func (tx *Tx) Swap(other int) bool {
	if tx.db == other {
		return true
	}
	m := tx.m
	if m.Keys(tx.db)+m.Keys(other) > MaxSwap {
		return false
	}
	a, b := m.dbs[tx.db], m.dbs[other]
	m.replaceSpace(tx.db, newSpace())
	m.replaceSpace(other, newSpace())
	m.regrant(tx.In(tx.db), b)
	m.regrant(tx.In(other), a)
	return true
}

// regrant puts all items of s into the database of tx with new tokens.
func (m *Machine) regrant(tx *Tx, s *space) {
	s.keys.Scan(func(_ string, it *Item) bool {
		moved := *it
		switch v := it.Value().(type) {
		case nil:
			moved.Token = m.tokenFor(it.Str)
		case *Holders:
			again := v.regranted(func(h *Hold) uint64 { return m.tokenFor(h.Owner) })
			m.adopt(again)
			moved.Extra = &Extra{Value: again, bytes: again.cost()}
		}
		m.put(tx.db, &moved)
		m.tellSet(tx.db, &moved)
		return true
	})
}

func intReply(token uint64) Reply { return resp.Int(int64(token)) }
