package script

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/divtxt/lockd/resp"
)

// bombs are scripts that would take all time or memory.
var bombs = []string{
	`while true do end`,
	`while true do pcall(function() while true do end end) end`,
	`local function f() return 1 + f() end return f()`,
	`local function f() return f() end return f()`,
	`local function f() pcall(f) end while true do f() end`,
	`local s = 'x' while true do s = s .. s end`,
	`return string.rep('x', 1e10)`,
	`local t = {} while true do t[#t+1] = string.rep('x', 1000) end`,
	`return string.format('%99.99f', 1) .. string.rep(string.format('%99d', 1), 1e6)`,
	`local s = string.rep('a', 100000) while true do s = string.gsub(s, 'a', 'aa') end`,
	`return string.gsub(string.rep('a', 1e6), '', string.rep('b', 1e5))`,
	`local t = {} for i = 1, 100000 do t[i] = 'xxxxxxxxxx' end while true do table.concat(t) end`,
	`return string.find(string.rep('a', 1e5), string.rep('a-', 50) .. 'b')`,
	`return string.match(string.rep('a', 1e5), '.-.-.-.-b')`,
	`return string.find(string.rep('(', 1e5), '%b()')`,
	`local t = {} for i = 1, 1e9 do t[i] = i end`,
	`local t = {} t[60000000] = 1`,
	`return {[60000000] = 1}`,
	`local t = {} for i = 1, 1e9 do t['k' .. i] = {a = i} end`,
	`local t = {} for i = 1, 1e9 do local a, b, c = 1, 2, 3 t[i] = function() return a + b + c end end`,
	`local t = {} for i = 1, 1e5 do t[i] = 1 end for i = 2, 1e5 do t[i] = nil end while true do local n = #t end`,
	`local t = {} for i = 1, 1e5 do table.insert(t, 1, i) end`,
	`local t = {} for i = 1, 1e5 do t[-i] = 1 t[-i] = nil end while true do next(t) end`,
	`return cjson.decode(string.rep('[', 100000))`,
	`return cjson.decode(string.rep('[', 900) .. string.rep(']', 900))`,
	`local t = {} for i = 1, 900 do t = {t} end return cjson.encode(t)`,
	`local t = {} for i = 1, 40 do t = {t, t} end return cjson.encode(t)`,
	`local t = {} for i = 1, 40 do t = {t, t} end return t`,
	`local t = {} t[1] = t return t`,
	`local t = {} for i = 1, 7000 do t[i] = i end local function f(...) return f(...) end f(unpack(t))`,
	`local t = {} for i = 1, 7000 do t[i] = i end local function g() end local function f(...) while true do g(...) end end f(unpack(t))`,
	`while true do local a = {{}, {}, {}, {}, {}, {}, {}, {}} end`,
	`while true do pcall(error, 'x') end`,
	`local function f(n) return f(n+1)..'' end while true do pcall(f,1) end`,
	`return loadstring('return ' .. string.rep('(', 10000) .. '1' .. string.rep(')', 10000))()`,
	`while true do loadstring('return 1') end`,
	`local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k + 1] end return t[1]`,
	`local m = {} m.__lt = function(a, b) return a < b end local a, b = setmetatable({}, m), setmetatable({}, m) return a < b`,
	`local t = {} for i = 1, 1e5 do t[i] = i end while true do table.sort(t, function(a, b) return a > b end) end`,
	`return string.rep('a', 1e6):reverse():upper():rep(1000)`,
	`while true do redis.sha1hex(ARGV[1] or 'x') end`,
	`while true do redis.call('get', 'a') end`,
	`string.gsub('aaaa', 'a', function() while true do end end)`,
	`local function f(s) return s:gsub('.', f) end f('aaaa') local function g() return ('x'):gsub('.', g) end return g()`,
}

// TestBombs runs scripts that want too much. Each must end within 50 ms of a processor's time and 64 MiB; a slow
// machine has three times as long, and a build with the race detector more.
func TestBombs(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	e := New(Options{})
	eval(e, `return 1`, newHost())
	var worst time.Duration
	for _, body := range bombs {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := worked(t)
		reply := eval(e, body, newHost())
		took := worked(t) - start
		runtime.ReadMemStats(&after)
		memory := (after.TotalAlloc - before.TotalAlloc) >> 20
		worst = max(worst, took)
		text := string(resp.Append(nil, reply, 2))
		t.Logf("%6.1f ms %3d MiB  %.60s  => %.80q", float64(took.Microseconds())/1000, memory, body, text)
		if took > slower*150*time.Millisecond || memory > 64 {
			t.Errorf("%s\n took %v and %d MiB", body, took, memory)
		}
		if strings.Contains(text, "internal error") {
			t.Errorf("%s: %s", body, text)
		}
		again := string(resp.Append(nil, eval(e, body, newHost()), 2))
		if again != text {
			t.Errorf("%s: %.200q, then %.200q", body, text, again)
		}
	}
	t.Log("worst", worst)
}

const compareAndDelete = `if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end`

func BenchmarkCompareAndDelete(b *testing.B) {
	e, h := New(Options{}), newHost()
	p, err := e.Compile([]byte(compareAndDelete))
	if err != nil {
		b.Fatal(err)
	}
	keys, argv := [][]byte{[]byte("lock")}, [][]byte{[]byte("owner-1234567890")}
	b.ReportAllocs()
	for b.Loop() {
		h.keys["lock"] = "owner-1234567890"
		if v := e.Run(p, keys, argv, h).Reply; v.Num() != 1 {
			b.Fatal(v)
		}
	}
}

// FuzzSandbox runs whatever compiles: it never panics, and two runs end the same.
func FuzzSandbox(f *testing.F) {
	for _, s := range bombs {
		f.Add(s)
	}
	for _, s := range corpus(f) {
		f.Add(s)
	}
	e := New(Options{Steps: 20_000, Bytes: 1 << 20})
	f.Fuzz(func(t *testing.T, body string) {
		one := resp.Append(nil, eval(e, body, newHost()), 3)
		two := resp.Append(nil, eval(e, body, newHost()), 3)
		if string(one) != string(two) {
			t.Errorf("%q\nthen %q", one, two)
		}
	})
}
