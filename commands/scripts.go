// Lua scripts: EVAL and its family. What a script may do is said here, how Lua runs is in package script.
//
// A script is a command of the log like any other: it runs on every node, to its end, with nothing in
// between. Its commands are the handlers of this table. One difference from Redis is meant: a script that
// fails has done nothing. What it wrote before it failed is taken back.

package commands

import (
	"strings"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/script"
)

// scripting is the commands about scripts, which need the whole table.
type scripting struct {
	table  *Table
	engine *script.Engine
}

func (s *scripting) commands() []Command {
	return append(s.evalCommands(), Command{
		Name: "script", Arity: -2, Group: "scripting", Since: "2.6.0", Complexity: "Depends on the subcommand.",
		Summary: "Keep scripts, and look at them.", Sub: s.scriptSubcommands(),
	})
}

func (s *scripting) evalCommands() []Command {
	const (
		flags    = NoScript | Stale | SkipMonitor | NoMandatoryKeys | MovableKeys
		syntax   = " numkeys [key [key ...]] [arg [arg ...]]"
		readOnly = flags | ReadOnly
		depends  = "Depends on the script."
	)
	all := []string{"scripting"}
	entry := func(name, first, since, summary string, flags Flag, bySHA bool) Command {
		keyFlags := "RW access update"
		if flags&ReadOnly != 0 {
			keyFlags = "RO access"
		}
		return Command{
			Name: name, Arity: -3, Flags: flags, Group: "scripting", Since: since, Syntax: first + syntax,
			Complexity: depends, Categories: all, Summary: summary, Handler: s.eval(bySHA, flags&ReadOnly != 0),
			NumKeys: 2, KeyFlags: keyFlags, Entry: fsm.VersionData,
		}
	}
	return []Command{
		entry("eval", "script", "2.6.0", "Run a Lua script; it is all or nothing.", flags|Logged, false),
		entry("evalsha", "sha1", "2.6.0", "Run a Lua script that is known to the cluster.", flags|Logged, true),
		entry("eval_ro", "script", "7.0.0", "Run a Lua script that changes nothing.", readOnly, false),
		entry("evalsha_ro", "sha1", "7.0.0", "Run a Lua script that changes nothing and is known to the cluster.",
			readOnly, true),
	}
}

func (s *scripting) scriptSubcommands() []Command {
	all := []string{"scripting"}
	shards := "request_policy:all_shards"
	done := []string{"request_policy:all_nodes", "response_policy:all_succeeded"}
	return []Command{
		{
			Name: "load", Arity: 3, Flags: NoScript | Stale | Logged, Group: "scripting", Since: "2.6.0",
			Syntax: "script", Complexity: "O(N), N the length of the script", Categories: all, Tips: done,
			Handler: s.load, Entry: fsm.VersionData,
			Summary: "Make a script known to all nodes, and reply the name under which EVALSHA runs it.",
		},
		{
			Name: "exists", Arity: -3, Flags: NoScript | ReadOnly, Group: "scripting", Since: "2.6.0",
			Syntax: "sha1 [sha1 ...]", Complexity: "O(N), N the number of scripts", Categories: all,
			Tips:    []string{shards, "response_policy:agg_logical_and"},
			Handler: scriptsExist, Entry: fsm.VersionData, Summary: "Tell which scripts are known.",
		},
		{
			Name: "flush", Arity: -2, Flags: NoScript | Logged, Group: "scripting", Since: "2.6.0",
			Syntax: "[ASYNC | SYNC]", Complexity: "O(N), N the number of scripts", Categories: all, Tips: done,
			Handler: flushScripts, Entry: fsm.VersionData, Summary: "Forget all scripts, on all nodes.",
		},
		{
			Name: "kill", Arity: 2, Flags: NoScript | AllowBusy, Group: "scripting", Since: "2.6.0",
			Complexity: "O(1)", Categories: all, Tips: []string{shards, "response_policy:one_succeeded"},
			Summary: "An error: a script ends by itself within its budget.",
			Local: func(*Conn, Args) resp.Value {
				return resp.Error("NOTBUSY No scripts in execution right now.")
			},
		},
		{
			Name: "debug", Arity: 3, Flags: NoScript, Group: "scripting", Since: "3.2.0", Syntax: "mode",
			Complexity: "O(1)", Categories: all, Summary: "An error: scripts cannot be stepped through here.",
			Local: func(*Conn, Args) resp.Value {
				return resp.Error("ERR SCRIPT DEBUG is not available: scripts run on all nodes. Debug with redis-server")
			},
		},
		{
			Name: "help", Arity: 2, Flags: Loading | Stale, Group: "scripting", Since: "5.0.0", Complexity: "O(1)",
			Categories: all, Summary: "Show the subcommands.", Local: scriptHelp,
		},
	}
}

func scriptHelp(*Conn, Args) resp.Value {
	lines := []string{
		"SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
		"EXISTS <sha1> [<sha1> ...]", "    Tell which of the scripts are known.",
		"FLUSH [ASYNC|SYNC]", "    Forget all scripts.",
		"KILL", "    An error: a script ends by itself within its budget.",
		"LOAD <script>", "    Make a script known to all nodes without running it.",
		"HELP", "    Prints this help.",
	}
	list := make([]resp.Value, 0, len(lines))
	for _, line := range lines {
		list = append(list, resp.Simple(line))
	}
	return resp.Array(list...)
}

