// Hashes: HSET and its family. Fields stand in the order of their names.

package fsm

import "github.com/tidwall/btree"

// Hash maps fields to values.
type Hash struct {
	holding
	fields *btree.Map[string, string]
	bytes  int64
}

// NewHash returns a hash without fields.
func NewHash() *Hash { return &Hash{fields: btree.NewMap[string, string](10)} }

// Type implements Value.
func (*Hash) Type() string { return "hash" }

// Len implements Value.
func (h *Hash) Len() int { return h.fields.Len() }

func (h *Hash) cost() int64 { return valueCost + h.bytes }

func (h *Hash) copied() Value { return &Hash{fields: h.fields.Copy(), bytes: h.bytes} }

// Get returns the value of a field and whether it is there.
func (h *Hash) Get(field string) (string, bool) { return h.fields.Get(field) }

// Set changes a field and tells whether it is new. It copies what it keeps.
func (h *Hash) Set(field, value string) bool {
	field = keep(field)
	old, had := h.set(field, keep(value))
	switch {
	case h.journal == nil:
	case had:
		h.note(func() { h.set(field, old) })
	default:
		h.note(func() { h.remove(field) })
	}
	return !had
}

func (h *Hash) set(field, value string) (old string, had bool) {
	old, had = h.fields.Set(field, value)
	h.bytes += int64(len(value) - len(old))
	if !had {
		h.bytes += int64(elementCost + len(field))
	}
	return old, had
}

// Delete removes a field and tells whether it was there.
func (h *Hash) Delete(field string) bool {
	old, had := h.remove(field)
	if had && h.journal != nil {
		field = keep(field)
		h.note(func() { h.set(field, old) })
	}
	return had
}

func (h *Hash) remove(field string) (old string, had bool) {
	old, had = h.fields.Delete(field)
	if had {
		h.bytes -= int64(elementCost + len(field) + len(old))
	}
	return old, had
}

// Each calls f with the fields from the name from on, in order, until it returns false.
func (h *Hash) Each(from string, f func(field, value string) bool) { h.fields.Ascend(from, f) }

// At returns the field at place i, from 0 to Len()-1, in order.
func (h *Hash) At(i int) (field, value string) {
	field, value, _ = h.fields.GetAt(i)
	return field, value
}

func (h *Hash) write(e *encoder) {
	e.uints(uint64(h.fields.Len()))
	h.fields.Scan(func(field, value string) bool {
		e.string(field)
		e.string(value)
		e.flush(false)
		return e.err == nil
	})
}

func (d *decoder) hash() *Hash {
	h := NewHash()
	d.each(func() { h.Set(d.string(), d.string()) })
	return h
}
