// What connections get without asking: messages, notifications, invalidations. The state says what entries
// cause (cluster.Effects, which the hub implements), on the goroutine that applies them, so nothing here may
// wait.
//
// What is pushed while commands of the same connection are on their way is held back until they have their
// replies: a client that reads the reply to what it has published finds the message behind it, and one that
// caches what it reads is told to forget it after it was told the value.

package session

import (
	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// listening is to what the connection listens.
func (c *conn) listening() fsm.Listens {
	if to := c.listens.Load(); to != nil {
		return *to
	}
	return fsm.Listens{}
}

// pushy tells whether the connection may get pushes.
func (c *conn) pushy() bool { return c.listens.Load() != nil || c.tracking.Load() != nil }

// Push implements cluster.Effects. A connection that does not read is dropped. One that speaks RESP2 could
// not tell what it has not asked for from a reply, so it does not get that.
func (h *Hub) Push(id uint64, v fsm.Reply) {
	if c := h.find(id); c != nil && (c.wire.Proto() > 2 || !fsm.IsLockEvent(v)) {
		c.wire.Push(v)
	}
}

// Listens implements cluster.Effects. Who listens may be silent for as long as it likes.
func (h *Hub) Listens(id uint64, to fsm.Listens) {
	if c := h.find(id); c != nil && (to.Any() || c.listens.Load() != nil) {
		c.listens.Store(&to)
		c.wire.SetPatient(to.Any())
	}
}

// Lost implements cluster.Effects: the connections that rely on pushes end, so that their clients subscribe
// and read anew, and so do those on which locks may have hung.
func (h *Hub) Lost() {
	h.CutOff()
	h.end("messages or invalidations were missed: the connections that wait for them are closed",
		func(c *conn) bool { return c.listening().Any() || c.tracking.Load() != nil })
}

// CutOff implements cluster.Effects: to the client of a lock that ends with its connection, the end of that
// is the only word it gets.
func (h *Hub) CutOff() {
	h.end("locks that end with a connection may be given up: the connections on which they hang are closed",
		func(c *conn) bool { return c.binds.Load() })
}

// end ends connections, and says why.
func (h *Hub) end(why string, which func(c *conn) bool) {
	ended := 0
	for _, c := range h.all() {
		if which(c) {
			c.wire.Kill()
			ended++
		}
	}
	if ended > 0 {
		h.log.Warn(why, "connections", ended)
	}
}

// mayListen refuses what a RESP2 connection must not send while it listens: it could not tell a reply from a
// message.
func (c *conn) mayListen(cmd *commands.Command, why *resp.Value) bool {
	c.Listening = c.listening().Any()
	if !c.Listening || c.Proto > 2 || cmd.Has(commands.Tells) {
		return true
	}
	switch cmd.Name {
	case "ping", "quit", "reset":
		return true
	}
	*why = resp.Errorf("ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "+
		"are allowed in this context", cmd.FullName())
	return false
}

// endHanging ends what hangs on the connection without a word, as RESET does, and waits for that: its
// subscriptions, and locks that would end with it.
func (h *Hub) endHanging(c *conn) {
	if c.listens.Load() == nil && !c.binds.Load() {
		return
	}
	c.wire.Hold()
	calls := []fsm.Call{{Command: fsm.Command{Kind: fsm.KindClose, Conn: c.ID}, Here: true}}
	h.Node.Submit(calls, c.done)
	<-c.done
	c.wire.Release()
	c.binds.Store(false)
}
