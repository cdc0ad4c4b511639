// What entries cause outside of the state, as far as it concerns this node's connections: messages, and word
// of what has changed. All of it is told on the goroutine that applies, before the replies of the entry are
// given out.

package cluster

import (
	"github.com/divtxt/lockd/fsm"
)

// Effects takes it. Its methods must not wait for anything.
type Effects interface {
	// Push is a message to one of this node's connections.
	Push(conn uint64, v fsm.Reply)
	// Changed tells that a key has changed; conn is which of this node's connections did it, 0 for others, and
	// number its fsm.Call's.
	Changed(db int, key string, conn, number uint64)
	// Flushed tells that all keys of a database have changed.
	Flushed(conn uint64)
	// Listens tells to how many names one of this node's connections listens from now on.
	Listens(conn uint64, to fsm.Listens)
	// Notifications are the messages that notify-keyspace-events asks for: channel and text of each.
	Notifications(db int, class fsm.Event, event, key string) [][2]string
	// Lost tells that subscriptions have ended, as has what hung on connections, and that changes may have been
	// missed: the connections that rely on them must end.
	Lost()
	// CutOff tells that the others may soon give up what hangs on this node's connections, as locks do: the
	// connections that rely on it must end before.
	CutOff()
}

// noEffects is for nodes without connections.
type noEffects struct{}

func (noEffects) Push(uint64, fsm.Reply)                                   {}
func (noEffects) Changed(int, string, uint64, uint64)                      {}
func (noEffects) Flushed(uint64)                                           {}
func (noEffects) Listens(uint64, fsm.Listens)                              {}
func (noEffects) Notifications(int, fsm.Event, string, string) [][2]string { return nil }
func (noEffects) Lost()                                                    {}
func (noEffects) CutOff()                                                  {}

// Push implements fsm.Sink.
func (r *replica) Push(node string, conn uint64, v fsm.Reply) {
	if r.isHere(node) {
		r.node.opts.Effects.Push(conn, v)
	}
}

// isHere tells whether connections of node are this node's. Those of an earlier start of it are not, and
// until this one is registered the state knows of no others.
func (r *replica) isHere(node string) bool {
	if node != r.node.opts.NodeID {
		return false
	}
	r.registered = r.registered || r.machine.Ran(r.node.origin) > 0
	return r.registered
}

// own returns the connection that caused something, if it is one of this node's.
func (r *replica) own(cause fsm.Caller) uint64 {
	if cause.Origin == r.node.origin {
		return cause.Conn
	}
	return 0
}

// Changed implements fsm.Sink.
func (r *replica) Changed(db int, key string, cause fsm.Caller) {
	r.node.opts.Effects.Changed(db, key, r.own(cause), cause.Seq)
}

// Flushed implements fsm.Sink.
func (r *replica) Flushed(cause fsm.Caller) { r.node.opts.Effects.Flushed(r.own(cause)) }

// Listens implements fsm.Sink.
func (r *replica) Listens(node string, conn uint64, to fsm.Listens) {
	if r.isHere(node) {
		r.node.opts.Effects.Listens(conn, to)
	}
}

// Event implements fsm.Sink. Each node publishes notifications to its own connections, as its own setting
// says.
func (r *replica) Event(db int, class fsm.Event, event, key string) {
	if !r.isHere(r.node.opts.NodeID) {
		return
	}
	for _, message := range r.node.opts.Effects.Notifications(db, class, event, key) {
		r.machine.Deliver(r.node.opts.NodeID, message[0], message[1], r)
	}
}
