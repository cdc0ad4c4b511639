// A pipeline's way: its commands for the state are submitted together, as one group, and their replies are
// written in order. Commands of the node itself run in between; those that could see what the others do
// wait for them first. A command that may be parked ends its group, and while it waits its connection is
// watched, so that a client which leaves frees its place in the queue at once.

package session

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// Serve answers one read's worth of commands.
func (h *Hub) Serve(rc *resp.Conn, pipeline []resp.Command) {
	c := rc.Context.(*conn)
	var last *commands.Command
	for _, words := range pipeline {
		if rc.Closing() {
			break
		}
		if cmd := h.one(c, words); cmd != nil {
			last = cmd
		}
	}
	h.flush(c, false)
	if last != nil {
		c.touch(last.FullName())
	}
	if now := time.Now(); h.stats.rate.due(now) {
		h.stats.rate.add(h.sampleNow(now))
	}
	if c.Closing {
		rc.CloseAfterReply()
	}
}

// sampleNow is what the counters show, for the rates.
func (h *Hub) sampleNow(now time.Time) sample {
	wire := h.Server.Stats()
	return sample{at: now, ops: h.stats.processed.Load(), input: wire.Input, output: wire.Output}
}

// one takes one command in.
func (h *Hub) one(c *conn, words resp.Command) *commands.Command {
	cmd := h.take(c, words)
	if c.caching && cmd != nil && !c.tx.open && !strings.HasPrefix(cmd.FullName(), "client|") {
		c.caching = false // it was said for this command
	}
	return cmd
}

// take runs a command, or puts it into the group.
func (h *Hub) take(c *conn, words resp.Command) *commands.Command {
	cmd, problem := h.Table.Lookup(words)
	if cmd == nil || !h.mayRun(c, cmd, words, &problem) {
		h.stats.rejected(cmd, problem)
		c.slots = append(c.slots, slot{call: -1, value: c.spoils(words, problem)})
		return cmd
	}
	if h.queues(c, cmd, words) || h.instead(c, cmd, words) {
		return cmd
	}
	if cmd.Local != nil {
		h.local(c, cmd, words)
		return cmd
	}
	tells := cmd.Has(commands.Tells)
	parks := cmd.Has(commands.Blocking) && (cmd.Parks == nil || cmd.Parks(commands.Args(words)))
	if parks || tells {
		h.flush(c, false) // the replies before it must not wait with it
		if c.wire.Closing() {
			return cmd // one of them was overdue
		}
	}
	h.put(c, cmd, words, tells)
	switch {
	case parks:
		h.flush(c, true)
	case tells:
		c.hangs = true
		c.wire.Hold()
		h.flush(c, false)
		c.wire.Settle()
	}
	return cmd
}

// put puts a command for the state into the group; tells: the reply is what the connection is told meanwhile.
func (h *Hub) put(c *conn, cmd *commands.Command, words resp.Command, tells bool) {
	if cmd.Binds != nil && cmd.Binds(commands.Args(words)) {
		c.hangs = true
		c.binds.Store(true)
	}
	h.remember(c, cmd, words)
	c.calls = append(c.calls, fsm.Call{
		Command: fsm.Command{DB: uint8(c.DB), Conn: c.ID, Words: words},
		Read:    !cmd.Numbered(),
		Long:    cmd.Has(commands.Long),
		Grows:   cmd.Has(commands.DenyOOM),
		Here:    tells,
	})
	c.slots = append(c.slots, slot{call: len(c.calls) - 1, cmd: cmd})
}

// local runs a command of the node, after those before it unless it cannot tell the difference.
func (h *Hub) local(c *conn, cmd *commands.Command, words resp.Command) {
	if !cmd.Has(commands.Immediate) {
		h.flush(c, false)
		if c.wire.Closing() {
			return
		}
	}
	begun := time.Now()
	v := cmd.Local(&c.Conn, commands.Args(words))
	h.observe(c, cmd, words, v, time.Since(begun), 1)
	c.slots = append(c.slots, slot{call: -1, value: v})
	if c.Closing {
		h.flush(c, false)
		c.wire.CloseAfterReply()
	}
}

