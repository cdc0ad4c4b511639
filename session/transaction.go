// Transactions: MULTI, EXEC, DISCARD, WATCH and UNWATCH. The queue is here, with the connection; EXEC sends
// what is for the state as one command of the log (fsm/exec.go), and then runs what is about the connection
// itself, as SELECT and CLIENT are, at their places in the reply.

package session

import (
	"slices"
	"strings"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// What a transaction may hold: it becomes one entry of the log.
const (
	maxQueued      = 10_000
	maxQueuedBytes = 4 << 20
)

// transaction is what a connection has queued and watched.
type transaction struct {
	open    bool // MULTI was sent
	failed  bool // a command could not be queued: EXEC runs nothing
	queued  []queued
	bytes   int
	watched []fsm.Watched
}

// queued is a command that waits for EXEC.
type queued struct {
	cmd   *commands.Command
	words resp.Command
}

func (h *Hub) transactionCommands() []commands.Command {
	const flags = commands.NoScript | commands.Loading | commands.Stale | commands.Fast | commands.AllowBusy
	all := []string{"transaction"}
	return []commands.Command{
		{
			Name: "multi", Arity: 1, Flags: flags, Group: "transactions", Since: "1.2.0", Complexity: "O(1)",
			Categories: all, Local: h.multi, Summary: "Queue the commands that follow, for EXEC to run as one.",
		},
		{
			Name: "exec", Arity: 1, Flags: flags&^commands.Fast&^commands.AllowBusy | commands.SkipSlowlog,
			Group: "transactions", Since: "1.2.0", Complexity: "Depends on the commands.", Categories: all,
			Local: h.exec, Summary: "Run the queued commands, with nothing in between, if no watched key has changed.",
		},
		{
			Name: "discard", Arity: 1, Flags: flags, Group: "transactions", Since: "2.0.0",
			Complexity: "O(N), N the number of queued commands", Categories: all, Local: h.discard,
			Summary: "Forget the queued commands and the watched keys.",
		},
		{
			Name: "watch", Arity: -2, Flags: flags, Keys: commands.Keys{First: 1, Last: -1, Step: 1},
			KeyFlags: "RO", Group: "transactions", Since: "2.2.0", Syntax: "key [key ...]",
			Complexity: "O(N), N the number of keys", Categories: all, Local: h.watch,
			Handler: commands.Revisions, Entry: fsm.VersionData,
			Summary: "Let EXEC run only if these keys stay as they are.",
		},
		{
			Name: "unwatch", Arity: 1, Flags: flags, Group: "transactions", Since: "2.2.0", Complexity: "O(1)",
			Categories: all, Local: h.unwatch, Summary: "Forget the watched keys.",
		},
	}
}

// queues tells whether the command is queued now, and has done so then.
func (h *Hub) queues(c *conn, cmd *commands.Command, words resp.Command) bool {
	if !c.tx.open {
		return false
	}
	switch cmd.Name {
	case "multi", "exec", "discard", "watch", "quit", "reset":
		return false
	}
	value := resp.Simple("QUEUED")
	switch size := sizeOf(words); {
	case cmd.Has(commands.NoMulti):
		value = resp.Error("ERR Command not allowed inside a transaction")
		c.tx.failed = true
	case len(c.tx.queued) == maxQueued || c.tx.bytes+size > maxQueuedBytes:
		value = resp.Errorf("ERR a transaction has at most %d commands of %d bytes together",
			maxQueued, maxQueuedBytes)
		c.tx.failed = true
	default:
		c.tx.bytes += size
		copied := make(resp.Command, len(words)) // they are the connection's buffer
		for i, w := range words {
			copied[i] = slices.Clone(w)
		}
		c.tx.queued = append(c.tx.queued, queued{cmd, copied})
		c.Queued = len(c.tx.queued)
	}
	c.slots = append(c.slots, slot{call: -1, value: value})
	return true
}

// spoils notes that a command was refused, which a transaction does not survive. An EXEC that is refused
// ends it.
func (c *conn) spoils(words resp.Command, problem resp.Value) resp.Value {
	if !strings.EqualFold(string(words[0]), "exec") {
		c.tx.failed = c.tx.open
		return problem
	}
	c.endTransaction()
	return resp.Error("EXECABORT Transaction discarded because of: " + strings.TrimPrefix(problem.Str(), "ERR "))
}

func sizeOf(words resp.Command) (n int) {
	for _, w := range words {
		n += len(w) + 16
	}
	return n
}

// endTransaction forgets what was queued and watched.
func (c *conn) endTransaction() {
	c.tx = transaction{}
	c.InMulti, c.Queued = false, 0
}

func (h *Hub) multi(cc *commands.Conn, _ commands.Args) resp.Value {
	c := h.find(cc.ID)
	if c.tx.open {
		return resp.Error("ERR MULTI calls can not be nested")
	}
	c.tx.open, c.InMulti = true, true
	return resp.OK()
}

func (h *Hub) discard(cc *commands.Conn, _ commands.Args) resp.Value {
	c := h.find(cc.ID)
	if !c.tx.open {
		return resp.Error("ERR DISCARD without MULTI")
	}
	c.endTransaction()
	return resp.OK()
}

func (h *Hub) unwatch(cc *commands.Conn, _ commands.Args) resp.Value {
	h.find(cc.ID).tx.watched = nil
	return resp.OK()
}

// watch notes the keys' revisions as they are now.
func (h *Hub) watch(cc *commands.Conn, a commands.Args) resp.Value {
	c := h.find(cc.ID)
	if c.tx.open {
		return resp.Error("ERR WATCH inside MULTI is not allowed")
	}
	if len(c.tx.watched)+len(a) > maxQueued {
		return resp.Errorf("ERR a connection watches at most %d keys", maxQueued)
	}
	v, _ := h.ask(c, fsm.Call{Command: fsm.Command{DB: uint8(c.DB), Conn: c.ID, Words: a}, Read: true})
	if v.Kind() != resp.KindArray {
		return v
	}
	for i, revision := range v.List() {
		w := fsm.Watched{DB: c.DB, Key: string(a[i+1]), Revision: uint64(revision.Num())}
		again := func(x fsm.Watched) bool { return x.DB == w.DB && x.Key == w.Key }
		if !slices.ContainsFunc(c.tx.watched, again) { // what it was when it was watched first is what counts
			c.tx.watched = append(c.tx.watched, w)
		}
	}
	return resp.OK()
}

// ask submits one call beside the pipeline's, and returns its reply. No reply at all means that the
// connection ends, because the outcome was not known in time.
func (h *Hub) ask(c *conn, call fsm.Call) (v resp.Value, number uint64) {
	c.calls = append(c.calls[:0], call)
	c.slots = append(c.slots[:0], slot{call: 0, cmd: h.Table.Named("exec")})
	if !h.run(c, false) {
		return resp.None(), 0
	}
	v, number = c.calls[0].Reply, c.calls[0].Number
	clear(c.slots)
	clear(c.calls)
	c.slots, c.calls = c.slots[:0], c.calls[:0]
	return v, number
}

func (h *Hub) exec(cc *commands.Conn, _ commands.Args) resp.Value {
	c := h.find(cc.ID)
	if !c.tx.open {
		return resp.Error("ERR EXEC without MULTI")
	}
	tx := c.tx
	c.endTransaction()
	switch {
	case tx.failed:
		return resp.Error("EXECABORT Transaction discarded because of previous errors.")
	case h.Node.Status().Level < fsm.KindExec.Since():
		return resp.Error("TRYAGAIN transactions are not known to all nodes of the cluster yet: some still run " +
			"an older lockd; finish the upgrade")
	}
	call, some := execCall(c, &tx)
	for _, q := range tx.queued {
		h.remember(c, q.cmd, q.words)
		if q.cmd.Has(commands.Tells) {
			call.Here, c.hangs = true, true
		}
	}
	begun := time.Now()
	replies := resp.Array()
	if some || len(tx.watched) > 0 {
		var number uint64
		replies, number = h.ask(c, call)
		for _, q := range tx.queued {
			h.answered(c, q.cmd, q.words, number)
		}
		if replies.Kind() != resp.KindArray {
			return replies
		}
	}
	return resp.Array(h.merge(c, tx.queued, replies.List(), time.Since(begun))...)
}

// execCall makes the command for the state of a transaction; some tells whether there is anything in it.
// SELECT is followed here, for the state knows no connections.
func execCall(c *conn, tx *transaction) (call fsm.Call, some bool) {
	var list []fsm.Queued
	db, grows := c.DB, false
	for _, q := range tx.queued {
		if q.cmd.Local == nil {
			list = append(list, fsm.Queued{DB: db, Words: q.words})
			grows = grows || q.cmd.Has(commands.DenyOOM)
		} else if q.cmd.Name == "select" {
			after := commands.Conn{DB: db}
			q.cmd.Local(&after, commands.Args(q.words)) // a wrong one changes nothing
			db = after.DB
		}
	}
	words := fsm.ExecWords(tx.watched, list)
	return fsm.Call{
		Command: fsm.Command{Kind: fsm.KindExec, DB: uint8(c.DB), Conn: c.ID, Words: words}, Grows: grows,
	}, len(list) > 0
}

// merge runs the commands of a transaction that are the node's own, and puts all replies in order.
func (h *Hub) merge(c *conn, list []queued, replies []resp.Value, took time.Duration) []resp.Value {
	all := make([]resp.Value, 0, len(list))
	for _, q := range list {
		var v resp.Value
		if q.cmd.Local == nil {
			v, replies = replies[0], replies[1:]
		} else {
			c.Listening = c.listening().Any() // a command before it may have changed that
			v = q.cmd.Local(&c.Conn, commands.Args(q.words))
		}
		h.observe(c, q.cmd, q.words, v, took/time.Duration(len(list)), 0)
		all = append(all, v)
	}
	return all
}
