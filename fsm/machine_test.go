// Single promises, one test each, in the words of the random tests' commands (ops_test.go).

package fsm

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// bench is a machine with one node of several connections.
type bench struct {
	*feeder
	recorder
}

func newBench(t *testing.T) *bench {
	b := &bench{feeder: &feeder{tb: t, m: New(opRunner{})}}
	b.do(Command{Kind: KindRegister})
	return b
}

// do applies an entry with these commands and returns what the sink got.
func (b *bench) do(commands ...Command) string {
	b.tb.Helper()
	b.events = nil
	b.index++
	if err := b.m.Apply(b.index, 1, b.entry(commands...), nil, &b.recorder); err != nil {
		b.tb.Fatal(err)
	}
	if err := b.m.Check(); err != nil {
		b.tb.Fatal(err)
	}
	return strings.ReplaceAll(strings.Join(b.events, ", "), "n1/1", "")
}

// on is a command of connection conn.
func on(conn uint64, ops ...string) Command { return Command{Conn: conn, Words: words(ops...)} }

// step is one entry of a scenario, what comes out of it, and by how much the clock goes on before.
type step struct {
	after Clock
	run   Command
	want  string
}

// unread is the end of connection 2 before it could read its last reply.
var unread = Command{Kind: KindClose, Conn: 2, Words: words("UNREAD")}

var scenarios = map[string][]step{
	"a lock lives through its last millisecond": {
		{0, on(1, "lock k a 10 0 -"), "#2 bulk token 1"},
		{10, on(2, "lock k b 10 0 -"), "#3 bulk held"},
		{1, on(2, "lock k b 10 0 -"), "#4 bulk token 2"},
	},
	"the holder keeps its token and never shortens": {
		{0, on(1, "lock k a 100 0 -"), "#2 bulk token 1"},
		{0, on(1, "lock k a 10 0 -", "get k"), "#3 bulk token 1;a 1 100 - 0"},
	},
	"waiters are served in order by the release": {
		{0, on(1, "lock k a 0 0 -"), "#2 bulk token 1"},
		{0, on(2, "lock k b 0 50 -"), "#3 none"},
		{0, on(3, "lock k c 0 50 -"), "#4 none"},
		{0, on(1, "unlock k a"), "#3 int 2, #5 bulk true"},
		{0, on(2, "unlock k b"), "#4 int 3, #6 bulk true"},
	},
	"a close without reading passes the lock on": {
		{0, on(1, "lock k a 0 0 -"), "#2 bulk token 1"},
		{0, on(2, "lock k b 0 50 -"), "#3 none"},
		{0, on(3, "lock k c 0 50 -"), "#4 none"},
		{0, on(1, "unlock k a"), "#3 int 2, #5 bulk true"},
		{0, unread, "#4 int 3, #6 OK"},
	},
	"a close without reading leaves a lock that its owner asked for again": {
		{0, on(1, "lock k a 0 0 -"), "#2 bulk token 1"},
		{0, on(2, "lock k b 0 50 -"), "#3 none"},
		{0, on(1, "unlock k a"), "#3 int 2, #4 bulk true"},
		{0, on(3, "lock k b 0 50 -"), "#5 bulk token 2"},
		{0, unread, "#6 OK"},
		{0, on(3, "get k"), "#7 bulk b 2 -1 - 0"},
	},
	"an owner that waits twice is served twice, and the end of one leaves the other": {
		{0, on(1, "lock k a 0 0 -"), "#2 bulk token 1"},
		{0, on(2, "lock k b 0 50 -"), "#3 none"},
		{0, on(3, "lock k b 0 50 -"), "#4 none"},
		{0, on(1, "unlock k a"), "#3 int 2, #4 int 2, #5 bulk true"},
		{0, unread, "#6 OK"},
		{0, on(3, "get k"), "#7 bulk b 2 -1 - 0"},
	},
	"a close without reading leaves a lock that its owner has set again": {
		{0, on(1, "lock k a 0 0 -"), "#2 bulk token 1"},
		{0, on(2, "lock k b 0 50 -"), "#3 none"},
		{0, on(1, "unlock k a"), "#3 int 2, #4 bulk true"},
		{0, on(3, "set k b 0"), "#5 bulk token 2"},
		{0, unread, "#6 OK"},
		{0, on(3, "get k"), "#7 bulk b 2 -1 - 0"},
	},
	"a script that frees and takes again is not overtaken": {
		{0, on(1, "lock k a 0 0 -"), "#2 bulk token 1"},
		{0, on(2, "lock k b 0 50 -"), "#3 none"},
		{0, on(1, "del k", "set k c 0"), "#4 bulk true;token 2"},
	},
	"what is due in the middle of a script serves its own queue only": {
		{9, on(1, "lock k a 0 0 -"), "#2 bulk token 1"},
		{0, on(2, "lock k b 0 500 -"), "#3 none"},
		{0, on(1, "set x a -5", "del k", "get x", "set k c 0"), "#4 bulk token 2;true;-;token 3"},
	},
	"who waits behind one that gives up is served if its owner holds the lock": {
		{0, on(1, "lock k a 0 0 -"), "#2 bulk token 1"},
		{0, on(2, "lock k b 0 5 -"), "#3 none"},
		{0, on(3, "lock k c 0 500 -"), "#4 none"},
		{0, on(1, "set k c 0"), "#5 bulk token 2"},
		{6, on(1, "get k"), "#3 null, #4 int 2, #6 bulk c 2 -1 - 0"},
	},
	"a panic undoes grants and their replies": {
		{0, on(1, "lock k a 0 0 -"), "#2 bulk token 1"},
		{0, on(2, "lock k b 0 50 -"), "#3 none"},
		{0, on(1, "flush", "set x y 0", "swap 1", "panic"),
			"#4 error ERR internal error in this command, nothing was changed: boom"},
		{0, on(1, "unlock k a"), "#3 int 2, #5 bulk true"},
	},
	"a flush serves all queues": {
		{0, on(1, "lock k a 0 0 -", "lock l a 0 0 -"), "#2 bulk token 1;token 2"},
		{0, on(2, "lock l b 0 50 -"), "#3 none"},
		{0, on(3, "lock k c 0 50 -"), "#4 none"},
		{0, on(1, "flush"), "#4 int 3, #3 int 4, #5 bulk flushed"},
	},
}

