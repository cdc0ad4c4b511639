package commands

import (
	"fmt"
	"testing"

	"github.com/divtxt/lockd/fsm"
)

// arrives sends one that waits.
func (d *driver) arrives(conn uint64, owner string) uint64 {
	d.t.Helper()
	return d.waits(conn, "BARRIER.ARRIVE", "b", owner, "PARTIES", "3", "BLOCK", "5000")
}

func TestBarrier(t *testing.T) {
	d := newDriver(t)
	for range 3 { // it is ready for the next round at once
		x, y := d.arrives(11, "x"), d.arrives(12, "y")
		d.pass(10)
		d.expect(`BARRIER.INFO b -> [parties 3 arrived 2 missing 1 waiting [` +
			`[place 1 owner x since-ms 10 node n1 conn 11] [place 2 owner y since-ms 10 node n1 conn 12]]]`)
		d.restart()
		d.expect(`BARRIER.ARRIVE b z PARTIES 3 BLOCK 5000 -> 3`)
		d.got(x, "1")
		d.got(y, "2")
		d.expect(`BARRIER.INFO b -> (nil)`)
	}
	d.expect(`
		BARRIER.ARRIVE b x PARTIES 1 BLOCK 0 -> 1
		DBSIZE                               -> 0`)
}

// Who gave up, or is gone, is not counted; an owner that comes again takes over its place.
func TestBarrierCounts(t *testing.T) {
	d := newDriver(t)
	x := d.waits(11, "BARRIER.ARRIVE", "b", "x", "PARTIES", "3", "BLOCK", "100")
	y := d.arrives(12, "y")
	d.pass(101)
	d.got(x, "(nil)")
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 12}, false)
	d.got(y, "(nil)")
	x, y = d.arrives(11, "x"), d.arrives(12, "y")
	again := d.arrives(13, "x")
	d.got(x, "(nil)")
	d.expect(`FLUSHALL -> OK
		SET b v -> OK
		DEL b -> 1`)
	d.db = 1
	other := d.arrives(14, "z")
	d.db = 0
	d.expect(`BARRIER.ARRIVE b z PARTIES 3 BLOCK 0 -> 3`)
	d.got(again, "1")
	d.got(y, "2")
	d.got(other, "(waits)")
}

func TestBarrierErrors(t *testing.T) {
	d := newDriver(t)
	x := d.arrives(11, "x")
	d.expect(`
		BARRIER.ARRIVE b y PARTIES 2 BLOCK 0     -> ERR those at barrier b wait for 3 parties, not for 2: all must say the same
		BARRIER.ARRIVE b y PARTIES 0 BLOCK 0     -> ERR '0' is no number of parties: give 1 to 10000
		BARRIER.ARRIVE b y PARTIES x BLOCK 0     -> ERR 'x' is no number of parties: give 1 to 10000
		BARRIER.ARRIVE b y PARTIES 10001 BLOCK 0 -> ERR '10001' is no number of parties: give 1 to 10000
		BARRIER.ARRIVE b y PARTIES 3 BLOCK -1    -> ERR '-1' is no time to wait: give milliseconds, 0 for ever
		BARRIER.ARRIVE b y OF 3 BLOCK 1          -> ERR syntax error
		BARRIER.ARRIVE b y PARTIES 3 WAIT 1      -> ERR syntax error
		BARRIER.ARRIVE b y PARTIES 3             -> ERR wrong number of arguments for 'barrier.arrive' command`)
	d.limits.Waiters = 1
	d.expect(`BARRIER.ARRIVE b y PARTIES 3 BLOCK 0 -> QUEUEFULL 1 commands wait on this cluster, which is the most that it allows: raise max-waiters if you need to`)
	d.limits.Waiters = 0
	d.undone("BARRIER.ARRIVE b x PARTIES 3 BLOCK 0", "BARRIER.ARRIVE b y PARTIES 3 BLOCK 0")
	d.got(x, "(waits)")
	y := d.arrives(12, "y")
	d.undone("BARRIER.ARRIVE b z PARTIES 3 BLOCK 0") // it would have been complete
	d.got(x, "(waits)")
	d.got(y, "(waits)")
}

// All places are given out, each once, in the order in which they came.
func TestBarrierOfMany(t *testing.T) {
	d := newDriver(t)
	const n = 200
	var seqs []uint64
	for i := range n - 1 {
		seqs = append(seqs, d.waits(uint64(100+i), "BARRIER.ARRIVE", "b", fmt.Sprint("o", i), "PARTIES", "200", "BLOCK", "0"))
	}
	d.expect(`BARRIER.ARRIVE b last PARTIES 200 BLOCK 0 -> 200`)
	for i, seq := range seqs {
		d.got(seq, fmt.Sprint(i+1))
	}
}
