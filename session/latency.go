// LATENCY: what was slow lately, by event. lockd knows three events: command and fast-command, a command that
// took as long as latency-monitor-threshold (fast-command for one that costs the same whatever the data), and
// fsync, when the disk took as long. A slow disk is noticed by the commands that wait for it.

package session

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// latencyEvents keeps the last samples of each event.
type latencyEvents struct {
	mu     sync.Mutex
	byName map[string]*latencyEvent
	synced time.Time // when a slow sync was looked for last
}

type latencyEvent struct {
	samples []latencySample // the newest last
	highest int64
}

// latencySample is the worst of one second.
type latencySample struct{ second, ms int64 }

// latencySamples is how many seconds of an event are kept, as in Redis.
const latencySamples = 160

// note keeps a sample. Of one second only the worst is kept.
func (l *latencyEvents) note(event string, ms int64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byName == nil {
		l.byName = map[string]*latencyEvent{}
	}
	e := l.byName[event]
	if e == nil {
		e = new(latencyEvent)
		l.byName[event] = e
	}
	e.highest = max(e.highest, ms)
	if n := len(e.samples); n > 0 && e.samples[n-1].second == now.Unix() {
		e.samples[n-1].ms = max(e.samples[n-1].ms, ms)
		return
	}
	if len(e.samples) == latencySamples {
		e.samples = slices.Delete(e.samples, 0, 1)
	}
	e.samples = append(e.samples, latencySample{now.Unix(), ms})
}

// mayLookAtDisk tells whether the last look is long enough ago.
func (l *latencyEvents) mayLookAtDisk(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.synced) < 100*time.Millisecond {
		return false
	}
	l.synced = now
	return true
}

// all returns copies of the events and their names in order.
func (l *latencyEvents) all() ([]string, map[string]latencyEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := map[string]latencyEvent{}
	for name, e := range l.byName {
		events[name] = latencyEvent{slices.Clone(e.samples), e.highest}
	}
	return slices.Sorted(maps.Keys(events)), events
}

// reset forgets the named events, or all, and returns how many there were.
func (l *latencyEvents) reset(names []string) (forgotten int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range l.byName {
		if len(names) == 0 || slices.Contains(names, name) {
			delete(l.byName, name)
			forgotten++
		}
	}
	return forgotten
}

// noteLatency notes a command that was slow, and a slow disk behind it.
func (h *Hub) noteLatency(cmd *commands.Command, took time.Duration, threshold int64) {
	event, now := "command", time.Now()
	if cmd.Has(commands.Fast) {
		event = "fast-command"
	}
	h.events.note(event, took.Milliseconds(), now)
	if cmd.Local == nil && h.events.mayLookAtDisk(now) {
		if ms := h.Node.Status().SyncLast.Milliseconds(); ms >= threshold {
			h.events.note("fsync", ms, now)
		}
	}
}

