// What a node keeps of a call on its way. The calls that one connection submits together are a group: its
// channel gets one value when all of them have their replies. On the leader, a call that came from another
// node has no group but the remote it came by.

package cluster

import (
	"sync/atomic"
	"time"

	"github.com/divtxt/lockd/fsm"
)

// call is one submitted fsm.Call. It is never used again: a copy of an entry that comes back after a change
// of leader may still point to it. The fsm.Call itself belongs to the connection again once it is answered.
type call struct {
	*fsm.Call
	group    *group  // of this node's connections, or
	from     *remote // the node that sent it
	number   uint64  // of a logged call among its node's logged commands
	name     uint64  // of a read on its node's stream
	size     int     // about its bytes in an entry
	cut      bool    // was put into an entry or a frame once: its outcome may be unknown
	answered bool    // guarded by the outbox; a parked call counts as answered
	running  bool    // a read that runs beside the entries; guarded by the outbox
}

// group is calls that are answered together.
type group struct {
	calls   []call
	pending atomic.Int32
	done    chan<- struct{}
	since   time.Time // when it was submitted
	one     [1]call   // where calls begins, so that a lone command needs one piece of memory
}

func newGroup(calls []fsm.Call, done chan<- struct{}) *group {
	g := &group{done: done, since: time.Now()}
	g.calls = g.one[:]
	if len(calls) != 1 {
		g.calls = make([]call, len(calls))
	}
	for i := range calls {
		g.calls[i] = call{Call: &calls[i], group: g}
	}
	return g
}

// answer counts one reply; the last one wakes who waits.
func (g *group) answer() {
	if g.pending.Add(-1) == 0 {
		g.done <- struct{}{}
	}
}
