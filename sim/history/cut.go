// Where a key's history can be cut, so that its parts can be judged one by one.
//
// Numbers tell an order: a counter's values rise, and so do a lock's tokens. So there is a cut at a value
// wherever nothing above it was answered before something up to it was sent. Then orders of the two parts,
// one after the other, are an order of the whole; and an order of the whole has all of the first part before
// the second, because their numbers do. So nothing is lost by cutting and nothing found that is not there.
//
// With locks, the grant of a token is the cut: it ends the first part, and the second begins in the state
// that it leaves. Replies of Yes belong to the token of their owner, if it surely had but one. All others,
// such as of those who were turned away, must not be open at the moment of the grant, which the ones with
// tokens narrow down: it is after the sending of all before it, and before the replies to all after it.

package history

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// shortest is the least number of operations in a stretch that is cut off.
const shortest = 250

// forever is a time after all others.
const forever = time.Duration(math.MaxInt64)

func countStretches(key []*Op) []stretch {
	ops := countOps(key)
	slices.SortStableFunc(ops, func(a, b *countOp) int { // who counts comes before those who read it
		return cmp.Or(cmp.Compare(a.turn, b.turn), strings.Compare(string(a.Kind), string(b.Kind)))
	})
	narrow(ops)
	answered := firstAnswers(ops)
	var parts []stretch
	var begin, state countState
	var counted int64 // the last value that an increment was told
	var history []porcupine.Operation
	var sent time.Duration // the last request until there
	for i, op := range ops {
		op.after = counted
		history = append(history, opened(op))
		sent = max(sent, op.call)
		state.value = op.Number
		if op.Kind == Count {
			state.acknowledged++
			counted = op.Number
		}
		last := i+1 == len(ops)
		if last || len(history) >= shortest && sent < answered[i+1] && op.turn < ops[i+1].turn {
			parts = append(parts, stretch{countModel(begin), history})
			begin, history = state, nil
		}
	}
	return parts
}

func lockStretches(key []*Op, o Options) []stretch {
	all := newTenancy(key, o)
	ops := lockOps(key, all)
	ordered, others := byToken(ops)
	narrow(ordered)
	cuts := grants(ordered, others)
	histories := make([][]porcupine.Operation, len(cuts)+1)
	for _, op := range ops {
		i, _ := slices.BinarySearchFunc(cuts, op, func(grant, op *lockOp) int {
			if op.before(grant) {
				return 1
			}
			return -1
		})
		if i > 0 && cuts[i-1] == op {
			i-- // it ends the part before
		}
		histories[i] = append(histories[i], opened(op))
	}
	parts := make([]stretch, len(histories))
	var begin lockState
	for i, history := range histories {
		parts[i] = stretch{lockModel(begin, all.names), history}
		if i < len(cuts) {
			_, begin = lockState{}.take(cuts[i])
		}
	}
	return parts
}

// before tells whether op happened before a grant at which the history is cut.
func (in *lockOp) before(grant *lockOp) bool {
	if in.turn != 0 {
		return in.turn < grant.turn
	}
	return in.done < grant.call
}

// byToken parts the operations whose token is known, in the order of tokens, from the others, in the order in
// which they were called.
func byToken(ops []*lockOp) (ordered, others []*lockOp) {
	for _, op := range ops {
		if op.turn != 0 {
			ordered = append(ordered, op)
		} else {
			others = append(others, op)
		}
	}
	byCall := func(a, b *lockOp) int { return cmp.Compare(a.call, b.call) }
	slices.SortStableFunc(others, byCall)
	slices.SortStableFunc(ordered, func(a, b *lockOp) int {
		return cmp.Or(cmp.Compare(a.turn, b.turn), byCall(a, b))
	})
	return ordered, others
}

// narrow lets operations, in the order of their turns, happen only after the sending of all those of lower
// turns, and before the replies to all those of higher ones. A waiter is then open for as long as its grant
// may have taken, not for as long as it waited: else each search would try all in the queue as the next.
// Where nothing is left of the time of an operation there is no order, as the search will find.
func narrow[T input](ordered []T) {
	spans := make([]span, len(ordered))
	var sent, sentBefore time.Duration // of this turn and those before; of those before
	for i, op := range ordered {
		spans[i] = *op.open()
		if i > 0 && spans[i].turn != spans[i-1].turn {
			sentBefore = sent
		}
		sent = max(sent, spans[i].call)
		spans[i].call = max(spans[i].call, sentBefore)
	}
	answered, answeredAfter := forever, forever
	for i := len(spans) - 1; i >= 0; i-- {
		if i+1 < len(spans) && spans[i].turn != spans[i+1].turn {
			answeredAfter = answered
		}
		answered = min(answered, spans[i].done)
		spans[i].done = min(spans[i].done, answeredAfter)
	}
	for i, op := range ordered {
		if spans[i].call <= spans[i].done {
			*op.open() = spans[i]
		}
	}
}

// firstAnswers is the time of the first reply to the operations from each on, and forever after the last.
func firstAnswers[T input](ops []T) []time.Duration {
	answered := make([]time.Duration, len(ops)+1)
	answered[len(ops)] = forever
	for i := len(ops) - 1; i >= 0; i-- {
		answered[i] = min(answered[i+1], ops[i].open().done)
	}
	return answered
}

// grants finds the places to cut at: takes after all that concerns lower tokens, before all else that
// concerns their own and higher ones, and open together with none of the others.
func grants(ordered, others []*lockOp) []*lockOp {
	answered := firstAnswers(ordered)
	var cuts []*lockOp
	var sent, closed time.Duration // the last request, and the last reply of the others, of those before
	other, cut := 0, 0             // how many others are before; how many operations were when it was last cut
	for i, op := range ordered {
		for ; other < len(others) && others[other].call <= op.done; other++ {
			closed = max(closed, others[other].done)
		}
		first := i == 0 || ordered[i-1].turn != op.turn
		alone := i+1 == len(ordered) || ordered[i+1].owner != op.owner || ordered[i+1].call >= op.done
		fits := sent <= op.call && op.done <= answered[i] && closed < op.call
		if op.Kind == Take && first && alone && fits && i+other-cut >= shortest {
			cuts = append(cuts, op)
			cut = i + other
		}
		sent = max(sent, op.call)
	}
	return cuts
}
