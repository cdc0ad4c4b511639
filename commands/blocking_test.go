package commands

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// waits sends a command on a connection of its own and insists that it waits.
func (d *driver) waits(conn uint64, words ...string) uint64 {
	d.t.Helper()
	seq := d.send(conn, words...)
	if got := show(d.answers[seq]); got != "(waits)" {
		d.t.Fatalf("%q: %s", words, got)
	}
	return seq
}

// got insists on what a command that waited was answered.
func (d *driver) got(seq uint64, want string) {
	d.t.Helper()
	if got := show(d.answers[seq]); got != want {
		d.t.Errorf("number %d was answered %s, want %s", seq, got, want)
	}
}

// Whoever came first is served first, also by one push of several elements.
func TestBlockingOrder(t *testing.T) {
	d := newDriver(t)
	a := d.waits(11, "BLPOP", "l", "0")
	b := d.waits(12, "BRPOP", "other", "l", "0")
	c := d.waits(13, "BLMPOP", "0", "1", "l", "LEFT", "COUNT", "5")
	d.expect(`
		RPUSH l 1 2 3 4 -> 4
		LLEN l -> 0
		EXISTS l -> 0`)
	d.got(a, "[l 1]")
	d.got(b, "[l 4]")
	d.got(c, "[l [2 3]]")
}

// Of several keys the first in the order of the command counts, whichever changed first.
func TestBlockingSeveralKeys(t *testing.T) {
	d := newDriver(t)
	a := d.waits(11, "BLPOP", "x", "y", "x", "0")
	d.expect(`RPUSH y 1 -> 1`)
	d.got(a, "[y 1]")
	d.expect(`
		RPUSH x 1 -> 1
		LLEN x -> 1`)
	z := d.waits(11, "BZPOPMAX", "z1", "z2", "0")
	d.expect(`ZADD z2 1 a 2.5 b -> 2`)
	d.got(z, "[z2 b 2.5]")
	m := d.waits(11, "BZMPOP", "0", "2", "z3", "z4", "MIN", "COUNT", "2")
	d.expect(`ZUNIONSTORE z3 1 z2 -> 1`)
	d.got(m, "[z3 [[a 1]]]")
}

// What serves one may serve the next.
func TestBlockingChain(t *testing.T) {
	d := newDriver(t)
	c := d.waits(13, "BLPOP", "c", "0")
	b := d.waits(12, "BLMOVE", "b", "c", "LEFT", "LEFT", "0")
	a := d.waits(11, "BRPOPLPUSH", "a", "b", "0")
	d.expect(`
		LPUSH a hello -> 1
		EXISTS a b c -> 0`)
	d.got(a, "hello")
	d.got(b, "hello")
	d.got(c, "[c hello]")
	// A list that is turned round serves each who waits once.
	a, b = d.waits(11, "BLMOVE", "r", "r", "LEFT", "RIGHT", "0"), d.waits(12, "BLMOVE", "r", "r", "LEFT", "RIGHT", "0")
	d.expect(`
		RPUSH r 1 2 -> 2
		LRANGE r 0 -1 -> [1 2]`)
	d.got(a, "1")
	d.got(b, "2")
}

// One who waits passes over what has become of another type. A destination of another type is its error.
func TestBlockingWrongType(t *testing.T) {
	d := newDriver(t)
	a := d.waits(11, "BLPOP", "x", "y", "0")
	d.expect(`
		SET x word -> OK
		SADD y a -> 1
		DEL y -> 1
		RPUSH y 1 -> 1`)
	d.got(a, "[y 1]")
	b, c := d.waits(11, "BLMOVE", "from", "x", "LEFT", "LEFT", "0"), d.waits(12, "BLPOP", "from", "0")
	d.expect(`
		SET from word -> OK
		DEL from -> 1
		RPUSH from 1 -> 1`)
	d.got(b, msgWrongType)
	d.got(c, "[from 1]")
	d.waits(11, "BLPOP", "z", "0")
	d.waits(12, "BZPOPMIN", "z", "0")
	d.expect(`
		ZADD z 1 a -> 1
		EXISTS z -> 0
		RENAME x z -> OK
		GET z -> word`)
}

// Whatever brings a list to a key serves those who wait there.
func TestBlockingServedByAll(t *testing.T) {
	for _, line := range []string{"RENAME src l", "COPY src l", "RPOPLPUSH src l", "LMOVE src l LEFT LEFT", "SWAPDB 0 1"} {
		t.Run(line, func(t *testing.T) {
			d := newDriver(t)
			d.expect(`RPUSH src v -> 1`)
			if line == "SWAPDB 0 1" {
				d.db = 1
				d.expect(`RPUSH l v -> 1`)
				d.db = 0
			}
			seq := d.waits(11, "BLPOP", "l", "0")
			d.do(line)
			d.got(seq, "[l v]")
		})
	}
	d := newDriver(t)
	d.db = 3
	d.expect(`RPUSH l v -> 1`)
	d.db = 0
	seq := d.waits(11, "BLPOP", "l", "0")
	d.db = 3
	d.expect(`MOVE l 0 -> 1`)
	d.got(seq, "[l v]")
}

