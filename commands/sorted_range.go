// Ranges of sorted sets: by places, scores or names, forwards and backwards, replied, stored, counted or
// removed.

package commands

import (
	"strings"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

//nolint:funlen // one table, read from top to bottom
func rangeCommands() []Command {
	one, two := Keys{1, 1, 1}, Keys{1, 2, 1}
	return []Command{
		{
			Name: "zcount", Arity: 4, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access",
			Since: "2.0.0", Syntax: "key min max", Complexity: "O(log N)", Handler: rangeCount(byScore),
			Summary: "Count the members of a sorted set whose scores lie between two.",
		},
		{
			Name: "zlexcount", Arity: 4, Flags: ReadOnly | Fast, Keys: one,
			KeyFlags: "RO access", Since: "2.8.9", Syntax: "key min max", Complexity: "O(log N)",
			Handler: rangeCount(byName),
			Summary: "Count the members of a sorted set whose names lie between two, where all scores are equal.",
		},
		{
			Name: "zrange", Arity: -4, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since:      "1.2.0",
			Syntax:     "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
			Complexity: "O(log N + M), M members replied", Handler: rangeReply(rangeForm{free: true}),
			Summary: "Reply a part of a sorted set: by places, scores or names.",
		},
		{
			Name: "zrangestore", Arity: -5, Flags: Write | DenyOOM, Keys: two,
			KeyFlags: "OW update; RO access", Since: "6.2.0",
			Syntax:     "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
			Complexity: "O(log N + M), M members stored", Handler: zrangeStore,
			Summary: "Store a part of a sorted set under another key.",
		},
		{
			Name: "zrangebylex", Arity: -4, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "2.8.9", Syntax: "key min max [LIMIT offset count]",
			Complexity: "O(log N + M), M members replied", Handler: rangeReply(rangeForm{unit: byName}),
			Summary: "Reply the members whose names lie between two, where all scores are equal.",
		},
		{
			Name: "zrangebyscore", Arity: -4, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "1.0.5", Syntax: "key min max [WITHSCORES] [LIMIT offset count]",
			Complexity: "O(log N + M), M members replied", Handler: rangeReply(rangeForm{unit: byScore}),
			Summary: "Reply the members whose scores lie between two.",
		},
		{
			Name: "zrevrange", Arity: -4, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "1.2.0", Syntax: "key start stop [WITHSCORES]",
			Complexity: "O(log N + M), M members replied", Handler: rangeReply(rangeForm{backwards: true}),
			Summary: "Reply a part of a sorted set, from the highest score on.",
		},
		{
			Name: "zrevrangebylex", Arity: -4, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "2.8.9", Syntax: "key max min [LIMIT offset count]",
			Complexity: "O(log N + M), M members replied",
			Handler:    rangeReply(rangeForm{unit: byName, backwards: true}),
			Summary:    "Reply the members whose names lie between two, backwards, where all scores are equal.",
		},
		{
			Name: "zrevrangebyscore", Arity: -4, Flags: ReadOnly, Keys: one,
			KeyFlags: "RO access", Since: "2.2.0", Syntax: "key max min [WITHSCORES] [LIMIT offset count]",
			Complexity: "O(log N + M), M members replied",
			Handler:    rangeReply(rangeForm{unit: byScore, backwards: true}),
			Summary:    "Reply the members whose scores lie between two, from the highest on.",
		},
		{
			Name: "zremrangebylex", Arity: 4, Flags: Write, Keys: one, KeyFlags: "RW delete",
			Since: "2.8.9", Syntax: "key min max", Complexity: "O(log N + M), M members removed",
			Handler: rangeRemove(byName, "zremrangebylex"),
			Summary: "Remove the members whose names lie between two, where all scores are equal.",
		},
		{
			Name: "zremrangebyrank", Arity: 4, Flags: Write, Keys: one, KeyFlags: "RW delete",
			Since: "2.0.0", Syntax: "key start stop", Complexity: "O(log N + M), M members removed",
			Handler: rangeRemove(byPlace, "zremrangebyrank"),
			Summary: "Remove the members at some places of a sorted set.",
		},
		{
			Name: "zremrangebyscore", Arity: 4, Flags: Write, Keys: one, KeyFlags: "RW delete",
			Since: "1.2.0", Syntax: "key min max", Complexity: "O(log N + M), M members removed",
			Handler: rangeRemove(byScore, "zremrangebyscore"),
			Summary: "Remove the members whose scores lie between two.",
		},
	}
}

// bound is one side of a range of scores or names.
type bound struct {
	score   float64
	name    string
	without bool // the bound itself is outside
	endless int  // of names: -1 before all, 1 behind all
}

// readScoreBound reads a score, perhaps with a parenthesis in front. It is read as C's strtod does:
// nothing is 0, and what is too large is infinite.
func readScoreBound(s string) (b bound, ok bool) {
	if strings.HasPrefix(s, "(") {
		b.without, s = true, s[1:]
	}
	if s = strings.TrimLeft(s, " \t\n\v\f\r"); s == "" {
		return b, true
	}
	b.score, ok, _ = readDouble(s)
	return b, ok
}

func readNameBound(s string) (b bound, ok bool) {
	switch {
	case s == "-":
		return bound{endless: -1}, true
	case s == "+":
		return bound{endless: 1}, true
	case strings.HasPrefix(s, "("):
		return bound{name: s[1:], without: true}, true
	case strings.HasPrefix(s, "["):
		return bound{name: s[1:]}, true
	}
	return bound{}, false
}

// unit is by what a range is given.
type unit int

const (
	byPlace unit = iota
	byScore
	byName
)

// stretch is a range of a sorted set as it was asked for.
type stretch struct {
	unit        unit
	start, stop int64 // byPlace
	low, high   bound
}

// readStretch reads a range from the words low and high.
func readStretch(u unit, low, high string) (r stretch, problem resp.Value) {
	r.unit = u
	okLow, okHigh := false, false
	switch u {
	case byPlace:
		r.start, okLow = parseInt(low)
		r.stop, okHigh = parseInt(high)
		problem = errNotInt()
	case byScore:
		r.low, okLow = readScoreBound(low)
		r.high, okHigh = readScoreBound(high)
		problem = resp.Error("ERR min or max is not a float")
	case byName:
		r.low, okLow = readNameBound(low)
		r.high, okHigh = readNameBound(high)
		problem = resp.Error("ERR min or max not valid string range item")
	}
	if okLow && okHigh {
		problem = resp.Value{}
	}
	return r, problem
}

// beyond tells whether v lies behind the bound, or on it where on is true.
func (b *bound) beyond(u unit, v fsm.Scored, on bool) bool {
	switch {
	case u == byScore:
		return v.Score > b.score || on && v.Score == b.score
	case b.endless != 0:
		return b.endless < 0
	}
	return v.Member > b.name || on && v.Member == b.name
}

// places returns the first place of the range in s and how many there are.
func (r *stretch) places(s *fsm.Sorted) (first, count int) {
	if r.unit == byPlace {
		return span(r.start, r.stop, s.Len())
	}
	first = s.Search(func(v fsm.Scored) bool { return r.low.beyond(r.unit, v, !r.low.without) })
	behind := s.Search(func(v fsm.Scored) bool { return r.high.beyond(r.unit, v, r.high.without) })
	return first, max(0, behind-first)
}

// rangeOptions is what a command of the ZRANGE family was asked for.
type rangeOptions struct {
	stretch
	backwards     bool
	scores        bool // WITHSCORES
	offset, limit int64
}

// rangeForm is what a command of the family says by its name.
type rangeForm struct {
	unit      unit
	backwards bool
	free      bool // ZRANGE: options say these
	store     bool
}

// read reads the words from the range on, which begins at word i.
func (f rangeForm) read(a Args, i int) (o rangeOptions, problem resp.Value) {
	o.unit, o.backwards, o.limit = f.unit, f.backwards, -1
	if problem = o.readOptions(a, i+2, f); problem.IsError() {
		return o, problem
	}
	switch {
	case o.limit != -1 && o.unit == byPlace:
		return o, resp.Error("ERR syntax error, LIMIT is only supported in combination with " +
			"either BYSCORE or BYLEX")
	case o.scores && o.unit == byName:
		return o, resp.Error("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
	}
	if o.unit == byPlace {
		o.offset = 0
	}
	low, high := a.Str(i), a.Str(i+1)
	if o.backwards && o.unit != byPlace {
		low, high = high, low
	}
	o.stretch, problem = readStretch(o.unit, low, high)
	return o, problem
}

func (o *rangeOptions) readOptions(a Args, i int, f rangeForm) resp.Value {
	for ; i < len(a); i++ {
		switch {
		case !f.store && a.Is(i, "WITHSCORES"):
			o.scores = true
		case a.Is(i, "LIMIT") && i+2 < len(a):
			var problem resp.Value
			if o.offset, o.limit, problem = twoInts(a, i+1); problem.IsError() {
				return problem
			}
			i += 2
		case f.free && o.free(a, i):
		default:
			return errSyntax()
		}
	}
	return resp.Value{}
}

// free reads an option that only ZRANGE and ZRANGESTORE have, and tells whether word i is one.
func (o *rangeOptions) free(a Args, i int) bool {
	switch {
	case a.Is(i, "REV"):
		o.backwards = true
	case o.unit == byPlace && a.Is(i, "BYLEX"):
		o.unit = byName
	case o.unit == byPlace && a.Is(i, "BYSCORE"):
		o.unit = byScore
	default:
		return false
	}
	return true
}

// of calls f with the members that were asked for, in the order that was asked for.
func (o *rangeOptions) of(tx *fsm.Tx, s *fsm.Sorted, f func(fsm.Scored)) {
	first, count := o.places(s)
	if o.backwards && o.unit == byPlace {
		first = s.Len() - first - count
	}
	if o.offset < 0 || o.offset >= int64(count) {
		return
	}
	left := int64(count) - o.offset
	if o.limit >= 0 {
		left = min(left, o.limit)
	}
	if left == 0 {
		return
	}
	tx.Spend(left)
	from, each := first+int(o.offset), s.Each
	if o.backwards {
		from, each = first+count-1-int(o.offset), s.EachBack
	}
	each(from, func(v fsm.Scored) bool {
		f(v)
		left--
		return left > 0
	})
}

// rangeReply returns the handler of a command that replies a range.
func rangeReply(f rangeForm) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		o, problem := f.read(a, 2)
		if problem.IsError() {
			return problem
		}
		_, s, problem := sortedAt(tx, a.Str(1))
		if problem.IsError() {
			return problem
		}
		list := pairList{pairs: o.scores}
		o.of(tx, s, func(v fsm.Scored) { list.add(v.Member, resp.Double(v.Score)) })
		return list.reply()
	}
}

