package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestComplaints looks whether the tests that docs/complaints.md names are there, and a case where it says so.
func TestComplaints(t *testing.T) {
	page, err := os.ReadFile("docs/complaints.md")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := os.ReadFile("fsm/locks_test.go")
	if err != nil {
		t.Fatal(err)
	}
	there := testNames(t)
	rows := regexp.MustCompile(`(?m)^\| (\d+) \|.*\| ([^|]+) \|$`).FindAllStringSubmatch(string(page), -1)
	if len(rows) < 31 {
		t.Errorf("%d rows", len(rows))
	}
	for _, row := range rows {
		for name := range strings.SplitSeq(row[2], ", ") {
			if name == "case" {
				// Of one row, or of several: "row 11: …", "rows 9 and 10: …".
				if !regexp.MustCompile(fmt.Sprintf(`rows? (\d+ and )?%s\b`, row[1])).Match(cases) {
					t.Errorf("row %s has no case in fsm/locks_test.go", row[1])
				}
			} else if !there[strings.Trim(name, "`")] {
				t.Errorf("row %s: there is no test %s", row[1], name)
			}
		}
	}
}

// testNames returns the names of all tests of the module.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	is := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range is.FindAllSubmatch(text, -1) {
			names[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
