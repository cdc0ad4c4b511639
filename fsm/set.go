// Sets: SADD and its family. Members stand in order.

package fsm

import "github.com/tidwall/btree"

// Set is a set of strings.
type Set struct {
	holding
	members *btree.Set[string]
	bytes   int64
}

// NewSet returns an empty set.
func NewSet() *Set { return &Set{members: new(btree.Set[string])} }

// Type implements Value.
func (*Set) Type() string { return "set" }

// Len implements Value.
func (s *Set) Len() int { return s.members.Len() }

func (s *Set) cost() int64 { return valueCost + s.bytes }

func (s *Set) copied() Value { return s.Copy() }

// Copy returns a copy that may be changed.
func (s *Set) Copy() *Set { return &Set{members: s.members.Copy(), bytes: s.bytes} }

// Has tells whether member is in the set.
func (s *Set) Has(member string) bool { return s.members.Contains(member) }

// Add puts a member in and tells whether it is new. It copies what it keeps.
func (s *Set) Add(member string) bool {
	if s.members.Contains(member) {
		return false
	}
	member = keep(member)
	s.add(member)
	if s.journal != nil {
		s.note(func() { s.remove(member) })
	}
	return true
}

func (s *Set) add(member string) {
	s.members.Insert(member)
	s.bytes += int64(elementCost + len(member))
}

// Remove takes a member out and tells whether it was there.
func (s *Set) Remove(member string) bool {
	if !s.members.Contains(member) {
		return false
	}
	s.remove(member)
	if s.journal != nil {
		member = keep(member)
		s.note(func() { s.add(member) })
	}
	return true
}

func (s *Set) remove(member string) {
	s.members.Delete(member)
	s.bytes -= int64(elementCost + len(member))
}

// Each calls f with the members from one on, in order, until it returns false.
func (s *Set) Each(from string, f func(member string) bool) { s.members.Ascend(from, f) }

// At returns the member at place i, from 0 to Len()-1, in order.
func (s *Set) At(i int) string {
	member, _ := s.members.GetAt(i)
	return member
}

func (s *Set) write(e *encoder) {
	e.uints(uint64(s.members.Len()))
	s.members.Scan(func(member string) bool {
		e.string(member)
		e.flush(false)
		return e.err == nil
	})
}

func (d *decoder) set() *Set {
	s := NewSet()
	d.each(func() { s.Add(d.string()) })
	return s
}
