// KEYS, SCAN and RANDOMKEY.
//
// SCAN's cursor must be an integer, because clients parse it, and at most 2^53, because some parse it into
// a float. The keys are in order, so what a cursor has to lead back to is the last key that was visited.
// A cursor is (21 bits of that key's hash) << 32 | (its rank + 1), and it is followed in three ways:
//
//  1. The node that gave it remembers the key, in a small table. It goes on right behind it, exactly.
//  2. Otherwise (another node became leader, the table was overwritten, or the command is in the log and may
//     not depend on what one node remembers) it looks for a key with that hash near that rank, and goes on
//     right behind it.
//  3. Otherwise that key is gone, and who knows how many before it: it begins anew. So a key that is there
//     all the time is always returned, as Redis promises; others may come twice, as Redis allows. It cannot
//     go on for ever, for each new beginning takes that somebody deleted a key in between.
//
// The table is this node's memory, not state. It is made of atomic pointers, because a read may run beside
// another one, and it changes nothing that a logged command replies. Two scans that are at different keys
// of equal rank and equal hash would share a place in it; they are one in two millions.
//
// A page is bounded by keys and by the work of matching, so that a SCAN never takes long, whatever its
// COUNT, and needs no copy of the state. Fewer keys than COUNT, even none, are normal, as with Redis.

package commands

