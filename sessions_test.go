// What pages show as sessions of redis-cli is typed into a real server. A session is a block that follows the
// mark <!-- checked -->. Its lines begin with "$ ":
//
//	$ redis-cli -p 6380 …        what follows is the reply
//	$ redis-cli -p 6380 … &      it waits on a connection of its own
//	$ wait                       what follows are the replies of those that waited, in their order
//	$ sleep 0.5
//
// Times may differ by two seconds. Ids of sessions are different each time; the one that a page shows stands
// for the one that its server gave.

package main

import (
	"io"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/divtxt/lockd/server"
)

// TestReadme types the sessions of each page into a fresh server, in order, and compares what it replies.
func TestReadme(t *testing.T) {
	pages := []string{
		"README.md", "docs/locks.md", "docs/fencing.md", "docs/coordination.md", "docs/operating-locks.md",
	}
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			typeSessions(t, page)
		})
	}
}

// sessionBlock is a session in a page.
var sessionBlock = regexp.MustCompile("(?s)<!-- checked -->\n+```[a-z]*\n(.*?)```")

func typeSessions(t *testing.T, page string) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	sessions := sessionBlock.FindAllStringSubmatch(string(text), -1)
	if len(sessions) == 0 {
		t.Fatal("no session to check")
	}
	typist := typist{cli: newRedisCLI(t, startServer(t)), ids: map[string]string{}}
	for _, s := range sessions {
		for step := range strings.SplitSeq("\n"+s[1], "\n$ ") {
			line, want, _ := strings.Cut(strings.TrimSpace(step), "\n")
			if line == "" {
				continue
			}
			if got := typist.enter(line); !typist.alike(got, want) {
				t.Errorf("$ %s\nthe page says\n%s\nthe server says\n%s", line, want, got)
			}
		}
	}
}

// typist types the lines of a page.
type typist struct {
	cli    *redisCLI
	ids    map[string]string // of sessions, by what the page calls them
	behind []func() string   // of those that wait: they return the reply
}

// enter types a line and returns what is printed.
func (y *typist) enter(line string) string {
	y.cli.t.Helper()
	line, behind := strings.CutSuffix(line, " &")
	words := shellWords(line)
	switch {
	case line == "wait":
		var replies []string
		for _, reply := range y.behind {
			replies = append(replies, reply())
		}
		y.behind = nil
		return strings.Join(replies, "\n")
	case len(words) == 2 && words[0] == "sleep":
		d, err := time.ParseDuration(words[1] + "s")
		if err != nil {
			y.cli.t.Fatal(err)
		}
		time.Sleep(d)
		return ""
	case len(words) < 4 || strings.Join(words[:3], " ") != "redis-cli -p 6380":
		y.cli.t.Fatalf("cannot check %q: it is no line of redis-cli -p 6380", line)
	}
	for i, word := range words {
		if id, known := y.ids[word]; known {
			words[i] = id
		}
	}
	if behind {
		y.behind = append(y.behind, y.cli.begin(words[3:]))
		return ""
	}
	return y.cli.run(words[3:])
}

// shellWords takes a line apart as a shell does, as far as the pages need it.
func shellWords(line string) []string {
	var words []string
	for _, found := range regexp.MustCompile(`"([^"]*)"|'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		words = append(words, found[1]+found[2]+found[3])
	}
	return words
}

var (
	// sessionID is one that the server makes.
	sessionID = regexp.MustCompile(`\bs\d+-[0-9a-f]{8}\b`)
	// anyTime is a number that may be some milliseconds: one that is called so, or one with at least four
	// digits, so that small numbers are exact.
	anyTime = regexp.MustCompile(`-ms" => \(integer\) \d+|\b\d+ ms\b|\d{4,}`)
	// moment is what a page has from another day: a time, a place in the log, the number of a client.
	moment = regexp.MustCompile(`"(time-ms|clock-ms|index|conn|by)" => \(integer\) \d+|"node" => "\w+"|127\.0\.0\.1:\d+`)
	number = regexp.MustCompile(`\d+`)
)

// alike compares a reply with what the page says.
func (y *typist) alike(got, page string) bool {
	shown, given := sessionID.FindAllString(page, -1), sessionID.FindAllString(got, -1)
	for i := range min(len(shown), len(given)) {
		y.ids[shown[i]] = given[i]
	}
	got = strings.ReplaceAll(got, "=> \n", "=>\n") // no page ends lines with blanks
	got = moment.ReplaceAllString(sessionID.ReplaceAllString(got, "ID"), "MOMENT")
	page = moment.ReplaceAllString(sessionID.ReplaceAllString(page, "ID"), "MOMENT")
	a, b := anyTime.FindAllString(got, -1), anyTime.FindAllString(page, -1)
	if anyTime.ReplaceAllString(got, "N") != anyTime.ReplaceAllString(page, "N") {
		return false
	}
	for i := range a {
		if d := numberIn(y.cli.t, a[i]) - numberIn(y.cli.t, b[i]); d > 2000 || d < -2000 {
			return false
		}
	}
	return true
}

func numberIn(t *testing.T, s string) int {
	n, err := strconv.Atoi(number.FindString(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
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
