// Lists: LPUSH and its family. An element stands under a number that only says what comes before what.
// Numbers are far apart, so that something can be put in between; where there is no room left, all get new
// ones.

package fsm

import "github.com/tidwall/btree"

// listGap is how far apart the numbers of neighbours are.
const listGap = 1 << 20

// List is a sequence of strings.
type List struct {
	holding
	elements *btree.Map[int64, string]
	bytes    int64
}

// NewList returns an empty list.
func NewList() *List { return &List{elements: btree.NewMap[int64, string](0)} }

// Type implements Value.
func (*List) Type() string { return "list" }

// Len implements Value.
func (l *List) Len() int { return l.elements.Len() }

func (l *List) cost() int64 { return valueCost + l.bytes }

func (l *List) copied() Value { return &List{elements: l.elements.Copy(), bytes: l.bytes} }

// put puts an element under a number.
func (l *List) put(number int64, element string) {
	element = keep(element)
	old, had := l.set(number, element)
	switch {
	case l.journal == nil:
	case had:
		l.note(func() { l.set(number, old) })
	default:
		l.note(func() { l.remove(number) })
	}
}

func (l *List) set(number int64, element string) (old string, had bool) {
	old, had = l.elements.Set(number, element)
	l.bytes += int64(len(element) - len(old))
	if !had {
		l.bytes += elementCost
	}
	return old, had
}

func (l *List) remove(number int64) {
	element, _ := l.elements.Delete(number)
	l.bytes -= int64(elementCost + len(element))
}

// PushFront puts an element before all others. It copies what it keeps.
func (l *List) PushFront(element string) {
	first, _, _ := l.elements.Min()
	l.put(first-listGap, element)
}

// PushBack puts an element behind all others. It copies what it keeps.
func (l *List) PushBack(element string) {
	last, _, _ := l.elements.Max()
	l.put(last+listGap, element)
}

// At returns the element at place i, from 0 to Len()-1.
func (l *List) At(i int) string {
	_, element, _ := l.elements.GetAt(i)
	return element
}

// SetAt replaces the element at place i, from 0 to Len()-1. It copies what it keeps.
func (l *List) SetAt(i int, element string) {
	number, _, _ := l.elements.GetAt(i)
	l.put(number, element)
}

// RemoveAt takes the element at place i out, from 0 to Len()-1, and returns it.
func (l *List) RemoveAt(i int) string {
	number, element, _ := l.elements.DeleteAt(i)
	l.bytes -= int64(elementCost + len(element))
	if l.journal != nil {
		l.note(func() { l.set(number, element) })
	}
	return element
}

// InsertAt puts an element at place i, from 0 to Len(), before the one that is there. It copies what it
// keeps.
func (l *List) InsertAt(i int, element string) {
	switch i {
	case 0:
		l.PushFront(element)
		return
	case l.Len():
		l.PushBack(element)
		return
	}
	before, _, _ := l.elements.GetAt(i - 1)
	after, _, _ := l.elements.GetAt(i)
	if after-before < 2 {
		l.renumber()
		before, _, _ = l.elements.GetAt(i - 1)
		after, _, _ = l.elements.GetAt(i)
	}
	l.put(before+(after-before)/2, element)
}

// renumber gives all elements numbers that are far apart again.
func (l *List) renumber() { l.Keep(0, l.Len()) }

// Keep removes all but the count elements from place i on.
func (l *List) Keep(i, count int) {
	if removed := l.Len() - count; removed > 0 && removed < count {
		for range i {
			l.RemoveAt(0)
		}
		for l.Len() > count {
			l.RemoveAt(l.Len() - 1)
		}
		return
	}
	old, bytes := l.elements, l.bytes
	l.elements, l.bytes = btree.NewMap[int64, string](0), 0
	if l.journal != nil {
		l.note(func() { l.elements, l.bytes = old, bytes })
	}
	number, _, ok := old.GetAt(i)
	if !ok || count == 0 {
		return
	}
	old.Ascend(number, func(_ int64, element string) bool {
		l.elements.Load(int64(l.Len()+1)*listGap, element)
		l.bytes += int64(elementCost + len(element))
		return l.Len() < count
	})
}

// Each calls f with the elements from place i on until it returns false.
func (l *List) Each(i int, f func(element string) bool) {
	number, _, ok := l.elements.GetAt(i)
	if !ok {
		return
	}
	l.elements.Ascend(number, func(_ int64, element string) bool { return f(element) })
}

// EachBack calls f with the elements from place i on, backwards, until it returns false.
func (l *List) EachBack(i int, f func(element string) bool) {
	number, _, ok := l.elements.GetAt(i)
	if !ok {
		return
	}
	l.elements.Descend(number, func(_ int64, element string) bool { return f(element) })
}

func (l *List) write(e *encoder) {
	e.uints(uint64(l.elements.Len()))
	l.elements.Scan(func(_ int64, element string) bool {
		e.string(element)
		e.flush(false)
		return e.err == nil
	})
}

func (d *decoder) list() *List {
	l := NewList()
	d.each(func() { l.PushBack(d.string()) })
	return l
}
