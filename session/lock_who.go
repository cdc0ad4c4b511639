// LOCK.WHO: LOCK.INFO with what is known of the clients: from where they are connected, and with which
// library. The state knows only the number of a client; the rest is known to the node that it is connected
// to, which is asked. So this is a command for people: LOCK.INFO is the one for programs.

package session

import (
	"strings"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func (h *Hub) lockCommands() []commands.Command {
	return []commands.Command{{
		Name: "lock.who", Arity: 2, Flags: commands.NoScript | commands.NoMulti, Group: "lock", Since: "0.1.0",
		Keys: commands.Keys{First: 1, Last: 1, Step: 1}, KeyFlags: "RO access", Syntax: "key",
		Complexity: "O(log N + M), M the number of holders and waiters shown, and a question to each node",
		Local:      h.lockWho, Tips: []string{"nondeterministic_output"},
		Summary: "Show who holds a lock and who waits for it, with their addresses and libraries.",
	}}
}

func (h *Hub) lockWho(cc *commands.Conn, a commands.Args) resp.Value {
	c := h.find(cc.ID)
	words := [][]byte{[]byte("lock.info"), a[1]}
	info, _ := h.ask(c, fsm.Call{Command: fsm.Command{DB: uint8(c.DB), Conn: c.ID, Words: words}, Read: true})
	if info.Kind() != resp.KindMap {
		return info
	}
	c.touch("lock.who") // so that it finds itself as it is now
	return withClients(info, h.clientsOf(info))
}

// clientFields are those of CLIENT LIST that LOCK.WHO shows.
func clientFields() []string { return []string{"addr", "name", "lib-name", "lib-ver"} }

// clientsOf asks for the clients that a reply of LOCK.INFO tells of.
func (h *Hub) clientsOf(info resp.Value) map[int64][]resp.Value {
	var f clientFilter
	for _, part := range info.List() {
		for _, row := range part.List() {
			if id := connOf(row); id > 0 {
				f.IDs = append(f.IDs, uint64(id))
			}
		}
	}
	if len(f.IDs) == 0 {
		return nil
	}
	known := map[int64][]resp.Value{}
	for _, line := range h.allLines(&f) {
		known[int64(line.ID)] = shownClient(line.Text)
	}
	return known
}

// connOf returns the number of the client in a row of holders or waiters, or 0.
func connOf(row resp.Value) int64 {
	list := row.List()
	for i := 0; i+1 < len(list); i += 2 {
		if list[i].Str() == "conn" {
			return list[i+1].Num()
		}
	}
	return 0
}

// shownClient takes a line of CLIENT LIST apart.
func shownClient(line string) (pairs []resp.Value) {
	fields := map[string]string{}
	for _, field := range strings.Fields(line) {
		name, value, _ := strings.Cut(field, "=")
		fields[name] = value
	}
	for _, name := range clientFields() {
		pairs = append(pairs, resp.Bulk(name), resp.Bulk(fields[name]))
	}
	return pairs
}

// withClients adds to each row what is known of its client, and null for one that is connected no longer.
func withClients(info resp.Value, known map[int64][]resp.Value) resp.Value {
	gone := make([]resp.Value, 0, 2*len(clientFields()))
	for _, name := range clientFields() {
		gone = append(gone, resp.Bulk(name), resp.Null())
	}
	parts := append([]resp.Value(nil), info.List()...)
	for i, part := range parts {
		if part.Kind() != resp.KindArray {
			continue
		}
		var rows []resp.Value
		for _, row := range part.List() {
			more, connected := known[connOf(row)]
			if !connected {
				more = gone
			}
			rows = append(rows, resp.Map(append(append([]resp.Value(nil), row.List()...), more...)...))
		}
		parts[i] = resp.Array(rows...)
	}
	return resp.Map(parts...)
}