func zrangeStore(tx *fsm.Tx, a Args) resp.Value {
	o, problem := rangeForm{free: true, store: true}.read(a, 3)
	if problem.IsError() {
		return problem
	}
	_, s, problem := sortedAt(tx, a.Str(2))
	if problem.IsError() {
		return problem
	}
	result := fsm.NewSorted()
	o.of(tx, s, func(v fsm.Scored) { result.Set(v.Member, v.Score) })
	putAnew(tx, a.Str(1), result, fsm.EventSorted, "zrangestore")
	return resp.Int(int64(result.Len()))
}

// rangeCount returns the handler of ZCOUNT or ZLEXCOUNT.
func rangeCount(u unit) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		r, problem := readStretch(u, a.Str(2), a.Str(3))
		if problem.IsError() {
			return problem
		}
		_, s, problem := sortedAt(tx, a.Str(1))
		if problem.IsError() {
			return problem
		}
		_, count := r.places(s)
		return resp.Int(int64(count))
	}
}

// rangeRemove returns the handler of one of the commands that remove a range.
func rangeRemove(u unit, event string) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		r, problem := readStretch(u, a.Str(2), a.Str(3))
		if problem.IsError() {
			return problem
		}
		it, s, problem := sortedAt(tx, a.Str(1))
		if problem.IsError() || it == nil {
			return orZero(problem)
		}
		first, count := r.places(s)
		if count == 0 {
			return resp.Int(0)
		}
		tx.Spend(int64(2 * count))
		s = own(tx, it, s)
		for range count {
			s.Remove(s.At(first).Member)
		}
		put(tx, it, it.Key, s, fsm.EventSorted, event)
		return resp.Int(int64(count))
	}
}
