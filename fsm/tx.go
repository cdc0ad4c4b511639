// Tx is what a handler may do to the state. Keys and values that come in may point into the entry's bytes:
// Tx copies what it keeps.

package fsm

import (
	"sort"

	"github.com/divtxt/lockd/resp"
)

// Tx is the state as one command sees it, on behalf of one caller and in one database.
type Tx struct {
	m     *Machine
	db    int
	who   Caller
	write bool
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

// OutOfMemory tells whether the state has reached its limit, so that what adds to it must be refused.
func (tx *Tx) OutOfMemory() bool {
	limit := tx.m.at.limits.Memory
	return limit > 0 && tx.m.Bytes() >= limit
}

// Get returns the item at key, or nil. A key that is due is gone: a read skips it, a write removes it
// first and lets the next waiter have it.
func (tx *Tx) Get(key string) *Item {
	it := tx.m.itemAt(place{tx.db, key})
	if it == nil || !it.Deadline.passed(tx.m.clock) {
		return it
	}
	if !tx.write {
		return nil
	}
	tx.m.expire(tx.db, it)
	return tx.m.itemAt(place{tx.db, key})
}

// Set puts a string under key. The same value keeps its token, note and age; another value is another
// owner and gets a new token, unless it is too long to be one.
func (tx *Tx) Set(key, value string, deadline Clock) *Item {
	return tx.Replace(tx.Get(key), key, value, deadline)
}

// Replace is Set for who has looked already: old is what Get returned for key. In a large state finding a key
// is most of what a command costs.
func (tx *Tx) Replace(old *Item, key, value string, deadline Clock) *Item {
	if old != nil && old.Str == value {
		if old.Deadline == deadline {
			tx.m.touched(tx.db, old.Key)
			return old
		}
		it := *old
		it.Deadline = deadline
		tx.m.put(tx.db, &it)
		return &it
	}
	return tx.Grant(old, key, value, deadline)
}

// Grant puts a string under key with a new token even where the value stays the same, as for the
// destination of RENAME. old is what Get returned for key.
func (tx *Tx) Grant(old *Item, key, value string, deadline Clock) *Item {
	it := &Item{Str: keep(value), Deadline: deadline, Since: tx.m.clock, Token: tx.m.tokenFor(value)}
	if old != nil {
		it.Key = old.Key
	} else {
		it.Key = keep(key)
	}
	tx.m.put(tx.db, it)
	tx.m.freed(tx.db, it.Key) // the new owner may be the one who waits for it
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

// SetDeadline changes when it ends; the owner and its token stay.
func (tx *Tx) SetDeadline(it *Item, deadline Clock) {
	if it.Deadline == deadline {
		tx.m.touched(tx.db, it.Key)
		return
	}
	changed := *it
	changed.Deadline = deadline
	tx.m.put(tx.db, &changed)
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
		return it.Deadline.passed(tx.m.clock) || f(it)
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
		moved.Token = m.tokenFor(it.Str)
		m.put(tx.db, &moved)
		return true
	})
}

func intReply(token uint64) Reply { return resp.Int(int64(token)) }
