package mutants

import (
	"path/filepath"
	"strings"
	"testing"
)

// root returns where the module is.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestEdits looks whether each mutant still has its place in the source.
func TestEdits(t *testing.T) {
	list, err := all()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 15 {
		t.Errorf("there are only %d mutants", len(list))
	}
	for _, m := range list {
		changed, err := m.mutated(root(t))
		if err != nil {
			t.Error(err)
		}
		if len(changed) == 0 {
			t.Errorf("%s changes nothing", m.name)
		}
	}
}

func TestParse(t *testing.T) {
	const good = "breaks: it\ncheck: state\nwithin: 2s\n\n--- a/b.go\nold\n+++\nnew\n\n--- c.go\nx\n+++\n"
	m, err := parse("name", good)
	if err != nil || len(m.edits) != 2 || m.edits[0] != (edit{"a/b.go", "old", "new"}) ||
		m.edits[1] != (edit{"c.go", "x", ""}) {
		t.Errorf("%+v, %v", m, err)
	}
	for _, line := range []string{"breaks: it\n", "check: state\n", "within: 2s\n", "\n+++\n"} {
		if _, err := parse("name", strings.Replace(good, line, "", 1)); err == nil {
			t.Errorf("taken without %q", line)
		}
	}
	for _, old := range []string{"nowhere to be found", "mutant"} { // the second is there, more than once
		m.edits = []edit{{path: "sim/mutants/doc.go", old: old}}
		if _, err := m.mutated(root(t)); err == nil {
			t.Errorf("an edit of %q found a place", old)
		}
	}
}
