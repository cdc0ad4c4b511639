// CLIENT LIST and CLIENT INFO: connections as a line of fields, in Redis 7.2's order, since clients and tools
// take it apart.

package session

import (
	"fmt"
	"strings"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// clientInfo, like CLIENT LIST, first publishes what the connection is doing now: that.
func (h *Hub) clientInfo(c *commands.Conn, _ commands.Args) resp.Value {
	mine := h.find(c.ID)
	mine.touch("client|info")
	return resp.Verbatim("txt", mine.line(time.Now()))
}

func (h *Hub) clientList(c *commands.Conn, a commands.Args) resp.Value {
	f, problem := listFilter(a)
	if problem.IsError() {
		return problem
	}
	h.find(c.ID).touch("client|list")
	var page strings.Builder
	for _, line := range h.allLines(f) {
		page.WriteString(line.Text)
	}
	return resp.Verbatim("txt", page.String())
}

// listFilter reads which connections are asked for.
func listFilter(a commands.Args) (f *clientFilter, problem resp.Value) {
	f = new(clientFilter)
	switch {
	case len(a) == 2:
		return f, problem
	case len(a) == 4 && a.Is(2, "TYPE"):
		kind, known := clientType(a, 3)
		if !known {
			return nil, errClientType(a[3])
		}
		f.Type = kind
		return f, problem
	case len(a) >= 4 && a.Is(2, "ID"):
		for i := 3; i < len(a); i++ {
			id, ok := a.Int(i)
			if !ok || id < 1 {
				return nil, resp.Error("ERR Invalid client ID")
			}
			f.IDs = append(f.IDs, uint64(id))
		}
		return f, problem
	}
	return nil, errSyntax()
}

// clientType reads a type of connection.
func clientType(a commands.Args, i int) (name string, known bool) {
	for _, name := range [...]string{"NORMAL", "MASTER", "REPLICA", "SLAVE", "PUBSUB"} {
		if a.Is(i, name) {
			return strings.ToLower(name), true
		}
	}
	return "", false
}

func errClientType(word []byte) resp.Value {
	return resp.Errorf("ERR Unknown client type '%s'", clipped(word))
}

// line describes the connection. A user stands there before AUTH too, as in Redis.
func (c *conn) line(now time.Time) string {
	s, buffers, to := c.look(), c.wire.Buffers(), c.listening()
	cmd := s.last
	if cmd == "" {
		cmd = "NULL"
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=-1 name=%s age=%d idle=%d flags=%s db=%d "+
		"sub=%d psub=%d ssub=%d multi=%d qbuf=%d qbuf-free=%d argv-mem=0 multi-mem=0 "+
		"rbs=0 rbp=0 obl=%d oll=%d omem=%d tot-mem=%d events=r cmd=%s user=%s redir=%d resp=%d "+
		"lib-name=%s lib-ver=%s\n",
		s.ID, s.Addr, s.LocalAddr, s.Name, seconds(now.Sub(s.Created)), seconds(now.Sub(s.at)), c.flags(&s),
		s.DB,
		to[fsm.ToChannel], to[fsm.ToPattern], to[fsm.ToShard], s.multi(),
		buffers.Query, buffers.QueryFree, buffers.Output, buffers.OutputList, buffers.OutputMem, buffers.Total,
		cmd, defaultUser, redirectOf(c.tracking.Load()), s.Proto, s.LibName, s.LibVer)
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// multi is how many commands are queued, -1 outside of MULTI.
func (s *shown) multi() int {
	if !s.InMulti {
		return -1
	}
	return s.Queued
}

// flags are Redis' letters. Clients refuse a line with a letter or a field that they do not know.
func (c *conn) flags(s *shown) string {
	letters, t := "", c.tracking.Load()
	for _, f := range [...]struct {
		set    bool
		letter string
	}{
		{c.listening().Any(), "P"}, {s.InMulti, "x"}, {s.blocked, "b"}, {t != nil, "t"},
		{c.brokenRedirect.Load(), "R"},
		{t != nil && t.bcast, "B"}, {s.Closing, "c"}, {s.ReadOnly, "r"}, {s.NoEvict, "e"}, {s.NoTouch, "T"},
		{strings.HasSuffix(s.Addr, ":0"), "U"},
	} {
		if f.set {
			letters += f.letter
		}
	}
	if letters == "" {
		return "N"
	}
	return letters
}
