// DEBUG, where the setting enable-debug-command lets it: a few aids for testing clients. Nothing here can
// change the replicated state.

package session

import (
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// debugCommands has DEBUG as one entry without subcommands, as Redis has it.
func (h *Hub) debugCommands() []commands.Command {
	return []commands.Command{{
		Name: "debug", Arity: -2, Flags: local | commands.Admin, Group: "server", Since: "1.0.0",
		Syntax: "subcommand [arg [arg ...]]", Complexity: "Depends on the subcommand.", Local: h.debug,
		Summary: "Aids for testing clients; off unless enable-debug-command says so.",
	}}
}

func (h *Hub) mayDebug(c *commands.Conn) bool {
	switch h.policy.Load().Debug {
	case "yes":
		return true
	case "local":
		addr, err := netip.ParseAddrPort(c.Addr)
		return err != nil || addr.Addr().Unmap().IsLoopback() // a Unix socket's is no address
	}
	return false
}

func (h *Hub) debug(c *commands.Conn, a commands.Args) resp.Value {
	if !h.mayDebug(c) {
		return resp.Error("ERR DEBUG command not allowed. If the enable-debug-command option is set to " +
			"\"local\", you can run it from a local connection, otherwise you need to set this option in the " +
			"configuration file, and then restart the server.")
	}
	if a.Is(1, "HELP") && len(a) == 2 {
		return debugHelp()
	}
	if len(a) == 3 {
		switch {
		case a.Is(1, "SLEEP"):
			return h.debugSleep(c, a)
		case a.Is(1, "ERROR"):
			return resp.Error(string(a[2]))
		case a.Is(1, "LOG"):
			h.log.Warn("DEBUG LOG", "text", string(a[2]), "client", c.Addr)
			return resp.OK()
		case a.Is(1, "SET-ACTIVE-EXPIRE"):
			return setActiveExpire(a)
		case a.Is(1, "PROTOCOL"):
			return debugProtocol(a)
		}
	}
	return resp.Errorf("ERR unknown subcommand or wrong number of arguments for '%s'. Try DEBUG HELP.",
		clipped(a[1]))
}

func setActiveExpire(a commands.Args) resp.Value {
	if a.Is(2, "1") {
		return resp.OK()
	}
	return resp.Error("ERR expiry cannot be switched off here: it is part of the log")
}

// debugSleep holds up this connection only, and no longer than its client waits for it.
func (h *Hub) debugSleep(c *commands.Conn, a commands.Args) resp.Value {
	seconds, err := strconv.ParseFloat(string(a[2]), 64)
	if err != nil || math.IsNaN(seconds) || seconds > 1e6 {
		return resp.Error("ERR value is not a valid float")
	}
	gone, stop := h.find(c.ID).wire.Watch()
	defer stop()
	timer := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-gone:
	}
	return resp.OK()
}

// debugProtocol replies one value of a kind, for testing a client's reader.
func debugProtocol(a commands.Args) resp.Value {
	numbers := []resp.Value{resp.Int(0), resp.Int(1), resp.Int(2)}
	switch {
	case a.Is(2, "STRING"):
		return resp.Bulk("Hello World")
	case a.Is(2, "INTEGER"):
		return resp.Int(12345)
	case a.Is(2, "DOUBLE"):
		return resp.Double(3.141)
	case a.Is(2, "BIGNUM"):
		return resp.Big("1234567999999999999999999999999999999")
	case a.Is(2, "NULL"):
		return resp.Null()
	case a.Is(2, "ARRAY"):
		return resp.Array(numbers...)
	case a.Is(2, "SET"):
		return resp.Set(numbers...)
	case a.Is(2, "MAP"):
		return resp.Map(resp.Int(0), resp.Bool(false), resp.Int(1), resp.Bool(true), resp.Int(2), resp.Bool(false))
	case a.Is(2, "VERBATIM"):
		return resp.Verbatim("txt", "This is a verbatim\nstring")
	case a.Is(2, "TRUE"):
		return resp.Bool(true)
	case a.Is(2, "FALSE"):
		return resp.Bool(false)
	}
	return resp.Error("ERR Wrong protocol type name. Please use one of the following: " +
		"string|integer|double|bignum|null|array|set|map|verbatim|true|false")
}

func debugHelp() resp.Value {
	return help("DEBUG",
		"ERROR <string>", "    Return a Redis protocol error with <string> as message.",
		"LOG <message>", "    Write <message> to the server log.",
		"PROTOCOL <type>", "    Reply with a test value of the specified type. <type> can be: string,",
		"    integer, double, bignum, null, array, set, map, verbatim, true, false.",
		"SET-ACTIVE-EXPIRE 1", "    Accepted; expiry cannot be switched off.",
		"SLEEP <seconds>", "    Let this connection wait for <seconds>. Decimals allowed.")
}
