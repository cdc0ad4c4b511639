// What an entry costs: commands with small and large keyspaces, mass expiry, and the bytes that a lock
// takes. The figures stand in docs; run with: go test ./fsm -run XXX -bench . -benchmem

package fsm

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"github.com/divtxt/lockd/resp"
)

// str is how handlers see a word: without a copy, so that a test notices what is kept of an entry's bytes.
func str(w []byte) string { return unsafe.String(unsafe.SliceData(w), len(w)) }

// lockRunner is the least of a command table: SET key owner NX PX ms, and the libraries' compare and delete.
type lockRunner struct{}

func (lockRunner) Run(tx *Tx, words [][]byte) Reply {
	key := str(words[1])
	switch str(words[0]) {
	case "set":
		if tx.Get(key) != nil {
			return resp.Null()
		}
		ttl, _ := strconv.ParseInt(str(words[3]), 10, 64)
		tx.Set(key, str(words[2]), tx.Clock().After(ttl))
		return resp.OK()
	case "delifeq":
		if _, released := tx.Unlock(key, str(words[2]), 0); released {
			return resp.Int(1)
		}
	}
	return resp.Int(0)
}

// noSink throws replies away.
type noSink struct{}

func (noSink) Answer(Origin, uint64, Reply) {}
func (noSink) AnswerRead(int, Reply)        {}
func (noSink) LongRead(int, *View)          {}
func (noSink) Refuse(Origin, uint64)        {}
func (noSink) Silenced(Origin)              {}

// lockKey is a key of 22 bytes, spread over the keyspace as lock names are.
func lockKey(i int) []byte {
	return []byte(fmt.Sprintf("lock:%016x!", uint64(i)*0x9e3779b97f4a7c15))
}

func lockOwner(i int) []byte { return []byte(fmt.Sprintf("owner-%014d", i)) }

// feeder gives a machine entries of one origin.
type feeder struct {
	tb    testing.TB
	m     *Machine
	index uint64
	seq   uint64
	clock Clock
	buf   []byte

	version byte
}

func newFeeder(tb testing.TB, m *Machine) *feeder {
	f := &feeder{tb: tb, m: m, index: m.Index(), clock: m.Clock()}
	f.apply(Command{Kind: KindRegister})
	return f
}

// entry encodes commands as the next entry.
func (f *feeder) entry(commands ...Command) []byte {
	e := Entry{Version: f.version, Term: 1, Clock: f.clock}
	if len(commands) > 0 {
		e.Runs = []Run{{Origin{"n1", 1}, f.seq + 1, commands}}
		f.seq += uint64(len(commands))
	}
	f.buf = e.Append(f.buf[:0])
	return f.buf
}

func (f *feeder) apply(commands ...Command) { f.applyBytes(f.entry(commands...)) }

func (f *feeder) applyBytes(data []byte) {
	f.index++
	if err := f.m.Apply(f.index, 1, data, nil, noSink{}); err != nil {
		f.tb.Fatal(err)
	}
}

func words(ws ...string) [][]byte {
	out := make([][]byte, len(ws))
	for i, w := range ws {
		out[i] = []byte(w)
	}
	return out
}

func setNX(i int, ttl string) Command {
	return Command{Conn: 1, Words: [][]byte{[]byte("set"), lockKey(i), lockOwner(i), []byte(ttl)}}
}

func delIfEq(i int) Command {
	return Command{Conn: 1, Words: [][]byte{[]byte("delifeq"), lockKey(i), lockOwner(i)}}
}

// fill takes n locks with deadlines between ttl and 2*ttl.
func (f *feeder) fill(n int, ttl int) {
	batch := make([]Command, 0, 64)
	for i := range n {
		batch = append(batch, setNX(i, strconv.Itoa(ttl+int(uint32(i)*2654435761%uint32(ttl)))))
		if len(batch) == cap(batch) || i == n-1 {
			f.apply(batch...)
			batch = batch[:0]
		}
	}
}

func BenchmarkApply(b *testing.B) { benchmarkApply(b, EntryVersionFirst) }

// BenchmarkApplyEvents is BenchmarkApply with entries that tell of events.
func BenchmarkApplyEvents(b *testing.B) { benchmarkApply(b, VersionLocks) }

func benchmarkApply(b *testing.B, version byte) {
	for _, keys := range []int{0, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			f := newFeeder(b, New(lockRunner{}))
			f.version = version
			f.fill(keys, 1_000_000)
			sets, dels := make([]Command, 64), make([]Command, 64)
			b.ReportAllocs()
			commands := 0
			for b.Loop() {
				b.StopTimer()
				for j := range sets {
					n := keys + (commands+j)*7919
					sets[j], dels[j] = setNX(n, "30000"), delIfEq(n)
				}
				first := append([]byte(nil), f.entry(sets...)...)
				second := append([]byte(nil), f.entry(dels...)...)
				b.StartTimer()
				f.applyBytes(first)
				f.applyBytes(second)
				commands += 128
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(commands), "ns/command")
		})
	}
}

// BenchmarkExpiry applies entries that each remove expirePerEntry of many due keys.
func BenchmarkExpiry(b *testing.B) {
	const keys = 1_000_000
	f := newFeeder(b, New(lockRunner{}))
	full := 0
	for b.Loop() {
		if f.m.Expires(0) < expirePerEntry {
			b.StopTimer()
			f.m = New(lockRunner{})
			f.seq, f.clock = 0, 0
			f.apply(Command{Kind: KindRegister})
			f.fill(keys, 1_000_000)
			f.clock = 10_000_000
			full++
			b.StartTimer()
		}
		f.apply()
	}
}