import (
	"hash/fnv"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func listCommands() []Command {
	keyspace := []string{"keyspace"}
	points := &scanPoints{}
	return []Command{
		{
			Name: "keys", Arity: 2, Flags: ReadOnly | Long, Group: "generic", Since: "1.0.0", Syntax: "pattern",
			Complexity: "O(N), N the number of keys that begin as the pattern does",
			Categories: []string{"keyspace", "dangerous"}, Handler: keysMatching,
			Tips:    []string{"request_policy:all_shards", "nondeterministic_output_order"},
			Summary: "List all keys that match a pattern, in their order.",
		},
		{
			Name: "scan", Arity: -2, Flags: ReadOnly, Group: "generic", Since: "2.8.0",
			Syntax:     "cursor [MATCH pattern] [COUNT count] [TYPE type]",
			Complexity: "O(1) for a page, O(N) for all, N the number of keys", Categories: keyspace,
			Tips:    []string{"nondeterministic_output", "request_policy:special"},
			Handler: points.scan, Summary: "List keys page by page.",
		},
		{
			Name: "randomkey", Arity: 1, Flags: ReadOnly, Group: "generic", Since: "1.0.0",
			Complexity: "O(log N)", Categories: keyspace, Handler: randomKey,
			Tips:    []string{"request_policy:all_shards", "nondeterministic_output"},
			Summary: "Reply a key, any.",
		},
	}
}

// keysSteps bounds the work of one KEYS: about half a second of matching.
const keysSteps = 1 << 28

func keysMatching(tx *fsm.Tx, a Args) resp.Value {
	var list []resp.Value
	g := glob{pattern: a.Str(1), steps: keysSteps}
	prefix := g.prefix()
	tx.Each(prefix, func(it *fsm.Item) bool {
		if !strings.HasPrefix(it.Key, prefix) {
			return false
		}
		if g.all() || g.match(it.Key) {
			list = append(list, resp.Bulk(it.Key))
		}
		return !g.spent()
	})
	if g.spent() {
		return resp.Error("ERR this pattern takes too long on so many keys: use SCAN, or a simpler pattern")
	}
	return resp.Array(list...)
}

// The bounds of a page.
const (
	scanCount    = 10      // COUNT if it is not given, as in Redis
	scanMaxCount = 2000    // larger COUNTs give pages of this size
	scanSteps    = 1 << 20 // work of matching, about 2 ms
)

// scanOptions is what the words after the cursor said.
type scanOptions struct {
	pattern string
	typed   bool
	kind    string // the type that TYPE asks for, in lower case
	count   int
}

// readScanOptions reads the words from word i on. Only SCAN has TYPE.
func readScanOptions(a Args, i int, typed bool) (o scanOptions, problem resp.Value) {
	o = scanOptions{pattern: "*", count: scanCount}
	for ; i < len(a); i += 2 {
		switch {
		case i+1 >= len(a):
			return o, errSyntax()
		case a.Is(i, "COUNT"):
			n, ok := a.Int(i + 1)
			if !ok {
				return o, errNotInt()
			}
			if n < 1 {
				return o, errSyntax()
			}
			o.count = int(min(n, scanMaxCount))
		case a.Is(i, "MATCH"):
			o.pattern = a.Str(i + 1)
		case typed && a.Is(i, "TYPE"):
			o.typed, o.kind = true, strings.ToLower(a.Str(i+1))
		default:
			return o, errSyntax()
		}
	}
	return o, resp.Value{}
}

// parseCursor reads a cursor as C's strtoul does in Redis: a sign is fine, and so is nothing at all.
func parseCursor(s string) (uint64, bool) {
	digits := strings.TrimPrefix(s, "+")
	if digits == s {
		digits = strings.TrimPrefix(s, "-")
	}
	if s == "" {
		return 0, true
	}
	for i := range len(digits) {
		if !isDigit(digits[i], false) {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if digits != s && s[0] == '-' {
		n = -n
	}
	return n, err == nil
}

func (p *scanPoints) scan(tx *fsm.Tx, a Args) resp.Value {
	cursor, ok := parseCursor(a.Str(1))
	if !ok {
		return errCursor()
	}
	o, problem := readScanOptions(a, 2, true)
	if problem.IsError() {
		return problem
	}
	keys := keySequence(tx)
	after, fromStart := p.resume(&keys, cursor)
	found := page{glob: glob{pattern: o.pattern, steps: scanSteps}, count: o.count}
	var list []resp.Value
	found.walk(tx.Each, after, fromStart, func(it *fsm.Item) bool {
		if !o.typed || o.kind == it.Type() {
			list = append(list, resp.Bulk(it.Key))
		}
		return true
	})
	next := uint64(0)
	if !found.end {
		next = p.remember(&keys, found.last)
	}
	return scanReply(next, list)
}

func errCursor() resp.Value { return resp.Error("ERR invalid cursor") }

func scanReply(next uint64, list []resp.Value) resp.Value {
	return resp.Array(resp.Bulk(strconv.FormatUint(next, 10)), resp.Array(list...))
}

// page is one bounded walk over the keys that match.
type page struct {
	glob  glob
	count int    // keys to visit at most
	last  string // the last key that was visited
	end   bool   // no key comes after it
}

// eachItem calls f with items from a key on, in the order of their keys, until it returns false.
type eachItem func(from string, f func(*fsm.Item) bool)

// walk calls f with the items that match, from the beginning or behind the key after, until it returns
// false: then the page is full.
func (p *page) walk(each eachItem, after string, fromStart bool, f func(*fsm.Item) bool) {
	prefix := p.glob.prefix()
	from := max(after, prefix)
	p.end = true
	visited, full := 0, false
	each(from, func(it *fsm.Item) bool {
		switch {
		case !fromStart && it.Key <= after:
			return true
		case !strings.HasPrefix(it.Key, prefix):
			return false
		case full || visited >= p.count || p.glob.spent():
			p.end = false
			return false
		}
		visited++
		p.last = it.Key
		full = (p.glob.all() || p.glob.match(it.Key)) && !f(it)
		return true
	})
}

// scanSlots is how many cursors a node remembers.
const scanSlots = 4096

// scanPoints is what a node remembers of the cursors it gave out.
type scanPoints struct {
	slots [scanSlots]atomic.Pointer[scanPoint]
}

type scanPoint struct {
	cursor uint64
	of     scanned
	name   string
}

// scanned is what a cursor leads through: the keys of a database, or the names in the value of a key.
type scanned struct {
	db  int
	key string // "" for the keys; a key without a name shares its cursors with them
}

// sequence is names in their order.
type sequence struct {
	of     scanned
	again  bool // what this node remembers may decide
	length int
	at     func(place int) (name string, ok bool)
	each   func(from string, f func(name string) bool)
}

// keySequence is the keys of the database.
func keySequence(tx *fsm.Tx) sequence {
	return sequence{
		of: scanned{db: tx.DB()}, again: !tx.Writes(), length: tx.Size(),
		at: func(place int) (string, bool) {
			if it := tx.At(place); it != nil {
				return it.Key, true
			}
			return "", false
		},
		each: func(from string, f func(string) bool) {
			tx.Each(from, func(it *fsm.Item) bool { return f(it.Key) })
		},
	}
}

func (p *scanPoints) slot(cursor uint64, of scanned) *atomic.Pointer[scanPoint] {
	// Rank and hash alike make cursors differ; both go into the choice of the slot.
	mixed := cursor ^ cursor>>32*0x9e3779b1 ^ uint64(of.db)*0x85ebca6b ^ keyHash(of.key)<<20
	mixed *= 0x9e3779b97f4a7c15
	return &p.slots[mixed>>32%scanSlots]
}

const (
	rankBits = 32
	maxRank  = 1<<rankBits - 1
	hashMask = 1<<21 - 1
)

// keyHash returns the part of key's hash that a cursor holds.
func keyHash(key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // a hash never fails to take bytes
	sum := h.Sum64()
	return (sum ^ sum>>32) & hashMask
}

// remember makes the cursor that leads behind a name.
func (p *scanPoints) remember(q *sequence, name string) uint64 {
	rank := sort.Search(q.length, func(i int) bool {
		at, ok := q.at(i)
		return !ok || at >= name
	})
	cursor := keyHash(name)<<rankBits | uint64(min(rank+1, maxRank))
	p.slot(cursor, q.of).Store(&scanPoint{cursor, scanned{q.of.db, strings.Clone(q.of.key)}, name})
	return cursor
}

// scanWindow is how far from its rank a key is looked for, to either side.
const scanWindow = 512

// resume returns the name behind which a cursor goes on, or that it begins anew.
func (p *scanPoints) resume(q *sequence, cursor uint64) (after string, fromStart bool) {
	if cursor == 0 {
		return "", true
	}
	known := p.slot(cursor, q.of).Load()
	if known != nil && known.cursor == cursor && known.of == q.of && q.again {
		return known.name, false
	}
	rank, hash := int(cursor&maxRank)-1, cursor>>rankBits
	place := max(0, min(rank, q.length)-scanWindow)
	first, ok := q.at(place)
	if !ok {
		return "", true
	}
	nearest := scanWindow + 1
	q.each(first, func(name string) bool {
		if off := max(place-rank, rank-place); off < nearest && keyHash(name) == hash {
			after, nearest = name, off
		}
		place++
		return place <= rank+scanWindow
	})
	return after, nearest > scanWindow
}

// randomKey picks by a number that the entry carries, so that it is the same on all nodes.
func randomKey(tx *fsm.Tx, _ Args) resp.Value {
	n := tx.Len()
	if n == 0 {
		return resp.Null()
	}
	reply := resp.Null()
	take := func(it *fsm.Item) bool {
		reply = resp.Bulk(it.Key)
		return false
	}
	// The place may hold a key that is due; then the next one that is not, perhaps from the beginning.
	tx.Each(tx.At(tx.Random(n)).Key, take)
	if reply.IsNull() {
		tx.Each("", take)
	}
	return reply
}
