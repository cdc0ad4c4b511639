// Commands about the connection itself that need nothing but its own state. Those that need the node's
// other connections or its password come with package session.

package commands

import "github.com/divtxt/lockd/resp"

func connectionCommands() []Command {
	return []Command{
		{
			Name: "ping", Arity: -1, Flags: Fast | Immediate, Group: "connection", Since: "1.0.0",
			Syntax: "[message]", Summary: "Ping the server.", Complexity: "O(1)", Local: ping,
			Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
			Categories: []string{"connection"},
		},
		{
			Name: "echo", Arity: 2, Flags: Loading | Stale | Fast | Immediate, Group: "connection", Since: "1.0.0",
			Syntax: "message", Summary: "Echo the given string.", Complexity: "O(1)", Local: echo,
			Categories: []string{"connection"},
		},
		{
			Name: "select", Arity: 2, Flags: Loading | Stale | Fast | Immediate, Group: "connection",
			Since: "1.0.0", Syntax: "index", Complexity: "O(1)", Local: selectDB,
			Summary: "Change the selected database for the current connection.", Categories: []string{"connection"},
		},
	}
}

func ping(_ *Conn, a Args) resp.Value {
	switch len(a) {
	case 1:
		return resp.Simple("PONG")
	case 2:
		return resp.Bulk(string(a[1]))
	}
	return errArity("ping")
}

func echo(_ *Conn, a Args) resp.Value { return resp.Bulk(string(a[1])) }

func selectDB(c *Conn, a Args) resp.Value {
	db, problem := dbArg(a, 1)
	if problem.IsError() {
		return problem
	}
	c.DB = db
	return resp.OK()
}
