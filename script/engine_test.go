package script

import (
	"testing"

	"github.com/divtxt/lockd/resp"
)

// TestDice: a script that does not seed math.random gets other numbers in each run, by the host; one that does
// gets those of Redis.
func TestDice(t *testing.T) {
	e, host := New(Options{}), newHost()
	rolls := func(body string) string { return eval(e, body, host).Str() }
	free := `return math.random(1000000) .. ' ' .. math.random(1000000)`
	if one, other := rolls(free), rolls(free); one == other {
		t.Errorf("two runs rolled %s", one)
	}
	if got := rolls(`math.randomseed(3) return tostring(math.random())`); got != "0.78323496216127" {
		t.Errorf("seeded with 3: %s", got)
	}
	if host.seeds != 2 {
		t.Errorf("the host was asked %d times", host.seeds)
	}
}

// TestBigNumber: a script may reply a number that no integer holds.
func TestBigNumber(t *testing.T) {
	v := eval(New(Options{}), "return { big_number = '123\\r\\n45' }", newHost())
	if got := string(resp.Append(nil, v, 3)); got != "(123  45\r\n" {
		t.Errorf("RESP3: %q", got)
	}
	if got := string(resp.Append(nil, v, 2)); got != "$7\r\n123  45\r\n" {
		t.Errorf("RESP2: %q", got)
	}
}

// TestUnpack goes to Lua's limit of values, where the arguments count too.
func TestUnpack(t *testing.T) {
	e := New(Options{})
	const fill = `local a = {} for i = 1, 7999 do a[i] = 1 end `
	for body, want := range map[string]string{
		`return select('#', unpack(a))`:                  ":7999\r\n",
		`return select('#', unpack(a, 1, 7997))`:         ":7997\r\n",
		`return pcall(unpack, a, 1, 7998) and 1 or 0`:    ":0\r\n",
		`a[8000] = 1 return pcall(unpack, a) and 1 or 0`: ":0\r\n",
	} {
		if got := string(resp.Append(nil, eval(e, fill+body, newHost()), 2)); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
}

// TestNothingIsLeft runs a script that tries to leave something behind, then one that looks for it.
func TestNothingIsLeft(t *testing.T) {
	cases := []struct{ first, second, want string }{
		{`cjson.encode_max_depth(5) error('x')`, `return cjson.encode_max_depth()`, ":1000\r\n"},
		{`math.randomseed(9)`, `return math.random(1000) == math.random(1000) and 1 or 0`, ":0\r\n"},
		{`redis.setresp(3)`, `return redis.call('get', 'nokey') == false and 1 or 0`, ":1\r\n"},
		{`KEYS[5] = 1 ARGV.x = 2`, `return {#KEYS, ARGV.x or 7}`, "*2\r\n:0\r\n:7\r\n"},
		{`pcall(rawset, string, 'x', 1)`, `return rawget(string, 'x') or 7`, ":7\r\n"},
		{`pcall(table.insert, redis, 1)`, `return redis[1] or 7`, ":7\r\n"},
		{`pcall(table.sort, redis) while true do end`, `return 7`, ":7\r\n"},
		{`local t = {} for i = 1, 5000 do t[i] = i end return {unpack(t)}`, `local a, b return b or 7`, ":7\r\n"},
		{`getmetatable('').__add = 1`, `return '1' + 1`, ":2\r\n"},
	}
	e := New(Options{})
	for _, c := range cases {
		eval(e, c.first, newHost())
		if got := string(resp.Append(nil, eval(e, c.second, newHost()), 2)); got != c.want {
			t.Errorf("%s\nthen %s\n got %q, want %q", c.first, c.second, got, c.want)
		}
	}
}