func (h *Hub) latencyCommands() []commands.Command {
	const admin = local | commands.Admin
	tips := []string{"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}
	entry := func(name string, arity int, syntax string, run commands.Local, summary string) commands.Command {
		return commands.Command{
			Name: name, Arity: arity, Flags: admin, Group: "server", Since: "2.8.13", Syntax: syntax,
			Complexity: "O(1)", Tips: tips, Local: run, Summary: summary,
		}
	}
	subs := []commands.Command{
		entry("latest", 2, "", h.latencyLatest, "Reply the last and the worst sample of each event."),
		entry("history", 3, "event", h.latencyHistory, "Reply the samples of an event."),
		entry("reset", -2, "[event [event ...]]", h.latencyReset, "Forget the samples."),
		entry("graph", 3, "event", h.latencyGraph, "Draw the samples of an event."),
		entry("doctor", 2, "", h.latencyDoctor, "Say in words what was slow."),
		entry("histogram", -2, "[command [command ...]]", h.latencyHistogram,
			"Reply how long commands took, in powers of two of microseconds."),
		entry("help", 2, "", latencyHelp, "Show the subcommands."),
	}
	subs[2].Tips = []string{"request_policy:all_nodes", "response_policy:all_succeeded"}
	subs[5].Since, subs[5].Complexity = "7.0.0", "O(N), N the number of commands"
	subs[6].Flags, subs[6].Tips = commands.Loading|commands.Stale, nil
	return []commands.Command{{
		Name: "latency", Arity: -2, Group: "server", Since: "2.8.13", Complexity: "Depends on the subcommand.",
		Summary: "Look at what was slow lately.", Sub: subs,
	}}
}

func (h *Hub) latencyLatest(*commands.Conn, commands.Args) resp.Value {
	names, events := h.events.all()
	var list []resp.Value
	for _, name := range names {
		e := events[name]
		last := e.samples[len(e.samples)-1]
		list = append(list, resp.Array(
			resp.Bulk(name), resp.Int(last.second), resp.Int(last.ms), resp.Int(e.highest)))
	}
	return resp.Array(list...)
}

func (h *Hub) latencyHistory(_ *commands.Conn, a commands.Args) resp.Value {
	_, events := h.events.all()
	var list []resp.Value
	for _, s := range events[string(a[2])].samples {
		list = append(list, resp.Array(resp.Int(s.second), resp.Int(s.ms)))
	}
	return resp.Array(list...)
}

func (h *Hub) latencyReset(_ *commands.Conn, a commands.Args) resp.Value {
	var names []string
	for _, word := range a[2:] {
		names = append(names, string(word))
	}
	return resp.Int(h.events.reset(names))
}

// latencyGraph draws a bar for each of the last samples, the oldest on the left, ten rows high.
func (h *Hub) latencyGraph(_ *commands.Conn, a commands.Args) resp.Value {
	const columns, rows = 80, 10
	name := string(a[2])
	_, events := h.events.all()
	e, known := events[name]
	if !known {
		return resp.Errorf("ERR No samples available for event '%s'", clipped(a[2]))
	}
	samples := e.samples[max(0, len(e.samples)-columns):]
	low, high := samples[0].ms, samples[0].ms
	for _, s := range samples {
		low, high = min(low, s.ms), max(high, s.ms)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s - high %d ms, low %d ms (all time high %d ms)\n%s\n", name, high, low, e.highest,
		strings.Repeat("-", columns))
	for row := int64(rows); row > 0; row-- {
		for _, s := range samples {
			if s.ms*rows >= high*row {
				b.WriteByte('#')
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "the left is %d seconds ago, the right %d\n",
		time.Now().Unix()-samples[0].second, time.Now().Unix()-samples[len(samples)-1].second)
	return resp.Verbatim("txt", b.String())
}

// latencyDoctor sums the events up and says what to look at.
func (h *Hub) latencyDoctor(*commands.Conn, commands.Args) resp.Value {
	if h.policy.Load().LatencyAbove == 0 {
		return resp.Verbatim("txt", "Nothing is noted: latency-monitor-threshold is 0. Say which milliseconds are "+
			"too many with CONFIG SET latency-monitor-threshold <milliseconds>, and ask again later.\n")
	}
	names, events := h.events.all()
	if len(names) == 0 {
		return resp.Verbatim("txt", "Nothing was slow since this was last asked to be forgotten.\n")
	}
	var b strings.Builder
	for _, name := range names {
		e := events[name]
		var sum int64
		for _, s := range e.samples {
			sum += s.ms
		}
		fmt.Fprintf(&b, "%s: slow in %d seconds, %d ms on average there, %d ms at worst.\n", name,
			len(e.samples), sum/int64(len(e.samples)), e.highest)
	}
	if _, disk := events["fsync"]; disk {
		b.WriteString("The disk is slow to sync. Every write waits for that: give the data folder a faster disk, " +
			"or one that nothing else writes to.\n")
	} else {
		b.WriteString("The disk was in time. Look at SLOWLOG GET for the commands, and at the processor.\n")
	}
	return resp.Verbatim("txt", b.String())
}

// latencyHistogram has exact powers of two for bounds; Redis' own are a few percent off. A container's name
// asks for all its subcommands.
func (h *Hub) latencyHistogram(_ *commands.Conn, a commands.Args) resp.Value {
	asked := func(c *commands.Command) bool { return true }
	if len(a) > 2 {
		asked = func(c *commands.Command) bool {
			return slices.ContainsFunc(a[2:], func(word []byte) bool {
				name := strings.ToLower(string(word))
				return name == c.FullName() || strings.HasPrefix(c.FullName(), name+"|")
			})
		}
	}
	var pairs []resp.Value
	h.stats.each(func(c *commands.Command, s *commandStats) {
		if !asked(c) || s.calls.Load() == 0 {
			return
		}
		var buckets []resp.Value
		bounds, counts := s.times().doublings()
		for i := range bounds {
			buckets = append(buckets, resp.Int(int64(bounds[i])), resp.Int(int64(counts[i])))
		}
		pairs = append(pairs, resp.Bulk(c.FullName()), resp.Map(
			resp.Bulk("calls"), resp.Int(int64(s.calls.Load())),
			resp.Bulk("histogram_usec"), resp.Map(buckets...)))
	})
	return resp.Map(pairs...)
}

func latencyHelp(*commands.Conn, commands.Args) resp.Value {
	return help("LATENCY",
		"DOCTOR", "    Return a human readable latency analysis report.",
		"GRAPH <event>", "    Return an ASCII latency graph for the <event> class.",
		"HISTORY <event>", "    Return time-latency samples for the <event> class.",
		"LATEST", "    Return the latest latency samples for all events.",
		"RESET [<event> ...]",
		"    Reset latency data of one or more <event> classes.",
		"    (default: reset all data for all event classes)",
		"HISTOGRAM [COMMAND ...]",
		"    Return a cumulative distribution of latencies in the format of a histogram "+
			"for the specified command names.",
		"    If no commands are specified then all histograms are replied.")
}
