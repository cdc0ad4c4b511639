// What the commands of all types of values share: finding a value of the type that is asked for, putting it
// back, and the options and replies that several families have.

package commands

import (
	"math"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// family fills in what all entries of a family of types have in common.
func family(group, category string, lists ...[]Command) (all []Command) {
	for _, list := range lists {
		all = append(all, list...)
	}
	for i := range all {
		all[i].Group, all[i].Categories, all[i].Entry = group, []string{category}, fsm.VersionData
	}
	return all
}

// stringAt returns the item at key, nil where there is none, and an error where it holds no string.
func stringAt(tx *fsm.Tx, key string) (*fsm.Item, resp.Value) {
	it := tx.Get(key)
	if it != nil && it.Value() != nil {
		return it, errWrongType()
	}
	return it, resp.Value{}
}

// valueAt returns the item at key with the value that it holds, and an error where that is of another type.
// Without a key the item is nil and the value empty.
func valueAt[V fsm.Value](tx *fsm.Tx, key string, empty func() V) (it *fsm.Item, v V, problem resp.Value) {
	if it = tx.Get(key); it == nil {
		return nil, empty(), resp.Value{}
	}
	v, ok := it.Value().(V)
	if !ok {
		return it, v, errWrongType()
	}
	return it, v, resp.Value{}
}

func hashAt(tx *fsm.Tx, key string) (*fsm.Item, *fsm.Hash, resp.Value) {
	return valueAt(tx, key, fsm.NewHash)
}

func listAt(tx *fsm.Tx, key string) (*fsm.Item, *fsm.List, resp.Value) {
	return valueAt(tx, key, fsm.NewList)
}

func setAt(tx *fsm.Tx, key string) (*fsm.Item, *fsm.Set, resp.Value) {
	return valueAt(tx, key, fsm.NewSet)
}

func sortedAt(tx *fsm.Tx, key string) (*fsm.Item, *fsm.Sorted, resp.Value) {
	return valueAt(tx, key, fsm.NewSorted)
}

// own returns what of a value found by valueAt may be changed: that of the item, or the empty one.
func own[V fsm.Value](tx *fsm.Tx, it *fsm.Item, v V) V {
	if it == nil {
		return v
	}
	return fsm.Own[V](tx, it)
}

// put puts a changed value back and tells what happened to it, also that the key is gone where it is empty.
func put(tx *fsm.Tx, it *fsm.Item, key string, v fsm.Value, class fsm.Event, event string) {
	tx.Put(it, key, v)
	tx.Notify(class, event, key)
	if v.Len() == 0 {
		tx.Notify(fsm.EventGeneric, "del", key)
	}
}

// putAnew makes v the value of key, whatever stands there, and tells of it.
func putAnew(tx *fsm.Tx, key string, v fsm.Value, class fsm.Event, event string) {
	had := tx.Get(key) != nil
	tx.PutAnew(key, v)
	if v.Len() > 0 {
		tx.Notify(class, event, key)
	} else if had {
		tx.Notify(fsm.EventGeneric, "del", key)
	}
}

// span turns places from start to stop, both included and counted from the end where they are negative, into
// the first and how many there are.
func span(start, stop int64, length int) (first, count int) {
	n := int64(length)
	if start < 0 {
		start = max(0, start+n)
	}
	if stop < 0 {
		stop += n
	}
	stop = min(stop, n-1)
	if start > stop {
		return 0, 0
	}
	return int(start), int(stop - start + 1)
}

// keyCount reads word i, which says how many keys follow it, and returns these.
func keyCount(a Args, i int) (keys []string, problem resp.Value) {
	n, ok := a.Int(i)
	if !ok || n < 1 {
		return nil, resp.Error("ERR numkeys should be greater than 0")
	}
	if n > int64(len(a)-i-1) {
		return nil, errSyntax()
	}
	return words(a, i+1, i+1+int(n)), resp.Value{}
}

// words returns the words from place i up to end.
func words(a Args, i, end int) []string {
	list := make([]string, 0, end-i)
	for ; i < end; i++ {
		list = append(list, a.Str(i))
	}
	return list
}

// positive reads word i as a number from 0 on, as the count of LPOP and its like.
func positive(a Args, i int) (int, resp.Value) {
	n, ok := a.Int(i)
	if !ok || n < 0 {
		return 0, resp.Error("ERR value is out of range, must be positive")
	}
	return int(n), resp.Value{}
}

// choose calls f with places from 0 to n-1, any: count different ones where count is positive, and as
// often as -count says, perhaps the same several times, where it is negative. It is the meaning of
// SRANDMEMBER's count.
func choose(tx *fsm.Tx, n int, count int64, f func(place int)) {
	if n == 0 {
		return
	}
	if count < 0 {
		for ; count < 0; count++ {
			f(tx.Random(n))
		}
		return
	}
	// Floyd's way: each set of places is as likely as any other one, and takes as much memory as it is large.
	taken := map[int]bool{}
	for i := n - int(min(count, int64(n))); i < n; i++ {
		place := tx.Random(i + 1)
		if taken[place] {
			place = i
		}
		taken[place] = true
		f(place)
	}
}

// mostChosen bounds how many members a command with a negative count replies, who may ask for more than there
// are.
const mostChosen = 1 << 20

// chosen is what SRANDMEMBER and its like were asked for.
type chosen struct {
	count int64
	pairs bool // also what belongs to the name: a value, a score
}

// readChosen reads the words of such a command from word 2 on. with is the option that asks for pairs, ""
// where there is none.
func readChosen(a Args, with string) (c chosen, problem resp.Value) {
	n, ok := a.Int(2)
	switch {
	case !ok:
		return c, errNotInt()
	case n == math.MinInt64:
		return c, resp.Errorf("ERR value is out of range, value must between %d and %d",
			-math.MaxInt64, math.MaxInt64)
	case len(a) > 3 && (with == "" || len(a) > 4 || !a.Is(3, with)):
		return c, errSyntax()
	case n < -mostChosen, len(a) == 4 && n > math.MaxInt64/2:
		return c, resp.Error("ERR value is out of range")
	}
	return chosen{n, len(a) == 4}, resp.Value{}
}

// from calls f with the places that were chosen of n, all of them in order where there are no more.
func (c chosen) from(tx *fsm.Tx, n int, f func(place int)) {
	tx.Spend(max(-c.count, min(c.count, int64(n))))
	if c.count >= int64(n) {
		for place := range n {
			f(place)
		}
		return
	}
	choose(tx, n, c.count, f)
}

// pairList gathers names and perhaps what belongs to each.
type pairList struct {
	pairs bool
	list  []resp.Value
}

func (p *pairList) add(name string, belongs resp.Value) {
	p.list = append(p.list, resp.Bulk(name))
	if p.pairs {
		p.list = append(p.list, belongs)
	}
}

func (p *pairList) reply() resp.Value {
	if p.pairs {
		return resp.Pairs(p.list...)
	}
	return resp.Array(p.list...)
}

// orZero is the problem, or 0 where there is none.
func orZero(problem resp.Value) resp.Value {
	if problem.IsError() {
		return problem
	}
	return resp.Int(0)
}
