// Lists: putting elements in and taking them out, looking at them and changing them in place. What moves
// elements between lists, or looks for places, is in lists_move.go, what waits in blocking.go.

package commands

import (
	"math"
	"slices"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

//nolint:funlen // one table, read from top to bottom
func listValueCommands() []Command {
	one, two := Keys{1, 1, 1}, Keys{1, 2, 1}
	return family("list", "list", []Command{
		{
			Name: "lindex", Arity: 3, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "1.0.0", Syntax: "key index", Complexity: "O(log N)", Handler: lindex,
			Summary: "Reply the element at a place of a list.",
		},
		{
			Name: "linsert", Arity: 5, Flags: Write | DenyOOM, Keys: one, KeyFlags: "RW insert",
			Since: "2.2.0", Syntax: "key <BEFORE | AFTER> pivot element", Complexity: "O(N)",
			Handler: linsert,
			Summary: "Put an element into a list before or behind another one.",
		},
		{
			Name: "llen", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO",
			Since: "1.0.0", Syntax: "key", Complexity: "O(1)", Handler: llen,
			Summary: "Count the elements of a list.",
		},
		{
			Name: "lpos", Arity: -3, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "6.0.6", Syntax: "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
			Complexity: "O(N)", Handler: lpos,
			Summary: "Reply at which places of a list an element stands.",
		},
		{
			Name: "lrange", Arity: 4, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "1.0.0", Syntax: "key start stop", Complexity: "O(log N + M), M elements replied",
			Handler: lrange,
			Summary: "Reply a part of a list.",
		},
		{
			Name: "lrem", Arity: 4, Flags: Write, Keys: one, KeyFlags: "RW delete",
			Since: "1.0.0", Syntax: "key count element", Complexity: "O(N)", Handler: lrem,
			Summary: "Remove elements that are equal to one from a list.",
		},
		{
			Name: "lset", Arity: 4, Flags: Write | DenyOOM, Keys: one, KeyFlags: "RW update",
			Since: "1.0.0", Syntax: "key index element", Complexity: "O(log N)", Handler: lset,
			Summary: "Replace the element at a place of a list.",
		},
		{
			Name: "ltrim", Arity: 4, Flags: Write, Keys: one, KeyFlags: "RW delete",
			Since: "1.0.0", Syntax: "key start stop", Complexity: "O(M), M elements removed",
			Handler: ltrim,
			Summary: "Remove all elements of a list but a part of it.",
		},
		{
			Name: "lpush", Arity: -3, Flags: Write | DenyOOM | Fast, Keys: one,
			KeyFlags: "RW insert", Since: "1.0.0", Syntax: "key element [element ...]",
			Complexity: "O(M), M elements given", Handler: push("lpush", false, (*fsm.List).PushFront),
			Summary: "Put elements at the beginning of a list.",
		},
		{
			Name: "lpushx", Arity: -3, Flags: Write | DenyOOM | Fast, Keys: one,
			KeyFlags: "RW insert", Since: "2.2.0", Syntax: "key element [element ...]",
			Complexity: "O(M), M elements given", Handler: push("lpush", true, (*fsm.List).PushFront),
			Summary: "Put elements at the beginning of a list only if there is one.",
		},
		{
			Name: "rpush", Arity: -3, Flags: Write | DenyOOM | Fast, Keys: one,
			KeyFlags: "RW insert", Since: "1.0.0", Syntax: "key element [element ...]",
			Complexity: "O(M), M elements given", Handler: push("rpush", false, (*fsm.List).PushBack),
			Summary: "Put elements at the end of a list.",
		},
		{
			Name: "rpushx", Arity: -3, Flags: Write | DenyOOM | Fast, Keys: one,
			KeyFlags: "RW insert", Since: "2.2.0", Syntax: "key element [element ...]",
			Complexity: "O(M), M elements given", Handler: push("rpush", true, (*fsm.List).PushBack),
			Summary: "Put elements at the end of a list only if there is one.",
		},
		{
			Name: "lpop", Arity: -2, Flags: Write | Fast, Keys: one,
			KeyFlags: "RW access delete", Since: "1.0.0", Syntax: "key [count]",
			Complexity: "O(M), M elements replied", Handler: pop("lpop", front),
			Summary: "Take elements from the beginning of a list.",
		},
		{
			Name: "rpop", Arity: -2, Flags: Write | Fast, Keys: one,
			KeyFlags: "RW access delete", Since: "1.0.0", Syntax: "key [count]",
			Complexity: "O(M), M elements replied", Handler: pop("rpop", back),
			Summary: "Take elements from the end of a list.",
		},
		{
			Name: "lmove", Arity: 5, Flags: Write | DenyOOM, Keys: two,
			KeyFlags: "RW access delete; RW insert", Since: "6.2.0",
			Syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT>", Complexity: "O(log N)",
			Handler: lmove,
			Summary: "Take an element from an end of a list and put it at an end of another.",
		},
		{
			Name: "rpoplpush", Arity: 3, Flags: Write | DenyOOM, Keys: two,
			KeyFlags: "RW access delete; RW insert", Since: "1.2.0", Syntax: "source destination",
			Complexity: "O(log N)", Handler: rpoplpush,
			Summary: "Take the last element of a list and put it at the beginning of another.",
		},
		{
			Name: "lmpop", Arity: -4, Flags: Write | MovableKeys, NumKeys: 1, KeyFlags: "RW access delete",
			Since: "7.0.0", Syntax: "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
			Complexity: "O(N + M), N keys, M elements replied", Handler: lmpop,
			Summary: "Take elements from the first list that has any.",
		},
	})
}

// push returns the handler of one of the four pushes. onlyThere tells that there must be a list already.
func push(event string, onlyThere bool, put1 func(l *fsm.List, element string)) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		it, l, problem := listAt(tx, a.Str(1))
		if problem.IsError() || it == nil && onlyThere {
			return orZero(problem)
		}
		l = own(tx, it, l)
		for i := 2; i < len(a); i++ {
			put1(l, a.Str(i))
		}
		tx.Spend(int64(len(a)))
		put(tx, it, a.Str(1), l, fsm.EventList, event)
		return resp.Int(int64(l.Len()))
	}
}

