// What stands under a key.

package fsm

import "strings"

// MaxOwner is the length in bytes up to which a string value counts as the owner of a lock, where an entry's
// limits do not say another one. A longer value is a plain string: it has no fencing token.
const MaxOwner = 64 << 10

// Item is a key with its value: a string, or one of the types of value.go. A string key is an exclusive lock
// whose owner is its value; this is what makes `SET k owner NX PX 30000` and `LOCK k owner 30000` the same
// grant.
//
// An Item never changes once it is in the keyspace: a change puts a new one in its place. A snapshot, a
// long read and the undo journal therefore keep old Items without copying them.
type Item struct {
	Key, Str string
	Deadline Clock  // NoDeadline: stays
	Since    Clock  // when the owner came to hold it
	Token    uint64 // fencing token of the grant, 0 for what is no lock of one owner
	Rev      uint64 // differs from that of any other state of this key, for WATCH; 0 before entries of version 3
	Conn     uint64 // id of the client that took the lock, 0 before entries of version 4
	Extra    *Extra // what few keys have; nil for most
}

// Extra is what only some keys carry, kept apart so that a plain lock stays small.
type Extra struct {
	Terms       // of a lock of one owner
	Value Value // what the key holds where that is not a string
	bytes int64 // what Value counted when it was put here; Value itself may be about to change
}

// Value returns what the key holds, or nil where that is a string.
func (it *Item) Value() Value {
	if it.Extra == nil {
		return nil
	}
	return it.Extra.Value
}

// Type is what TYPE says of the key.
func (it *Item) Type() string {
	if v := it.Value(); v != nil {
		return v.Type()
	}
	return "string"
}

// Note returns the owner's own words about the lock, or "".
func (it *Item) Note() string {
	if it.Extra == nil {
		return ""
	}
	return it.Extra.Note
}

// TTL returns the milliseconds left at clock now, and -1 if it has no deadline.
func (it *Item) TTL(now Clock) int64 { return ttl(it.Ends(), now) }

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
		n += extraCost + int64(len(it.Extra.Note)+len(it.Extra.Session)+len(it.Extra.Revoked)) + it.Extra.bytes
	}
	return n
}

// Cost returns the bytes that the item counts against the memory limit.
func (it *Item) Cost() int64 { return it.cost() }

// keep copies s out of the entry's bytes, which are reused after the entry was applied.
func keep(s string) string { return strings.Clone(s) }