// mayRun tells whether the connection may run the command now, and if not, why.
func (h *Hub) mayRun(c *conn, cmd *commands.Command, words resp.Command, why *resp.Value) bool {
	p := h.policy.Load()
	switch {
	case !cmd.Has(commands.NoAuth) && !h.admitted(&c.Conn):
		*why = resp.Error("NOAUTH Authentication required.")
	case !p.EnableFlush && (cmd.Name == "flushall" || cmd.Name == "flushdb"):
		*why = resp.Errorf("ERR %s is switched off here: start lockd with --enable-flush yes to allow it", cmd.Name)
	default:
		return c.mayListen(cmd, why) && !h.keyTooLong(cmd, words, p.MaxKeyBytes, why)
	}
	return false
}

// keyTooLong looks for a key that is longer than a key may be.
func (h *Hub) keyTooLong(cmd *commands.Command, words resp.Command, most int, why *resp.Value) bool {
	if most <= 0 {
		return false
	}
	// As in MLOCK n key …: a wrong n is the command's own to refuse.
	if cmd.NumKeys > 0 && cmd.NumKeys < len(words) {
		n, _ := strconv.Atoi(string(words[cmd.NumKeys]))
		last := cmd.NumKeys + min(max(n, 0), len(words))
		if longKey(words, commands.Keys{First: cmd.NumKeys + 1, Last: last, Step: 1}, most, why) {
			return true
		}
	}
	return longKey(words, cmd.Keys, most, why)
}

// longKey looks for one at the places of k.
func longKey(words resp.Command, k commands.Keys, most int, why *resp.Value) bool {
	if k.First == 0 {
		return false
	}
	last := k.Last
	if last < 0 {
		last += len(words)
	}
	for i := k.First; i <= last && i < len(words); i += k.Step {
		if len(words[i]) > most {
			*why = resp.Errorf("ERR a key has at most %d bytes, this one has %d: raise max-key-bytes if you need to",
				most, len(words[i]))
			return true
		}
	}
	return false
}

// flush submits the group, waits for it and writes the replies that are due. parks: it is one command, which
// may have to wait.
func (h *Hub) flush(c *conn, parks bool) {
	if len(c.calls) > 0 && !h.run(c, parks) {
		return
	}
	for i := range c.slots {
		s := &c.slots[i]
		if s.call >= 0 {
			call := &c.calls[s.call]
			h.answered(c, s.cmd, call.Command.Words, call.Number)
			s.value = call.Reply
			if s.cmd.Has(commands.Tells) && !s.value.IsError() {
				s.value = resp.None() // the connection was told
			}
		}
		h.write(c, s.value)
	}
	c.wire.Release()
	if parks {
		h.parked(c)
	}
	clear(c.slots)
	clear(c.calls)
	c.slots, c.calls = c.slots[:0], c.calls[:0]
}

// run has the group run, and tells whether its replies are there. If not, the client has been told.
func (h *Hub) run(c *conn, parks bool) bool {
	if c.patient() {
		time.Sleep(h.beat.wait(time.Since(h.started)))
	}
	begun := time.Now()
	if c.pushy() {
		c.wire.Hold()
	}
	if c.ReadOnly && !anyWrite(c.calls) {
		h.Node.ReadHere(c.calls)
		h.account(c, time.Since(begun))
		return true
	}
	h.Node.Submit(c.calls, c.done)
	if anyWrite(c.calls) {
		c.noted = false // a further numbered command tells the state that the last reply was read
	}
	waited := parks && h.awaitParked(c)
	if !parks && !h.await(c, begun) {
		return false
	}
	took := time.Since(begun)
	if waited {
		took = 0 // waiting for a lock is not work; what of it was cannot be told
	}
	h.account(c, took)
	return true
}

// parked ends a command that may have waited.
func (h *Hub) parked(c *conn) {
	if c.lost() {
		c.wire.CloseAfterReply() // what else belonged to the connection is gone with its place in the queue
	}
	if !c.noted {
		return
	}
	// The reply was written or is lost: only the socket knows.
	if c.unread = c.wire.Flush() != nil; c.unread {
		// What was sent behind it was meant to run with the lock, and a further numbered command would
		// tell the state that the grant was read.
		c.wire.CloseAfterReply()
	}
}

