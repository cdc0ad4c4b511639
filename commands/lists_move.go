// LPOS, and what moves elements from one list to another or takes them from the first of several.

package commands

import (
	"math"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// positions is what LPOS was asked for.
type positions struct {
	rank, count, most int64 // which match is the first, how many, how many elements are looked at
	list              bool  // COUNT was given: the reply is a list
}

func readPositions(a Args) (p positions, problem resp.Value) {
	p = positions{rank: 1, count: 1, most: math.MaxInt64}
	for i := 3; i < len(a); i += 2 {
		if i+1 >= len(a) {
			return p, errSyntax()
		}
		n, ok := a.Int(i + 1)
		switch {
		case a.Is(i, "RANK"):
			if problem := rankProblem(n, ok); problem.IsError() {
				return p, problem
			}
			p.rank = n
		case a.Is(i, "COUNT"):
			if !ok || n < 0 {
				return p, resp.Error("ERR COUNT can't be negative")
			}
			p.count, p.list = n, true
		case a.Is(i, "MAXLEN"):
			if !ok || n < 0 {
				return p, resp.Error("ERR MAXLEN can't be negative")
			}
			p.most = n
		default:
			return p, errSyntax()
		}
	}
	if p.count == 0 {
		p.count = math.MaxInt64
	}
	if p.most == 0 {
		p.most = math.MaxInt64
	}
	return p, resp.Value{}
}

func rankProblem(n int64, ok bool) resp.Value {
	switch {
	case !ok:
		return errNotInt()
	case n == 0:
		return resp.Error("ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
			"or use negative to start from the end of the list")
	case n == math.MinInt64:
		return resp.Errorf("ERR value is out of range, value must between %d and %d",
			-math.MaxInt64, math.MaxInt64)
	}
	return resp.Value{}
}

func lpos(tx *fsm.Tx, a Args) resp.Value {
	p, problem := readPositions(a)
	if problem.IsError() {
		return problem
	}
	_, l, problem := listAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	place, step, each, skip := 0, 1, l.Each, p.rank-1
	if p.rank < 0 {
		place, step, each, skip = l.Len()-1, -1, l.EachBack, -p.rank-1
	}
	var list []resp.Value
	element, seen := a.Str(2), int64(0)
	each(place, func(e string) bool {
		if e == element {
			if skip--; skip < 0 {
				list = append(list, resp.Int(int64(place)))
			}
		}
		place += step
		seen++
		return int64(len(list)) < p.count && seen < p.most
	})
	tx.Spend(seen)
	switch {
	case p.list:
		return resp.Array(list...)
	case len(list) == 0:
		return resp.Null()
	}
	return list[0]
}

// moveElement takes an element from one list to another, which may be the same one. It replies null where
// there is none.
func moveElement(tx *fsm.Tx, from, to string, take, give end) resp.Value {
	it, _, problem := listAt(tx, from)
	if problem.IsError() || it == nil {
		return problem // the zero Value is null
	}
	if _, _, problem := listAt(tx, to); problem.IsError() {
		return problem
	}
	source := fsm.Own[*fsm.List](tx, it)
	element := take.take(source)
	if it.Key == to {
		give.give(source, element)
		tx.Notify(fsm.EventList, give.pushEvent(), it.Key)
	} else {
		there, l, _ := listAt(tx, to)
		l = own(tx, there, l)
		give.give(l, element)
		put(tx, there, to, l, fsm.EventList, give.pushEvent())
	}
	put(tx, it, it.Key, source, fsm.EventList, take.popEvent())
	return resp.Bulk(element)
}

func lmove(tx *fsm.Tx, a Args) resp.Value {
	take, okTake := endArg(a, 3)
	give, okGive := endArg(a, 4)
	if !okTake || !okGive {
		return errSyntax()
	}
	return moveElement(tx, a.Str(1), a.Str(2), take, give)
}

func rpoplpush(tx *fsm.Tx, a Args) resp.Value {
	return moveElement(tx, a.Str(1), a.Str(2), back, front)
}

// manyPop is what LMPOP, ZMPOP and their blocking forms were asked for.
type manyPop struct {
	keys  []string
	last  bool // RIGHT or MAX
	count int
}

// readManyPop reads the words from the number of keys, word i, on. first and last are the words for the ends.
func readManyPop(a Args, i int, first, last string) (p manyPop, problem resp.Value) {
	if p.keys, problem = keyCount(a, i); problem.IsError() {
		return p, problem
	}
	i += 1 + len(p.keys)
	if i >= len(a) || !a.Is(i, first) && !a.Is(i, last) {
		return p, errSyntax()
	}
	p.last, p.count = a.Is(i, last), 1
	switch i++; {
	case i == len(a):
		return p, resp.Value{}
	case i+2 != len(a) || !a.Is(i, "COUNT"):
		return p, errSyntax()
	}
	n, ok := a.Int(i + 1)
	if !ok || n < 1 {
		return p, resp.Error("ERR count should be greater than 0")
	}
	p.count = int(n)
	return p, resp.Value{}
}

func lmpop(tx *fsm.Tx, a Args) resp.Value {
	p, problem := readManyPop(a, 1, "LEFT", "RIGHT")
	if problem.IsError() {
		return problem
	}
	return p.lists(tx)
}

// lists takes elements from the first list that is there.
func (p *manyPop) lists(tx *fsm.Tx) resp.Value {
	return firstThere(tx, p.keys, listAt, func(it *fsm.Item, _ *fsm.List) resp.Value {
		return resp.Array(resp.Bulk(it.Key), resp.Array(popFrom(tx, it, end(p.last), p.count)...))
	})
}

// firstThere calls f with the first of keys that is there, and replies the null array where none is. A
// command that has waited passes over what has become of another type meanwhile: it waits for the right
// one.
func firstThere[V fsm.Value](tx *fsm.Tx, keys []string,
	at func(*fsm.Tx, string) (*fsm.Item, V, resp.Value), f func(*fsm.Item, V) resp.Value) resp.Value {
	tx.Spend(int64(len(keys)))
	for _, key := range keys {
		switch it, v, problem := at(tx, key); {
		case problem.IsError() && !tx.Again():
			return problem
		case it != nil && !problem.IsError():
			return f(it, v)
		}
	}
	return resp.NullArray()
}
