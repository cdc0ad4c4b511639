package fsm

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/divtxt/lockd/resp"
)

// every is a reply of every kind that is remembered.
func every() Reply {
	return resp.Array(resp.Null(), resp.Int(-5), resp.Bulk("text"), resp.Simple("OK"),
		resp.Map(resp.Bulk("ok"), resp.Int(1), resp.Bulk("token"), resp.Null()), resp.Array())
}

func replyText(v Reply) string {
	s := strconv.Itoa(int(v.Kind())) + strconv.FormatInt(v.Num(), 10) + v.Str()
	for _, part := range v.List() {
		s += "(" + replyText(part) + ")"
	}
	return s
}

// A reply is kept whole, and nothing of it in the entry's bytes.
func TestKeptReply(t *testing.T) {
	word := []byte("text")
	kept := keptReply(resp.Map(resp.Bulk("owner"), resp.Bulk(str(word))))
	copy(word, "####")
	if got := kept.List()[1].Str(); got != "text" {
		t.Errorf("it is %q now", got)
	}
	if got, want := replyText(keptReply(every())), replyText(every()); got != want {
		t.Errorf("kept %s, was %s", got, want)
	}
}

// Replies of all kinds are in a snapshot; one that this program does not know, or that is nested without an
// end, is refused.
func TestReplyInSnapshot(t *testing.T) {
	read := func(write func(e *encoder)) (Reply, error) {
		var b bytes.Buffer
		e := &encoder{w: &b, version: SnapshotVersion}
		write(e)
		e.flush(true)
		d := newDecoder(&b)
		return d.reply(0), d.err
	}
	got, err := read(func(e *encoder) { e.reply(every()) })
	if err != nil || replyText(got) != replyText(every()) {
		t.Errorf("read %s, %v; want %s", replyText(got), err, replyText(every()))
	}
	for what, write := range map[string]func(e *encoder){
		"a kind that is not known": func(e *encoder) { e.uints(replyMap + 1) },
		"one in one in one":        func(e *encoder) { e.uints(replyArray, 1, replyArray, 1, replyMap, 1, replyArray, 1, replyInt, 1) },
	} {
		if _, err := read(write); err == nil || !strings.Contains(err.Error(), "start a newer lockd") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := read(func(e *encoder) { e.uints(replyArray, 1<<40) }); err == nil {
		t.Error("a reply that is cut off was read")
	}
}

// Two nodes whose fences or requests differ notice it with the next entry.
func TestDigestOfRequests(t *testing.T) {
	for what, change := range map[string]func(m *Machine){
		"fence":             func(m *Machine) { m.fences.set("disk", 8) },
		"resource":          func(m *Machine) { m.fences.set("tape", 0) },
		"request":           func(m *Machine) { m.remember(Request{ID: "r2"}, resp.Int(1)) },
		"forgotten request": func(m *Machine) { m.forgetRequest("r") },
	} {
		b := newBench(t)
		b.version = VersionLocks
		b.do()
		b.m.fences.set("disk", 7)
		b.m.remember(Request{ID: "r"}, resp.Int(1))
		before := b.m.digest()
		if change(b.m); b.m.digest() == before {
			t.Errorf("a digest does not cover a %s", what)
		}
	}
}

// A new cluster made of a backup refuses whom the old one refused, and knows what was replied.
func TestRequestsBeginAnew(t *testing.T) {
	b := newBench(t)
	b.version = VersionLocks
	b.do()
	b.m.fences.set("disk", 7)
	b.m.remember(Request{ID: "r", Print: 3}, resp.Int(1))
	b.m.journal = b.m.journal[:0]
	restored := New(opRunner{})
	if err := restored.Restore(bytes.NewReader(snapshotOf(t, b.m))); err != nil {
		t.Fatal(err)
	}
	restored.BeginAnew(1000)
	tx := Tx{m: restored, write: true}
	if token, ok := tx.Fence("disk"); token != 7 || !ok {
		t.Errorf("the fence is %d, %v", token, ok)
	}
	if v, how := tx.Sent(Request{ID: "r", Print: 3}); how != SentBefore || v.Num() != 1 {
		t.Errorf("the request was replied %s, %v", replyText(v), how)
	}
	if err := restored.Check(); err != nil {
		t.Error(err)
	}
}

// What is forgotten because its time is over is so over several entries, the oldest first.
func TestForgottenOverEntries(t *testing.T) {
	b := newBench(t)
	b.version = VersionLocks
	b.do()
	const count = 2*forgetPerEntry + 1
	for i := range count {
		b.m.remember(Request{ID: strconv.Itoa(i)}, resp.Int(int64(i)))
	}
	b.m.journal = b.m.journal[:0]
	b.clock += RequestLife + 2
	tx := Tx{m: b.m, write: true}
	for _, left := range []int{count - forgetPerEntry, count - 2*forgetPerEntry, 0} {
		b.do()
		if got := b.m.requests.byID.Len(); got != left {
			t.Errorf("%d are left, want %d", got, left)
		}
		if _, how := tx.Sent(Request{ID: strconv.Itoa(count - 1)}); how != SentNever {
			t.Error("one is known whose time is over")
		}
	}
}

// coordinated returns a machine with something of everything that stands on top of locks.
func coordinated(tb testing.TB) *Machine {
	tb.Helper()
	m := New(opRunner{})
	f := &feeder{tb: tb, m: m}
	f.apply(Command{Kind: KindRegister})
	f.version = VersionLocks
	f.apply()
	m.fences.set("disk", 7)
	m.remember(Request{ID: "r", Print: 3}, every())
	m.remember(Request{ID: "s"}, resp.Int(1))
	tx := &Tx{m: m, write: true, who: Caller{Origin{"n1", 1}, 5, 1}}
	tx.PutAnew("latch", NewLatch(3))
	tx.PutThrottle(nil, "limit", 5_000_000_000)
	tx.Arrive("barrier", "x", 3, 50)
	tx.who.Conn = 6
	tx.Park(ClassLatch, []string{"latch"}, words("get latch"), 0)
	tx.who.Conn = 7
	tx.Lock(LockRequest{Keys: []string{"k"}, Wish: Wish{Owner: "a", TTL: 100, Prio: DefaultPrio}})
	tx.Lock(LockRequest{Keys: []string{"k"}, Wait: 50, Wish: Wish{
		Owner: "b", TTL: 100, Prio: DefaultPrio, Explain: true, Request: &Request{"waits", 9},
	}})
	m.serve(0)
	m.commit(tx.who, noSink{})
	f.apply()
	if err := m.Check(); err != nil || m.queue.Len() != 3 {
		tb.Fatalf("%d wait, %v", m.queue.Len(), err)
	}
	return m
}

// All of it is in a snapshot. A request that is there twice, or numbered as none can be, is refused.
func TestCoordinatedSnapshot(t *testing.T) {
	m := coordinated(t)
	again := New(opRunner{})
	if err := again.Restore(bytes.NewReader(snapshotOf(t, m))); err != nil {
		t.Fatal(err)
	}
	if err := again.Check(); err != nil || again.Hash() != m.Hash() || again.Bytes() != m.Bytes() {
		t.Fatalf("what was restored differs: %v", err)
	}
	r, _ := m.requests.byID.Get("r")
	for what, spoil := range map[string]func(){
		"an id":     func() { m.requests.byID.Set("other", r) },
		"a number":  func() { m.requests.byID.Set("t", &request{Request: Request{ID: "t"}, order: r.order}) },
		"no number": func() { m.requests.byID.Set("t", &request{Request: Request{ID: "t"}, order: 99}) },
	} {
		m = coordinated(t)
		r, _ = m.requests.byID.Get("r")
		spoil()
		err := New(opRunner{}).Restore(bytes.NewReader(snapshotOf(t, m)))
		if err == nil || !strings.Contains(err.Error(), "a request in it is there twice") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
