// Sorted sets: ZADD and its family. One tree knows the score of a member, the other one has the members in
// the order of their scores, and of their names where scores are equal.

package fsm

import (
	"errors"
	"math"
	"sort"

	"github.com/tidwall/btree"
)

// Scored is a member of a sorted set.
type Scored struct {
	Member string
	Score  float64
}

func scoredBefore(a, b Scored) bool {
	if a.Score != b.Score {
		return a.Score < b.Score
	}
	return a.Member < b.Member
}

// Sorted is a sorted set.
type Sorted struct {
	holding
	scores *btree.Map[string, float64]
	order  *btree.BTreeG[Scored]
	bytes  int64
}

// NewSorted returns an empty sorted set.
func NewSorted() *Sorted {
	return &Sorted{
		scores: btree.NewMap[string, float64](0),
		order:  btree.NewBTreeGOptions(scoredBefore, btree.Options{NoLocks: true}),
	}
}

// Type implements Value.
func (*Sorted) Type() string { return "zset" }

// Len implements Value.
func (s *Sorted) Len() int { return s.scores.Len() }

func (s *Sorted) cost() int64 { return valueCost + s.bytes }

func (s *Sorted) copied() Value {
	return &Sorted{scores: s.scores.Copy(), order: s.order.Copy(), bytes: s.bytes}
}

// Score returns the score of a member and whether it is there.
func (s *Sorted) Score(member string) (float64, bool) { return s.scores.Get(member) }

// Set gives a member a score, which must be a number, and tells whether the member is new. It copies what it
// keeps. There is no negative zero.
func (s *Sorted) Set(member string, score float64) bool {
	score += 0
	old, had := s.scores.Get(member)
	if had && old == score {
		return false
	}
	member = keep(member)
	s.set(member, score)
	switch {
	case s.journal == nil:
	case had:
		s.note(func() { s.set(member, old) })
	default:
		s.note(func() { s.remove(member) })
	}
	return !had
}

func (s *Sorted) set(member string, score float64) {
	if old, had := s.scores.Set(member, score); had {
		s.order.Delete(Scored{member, old})
	} else {
		s.bytes += int64(2*elementCost + len(member))
	}
	s.order.Set(Scored{member, score})
}

// Remove takes a member out and tells whether it was there.
func (s *Sorted) Remove(member string) bool {
	old, had := s.remove(member)
	if had && s.journal != nil {
		member = keep(member)
		s.note(func() { s.set(member, old) })
	}
	return had
}

func (s *Sorted) remove(member string) (old float64, had bool) {
	if old, had = s.scores.Delete(member); had {
		s.order.Delete(Scored{member, old})
		s.bytes -= int64(2*elementCost + len(member))
	}
	return old, had
}

// At returns the member at place i, from 0 to Len()-1, in the order of scores.
func (s *Sorted) At(i int) Scored {
	v, _ := s.order.GetAt(i)
	return v
}

// NameAt returns the member at place i, from 0 to Len()-1, in the order of names.
func (s *Sorted) NameAt(i int) string {
	member, _, _ := s.scores.GetAt(i)
	return member
}

// Search returns the first place from which on f is true of all members, in the order of scores; it must
// be true of all behind the first of which it is. It is Len() where there is none.
func (s *Sorted) Search(f func(Scored) bool) int {
	return sort.Search(s.order.Len(), func(i int) bool { return f(s.At(i)) })
}

// Rank returns the place before which stand all that come before v, whether or not v is in the set: from 0 to
// Len().
func (s *Sorted) Rank(v Scored) int {
	return s.Search(func(at Scored) bool { return !scoredBefore(at, v) })
}

// Each calls f with the members from place i on, in the order of scores, until it returns false.
func (s *Sorted) Each(i int, f func(Scored) bool) {
	if from, ok := s.order.GetAt(i); ok {
		s.order.Ascend(from, f)
	}
}

// EachBack calls f with the members from place i on, backwards, until it returns false.
func (s *Sorted) EachBack(i int, f func(Scored) bool) {
	if from, ok := s.order.GetAt(i); ok {
		s.order.Descend(from, f)
	}
}

// EachByName calls f with the members from the name from on, in the order of names, until it returns false.
func (s *Sorted) EachByName(from string, f func(Scored) bool) {
	s.scores.Ascend(from, func(member string, score float64) bool { return f(Scored{member, score}) })
}

func (s *Sorted) write(e *encoder) {
	e.uints(uint64(s.scores.Len()))
	s.scores.Scan(func(member string, score float64) bool {
		e.string(member)
		e.uints(math.Float64bits(score))
		return e.err == nil
	})
}

func (d *decoder) sorted() *Sorted {
	s := NewSorted()
	d.each(func() {
		member, score := d.string(), math.Float64frombits(d.uint())
		if math.IsNaN(score) {
			d.fail(errors.New("a member of a sorted set in it has a score that is no number"))
			return
		}
		s.Set(member, score)
	})
	return s
}
