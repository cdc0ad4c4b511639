package fsm

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/divtxt/lockd/resp"
)

// eventsOf are the events of a machine, or of a view: number, kind, key, owner.
func eventsOf(m *Machine) (list []string) {
	(&Tx{m: m}).Events(0, func(e *LockEvent) bool {
		list = append(list, fmt.Sprintf("%d %v %s %s", e.Number, e.Kind, e.Key, e.Owner))
		return true
	})
	return list
}

// What a view has seen stays as it was, though what comes later is undone, overwritten and dropped.
func TestEventsOfAView(t *testing.T) {
	m := New(opRunner{})
	f := newFeeder(t, m)
	f.version = VersionLocks
	f.apply(Command{Conn: 3, Words: words("lock a o1 0 0 hi")})
	view := m.View()
	before := eventsOf(view.m)
	for i := range 3 * eventChunk {
		f.apply(Command{Conn: 3, Words: words("unlock a o1", "lock a o2 0 0 hi", "panic")})
		f.apply(Command{Conn: 3, Words: words(fmt.Sprintf("set b o%d 0", i))})
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
	}
	if got := eventsOf(view.m); fmt.Sprint(got) != "[1 granted a o1]" || fmt.Sprint(before) != fmt.Sprint(got) {
		t.Errorf("the view shows %q, it was %q", got, before)
	}
	got := eventsOf(m)
	if len(got) != 6*eventChunk || got[1] != "2 granted b o0" || got[2] != "3 removed b o0" || got[3] != "4 granted b o1" {
		t.Errorf("%d events, from %q", len(got), got[:4])
	}
	if m.counters.undone != 3*eventChunk {
		t.Errorf("%d commands were undone", m.counters.undone)
	}
}

