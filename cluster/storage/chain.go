// The check of a log's entries in order, the same for each kind of log.

package storage

import "github.com/hashicorp/raft"

// span is what the check found in the log: its ends (0: empty), the term of the last entry, and the
// index behind the last gap (0: none).
type span struct {
	first, last uint64
	term        uint64
	gap         uint64
}

// chain takes the entries one by one.
type chain struct {
	span  span
	check func([]byte) error
	meter *meter
}

// add checks the entry that was found at the place of index.
func (c *chain) add(file string, index uint64, e entry) error {
	l := raft.Log{Index: e.index, Type: e.kind, Data: e.data}
	if err := checkEntry(file, index, &l, c.check); err != nil {
		return err
	}
	if e.term < c.span.term {
		return corrupt(file, "entry %d goes back from term %d to %d", index, c.span.term, e.term)
	}
	switch {
	case c.span.first == 0:
		c.span.first = index
	case index != c.span.last+1:
		c.span.gap = index
	}
	c.span.last, c.span.term = index, e.term
	c.meter.load(index, e.size)
	return nil
}
