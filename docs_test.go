// The documents that could say something false are tests. Pages made from tables are compared with the
// tables; what the README shows as a session of redis-cli is typed into a real server.

package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	same(t, "README.md", between(t, string(readme), "commands", overview(table, reference.String())))
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

// overview is the README's table: the lock commands with what they do, of the others the names.
func overview(table *commands.Table, reference string) string {
	_, locks, _ := strings.Cut(reference, "### Lock\n\n")
	locks, _, _ = strings.Cut(locks, "\n###")
	names := map[string][]string{}
	for _, c := range table.All() {
		if c.Group != "lock" && !c.Has(commands.Hidden) {
			names[c.Group] = append(names[c.Group], strings.ToUpper(c.Name))
		}
	}
	var groups []string
	for group := range names {
		groups = append(groups, group)
	}
	slices.Sort(groups)
	var b strings.Builder
	b.WriteString(strings.TrimRight(locks, "\n") + "\n\n| Group | Commands of Redis |\n|---|---|\n")
	for _, group := range groups {
		fmt.Fprintf(&b, "| %s | %s |\n", group, strings.Join(names[group], ", "))
	}
	return b.String()
}

// TestLinks finds links between the documents that lead nowhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
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
				if _, err := os.Stat(filepath.Join(filepath.Dir(page), found[1])); err != nil {
					t.Errorf("%s links to %s, which is not there", page, found[1])
				}
			}
		}
	}
}

// TestReadme types the README's sessions into a fresh server, in order, and compares what it replies. A
// session is a block that follows the mark <!-- checked -->.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- checked -->\n+```[a-z]*\n(.*?)```")
	sessions := block.FindAllStringSubmatch(string(text), -1)
	if len(sessions) == 0 {
		t.Fatal("no session to check")
	}
	cli := newRedisCLI(t, startServer(t))
	for _, s := range sessions {
		for step := range strings.SplitSeq("\n"+s[1], "\n$ ") {
			line, want, _ := strings.Cut(strings.TrimSpace(step), "\n")
			if line == "" {
				continue
			}
			words := strings.Fields(line)
			if len(words) < 4 || strings.Join(words[:3], " ") != "redis-cli -p 6380" {
				t.Fatalf("cannot check %q: it is no line of redis-cli -p 6380", line)
			}
			if got := cli.run(words[3:]); !alike(got, want) {
				t.Errorf("$ %s\nthe README says\n%s\nthe server says\n%s", line, want, got)
			}
		}
	}
}

// startServer starts a node as main does, on a free port, and returns the port.
func startServer(t *testing.T) int {
	t.Helper()
	cfg := server.Defaults()
	cfg.Network.Port, cfg.Storage.Dir = 0, t.TempDir()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	node, err := server.Start(t.Context(), cfg, server.NewSettings(cfg), log, func() {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	return node.Port()
}

// anyTime is a number that may be some milliseconds: one that is called so, or one with at least four digits,
// so that small numbers are exact.
var anyTime = regexp.MustCompile(`-ms" => \(integer\) \d+|\d{4,}`)

// alike compares two replies; times in them may differ by two seconds.
func alike(a, b string) bool {
	timesA, timesB := anyTime.FindAllString(a, -1), anyTime.FindAllString(b, -1)
	if anyTime.ReplaceAllString(a, "N") != anyTime.ReplaceAllString(b, "N") {
		return false
	}
	for i := range timesA {
		if d := lastNumber(timesA[i]) - lastNumber(timesB[i]); d > 2000 || d < -2000 {
			return false
		}
	}
	return true
}

func lastNumber(s string) int {
	n, err := strconv.Atoi(s[strings.LastIndex(s, " ")+1:])
	if err != nil {
		panic(err)
	}
	return n
}