// end is an end of a list.
type end bool

const (
	front end = false
	back  end = true
)

// endArg reads word i as LEFT or RIGHT.
func endArg(a Args, i int) (e end, ok bool) {
	return end(a.Is(i, "RIGHT")), a.Is(i, "LEFT") || a.Is(i, "RIGHT")
}

// popEvent is the event of taking elements from an end, and pushEvent that of putting them there.
func (e end) popEvent() string {
	if e == back {
		return "rpop"
	}
	return "lpop"
}

func (e end) pushEvent() string {
	if e == back {
		return "rpush"
	}
	return "lpush"
}

// take takes an element from this end of l.
func (e end) take(l *fsm.List) string {
	if e == back {
		return l.RemoveAt(l.Len() - 1)
	}
	return l.RemoveAt(0)
}

// give puts an element at this end of l.
func (e end) give(l *fsm.List, element string) {
	if e == back {
		l.PushBack(element)
	} else {
		l.PushFront(element)
	}
}

// popFrom takes up to count elements from an end of the list that it holds.
func popFrom(tx *fsm.Tx, it *fsm.Item, e end, count int) []resp.Value {
	l := fsm.Own[*fsm.List](tx, it)
	count = min(count, l.Len())
	tx.Spend(int64(count))
	list := make([]resp.Value, 0, count)
	for range count {
		list = append(list, resp.Bulk(e.take(l)))
	}
	put(tx, it, it.Key, l, fsm.EventList, e.popEvent())
	return list
}

// pop returns the handler of LPOP or RPOP.
func pop(name string, e end) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		if len(a) > 3 {
			return errArity(name)
		}
		count := 1
		if len(a) == 3 {
			var problem resp.Value
			if count, problem = positive(a, 2); problem.IsError() {
				return problem
			}
		}
		it, _, problem := listAt(tx, a.Str(1))
		switch {
		case problem.IsError():
			return problem
		case it == nil && len(a) == 3:
			return resp.NullArray()
		case it == nil:
			return resp.Null()
		case count == 0:
			return resp.Array()
		}
		list := popFrom(tx, it, e, count)
		if len(a) == 2 {
			return list[0]
		}
		return resp.Array(list...)
	}
}

func llen(tx *fsm.Tx, a Args) resp.Value {
	_, l, problem := listAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	return resp.Int(int64(l.Len()))
}

// twoInts reads two words as integers.
func twoInts(a Args, i int) (x, y int64, problem resp.Value) {
	x, okX := a.Int(i)
	y, okY := a.Int(i + 1)
	if !okX || !okY {
		return 0, 0, errNotInt()
	}
	return x, y, resp.Value{}
}

