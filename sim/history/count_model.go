// The counter that porcupine compares with. An increment of unknown outcome counts once or not at all, at any
// time after it was sent; it is no operation of its own: whatever is answered may find that some of those
// sent before its reply have been counted meanwhile.

package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// countState is a counter at one moment of an order.
type countState struct{ value, acknowledged int64 }

// countOp is an operation on a counter.
type countOp struct {
	*Op
	span          // turn is its value
	unknown int64 // increments of unknown outcome that were sent before it was answered
	after   int64 // the highest value up to its own that somebody else was told to have reached
}

func (in *countOp) operation() *Op { return in.Op }

// step tells whether in can be answered so in state s, and the state after it.
func (s countState) step(in *countOp) (bool, countState) {
	least := s.value
	if in.Kind == Count {
		least++
		s.acknowledged++
	}
	if s.value < in.after { // it cannot be passed over: only that increment gives this value
		return false, s
	}
	s.value = in.Number
	return s.value >= least && s.value-s.acknowledged <= in.unknown, s
}

func countModel(begin countState) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return begin },
		Step: func(state, in, _ any) (bool, any) {
			ok, next := state.(countState).step(in.(*countOp))
			if !ok {
				return false, nil
			}
			return true, next
		},
		DescribeOperation: func(in, _ any) string { return in.(*countOp).String() },
		DescribeState: func(state any) string {
			s := state.(countState)
			return fmt.Sprintf("at %d, of which %d were acknowledged", s.value, s.acknowledged)
		},
	}
}

// countOps makes what the model sees of a key.
func countOps(key []*Op) []*countOp {
	var unknown []time.Duration // when they were sent
	for _, op := range key {
		if op.Kind == Count && op.Outcome == Unknown {
			unknown = append(unknown, op.Sent)
		}
	}
	list := make([]countOp, 0, len(key))
	ops := make([]*countOp, 0, len(key))
	for _, op := range key {
		if op.Known() {
			n, _ := slices.BinarySearchFunc(unknown, op.Done, func(sent, done time.Duration) int {
				return cmp.Or(cmp.Compare(sent, done), -1) // of the same moment, too
			})
			list = append(list, countOp{Op: op, span: span{op.Number, op.Sent, op.Done}, unknown: int64(n)})
			ops = append(ops, &list[len(list)-1])
		}
	}
	return ops
}
