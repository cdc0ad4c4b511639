// Who a connection is: AUTH, HELLO, QUIT, RESET.

package session

import (
	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// RedisVersion is what clients are told; docs/differences.md says why.
const RedisVersion = "7.2.4"

func (h *Hub) authCommands() []commands.Command {
	flags := commands.NoScript | commands.Loading | commands.Stale | commands.Fast | commands.NoAuth |
		commands.AllowBusy | commands.Immediate
	return []commands.Command{
		{
			Name: "auth", Arity: -2, Flags: flags | commands.SkipSlowlog, Group: "connection", Since: "1.0.0",
			Syntax: "[username] password", Local: h.auth, Categories: []string{"connection"},
			Summary: "Authenticate the connection.", Complexity: "O(1)",
		},
		{
			// Not Immediate: replies before it are still written in the old protocol.
			Name: "hello", Arity: -1, Flags: flags&^commands.Immediate | commands.SkipSlowlog, Group: "connection",
			Since: "6.0.0", Syntax: "[protover [AUTH username password] [SETNAME clientname]]", Local: h.hello,
			Summary: "Choose the protocol, authenticate, and reply what server this is.", Complexity: "O(1)",
			Categories: []string{"connection"},
		},
		{
			Name: "quit", Arity: -1, Flags: flags, Group: "connection", Since: "1.0.0", Local: quit,
			Summary: "Close the connection.", Complexity: "O(1)", Categories: []string{"connection"},
		},
		{
			Name: "reset", Arity: 1, Flags: flags &^ commands.Immediate, Group: "connection", Since: "6.2.0",
			Local: h.reset, Summary: "Put the connection back to how it began.", Complexity: "O(1)",
			Categories: []string{"connection"},
		},
	}
}

func (h *Hub) auth(c *commands.Conn, a commands.Args) resp.Value {
	switch {
	case len(a) > 3:
		return resp.Error("ERR syntax error")
	case len(a) == 2 && h.policy.Load().Password == nil:
		return resp.Error("ERR AUTH <password> called without any password configured for the default user. " +
			"Are you sure your configuration is correct?")
	}
	user := defaultUser
	if len(a) == 3 {
		user = string(a[1])
	}
	if problem := h.login(c, user, string(a[len(a)-1])); problem.IsError() {
		return problem
	}
	return resp.OK()
}

// login checks a user's password. Without a password set, the default user may have any, as in Redis.
func (h *Hub) login(c *commands.Conn, user, password string) resp.Value {
	p := h.policy.Load()
	if user != defaultUser || (p.Password != nil && !p.Password(password)) {
		h.stats.badLogins.Add(1)
		h.log.Warn("a client gave a wrong password", "client", c.Addr)
		return resp.Error("WRONGPASS invalid username-password pair or user is disabled.")
	}
	h.trust(c)
	return resp.Value{}
}

// trust makes the connection one of the default user.
func (h *Hub) trust(c *commands.Conn) {
	c.User = defaultUser
	if mine := h.find(c.ID); mine != nil {
		mine.wire.SetTrusted(true)
	}
}

// admitted tells whether the connection may send commands: it has given the password, or none is needed any
// more.
func (h *Hub) admitted(c *commands.Conn) bool {
	if c.User == "" && h.policy.Load().Password == nil {
		h.trust(c)
	}
	return c.User != ""
}

func (h *Hub) hello(c *commands.Conn, a commands.Args) resp.Value {
	proto := int64(c.Proto)
	if len(a) > 1 {
		n, ok := a.Int(1)
		if !ok {
			return resp.Error("ERR Protocol version is not an integer or out of range")
		}
		if n < 2 || n > 3 {
			return resp.Error("NOPROTO unsupported protocol version")
		}
		proto = n
	}
	if problem := h.helloOptions(c, a); problem.IsError() {
		return problem
	}
	if !h.admitted(c) {
		return resp.Error("NOAUTH HELLO must be called with the client already authenticated, otherwise the " +
			"HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the " +
			"RESP protocol version at the same time")
	}
	c.Proto = int(proto)
	if mine := h.find(c.ID); mine != nil {
		mine.wire.SetProto(c.Proto)
	}
	return h.helloReply(c)
}

// helloOptions does what HELLO's options say, each as it comes: a wrong one does not take back those before
// it, as in Redis.
func (h *Hub) helloOptions(c *commands.Conn, a commands.Args) resp.Value {
	for i := 2; i < len(a); i++ {
		switch {
		case a.Is(i, "AUTH") && i+2 < len(a):
			if problem := h.login(c, string(a[i+1]), string(a[i+2])); problem.IsError() {
				return problem
			}
			i += 2
		case a.Is(i, "SETNAME") && i+1 < len(a):
			if problem := setName(&c.Name, a[i+1], "Client names"); problem.IsError() {
				return problem
			}
			i++
		default:
			return resp.Errorf("ERR Syntax error in HELLO option '%s'", clipped(a[i]))
		}
	}
	return resp.Value{}
}

func (h *Hub) helloReply(c *commands.Conn) resp.Value {
	pairs := []resp.Value{
		resp.Bulk("server"), resp.Bulk("redis"),
		resp.Bulk("version"), resp.Bulk(RedisVersion),
		resp.Bulk("proto"), resp.Int(int64(c.Proto)),
		resp.Bulk("id"), resp.Int(int64(c.ID)),
		resp.Bulk("mode"), resp.Bulk(c.Mode),
	}
	if c.Mode != ModeSentinel { // which has no role
		g := h.group()
		pairs = append(pairs, resp.Bulk("role"), resp.Bulk(g.role("replica")))
	}
	return resp.Map(append(pairs, resp.Bulk("modules"), resp.Array())...)
}

func quit(c *commands.Conn, _ commands.Args) resp.Value {
	c.Closing = true
	return resp.OK()
}

func (h *Hub) reset(c *commands.Conn, _ commands.Args) resp.Value {
	p := h.policy.Load()
	c.DB, c.Name, c.Proto, c.ReadOnly, c.User = p.firstDB(c.Mode), "", 2, false, ""
	c.NoEvict, c.NoTouch = false, false
	if p.Password == nil {
		c.User = defaultUser
	}
	if mine := h.find(c.ID); mine != nil {
		h.track(mine, nil)
		h.endHanging(mine)
		mine.wire.SetProto(2)
		mine.wire.SetTrusted(c.User != "")
		mine.quiet = replyOn
		mine.endTransaction()
	}
	return resp.Simple("RESET")
}

// longestName bounds what each connection may have kept about itself, in bytes. Redis has no such bound.
const longestName = 1024

// setName keeps what a client calls itself, if it can be shown on a line of CLIENT LIST: every byte is
// printable and no blank. what begins the error.
func setName(at *string, name []byte, what string) resp.Value {
	for _, ch := range name {
		if ch < '!' || ch > '~' {
			return resp.Errorf("ERR %s cannot contain spaces, newlines or special characters.", what)
		}
	}
	if len(name) > longestName {
		return resp.Errorf("ERR %s cannot be longer than %d bytes.", what, longestName)
	}
	*at = string(name)
	return resp.OK()
}

// clipped is a word cut to what fits into an error.
func clipped(w []byte) string { return string(w[:min(len(w), 128)]) }
