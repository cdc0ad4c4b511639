// docs/compatibility.md, written from what the libraries said.
package compat_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// page is what all libraries said in all set-ups.
type page struct {
	setups    []string
	libraries []*row
}

// row is one library. failed is, by set-up, what did not work; asked is, by set-up, what was tried.
type row struct {
	name, version, language string
	asked, failed           map[string][]string
}

// add takes what run.sh printed in one set-up, and gives what failed there.
func (p *page) add(setup string, said []string) (failed []string) {
	p.setups = append(p.setups, setup)
	language, current := "", (*row)(nil)
	for _, line := range said {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "language":
			language = rest
		case "library":
			cut := strings.LastIndex(rest, " ")
			current = p.row(rest[:cut], rest[cut+1:], language)
		case "ok", "fail":
			if current == nil {
				failed = append(failed, line)
				continue
			}
			feature, why, _ := strings.Cut(rest, ": ")
			current.asked[setup] = append(current.asked[setup], feature)
			if word == "fail" {
				current.failed[setup] = append(current.failed[setup], feature)
				failed = append(failed, fmt.Sprintf("%s: %s: %s", current.name, feature, why))
			}
		default:
			failed = append(failed, "not understood: "+line)
		}
	}
	if len(said) == 0 {
		failed = append(failed, "no library said anything")
	}
	return failed
}

func (p *page) row(name, version, language string) *row {
	for _, r := range p.libraries {
		if r.name == name {
			return r
		}
	}
	version, _, _ = strings.Cut(version, "+") // what Debian adds
	languages := map[string]string{
		"python": "Python", "node": "Node.js", "go": "Go", "java": "Java", "rust": "Rust", "debian": "PHP",
		"ruby-redis": "Ruby", "Redis.pm": "Perl", "hiredis": "C",
	}
	first, _, _ := strings.Cut(name, ",")
	if is, ok := languages[first]; ok && language == "debian" {
		language = is
	} else {
		language = languages[language]
	}
	r := &row{name, version, language, map[string][]string{}, map[string][]string{}}
	p.libraries = append(p.libraries, r)
	return r
}

// result is a cell: what of it works in a set-up.
func (r *row) result(setup string) string {
	asked, failed := r.asked[setup], r.failed[setup]
	switch {
	case len(asked) == 0:
		return "–"
	case len(failed) == 0:
		return "ok"
	}
	return "**not:** " + strings.Join(failed, ", ")
}

const pageHead = `# Lock libraries

This page is written by ` + "`make libraries`" + ` from a run of the libraries themselves; do not edit it.

Each library is asked by a small program in its own language (` + "`compat_test/locks`" + `) for what its users ask it. The
common features are: acquire; contend (a second owner is refused); extend, until the new time and not for ever; expire
by its time; release; release by another (one whose lock expired and went to somebody else is refused, and the lock
stays); wait until it is free. What a library has beyond that is named. A feature that it does not have is not asked.

| set-up | what the library is given |
|---|---|
| redis-server | a redis-server 7.0.15: what works there shall work with lockd |
| one node | lockd, one node |
| three nodes | the address of a node that does not lead |
| leader killed | the same. Two owners compete for a lock, and ` + "`kill -9`" + ` ends the leader. ok: never did both have the lock at once, and never was there none for 10 s. – where the library has nothing that only one can own, or cannot say that it failed |

`

const pageTail = `
## Several servers

A Redlock library that is given the three nodes of one lockd as three servers never gets a majority: they have one
state, so the first grants the lock and the others say that it is taken. It works with one address, as in the table, or
when each node starts its connections in a database of its own; both are tried with redlock-py by the same run. See
[Redlock, and other clients that want several servers](discovery.md#redlock-and-other-clients-that-want-several-servers).

## Not tried

| Library | Why |
|---|---|
| redlock-rb, redis-mutex, redis-semaphore, sidekiq-unique-jobs (Ruby) | They are on RubyGems only, which the machines of this project do not reach. |
| Laravel's locks, php-lock (PHP) | Packagist only; the same. |
| RedLock.net, DistributedLock.Redis (.NET) | NuGet only; the same. |
| redlock (Elixir) | Hex only; the same. |

What the clients under these send when they connect is replayed byte by byte in ` + "`compat_test/handshakes_test.go`" + `.
`

func (p *page) String() string {
	var b strings.Builder
	b.WriteString(pageHead)
	fmt.Fprintf(&b, "| Library | Version | Language | Features | %s |\n", strings.Join(p.setups, " | "))
	b.WriteString("|---|---|---|---|" + strings.Repeat("---|", len(p.setups)) + "\n")
	for _, r := range p.libraries {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |", r.name, r.version, r.language, r.features())
		for _, s := range p.setups {
			fmt.Fprintf(&b, " %s |", r.result(s))
		}
		b.WriteString("\n")
	}
	b.WriteString(pageTail)
	return b.String()
}

// features names what a library was asked for, the common ones in one word if it has them all.
func (r *row) features() string {
	common := []string{"acquire", "contend", "extend", "expire", "release", "release by another", "wait"}
	asked := r.asked[redisTitle]
	var missing, own []string
	for _, name := range common {
		if !slices.Contains(asked, name) {
			missing = append(missing, name)
		}
	}
	for _, name := range asked {
		if !slices.Contains(common, name) {
			own = append(own, name)
		}
	}
	switch {
	case len(missing) > len(common)/2:
		return strings.Join(asked, "; ")
	case len(missing) > 0:
		own = append([]string{"all common ones but " + strings.Join(missing, ", ")}, own...)
	default:
		own = append([]string{"all common ones"}, own...)
	}
	return strings.Join(own, "; ")
}

// compare holds the page against docs/compatibility.md, or writes it with -update.
func (p *page) compare(t *testing.T) {
	file := filepath.Join("..", "docs", "compatibility.md")
	if *updateRecord {
		if err := os.WriteFile(file, []byte(p.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(file)
	if err != nil || string(have) != p.String() {
		t.Errorf("%s is not what the libraries said (%v): write it with -update", file, err)
	}
}
