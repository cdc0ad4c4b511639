package script

// The table `redis`: commands, replies, and what else Redis 7.0 has in it.

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/divtxt/lockd/resp"
)

func (in *interp) openRedis() {
	nothing := func(call) int { return 0 }
	t := in.library("redis", map[string]builtin{
		"call": redisCall, "pcall": redisPCall, "error_reply": redisErrorReply,
		"status_reply": redisStatusReply, "sha1hex": redisSHA1, "log": redisLog, "setresp": redisSetResp,
		"set_repl": redisSetRepl, "acl_check_cmd": redisACL, "debug": nothing,
		"replicate_commands": func(c call) int { return c.push(lua.LTrue) },
		"breakpoint":         func(c call) int { return c.push(lua.LFalse) },
	})
	constants := map[string]lua.LValue{
		"LOG_DEBUG": lua.LNumber(0), "LOG_VERBOSE": lua.LNumber(1), "LOG_NOTICE": lua.LNumber(2),
		"LOG_WARNING": lua.LNumber(3), "REPL_NONE": lua.LNumber(0), "REPL_AOF": lua.LNumber(1),
		"REPL_SLAVE": lua.LNumber(2), "REPL_REPLICA": lua.LNumber(2), "REPL_ALL": lua.LNumber(3),
		"REDIS_VERSION": lua.LString("7.0.15"), "REDIS_VERSION_NUM": lua.LNumber(458767),
	}
	for _, name := range sortedKeys(constants) {
		t.RawSetString(name, constants[name])
	}
}

// failure is the table that a failed command leaves.
func (c call) failure(text string) *lua.LTable {
	t := c.L.CreateTable(0, 2)
	t.RawSetString("err", lua.LString(text))
	return t
}

// words turns the arguments into a command's words, or says what is wrong with them.
func (c call) words() (words [][]byte, problem string) {
	n := c.L.GetTop()
	if n == 0 {
		return nil, "ERR Please specify at least one argument for this redis lib call"
	}
	r := &c.in.run1
	r.text = r.text[:0]
	words = r.words[:0]
	size := 0
	for i := 1; i <= n; i++ {
		switch v := c.L.Get(i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 24
		default:
			return nil, "ERR Lua redis lib command arguments must be strings or integers"
		}
	}
	if cap(r.text) < size {
		r.text = make([]byte, 0, size)
	}
	for i := 1; i <= n; i++ {
		at := len(r.text)
		switch v := c.L.Get(i).(type) {
		case lua.LString:
			r.text = append(r.text, v...)
		case lua.LNumber:
			r.text = appendNumber(r.text, float64(v), 17)
		}
		words = append(words, r.text[at:len(r.text):len(r.text)])
	}
	r.words = words
	c.in.budget.alloc(size >> 2)
	c.in.budget.step(10 + size>>6)
	return words, ""
}

func (c call) command() (resp.Value, string) {
	words, problem := c.words()
	if problem != "" {
		return resp.Value{}, problem
	}
	v := c.in.run1.host.Call(words)
	if v.IsError() {
		return v, v.Str()
	}
	return v, ""
}

func redisCall(c call) int {
	v, problem := c.command()
	if problem != "" {
		t := c.failure(problem)
		t.RawSetString("ignore_error_stats_update", lua.LTrue)
		c.throw(t)
	}
	return c.push(c.fromReply(v))
}

func redisPCall(c call) int {
	v, problem := c.command()
	if problem != "" {
		t := c.failure(problem)
		t.RawSetString("ignore_error_stats_update", lua.LTrue)
		return c.push(t)
	}
	return c.push(c.fromReply(v))
}

func (c call) fail(text string) { c.throw(c.failure("ERR " + text)) }

func redisErrorReply(c call) int {
	s, ok := c.L.Get(1).(lua.LString)
	if !ok || c.L.GetTop() != 1 {
		return c.push(c.failure("ERR wrong number or type of arguments"))
	}
	text := strings.TrimPrefix(string(s), "-")
	if !strings.Contains(string(s), " ") && !strings.HasPrefix(string(s), "-") {
		text = "ERR " + text
	}
	return c.push(c.failure(text))
}

func redisStatusReply(c call) int {
	s, ok := c.L.Get(1).(lua.LString)
	if !ok || c.L.GetTop() != 1 {
		return c.push(c.failure("ERR wrong number or type of arguments"))
	}
	t := c.L.CreateTable(0, 1)
	t.RawSetString("ok", s)
	return c.push(t)
}

func redisSHA1(c call) int {
	if c.L.GetTop() != 1 {
		c.fail("wrong number of arguments")
	}
	s := ""
	if isText(c.L.Get(1)) {
		s = c.text(1)
	}
	c.in.budget.step(10 + len(s)>>5)
	sum := sha1.Sum([]byte(s))
	return c.pushText(hex.EncodeToString(sum[:]))
}

func redisLog(c call) int {
	n := c.L.GetTop()
	if n < 2 {
		c.fail("redis.log() requires two arguments or more.")
	}
	level, ok := c.L.Get(1).(lua.LNumber)
	switch {
	case !ok:
		c.fail("First argument must be a number (log level).")
	case level < 0 || level > 3:
		c.fail("Invalid debug level.")
	}
	var b []byte
	for i := 2; i <= n; i++ {
		if i > 2 {
			b = append(b, ' ')
		}
		b = appendText(b, c.L.Get(i))
	}
	c.in.budget.alloc(len(b))
	c.in.run1.host.Log(int(level), string(b))
	return 0
}

func redisSetResp(c call) int {
	if c.L.GetTop() != 1 {
		c.fail("redis.setresp() requires one argument.")
	}
	version, ok := c.L.Get(1).(lua.LNumber)
	if !ok || version != 2 && version != 3 {
		c.fail("RESP version must be 2 or 3.")
	}
	c.in.run1.proto = int(version)
	c.in.run1.host.SetProto(int(version))
	return 0
}

func redisSetRepl(c call) int {
	if c.L.GetTop() != 1 {
		c.fail("redis.set_repl() requires two arguments.")
	}
	if flags := c.number(1); flags < 0 || flags > 3 {
		c.fail("Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
	}
	return 0
}

func redisACL(c call) int {
	words, problem := c.words()
	if problem != "" {
		c.throw(c.failure(problem))
	}
	allowed, ok := c.in.run1.host.Allowed(words)
	if !ok {
		c.fail("Invalid command passed to redis.acl_check_cmd()")
	}
	return c.push(lua.LBool(allowed))
}
