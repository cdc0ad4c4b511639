// Counters, which show whether each command took effect once, and queues, which show whether waiting is fair.

package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// CheckCounters holds each counter against its increments: every acknowledged one counts once, one of unknown
// outcome once or not at all, and nobody reads a value that is older than what had been acknowledged.
func CheckCounters(ops []Op) []string {
	counts, reads := map[string][]*Op{}, map[string][]*Op{}
	for i := range ops {
		op := &ops[i]
		switch {
		case op.Kind == Count && op.Outcome != Refused:
			counts[op.Key] = append(counts[op.Key], op)
		case op.Kind == Read && op.Known(): // No: there is none yet, which is 0
			reads[op.Key] = append(reads[op.Key], op)
		}
	}
	var wrong []string
	for key, list := range counts {
		wrong = append(wrong, checkCounter(list, reads[key])...)
	}
	slices.Sort(wrong)
	return wrong
}

func checkCounter(counts, reads []*Op) []string {
	var given []numbered
	var acknowledged []*Op
	for _, op := range counts {
		if op.Outcome == Yes {
			given = append(given, numbered{op.Sent, op.Done, op.Number, op.Key + " via " + op.Node})
			acknowledged = append(acknowledged, op)
		}
	}
	wrong := checkRising("count", given)
	slices.SortFunc(acknowledged, func(a, b *Op) int { return cmp.Compare(a.Done, b.Done) })
	highest := make([]int64, len(acknowledged)+1) // of the first so many acknowledged
	for i, op := range acknowledged {
		highest[i+1] = max(highest[i], op.Number)
	}
	for _, op := range slices.Concat(acknowledged, reads) {
		least := before(acknowledged, op.Sent, func(o *Op) time.Duration { return o.Done })
		most := before(counts, op.Done, func(o *Op) time.Duration { return o.Sent })
		switch {
		case op.Number < max(highest[least], int64(least)):
			wrong = append(wrong, fmt.Sprintf("a counter lost what was acknowledged, or a read is stale: %v, but "+
				"%d increments had been answered, the highest with %d", op, least, highest[least]))
		case op.Number > int64(most):
			wrong = append(wrong, fmt.Sprintf("a counter counted twice: %v, but only %d were ever sent", op, most))
		}
	}
	return wrong
}

// before counts the operations of a list, sorted by at, that are earlier than t.
func before(list []*Op, t time.Duration, at func(*Op) time.Duration) int {
	n, _ := slices.BinarySearchFunc(list, t, func(o *Op, t time.Duration) int { return cmp.Compare(at(o), t) })
	return n
}

// CheckFair finds owners that were served before others whom somebody had seen ahead of them in the queue, or
// in the queue before they came; and those that were still in it after they had been served. Only those count
// that asked once and were granted: whoever asks again stands at the end.
func CheckFair(ops []Op) []string {
	granted, prios := grantedAtOnce(ops), map[waiter]int{}
	for i := range ops {
		if op := &ops[i]; op.Prio != 0 && op.Kind == Take {
			prios[waiter{op.Key, op.Owner}] = op.Prio
		}
	}
	queued := map[waiter]time.Duration{} // when it was first known to be in the queue
	var wrong []string
	for i := range ops {
		seen := &ops[i]
		wrong = append(wrong, checkQueue(seen, granted, prios)...)
		for _, owner := range seen.Waiters {
			who := waiter{seen.Key, owner}
			if at, ok := queued[who]; !ok || seen.Done < at {
				queued[who] = seen.Done
			}
		}
	}
	turns := map[string]map[int][]numbered{}
	for who, op := range granted {
		known := op.Done
		if at, ok := queued[who]; ok {
			known = min(known, at)
		}
		if turns[who.key] == nil {
			turns[who.key] = map[int][]numbered{}
		}
		turn := numbered{op.Sent, known, op.Number, who.owner}
		turns[who.key][op.Prio] = append(turns[who.key][op.Prio], turn)
	}
	for key, byPrio := range turns {
		wrong = append(wrong, checkTurns(key, byPrio)...)
	}
	slices.Sort(wrong)
	return wrong
}

// checkTurns holds the turns at a key against each other: nobody is served before who came earlier and has
// the same priority, or a higher one.
func checkTurns(key string, byPrio map[int][]numbered) []string {
	var wrong []string
	var above []numbered
	for _, prio := range slices.Backward(slices.Sorted(maps.Keys(byPrio))) {
		wrong = append(wrong, checkRising("the turn at "+key+", token", slices.Concat(byPrio[prio], above))...)
		for _, n := range byPrio[prio] {
			n.sent = 0 // it may come before those of lower priority that came earlier
			above = append(above, n)
		}
	}
	return wrong
}

// checkQueue holds what somebody saw of a queue against the grants and the priorities.
func checkQueue(seen *Op, granted map[waiter]*Op, prios map[waiter]int) []string {
	var wrong []string
	var last *Op // of those ahead, the one that was served last
	for i, owner := range seen.Waiters {
		if i > 0 && prios[waiter{seen.Key, owner}] > prios[waiter{seen.Key, seen.Waiters[i-1]}] {
			wrong = append(wrong, fmt.Sprintf("%s stands behind who has a lower priority: %v", owner, seen.Waiters))
		}
		op := granted[waiter{seen.Key, owner}]
		if op == nil {
			continue
		}
		if op.Done < seen.Sent {
			wrong = append(wrong, fmt.Sprintf("still waiting after it was served: %v in %v", op, seen.Waiters))
		}
		if last == nil || op.Number > last.Number {
			last = op
		} else {
			wrong = append(wrong, fmt.Sprintf("served out of turn: %v was behind %v in %v", op, last, seen.Waiters))
		}
	}
	return wrong
}

// waiter is a place in a queue.
type waiter struct{ key, owner string }

// grantedAtOnce is the requests that were granted with a token, of owners that made no other one.
func grantedAtOnce(ops []Op) map[waiter]*Op {
	takes := map[waiter]*Op{}
	for i := range ops {
		op := &ops[i]
		if op.Kind != Take || op.Outcome == Refused {
			continue
		}
		who := waiter{op.Key, op.Owner}
		if _, again := takes[who]; again || op.Outcome != Yes || op.Number == 0 {
			op = nil
		}
		takes[who] = op
	}
	maps.DeleteFunc(takes, func(_ waiter, op *Op) bool { return op == nil })
	return takes
}

// CheckSlow finds operations without an excuse that took longer than most, beside what they wanted to wait.
func CheckSlow(ops []Op, excuses []Excuse, most time.Duration) []string {
	var wrong []string
	for i := range ops {
		op := &ops[i]
		excused := slices.ContainsFunc(excuses, func(e Excuse) bool { return e.Covers(op) })
		if took := op.Done - op.Sent - op.Wait; took > most && !excused {
			wrong = append(wrong, fmt.Sprintf("it took %v, more than %v: %v", took, most, op))
		}
	}
	return wrong
}
