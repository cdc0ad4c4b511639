// A call is a command on its way, a group the calls that one connection submits together.

package cluster

import (
	"sync/atomic"

	"github.com/divtxt/lockd/fsm"
)

// Call is one command and, once its group is done, its reply.
type Call struct {
	Command fsm.Command
	Read    bool // changes nothing: rides along with an entry instead of being logged
	Long    bool // a read that may be long: runs beside later entries
	Grows   bool // may add to the state: refused while the disk is nearly full
	Reply   fsm.Reply

	group    *Group
	seq      uint64 // number among this node's logged commands; 0 for a read
	cut      bool   // was put into an entry once: its outcome may be unknown
	answered bool   // guarded by the outbox
}

// Group is calls that are answered together. It is used once: a copy of an entry that comes back after a
// change of leader may still point to its calls.
type Group struct {
	Calls   []Call
	pending atomic.Int32
	done    chan struct{}
	one     [1]Call // where Calls begins, so that a lone command needs one piece of memory
}

// NewGroup returns an empty group with room for n calls. done has room for one value, which it gets when
// all calls of the submitted group have their replies; it may serve one group after another.
func NewGroup(n int, done chan struct{}) *Group {
	g := &Group{done: done}
	if n > 1 {
		g.Calls = make([]Call, 0, n)
	} else {
		g.Calls = g.one[:0]
	}
	return g
}

// answer counts one reply; the last one wakes who waits.
func (g *Group) answer() {
	if g.pending.Add(-1) == 0 {
		g.done <- struct{}{}
	}
}