// No more is kept than may be, in number, in bytes, and as a part of a small memory; a snapshot has the same.
func TestEventsAreDropped(t *testing.T) {
	m := New(opRunner{})
	f := newFeeder(t, m)
	f.version = VersionLocks
	for i := range mostEvents/100 + 7 {
		var batch [][]byte
		for j := range 50 {
			batch = append(batch, words(fmt.Sprintf("set a o%d-%d 0", i, j))...)
		}
		f.apply(Command{Conn: 1, Words: batch})
	}
	if n := m.counters.events + 1 - m.events.first; n != mostEvents || m.counters.events < mostEvents+500 {
		t.Errorf("%d events are kept of %d", n, m.counters.events)
	}
	if n := len(m.events.chunks); n > mostEvents/eventChunk+1 {
		t.Errorf("%d chunks", n)
	}
	small := New(opRunner{})
	if err := small.Restore(bytes.NewReader(snapshotOf(t, m))); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(eventsOf(small)) != fmt.Sprint(eventsOf(m)) || small.Bytes() != m.Bytes() {
		t.Error("a restored machine has other events")
	}
	long := strings.Repeat("l", MaxOwner-10)
	for i := range 400 {
		f.apply(Command{Conn: 1, Words: words(fmt.Sprintf("set a %s%d 0", long, i))})
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(eventsOf(m)); m.events.bytes > mostEventBytes || n > mostEventBytes/len(long) || n < 100 {
		t.Errorf("%d events of %d bytes", n, m.events.bytes)
	}
	e := Entry{Version: VersionLocks, Term: 1, Limits: Limits{Memory: 1 << 20}, Runs: []Run{
		{Origin{"n1", 1}, f.seq + 1, []Command{{Words: words("del a")}}}}}
	f.applyBytes(e.Append(nil))
	if m.events.bytes > 1<<20/eventShare {
		t.Errorf("%d bytes of events where %d may be", m.events.bytes, 1<<20)
	}
	if err := m.Check(); err != nil {
		t.Error(err)
	}
}

// Entries before version 4 tell nothing, and a state that knows none of them writes nothing of events.
func TestEventsOfVersions(t *testing.T) {
	m := New(opRunner{})
	f := newFeeder(t, m)
	f.version = VersionData
	f.apply(Command{Conn: 1, Words: words("lock a o1 0 0 hi", "unlock a o1", "lock b o1 0 0 hi")})
	if n := m.counters.events; n != 0 || m.events.bytes != 0 {
		t.Errorf("%d events", n)
	}
	m.BeginAnew(1000)
	if m.counters.events != 0 {
		t.Error("a number that the snapshot does not hold")
	}
	f = newFeeder(t, New(opRunner{}))
	m, f.version = f.m, VersionLocks
	f.apply(Command{Conn: 1, Words: words("lock b o1 0 0 hi")})
	m.BeginAnew(1000)
	restored := New(opRunner{})
	if err := restored.Restore(bytes.NewReader(snapshotOf(t, m))); err != nil {
		t.Fatal(err)
	}
	first, next := (&Tx{m: restored}).EventNumbers()
	if first != 1001 || next != 1001 || len(eventsOf(restored)) != 0 {
		t.Errorf("numbers begin at %d and go on at %d", first, next)
	}
	if err := restored.Check(); err != nil {
		t.Error(err)
	}
}

// A snapshot with an event of a kind that is not known is refused, not misread.
func TestEventsOfDamagedSnapshots(t *testing.T) {
	for name, spoil := range map[string]func(m *Machine, e *LockEvent){
		"kind":  func(_ *Machine, e *LockEvent) { e.Kind = eventKinds },
		"none":  func(_ *Machine, e *LockEvent) { e.Kind = 0 },
		"mode":  func(_ *Machine, e *LockEvent) { e.Mode = modes },
		"db":    func(_ *Machine, e *LockEvent) { e.DB = Databases },
		"count": func(m *Machine, _ *LockEvent) { m.counters.events, m.events.first = 0, 0 },
	} {
		m := New(opRunner{})
		f := newFeeder(t, m)
		f.version = VersionLocks
		f.apply(Command{Conn: 1, Words: words("lock a o1 0 0 hi")})
		spoil(m, m.events.at(1))
		if err := New(opRunner{}).Restore(bytes.NewReader(snapshotOf(t, m))); err == nil {
			t.Errorf("%s: it was restored", name)
		}
	}
}

func TestEventKinds(t *testing.T) {
	seen := map[string]bool{}
	for k := range eventKinds {
		if name := k.String(); name == "" || seen[name] {
			t.Errorf("kind %d is called %q", k, name)
		} else {
			seen[name] = true
		}
	}
}

// While somebody watches, the leader is to propose an entry as soon as a lock is over.
func TestEventsWakeTheLeader(t *testing.T) {
	m := New(opRunner{})
	f := newFeeder(t, m)
	f.version, f.clock = VersionLocks, 100
	f.apply(Command{Conn: 1, Words: words("lock a o1 50 0 hi", "db 3", "lock b o1 20 0 hi")})
	wakes := func(want Clock, what string) {
		t.Helper()
		if at, some := m.NextWake(); some != (want > 0) || some && at != want {
			t.Errorf("%s: wakes at %d, %v, want %d", what, at, some, want)
		}
	}
	wakes(0, "nobody watches")
	for name, kind := range map[string]Subscribed{
		"__lock__:a": ToChannel, "__lock__:*": ToPattern, "__lock__*": ToPattern,
	} {
		m.subs.add(subscription{kind, name, peer{"n1", 7}})
		wakes(121, name)
		m.subs.end(peer{"n1", 7})
	}
	m.subs.add(subscription{ToChannel, "other", peer{"n1", 7}})
	m.subs.add(subscription{ToPattern, "*", peer{"n1", 7}})
	wakes(0, "others listen")
	tx := &Tx{m: m, write: true, who: Caller{Origin: Origin{"n1", 1}, Conn: 9, Seq: 1}}
	tx.AwaitEvents(words("lock.events"), 0)
	wakes(121, "a reader")
	m.quit(m.queue.parkedOn(peer{"n1", 9}), resp.Null(), "")
	m.journal, m.answers, m.frees = nil, nil, nil
	m.subs.add(subscription{ToChannel, "__lock__:b", peer{"n1", 7}})
	f.clock = 121
	f.apply()
	wakes(151, "the next one")
	f.clock = 151
	f.apply()
	wakes(0, "nothing is left")
}
