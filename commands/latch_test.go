package commands

import (
	"testing"

	"github.com/divtxt/lockd/fsm"
)

func TestLatch(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LATCH.GET l           -> (nil)
		LATCH.DOWN l          -> NOLATCH there is no latch l: make it with LATCH.SET; or its time was over, or somebody has removed it
		LATCH.SET l 3         -> OK
		TYPE l                -> latch
		OBJECT ENCODING l     -> raw
		LATCH.GET l           -> 3
		LATCH.SET l 5         -> LATCHED l still has 3 to count down: wait until it is open, or remove it with DEL
		LATCH.DOWN l          -> 2
		COPY l m              -> 1
		LATCH.DOWN l 5        -> 0
		LATCH.DOWN l          -> 0
		LATCH.GET l           -> 0
		LATCH.GET m           -> 2
		LATCH.WAIT l BLOCK 10 -> 1
		EXISTS l              -> 1
		LATCH.SET l 1         -> OK
		LATCH.GET l           -> 1
		DEL l                 -> 1
		LATCH.GET l           -> (nil)
		LATCH.SET l 1         -> OK
		PEXPIRE l 100         -> 1
		LATCH.DOWN m          -> 1
		+101
		LATCH.GET l           -> (nil)
		SET s x               -> OK
		LATCH.SET s 1         -> WRONGTYPE Operation against a key holding the wrong kind of value
		LATCH.DOWN s          -> WRONGTYPE Operation against a key holding the wrong kind of value
		LATCH.GET s           -> WRONGTYPE Operation against a key holding the wrong kind of value
		LATCH.WAIT s BLOCK 1  -> WRONGTYPE Operation against a key holding the wrong kind of value
		LOCK m a 100          -> WRONGTYPE Operation against a key holding the wrong kind of value: m holds a latch, which is no lock
	`)
	d.restart()
	d.expect(`
		LATCH.GET m  -> 1
		LATCH.DOWN m -> 0`)
}

func TestLatchErrors(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LATCH.SET l -1             -> ERR '-1' is no number to count down: give an integer of 0 or more
		LATCH.SET l x              -> ERR 'x' is no number to count down: give an integer of 0 or more
		LATCH.SET l 1 2            -> ERR wrong number of arguments for 'latch.set' command
		LATCH.SET l 1              -> OK
		LATCH.DOWN l 0             -> ERR '0' is no number to count down: give an integer of 1 or more
		LATCH.DOWN l x             -> ERR 'x' is no number to count down: give an integer of 1 or more
		LATCH.DOWN l 1 2           -> ERR syntax error
		LATCH.DOWN l 1 REQID       -> ERR syntax error
		LATCH.DOWN l REQID r 1     -> ERR syntax error
		LATCH.WAIT l               -> ERR wrong number of arguments for 'latch.wait' command
		LATCH.WAIT l WAIT 1        -> ERR syntax error
		LATCH.WAIT l BLOCK -1      -> ERR '-1' is no time to wait: give milliseconds, 0 for ever
		LATCH.WAIT l BLOCK x       -> ERR 'x' is no time to wait: give milliseconds, 0 for ever
		LATCH.GET l                -> 1`)
}

// One that was sent again counts once.
func TestLatchRequest(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LATCH.DOWN l REQID r   -> NOLATCH there is no latch l: make it with LATCH.SET; or its time was over, or somebody has removed it
		LATCH.SET l 5          -> OK
		LATCH.DOWN l REQID r   -> 4
		LATCH.DOWN l REQID r   -> 4
		LATCH.DOWN l 2 REQID q -> 2
		LATCH.DOWN l 2 REQID q -> 2
		LATCH.DOWN l 1 REQID q -> REQIDUSED request id "q" was given to another command before: give each request an id of its own, and send it again with the same words
		LATCH.GET l            -> 2`)
}

// All who wait go on when it opens, also those who came before there was a latch; and nobody before.
func TestLatchWait(t *testing.T) {
	d := newDriver(t)
	early := d.waits(11, "LATCH.WAIT", "l", "BLOCK", "0")
	d.expect(`LATCH.SET l 2 -> OK`)
	second := d.waits(12, "LATCH.WAIT", "l", "BLOCK", "5000")
	short := d.waits(13, "LATCH.WAIT", "l", "BLOCK", "100")
	gone := d.waits(14, "LATCH.WAIT", "l", "BLOCK", "0")
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 14}, false)
	d.got(gone, "0")
	d.expect(`
		LATCH.DOWN l -> 1
		+101`)
	d.got(short, "0")
	d.got(early, "(waits)")
	d.expect(`
		DEL l            -> 1
		SET l x          -> OK
		DEL l            -> 1
		LATCH.SET l 1    -> OK`)
	d.got(early, "(waits)")
	d.restart()
	d.expect(`LATCH.DOWN l -> 0`)
	d.got(early, "1")
	d.got(second, "1")
	// One that is renamed to where somebody waits serves him as well.
	w := d.waits(11, "LATCH.WAIT", "other", "BLOCK", "0")
	d.expect(`RENAME l other -> OK`)
	d.got(w, "1")
	w = d.waits(11, "LATCH.WAIT", "zero", "BLOCK", "0")
	d.expect(`LATCH.SET zero 0 -> OK`)
	d.got(w, "1")
	// In a script and in a transaction nobody waits.
	d.expect(`LATCH.SET l 1 -> OK`)
	if got := d.words("EVAL", "return redis.call('latch.wait', KEYS[1], 'BLOCK', '0')", "1", "l"); got != "0" {
		t.Error(got)
	}
}

func TestLatchUndone(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LATCH.SET l 3 -> OK
		LATCH.SET z 0 -> OK`)
	w := d.waits(11, "LATCH.WAIT", "l", "BLOCK", "0")
	d.undone("LATCH.DOWN l", "LATCH.DOWN l 3 REQID r", "LATCH.SET z 7", "LATCH.SET y 7", "DEL l")
	d.got(w, "(waits)")
	d.expect(`
		LATCH.GET l           -> 3
		LATCH.GET z           -> 0
		LATCH.GET y           -> (nil)
		LATCH.DOWN l 2 REQID r -> 1`)
}
