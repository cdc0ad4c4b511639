package commands

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// A retry gets the same reply and has no second effect.
func TestRequest(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK k a 1000 REENTRANT REQID r1   -> 1
		LOCK k a 1000 REENTRANT REQID r1   -> 1
		LOCK k a 1000 REENTRANT REQID r2   -> 1
		UNLOCK k a REQID u1                -> 1
		UNLOCK k a REQID u1                -> 1
		ISLOCKED k a                       -> 1
		UNLOCK k a REQID u2 EXPLAIN        -> [ok 1 reason released key k left 0]
		ISLOCKED k                         -> 0
		UNLOCK k a REQID u2 EXPLAIN        -> [ok 1 reason released key k left 0]
		UNLOCK k a                         -> 0
		LOCK k b 1000                      -> 2
		LOCK k a 1000 REQID r3             -> (nil)
		UNLOCK k b                         -> 1
		LOCK k a 1000 REQID r3             -> (nil)
		LOCK k a 1000 REQID r4 EXPLAIN     -> [ok 1 token 3 reason granted key k waited-ms 0]
		LOCK k a 1000 REQID r4 EXPLAIN     -> [ok 1 token 3 reason granted key k waited-ms 0]
		MLOCK 2 x y a 1000 REQID r5        -> 4
		MLOCK 2 x y a 1000 REQID r5        -> 4
	`)
	d.restart()
	d.expect(`
		UNLOCK k a REQID u1            -> 1
		ISLOCKED k a                   -> 1
		MLOCK 2 x y a 1000 REQID r5    -> 4
		lock k a 1000 REQID r4 EXPLAIN -> [ok 1 token 3 reason granted key k waited-ms 0]`)
}

// The same id for something else is a mistake, and so is an id that is none.
func TestRequestErrors(t *testing.T) {
	d := newDriver(t)
	const used = "REQIDUSED request id \"r\" was given to another command before: give each request an id of its own, " +
		"and send it again with the same words"
	d.expect(`LOCK k a 1000 REQID r -> 1`)
	for _, line := range []string{
		"LOCK k b 1000 REQID r", "LOCK k a 2000 REQID r", "UNLOCK k a REQID r", "SESSION.OPEN TTL 1000 REQID r",
		"MLOCK 1 k a 1000 REQID r", "LOCK k a 1000 REQID r EXPLAIN",
	} {
		d.expect(line + " -> " + used)
	}
	d.db = 1
	d.expect("LOCK k a 1000 REQID r -> " + used)
	d.db = 0
	long := strings.Repeat("x", maxRequestID+1)
	for _, words := range [][]string{
		{"LOCK", "k", "a", "1000", "REQID", long}, {"LOCK", "k", "a", "1000", "REQID", ""},
		{"UNLOCK", "k", "a", "REQID", long}, {"SESSION.OPEN", "TTL", "1000", "REQID", long},
	} {
		if got := d.words(words...); !strings.HasPrefix(got, "ERR a request's id has 1 to 64 bytes, this one has ") {
			t.Errorf("%q: %s", words, got)
		}
	}
	d.expect(`
		LOCK k a 1000 REQID         -> ERR syntax error
		UNLOCK k a REQID            -> ERR syntax error
		SESSION.OPEN TTL 1000 REQID -> ERR syntax error
		ISLOCKED k a                -> 1`)
	if got := d.words("LOCK", "k", "a", "1000", "REQID", long[:maxRequestID]); got != "1" {
		t.Error(got)
	}
	// What failed has done nothing, and may be sent again.
	d.expect(`
		LPUSH list x              -> 1
		LOCK list a 1000 REQID e  -> WRONGTYPE Operation against a key holding the wrong kind of value: list holds a list, which is no lock
		DEL list                  -> 1
		LOCK list a 1000 REQID e  -> 2
	`)
}

// A reply is not repeated that says that a lock is held which is not any longer: two would believe to hold it.
func TestRequestOfLockThatIsOver(t *testing.T) {
	d := newDriver(t)
	over := func(id string, token int) string {
		return fmt.Sprintf("EXPIRED request %q was granted token %d, which is over: the lock has expired or was released; "+
			"ask for it with another id", id, token)
	}
	d.expect(`
		LOCK k a 1000 REQID r -> 1
		+1001
		LOCK k a 1000 REQID r -> ` + over("r", 1) + `
		LOCK k b 1000         -> 2
		LOCK k a 1000 REQID r -> ` + over("r", 1) + `
		UNLOCK k b            -> 1
		LOCK k a 1000 REQID s EXPLAIN -> [ok 1 token 3 reason granted key k waited-ms 0]
		DEL k                 -> 1
		LOCK k a 1000         -> 4
		LOCK k a 1000 REQID s EXPLAIN -> ` + over("s", 3) + `
		MLOCK 2 x y a 1000 REQID m -> 5
		UNLOCK y a            -> 1
		MLOCK 2 x y a 1000 REQID m -> ` + over("m", 5))
}

// Ten minutes of the cluster clock, or the last ones only.
func TestRequestsAreForgotten(t *testing.T) {
	d := newDriver(t)
	before := d.m.Bytes()
	d.expect(`
		LATCH.SET l 9       -> OK
		LATCH.DOWN l REQID r -> 8
		+600000
		LATCH.DOWN l REQID r -> 8
		+1
		LATCH.DOWN l REQID r -> 7
		DEL l                -> 1`)
	d.pass(fsm.RequestLife + 1)
	d.pass(0)
	if got := d.m.Bytes(); got != before {
		t.Errorf("%d bytes when all is forgotten, %d before", got, before)
	}
}

// The number of them is bounded; the oldest go first.
func TestRequestsAreBounded(t *testing.T) {
	d := newDriver(t)
	const each = 2000
	for from := 0; from <= fsm.KeptRequests; from += each {
		e := fsm.Entry{Version: fsm.EntryVersion, Term: 1, Clock: d.clock, Wall: d.wall}
		run := fsm.Run{Origin: fsm.Origin{Node: "n1", Incarnation: 1}, First: d.seq + 1}
		for i := range each {
			run.Commands = append(run.Commands, commandOf("UNLOCK", "k", "a", "REQID", fmt.Sprint("r", from+i)))
		}
		e.Runs = append(e.Runs, run)
		d.seq += each
		d.index++
		if err := d.m.Apply(d.index, 1, e.Append(nil), nil, d); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.m.Check(); err != nil {
		t.Fatal(err)
	}
	perRequest := d.m.Bytes() / fsm.KeptRequests
	if perRequest < 100 || perRequest > 400 {
		t.Errorf("a request counts %d bytes", perRequest)
	}
	d.expect(`
		LOCK k a 1000          -> 1
		UNLOCK k a REQID r2000 -> 0
		ISLOCKED k             -> 1
		UNLOCK k a REQID r1999 -> 1`)
}

// Who waits and asks again on another connection keeps its place, and the first connection gets nothing.
func TestRequestThatWaits(t *testing.T) {
	d := newDriver(t)
	d.expect(`LOCK k x 100000 -> 1`)
	a := d.waits(11, "LOCK", "k", "a", "1000", "WAIT", "5000", "REQID", "ra")
	b := d.waits(12, "LOCK", "k", "b", "1000", "WAIT", "5000", "REQID", "rb", "EXPLAIN")
	c := d.waits(13, "LOCK", "k", "c", "1000", "WAIT", "5000")
	d.pass(1000)
	again := d.waits(14, "LOCK", "k", "a", "1000", "WAIT", "4500", "REQID", "ra") // with another patience
	d.got(a, "(nil)")
	b2 := d.waits(15, "LOCK", "k", "b", "1000", "WAIT", "5000", "REQID", "rb", "EXPLAIN")
	d.got(b, "[ok 0 token (nil) reason repeated key k holder x holder-token 1 ttl-ms 99000 waited-ms 1000]")
	if told := d.do("LOCK.HISTORY k"); strings.Count(told, "it was asked for again, on another connection") != 2 {
		t.Errorf("the history of the lock is %s", told)
	}
	d.expect(`LOCK k z 1000 REQID rb -> REQIDUSED request id "rb" was given to another command before: give each request an id of its own, and send it again with the same words`)
	d.restart()
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 11}, false) // it is no longer there that it waits
	d.expect(`UNLOCK k x -> 1`)
	d.got(again, "2")
	d.expect(`
		LOCK k a 1000 WAIT 1 REQID ra -> 2
		LOCK k a 1000 REQID ra -> 2
		UNLOCK k a -> 1`)
	d.got(b2, "[ok 1 token 3 reason waited key k waited-ms 1000]")
	d.got(c, "(waits)")
}

// One that asks again and does not want to wait gives its place up.
func TestRequestGivenUp(t *testing.T) {
	d := newDriver(t)
	d.expect(`LOCK k x 100000 -> 1`)
	a := d.waits(11, "LOCK", "k", "a", "1000", "WAIT", "5000", "REQID", "ra")
	b := d.waits(12, "LOCK", "k", "b", "1000", "WAIT", "5000")
	d.expect(`LOCK k a 1000 WAIT 0 REQID ra -> (nil)`)
	d.got(a, "(nil)")
	d.expect(`UNLOCK k x -> 1`)
	d.got(b, "2")
	d.expect(`LOCK k a 1000 WAIT 5000 REQID ra -> (nil)`)
}

// The end of patience is the reply, and is repeated. The end of a connection is none: who asks again begins
// anew.
func TestRequestThatWaitedInVain(t *testing.T) {
	d := newDriver(t)
	d.expect(`LOCK k x 100000 -> 1`)
	a := d.waits(11, "LOCK", "k", "a", "1000", "WAIT", "500", "REQID", "ra")
	d.pass(501)
	d.got(a, "(nil)")
	d.expect(`
		UNLOCK k x                     -> 1
		LOCK k a 1000 WAIT 500 REQID ra -> (nil)
		LOCK k x 100000                -> 2`)
	b := d.waits(12, "LOCK", "k", "b", "1000", "WAIT", "500", "REQID", "rb")
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 12}, false)
	d.got(b, "(nil)")
	d.expect(`UNLOCK k x -> 1`)
	b = d.send(13, "LOCK", "k", "b", "1000", "WAIT", "500", "REQID", "rb")
	d.got(b, "3")
}

// A grant that was never read goes to the next when its connection ends, unless its owner has asked again and
// been told of it.
func TestRequestAndUnreadGrant(t *testing.T) {
	unread := func(conn uint64) fsm.Command {
		return fsm.Command{Kind: fsm.KindClose, Conn: conn, Words: [][]byte{[]byte("UNREAD")}}
	}
	d := newDriver(t)
	d.expect(`LOCK k x 100000 -> 1`)
	a := d.waits(11, "LOCK", "k", "a", "1000", "WAIT", "500", "REQID", "ra")
	d.expect(`UNLOCK k x -> 1`)
	d.got(a, "2")
	d.got(d.send(12, "LOCK", "k", "a", "1000", "WAIT", "500", "REQID", "ra"), "2")
	d.apply(unread(11), false)
	d.expect(`ISLOCKED k a -> 1`)
	// Nobody was told: it is free, and the request is a new one.
	b := d.waits(13, "LOCK", "k", "b", "1000", "WAIT", "500", "REQID", "rb")
	d.expect(`UNLOCK k a -> 1`)
	d.got(b, "3")
	d.apply(unread(13), false)
	d.expect(`ISLOCKED k -> 0`)
	d.got(d.send(14, "LOCK", "k", "b", "1000", "WAIT", "500", "REQID", "rb"), "4")
}

// What hangs on a connection hangs on that which has asked last.
func TestRequestOnConnection(t *testing.T) {
	d := newDriver(t)
	d.got(d.send(11, "LOCK", "k", "a", "CONN", "REQID", "r"), "1")
	d.got(d.send(12, "LOCK", "k", "a", "CONN", "REQID", "r"), "1")
	w := d.waits(13, "LOCK", "k", "b", "CONN", "WAIT", "5000", "REQID", "w")
	w2 := d.waits(14, "LOCK", "k", "b", "CONN", "WAIT", "5000", "REQID", "w")
	d.got(w, "(nil)")
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 11}, false)
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 13}, false)
	d.expect(`ISLOCKED k a -> 1`)
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 12}, false)
	d.got(w2, "2")
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 14}, false)
	d.expect(`ISLOCKED k -> 0`)
}

func TestRequestOfSession(t *testing.T) {
	d := newDriver(t)
	open := func(conn uint64, words ...string) resp.Value {
		return d.answers[d.send(conn, append([]string{"SESSION.OPEN"}, words...)...)]
	}
	id := open(11, "TTL", "1000", "REQID", "s", "META", "host", "web").Str()
	if again := open(12, "TTL", "1000", "REQID", "s", "META", "host", "web").Str(); again != id || id == "" {
		t.Errorf("two sessions, %q and %q", id, again)
	}
	if other := open(12, "TTL", "1000", "REQID", "s2").Str(); other == id {
		t.Error("another request got the same session")
	}
	// A session that hangs on a connection hangs on that which knows of it.
	bound := open(13, "TTL", "1000", "BIND", "CONN", "REQID", "b").Str()
	if again := open(14, "TTL", "1000", "BIND", "CONN", "REQID", "b").Str(); again != bound {
		t.Errorf("two sessions, %q and %q", bound, again)
	}
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 13}, false)
	if got := d.words("SESSION.INFO", bound); got == "(nil)" {
		t.Error("the session has ended with a connection that it did not hang on any longer")
	}
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 14}, false)
	if got := d.words("SESSION.INFO", bound); got != "(nil)" {
		t.Errorf("the session goes on without its connection: %s", got)
	}
}

// What a script or a transaction that fails has remembered, or forgotten, is as before.
func TestRequestUndone(t *testing.T) {
	d := newDriver(t)
	d.expect(`LOCK k x 100000 -> 1`)
	a := d.waits(11, "LOCK", "k", "a", "1000", "WAIT", "50000", "REQID", "ra")
	d.undone("LOCK k x 100 REQID r1", "UNLOCK k x REQID u1", "SESSION.OPEN TTL 1000 REQID s1",
		"LOCK k a 1000 WAIT 1 REQID ra", "UNLOCK other x REQID u2")
	d.got(a, "(waits)")
	d.expect(`
		LOCK k y 100 REQID r1 -> (nil)
		UNLOCK k x REQID u1   -> 1`)
	d.got(a, "2")
	// In a transaction it is as anywhere.
	words := fsm.ExecWords(nil, []fsm.Queued{
		{Words: commandOf("UNLOCK", "k", "a", "REQID", "u9").Words},
		{Words: commandOf("UNLOCK", "k", "a", "REQID", "u9").Words},
	})
	d.got(d.apply(fsm.Command{Kind: fsm.KindExec, Conn: 1, Words: words}, false), "[1 1]")
}

// Replies are lost at random, and requests sent again on other connections: each has its effect once, and those
// who wait are served in the order in which they first asked.
func TestRequestsWhoseRepliesAreLost(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	d := newDriver(t)
	const owners, counts = 30, 100
	d.expect(`
		LATCH.SET l 1000 -> OK
		LOCK k first 1000000 -> 1`)
	conn, asked := uint64(100), []string(nil)
	seqs := map[string][]uint64{} // by owner, the numbers of its request
	for len(asked) < owners || dice.IntN(100) > 0 {
		conn++
		owner := fmt.Sprint("o", dice.IntN(owners))
		if seqs[owner] == nil {
			asked = append(asked, owner)
		}
		seqs[owner] = append(seqs[owner], d.send(conn, "LOCK", "k", owner, "1000000", "WAIT", "100000", "REQID", owner))
		d.send(conn+1000, "LATCH.DOWN", "l", "REQID", fmt.Sprint("down", dice.IntN(counts)))
		if dice.IntN(30) == 0 {
			d.restart()
		}
	}
	for i := range counts {
		d.do(fmt.Sprint("LATCH.DOWN l REQID down", i))
	}
	d.expect(fmt.Sprint("LATCH.GET l -> ", 1000-counts))
	holder := "first"
	for i, owner := range asked {
		d.do("UNLOCK k " + holder + " REQID unlock-" + holder)
		d.do("UNLOCK k " + holder + " REQID unlock-" + holder)
		list := seqs[owner]
		d.got(list[len(list)-1], fmt.Sprint(i+2))
		for _, seq := range list[:len(list)-1] {
			d.got(seq, "(nil)")
		}
		d.expect(fmt.Sprintf("LOCK k %s 1000000 WAIT 5 REQID %s -> %d", owner, owner, i+2))
		holder = owner
	}
}