func TestScenarios(t *testing.T) {
	for name, steps := range scenarios {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for i, s := range steps {
				b.clock += s.after
				if got := b.do(s.run); got != s.want {
					t.Fatalf("step %d %q:\nwant %s\ngot  %s", i+1, s.run.Words, s.want, got)
				}
			}
		})
	}
}

// TestExpiryIsBounded lets more keys end than an entry may remove: in order, and gone for all at once.
func TestExpiryIsBounded(t *testing.T) {
	b := newBench(t)
	const keys = 2*expirePerEntry + 500
	for i := range keys {
		b.do(on(1, fmt.Sprintf("db %d", i%3), fmt.Sprintf("set k%05d o %d", i, 1000-i%7)))
	}
	b.clock = 5000
	for left := keys - expirePerEntry; left > -expirePerEntry; left -= expirePerEntry {
		b.do()
		if n := b.m.Keys(0) + b.m.Keys(1) + b.m.Keys(2); n != max(0, left) {
			t.Fatalf("%d keys are left, want %d", n, left)
		}
		if b.m.Due() != (left > 0) {
			t.Fatalf("%d are left, Due is %v", left, b.m.Due())
		}
		for db := range 3 { // none was removed before one with an earlier deadline
			d, ok := b.m.dbs[db].index.Min()
			if g := b.m.graves.ring[(b.m.graves.next+graveCount-1)%graveCount]; ok && g.At > d.deadline {
				t.Fatalf("removed %+v before %d", g, d.deadline)
			}
		}
		if tx := (&Tx{m: b.m}); tx.Len() != 0 || tx.Get(fmt.Sprintf("k%05d", keys-1)) != nil {
			t.Fatal("a read sees keys that are due")
		}
	}
}

// TestManyLosePatience bounds the waiters whose time ends in one entry; NextWake asks for the next entry.
func TestManyLosePatience(t *testing.T) {
	b := newBench(t)
	b.do(on(1, "lock k a 0 0 -"))
	const waiters = expirePerEntry + 10
	for i := range waiters {
		b.do(on(uint64(i+10), fmt.Sprintf("lock k o%d 0 100 -", i)))
	}
	b.clock = 200
	b.do()
	if n := b.m.Stats().Waiters; n != 10 {
		t.Fatalf("%d wait, want 10", n)
	}
	if next, any := b.m.NextWake(); !any || next > b.m.Clock() {
		t.Fatalf("next wake at %d (%v), the clock is at %d", next, any, b.m.Clock())
	}
	b.do()
	if _, any := b.m.NextWake(); any || b.m.Stats().Waiters != 0 {
		t.Fatal("somebody waits still")
	}
}

