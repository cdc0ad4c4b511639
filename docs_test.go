// The documents that could say something false are tests. Pages made from tables are compared with the
// tables; what they show as a session of redis-cli is typed into a real server (sessions_test.go).

package main

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/server"
	"github.com/divtxt/lockd/session"
)

var update = flag.Bool("update", false, "write the pages anew that are made from tables")

// commandTable is the table of a running node.
func commandTable() *commands.Table {
	hub := session.New(server.Version, slog.New(slog.DiscardHandler))
	return commands.New(hub.Commands()...)
}

const commandsHead = `# Commands

This page is made from the command table by ` + "`make docs`" + `; do not edit it.

Names and options are taken in any case. What differs from Redis on purpose is listed in
[differences.md](differences.md); ` + "`COMMAND DOCS name`" + ` and redis-cli's ` + "`HELP name`" + ` show an entry of this
page while you type.

`

// TestDocs holds the generated pages against their tables, or writes them with -update.
func TestDocs(t *testing.T) {
	table := commandTable()
	var reference, settings bytes.Buffer
	if err := table.WriteReference(&reference); err != nil {
		t.Fatal(err)
	}
	server.WriteReference(&settings)
	same(t, "docs/commands.md", commandsHead+strings.TrimRight(reference.String(), "\n")+"\n")
	same(t, "docs/configuration.md", settings.String())

	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "README.md", between(t, string(readme), "commands", overview(table)))
}

// same compares the file at path with what it should be.
func same(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s is not what its table says; run: make docs (%v)", path, err)
	}
}

// between replaces what stands between the marks <!-- name --> and <!-- /name -->.
func between(t *testing.T, text, name, middle string) string {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	head, rest, ok := strings.Cut(text, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("the marks %q and %q are missing", begin, end)
	}
	return head + begin + middle + end + tail
}

// overview is the README's tables: the lock commands with what they do, of the others the names.
func overview(table *commands.Table) string {
	var b strings.Builder
	names := map[string][]string{}
	b.WriteString("| Command | What it does |\n|---|---|\n")
	for _, c := range table.All() {
		name := strings.ToUpper(c.Name)
		switch {
		case c.Has(commands.Hidden):
		case c.Group == "lock":
			fmt.Fprintf(&b, "| `%s` | %s |\n", name, c.Summary)
		default:
			names[c.Group] = append(names[c.Group], name)
		}
	}
	for i, group := range table.Groups()[1:] {
		switch i {
		case 0:
			b.WriteString("\n| Group | Commands beside Redis' |\n|---|---|\n")
		case len(commands.OwnGroups()) - 1:
			b.WriteString("\n| Group | Commands of Redis, and about the cluster |\n|---|---|\n")
		}
		fmt.Fprintf(&b, "| %s | %s |\n", group, strings.Join(names[group], ", "))
	}
	return b.String()
}

// TestLinks finds links between the documents that lead nowhere, to no file or to no heading in it.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#: ]*)(#[^) ]*)?\)`)
	for _, pattern := range []string{"*.md", "docs/*.md", "bench/*.md", "compat_test/clients/*.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range link.FindAllStringSubmatch(string(text), -1) {
				to := filepath.Join(filepath.Dir(page), found[1])
				if found[1] == "" {
					to = page
				}
				if _, err := os.Stat(to); err != nil {
					t.Errorf("%s links to %s, which is not there", page, found[1])
				} else if found[2] != "" && !slices.Contains(anchors(t, to), found[2][1:]) {
					t.Errorf("%s links to %s%s: there is no such heading", page, found[1], found[2])
				}
			}
		}
	}
}

// anchors returns what links to the headings of a page are called, as GitHub calls them.
func anchors(t *testing.T, page string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	mute := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		name := mute.ReplaceAllString(strings.ToLower(heading[1]), "")
		list = append(list, strings.ReplaceAll(name, " ", "-"))
	}
	return list
}
