// How cases read.
//
// A group has a setup, which are lines run first; forms, each of which is tried alone on a fresh server
// after the setup; and a probe, which are lines run after each form to see what it did. A line is a command
// as one types it: words with blanks between them, "quoted\x00 words" in Go's spelling. In front of it may
// stand how its replies are compared, by default byte for byte:
//
//	near(50)     integers may differ by 50, for what time does between the command and its reply; and where
//	             the reply was recorded, by the time since, for what counts down to a date
//	anyorder     elements may come in any order
//	number       numbers may be written with more or fewer digits
//	anynumber    both
//	shape        only the form must be equal: types, lengths of arrays, and where integers stand
//	differs(x)   differs on purpose, for the reason x in the list of differences
//
// A word may hold a {name}: the form is then tried once for each word of that name's list. A {cmd|cmd} is a
// list on the spot. One command in many forms is so one line.
package compat_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// group is cases that share what is around them.
type group struct {
	name  string
	setup string
	forms string // one a line
	probe string
}

// step is one command of a script.
type step struct {
	words []string
	rule  rule
}

// script is the commands of one case. It begins with an empty server.
type script struct {
	name  string
	steps []step
}

// rule says how two replies are compared.
type rule struct {
	kind string // "" for equal bytes
	arg  string
}

// rulePrefix is a rule in front of a line.
var rulePrefix = regexp.MustCompile(`^(near|anyorder|number|anynumber|shape|differs)(?:\(([a-z0-9-]+)\))?:\s+`)

func parseLine(line string) (step, error) {
	s := step{}
	if m := rulePrefix.FindStringSubmatch(line); m != nil {
		s.rule = rule{m[1], m[2]}
		line = line[len(m[0]):]
	}
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		word := line
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return s, fmt.Errorf("%q: %w", line, err)
			}
			line = line[len(quoted):]
			if word, err = strconv.Unquote(quoted); err != nil {
				return s, err
			}
		} else {
			if i := strings.IndexByte(line, ' '); i >= 0 {
				word = line[:i]
			}
			line = line[len(word):]
		}
		s.words = append(s.words, word)
	}
	return s, nil
}

func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			list = append(list, line)
		}
	}
	return list
}

// placeholder is a list of words in a line.
var placeholder = regexp.MustCompile(`\{[^{} ]+\}`)

// expand replaces the placeholders of a step by each of their words, the first one slowest.
func expand(s step, lists map[string][]string) ([]step, error) {
	for i, word := range s.words {
		at := placeholder.FindStringIndex(word)
		if at == nil {
			continue
		}
		name := word[at[0]+1 : at[1]-1]
		values := lists[name]
		if strings.Contains(name, "|") {
			values = strings.Split(name, "|")
		}
		if values == nil {
			return nil, fmt.Errorf("there is no list {%s}", name)
		}
		var all []step
		for _, v := range values {
			words := append([]string(nil), s.words...)
			if words[i] = word[:at[0]] + v + word[at[1]:]; words[i] == absent {
				words = append(words[:i], words[i+1:]...)
			}
			more, err := expand(step{words, s.rule}, lists)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
		return all, nil
	}
	return []step{s}, nil
}

// absent in a list is no word at all.
const absent = "-absent-"

// scripts returns the cases of g.
func (g *group) scripts() ([]script, error) {
	around := func(text string) (steps []step, err error) {
		for _, line := range lines(text) {
			s, err := parseLine(line)
			if err != nil {
				return nil, err
			}
			steps = append(steps, s)
		}
		return steps, nil
	}
	before, err := around(g.setup)
	if err != nil {
		return nil, err
	}
	after, err := around(g.probe)
	if err != nil {
		return nil, err
	}
	var all []script
	for _, line := range lines(g.forms) {
		form, err := parseLine(line)
		if err != nil {
			return nil, err
		}
		forms, err := expand(form, wordLists())
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", g.name, line, err)
		}
		for _, f := range forms {
			s := script{name: fmt.Sprintf("%s: %q", g.name, f.words)}
			s.steps = append(s.steps, step{words: []string{"FLUSHALL"}})
			s.steps = append(append(append(s.steps, before...), f), after...)
			all = append(all, s)
		}
	}
	return all, nil
}

func (s *script) commands() [][]string {
	var list [][]string
	for _, step := range s.steps {
		list = append(list, step.words)
	}
	return list
}
