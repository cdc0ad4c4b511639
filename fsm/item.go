// What stands under a key.

package fsm

import "strings"

// MaxOwner is the length in bytes up to which a string value counts as the owner of a lock, where an entry's
// limits do not say another one. A longer value is a plain string: it has no fencing token.
const MaxOwner = 64 << 10

// Item is a key with its value. A string key is an exclusive lock whose owner is its value; this is what
// makes `SET k owner NX PX 30000` and `LOCK k owner 30000` the same grant.
//
// An Item never changes once it is in the keyspace: a change puts a new one in its place. A snapshot, a
// long read and the undo journal therefore keep old Items without copying them.
type Item struct {
	Key, Str string
	Deadline Clock  // NoDeadline: stays
	Since    Clock  // when the owner came to hold it
	Token    uint64 // fencing token of the grant, 0 for a plain string
	Extra    *Extra // what few keys have; nil for most
}

// Extra is what only some keys carry, kept apart so that a plain lock stays small.
type Extra struct {
	Note string // what the owner says about itself, for people
}

// Note returns the owner's own words about the lock, or "".
func (it *Item) Note() string {
	if it.Extra == nil {
		return ""
	}
	return it.Extra.Note
}

// IsLock tells whether the item is a lock: a string short enough to be an owner.
func (it *Item) IsLock() bool { return it.Token != 0 }

// TTL returns the milliseconds left at clock now, and -1 if it has no deadline.
func (it *Item) TTL(now Clock) int64 {
	if it.Deadline == NoDeadline {
		return -1
	}
	return max(0, int64(it.Deadline-now))
}

// Cost of an item in bytes beside its strings: the structures that hold it, measured once on amd64 and then
// fixed, because all nodes must count the same.
const (
	itemCost  = 104
	indexCost = 32
	extraCost = 32
)

// cost is what the item counts against the memory limit, from lengths and constants only.
func (it *Item) cost() int64 {
	n := int64(itemCost + len(it.Key) + len(it.Str))
	if it.Deadline != NoDeadline {
		n += indexCost
	}
	if it.Extra != nil {
		n += int64(extraCost + len(it.Extra.Note))
	}
	return n
}

// Cost returns the bytes that the item counts against the memory limit.
func (it *Item) Cost() int64 { return it.cost() }

// keep copies s out of the entry's bytes, which are reused after the entry was applied.
func keep(s string) string { return strings.Clone(s) }
