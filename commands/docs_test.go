package commands

import (
	"fmt"
	"strings"
	"testing"
)

// tree writes arguments the way a person would check them.
func tree(args []argument) string {
	var parts []string
	for _, a := range args {
		s := a.name
		if a.kind == "pure-token" {
			s = ""
		}
		if len(a.inner) > 0 {
			s = a.kind + "(" + tree(a.inner) + ")"
		}
		s = strings.TrimSpace(a.token + " " + s)
		if a.multiple {
			s += "+"
		}
		if a.optional {
			s += "?"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

func TestParseSyntax(t *testing.T) {
	for syntax, want := range map[string]string{
		"":                                 "",
		"key value":                        "key, value",
		"key [key ...]":                    "key+",
		"key value [key value ...]":        "block(key, value)+",
		"[name [name ...]]":                "name+?",
		"[ASYNC | SYNC]":                   "oneof(ASYNC, SYNC)?",
		"key [EX seconds | KEEPTTL] [GET]": "key, oneof(EX seconds, KEEPTTL)?, GET?",
		"key [owner ttl-ms [WAIT ms]]":     "key, block(owner, ttl-ms, WAIT ms?)?",
		"a | b":                            "oneof(a, b)",
		"key [IFEQ a | IFNE b] end":        "key, oneof(IFEQ a, IFNE b)?, end",
		"[LIMIT from to | ALL]":            "oneof(block(LIMIT from, to), ALL)?",
	} {
		args, err := parseSyntax(syntax)
		if got := tree(args); err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", syntax, got, err, want)
		}
	}
	for _, syntax := range []string{"[key", "key]", "[]", "[key ...]", "key [other key more ...]", "a ] b"} {
		if args, err := parseSyntax(syntax); err == nil {
			t.Errorf("%q was read as %s", syntax, tree(args))
		}
	}
}

func TestCommandDocs(t *testing.T) {
	d := newDriver(t)
	docs := field(d.value("COMMAND", "DOCS", "lock"), "lock")
	if got := show(field(docs, "group")); got != "lock" {
		t.Error(got)
	}
	want := "[[name key type key key_spec_index 0] " +
		"[name owner_options type block flags [optional] arguments " +
		"[[name owner type string] [name ttl-ms type integer flags [optional]] " +
		"[name ms type integer token WAIT flags [optional]] " +
		"[name prio type string token PRIO flags [optional]] " +
		"[name shared type oneof flags [optional] arguments " +
		"[[name shared type pure-token token SHARED] [name update type pure-token token UPDATE] " +
		"[name limit_permits type block arguments [[name limit type integer token LIMIT] " +
		"[name permits type string token PERMITS flags [optional]]]]]] " +
		"[name reentrant type pure-token token REENTRANT flags [optional]] " +
		"[name id type oneof flags [optional] arguments [[name id type string token SESSION] " +
		"[name conn type pure-token token CONN]]] " +
		"[name ms type integer token MAXHOLD flags [optional]] " +
		"[name text type string token NOTE flags [optional]] " +
		"[name id type string token REQID flags [optional]] " +
		"[name explain type pure-token token EXPLAIN flags [optional]]]]]"
	if got := show(field(docs, "arguments")); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := show(d.value("COMMAND", "DOCS", "nosuch")); got != "[]" {
		t.Error(got)
	}
	all := d.value("COMMAND", "DOCS").List()
	if count := d.value("COMMAND", "COUNT").Num(); int64(len(all)) != 2*count {
		t.Errorf("%d commands have docs, there are %d", len(all)/2, count)
	}
}

func TestCommandInfo(t *testing.T) {
	d := newDriver(t)
	if got, want := show(d.value("COMMAND", "INFO", "unlock")),
		"[[unlock -2 [write fast] 1 1 1 [@write @fast @lock] [] [[flags [RM delete] begin_search "+
			"[type index spec [index 1]] find_keys [type range spec [lastkey 0 keystep 1 limit 0]]]] []]]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := show(d.value("COMMAND", "INFO", "x", "object|nosuch")); got != "[(nil) (nil)]" {
		t.Error(got)
	}
	if n := len(d.value("COMMAND").List()); n != len(d.value("COMMAND", "INFO").List()) || n < 50 {
		t.Errorf("%d commands", n)
	}
}

func TestCommandList(t *testing.T) {
	newDriver(t).expect(`
		COMMAND LIST FILTERBY PATTERN *LOCK    -> [lock mlock munlock unlock]
		COMMAND LIST FILTERBY ACLCAT NOSUCH    -> []
		COMMAND LIST FILTERBY MODULE x         -> []
		COMMAND LIST FILTERBY PATTERN object|* -> [object|encoding object|freq object|help object|idletime object|refcount]
		COMMAND GETKEYS LOCK k o 10            -> [k]
		COMMAND GETKEYSANDFLAGS renamenx a b   -> [[a [RW access delete]] [b [OW insert]]]
		COMMAND GETKEYS LOCK.LIST MATCH x      -> ERR The command has no key arguments
		COMMAND GETKEYS EVAL s 0               -> []
		COMMAND GETKEYS EVAL s x               -> []
		COMMAND GETKEYS EVAL s 1 k a           -> [k]
		COMMAND GETKEYS SINTERCARD 0 k         -> ERR Invalid arguments specified for command
	`)
}

// Keys are found where the command is right, and nothing panics where it is not.
func FuzzKeyPlaces(f *testing.F) {
	f.Add("MSET a 1 b 2")
	f.Add("COMMAND GETKEYSANDFLAGS SET a b GET")
	f.Add("OBJECT ENCODING k")
	table := New()
	f.Fuzz(func(t *testing.T, line string) {
		var words [][]byte
		for _, w := range strings.Split(line, " ") {
			words = append(words, []byte(w))
		}
		c, _ := table.Lookup(words)
		if c == nil {
			return
		}
		for _, place := range c.KeyPlaces(words) {
			if place < 1 || place >= len(words) {
				t.Errorf("%q: a key at %d", line, place)
			}
		}
		if c.Local != nil {
			_ = fmt.Sprint(c.Local(&Conn{Proto: 2}, words))
		}
	})
}
