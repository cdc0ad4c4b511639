// Fences, which show whether a register that may only rise ever goes down.

package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// CheckFences finds tokens that passed after a higher one had passed and was answered, tokens that were
// refused although nobody had shown a higher one, and looks that saw neither.
func CheckFences(ops []Op) []string {
	byName := map[string][]*Op{}
	for i := range ops {
		if op := &ops[i]; (op.Kind == Pass || op.Kind == Fence) && op.Outcome != Refused {
			byName[op.Key] = append(byName[op.Key], op)
		}
	}
	var wrong []string
	for _, list := range byName {
		wrong = append(wrong, checkFence(list)...)
	}
	slices.Sort(wrong)
	return wrong
}

// checkFence looks at one.
func checkFence(list []*Op) []string {
	shown := slices.DeleteFunc(slices.Clone(list), func(op *Op) bool { return op.Kind != Pass })
	passed := slices.DeleteFunc(slices.Clone(list), func(op *Op) bool { return op.Outcome != Yes })
	sent := func(op *Op) time.Duration { return op.Sent }
	done := func(op *Op) time.Duration { return op.Done }
	least, most := highest(passed, done), highest(shown, sent)
	var wrong []string
	for _, op := range list {
		surely := least[before(passed, op.Sent, done)]
		perhaps := most[before(shown, op.Done, sent)]
		switch {
		case op.Outcome == Unknown:
		case op.Kind == Pass && op.Outcome == No && perhaps <= op.Number:
			wrong = append(wrong, fmt.Sprintf("a token was refused, and nobody had shown a higher one: %v", op))
		case op.Outcome == No && op.Kind == Pass:
		case op.Outcome == No && surely > 0 || op.Outcome == Yes && op.Number < surely:
			wrong = append(wrong, fmt.Sprintf("a fence went down: %v, but %d had been answered", op, surely))
		case op.Number > perhaps:
			wrong = append(wrong, fmt.Sprintf("a fence shows what nobody had shown to it: %v", op))
		}
	}
	return wrong
}

// highest sorts a list by a time and returns the highest number of the first so many.
func highest(list []*Op, at func(*Op) time.Duration) []int64 {
	slices.SortFunc(list, func(a, b *Op) int { return cmp.Compare(at(a), at(b)) })
	top := make([]int64, len(list)+1)
	for i, op := range list {
		top[i+1] = max(top[i], op.Number)
	}
	return top
}
