// INFO: sections of name:value lines. Tools read them by Redis' headings and names, so these are kept to the
// letter; a field that would have no true value here is left out. info_sections.go has the sections.

package session

import (
	"fmt"
	"strings"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

func (h *Hub) infoCommands() []commands.Command {
	return []commands.Command{{
		Name: "info", Arity: -1, Flags: commands.Loading | commands.Stale, Group: "server", Since: "1.0.0",
		Syntax: "[section [section ...]]", Complexity: "O(1)", Categories: []string{"dangerous"}, Local: h.info,
		Tips:    []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
		Summary: "Reply figures about this node.",
	}}
}

// infoSection is a part of INFO.
type infoSection struct {
	name  string // as in its heading
	extra bool   // not part of plain INFO
	write func(*infoPage)
}

func (h *Hub) infoSections() []infoSection {
	return []infoSection{
		{name: "Server", write: h.infoServer},
		{name: "Clients", write: h.infoClients},
		{name: "Memory", write: h.infoMemory},
		{name: "Persistence", write: h.infoPersistence},
		{name: "Stats", write: h.infoStats},
		{name: "Replication", write: h.infoReplication},
		{name: "CPU", write: infoCPU},
		{name: "Modules", write: func(*infoPage) {}},
		{name: "Commandstats", write: h.infoCommandStats, extra: true},
		{name: "Errorstats", write: h.infoErrorStats},
		{name: "Latencystats", write: h.infoLatencyStats, extra: true},
		{name: "Cluster", write: infoCluster},
		{name: "Keyspace", write: infoKeyspace},
		{name: "Locks", write: infoLocks},
		{name: "Raft", write: h.infoRaft},
		{name: "Clock", write: infoClock},
	}
}

// infoPage is what is written, and the figures that several sections use, taken at one moment.
type infoPage struct {
	text   strings.Builder
	asking *commands.Conn
	now    time.Time
	node   Status
	wire   resp.Stats
}

func (p *infoPage) line(name string, value any) { fmt.Fprintf(&p.text, "%s:%v\r\n", name, value) }

// bytes is a line with bytes, and one that is for people.
func (p *infoPage) bytes(name string, n uint64) {
	p.line(name, n)
	p.line(name+"_human", humanBytes(n))
}

func (h *Hub) info(c *commands.Conn, a commands.Args) resp.Value {
	wanted := wantedSections(a)
	p := &infoPage{asking: c, now: time.Now(), node: h.Node.Status(), wire: h.stats.since(h.Server.Stats())}
	for _, s := range h.infoSections() {
		if !wanted(s) {
			continue
		}
		if p.text.Len() > 0 {
			p.text.WriteString("\r\n")
		}
		p.text.WriteString("# " + s.name + "\r\n")
		s.write(p)
	}
	return resp.Verbatim("txt", p.text.String())
}

// wantedSections reads which sections are asked for. Unknown ones are none, as in Redis.
func wantedSections(a commands.Args) func(infoSection) bool {
	names := map[string]bool{}
	for _, word := range a[1:] {
		names[strings.ToLower(string(word))] = true
	}
	usual := len(a) == 1 || names["default"]
	all := names["all"] || names["everything"]
	return func(s infoSection) bool {
		return all || usual && !s.extra || names[strings.ToLower(s.name)]
	}
}
