// What ends the lock of another: LOCK.REVOKE and LOCK.FORCE. Until the grace is over its holder has what it
// had; after that nobody is sure of anything, and nobody may be told that it has longer.

package history

import (
	"cmp"
	"slices"
	"time"
)

// taking is one that may have taken effect.
type taking struct {
	sent, done time.Duration // done is forever where it may still take effect
	ends       time.Duration // a hold that it met may have ended then
	grace      time.Duration
	sure       bool
}

// takings are those of one key, by done.
type takings struct {
	list   []taking
	before []time.Duration // the first end of each and all after it
}

// takingsOf finds them, by key.
func takingsOf(ops []Op, o Options) map[string]*takings {
	all := map[string]*takings{}
	for i := range ops {
		op := &ops[i]
		if op.Kind != Revoke || op.Outcome == Refused {
			continue
		}
		t := taking{op.Sent, op.Done, op.Sent + o.surely(op.TTL), op.TTL, op.Outcome == Yes}
		if op.Outcome == Unknown {
			t.done = forever
		}
		if all[op.Key] == nil {
			all[op.Key] = &takings{}
		}
		all[op.Key].list = append(all[op.Key].list, t)
	}
	for _, t := range all {
		slices.SortFunc(t.list, func(a, b taking) int { return cmp.Compare(a.done, b.done) })
		t.before = make([]time.Duration, len(t.list)+1)
		t.before[len(t.list)] = forever
		for i, v := range slices.Backward(t.list) {
			t.before[i] = min(t.before[i+1], v.ends)
		}
	}
	return all
}

// from is the first of those that were done at a time or later.
func (t *takings) from(at time.Duration) int {
	i, _ := slices.BinarySearchFunc(t.list, at, func(v taking, at time.Duration) int {
		return cmp.Compare(v.done, at)
	})
	return i
}

// ends is when a lock that was asked for at a time may have been ended at the earliest.
func (t *takings) ends(asked time.Duration) time.Duration {
	if t == nil {
		return forever
	}
	return t.before[t.from(asked)]
}

// tooLong tells whether a renewal gave more than was left to h by who took it back meanwhile.
func (t *takings) tooLong(h *Holding, op *Op) bool {
	if t == nil || h == nil || op.Kind != Renew {
		return false
	}
	for _, v := range t.list[t.from(h.Start):] {
		if v.done >= op.Sent {
			break
		}
		if v.sure && v.sent > h.Start && op.Number > v.grace.Milliseconds() {
			return true
		}
	}
	return false
}
