// Union, intersection and difference of sorted sets. Sets may be among them.

package commands

import (
	"math"
	"slices"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func mergeCommands() []Command {
	one := Keys{1, 1, 1}
	const (
		weights = " [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]"
		few     = "O(N M log N), N members in the smallest of M sets"
		many    = "O(N log N), N members in all sets"
	)
	return []Command{
		{
			Name: "zdiff", Arity: -3, Flags: ReadOnly | MovableKeys, NumKeys: 1, KeyFlags: "RO access",
			Since: "6.2.0", Syntax: "numkeys key [key ...] [WITHSCORES]",
			Complexity: many, Handler: mergeForm{name: "zdiff", how: mergeDiff, diff: true}.reply,
			Summary: "Reply what is in the first sorted set and in none of the others.",
		},
		{
			Name: "zdiffstore", Arity: -4, Flags: Write | DenyOOM | MovableKeys, Keys: one,
			NumKeys: 2, KeyFlags: "OW update; RO access", Since: "6.2.0",
			Syntax: "destination numkeys key [key ...]", Complexity: many,
			Handler: mergeForm{name: "zdiffstore", how: mergeDiff, diff: true, store: true}.keep,
			Summary: "Store what is in the first sorted set and in none of the others.",
		},
		{
			Name: "zinter", Arity: -3, Flags: ReadOnly | MovableKeys, NumKeys: 1, KeyFlags: "RO access",
			Since:      "6.2.0",
			Syntax:     "numkeys key [key ...]" + weights + " [WITHSCORES]",
			Complexity: few, Handler: mergeForm{name: "zinter", how: mergeInter}.reply,
			Summary: "Reply what is in all of the sorted sets.",
		},
		{
			Name: "zintercard", Arity: -3, Flags: ReadOnly | MovableKeys, NumKeys: 1,
			KeyFlags: "RO access", Since: "7.0.0", Syntax: "numkeys key [key ...] [LIMIT limit]",
			Complexity: "O(N M), N members in the smallest of M sets", Handler: mergeForm{name: "zintercard"}.count,
			Summary: "Count what is in all of the sorted sets.",
		},
		{
			Name: "zinterstore", Arity: -4, Flags: Write | DenyOOM | MovableKeys, Keys: one,
			NumKeys: 2, KeyFlags: "OW update; RO access", Since: "2.0.0",
			Syntax:     "destination numkeys key [key ...]" + weights,
			Complexity: few, Handler: mergeForm{name: "zinterstore", how: mergeInter, store: true}.keep,
			Summary: "Store what is in all of the sorted sets.",
		},
		{
			Name: "zunion", Arity: -3, Flags: ReadOnly | MovableKeys, NumKeys: 1, KeyFlags: "RO access",
			Since:      "6.2.0",
			Syntax:     "numkeys key [key ...]" + weights + " [WITHSCORES]",
			Complexity: many, Handler: mergeForm{name: "zunion", how: mergeUnion}.reply,
			Summary: "Reply what is in any of the sorted sets.",
		},
		{
			Name: "zunionstore", Arity: -4, Flags: Write | DenyOOM | MovableKeys, Keys: one,
			NumKeys: 2, KeyFlags: "OW update; RO access", Since: "2.0.0",
			Syntax:     "destination numkeys key [key ...]" + weights,
			Complexity: many, Handler: mergeForm{name: "zunionstore", how: mergeUnion, store: true}.keep,
			Summary: "Store what is in any of the sorted sets.",
		},
	}
}

// source is what a command takes in: a sorted set, or a set, whose members all have the score 1.
type source struct {
	sorted *fsm.Sorted
	set    *fsm.Set
	weight float64
}

func sourceAt(tx *fsm.Tx, key string) (s source, problem resp.Value) {
	s = source{sorted: fsm.NewSorted(), weight: 1}
	it := tx.Get(key)
	if it == nil {
		return s, resp.Value{}
	}
	switch v := it.Value().(type) {
	case *fsm.Sorted:
		s.sorted = v
	case *fsm.Set:
		s.set = v
	default:
		return s, errWrongType()
	}
	return s, resp.Value{}
}

func (s *source) len() int {
	if s.set != nil {
		return s.set.Len()
	}
	return s.sorted.Len()
}

// score returns the weighted score of a member.
func (s *source) score(member string) (float64, bool) {
	if s.set != nil {
		return s.weighted(1), s.set.Has(member)
	}
	score, there := s.sorted.Score(member)
	return s.weighted(score), there
}

// weighted multiplies. Infinity times nothing is nothing, as in Redis.
func (s *source) weighted(score float64) float64 {
	// The conversion keeps a processor that can from adding what comes next before it rounds: all nodes must
	// get the same.
	if product := float64(score * s.weight); !math.IsNaN(product) {
		return product
	}
	return 0
}

// each calls f with the members and their weighted scores until it returns false.
func (s *source) each(f func(fsm.Scored) bool) {
	if s.set != nil {
		s.set.Each("", func(member string) bool { return f(fsm.Scored{Member: member, Score: s.weighted(1)}) })
		return
	}
	s.sorted.Each(0, func(v fsm.Scored) bool {
		return f(fsm.Scored{Member: v.Member, Score: s.weighted(v.Score)})
	})
}

// aggregate makes one score of two.
type aggregate func(a, b float64) float64

func sumOf(a, b float64) float64 {
	if sum := a + b; !math.IsNaN(sum) {
		return sum
	}
	return 0 // infinities of opposite signs
}

// merge makes a sorted set of several sources.
type merge func(tx *fsm.Tx, sources []source, agg aggregate) *fsm.Sorted

func bySize(sources []source) {
	slices.SortStableFunc(sources, func(a, b source) int { return a.len() - b.len() })
}

func mergeUnion(tx *fsm.Tx, sources []source, agg aggregate) *fsm.Sorted {
	bySize(sources) // as Redis does: the order of adding shows in the last digit
	result := fsm.NewSorted()
	for i := range sources {
		tx.Spend(int64(2 * sources[i].len()))
		sources[i].each(func(v fsm.Scored) bool {
			if old, there := result.Score(v.Member); there {
				v.Score = agg(old, v.Score)
			}
			result.Set(v.Member, v.Score)
			return true
		})
	}
	return result
}

// eachShared calls f with the members that all sources have, until it returns false.
func eachShared(tx *fsm.Tx, sources []source, agg aggregate, f func(fsm.Scored) bool) {
	bySize(sources)
	tx.Spend(int64(sources[0].len() * len(sources)))
	sources[0].each(func(v fsm.Scored) bool {
		for i := range sources[1:] {
			score, there := sources[1+i].score(v.Member)
			if !there {
				return true
			}
			v.Score = agg(v.Score, score)
		}
		return f(v)
	})
}

func mergeInter(tx *fsm.Tx, sources []source, agg aggregate) *fsm.Sorted {
	result := fsm.NewSorted()
	eachShared(tx, sources, agg, func(v fsm.Scored) bool { result.Set(v.Member, v.Score); return true })
	return result
}

func mergeDiff(tx *fsm.Tx, sources []source, _ aggregate) *fsm.Sorted {
	result := fsm.NewSorted()
	tx.Spend(int64(sources[0].len() * len(sources)))
	sources[0].each(func(v fsm.Scored) bool {
		for i := range sources[1:] {
			if _, there := sources[1+i].score(v.Member); there {
				return true
			}
		}
		result.Set(v.Member, v.Score)
		return true
	})
	return result
}

// mergeForm is what a command says by its name.
type mergeForm struct {
	name  string
	how   merge // nil: only count what is shared
	diff  bool  // no weights, no aggregate
	store bool
}

// mergeOptions is what its words say.
type mergeOptions struct {
	sources []source
	agg     aggregate
	scores  bool
	limit   int64
}

// read reads the words from the number of keys, word i, on.
func (f *mergeForm) read(tx *fsm.Tx, a Args, i int) (o mergeOptions, problem resp.Value) {
	o = mergeOptions{agg: sumOf, limit: math.MaxInt64}
	n, ok := a.Int(i)
	switch {
	case !ok:
		return o, errNotInt()
	case n < 1:
		return o, resp.Errorf("ERR at least 1 input key is needed for '%s' command", f.name)
	case n > int64(len(a)-i-1):
		return o, errSyntax()
	}
	i++
	for _, key := range words(a, i, i+int(n)) {
		s, problem := sourceAt(tx, key)
		if problem.IsError() {
			return o, problem
		}
		o.sources = append(o.sources, s)
	}
	for i += int(n); i < len(a); {
		used, problem := f.option(&o, a, i)
		if problem.IsError() {
			return o, problem
		}
		i += used
	}
	return o, resp.Value{}
}

// option reads one option and returns how many words it took.
func (f *mergeForm) option(o *mergeOptions, a Args, i int) (used int, problem resp.Value) {
	left, scored := len(a)-i, f.how != nil && !f.diff
	switch {
	case scored && left > len(o.sources) && a.Is(i, "WEIGHTS"):
		return 1 + len(o.sources), o.weigh(a, i+1)
	case scored && left > 1 && a.Is(i, "AGGREGATE"):
		return 2, o.aggregate(a, i+1)
	case f.how != nil && !f.store && a.Is(i, "WITHSCORES"):
		o.scores = true
		return 1, resp.Value{}
	case f.how == nil && left > 1 && a.Is(i, "LIMIT"):
		o.limit, problem = cardLimit(a, i+1)
		return 2, problem
	}
	return 0, errSyntax()
}

// weigh reads the weights from word i on.
func (o *mergeOptions) weigh(a Args, i int) resp.Value {
	for j := range o.sources {
		weight, ok := parseScore(a.Str(i + j))
		if !ok {
			return resp.Error("ERR weight value is not a float")
		}
		o.sources[j].weight = weight
	}
	return resp.Value{}
}

// aggregate reads word i.
func (o *mergeOptions) aggregate(a Args, i int) resp.Value {
	switch {
	case a.Is(i, "SUM"):
		o.agg = sumOf
	case a.Is(i, "MIN"):
		o.agg = math.Min
	case a.Is(i, "MAX"):
		o.agg = math.Max
	default:
		return errSyntax()
	}
	return resp.Value{}
}

// reply is the handler of ZUNION, ZINTER and ZDIFF.
func (f mergeForm) reply(tx *fsm.Tx, a Args) resp.Value {
	o, problem := f.read(tx, a, 1)
	if problem.IsError() {
		return problem
	}
	list := pairList{pairs: o.scores}
	f.how(tx, o.sources, o.agg).Each(0, func(v fsm.Scored) bool {
		list.add(v.Member, resp.Double(v.Score))
		return true
	})
	return list.reply()
}

// keep is the handler of the commands that store what these reply.
func (f mergeForm) keep(tx *fsm.Tx, a Args) resp.Value {
	o, problem := f.read(tx, a, 2)
	if problem.IsError() {
		return problem
	}
	result := f.how(tx, o.sources, o.agg)
	putAnew(tx, a.Str(1), result, fsm.EventSorted, f.name)
	return resp.Int(int64(result.Len()))
}

// count is the handler of ZINTERCARD.
func (f mergeForm) count(tx *fsm.Tx, a Args) resp.Value {
	o, problem := f.read(tx, a, 1)
	if problem.IsError() {
		return problem
	}
	n := int64(0)
	eachShared(tx, o.sources, o.agg, func(fsm.Scored) bool { n++; return n < o.limit })
	return resp.Int(n)
}
