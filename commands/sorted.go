// Sorted sets: members, one set at a time. Adding is in sorted_add.go, ranges are in sorted_range.go, what
// makes one of several is in sorted_combine.go.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func sortedCommands() []Command {
	return family("sorted-set", "sortedset", scoreCommands(), rangeCommands(), mergeCommands())
}

//nolint:funlen // one table, read from top to bottom
func scoreCommands() []Command {
	one, points := Keys{1, 1, 1}, &scanPoints{}
	return []Command{
		{
			Name: "zadd", Arity: -4, Flags: Write | DenyOOM | Fast, Keys: one,
			KeyFlags: "RW update", Since: "1.2.0",
			Syntax:     "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
			Complexity: "O(N log M), N members given, M in the sorted set", Handler: zadd,
			Summary: "Give members of a sorted set their scores.",
		},
		{
			Name: "zcard", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO",
			Since: "1.2.0", Syntax: "key", Complexity: "O(1)", Handler: zcard,
			Summary: "Count the members of a sorted set.",
		},
		{
			Name: "zincrby", Arity: 4, Flags: Write | DenyOOM | Fast, Keys: one,
			KeyFlags: "RW access update", Since: "1.2.0", Syntax: "key increment member",
			Complexity: "O(log N)", Handler: zincrBy,
			Summary: "Add to the score of a member of a sorted set.",
		},
		{
			Name: "zmscore", Arity: -3, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access",
			Since: "6.2.0", Syntax: "key member [member ...]",
			Complexity: "O(N log M), N members given, M in the sorted set", Handler: zmscore,
			Summary: "Reply the scores of several members of a sorted set, null for those that are not there.",
		},
		{
			Name: "zpopmax", Arity: -2, Flags: Write | Fast, Keys: one,
			KeyFlags: "RW access delete", Since: "5.0.0", Syntax: "key [count]",
			Complexity: "O(N log M), N members replied, M in the sorted set", Handler: zpop(true),
			Summary: "Take the members with the highest scores out of a sorted set.",
		},
		{
			Name: "zpopmin", Arity: -2, Flags: Write | Fast, Keys: one,
			KeyFlags: "RW access delete", Since: "5.0.0", Syntax: "key [count]",
			Complexity: "O(N log M), N members replied, M in the sorted set", Handler: zpop(false),
			Summary: "Take the members with the lowest scores out of a sorted set.",
		},
		{
			Name: "zmpop", Arity: -4, Flags: Write | MovableKeys, NumKeys: 1, KeyFlags: "RW access delete",
			Since: "7.0.0", Syntax: "numkeys key [key ...] <MIN | MAX> [COUNT count]",
			Complexity: "O(N + M log L), N keys, M members replied, L in the sorted set", Handler: zmpop,
			Summary: "Take members from the first sorted set that has any.",
		},
		{
			Name: "zrandmember", Arity: -2, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "6.2.0", Syntax: "key [count [WITHSCORES]]",
			Complexity: "O(N log M), N members replied, M in the sorted set",
			Tips:       []string{"nondeterministic_output"}, Handler: zrandMember,
			Summary: "Reply members of a sorted set, any.",
		},
		{
			Name: "zrank", Arity: -3, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access",
			Since: "2.0.0", Syntax: "key member [WITHSCORE]", Complexity: "O(log N)", Handler: rank("zrank", false),
			Summary: "Reply the place of a member of a sorted set, from the lowest score on.",
		},
		{
			Name: "zrem", Arity: -3, Flags: Write | Fast, Keys: one, KeyFlags: "RW delete",
			Since: "1.2.0", Syntax: "key member [member ...]",
			Complexity: "O(N log M), N members given, M in the sorted set", Handler: zrem,
			Summary: "Remove members from a sorted set, and the key with the last one.",
		},
		{
			Name: "zrevrank", Arity: -3, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access",
			Since: "2.0.0", Syntax: "key member [WITHSCORE]", Complexity: "O(log N)", Handler: rank("zrevrank", true),
			Summary: "Reply the place of a member of a sorted set, from the highest score on.",
		},
		{
			Name: "zscan", Arity: -3, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "2.8.0", Syntax: "key cursor [MATCH pattern] [COUNT count]",
			Complexity: "O(1) for a page, O(N) for all", Tips: []string{"nondeterministic_output"},
			Handler: points.zscan,
			Summary: "List the members of a sorted set with their scores, page by page.",
		},
		{
			Name: "zscore", Arity: 3, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access",
			Since: "1.2.0", Syntax: "key member", Complexity: "O(log N)", Handler: zscore,
			Summary: "Reply the score of a member of a sorted set.",
		},
	}
}

func zcard(tx *fsm.Tx, a Args) resp.Value {
	_, s, problem := sortedAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	return resp.Int(int64(s.Len()))
}

// scoreOf is the reply that shows a member's score.
func scoreOf(s *fsm.Sorted, member string) resp.Value {
	if score, there := s.Score(member); there {
		return resp.Double(score)
	}
	return resp.Null()
}

