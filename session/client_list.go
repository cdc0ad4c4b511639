// CLIENT LIST and CLIENT INFO: connections as a line of fields, in Redis 7.2's order, since clients and tools
// take it apart.

package session

import (
	"fmt"
	"strings"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// clientInfo, like CLIENT LIST, first publishes what the connection is doing now: that.
func (h *Hub) clientInfo(c *commands.Conn, _ commands.Args) resp.Value {
	mine := h.find(c.ID)
	mine.touch("client|info")
	return resp.Verbatim("txt", mine.line(time.Now()))
}

func (h *Hub) clientList(c *commands.Conn, a commands.Args) resp.Value {
	keep, problem := listFilter(a)
	if problem.IsError() {
		return problem
	}
	h.find(c.ID).touch("client|list")
	var page strings.Builder
	now := time.Now()
	for _, other := range h.all() {
		if keep(other.ID) {
			page.WriteString(other.line(now))
		}
	}
	return resp.Verbatim("txt", page.String())
}

// listFilter reads which connections are asked for.
func listFilter(a commands.Args) (keep func(id uint64) bool, problem resp.Value) {
	switch {
	case len(a) == 2:
		return func(uint64) bool { return true }, problem
	case len(a) == 4 && a.Is(2, "TYPE"):
		normal, known := clientType(a, 3)
		if !known {
			return nil, errClientType(a[3])
		}
		return func(uint64) bool { return normal }, problem
	case len(a) >= 4 && a.Is(2, "ID"):
		ids := map[uint64]bool{}
		for i := 3; i < len(a); i++ {
			id, ok := a.Int(i)
			if !ok || id < 1 {
				return nil, resp.Error("ERR Invalid client ID")
			}
			ids[uint64(id)] = true
		}
		return func(id uint64) bool { return ids[id] }, problem
	}
	return nil, errSyntax()
}

// clientType reads a type of connection. All connections here are normal ones.
func clientType(a commands.Args, i int) (normal, known bool) {
	if a.Is(i, "NORMAL") {
		return true, true
	}
	for _, other := range [...]string{"MASTER", "REPLICA", "SLAVE", "PUBSUB"} {
		if a.Is(i, other) {
			return false, true
		}
	}
	return false, false
}

func errClientType(word []byte) resp.Value {
	return resp.Errorf("ERR Unknown client type '%s'", clipped(word))
}

// line describes the connection. A user stands there before AUTH too, as in Redis.
func (c *conn) line(now time.Time) string {
	s, buffers := c.look(), c.wire.Buffers()
	cmd := s.last
	if cmd == "" {
		cmd = "NULL"
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=-1 name=%s age=%d idle=%d flags=%s db=%d sub=0 psub=0 ssub=0 "+
		"multi=-1 qbuf=%d qbuf-free=%d argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=%d oll=%d omem=%d tot-mem=%d "+
		"events=r cmd=%s user=%s redir=-1 resp=%d lib-name=%s lib-ver=%s\n",
		s.ID, s.Addr, s.LocalAddr, s.Name, seconds(now.Sub(s.Created)), seconds(now.Sub(s.at)), s.flags(), s.DB,
		buffers.Query, buffers.QueryFree, buffers.Output, buffers.OutputList, buffers.OutputMem, buffers.Total,
		cmd, defaultUser, s.Proto, s.LibName, s.LibVer)
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// flags are Redis' letters. Clients refuse a line with a letter or a field that they do not know.
func (s *shown) flags() string {
	letters := ""
	for _, f := range [...]struct {
		set    bool
		letter string
	}{
		{s.blocked, "b"}, {s.Closing, "c"}, {s.ReadOnly, "r"}, {s.NoEvict, "e"}, {s.NoTouch, "T"},
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