func lrange(tx *fsm.Tx, a Args) resp.Value {
	start, stop, problem := twoInts(a, 2)
	if problem.IsError() {
		return problem
	}
	_, l, problem := listAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	first, count := span(start, stop, l.Len())
	tx.Spend(int64(count))
	list := make([]resp.Value, 0, count)
	l.Each(first, func(element string) bool {
		if len(list) < count {
			list = append(list, resp.Bulk(element))
		}
		return len(list) < count
	})
	return resp.Array(list...)
}

// placeOf turns an index, counted from the end where it is negative, into a place of l.
func placeOf(index int64, l *fsm.List) (place int, ok bool) {
	if index < 0 {
		index += int64(l.Len())
	}
	return int(index), index >= 0 && index < int64(l.Len())
}

func lindex(tx *fsm.Tx, a Args) resp.Value {
	it, l, problem := listAt(tx, a.Str(1))
	if problem.IsError() || it == nil {
		return problem // the zero Value is null
	}
	index, ok := a.Int(2)
	if !ok {
		return errNotInt()
	}
	if place, ok := placeOf(index, l); ok {
		return resp.Bulk(l.At(place))
	}
	return resp.Null()
}

func lset(tx *fsm.Tx, a Args) resp.Value {
	it, l, problem := listAt(tx, a.Str(1))
	switch {
	case problem.IsError():
		return problem
	case it == nil:
		return resp.Error(msgNoKey)
	}
	index, ok := a.Int(2)
	if !ok {
		return errNotInt()
	}
	place, ok := placeOf(index, l)
	if !ok {
		return resp.Error("ERR index out of range")
	}
	l = own(tx, it, l)
	l.SetAt(place, a.Str(3))
	put(tx, it, it.Key, l, fsm.EventList, "lset")
	return resp.OK()
}

func linsert(tx *fsm.Tx, a Args) resp.Value {
	behind := a.Is(2, "AFTER")
	if !behind && !a.Is(2, "BEFORE") {
		return errSyntax()
	}
	it, l, problem := listAt(tx, a.Str(1))
	if problem.IsError() || it == nil {
		return orZero(problem)
	}
	place, pivot, found := 0, a.Str(3), false
	l.Each(0, func(element string) bool {
		if found = element == pivot; !found {
			place++
		}
		return !found
	})
	tx.Spend(int64(place))
	if !found {
		return resp.Int(-1)
	}
	if behind {
		place++
	}
	l = own(tx, it, l)
	l.InsertAt(place, a.Str(4))
	put(tx, it, it.Key, l, fsm.EventList, "linsert")
	return resp.Int(int64(l.Len()))
}

// matches returns the places of the elements of l that equal element, at most count of them, backwards
// from the end where that is asked for.
func matches(l *fsm.List, element string, count int64, backwards bool) (places []int) {
	place, step, each := 0, 1, l.Each
	if backwards {
		place, step, each = l.Len()-1, -1, l.EachBack
	}
	each(place, func(e string) bool {
		if e == element {
			places = append(places, place)
		}
		place += step
		return int64(len(places)) < count
	})
	return places
}

func lrem(tx *fsm.Tx, a Args) resp.Value {
	count, ok := a.Int(2)
	if !ok {
		return errNotInt()
	}
	it, l, problem := listAt(tx, a.Str(1))
	if problem.IsError() || it == nil {
		return orZero(problem)
	}
	most := max(count, -count)
	if most <= 0 {
		most = math.MaxInt64 // 0 means all; and the lowest number has no opposite
	}
	tx.Spend(int64(l.Len()))
	places := matches(l, a.Str(3), most, count < 0)
	if len(places) == 0 {
		return resp.Int(0)
	}
	if count >= 0 {
		slices.Reverse(places) // so that no removal changes the places of those to come
	}
	l = own(tx, it, l)
	for _, place := range places {
		l.RemoveAt(place)
	}
	put(tx, it, it.Key, l, fsm.EventList, "lrem")
	return resp.Int(int64(len(places)))
}

func ltrim(tx *fsm.Tx, a Args) resp.Value {
	start, stop, problem := twoInts(a, 2)
	if problem.IsError() {
		return problem
	}
	it, l, problem := listAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	if it == nil {
		return resp.OK()
	}
	first, count := span(start, stop, l.Len())
	tx.Spend(int64(min(count, l.Len()-count)))
	l = own(tx, it, l)
	l.Keep(first, count)
	put(tx, it, it.Key, l, fsm.EventList, "ltrim")
	return resp.OK()
}
