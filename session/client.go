// CLIENT: what a connection says about itself and how it wants its replies. What it may learn of the others
// and do to them is in client_list.go and client_kill.go.

package session

import (
	"slices"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// local are the flags that nearly all commands of this package have: they need neither the state nor a
// leader.
const local = commands.NoScript | commands.Loading | commands.Stale

func (h *Hub) clientCommands() []commands.Command {
	return []commands.Command{{
		Name: "client", Arity: -2, Group: "connection", Since: "2.4.0", Complexity: "Depends on the subcommand.",
		Summary: "Look at connections and change them.",
		Sub:     slices.Concat(h.clientOwn(), h.clientOthers(), h.clientTracking()),
	}}
}

// ConnectionCommands are those that a connection needs on a port without the data and without a password:
// who it is and how it wants its replies, and nothing about other connections.
func (h *Hub) ConnectionCommands() []commands.Command {
	return append(h.authCommands(), commands.Command{
		Name: "client", Arity: -2, Group: "connection", Since: "2.4.0", Complexity: "Depends on the subcommand.",
		Summary: "Look at this connection and change it.", Sub: slices.Concat(h.clientOwn(), h.clientTracking()),
	})
}

// clientOwn are the subcommands about the connection that sends them.
func (h *Hub) clientOwn() []commands.Command {
	connection := []string{"connection"}
	return []commands.Command{
		{
			Name: "getname", Arity: 2, Flags: local, Group: "connection", Since: "2.6.9", Complexity: "O(1)",
			Categories: connection, Local: clientGetName, Summary: "Reply the connection's name.",
		},
		{
			Name: "setname", Arity: 3, Flags: local, Group: "connection", Since: "2.6.9", Complexity: "O(1)",
			Syntax: "connection-name", Categories: connection, Local: clientSetName,
			Summary: "Give the connection a name, to be shown by CLIENT LIST and in logs.",
		},
		{
			Name: "setinfo", Arity: 4, Flags: local, Group: "connection", Since: "7.2.0", Complexity: "O(1)",
			Syntax: "LIB-NAME libname | LIB-VER libver", Categories: connection, Local: clientSetInfo,
			Summary: "Tell which client library this is.",
		},
		{
			Name: "id", Arity: 2, Flags: local, Group: "connection", Since: "5.0.0", Complexity: "O(1)",
			Categories: connection, Local: clientID, Summary: "Reply the connection's number on this node.",
		},
		{
			Name: "info", Arity: 2, Flags: local, Group: "connection", Since: "6.2.0", Complexity: "O(1)",
			Categories: connection, Local: h.clientInfo, Tips: []string{"nondeterministic_output"},
			Summary: "Describe the connection.",
		},
		{
			Name: "reply", Arity: 3, Flags: local, Group: "connection", Since: "3.2.0", Complexity: "O(1)",
			Syntax: "ON | OFF | SKIP", Categories: connection, Local: h.clientReply,
			Summary: "Switch replies off and on, or skip the next one.",
		},
		{
			Name: "no-evict", Arity: 3, Flags: local | commands.Admin, Group: "connection", Since: "7.0.0",
			Complexity: "O(1)", Syntax: "ON | OFF", Categories: connection, Local: clientNoEvict,
			Summary: "Accepted and shown; no connection is ever evicted here.",
		},
		{
			Name: "no-touch", Arity: 3, Flags: local, Group: "connection", Since: "7.2.0", Complexity: "O(1)",
			Syntax: "ON | OFF", Categories: connection, Local: clientNoTouch,
			Summary: "Accepted and shown; reading a key changes nothing of it here.",
		},
		{
			Name: "help", Arity: 2, Flags: commands.Loading | commands.Stale, Group: "connection", Since: "5.0.0",
			Complexity: "O(1)", Categories: connection, Local: clientHelp, Summary: "Show the subcommands.",
		},
	}
}

func clientGetName(c *commands.Conn, _ commands.Args) resp.Value {
	if c.Name == "" {
		return resp.Null()
	}
	return resp.Bulk(c.Name)
}

func clientSetName(c *commands.Conn, a commands.Args) resp.Value {
	return setName(&c.Name, a[2], "Client names")
}

// clientSetInfo takes what libraries say about themselves at each connect. Redis 7.0 does not know it; what a
// wrong value gets is 7.2's.
func clientSetInfo(c *commands.Conn, a commands.Args) resp.Value {
	var field *string
	switch {
	case a.Is(2, "LIB-NAME"):
		field = &c.LibName
	case a.Is(2, "LIB-VER"):
		field = &c.LibVer
	default:
		return resp.Errorf("ERR Unrecognized option '%s'", clipped(a[2]))
	}
	return setName(field, a[3], string(a[2]))
}

func clientID(c *commands.Conn, _ commands.Args) resp.Value { return resp.Int(int64(c.ID)) }

// clientReply changes the mode for its own reply on, so that ON is answered and OFF and SKIP are not.
func (h *Hub) clientReply(c *commands.Conn, a commands.Args) resp.Value {
	mine := h.find(c.ID)
	switch {
	case a.Is(2, "ON"):
		mine.quiet = replyOn
	case a.Is(2, "OFF"):
		mine.quiet = replyOff
	case a.Is(2, "SKIP"):
		if mine.quiet != replyOff {
			mine.quiet = replySkipNext
		}
	default:
		return errSyntax()
	}
	return resp.OK()
}

func clientNoEvict(c *commands.Conn, a commands.Args) resp.Value { return onOff(&c.NoEvict, a, 2) }
func clientNoTouch(c *commands.Conn, a commands.Args) resp.Value { return onOff(&c.NoTouch, a, 2) }

// onOff sets a switch from word i.
func onOff(at *bool, a commands.Args, i int) resp.Value {
	if !a.Is(i, "ON") && !a.Is(i, "OFF") {
		return errSyntax()
	}
	*at = a.Is(i, "ON")
	return resp.OK()
}

func clientHelp(*commands.Conn, commands.Args) resp.Value {
	return help("CLIENT",
		"CACHING (YES|NO)", "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
		"GETNAME", "    Return the name of this connection.",
		"GETREDIR", "    Return the client ID we are redirecting to when tracking is enabled.",
		"ID", "    Return the number of this connection.",
		"INFO", "    Describe this connection.",
		"KILL <ip:port>", "    Close the connection from <ip:port>.",
		"KILL <option> <value> [<option> <value> [...]]",
		"    Close all connections that fit. Options are:",
		"    * ID <client-id>", "    * ADDR (<ip:port>|<unixsocket>:0)", "    * LADDR (<ip:port>|<unixsocket>:0)",
		"    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)", "    * USER <username>", "    * MAXAGE <seconds>",
		"    * SKIPME (YES|NO)", "      Spare the connection that asks (default: yes).",
		"LIST [TYPE <type> | ID <client-id> [<client-id> ...]]", "    Describe connections, one a line.",
		"NO-EVICT (ON|OFF)", "    Accepted; no connection is ever evicted.",
		"NO-TOUCH (ON|OFF)", "    Accepted; reading changes nothing of a key.",
		"REPLY (ON|OFF|SKIP)", "    Whether this connection gets replies.",
		"SETINFO (LIB-NAME|LIB-VER) <value>", "    Tell which client library this is.",
		"SETNAME <name>", "    Name this connection.",
		"TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]", "         [OPTIN] [OPTOUT] [NOLOOP]",
		"    Control server assisted client side caching.",
		"TRACKINGINFO", "    Report tracking status for the current connection.",
		"UNBLOCK <client-id> [TIMEOUT|ERROR]",
		"    End the waiting of a connection, as if its time had passed, or with an error.",
		"UNPAUSE", "    Accepted; nothing is ever paused.")
}

// help is the reply to a container's HELP, in the shape of Redis'.
func help(name string, lines ...string) resp.Value {
	list := []resp.Value{resp.Simple(name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")}
	for _, line := range append(lines, "HELP", "    Prints this help.") {
		list = append(list, resp.Simple(line))
	}
	return resp.Array(list...)
}

func errSyntax() resp.Value { return resp.Error("ERR syntax error") }
func errNotInt() resp.Value { return resp.Error("ERR value is not an integer or out of range") }
