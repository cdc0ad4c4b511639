// The reply of COMMAND DOCS. Its tree of arguments is read from the entry's Syntax, so that what a person
// reads in the README and the hints of redis-cli cannot differ. The grammar is that of Redis' own pages:
//
//	key value        arguments; what stands at a key's place is a key
//	[…]              may be left out
//	a | b            one of them
//	<a | b>          one of them, where it may not be left out
//	EX seconds       a word in capitals belongs to the argument behind it
//	NX               or stands alone
//	key [key ...]    as often as one likes: the part in front is repeated

package commands

import (
	"fmt"
	"strings"

	"github.com/divtxt/lockd/resp"
)

// argument is one node of a command's arguments.
type argument struct {
	name     string
	kind     string // as in COMMAND DOCS: string, integer, key, pure-token, oneof, block, …
	token    string // the word in capitals in front of it, or which it is
	optional bool
	multiple bool
	inner    []argument
}

// syntaxParser reads a Syntax from left to right.
type syntaxParser struct {
	words []string
	at    int
}

// parseSyntax reads a command's Syntax.
func parseSyntax(syntax string) ([]argument, error) {
	for _, sign := range [...]string{"[", "]", "<", ">", "|"} {
		syntax = strings.ReplaceAll(syntax, sign, " "+sign+" ")
	}
	p := &syntaxParser{words: strings.Fields(syntax)}
	args, err := p.alternatives()
	if err == nil && p.at < len(p.words) {
		err = fmt.Errorf("%q stands where nothing can", p.words[p.at])
	}
	return args, err
}

func (p *syntaxParser) peek() string {
	if p.at < len(p.words) {
		return p.words[p.at]
	}
	return ""
}

// alternatives reads sequences with bars between them. Several become one argument of kind oneof.
func (p *syntaxParser) alternatives() ([]argument, error) {
	var choices []argument
	for {
		args, err := p.sequence()
		if err != nil {
			return nil, err
		}
		if len(choices) == 0 && p.peek() != "|" {
			return args, nil
		}
		choices = append(choices, together(args))
		if p.peek() != "|" {
			return []argument{{name: choices[0].name, kind: "oneof", inner: choices}}, nil
		}
		p.at++
	}
}

// mostNames is of how many arguments the name of a block is made: the name of a longer one would help nobody.
const mostNames = 4

// together makes one argument of several.
func together(args []argument) argument {
	if len(args) == 1 {
		return args[0]
	}
	var names []string
	for _, a := range args {
		names = append(names, a.name)
	}
	if len(names) > mostNames {
		names = []string{names[0], "options"}
	}
	return argument{name: strings.Join(names, "_"), kind: "block", inner: args}
}

// sequence reads arguments up to a bar or the end of a bracket.
func (p *syntaxParser) sequence() ([]argument, error) {
	var args []argument
	for p.peek() != "" && p.peek() != "]" && p.peek() != "|" {
		word := p.peek()
		p.at++
		switch {
		case word == "[":
			inner, again, err := p.bracket()
			if err != nil {
				return nil, err
			}
			if !again {
				a := together(inner)
				a.optional = true
				args = append(args, a)
				continue
			}
			if len(inner) > len(args) {
				return nil, fmt.Errorf("what is repeated must stand in front: %v", p.words)
			}
			repeated := together(args[len(args)-len(inner):])
			repeated.multiple = true
			args = append(args[:len(args)-len(inner):len(args)-len(inner)], repeated)
		case word == "<":
			inner, _, err := p.bracket()
			if err != nil {
				return nil, err
			}
			args = append(args, together(inner))
		case strings.ToUpper(word) == word && !isWord(p.peek()):
			args = append(args, argument{name: strings.ToLower(word), kind: "pure-token", token: word})
		case strings.ToUpper(word) == word:
			args = append(args, argument{name: p.peek(), kind: kindOf(p.peek()), token: word})
			p.at++
		default:
			args = append(args, argument{name: word, kind: kindOf(word)})
		}
	}
	if len(args) == 0 {
		return nil, nil
	}
	return args, nil
}

