// The leader's hand on the cluster clock. It starts from what the state says and adds what this machine's
// raw monotonic clock measures, a little slow, in small capped steps; it stands still while commits stall.
// So whatever stops a server (a stopped process, a suspended machine, a slow disk) lengthens locks, and
// never ends one whose renewal was queued behind the stall.

package cluster

import (
	"sync"
	"time"

	"github.com/divtxt/lockd/fsm"
)

const (
	tickEvery = 50 * time.Millisecond
	// maxStep is the most that one reading adds: what is longer was a pause, and does not count.
	maxStep = 2 * tickEvery
)

// clock is safe for concurrent use: a ticker advances it, the proposer reads it.
type clock struct {
	read     func() int64 // raw monotonic nanoseconds
	stall    int64        // nanoseconds after which an unanswered entry freezes the clock
	slowness int64        // parts per million by which it runs slow

	mu      sync.Mutex
	base    fsm.Clock // where this leader began
	elapsed int64     // nanoseconds counted since
	last    int64     // the last reading
	oldest  int64     // the reading when the oldest unanswered entry was proposed
	waiting bool      // whether there is one
	freezes uint64    // how often it stood still, for INFO
	frozen  bool
}

// ppm is one million: parts per million.
const ppm = 1_000_000

// newClock returns a clock that runs slow by twice the oscillator error of drift ppm, at least by 1/1024:
// this machine's clock may be as fast as that and the holder's as slow, and the lock must not end before
// the holder's own clock says so.
func newClock(read func() int64, stall time.Duration, drift int) *clock {
	return &clock{read: read, stall: int64(stall), slowness: max(ppm/1024, 2*int64(drift))}
}

// start sets the clock to what the state says.
func (c *clock) start(base fsm.Clock) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.elapsed, c.last, c.waiting = base, 0, c.read(), false
}

// now advances the clock and returns it.
func (c *clock) now() fsm.Clock {
	at, _ := c.reading()
	return at
}

// reading advances the clock and returns it, and how long ago its millisecond began.
func (c *clock) reading() (at fsm.Clock, since time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance()
	whole := c.elapsed / int64(time.Millisecond)
	return c.base + fsm.Clock(whole), time.Duration(c.elapsed) - time.Duration(whole)*time.Millisecond
}

func (c *clock) advance() {
	reading := c.read()
	step := reading - c.last
	c.last = reading
	stalled := c.waiting && reading-c.oldest > c.stall
	if stalled && !c.frozen {
		c.freezes++
	}
	c.frozen = stalled
	if stalled || step <= 0 {
		return
	}
	step = min(step, int64(maxStep))
	// Rounded up: under load the clock is read every few microseconds, and each step's part counts.
	c.elapsed += step - (step*c.slowness+ppm-1)/ppm
}

// proposed and committed tell the clock whether an entry, or one that is to be appended, is unanswered.
func (c *clock) proposed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.oldest, c.waiting = c.read(), true
}

func (c *clock) committed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance() // while it still waits: a stall must not be counted after the fact
	c.waiting, c.frozen = false, false
}

// status returns how often the clock stood still because commits stalled, and whether it does now.
func (c *clock) status() (freezes uint64, frozen bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.freezes, c.frozen
}
