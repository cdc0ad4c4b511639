// What an entry of the table is, and how a command's words find theirs.

package commands

import (
	"slices"
	"strings"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/script"
)

// Handler runs a command inside the state machine, on every node. It must be pure: all it may use is tx
// and its arguments, and what it keeps of these is copied by tx.
type Handler func(tx *fsm.Tx, a Args) resp.Value

// Local runs a command on the node that holds the connection. It may use time and locks.
type Local func(c *Conn, a Args) resp.Value

// Flag says how a command is to be treated.
type Flag uint32

// The flags. The first ones are Redis' own and shown by COMMAND under the name in flagNames.
const (
	Write           Flag = 1 << iota // changes the state: goes into the log and is numbered
	ReadOnly                         // reads the state: rides along with an entry
	DenyOOM                          // may need more memory or disk: refused when either is short
	Admin                            // for operators
	NoScript                         // not allowed in scripts
	Blocking                         // may be parked: nothing of its connection runs before it is answered
	Loading                          // allowed before the state is there
	Stale                            // allowed without a leader
	Fast                             // costs the same whatever the data
	NoAuth                           // allowed before AUTH
	PubSub                           // about publishing and subscribing
	MovableKeys                      // keys are not where Keys says; GetKeys finds them
	AllowBusy                        // allowed while a script runs
	NoMulti                          // not allowed in MULTI
	Long                             // a read that may be long: runs beside later entries on a copy
	Immediate                        // a Local that need not wait for the commands before it
	Audit                            // leaves a line in the audit log
	SkipSlowlog                      // its arguments are secrets: not in SLOWLOG and MONITOR
	SkipMonitor                      // not shown by MONITOR itself; what it calls is
	NoMandatoryKeys                  // may be called without any key
	Hidden                           // not shown in listings
	Tells                            // answers by pushes (Tx.Tell); only its errors are written
	Patient                          // a sign of life: may wait a moment for others, to go together with them
	Logged                           // goes into the log and is numbered, though Redis does not call it a write
)

// Keys says which words of a command are keys, as in COMMAND: the first and the last place, and the step
// between them. Places count from 1 after the name; a negative Last counts from the end.
type Keys struct{ First, Last, Step int }

// Command is one entry of the table.
type Command struct {
	Name       string // lower case; a subcommand's is its own part only
	Arity      int    // number of words with the name; negative: at least that many
	Flags      Flag
	Keys       Keys
	NumKeys    int    // place of the word that says how many keys follow it; 0: none does
	KeyFlags   string // how keys are used, as in COMMAND INFO: one part for all, or "RM delete; OW update"
	Group      string // string, generic, connection, server, lock: as in COMMAND DOCS
	Since      string // version of Redis, or of lockd for its own commands
	Syntax     string // arguments as in help: key owner ttl-ms [WAIT ms]
	Summary    string // one sentence
	Complexity string
	Categories []string // ACL categories beside those that follow from the flags
	Tips       []string // hints for proxies, as in COMMAND INFO
	Entry      int      // the version of log entries with which a Handler came; 0: the first
	Handler    Handler
	Local      Local
	Sub        []Command
	Parks      func(a Args) bool   // whether a Blocking command may wait with these words; nil: always
	Binds      func(a Args) bool   // whether something in the state then hangs on the connection; nil: never
	GetKeys    func(a Args) []int  // places of the keys, where Keys cannot tell
	ArgFlags   func(a Args) string // KeyFlags of one call, where they depend on its options

	full string // name with the container: client|kill
}

// FullName returns the name with its container, as in ACL rules and metrics: "client|kill".
func (c *Command) FullName() string { return c.full }

// Has tells whether all the given flags are set.
func (c *Command) Has(f Flag) bool { return c.Flags&f == f }

// Numbered tells whether the command goes into the log: it may change the state.
func (c *Command) Numbered() bool { return c.Flags&(Write|Logged) != 0 }

// ArityOK tells whether a command of n words, the name among them, has as many as it needs.
func (c *Command) ArityOK(n int) bool {
	if c.Arity < 0 {
		return n >= -c.Arity
	}
	return n == c.Arity
}

// Table is all commands. It does not change once it is built and may be used by many goroutines.
type Table struct {
	byName map[string]*Command
	subs   map[string]*Command // by full name
	list   []*Command          // by name
}

// New returns the table of the commands that are built in and of those in more, as a package that owns
// what its commands need (connections, a script engine) brings them.
func New(more ...[]Command) *Table {
	t := Only(append([][]Command{
		stringCommands(), keyCommands(), lockCommands(), sessionCommands(), databaseCommands(), serverCommands(),
		fenceCommands(), latchCommands(), throttleCommands(), electCommands(), barrierCommands(),
		connectionCommands(), hashCommands(), listValueCommands(), blockingCommands(), setCommands(),
		sortedCommands(), pubsubCommands(),
	}, more...)...)
	scripts := scripting{t, script.New(script.Options{})}
	t.addAll(scripts.commands())
	return t
}

