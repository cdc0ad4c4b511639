// Operations may fail or be slow only with an excuse. And what several checks need.

package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Excuse is a time in which operations of a node may fail, and connections of that time still afterwards.
type Excuse struct {
	Node       string
	From, To   time.Duration // of the history; To 0 is for ever
	ClosedOnly bool          // connections may be closed or refused, but no error may be replied
}

// Covers tells whether an operation may have failed because of it.
func (e *Excuse) Covers(op *Op) bool {
	return op.Node == e.Node && op.Done >= e.From && (e.To == 0 || op.Sent <= e.To || op.Dialed <= e.To) &&
		(!e.ClosedOnly || op.Said == Closed)
}

// Closed stands in Op.Said for every way in which a connection can be closed or refused.
const Closed = "closed"

// CheckErrors finds operations that failed without an excuse: a client of a node that nothing happened to
// may have to wait, but gets its answer.
func CheckErrors(ops []Op, excuses []Excuse) []string {
	var wrong []string
	for i := range ops {
		op := &ops[i]
		excused := slices.ContainsFunc(excuses, func(e Excuse) bool { return e.Covers(op) })
		if !op.Known() && !op.Left && !excused {
			wrong = append(wrong, fmt.Sprintf("a client of a healthy node got an error: %v", op))
		}
	}
	return wrong
}

// numbered is something that got a number at some moment between sent and done.
type numbered struct {
	sent, done time.Duration
	number     int64
	what       string
}

// checkRising finds numbers that occur twice, and numbers that are not above all those whose replies had
// come before the request was sent.
func checkRising(name string, list []numbered) []string {
	var wrong []string
	slices.SortFunc(list, func(a, b numbered) int { return cmp.Compare(a.number, b.number) })
	for i := 1; i < len(list); i++ {
		if list[i].number == list[i-1].number {
			wrong = append(wrong, fmt.Sprintf("%s %d was given twice: to %s and to %s",
				name, list[i].number, list[i-1].what, list[i].what))
		}
	}
	bySent := list
	byDone := slices.Clone(list)
	slices.SortFunc(bySent, func(a, b numbered) int { return cmp.Compare(a.sent, b.sent) })
	slices.SortFunc(byDone, func(a, b numbered) int { return cmp.Compare(a.done, b.done) })
	var highest numbered // of those done before
	next := 0
	for _, n := range bySent {
		for next < len(byDone) && byDone[next].done < n.sent {
			if byDone[next].number > highest.number {
				highest = byDone[next]
			}
			next++
		}
		if n.number < highest.number {
			wrong = append(wrong, fmt.Sprintf("%s %d was given to %s after %d had been replied to %s",
				name, n.number, n.what, highest.number, highest.what))
		}
	}
	return wrong
}
