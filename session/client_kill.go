// CLIENT's subcommands for operators: listing, closing, unblocking.

package session

import (
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

func (h *Hub) clientOthers() []commands.Command {
	const admin = local | commands.Admin
	connection := []string{"connection"}
	return []commands.Command{
		{
			Name: "list", Arity: -2, Flags: admin, Group: "connection", Since: "2.4.0",
			Syntax:     "[TYPE type | ID client-id [client-id ...]]",
			Complexity: "O(N), N the number of connections", Categories: connection, Local: h.clientList,
			Tips: []string{"nondeterministic_output"}, Summary: "Describe the connections of all nodes, one a line.",
		},
		{
			Name: "kill", Arity: -3, Flags: admin, Group: "connection", Since: "2.4.0",
			Syntax: "ip:port | [ID client-id] [ADDR ip:port] [LADDR ip:port] [TYPE type] [USER username] " +
				"[MAXAGE seconds] [SKIPME YES | SKIPME NO]",
			Complexity: "O(N), N the number of connections", Categories: connection, Local: h.clientKill,
			Summary: "Close connections, on whichever node. One that waits for a lock leaves its place.",
		},
		{
			Name: "unblock", Arity: -3, Flags: admin, Group: "connection", Since: "5.0.0",
			Syntax: "client-id [TIMEOUT | ERROR]", Complexity: "O(log N)", Categories: connection,
			Local: h.clientUnblock, Summary: "End the waiting of a connection, on whichever node.",
		},
		{
			Name: "pause", Arity: -3, Flags: admin, Group: "connection", Since: "2.9.50", Complexity: "O(1)",
			Syntax: "timeout [WRITE | ALL]", Categories: connection, Local: clientPause,
			Summary: "An error: holders could neither renew nor release their locks meanwhile.",
		},
		{
			Name: "unpause", Arity: 2, Flags: admin, Group: "connection", Since: "6.2.0", Complexity: "O(1)",
			Categories: connection, Summary: "Accepted; nothing is ever paused.",
			Local: func(*commands.Conn, commands.Args) resp.Value { return resp.OK() },
		},
	}
}

func (h *Hub) clientKill(c *commands.Conn, a commands.Args) resp.Value {
	if len(a) == 3 { // the old form
		if h.killAll(c, &clientFilter{Addr: string(a[2])}) == 0 {
			return resp.Error("ERR No such client")
		}
		return resp.OK()
	}
	f := &killOptions{clientFilter: clientFilter{Not: c.ID}}
	for i := 2; i < len(a); i += 2 {
		if i+1 >= len(a) {
			return errSyntax()
		}
		if problem := f.option(a, i); problem.IsError() {
			return problem
		}
	}
	if f.all {
		f.Not = 0
	}
	return resp.Int(h.killAll(c, &f.clientFilter))
}

// killOptions are the options of CLIENT KILL.
type killOptions struct {
	clientFilter
	all bool // also the one that asks
}

// option reads the option at word i and the value behind it.
func (f *killOptions) option(a commands.Args, i int) resp.Value {
	switch {
	case a.Is(i, "ADDR"):
		f.Addr = string(a[i+1])
	case a.Is(i, "LADDR"):
		f.LAddr = string(a[i+1])
	case a.Is(i, "SKIPME") && (a.Is(i+1, "YES") || a.Is(i+1, "NO")):
		f.all = a.Is(i+1, "NO")
	case a.Is(i, "TYPE"):
		kind, known := clientType(a, i+1)
		if !known {
			return errClientType(a[i+1])
		}
		f.Type = kind
	case a.Is(i, "USER"):
		if string(a[i+1]) != defaultUser {
			return resp.Errorf("ERR No such user '%s'", clipped(a[i+1]))
		}
	default:
		return f.number(a, i)
	}
	return resp.Value{}
}

// number is option for those with a number.
func (f *killOptions) number(a commands.Args, i int) resp.Value {
	n, ok := a.Int(i + 1)
	switch {
	case a.Is(i, "ID") && (!ok || n < 1):
		return resp.Error("ERR client-id should be greater than 0")
	case a.Is(i, "ID"):
		f.IDs = []uint64{uint64(n)}
	case a.Is(i, "MAXAGE") && (!ok || n < 1 || n > oldest):
		return errNotInt()
	case a.Is(i, "MAXAGE"):
		f.Older = time.Duration(n) * time.Second
	default:
		return errSyntax()
	}
	return resp.Value{}
}

// oldest is as many seconds as a time.Duration holds, and some less.
const oldest = int64(1 << 62 / time.Second)

// clientUnblock asks the state, not the connection: whether it waits is known there, and a grant that comes
// at the same moment is not lost.
func (h *Hub) clientUnblock(_ *commands.Conn, a commands.Args) resp.Value {
	withError := false
	switch {
	case len(a) == 3:
	case len(a) == 4 && (a.Is(3, "TIMEOUT") || a.Is(3, "ERROR")):
		withError = a.Is(3, "ERROR")
	default:
		return resp.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
	}
	id, ok := a.Int(2)
	if !ok {
		return errNotInt()
	}
	if id < 1 {
		return resp.Int(0)
	}
	return resp.Int(h.unblockAnywhere(&unblockWish{uint64(id), withError}))
}

// clientPause never pauses: a lock's time goes on while its holder may not renew it.
func clientPause(_ *commands.Conn, a commands.Args) resp.Value {
	if len(a) > 4 || (len(a) == 4 && !a.Is(3, "WRITE") && !a.Is(3, "ALL")) {
		return errSyntax()
	}
	if problem := timeoutProblem(a, 2); problem.IsError() {
		return problem
	}
	return resp.Error("ERR CLIENT PAUSE is not available here: holders could neither renew nor release their " +
		"locks meanwhile")
}

// timeoutProblem is the error of a timeout in milliseconds that is none.
func timeoutProblem(a commands.Args, i int) resp.Value {
	switch n, ok := a.Int(i); {
	case !ok:
		return resp.Error("ERR timeout is not an integer or out of range")
	case n < 0:
		return resp.Error("ERR timeout is negative")
	}
	return resp.Value{}
}
