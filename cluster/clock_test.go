package cluster

import (
	"testing"
	"time"

	"github.com/divtxt/lockd/fsm"
)

// hand is a raw clock that a test moves.
type hand struct{ at int64 }

func (h *hand) read() int64            { return h.at }
func (h *hand) move(d time.Duration)   { h.at += int64(d) }
func millis(c fsm.Clock) time.Duration { return time.Duration(c) * time.Millisecond }
func testClock(h *hand, base int) *clock {
	c := newClock(h.read, 250*time.Millisecond, 500)
	c.start(fsm.Clock(base))
	return c
}

func TestClockStartsFromTheState(t *testing.T) {
	h := &hand{at: 1 << 40}
	c := testClock(h, 5000)
	if got := c.now(); got != 5000 {
		t.Fatalf("clock begins at %d, want the state's 5000", got)
	}
}

// A second in steps of a tick is a little less than a second: never more, or locks would end early.
func TestClockRunsALittleSlow(t *testing.T) {
	h := &hand{}
	c := testClock(h, 0)
	const span = 1000 * time.Second
	for i := 0; i < int(span/tickEvery); i++ {
		h.move(tickEvery)
		c.now()
	}
	lost := span - millis(c.now())
	if lost < span/1001 || lost > span/999 {
		t.Fatalf("in %v the clock lost %v, want twice the assumed drift of 500 ppm",
			span, lost)
	}
}

// A pause of the process, or of its machine, counts as one step at most.
func TestClockDoesNotCountPauses(t *testing.T) {
	h := &hand{}
	c := testClock(h, 0)
	h.move(30 * time.Second)
	if got := millis(c.now()); got > maxStep {
		t.Fatalf("a pause of 30 s advanced the clock by %v, want at most %v", got, maxStep)
	}
	h.move(tickEvery)
	if got := millis(c.now()); got > maxStep+tickEvery {
		t.Fatalf("the pause was counted later: %v", got)
	}
}

// A raw clock that goes back (it must not, but hypervisors exist) never takes the cluster clock with it.
func TestClockNeverGoesBack(t *testing.T) {
	h := &hand{at: int64(time.Hour)}
	c := testClock(h, 0)
	h.move(tickEvery)
	before := c.now()
	h.move(-time.Minute)
	if got := c.now(); got < before {
		t.Fatalf("clock went from %d back to %d", before, got)
	}
	h.move(tickEvery)
	if got := c.now(); got <= before-1 || millis(got) > 2*tickEvery {
		t.Fatalf("clock is at %d after going back, before %d", got, before)
	}
}

// While an entry is unanswered for longer than a heartbeat, the clock stands still, and what passed is not
// made up for when the entry is answered.
func TestClockFreezesWhileCommitsStall(t *testing.T) {
	h := &hand{}
	c := testClock(h, 0)
	c.proposed()
	for range 200 { // 10 s of ticks
		h.move(tickEvery)
		c.now()
	}
	if got := millis(c.now()); got > c.stallLimit()+tickEvery {
		t.Fatalf("during a stall of 10 s the clock advanced %v", got)
	}
	if _, frozen := c.status(); !frozen {
		t.Fatal("the clock does not say that it is frozen")
	}
	h.move(tickEvery)
	c.committed()
	before := c.now()
	h.move(tickEvery)
	if got := c.now(); millis(got-before) > tickEvery {
		t.Fatalf("after the stall the clock jumped by %d ms", got-before)
	}
	if n, frozen := c.status(); n != 1 || frozen {
		t.Fatalf("freezes %d, frozen %v, want 1 and false", n, frozen)
	}
}

func (c *clock) stallLimit() time.Duration { return time.Duration(c.stall) }
