// SLOWLOG: commands that took long, as their client felt it: from the submission to the reply, the way
// through the log and the disk included.
//
// What a pipeline submits together is answered together, so its commands are one entry here; else one slow
// sync under a long pipeline would push out everything else. The time that a command spent waiting for a
// lock is not counted, as Redis does not count blocked time.

package session

import (
	"fmt"
	"sync"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// slowlog keeps the last entries, the newest last.
type slowlog struct {
	mu      sync.Mutex
	next    int64 // number of the next entry
	entries []slowEntry
}

type slowEntry struct {
	id         int64
	at         time.Time
	took       time.Duration
	words      []string
	addr, name string
}

// add puts e at the end and drops what is more than most entries.
func (s *slowlog) add(e slowEntry, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.id = s.next
	s.next++
	s.entries = append(s.entries, e)
	if extra := len(s.entries) - most; extra > 0 {
		clear(s.entries[:extra])
		s.entries = s.entries[extra:]
	}
}

// newest returns up to n entries, the newest first; a negative n is all.
func (s *slowlog) newest(n int64) []slowEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []slowEntry
	for i := len(s.entries) - 1; i >= 0 && int64(len(list)) != n; i-- {
		list = append(list, s.entries[i])
	}
	return list
}

func (s *slowlog) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

func (s *slowlog) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = nil
}

// slow notes a command if it was slow enough. group is how many commands were answered together with it.
func (h *Hub) slow(c *conn, cmd *commands.Command, words [][]byte, took time.Duration, group int) {
	p := h.policy.Load()
	if p.LatencyAbove > 0 && took.Milliseconds() >= p.LatencyAbove {
		h.noteLatency(cmd, took, p.LatencyAbove)
	}
	if p.SlowlogThan < 0 || took.Microseconds() < p.SlowlogThan || cmd.Has(commands.SkipSlowlog) {
		return
	}
	shown := h.shownWords(cmd, words)
	if group > 1 {
		shown = append(shown, fmt.Sprintf("... (with %d more commands of its pipeline)", group-1))
	}
	h.slowlog.add(slowEntry{at: time.Now(), took: took, words: shown, addr: c.Addr, name: c.Name}, p.SlowlogLen)
}

func (h *Hub) slowlogCommands() []commands.Command {
	const flags = commands.Admin | commands.Loading | commands.Stale
	everywhere := "request_policy:all_nodes"
	return []commands.Command{{
		Name: "slowlog", Arity: -2, Group: "server", Since: "2.2.12", Complexity: "Depends on the subcommand.",
		Summary: "Look at commands that took long.",
		Sub: []commands.Command{
			{
				Name: "get", Arity: -2, Flags: flags, Group: "server", Since: "2.2.12", Syntax: "[count]",
				Complexity: "O(N), N the number of entries", Local: h.slowlogGet,
				Tips:    []string{everywhere, "nondeterministic_output"},
				Summary: "Reply the last slow commands; values and owners are not shown.",
			},
			{
				Name: "len", Arity: 2, Flags: flags, Group: "server", Since: "2.2.12", Complexity: "O(1)",
				Local:   h.slowlogLen,
				Tips:    []string{everywhere, "response_policy:agg_sum", "nondeterministic_output"},
				Summary: "Count the slow commands that are kept.",
			},
			{
				Name: "reset", Arity: 2, Flags: flags, Group: "server", Since: "2.2.12",
				Complexity: "O(N), N the number of entries", Local: h.slowlogReset,
				Tips:    []string{everywhere, "response_policy:all_succeeded"},
				Summary: "Forget the slow commands.",
			},
			{
				Name: "help", Arity: 2, Flags: commands.Loading | commands.Stale, Group: "server", Since: "6.2.0",
				Complexity: "O(1)", Local: slowlogHelp, Summary: "Show the subcommands.",
			},
		},
	}}
}

// shownByDefault is how many entries SLOWLOG GET replies when it is not told.
const shownByDefault = 10

// slowlogGet says of too many words what Redis says, which is not its usual error.
func (h *Hub) slowlogGet(_ *commands.Conn, a commands.Args) resp.Value {
	most := int64(shownByDefault)
	if len(a) > 3 {
		return resp.Errorf("ERR unknown subcommand or wrong number of arguments for '%s'. Try SLOWLOG HELP.",
			clipped(a[1]))
	}
	if len(a) == 3 {
		n, ok := a.Int(2)
		if !ok || n < -1 {
			return resp.Error("ERR count should be greater than or equal to -1")
		}
		most = n
	}
	var list []resp.Value
	for _, e := range h.slowlog.newest(most) {
		words := make([]resp.Value, 0, len(e.words))
		for _, w := range e.words {
			words = append(words, resp.Bulk(w))
		}
		list = append(list, resp.Array(
			resp.Int(e.id), resp.Int(e.at.Unix()), resp.Int(e.took.Microseconds()), resp.Array(words...),
			resp.Bulk(e.addr), resp.Bulk(e.name)))
	}
	return resp.Array(list...)
}

func (h *Hub) slowlogLen(*commands.Conn, commands.Args) resp.Value {
	return resp.Int(int64(h.slowlog.len()))
}

func (h *Hub) slowlogReset(*commands.Conn, commands.Args) resp.Value {
	h.slowlog.reset()
	return resp.OK()
}

func slowlogHelp(*commands.Conn, commands.Args) resp.Value {
	return help("SLOWLOG",
		"GET [<count>]",
		"    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
		"    Entries are made of:",
		"    id, timestamp, time in microseconds, arguments array, client IP and port,",
		"    client name",
		"LEN", "    Return the length of the slowlog.",
		"RESET", "    Reset the slowlog.")
}
