// OBJECT and MEMORY USAGE: how a value is stored. lockd stores all strings alike, so the answers say what
// Redis would have made of the value; tools read them.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func objectCommands() []Command {
	return []Command{
		{
			Name: "object", Arity: -2, Group: "generic", Since: "2.2.3", Complexity: "O(1)",
			Summary: "Look at how a value is stored.", Sub: objectSubcommands(),
		},
	}
}

func objectSubcommands() []Command {
	second := Keys{2, 2, 1}
	keyspace, unstable := []string{"keyspace"}, []string{"nondeterministic_output"}
	return []Command{
		{
			Name: "encoding", Arity: 3, Flags: ReadOnly, Keys: second, KeyFlags: "RO", Group: "generic",
			Since: "2.2.3", Syntax: "key", Complexity: "O(1)", Categories: keyspace, Tips: unstable,
			Handler: objectEncoding, Summary: "Reply how Redis would store the value: int, embstr or raw.",
		},
		{
			Name: "freq", Arity: 3, Flags: ReadOnly, Keys: second, KeyFlags: "RO", Group: "generic",
			Since: "4.0.0", Syntax: "key", Complexity: "O(1)", Categories: keyspace, Tips: unstable,
			Handler: objectFreq, Summary: "Always an error, as nothing is ever evicted.",
		},
		{
			Name: "help", Arity: 2, Flags: Loading | Stale, Group: "generic", Since: "6.2.0",
			Complexity: "O(1)", Categories: keyspace, Local: objectHelp, Summary: "Show the subcommands.",
		},
		{
			Name: "idletime", Arity: 3, Flags: ReadOnly, Keys: second, KeyFlags: "RO", Group: "generic",
			Since: "2.2.3", Syntax: "key", Complexity: "O(1)", Categories: keyspace, Tips: unstable,
			Handler: objectIdleTime, Summary: "Reply the seconds since the key got its owner; reading is not noted.",
		},
		{
			Name: "refcount", Arity: 3, Flags: ReadOnly, Keys: second, KeyFlags: "RO", Group: "generic",
			Since: "2.2.3", Syntax: "key", Complexity: "O(1)", Categories: keyspace, Tips: unstable,
			Handler: objectRefCount, Summary: "Reply the number of references that Redis would count.",
		},
	}
}

// MemorySubcommands returns the subcommands of MEMORY that are about keys. Those about the process, and
// MEMORY itself, come with package session, which can look at it.
func MemorySubcommands() []Command {
	return []Command{
		{
			Name: "usage", Arity: -3, Flags: ReadOnly, Keys: Keys{2, 2, 1}, KeyFlags: "RO", Group: "server",
			Since: "4.0.0", Syntax: "key [SAMPLES count]", Complexity: "O(1)", Handler: memoryUsage,
			Summary: "Reply the bytes that a key counts against the memory limit.",
		},
	}
}

