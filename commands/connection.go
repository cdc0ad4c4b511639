// Commands about the connection itself that need nothing but its own state. Those that need the node's
// other connections or its password come with package session. PING and ECHO have a Handler too, for scripts.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func connectionCommands() []Command {
	return []Command{
		{
			Name: "ping", Arity: -1, Flags: Fast | Immediate, Group: "connection", Since: "1.0.0",
			Syntax: "[message]", Complexity: "O(1)", Local: ping, Handler: pingInside,
			Summary:    "Reply PONG, or the message.",
			Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
			Categories: []string{"connection"},
		},
		{
			Name: "echo", Arity: 2, Flags: Loading | Stale | Fast | Immediate, Group: "connection", Since: "1.0.0",
			Syntax: "message", Summary: "Reply the message.", Complexity: "O(1)", Local: echo, Handler: echoInside,
			Categories: []string{"connection"},
		},
		{
			Name: "select", Arity: 2, Flags: Loading | Stale | Fast | Immediate, Group: "connection",
			Since: "1.0.0", Syntax: "index", Complexity: "O(1)", Local: selectDB,
			Summary: "Change the database of the connection.", Categories: []string{"connection"},
		},
	}
}

// ping answers a RESP2 connection that listens in the form of a message, or it could not tell.
func ping(c *Conn, a Args) resp.Value {
	if len(a) <= 2 && c != nil && c.Listening && c.Proto == 2 {
		text := ""
		if len(a) == 2 {
			text = string(a[1])
		}
		return resp.Array(resp.Bulk("pong"), resp.Bulk(text))
	}
	switch len(a) {
	case 1:
		return resp.Simple("PONG")
	case 2:
		return resp.Bulk(string(a[1]))
	}
	return errArity("ping")
}

func echo(_ *Conn, a Args) resp.Value { return resp.Bulk(string(a[1])) }

func pingInside(_ *fsm.Tx, a Args) resp.Value { return ping(nil, a) }
func echoInside(_ *fsm.Tx, a Args) resp.Value { return echo(nil, a) }

func selectDB(c *Conn, a Args) resp.Value {
	db, problem := dbArg(a, 1)
	if problem.IsError() {
		return problem
	}
	c.DB = db
	return resp.OK()
}
