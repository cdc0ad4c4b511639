// A batch is what goes into one entry: consecutive commands of this node, and the reads that ride along.

package cluster

import (
	"slices"

	"github.com/divtxt/lockd/fsm"
)

// batch is one entry on its way through Raft.
type batch struct {
	nonce uint64
	calls []*call // in order, reads among them
	bytes int     // their size
	data  []byte  // the entry

	reads  []fsm.Read
	readOf []*call // the call of each read
	run    []fsm.Command
	first  uint64
}

// fill takes calls from the front of waiting while they fit into an entry of limit bytes, at least one, and
// returns the rest.
func (b *batch) fill(waiting []*call, limit int, origin fsm.Origin) (rest []*call) {
	n, most := 0, min(len(waiting), maxCallsPerEntry)
	b.calls, b.run = make([]*call, 0, most), slices.Grow(b.run[:0], most)
	for ; n < most; n++ {
		c := waiting[n]
		size := c.Command.Size()
		if n > 0 && b.bytes+size > limit {
			break
		}
		b.bytes += size
		c.cut = true
		b.calls = append(b.calls, c)
		if c.Read {
			b.reads = append(b.reads, fsm.Read{
				Before: len(b.run), Long: c.Long, Origin: origin, Command: c.Command,
			})
			b.readOf = append(b.readOf, c)
			continue
		}
		if len(b.run) == 0 {
			b.first = c.seq
		}
		b.run = append(b.run, c.Command)
	}
	return waiting[n:]
}

// maxCallsPerEntry bounds the time that an entry takes to apply.
const maxCallsPerEntry = 4096

// encode makes the entry.
func (b *batch) encode(e fsm.Entry, origin fsm.Origin) {
	e.Nonce = b.nonce
	if len(b.run) > 0 {
		e.Runs = []fsm.Run{{Origin: origin, First: b.first, Commands: b.run}}
	}
	b.data = e.Append(make([]byte, 0, b.bytes+entryOverhead))
}

// entryOverhead is about what an entry takes beside its commands.
const entryOverhead = 160
