// A machine's clocks: the monotonic one, which is a little wrong and may be disturbed, and the date.

package sim

import (
	"sync"
	"time"
)

// million is parts per million.
const million = 1_000_000

// clocks are those of one machine.
type clocks struct {
	mu      sync.Mutex
	at      time.Time     // the last change of its rate
	reading int64         // then, in nanoseconds
	ppm     int64         // by which it has been too fast since
	stops   int           // how many faults keep it from going on
	date    time.Duration // by which the date is wrong
	held    chan struct{} // who asks for the date waits until it is closed; nil: nobody does
}

func newClocks(ppm int64) *clocks {
	return &clocks{at: time.Now(), reading: int64(time.Hour), ppm: ppm}
}

// raw is the monotonic clock, in nanoseconds.
func (c *clocks) raw() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *clocks) now() int64 {
	if c.stops > 0 {
		return c.reading
	}
	gone := int64(time.Since(c.at))
	return c.reading + gone + gone/million*c.ppm
}

// wall is the date. A leader's proposer asks for it when it stamps an entry, and can be held up there.
func (c *clocks) wall() time.Time {
	c.mu.Lock()
	held := c.held
	c.mu.Unlock()
	if held != nil {
		<-held
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.date)
}

// hold lets everybody wait who asks for the date, until goOn is called.
func (c *clocks) hold() (goOn func()) {
	held := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = held
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		close(held)
		if c.held == held {
			c.held = nil
		}
	}
}

// change makes the clock go on from here in another way.
func (c *clocks) change(how func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading, c.at = c.now(), time.Now()
	how()
}

// run changes the rate of the monotonic clock.
func (c *clocks) run(ppm int64) { c.change(func() { c.ppm = ppm }) }

// stop stops the monotonic clock until goOn is called. Then it has jumped to where it would be, as for a
// process that was stopped, or goes on from where it stood, as on a machine that was suspended.
func (c *clocks) stop() (goOn func(jumps bool)) {
	c.change(func() { c.stops++ })
	stopped := time.Now()
	return func(jumps bool) {
		c.change(func() {
			if c.stops--; c.stops == 0 && jumps {
				c.reading += int64(time.Since(stopped))
			}
		})
	}
}

// jump moves the monotonic clock on.
func (c *clocks) jump(by time.Duration) { c.change(func() { c.reading += int64(by) }) }

// step moves the date.
func (c *clocks) step(by time.Duration) { c.change(func() { c.date += by }) }
