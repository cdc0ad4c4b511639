// Union, intersection and difference of sets.

package commands

import (
	"math"
	"slices"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func combineCommands() []Command {
	all := Keys{1, -1, 1}
	return []Command{
		{
			Name: "sdiff", Arity: -2, Flags: ReadOnly, Keys: all, KeyFlags: "RO access",
			Since: "1.0.0", Syntax: "key [key ...]", Complexity: "O(N), N members in all sets",
			Tips: []string{"nondeterministic_output_order"}, Handler: replyCombined(subtract),
			Summary: "Reply what is in the first set and in none of the others.",
		},
		{
			Name: "sdiffstore", Arity: -3, Flags: Write | DenyOOM, Keys: all,
			KeyFlags: "OW update; RO access", Since: "1.0.0", Syntax: "destination key [key ...]",
			Complexity: "O(N), N members in all sets", Handler: storeCombined("sdiffstore", subtract),
			Summary: "Store what is in the first set and in none of the others.",
		},
		{
			Name: "sinter", Arity: -2, Flags: ReadOnly, Keys: all, KeyFlags: "RO access",
			Since: "1.0.0", Syntax: "key [key ...]",
			Complexity: "O(N M), N members in the smallest of M sets",
			Tips:       []string{"nondeterministic_output_order"}, Handler: replyCombined(intersect),
			Summary: "Reply what is in all of the sets.",
		},
		{
			Name: "sintercard", Arity: -3, Flags: ReadOnly | MovableKeys, NumKeys: 1,
			KeyFlags: "RO access", Since: "7.0.0", Syntax: "numkeys key [key ...] [LIMIT limit]",
			Complexity: "O(N M), N members in the smallest of M sets", Handler: sinterCard,
			Summary: "Count what is in all of the sets.",
		},
		{
			Name: "sinterstore", Arity: -3, Flags: Write | DenyOOM, Keys: all,
			KeyFlags: "RW update; RO access", Since: "1.0.0", Syntax: "destination key [key ...]",
			Complexity: "O(N M), N members in the smallest of M sets",
			Handler:    storeCombined("sinterstore", intersect),
			Summary:    "Store what is in all of the sets.",
		},
		{
			Name: "sunion", Arity: -2, Flags: ReadOnly, Keys: all, KeyFlags: "RO access",
			Since: "1.0.0", Syntax: "key [key ...]", Complexity: "O(N), N members in all sets",
			Tips: []string{"nondeterministic_output_order"}, Handler: replyCombined(unite),
			Summary: "Reply what is in any of the sets.",
		},
		{
			Name: "sunionstore", Arity: -3, Flags: Write | DenyOOM, Keys: all,
			KeyFlags: "OW update; RO access", Since: "1.0.0", Syntax: "destination key [key ...]",
			Complexity: "O(N), N members in all sets", Handler: storeCombined("sunionstore", unite),
			Summary: "Store what is in any of the sets.",
		},
	}
}

// combine makes one set of several: the members of all of them, of any, or of the first alone.
type combine func(tx *fsm.Tx, sets []*fsm.Set) *fsm.Set

// setsAt returns the sets that stand at keys, empty ones where there are none.
func setsAt(tx *fsm.Tx, keys []string) (sets []*fsm.Set, problem resp.Value) {
	for _, key := range keys {
		_, s, problem := setAt(tx, key)
		if problem.IsError() {
			return nil, problem
		}
		sets = append(sets, s)
	}
	return sets, resp.Value{}
}

// replyCombined returns the handler of SUNION, SINTER or SDIFF.
func replyCombined(how combine) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		sets, problem := setsAt(tx, words(a, 1, len(a)))
		if problem.IsError() {
			return problem
		}
		return membersOf(tx, how(tx, sets))
	}
}

// storeCombined returns the handler of one of the commands that store what the former reply.
func storeCombined(event string, how combine) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		sets, problem := setsAt(tx, words(a, 2, len(a)))
		if problem.IsError() {
			return problem
		}
		result := how(tx, sets)
		putAnew(tx, a.Str(1), result, fsm.EventSet, event)
		return resp.Int(int64(result.Len()))
	}
}