func TestNextWake(t *testing.T) {
	b := newBench(t)
	wake := func(want Clock, some bool) {
		t.Helper()
		if got, any := b.m.NextWake(); got != want || any != some {
			t.Errorf("next wake %d, %v; want %d, %v", got, any, want, some)
		}
	}
	b.do(on(1, "lock k a 50 0 -"))
	wake(0, false)
	b.do(on(2, fmt.Sprintf("lock k b 0 %d -", int64(math.MaxInt64))))
	wake(51, true)
	b.do(on(1, "ttl k 70"))
	wake(71, true)
	b.do(on(1, "ttl k 0")) // all that is left is a wait for ever
	wake(0, false)
	b.do(on(3, "lock k c 0 20 -"))
	wake(21, true)
}

func TestAfterIsNeverNoDeadline(t *testing.T) {
	for _, ttl := range []int64{math.MinInt64, -7, 0, 1, math.MaxInt64} {
		for _, c := range []Clock{0, 7, math.MaxInt64} {
			if d := c.After(ttl); d <= NoDeadline || (ttl >= 0 && d < c) {
				t.Errorf("%d after %d is %d", ttl, c, d)
			}
		}
	}
}

// TestNumbers takes repetitions, gaps and incarnations through one origin.
func TestNumbers(t *testing.T) {
	b := newBench(t)
	send := func(incarnation, first uint64, commands ...Command) string {
		b.events = nil
		b.index++
		e := Entry{Term: 1, Runs: []Run{{Origin{"n1", incarnation}, first, commands}}}
		if err := b.m.Apply(b.index, 1, e.Append(nil), nil, &b.recorder); err != nil {
			t.Fatal(err)
		}
		return strings.Join(b.events, ", ")
	}
	register := Command{Kind: KindRegister}
	for i, c := range []struct{ got, want string }{
		{send(1, 2, on(1, "set k v 0"), on(1, "force k")), "n1/1#2 bulk token 1, n1/1#3 bulk true"},
		{send(1, 2, on(1, "set k v 0"), on(1, "force k"), on(1, "len")), "n1/1#4 bulk 0"},
		{send(1, 6, on(1, "len"), on(1, "len")), "n1/1#6 refused"},
		{send(1, 5, on(1, "len")), "n1/1#5 bulk 0"},
		{send(1, 5, on(1, "len")), ""},
		{send(2, 2, on(1, "len")), "n1/2#2 refused"},
		{send(2, 1, on(1, "len")), "n1/2#1 refused"},
		{send(2, 1, register, on(1, "len")), "n1/2#1 OK, n1/2#2 bulk 0"},
		{send(1, 6, on(1, "len")), "n1/1#6 refused"},
		{send(1, 1, register), "n1/1#1 refused"},
		{send(2, 1, register), ""},
	} {
		if c.got != c.want {
			t.Errorf("case %d: want %q, got %q", i+1, c.want, c.got)
		}
	}
}

// TestVoid applies an entry that was stamped in another term: nothing of it happens but its index.
func TestVoid(t *testing.T) {
	b := newBench(t)
	e := Entry{Term: 2, Clock: 500, Runs: []Run{{Origin{"n1", 1}, 2, []Command{on(1, "set k v 0")}}}}
	reads := []Read{{Command: on(1, "len")}}
	b.events = nil
	if err := b.m.Apply(9, 3, e.Append(nil), reads, &b.recorder); err != (Void{}) || len(b.events) > 0 {
		t.Fatal(err, b.events)
	}
	if s := b.m.Stats(); s.Index != 9 || s.Term != 3 || s.Clock != 0 || s.Keys[0] != 0 {
		t.Fatalf("%+v", s)
	}
}