// The end of patience, of the connection, and CLIENT UNBLOCK.
func TestBlockingEnds(t *testing.T) {
	d := newDriver(t)
	a := d.waits(11, "BLPOP", "l", "0.05")
	b := d.waits(12, "BZMPOP", "0", "1", "z", "MIN")
	c := d.waits(13, "BLMOVE", "l", "m", "LEFT", "LEFT", "0")
	e := d.waits(14, "BLPOP", "l", "0")
	d.expect(`+49`)
	d.got(a, "(waits)")
	d.expect(`+2`)
	d.got(a, "(nil)")
	if kind := d.answers[a].Kind(); kind != resp.KindNullArray {
		t.Errorf("the end of patience is of kind %d", kind)
	}
	d.apply(fsm.Command{Kind: fsm.KindUnblock, Conn: 12, Words: [][]byte{[]byte("ERROR")}}, false)
	d.got(b, "UNBLOCKED client unblocked via CLIENT UNBLOCK")
	d.apply(fsm.Command{Kind: fsm.KindUnblock, Conn: 13, Words: [][]byte{[]byte("TIMEOUT")}}, false)
	d.got(c, "(nil)")
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 14}, false)
	d.got(e, "(nil)")
	d.expect(`
		RPUSH l 1 -> 1
		ZADD z 1 a -> 1
		LLEN l -> 1
		ZCARD z -> 1`)
	// One who has what it asked for at once does not wait; in a transaction nobody does.
	d.expect(`BLPOP l 0 -> [l 1]`)
	words := fsm.ExecWords(nil, []fsm.Queued{
		{Words: [][]byte{[]byte("BLPOP"), []byte("l"), []byte("0")}},
		{Words: [][]byte{[]byte("BLMOVE"), []byte("l"), []byte("m"), []byte("LEFT"), []byte("LEFT"), []byte("0")}},
	})
	seq := d.apply(fsm.Command{Kind: fsm.KindExec, Conn: 1, Words: words}, false)
	d.got(seq, "[(nil) (nil)]")
}

// A restored state goes on waiting, and serves as the one that it is a copy of.
func TestBlockingSnapshot(t *testing.T) {
	d := newDriver(t)
	d.waits(11, "BLPOP", "a", "b", "0")
	d.waits(12, "BLMOVE", "b", "c", "LEFT", "RIGHT", "5")
	d.waits(13, "BZPOPMIN", "z", "0")
	var snapshot bytes.Buffer
	if err := d.m.View().Write(&snapshot); err != nil {
		t.Fatal(err)
	}
	restored := fsm.New(d.table)
	if err := restored.Restore(&snapshot); err != nil {
		t.Fatal(err)
	}
	if restored.Hash() != d.m.Hash() {
		t.Fatal("the restored state is another one")
	}
	d.m = restored
	d.expect(`
		RPUSH b 1 2 -> 2
		ZADD z 7 m -> 1
		LRANGE c 0 -1 -> [2]`)
	for seq, want := range map[uint64]string{2: "[b 1]", 3: "2", 4: "[z m 7]"} {
		d.got(seq, want)
	}
}

// pops is a command that panics once it has popped for a waiter.
func TestBlockingPanic(t *testing.T) {
	broken := []Command{{
		Name: "pops", Arity: -2, Flags: Write | Blocking, Keys: Keys{1, 1, 1}, KeyFlags: "RW access delete", Group: "list",
		Handler: func(tx *fsm.Tx, a Args) (reply fsm.Reply) {
			it, _, _ := listAt(tx, a.Str(1))
			if it == nil {
				return tx.Park(fsm.ClassList, words(a, 1, 2), a, 0)
			}
			popFrom(tx, it, front, 1)
			panic("as it was told")
		},
	}}
	d := newDriver(t)
	d.table = New(broken)
	d.m = fsm.New(d.table)
	d.seq = 0
	d.apply(fsm.Command{Kind: fsm.KindRegister}, false)
	a := d.waits(11, "pops", "l")
	b := d.waits(12, "BLPOP", "l", "0")
	d.expect(`
		RPUSH l 1 2 -> 2
		LRANGE l 0 -1 -> [2]`)
	if got := d.answers[a]; !got.IsError() {
		t.Errorf("the one that panics was answered %s", show(got))
	}
	d.got(b, "[l 1]")
}

// A thousand who wait are served in order by pushes of any size.
func TestBlockingMany(t *testing.T) {
	d := newDriver(t)
	var seqs []uint64
	for i := range 300 {
		seqs = append(seqs, d.waits(uint64(100+i), "BLPOP", "l", "0"))
	}
	next := 0
	for size := 1; next < 300; size++ {
		line := []string{"RPUSH", "l"}
		for range size {
			line = append(line, fmt.Sprint(next))
			next++
		}
		d.words(line...)
	}
	for i, seq := range seqs {
		d.got(seq, fmt.Sprintf("[l %d]", i))
	}
}
