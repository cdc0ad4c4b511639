// What is known of a rate limit: the theoretical arrival time of its next action, if all came evenly spaced.
// When that has passed nothing is left to know, so the key ends by itself then.

package fsm

// NanosPerMilli is how many parts of a millisecond of the cluster clock rate limits are counted in: for a few
// hundred actions a second a millisecond is too coarse.
const NanosPerMilli = 1_000_000

// Throttle is one.
type Throttle struct {
	holding
	arrival int64
}

// Arrival returns the theoretical arrival time, in nanoseconds of the cluster clock.
func (v *Throttle) Arrival() int64 { return v.arrival }

// PutThrottle keeps a theoretical arrival time under key; old is what Get returned for it.
func (tx *Tx) PutThrottle(old *Item, key string, arrival int64) {
	it := &Item{Since: tx.m.clock, Deadline: Clock((arrival + NanosPerMilli - 1) / NanosPerMilli)}
	if old != nil {
		it.Key, it.Since = old.Key, old.Since
	}
	tx.hold(old, it, key, &Throttle{arrival: arrival})
}

// Type implements Value.
func (*Throttle) Type() string { return "throttle" }

// Len implements Value.
func (*Throttle) Len() int { return 1 }

func (*Throttle) cost() int64 { return valueCost }

func (v *Throttle) copied() Value { return &Throttle{arrival: v.arrival} }

func (v *Throttle) write(e *encoder) { e.uints(uint64(v.arrival)) }