// lost tells whether the node has given up the command that was parked.
func (c *conn) lost() bool {
	for i := range c.calls {
		if v := c.calls[i].Reply; v.IsError() && strings.HasPrefix(v.Str(), "UNKNOWN ") {
			return true
		}
	}
	return false
}

func anyWrite(calls []fsm.Call) bool {
	for i := range calls {
		if !calls[i].Read {
			return true
		}
	}
	return false
}

// parkAfter is how long a command that may park is waited for before the connection is watched: one that
// gets its lock at once should not pay for a watcher.
const parkAfter = 2 * time.Millisecond

// awaitParked waits for a command that may be parked, and tells whether it was, as far as can be seen.
func (h *Hub) awaitParked(c *conn) (waited bool) {
	timer := time.NewTimer(parkAfter)
	defer timer.Stop()
	select {
	case <-c.done:
		c.noted = true // it may have waited all the same, if only for a moment
		return false
	case <-timer.C:
	}
	c.wire.Release() // who waits gets what is pushed meanwhile
	_ = c.wire.Flush()
	c.setBlocked(c.slots[len(c.slots)-1].cmd)
	defer c.setBlocked(nil)
	gone, stop := c.wire.Watch()
	defer stop()
	select {
	case <-c.done:
		c.noted = true
	case <-gone:
		// The state takes it out of the queue and answers it; if it was granted meanwhile, nobody has
		// read that, and the lock goes to the next. What was sent behind it does not run without it.
		c.wire.CloseAfterReply()
		h.Node.Leave(c.ID, true)
		<-c.done
	}
	return true
}

// write writes a reply unless CLIENT REPLY says not to.
func (h *Hub) write(c *conn, v resp.Value) {
	switch c.quiet {
	case replyOff:
		return
	case replySkip:
		c.quiet = replyOn
		return
	case replySkipNext:
		c.quiet = replySkip
		return
	}
	c.wire.Reply(v)
}

// account notes what the group's commands cost. They were answered together, so each took as long; the first
// stands for all in SLOWLOG.
func (h *Hub) account(c *conn, took time.Duration) {
	group := len(c.calls)
	for i := range c.slots {
		if s := &c.slots[i]; s.call >= 0 {
			call := &c.calls[s.call]
			h.observe(c, s.cmd, call.Command.Words, call.Reply, took, group)
			group = 0
		}
	}
}

// observe notes one command for INFO, SLOWLOG and the audit log. group is how many commands it stands for in
// SLOWLOG, 0 if another stands for it.
func (h *Hub) observe(
	c *conn, cmd *commands.Command, words resp.Command, v resp.Value, took time.Duration, group int,
) {
	h.stats.done(cmd, v, took)
	if group > 0 {
		h.slow(c, cmd, words, took, group)
	}
	if cmd.Has(commands.Audit) {
		h.audit(c, cmd, words, v)
	}
}

// reasonIn returns what follows the word REASON, which is an option of its command.
func reasonIn(words resp.Command) string {
	for i := 2; i+1 < len(words); i++ {
		if strings.EqualFold(string(words[i]), "REASON") {
			return string(words[i+1])
		}
	}
	return ""
}

// audit leaves a line in the log that says who did it. Owners are secrets of their holders, so only the key
// and what the operator said are written; commands about the cluster have no secrets.
func (h *Hub) audit(c *conn, cmd *commands.Command, words resp.Command, v resp.Value) {
	if cmd.Keys.First == 0 {
		h.log.Info("audit", "command", cmd.FullName(), "arguments", string(bytes.Join(words[1:], []byte(" "))),
			"client", c.Addr, "client-id", c.ID, "client-name", c.Name, "reply", v.Str(), "error", v.IsError())
		return
	}
	h.log.Info("audit", "command", cmd.FullName(), "key", string(words[1]), "db", c.DB,
		"reason", reasonIn(words), "client", c.Addr, "client-id", c.ID, "client-name", c.Name,
		"result", v.Num(), "error", v.IsError())
}