// eval returns the handler of one of the four commands.
func (s *scripting) eval(bySHA, readOnly bool) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		n, ok := a.Int(2)
		switch {
		case !ok:
			return errNotInt()
		case n > int64(len(a)-3):
			return resp.Error("ERR Number of keys can't be greater than number of args")
		case n < 0:
			return resp.Error("ERR Number of keys can't be negative")
		}
		p, problem := s.find(tx, a, bySHA)
		if p == nil {
			return problem
		}
		if readOnly && p.Shebang && !p.NoWrites {
			return resp.Error("ERR Can not execute a script with write flag using *_ro command.")
		}
		host := scriptHost{scripting: s, tx: tx.Inside(), readOnly: readOnly || p.NoWrites, anyMemory: p.AllowOOM}
		if p.Shebang && !p.AllowOOM && !p.NoWrites && tx.OutOfMemory() {
			return resp.Error("OOM allow-oom flag is not set on the script, " +
				"can not run it when used memory > 'maxmemory'")
		}
		before := tx.Mark()
		o := s.engine.Run(p, a[3:3+n], a[3+n:], &host)
		tx.Spend(o.Steps)
		if o.Failed {
			tx.UndoTo(before)
		}
		return o.Reply
	}
}

// find returns the program that EVAL or EVALSHA names. What EVAL brings is known from then on.
func (s *scripting) find(tx *fsm.Tx, a Args, bySHA bool) (*script.Program, resp.Value) {
	body := a.Str(1)
	if bySHA {
		known := tx.Script(strings.ToLower(a.Str(1)))
		if known == nil {
			return nil, resp.Error("NOSCRIPT No matching script. Please use EVAL.")
		}
		body = known.Body
	}
	p, err := s.engine.Load(body)
	if err != nil {
		return nil, resp.Error(err.Error())
	}
	if !bySHA {
		tx.KeepScript(p.SHA1(), a.Str(1), false)
	}
	return p, resp.Value{}
}

func (s *scripting) load(tx *fsm.Tx, a Args) resp.Value {
	if tx.OutOfMemory() {
		return resp.Error(msgOOM)
	}
	p, err := s.engine.Load(a.Str(2))
	if err != nil {
		return resp.Error(err.Error())
	}
	tx.KeepScript(p.SHA1(), a.Str(2), true)
	return resp.Bulk(p.SHA1())
}

func scriptsExist(tx *fsm.Tx, a Args) resp.Value {
	list := make([]resp.Value, 0, len(a)-2)
	for i := 2; i < len(a); i++ {
		n := int64(0)
		if tx.Script(strings.ToLower(a.Str(i))) != nil {
			n = 1
		}
		list = append(list, resp.Int(n))
	}
	return resp.Array(list...)
}

func flushScripts(tx *fsm.Tx, a Args) resp.Value {
	if len(a) > 3 || len(a) == 3 && !a.Is(2, "ASYNC") && !a.Is(2, "SYNC") {
		return resp.Error("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
	}
	tx.FlushScripts()
	return resp.OK()
}

// scriptHost is what a script reaches: the commands of the table, in its own transaction.
type scriptHost struct {
	*scripting
	tx        *fsm.Tx
	readOnly  bool
	anyMemory bool // it said that it may run while memory is short
}

// Call implements script.Host.
func (h *scriptHost) Call(words [][]byte) resp.Value {
	c, problem := h.command(words)
	switch {
	case c == nil:
		return problem
	case c.Numbered() && h.readOnly:
		return resp.Error("ERR Write commands are not allowed from read-only scripts.")
	case c.Has(DenyOOM) && !h.anyMemory && h.tx.OutOfMemory():
		return resp.Error(msgOOM)
	}
	if c.Name == "select" {
		return h.selectDB(words)
	}
	return h.tx.Guard(func() resp.Value {
		v := c.explained(c.Handler(h.tx, Args(words)))
		if v.Kind() == resp.KindNone { // it would wait
			return resp.NullArray()
		}
		return v
	})
}

// command finds what a script calls, in the words that Redis has for each way not to.
func (h *scriptHost) command(words [][]byte) (*Command, resp.Value) {
	c, problem := h.table.Lookup(words)
	switch {
	case h.isLater(words):
		return nil, resp.Error("ERR Unknown Redis command called from script")
	case c == nil && strings.HasPrefix(problem.Str(), "ERR wrong number"):
		return nil, resp.Error("ERR Wrong number of args calling Redis command from script")
	case c == nil:
		return nil, resp.Error("ERR Unknown Redis command called from script")
	case c.Name != "select" && (c.Handler == nil || c.Has(NoScript)):
		return nil, resp.Error("ERR This Redis command is not allowed from script")
	}
	return c, resp.Value{}
}

// selectDB changes the database for the rest of the script.
func (h *scriptHost) selectDB(words [][]byte) resp.Value {
	db, problem := dbArg(words, 1)
	if problem.IsError() {
		return problem
	}
	h.tx = h.tx.In(db)
	return resp.OK()
}

// Allowed implements script.Host.
func (h *scriptHost) Allowed(words [][]byte) (allowed, ok bool) {
	c, _ := h.table.Lookup(words)
	known := c != nil && !h.isLater(words)
	return known, known
}

// isLater tells whether the command came with a later version of log entries than the one that runs. A script
// must not see it, for it does not on the nodes that run an older lockd.
func (h *scriptHost) isLater(words [][]byte) bool {
	var buf [longestName]byte
	c := h.table.byName[string(appendLower(buf[:0], words[0]))]
	return c != nil && h.tx.Version() < c.Entry
}

// SetProto implements script.Host: the engine converts replies for the version that a script wants.
func (h *scriptHost) SetProto(int) {}

// Seed implements script.Host.
func (h *scriptHost) Seed() uint32 { return uint32(h.tx.Random(1 << 32)) }

// Log implements script.Host. A script runs on every node and perhaps more than once; what it has to say
// about itself is not worth a line in each log.
func (h *scriptHost) Log(int, string) {}
