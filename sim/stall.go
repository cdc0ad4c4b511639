// Stalls: a server that stops makes locks live longer. A renewal that was sent in time and had to wait behind
// a stall of the leader's disk must not find that its lock has ended meanwhile: nobody could have renewed it.
// To the client's own clock the lock may be long over, so the history of holds cannot tell; this can.

package sim

import (
	"fmt"
	"time"

	"github.com/divtxt/lockd/sim/history"
)

// unfrozen is how long the cluster clock may go on in a stall: a heartbeat timeout until it is noticed, and
// some ticks.
const unfrozen = 500 * time.Millisecond

// span is a part of the run.
type span struct{ from, to time.Duration }

// renewal is one that was refused.
type renewal struct {
	history.Op
	left time.Duration // of its lock's life when it was sent
}

// refused keeps a renewal that was refused though it was sent in time.
func (t *try) refused(op history.Op) {
	if op.Outcome == history.No && t.until > op.Sent {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.refusals = append(t.refusals, renewal{op, t.until - op.Sent})
	}
}

// stalled notes that nothing was committed for a while.
func (w *world) stalled(from, to time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stalls = append(w.stalls, span{from, to})
}

// judgeRefusals finds renewals for which the time of a stall was counted.
func (w *world) judgeRefusals() {
	for _, r := range w.refusals {
		for _, s := range w.stalls {
			stood := min(s.to, r.Done) - max(s.from, r.Sent) - unfrozen
			if counted := r.Done - r.Sent - max(0, stood); stood > 0 && counted < r.left*99/100-w.earlyBy {
				w.problems = append(w.problems, fmt.Sprintf("a renewal that waited behind a stall [%v, %v] was refused, "+
					"though its lock had %v left: %v", s.from, s.to, r.left, &r.Op))
			}
		}
	}
}
