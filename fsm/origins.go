// Exactly once. Each start of a node is an origin that numbers the commands it sends; the state keeps the
// last number it ran for each. The next number runs, a lower one has run already and is skipped, a higher
// one means that something before it is missing, and is refused so that the origin goes back and sends
// again in order. So a command may be put into the log any number of times and takes effect once.

package fsm

import (
	"strconv"

	"github.com/divtxt/lockd/resp"
)

// origin is what the state knows of a node. It never changes in place.
type origin struct {
	incarnation uint64
	last        uint64 // the last number that ran
	ordinal     uint64 // of the node, see nodes.ordinals
}

// is tells whether who is the registered incarnation; a node that was only admitted has none yet.
func (o *origin) is(who Origin) bool { return o.incarnation == who.Incarnation && o.last > 0 }

// Ran returns the last number of origin that ran, and 0 if it is not the registered incarnation of its node.
// After the restore of a snapshot it tells a node which of its commands ran although it saw no reply.
func (m *Machine) Ran(who Origin) (last uint64) {
	if o, ok := m.nodes.origins.Get(who.Node); ok && o.is(who) {
		return o.last
	}
	return 0
}

// Caller says on whose behalf a command runs.
type Caller struct {
	Origin Origin
	Conn   uint64 // the connection's number on its node
	Seq    uint64 // the command's number, 0 for a read
}

// Name is the caller as the owner of a lock that was taken without naming one: node/incarnation/connection.
func (c Caller) Name() string {
	return c.Origin.Node + "/" + strconv.FormatUint(c.Origin.Incarnation, 10) +
		"/" + strconv.FormatUint(c.Conn, 10)
}

// admit finds the origin of a run. The copy it returns is the run's to change; settle puts it back. It
// returns nil where none of the run may run. Numbers in a run are consecutive, so if its first one is not
// too high, none is.
func (m *Machine) admit(r *Run, sink Sink) *origin {
	known, ok := m.nodes.origins.Get(r.Origin.Node)
	o := &origin{incarnation: r.Origin.Incarnation}
	again := ok && known.is(r.Origin)
	if again {
		*o = *known
	}
	older := ok && known.incarnation > r.Origin.Incarnation
	if older || !again && !registers(r) || r.First > o.last+1 || m.nodes.removed(r.Origin.Node) {
		return nil
	}
	if ok && !again {
		m.dropNode(r.Origin.Node, sink)
	}
	return o
}

// refuse tells that r was not run from its command j on.
func (m *Machine) refuse(r *Run, j int, sink Sink) {
	m.at.refused = append(m.at.refused, r.Origin)
	sink.Refuse(r.Origin, r.First+uint64(j))
}

// leaves tells whether the command of r at place j has removed the node that sent it, before its last one.
func (m *Machine) leaves(r *Run, j int) bool {
	return r.Commands[j].Kind == KindForget && j+1 < len(r.Commands) && m.nodes.removed(r.Origin.Node)
}

// registers tells whether a run is the first one of its origin.
func registers(r *Run) bool {
	return r.First == 1 && len(r.Commands) > 0 && r.Commands[0].Kind == KindRegister
}

// settle remembers how far a run came.
func (m *Machine) settle(r *Run, o *origin) { m.nodes.setOrigin(r.Origin.Node, o) }

// number runs the command of r at place j unless it has run already. An order looks at what is known of
// nodes, this one perhaps, so that must be up to date.
func (m *Machine) number(o *origin, r *Run, j int, sink Sink) {
	seq := r.First + uint64(j)
	if seq <= o.last {
		return
	}
	o.last = seq
	c := &r.Commands[j]
	if c.Kind.isOrder() {
		now := *o
		m.settle(r, &now)
	}
	who := Caller{Origin: Origin{r.Origin.Node, o.incarnation}, Conn: c.Conn, Seq: seq}
	m.at.by = c.Conn
	sink.Answer(who.Origin, seq, m.dispatch(who, c, sink))
	m.at.by = 0
}

// dispatch runs one numbered command according to its kind.
func (m *Machine) dispatch(who Caller, c *Command, sink Sink) Reply {
	if c.Kind == KindCommand || c.Kind == KindExec {
		m.saw(who)
		return m.run(who, c, sink)
	}
	defer m.commit(who, sink)
	switch c.Kind {
	case KindRegister: // admit has done it, but for what it says about itself
		return m.describe(who.Origin.Node, c.Words)
	case KindClose:
		m.closeConn(who, len(c.Words) > 0)
	case KindUnblock:
		return m.unblock(who, c)
	case KindAdmit:
		return m.admitNode(c.Words)
	case KindForget:
		return m.forgetNode(c.Words, sink)
	case KindSilence:
		return m.silence(c.Words, sink)
	}
	return resp.OK()
}

// closeConn ends a connection: it leaves the queue. unread tells that the reply to its last command was
// never written; what that command was granted goes to the next.
func (m *Machine) closeConn(who Caller, unread bool) {
	if w := m.queue.parkedOn(peer{who.Origin.Node, who.Conn}); w != nil {
		m.quit(w, m.nothing(w), connEnded) // answered for the node: it may forget the command
	}
	if w := m.saw(who); w != nil && unread {
		m.takeBack(w)
	}
	m.lostConn(peer{who.Origin.Node, who.Conn})
	m.subs.end(peer{who.Origin.Node, who.Conn})
	m.effects = append(m.effects, effect{kind: effectListens})
	m.serve(0)
}

// unblock ends the waiting of a connection, as CLIENT UNBLOCK asks for; Words[0] is TIMEOUT or ERROR.
func (m *Machine) unblock(who Caller, c *Command) Reply {
	w := m.queue.parkedOn(peer{who.Origin.Node, who.Conn})
	if w == nil {
		return resp.Int(0)
	}
	v := m.nothing(w)
	if len(c.Words) > 0 && string(c.Words[0]) == "ERROR" {
		v = resp.Error("UNBLOCKED client unblocked via CLIENT UNBLOCK")
	}
	m.quit(w, v, "unblocked")
	m.serve(0)
	return resp.Int(1)
}

// dropNode ends everything that waits on connections of a node that has started anew or was removed.
func (m *Machine) dropNode(node string, sink Sink) {
	// Whether the replies to these were written is not known, so their locks stay until their time is over.
	m.forgetAll(func(w *waiter) bool { return w.origin.Node == node })
	m.subs.endNode(node)
	m.dropWaiters(node, sink) // without an answer, before their sessions could give them one
	m.lostNode(node)
	m.serve(0)
	m.commit(Caller{}, sink)
}

// dropWaiters takes all who wait on connections of a node out of their queues, without an answer, and
// returns how many there were.
func (m *Machine) dropWaiters(node string, sink Sink) int {
	var gone []*waiter
	m.queue.waiters.Scan(func(w *waiter) bool {
		if w.origin.Node == node {
			gone = append(gone, w)
		}
		return true
	})
	for _, w := range gone {
		m.leave(w)
		m.tellWaiter(w, LockGaveUp, "node "+node+" is gone")
		m.freedBy(w)
	}
	m.serve(0)
	m.commit(Caller{}, sink)
	return len(gone)
}
