// The manual of the proof has each kind of fault: a list that lacks what was added last week misleads.

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestManualHasEachFault(t *testing.T) {
	manual, err := os.ReadFile("../../docs/proof/README.md")
	if err != nil {
		t.Fatal(err)
	}
	// A fault is a line of a table that begins with its name.
	entry := regexp.MustCompile(`(?m)^\t\t\{"([^"]+)", `)
	for section, pattern := range map[string]string{
		"Simulated clusters:": "../faults_*.go", "Real processes:": "../real/storm_faults.go",
	} {
		_, rest, found := strings.Cut(string(manual), "\n"+section+"\n")
		if !found {
			t.Fatalf("the manual has no section %q", section)
		}
		table, _, _ := strings.Cut(strings.TrimSpace(rest), "\n\n")
		var told []string
		for row := range strings.Lines(table) {
			for kind := range strings.SplitSeq(strings.Split(row, "|")[1], ";") {
				told = append(told, strings.TrimSpace(kind))
			}
		}
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, name := range names {
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range entry.FindAllStringSubmatch(string(source), -1) {
				kinds = append(kinds, match[1])
			}
		}
		if len(kinds) < 20 {
			t.Errorf("%s has only %d kinds of faults: are they written in another way now?", pattern, len(kinds))
		}
		for _, kind := range kinds {
			if !slices.Contains(told, kind) {
				t.Errorf("docs/proof/README.md does not tell of %q under %q", kind, section)
			}
		}
		for _, kind := range told[2:] { // without the head of the table
			if !slices.Contains(kinds, kind) {
				t.Errorf("docs/proof/README.md tells of %q under %q, which is not there", kind, section)
			}
		}
	}
}
