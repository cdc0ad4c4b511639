// What a mutant is, and how its file is read and applied.

package mutants

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// files are the mutants, one each. Such a file says
//
//	breaks: which promise, in a sentence
//	check:  which simulation is to notice: schedules or state
//	within: in which time, as time.ParseDuration reads it
//
// and then for each edit
//
//	--- path of a source file
//	text that is in it exactly once, of one line or several
//	+++
//	what stands there instead, perhaps nothing
//
//go:embed list/*.mutant
var files embed.FS

// mutant is one mistake.
type mutant struct {
	name   string
	breaks string
	check  string
	within time.Duration // building it not counted
	edits  []edit
}

// edit is a change in a file.
type edit struct {
	path     string // from the root of the module
	old, new string
}

// all reads the mutants, in the order of their names.
func all() ([]mutant, error) {
	entries, err := files.ReadDir("list")
	if err != nil {
		return nil, err
	}
	var list []mutant
	for _, e := range entries {
		text, err := files.ReadFile("list/" + e.Name())
		if err != nil {
			return nil, err
		}
		m, err := parse(strings.TrimSuffix(e.Name(), ".mutant"), string(text))
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// parse reads the text of a mutant.
func parse(name, text string) (mutant, error) {
	m := mutant{name: name}
	head, rest, _ := strings.Cut(text, "\n--- ")
	for line := range strings.Lines(head) {
		word, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); word {
		case "breaks":
			m.breaks = value
		case "check":
			m.check = value
		case "within":
			m.within, _ = time.ParseDuration(value)
		}
	}
	for _, part := range strings.Split(rest, "\n--- ") {
		path, body, _ := strings.Cut(part, "\n")
		old, replacement, ok := strings.Cut(body, "\n+++\n")
		if !ok {
			return m, fmt.Errorf("%s: an edit of %q has no line of +++", name, path)
		}
		m.edits = append(m.edits, edit{path, strings.Trim(old, "\n"), strings.Trim(replacement, "\n")})
	}
	if m.breaks == "" || m.within <= 0 || (m.check != "schedules" && m.check != "state") {
		return m, fmt.Errorf("%s: it must say what it breaks, which check notices, and within which time", name)
	}
	return m, nil
}

// mutated returns the files that the mutant changes, by path, as they are with its edits. root is where the
// module is.
func (m *mutant) mutated(root string) (map[string]string, error) {
	changed := map[string]string{}
	var wrong []error
	for _, e := range m.edits {
		text, ok := changed[e.path]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.path)))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			wrong = append(wrong, fmt.Errorf("%s: this is %d times in %s, not once:\n%s", m.name, n, e.path, e.old))
			continue
		}
		changed[e.path] = strings.Replace(text, e.old, e.new, 1)
	}
	return changed, errors.Join(wrong...)
}