// TestDigest stops a node whose state went another way, and only that.
func TestDigest(t *testing.T) {
	b := newBench(t)
	b.do(on(1, "set k v 0"))
	index, digest := b.m.Digest()
	for _, c := range []struct {
		index, digest uint64
		ok            bool
	}{{0, 1, true}, {index, digest, true}, {index + digestCount, 1, true}, {index, digest + 1, false}} {
		e := Entry{Term: 1, DigestIndex: c.index, Digest: c.digest}
		b.index++
		if err := b.m.Apply(b.index, 1, e.Append(nil), nil, noSink{}); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestReadsInTheirPlaces runs reads among the commands of two runs.
func TestReadsInTheirPlaces(t *testing.T) {
	b := newBench(t)
	get := func(before int) Read { return Read{Before: before, Command: on(9, "len")} }
	e := Entry{Nonce: 77, Term: 1, Runs: []Run{
		{Origin{"n1", 1}, 2, []Command{on(1, "set a v 0"), on(1, "set b v 0")}},
		{Origin{"n2", 1}, 5, []Command{on(1, "set c v 0")}}, // refused: not registered
		{Origin{"n1", 1}, 4, []Command{on(1, "set d v 0")}},
	}}
	b.events = nil
	reads := []Read{get(0), get(1), get(2), get(3), get(4), get(99)}
	reads[4].Command.Words = words("panic")
	if err := b.m.Apply(2, 1, e.Append(nil), reads, &b.recorder); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range b.events {
		if text, ok := strings.CutPrefix(s, "read "); ok {
			got = append(got, text)
		}
	}
	want := []string{"bulk 0", "bulk 1", "bulk 2", "bulk 2",
		"error ERR internal error in this command: boom", "bulk 3"}
	if !slices.Equal(got, want) {
		t.Errorf("reads gave %q, want %q", got, want)
	}
	if n := Nonce(e.Append(nil)); n != 77 {
		t.Errorf("nonce %d", n)
	}
}

// TestCommandSize holds Size against what a command takes in an entry.
func TestCommandSize(t *testing.T) {
	for _, c := range []Command{
		{}, on(math.MaxUint64, ""), on(1, strings.Repeat("x", 1<<20), "y"),
		on(1, slices.Repeat([]string{"z"}, 300)...),
	} {
		if real := len(c.Append(nil)); real > c.Size() {
			t.Errorf("%d words take %d bytes, Size says %d", len(c.Words), real, c.Size())
		}
	}
}

// The length up to which a value is an owner is the leader's setting and travels in each entry.
func TestOwnerLengthComesWithTheEntry(t *testing.T) {
	m := New(lockRunner{})
	m.at.limits.OwnerBytes = 4
	if m.tokenFor("four") == 0 || m.tokenFor("fives") != 0 {
		t.Error("an owner of 4 bytes has no token, or one of 5 has")
	}
	m.at.limits.OwnerBytes = 0
	if m.tokenFor("fives") == 0 {
		t.Error("without a limit of its own the usual one holds")
	}
}

// What Append writes, decode reads: every field of an entry comes back.
func TestEntryRoundTrip(t *testing.T) {
	e := Entry{
		Version: 2, Nonce: 1, Term: 2, Clock: 3, Wall: 4,
		Limits:      Limits{Memory: 5, Waiters: 6, WaitersPerKey: 7, OwnerBytes: 8},
		DigestIndex: 9, Digest: 10,
		Runs: []Run{{Origin: Origin{"n", 11}, First: 12, Commands: []Command{
			{Kind: KindSilence, DB: 13, Conn: 14, Words: [][]byte{[]byte("a"), {}}},
		}}},
	}
	got, err := (&entryBuffer{newest: 2}).decode(e.Append(nil))
	if err != nil || !reflect.DeepEqual(*got, e) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

// A command that was appended is read back with what follows it; its words point into the bytes.
func TestCommandRoundTrip(t *testing.T) {
	want := []Command{
		{Words: [][]byte{}}, on(math.MaxUint64, "", "a\x00b"), on(1, slices.Repeat([]string{"z"}, 3000)...),
		{Kind: KindClose, DB: 15, Conn: 3, Words: words("UNREAD")},
	}
	var b []byte
	for i := range want {
		b = want[i].Append(b)
	}
	rest := b
	for i := range want {
		c, left, err := DecodeCommand(rest)
		if err != nil || !reflect.DeepEqual(c, want[i]) {
			t.Fatalf("command %d: %v, %v", i, c, err)
		}
		rest = left
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes are left over", len(rest))
	}
	one := want[1].Append(nil)
	for n := range one {
		if _, rest, err := DecodeCommand(one[:n]); err == nil || rest != nil {
			t.Errorf("read from %d of %d bytes", n, len(one))
		}
	}
	for _, bad := range []Command{{Kind: 99}, {DB: Databases}} {
		if _, _, err := DecodeCommand(bad.Append(nil)); err == nil {
			t.Errorf("%+v was read", bad)
		}
	}
}