// changeable returns a copy of s that may be changed. The quick way of copying notes in s that it was copied,
// which a read may not do: several may read at a time.
func changeable(tx *fsm.Tx, s *fsm.Set) *fsm.Set {
	if tx.Writes() {
		return s.Copy()
	}
	result := fsm.NewSet()
	s.Each("", func(member string) bool { result.Add(member); return true })
	return result
}

func unite(tx *fsm.Tx, sets []*fsm.Set) *fsm.Set {
	largest := 0 // a place: after COPY two keys hold the same set on one node, and equal ones on another
	for i, s := range sets {
		if s.Len() > sets[largest].Len() {
			largest = i
		}
	}
	result := changeable(tx, sets[largest])
	for i, s := range sets {
		if i != largest {
			tx.Spend(int64(s.Len()))
			s.Each("", func(member string) bool { result.Add(member); return true })
		}
	}
	return result
}

// eachCommon calls f with the members that all sets have, until it returns false.
func eachCommon(tx *fsm.Tx, sets []*fsm.Set, f func(member string) bool) {
	sets = slices.Clone(sets)
	slices.SortStableFunc(sets, func(a, b *fsm.Set) int { return a.Len() - b.Len() })
	tx.Spend(int64(sets[0].Len() * len(sets)))
	sets[0].Each("", func(member string) bool {
		for _, s := range sets[1:] {
			if !s.Has(member) {
				return true
			}
		}
		return f(member)
	})
}

func intersect(tx *fsm.Tx, sets []*fsm.Set) *fsm.Set {
	result := fsm.NewSet()
	eachCommon(tx, sets, func(member string) bool { result.Add(member); return true })
	return result
}

func subtract(tx *fsm.Tx, sets []*fsm.Set) *fsm.Set {
	first, others := sets[0], 0
	for _, s := range sets[1:] {
		others += s.Len()
	}
	if others < first.Len() {
		result := changeable(tx, first)
		tx.Spend(int64(others))
		for _, s := range sets[1:] {
			s.Each("", func(member string) bool { result.Remove(member); return true })
		}
		return result
	}
	result := fsm.NewSet()
	tx.Spend(int64(first.Len() * len(sets)))
	first.Each("", func(member string) bool {
		if !slices.ContainsFunc(sets[1:], func(s *fsm.Set) bool { return s.Has(member) }) {
			result.Add(member)
		}
		return true
	})
	return result
}

// readCard reads the words of SINTERCARD and ZINTERCARD: the keys, and up to how many are counted.
func readCard(a Args) (keys []string, limit int64, problem resp.Value) {
	n, ok := a.Int(1)
	switch {
	case !ok || n < 1:
		return nil, 0, resp.Error("ERR numkeys should be greater than 0")
	case n > int64(len(a)-2):
		return nil, 0, resp.Error("ERR Number of keys can't be greater than number of args")
	}
	keys = words(a, 2, 2+int(n))
	limit = math.MaxInt64
	for i := 2 + int(n); i < len(a); i += 2 {
		if !a.Is(i, "LIMIT") || i+1 >= len(a) {
			return nil, 0, errSyntax()
		}
		if limit, problem = cardLimit(a, i+1); problem.IsError() {
			return nil, 0, problem
		}
	}
	return keys, limit, resp.Value{}
}

// cardLimit reads word i as up to how many are counted; 0 is all.
func cardLimit(a Args, i int) (limit int64, problem resp.Value) {
	n, ok := a.Int(i)
	switch {
	case !ok || n < 0:
		return 0, resp.Error("ERR LIMIT can't be negative")
	case n == 0:
		n = math.MaxInt64
	}
	return n, resp.Value{}
}

func sinterCard(tx *fsm.Tx, a Args) resp.Value {
	keys, limit, problem := readCard(a)
	if problem.IsError() {
		return problem
	}
	sets, problem := setsAt(tx, keys)
	if problem.IsError() {
		return problem
	}
	n := int64(0)
	eachCommon(tx, sets, func(string) bool { n++; return n < limit })
	return resp.Int(n)
}