func zscore(tx *fsm.Tx, a Args) resp.Value {
	_, s, problem := sortedAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	return scoreOf(s, a.Str(2))
}

func zmscore(tx *fsm.Tx, a Args) resp.Value {
	_, s, problem := sortedAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	list := make([]resp.Value, 0, len(a)-2)
	for i := 2; i < len(a); i++ {
		list = append(list, scoreOf(s, a.Str(i)))
	}
	return resp.Array(list...)
}

// rank returns the handler of ZRANK or ZREVRANK.
func rank(name string, backwards bool) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		switch {
		case len(a) > 4:
			return errArity(name)
		case len(a) == 4 && !a.Is(3, "WITHSCORE"):
			return errSyntax()
		}
		_, s, problem := sortedAt(tx, a.Str(1))
		if problem.IsError() {
			return problem
		}
		score, there := s.Score(a.Str(2))
		switch {
		case !there && len(a) == 4:
			return resp.NullArray()
		case !there:
			return resp.Null()
		}
		place := s.Rank(fsm.Scored{Member: a.Str(2), Score: score})
		if backwards {
			place = s.Len() - 1 - place
		}
		if len(a) == 4 {
			return resp.Array(resp.Int(int64(place)), resp.Double(score))
		}
		return resp.Int(int64(place))
	}
}

func zrem(tx *fsm.Tx, a Args) resp.Value {
	it, s, problem := sortedAt(tx, a.Str(1))
	if problem.IsError() || it == nil {
		return orZero(problem)
	}
	s = own(tx, it, s)
	removed := int64(0)
	for i := 2; i < len(a); i++ {
		if s.Remove(a.Str(i)) {
			removed++
		}
	}
	tx.Spend(int64(2 * len(a)))
	if removed > 0 {
		put(tx, it, it.Key, s, fsm.EventSorted, "zrem")
	}
	return resp.Int(removed)
}

// popScored takes up to count members from an end of the sorted set that it holds.
func popScored(tx *fsm.Tx, it *fsm.Item, highest bool, count int) []fsm.Scored {
	s := fsm.Own[*fsm.Sorted](tx, it)
	count = min(count, s.Len())
	tx.Spend(int64(2 * count))
	list := make([]fsm.Scored, 0, count)
	event := "zpopmin"
	if highest {
		event = "zpopmax"
	}
	for range count {
		place := 0
		if highest {
			place = s.Len() - 1
		}
		v := s.At(place)
		s.Remove(v.Member)
		list = append(list, v)
	}
	put(tx, it, it.Key, s, fsm.EventSorted, event)
	return list
}

// flatScored is members and their scores in turn.
func flatScored(list []fsm.Scored) []resp.Value {
	flat := make([]resp.Value, 0, 2*len(list))
	for _, v := range list {
		flat = append(flat, resp.Bulk(v.Member), resp.Double(v.Score))
	}
	return flat
}

// zpop returns the handler of ZPOPMIN or ZPOPMAX.
func zpop(highest bool) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		if len(a) > 3 {
			return errSyntax()
		}
		count := 1
		if len(a) == 3 {
			var problem resp.Value
			if count, problem = positive(a, 2); problem.IsError() {
				return problem
			}
		}
		it, _, problem := sortedAt(tx, a.Str(1))
		switch {
		case problem.IsError():
			return problem
		case it == nil || count == 0:
			return resp.Array()
		}
		flat := flatScored(popScored(tx, it, highest, count))
		if len(a) == 2 {
			return resp.Array(flat...)
		}
		return resp.Pairs(flat...)
	}
}

func zmpop(tx *fsm.Tx, a Args) resp.Value {
	p, problem := readManyPop(a, 1, "MIN", "MAX")
	if problem.IsError() {
		return problem
	}
	return p.sortedSets(tx)
}

// sortedSets takes members from the first sorted set that is there.
func (p *manyPop) sortedSets(tx *fsm.Tx) resp.Value {
	return firstThere(tx, p.keys, sortedAt, func(it *fsm.Item, _ *fsm.Sorted) resp.Value {
		var list []resp.Value
		for _, v := range popScored(tx, it, p.last, p.count) {
			list = append(list, resp.Array(resp.Bulk(v.Member), resp.Double(v.Score)))
		}
		return resp.Array(resp.Bulk(it.Key), resp.Array(list...))
	})
}

func zrandMember(tx *fsm.Tx, a Args) resp.Value {
	if len(a) == 2 {
		_, s, problem := sortedAt(tx, a.Str(1))
		if problem.IsError() || s.Len() == 0 {
			return problem // the zero Value is null
		}
		return resp.Bulk(s.At(tx.Random(s.Len())).Member)
	}
	c, problem := readChosen(a, "WITHSCORES")
	if problem.IsError() {
		return problem
	}
	_, s, problem := sortedAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	list := pairList{pairs: c.pairs}
	c.from(tx, s.Len(), func(place int) {
		v := s.At(place)
		list.add(v.Member, resp.Double(v.Score))
	})
	return list.reply()
}
