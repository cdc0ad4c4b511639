// A batch is what goes into one entry: commands of this node and of others, and the reads that ride along.

package cluster

import (
	"slices"

	"github.com/divtxt/lockd/fsm"
)

// batch is one entry on its way through Raft.
type batch struct {
	nonce uint64
	term  uint64                     // in which it is stamped; 0: it is not
	calls []*call                    // in order, reads among them
	bytes int                        // their size
	own   struct{ calls, bytes int } // this node's among them
	data  []byte                     // the entry

	reads    []fsm.Read
	readOf   []*call // the call of each read
	runs     []fsm.Run
	commands []fsm.Command // of all runs
}

// maxCallsPerEntry bounds the time that an entry takes to apply.
const maxCallsPerEntry = 4096

// fill takes calls from the front of waiting while they fit into an entry of limit bytes, at least one, and
// returns the rest.
func (b *batch) fill(waiting []*call, limit int, self fsm.Origin) (rest []*call) {
	most := min(len(waiting), maxCallsPerEntry)
	if b.calls == nil {
		b.calls = make([]*call, 0, most)
	}
	b.commands = slices.Grow(b.commands, most)
	n := 0
	for ; n < len(waiting) && len(b.calls) < maxCallsPerEntry; n++ {
		c := waiting[n]
		if c.from != nil && c.from.gone() {
			continue // its node sends it again, by another stream
		}
		if len(b.calls) > 0 && b.bytes+c.size > limit {
			break
		}
		b.bytes += c.size
		b.add(c, self)
	}
	return waiting[n:]
}

func (b *batch) add(c *call, self fsm.Origin) {
	origin := self
	if c.from == nil {
		c.cut = true
		b.own.calls++
		b.own.bytes += c.size
	} else {
		origin = c.from.origin
	}
	b.calls = append(b.calls, c)
	if c.Read {
		b.reads = append(b.reads, fsm.Read{
			Before: len(b.commands), Long: c.Long, Origin: origin, Command: c.Command,
		})
		b.readOf = append(b.readOf, c)
		return
	}
	b.commands = append(b.commands, c.Command)
	if last := len(b.runs) - 1; last >= 0 {
		r := &b.runs[last]
		if r.Origin == origin && r.First+uint64(len(r.Commands)) == c.number {
			r.Commands = b.commands[len(b.commands)-len(r.Commands)-1:]
			return
		}
	}
	b.runs = append(b.runs, fsm.Run{
		Origin: origin, First: c.number, Commands: b.commands[len(b.commands)-1:],
	})
}

// encode makes the entry.
func (b *batch) encode(e fsm.Entry) {
	e.Nonce, e.Runs = b.nonce, b.runs
	b.data = e.Append(make([]byte, 0, b.bytes+entryOverhead))
}

// entryOverhead is about what an entry takes beside its commands.
const entryOverhead = 160