// isWord tells whether word is the name of an argument.
func isWord(word string) bool {
	return word != "" && strings.ToLower(word) == word && strings.Trim(word, "[]<>|.") == word
}

// bracket reads up to the end of the bracket that was just opened, and tells whether it ends with dots.
func (p *syntaxParser) bracket() (args []argument, again bool, err error) {
	depth, end := 1, p.at
	for ; end < len(p.words) && depth > 0; end++ {
		switch p.words[end] {
		case "[", "<":
			depth++
		case "]", ">":
			depth--
		}
	}
	if depth > 0 {
		return nil, false, fmt.Errorf("a bracket is not closed: %v", p.words)
	}
	inside := &syntaxParser{words: p.words[p.at : end-1]}
	p.at = end
	if n := len(inside.words); n > 0 && inside.words[n-1] == "..." {
		inside.words, again = inside.words[:n-1], true
	}
	args, err = inside.alternatives()
	if err == nil && (inside.at < len(inside.words) || len(args) == 0) {
		err = fmt.Errorf("cannot read %v", inside.words)
	}
	return args, again, err
}

// kindOf guesses an argument's type from its name.
func kindOf(name string) string {
	switch name {
	case "key", "newkey", "source", "destination", "dst", "src":
		return "key"
	case "pattern":
		return "pattern"
	case "ms", "ttl-ms", "seconds", "milliseconds", "count", "offset", "start", "end", "token",
		"increment", "decrement", "index", "index1", "index2", "db", "destination-db", "client-id",
		"numkeys", "rank", "num-matches", "len", "limit", "cursor":
		return "integer"
	case "score", "weight", "timeout":
		return "double"
	}
	if strings.HasPrefix(name, "unix-time") {
		return "unix-time"
	}
	return "string"
}

// docs is the command's value in the reply of COMMAND DOCS.
func (c *Command) docs() resp.Value {
	pairs := []resp.Value{
		resp.Bulk("summary"), resp.Bulk(c.Summary),
		resp.Bulk("since"), resp.Bulk(c.Since),
		resp.Bulk("group"), resp.Bulk(c.Group),
		resp.Bulk("complexity"), resp.Bulk(c.Complexity),
	}
	args, err := parseSyntax(c.Syntax)
	if err == nil && len(args) > 0 {
		keys := 0
		pairs = append(pairs, resp.Bulk("arguments"), argumentList(args, &keys))
	}
	if len(c.Sub) > 0 {
		var subs []resp.Value
		for i := range c.Sub {
			subs = append(subs, resp.Bulk(c.Sub[i].full), c.Sub[i].docs())
		}
		pairs = append(pairs, resp.Bulk("subcommands"), resp.Map(subs...))
	}
	return resp.Map(pairs...)
}

// argumentList shows args. keys counts the keys seen so far, which is how they refer to their
// specification in COMMAND INFO.
func argumentList(args []argument, keys *int) resp.Value {
	list := make([]resp.Value, 0, len(args))
	for i := range args {
		list = append(list, args[i].value(keys))
	}
	return resp.Array(list...)
}

func (a *argument) value(keys *int) resp.Value {
	pairs := []resp.Value{resp.Bulk("name"), resp.Bulk(a.name), resp.Bulk("type"), resp.Bulk(a.kind)}
	if a.kind == "key" {
		pairs = append(pairs, resp.Bulk("key_spec_index"), resp.Int(int64(*keys)))
		*keys++
	}
	if a.token != "" {
		pairs = append(pairs, resp.Bulk("token"), resp.Bulk(a.token))
	}
	var flags []string
	if a.optional {
		flags = append(flags, "optional")
	}
	if a.multiple {
		flags = append(flags, "multiple")
	}
	if len(flags) > 0 {
		pairs = append(pairs, resp.Bulk("flags"), statusSet(flags))
	}
	if len(a.inner) > 0 {
		pairs = append(pairs, resp.Bulk("arguments"), argumentList(a.inner, keys))
	}
	return resp.Map(pairs...)
}
