// Time in the state machine. There are two kinds, and they are different Go types so that they cannot be
// mixed up: Clock decides when a lock ends, Wall is only what a person or a script is told.

package fsm

import "math"

// Clock is the cluster clock in milliseconds: a duration that leaders count and write into the log. It
// stands still while nobody can commit, never goes back, and has nothing to do with the date. As a
// deadline, NoDeadline (zero) means never.
type Clock int64

// NoDeadline is the deadline of a key that stays until somebody removes it.
const NoDeadline Clock = 0

// Wall is a leader's wall clock in microseconds since 1970, at the moment at which the entry's Clock was
// reached: less than a millisecond before the entry was cut.
type Wall int64

// Millis returns w in milliseconds since 1970.
func (w Wall) Millis() int64 { return int64(w) / 1000 }

// passed tells whether deadline d lies in the past at clock c. The comparison is strict, as in Redis: both
// values are cut to whole milliseconds, so a lock granted late in millisecond 10 for 1 ms would lose up to
// a millisecond if it ended at 11.
func (d Clock) passed(c Clock) bool { return d != NoDeadline && d < c }

// forever is the last value of the clock: a deadline that never passes.
const forever Clock = math.MaxInt64

// After returns the deadline ttl milliseconds after c, at most the last one that fits. It is never
// NoDeadline, whatever ttl is.
func (c Clock) After(ttl int64) Clock {
	if ttl > int64(forever-c) {
		return forever
	}
	return max(1, c+Clock(ttl))
}

// later returns the later of two deadlines; NoDeadline is later than any.
func later(a, b Clock) Clock {
	if a == NoDeadline || b == NoDeadline {
		return NoDeadline
	}
	return max(a, b)
}