func heap() int64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// TestBytesOfALock reports what a lock takes in memory, fresh and restored, and that this is about what it is
// counted for.
func TestBytesOfALock(t *testing.T) {
	n := manyLocks(100_000)
	before := heap()
	m := New(lockRunner{})
	newFeeder(t, m).fill(n, 1_000_000)
	fresh := (heap() - before) / int64(n)
	data := snapshotOf(t, m)
	counted := m.Bytes() / int64(n)
	m = New(lockRunner{})
	before = heap()
	if err := m.Restore(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	restored := (heap() - before) / int64(n)
	t.Logf("%d locks: %d bytes live each, %d when restored, counted as %d", n, fresh, restored, counted)
	if max(fresh, restored) > 200 {
		t.Errorf("a lock takes %d or %d bytes, 200 at most were meant", fresh, restored)
	}
	runtime.KeepAlive(m)
	runtime.KeepAlive(data)
}

// BenchmarkSnapshot writes and restores a million locks.
func BenchmarkSnapshot(b *testing.B) {
	const keys = 1_000_000
	m := New(lockRunner{})
	newFeeder(b, m).fill(keys, 1_000_000)
	data := snapshotOf(b, m)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if err := m.View().Write(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if err := New(lockRunner{}).Restore(bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func (noSink) Push(string, uint64, Reply)       {}
func (noSink) Changed(int, string, Caller)      {}
func (noSink) Flushed(Caller)                   {}
func (noSink) Listens(string, uint64, Listens)  {}
func (noSink) Event(int, Event, string, string) {}

func (lockRunner) Match(pattern, channel string) bool { return pattern == "*" || pattern == channel }

// BenchmarkDeadlockSearch refuses and lets wait while 10,000 others wait: each for one lock of a hundred, or for
// two of them.
func BenchmarkDeadlockSearch(b *testing.B) {
	for name, ask := range map[string]string{
		"one each": "lock k%d o%d wait=999999", "two each": "lock k%d,l%[1]d o%[2]d wait=999999",
	} {
		b.Run(name, func(b *testing.B) {
			f := &feeder{tb: b, m: New(locksRunner{}), version: VersionLocks}
			f.apply(Command{Kind: KindRegister})
			for i := range 100 {
				f.apply(on(1, fmt.Sprintf("lock k%d h%d", i, i), fmt.Sprintf("lock l%d h%d", i, i)))
			}
			for i := range 10_000 {
				f.apply(on(uint64(2+i), fmt.Sprintf(ask, i%100, i)))
			}
			w := &waiter{keys: []string{"k1"}, lock: Wish{Owner: "h2", Prio: DefaultPrio}}
			for b.Loop() {
				if f.m.cycle(w) != nil {
					b.Fatal("there is no cycle")
				}
			}
		})
	}
}

// TestBytesOfAWaiter reports what one takes in memory who waits for a lock that many want, fresh and restored.
func TestBytesOfAWaiter(t *testing.T) {
	n := manyLocks(50_000)
	parked := func(n int) *Machine {
		f := &feeder{tb: t, m: New(locksRunner{}), version: VersionLocks}
		f.apply(Command{Kind: KindRegister})
		for i := range uint64(n) {
			f.apply(on(1+i, fmt.Sprintf("lock lock:0123456789abcdef! owner-%014d wait=999999", i)))
		}
		return f.m
	}
	const few = mostEvents // what is kept of events is no waiter's, and is as much for both
	before := heap()
	less := parked(few)
	between := heap()
	more := parked(few + n)
	fresh := (heap() - between - (between - before)) / int64(n)
	counted := (more.Bytes() - less.Bytes()) / int64(n)
	live := func(data []byte) int64 {
		before, m := heap(), New(locksRunner{})
		if err := m.Restore(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		bytes := heap() - before
		runtime.KeepAlive(m)
		return bytes
	}
	restored := (live(snapshotOf(t, more)) - live(snapshotOf(t, less))) / int64(n)
	t.Logf("%d waiters: %d bytes live each, %d when restored, counted as %d", n, fresh, restored, counted)
	if max(fresh, restored) >= 500 {
		t.Errorf("who waits takes %d or %d bytes, less than 500 were meant", fresh, restored)
	}
	runtime.KeepAlive(less)
	runtime.KeepAlive(more)
}

// BenchmarkDeadlockChain lets an owner ask for a lock whose holder waits for another one, whose holder waits in
// turn, and so on, beside 10,000 who wait for one of these locks.
func BenchmarkDeadlockChain(b *testing.B) {
	for _, owners := range []int{3, 10, 100} {
		f := &feeder{tb: b, m: New(locksRunner{}), version: VersionLocks}
		f.apply(Command{Kind: KindRegister})
		for i := range owners {
			f.apply(on(1, fmt.Sprintf("lock k%d o%d", i, i)))
		}
		for i := range owners - 1 {
			f.apply(on(uint64(2+i), fmt.Sprintf("lock k%d o%d wait=999999", i+1, i)))
		}
		for i := range 10_000 {
			f.apply(on(uint64(2+owners+i), fmt.Sprintf("lock k%d other%d wait=999999", i%owners, i)))
		}
		for name, owner := range map[string]string{"waits": "stranger", "closes": fmt.Sprint("o", owners-1)} {
			b.Run(fmt.Sprintf("%s/owners=%d", name, owners), func(b *testing.B) {
				w := &waiter{keys: []string{"k0"}, lock: Wish{Owner: owner, Prio: DefaultPrio}}
				for b.Loop() {
					if found := f.m.cycle(w) != nil; found != (name == "closes") {
						b.Fatalf("there is a cycle: %v", found)
					}
				}
			})
		}
	}
}
