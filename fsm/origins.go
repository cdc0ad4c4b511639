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
// returns nil, and says so to the sink, where none of the run may run. Numbers in a run are consecutive, so
// if its first one is not too high, none is.
func (m *Machine) admit(r *Run, sink Sink) *origin {
	known, ok := m.origins.Get(r.Origin.Node)
	o := &origin{incarnation: r.Origin.Incarnation}
	again := ok && known.incarnation == r.Origin.Incarnation
	if again {
		*o = *known
	}
	older := ok && known.incarnation > r.Origin.Incarnation
	if older || !again && !registers(r) || r.First > o.last+1 {
		sink.Refuse(r.Origin, r.First)
		return nil
	}
	if ok && !again {
		m.dropWaiters(r.Origin.Node, sink)
	}
	return o
}

// registers tells whether a run is the first one of its origin.
func registers(r *Run) bool {
	return r.First == 1 && len(r.Commands) > 0 && r.Commands[0].Kind == KindRegister
}

// settle remembers how far a run came.
func (m *Machine) settle(r *Run, o *origin) {
	node := r.Origin.Node
	if _, ok := m.origins.Get(node); !ok {
		node = keep(node)
	}
	m.origins.Set(node, o)
}

// number runs the command of r at place j unless it has run already.
func (m *Machine) number(o *origin, r *Run, j int, sink Sink) {
	seq := r.First + uint64(j)
	if seq <= o.last {
		return
	}
	o.last = seq
	c := &r.Commands[j]
	who := Caller{Origin: Origin{r.Origin.Node, o.incarnation}, Conn: c.Conn, Seq: seq}
	sink.Answer(who.Origin, seq, m.dispatch(who, c, sink))
}

// dispatch runs one numbered command according to its kind.
func (m *Machine) dispatch(who Caller, c *Command, sink Sink) Reply {
	if c.Kind == KindCommand {
		m.saw(who)
		return m.run(who, c, sink)
	}
	defer m.commit(sink)
	switch c.Kind {
	case KindClose:
		m.closeConn(who, len(c.Words) > 0)
	case KindUnblock:
		return m.unblock(who, c)
	}
	return resp.OK() // KindRegister: admit has done it
}

// closeConn ends a connection: it leaves the queue. unread tells that the reply to its last command was
// never written; what that command was granted goes to the next.
func (m *Machine) closeConn(who Caller, unread bool) {
	if w := m.queue.parked[peer{who.Origin.Node, who.Conn}]; w != nil {
		m.quit(w, resp.Null()) // answered for the node: it may forget the command
	}
	if w := m.saw(who); w != nil && unread {
		m.remove(w.db, m.itemAt(w.place())) // as it was granted, or the note would be gone
	}
	m.serve(0)
}

// unblock ends the waiting of a connection, as CLIENT UNBLOCK asks for; Words[0] is TIMEOUT or ERROR.
func (m *Machine) unblock(who Caller, c *Command) Reply {
	w := m.queue.parked[peer{who.Origin.Node, who.Conn}]
	if w == nil {
		return resp.Int(0)
	}
	v := resp.Null()
	if len(c.Words) > 0 && string(c.Words[0]) == "ERROR" {
		v = resp.Error("UNBLOCKED client unblocked via CLIENT UNBLOCK")
	}
	m.quit(w, v)
	m.serve(0)
	return resp.Int(1)
}

// dropWaiters ends everything that waits on connections of a node that has started anew.
func (m *Machine) dropWaiters(node string, sink Sink) {
	var gone []*waiter
	m.queue.all.Scan(func(w *waiter) bool {
		if w.origin.Node == node {
			gone = append(gone, w)
		}
		return true
	})
	for _, w := range gone {
		m.leave(w)
		m.freed(w.db, w.key)
	}
	// Whether the replies to these were written is not known, so their locks stay until their time is over.
	m.forgetAll(func(w *waiter) bool { return w.origin.Node == node })
	m.serve(0)
	m.commit(sink)
}