// Only returns the table of nothing but these families, and of COMMAND, which describes them.
func Only(families ...[]Command) *Table {
	t := &Table{byName: map[string]*Command{}, subs: map[string]*Command{}}
	t.addAll(append(families, t.commandCommands())...)
	return t
}

func (t *Table) addAll(families ...[]Command) {
	for _, family := range families {
		for i := range family {
			t.add(&family[i])
		}
	}
	slices.SortFunc(t.list, func(a, b *Command) int { return strings.Compare(a.Name, b.Name) })
}

func (t *Table) add(c *Command) {
	if _, twice := t.byName[c.Name]; twice {
		panic("commands: " + c.Name + " is in the table twice")
	}
	c.full = c.Name
	t.byName[c.Name] = c
	t.list = append(t.list, c)
	for i := range c.Sub {
		sub := &c.Sub[i]
		sub.full = c.Name + "|" + sub.Name
		t.subs[sub.full] = sub
	}
}

// Named returns the command of that name, which must be in the table.
func (t *Table) Named(name string) *Command { return t.byName[name] }

// All returns the commands in the order of their names. The caller must not change them.
func (t *Table) All() []*Command { return t.list }

// longestName bounds the names that are looked up, so that doing so needs no memory.
const longestName = 64

// Lookup finds the command that words call, subcommand included, or returns the error that the client
// gets: an unknown name, an unknown subcommand, or a wrong number of words.
func (t *Table) Lookup(words [][]byte) (*Command, resp.Value) {
	var buf [2*longestName + 1]byte
	name := appendLower(buf[:0], words[0])
	c := t.byName[string(name)]
	if c == nil {
		return nil, errUnknown(words)
	}
	if len(c.Sub) > 0 && len(words) > 1 {
		name = append(name, '|')
		sub := t.subs[string(appendLower(name, words[1]))]
		if sub == nil {
			return nil, errUnknownSub(c, words[1])
		}
		c = sub
	}
	if !c.ArityOK(len(words)) {
		return nil, c.explained(errArity(c.full))
	}
	return c, resp.Value{}
}

// Run makes a Table the fsm.Runner: it runs a command's words inside the state machine.
func (t *Table) Run(tx *fsm.Tx, words [][]byte) resp.Value {
	c, problem := t.Lookup(words)
	switch {
	case c == nil:
		return problem
	case c.Handler == nil:
		return resp.Errorf("ERR '%s' is a command of the node, it cannot run in the state machine", c.full)
	case !tx.Writes() && c.Numbered():
		return resp.Errorf("ERR '%s' writes, it cannot run as a read", c.full)
	case tx.Version() < c.Entry:
		return resp.Errorf("TRYAGAIN '%s' is not known to all nodes of the cluster yet: "+
			"some still run an older lockd; finish the upgrade", c.full)
	case c.Has(DenyOOM) && tx.OutOfMemory():
		return resp.Error(msgOOM)
	}
	return c.explained(c.Handler(tx, Args(words)))
}

// explained says to whom has written a command of lockd's own wrongly how it is written: nobody can know it
// from Redis, whose errors say no more.
func (c *Command) explained(v resp.Value) resp.Value {
	if v.IsError() && strings.HasPrefix(c.Since, "0.") && isMiswritten(v.Str()) {
		return resp.Errorf("%s: %s %s", v.Str(), strings.ToUpper(strings.ReplaceAll(c.full, "|", " ")), c.Syntax)
	}
	return v
}

// isMiswritten tells whether an error is about the words of a command.
func isMiswritten(problem string) bool {
	return problem == msgSyntax || strings.HasPrefix(problem, "ERR wrong number of arguments")
}

// appendLower appends name in lower case, cut where no command's name is as long.
func appendLower(b, name []byte) []byte {
	for i, ch := range name {
		if i >= longestName {
			break
		}
		if 'A' <= ch && ch <= 'Z' {
			ch += 'a' - 'A'
		}
		b = append(b, ch)
	}
	return b
}

// Match makes a Table the fsm.Runner: it tells whether a pattern of PSUBSCRIBE matches a channel.
func (t *Table) Match(pattern, channel string) bool {
	g := glob{pattern: pattern, steps: channelSteps}
	return g.match(channel)
}

// channelSteps bounds the work of one pattern at each PUBLISH, for everybody's patterns are looked at within
// an entry. What takes longer does not match.
const channelSteps = 1 << 14
