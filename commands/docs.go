// COMMAND and its subcommands: the table, told to clients. redis-cli asks for COMMAND DOCS to show hints and
// help, cluster clients ask for COMMAND INFO to find keys. All of it is read from the entries: docs_info.go
// makes the reply of COMMAND INFO, docs_syntax.go that of COMMAND DOCS, reference.go the page for people.

package commands

import (
	"slices"
	"strings"

	"github.com/divtxt/lockd/resp"
)

func (t *Table) commandCommands() []Command {
	const flags = Loading | Stale
	connection, unordered := []string{"connection"}, []string{"nondeterministic_output_order"}
	return []Command{{
		Name: "command", Arity: -1, Flags: flags, Group: "server", Since: "2.8.13", Categories: connection,
		Complexity: "O(N), N the number of commands", Tips: unordered, Local: t.commandInfo,
		Summary: "Describe all commands as clients need it.",
		Sub: []Command{
			{
				Name: "count", Arity: 2, Flags: flags, Group: "server", Since: "2.8.13", Complexity: "O(1)",
				Categories: connection, Local: t.commandCount, Summary: "Count the commands.",
			},
			{
				Name: "docs", Arity: -2, Flags: flags, Group: "server", Since: "7.0.0",
				Syntax: "[command-name [command-name ...]]", Complexity: "O(N), N the number of commands",
				Categories: connection, Tips: unordered, Local: t.commandDocs,
				Summary: "Describe commands as people need it.",
			},
			{
				Name: "getkeys", Arity: -4, Flags: flags, Group: "server", Since: "2.8.13",
				Syntax: "command arg [arg ...]", Complexity: "O(N), N the number of arguments",
				Categories: connection, Local: t.commandGetKeys(false),
				Summary: "Tell which words of a command are its keys.",
			},
			{
				Name: "getkeysandflags", Arity: -4, Flags: flags, Group: "server", Since: "7.0.0",
				Syntax: "command arg [arg ...]", Complexity: "O(N), N the number of arguments",
				Categories: connection, Local: t.commandGetKeys(true),
				Summary: "Tell which words of a command are its keys, and what it does with each.",
			},
			{
				Name: "help", Arity: 2, Flags: flags, Group: "server", Since: "5.0.0", Complexity: "O(1)",
				Categories: connection, Local: commandHelp, Summary: "Show the subcommands.",
			},
			{
				Name: "info", Arity: -2, Flags: flags, Group: "server", Since: "2.8.13",
				Syntax: "[command-name [command-name ...]]", Complexity: "O(N), N the number of commands",
				Categories: connection, Tips: unordered, Local: t.commandInfo,
				Summary: "Describe commands as clients need it.",
			},
			{
				Name: "list", Arity: -2, Flags: flags, Group: "server", Since: "7.0.0",
				Syntax:     "[FILTERBY MODULE module-name | FILTERBY ACLCAT category | FILTERBY PATTERN pattern]",
				Complexity: "O(N), N the number of commands", Categories: connection, Tips: unordered,
				Local: t.commandList, Summary: "List the names of commands.",
			},
		},
	}}
}

// find returns the command with a full name such as client|kill, or nil.
func (t *Table) find(name []byte) *Command {
	full := strings.ToLower(string(name))
	if c := t.byName[full]; c != nil {
		return c
	}
	return t.subs[full]
}

// shownCommands are the commands that listings show.
func (t *Table) shownCommands() []*Command {
	var list []*Command
	for _, c := range t.list {
		if !c.Has(Hidden) {
			list = append(list, c)
		}
	}
	return list
}

func (t *Table) commandCount(*Conn, Args) resp.Value {
	return resp.Int(int64(len(t.shownCommands())))
}

// commandInfo is COMMAND, and COMMAND INFO with or without names.
func (t *Table) commandInfo(_ *Conn, a Args) resp.Value {
	var list []resp.Value
	if len(a) <= 2 {
		for _, c := range t.shownCommands() {
			list = append(list, c.info())
		}
	}
	for i := 2; i < len(a); i++ {
		info := resp.Null()
		if c := t.find(a[i]); c != nil {
			info = c.info()
		}
		list = append(list, info)
	}
	return resp.Array(list...)
}

func (t *Table) commandDocs(_ *Conn, a Args) resp.Value {
	var pairs []resp.Value
	if len(a) == 2 {
		for _, c := range t.shownCommands() {
			pairs = append(pairs, resp.Bulk(c.full), c.docs())
		}
	}
	for i := 2; i < len(a); i++ {
		if c := t.find(a[i]); c != nil {
			pairs = append(pairs, resp.Bulk(c.full), c.docs())
		}
	}
	return resp.Map(pairs...)
}