// helpReply is the reply to HELP: what is called, its subcommands, and how to ask for help.
func helpReply(name string, lines ...string) resp.Value {
	list := []resp.Value{resp.Simple(name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")}
	for _, line := range lines {
		list = append(list, resp.Simple(line))
	}
	return resp.Array(append(list, resp.Simple("HELP"), resp.Simple("    Prints this help."))...)
}

// The texts are those of Redis, for its reply is compared byte by byte.
func objectHelp(*Conn, Args) resp.Value {
	return helpReply("OBJECT",
		"ENCODING <key>",
		"    Return the kind of internal representation used in order to store the value",
		"    associated with a <key>.",
		"FREQ <key>",
		"    Return the access frequency index of the <key>. The returned integer is",
		"    proportional to the logarithm of the recent access frequency of the key.",
		"IDLETIME <key>",
		"    Return the idle time of the <key>, that is the approximated number of",
		"    seconds elapsed since the last access to the key.",
		"REFCOUNT <key>",
		"    Return the number of references of the value associated with the specified",
		"    <key>.")
}

// Redis stores strings of up to this many bytes together with their head.
const embeddedString = 44

func objectEncoding(tx *fsm.Tx, a Args) resp.Value {
	it := tx.Get(a.Str(2))
	if it == nil {
		return resp.Null()
	}
	if it.Value() != nil {
		return resp.Bulk(encodingOf(it.Value()))
	}
	if _, ok := parseInt(it.Str); ok {
		return resp.Bulk("int")
	}
	if len(it.Str) <= embeddedString {
		return resp.Bulk("embstr")
	}
	return resp.Bulk("raw")
}

// The sizes up to which Redis stores a value in one piece.
const (
	packedEntries = 128     // fields or members
	packedBytes   = 64      // of each
	packedNumbers = 512     // members of a set that are all integers
	packedList    = 8 << 10 // bytes of a list
)

// encodingOf returns how Redis 7.2 would store a value that it had been given whole.
func encodingOf(v fsm.Value) string {
	small := v.Len() <= packedEntries
	fits := func(s string) bool { small = small && len(s) <= packedBytes; return small }
	switch v := v.(type) {
	case *fsm.Hash:
		if small {
			v.Each("", func(field, value string) bool { return fits(field) && fits(value) })
		}
		return packedOr("hashtable", small)
	case *fsm.List:
		bytes := 0
		v.Each(0, func(element string) bool { bytes += len(element) + 2; return bytes <= packedList })
		return packedOr("quicklist", bytes <= packedList)
	case *fsm.Set:
		if allNumbers(v) {
			return "intset"
		}
		if small {
			v.Each("", fits)
		}
		return packedOr("hashtable", small)
	case *fsm.Sorted:
		if small {
			v.EachByName("", func(m fsm.Scored) bool { return fits(m.Member) })
		}
		return packedOr("skiplist", small)
	}
	return "raw"
}

func packedOr(large string, small bool) string {
	if small {
		return "listpack"
	}
	return large
}

func allNumbers(s *fsm.Set) bool {
	numbers := s.Len() <= packedNumbers
	if numbers {
		s.Each("", func(member string) bool { _, numbers = parseInt(member); return numbers })
	}
	return numbers
}

func objectFreq(tx *fsm.Tx, a Args) resp.Value {
	if tx.Get(a.Str(2)) == nil {
		return resp.Null()
	}
	return resp.Error("ERR An LFU maxmemory policy is not selected, access frequency not tracked. " +
		"Please note that when switching between policies at runtime LRU and LFU data will take " +
		"some time to adjust.")
}

func objectIdleTime(tx *fsm.Tx, a Args) resp.Value {
	it := tx.Get(a.Str(2))
	if it == nil {
		return resp.Null()
	}
	return resp.Int(int64(tx.Clock()-it.Since) / 1000)
}

// Redis keeps one object for each of the first integers and never counts its references.
const (
	sharedIntegers = 10000
	sharedCount    = 1<<31 - 1
)

func objectRefCount(tx *fsm.Tx, a Args) resp.Value {
	it := tx.Get(a.Str(2))
	if it == nil {
		return resp.Null()
	}
	if n, ok := parseInt(it.Str); it.Value() == nil && ok && n >= 0 && n < sharedIntegers {
		return resp.Int(sharedCount)
	}
	return resp.Int(1)
}

func memoryUsage(tx *fsm.Tx, a Args) resp.Value {
	for i := 3; i < len(a); i += 2 {
		if !a.Is(i, "SAMPLES") || i+1 >= len(a) {
			return errSyntax()
		}
		n, ok := a.Int(i + 1)
		if !ok {
			return errNotInt()
		}
		if n < 0 {
			return errSyntax()
		}
	}
	it := tx.Get(a.Str(2))
	if it == nil {
		return resp.Null()
	}
	return resp.Int(it.Cost())
}
