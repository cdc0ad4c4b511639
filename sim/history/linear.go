// Linearizability: is there one order of a key's operations, each at a moment between its request and its
// reply, in which a single lock, or a single counter, would have answered just so? porcupine searches it.
//
// A search is fast while few operations are open at a time. Those of unknown outcome are open for ever, and
// a handful of them makes a search endless, so none of them is given to it: lock_model.go and count_model.go
// say how the models know of them instead. And the state that porcupine remembers for each step grows with
// the history, so a long one is cut where that loses nothing (cut.go).

package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// searchLimit is how long the order of a stretch is searched. porcupine remembers what it tried: a longer
// search would end for want of memory. It is the time of Go's clock, which stands still for a busy bubble of
// testing/synctest: judge outside of it.
const searchLimit = 3 * time.Second

// Linear is what CheckLinear found.
type Linear struct {
	Violations   []string // a sentence each
	Wrong        []string // the keys of the violations
	Inconclusive []string // keys whose search took too long
	Checked      int      // operations, each of which must have a place in an order of its key
}

// CheckLinear looks for the order of each key's operations. Operations must be in the order of Sent.
func CheckLinear(ops []Op, o Options) Linear { return checkLinear(ops, o, searchLimit) }

func checkLinear(ops []Op, o Options, limit time.Duration) Linear {
	var found Linear
	for _, key := range byKey(ops) {
		found.Checked += len(key)
		for _, s := range stretches(key, o) {
			result := porcupine.CheckOperationsTimeout(s.model, s.history, limit)
			if result == porcupine.Ok {
				continue
			}
			if result == porcupine.Unknown {
				found.Inconclusive = append(found.Inconclusive, key[0].Key)
			} else {
				found.Wrong = append(found.Wrong, key[0].Key)
				found.Violations = append(found.Violations, s.explain())
			}
			break // one finding for a key is enough
		}
	}
	return found
}

// stretch is a part of a key's history that can be judged alone.
type stretch struct {
	model   porcupine.Model // of a lock or a counter in the state in which the stretch begins
	history []porcupine.Operation
}

// stretches prepares a key's operations. A key is a counter or a lock, not both.
func stretches(key []*Op, o Options) []stretch {
	if key[0].Kind == Count || key[0].Kind == Read {
		return countStretches(key)
	}
	return lockStretches(key, o)
}

// input is an operation as a model sees it.
type input interface {
	operation() *Op
	open() *span
}

// span is when an operation can have happened.
type span struct {
	turn int64         // the number that orders it among the others of its key; 0: there is none
	call time.Duration // not before
	done time.Duration // nor after
}

func (s *span) open() *span { return s }

// opened is an operation as porcupine takes it.
func opened(in input) porcupine.Operation {
	return porcupine.Operation{Input: in, Call: int64(in.open().call), Return: int64(in.open().done)}
}

// byKey groups the operations that concern one lock or counter, in the order in which the keys first occur.
func byKey(ops []Op) [][]*Op {
	places := map[string]int{}
	var keys [][]*Op
	others := othersThan(ops)
	for i := range ops {
		op := &ops[i]
		if op.Outcome == Refused || op.Kind == Queue || others[op.Key] {
			continue // it did nothing, and says nothing about the holder
		}
		place, ok := places[op.Key]
		if !ok {
			place = len(keys)
			places[op.Key] = place
			keys = append(keys, nil)
		}
		keys[place] = append(keys[place], op)
	}
	return keys
}

// othersThan are the keys of which the model of a lock knows nothing: which several hold together, which end
// with something else than their time, or which may be refused because of others.
func othersThan(ops []Op) map[string]bool {
	others := map[string]bool{}
	for i := range ops {
		switch op := &ops[i]; {
		case op.Mode != ModeAlone, op.Session != "", op.Among > 1,
			op.Kind == Pass, op.Kind == Fence, op.Kind == Revoke:
			others[op.Key] = true
		}
	}
	return others
}

// explain says where the longest order that can be found ends.
func (s *stretch) explain() string {
	_, info := porcupine.CheckOperationsVerbose(s.model, s.history, searchLimit)
	var longest []porcupine.Operation
	for _, order := range info.PartialLinearizationsOperations()[0] {
		if len(order) > len(longest) {
			longest = order
		}
	}
	placed := map[any]bool{}
	for _, op := range longest {
		placed[op.Input] = true
	}
	var stuck *porcupine.Operation // of the others, the one that must come first
	for i := range s.history {
		if op := &s.history[i]; !placed[op.Input] && (stuck == nil || op.Return < stuck.Return) {
			stuck = op
		}
	}
	if stuck == nil { // the search went on for longer the second time
		return fmt.Sprintf("no order of %d operations explains the replies", len(s.history))
	}
	state := s.model.Init()
	for _, op := range longest {
		_, state = s.model.Step(state, op.Input, op.Output)
	}
	op := stuck.Input.(input).operation()
	return fmt.Sprintf("no order of the operations on %s explains the replies: after %d of %d it is %s, "+
		"then it cannot be that %v", op.Key, len(longest), len(s.history), s.model.DescribeState(state), op)
}

// WritePage draws the operations on a key as an interactive page of HTML, the stretch that is wrong if there
// is one. It returns an error if the key does not occur, or the file cannot be written.
func WritePage(path string, ops []Op, key string, o Options) error {
	all := byKey(ops)
	i := slices.IndexFunc(all, func(k []*Op) bool { return k[0].Key == key })
	if i < 0 {
		return fmt.Errorf("there is no operation on %s", key)
	}
	var s stretch
	var info porcupine.LinearizationInfo
	for _, s = range stretches(all[i], o) {
		inRows(s.history)
		var result porcupine.CheckResult
		result, info = porcupine.CheckOperationsVerbose(s.model, s.history, searchLimit)
		if result != porcupine.Ok {
			break
		}
	}
	return porcupine.VisualizePath(s.model, info, path)
}

// inRows gives each operation the first row of the page that is free. Owners are too many for a row each.
func inRows(history []porcupine.Operation) {
	slices.SortStableFunc(history, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var free []int64 // when each row is
	for i := range history {
		op := &history[i]
		row := slices.IndexFunc(free, func(at int64) bool { return at < op.Call })
		if row < 0 {
			row = len(free)
			free = append(free, 0)
		}
		free[row] = op.Return
		op.ClientId = row
	}
}