func (t *Table) commandList(_ *Conn, a Args) resp.Value {
	keep := func(*Command) bool { return true }
	switch {
	case len(a) == 2:
	case len(a) != 5 || !a.Is(2, "FILTERBY"):
		return errSyntax()
	case a.Is(3, "MODULE"):
		keep = func(*Command) bool { return false } // nothing here comes from a module
	case a.Is(3, "ACLCAT"):
		keep = func(c *Command) bool { return slices.Contains(c.ACLCategories(), strings.ToLower(a.Str(4))) }
	case a.Is(3, "PATTERN"):
		keep = func(c *Command) bool { return MatchFold(a.Str(4), c.full) }
	default:
		return errSyntax()
	}
	var list []resp.Value
	for _, c := range t.shownCommands() {
		if keep(c) {
			list = append(list, resp.Bulk(c.full))
		}
		for i := range c.Sub {
			if keep(&c.Sub[i]) {
				list = append(list, resp.Bulk(c.Sub[i].full))
			}
		}
	}
	return resp.Array(list...)
}

// commandGetKeys returns the handler of COMMAND GETKEYS or COMMAND GETKEYSANDFLAGS.
func (t *Table) commandGetKeys(withFlags bool) Local {
	return func(_ *Conn, a Args) resp.Value {
		words := a[2:]
		c := t.find(words[0])
		if c != nil && len(c.Sub) > 0 {
			c = t.find([]byte(c.Name + "|" + string(words[1])))
		}
		switch {
		case c == nil:
			return resp.Error("ERR Invalid command specified")
		case c.Keys == Keys{} && c.NumKeys == 0 && c.GetKeys == nil:
			return resp.Error("ERR The command has no key arguments")
		case !c.ArityOK(len(words)):
			return resp.Error("ERR Invalid number of arguments specified for command")
		}
		var list []resp.Value
		for n, place := range c.KeyPlaces(words) {
			key := resp.Bulk(string(words[place]))
			if withFlags {
				key = resp.Array(key, statusSet(strings.Fields(c.keyFlags(words, n))))
			}
			list = append(list, key)
		}
		if len(list) == 0 && !c.Has(NoMandatoryKeys) {
			return resp.Error("ERR Invalid arguments specified for command")
		}
		return resp.Array(list...)
	}
}

// KeyPlaces returns which of a command's words are keys. The words must be enough for its arity.
func (c *Command) KeyPlaces(words [][]byte) []int {
	if c.GetKeys != nil {
		return c.GetKeys(words)
	}
	var places []int
	last := c.Keys.Last
	if last < 0 {
		last += len(words)
	}
	for i := c.Keys.First; c.Keys.Step > 0 && i <= last && i < len(words); i += c.Keys.Step {
		places = append(places, i)
	}
	if c.NumKeys == 0 {
		return places
	}
	n, ok := Args(words).Int(c.NumKeys)
	if !ok || n < 1 || n > int64(len(words)-c.NumKeys-1) {
		return nil
	}
	for i := range int(n) {
		places = append(places, c.NumKeys+1+i)
	}
	return places
}

// keyFlags returns what the call does with its key number n.
func (c *Command) keyFlags(words [][]byte, n int) string {
	if c.ArgFlags != nil {
		return c.ArgFlags(words)
	}
	parts := strings.Split(c.KeyFlags, ";")
	return parts[min(n, len(parts)-1)]
}

func commandHelp(*Conn, Args) resp.Value {
	return helpReply("COMMAND",
		"(no subcommand)",
		"    Return details about all Redis commands.",
		"COUNT",
		"    Return the total number of commands in this Redis server.",
		"LIST",
		"    Return a list of all commands in this Redis server.",
		"INFO [<command-name> ...]",
		"    Return details about multiple Redis commands.",
		"    If no command names are given, documentation details for all",
		"    commands are returned.",
		"DOCS [<command-name> ...]",
		"    Return documentation details about multiple Redis commands.",
		"    If no command names are given, documentation details for all",
		"    commands are returned.",
		"GETKEYS <full-command>",
		"    Return the keys from a full Redis command.",
		"GETKEYSANDFLAGS <full-command>",
		"    Return the keys and the access flags from a full Redis command.")
}
