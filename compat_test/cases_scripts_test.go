package compat_test

import "strings"

// Lua scripts. How the language behaves is compared by package script's own corpus; here it is what a script
// does to the server, and every script that the lock libraries send (strings only; the others are with their
// types).
func scriptCases() []group {
	const keys = `
		SET a 1
		SET b owner PX 500000
		SELECT 1
		SET a one
		SELECT 0`
	const look = `
		MGET a b c d
		near(100): PTTL a
		near(100): PTTL b
		near(100): PTTL c
		SELECT 1
		MGET a b c d
		SELECT 0
		DBSIZE`
	return []group{
		{name: "EVAL", setup: keys, probe: look, forms: evalForms("EVAL", serverScripts()) + `
			EVAL "return 1" {int}
			EVAL "return KEYS" {0|1|2|3} x y
			EVAL "return ARGV" {0|1|2|3} x y
			EVAL "return 1"
			EVAL
			{EVAL|EVAL_RO|EVALSHA|EVALSHA_RO} "return 1" 0 a
			EVAL "return ARGV[1]" 0 {value}
			EVAL "return" 0
			EVAL "return }" 0
			differs(lua-syntax): EVAL "x" 0`},
		{name: "EVAL_RO", setup: keys, probe: look, forms: evalForms("EVAL_RO", serverScripts())},
		{name: "scripts that say what they do", setup: keys, probe: look, forms: `
			{EVAL|EVAL_RO} "#!lua\nreturn redis.call('get',KEYS[1])" 1 a
			{EVAL|EVAL_RO} "#!lua flags=no-writes\nreturn redis.call('get',KEYS[1])" 1 a
			{EVAL|EVAL_RO} "#!lua flags=no-writes\nreturn redis.call('set',KEYS[1],'x')" 1 a
			{EVAL|EVAL_RO} "#!lua flags=no-writes,allow-oom\nreturn redis.pcall('set',KEYS[1],'x')" 1 a
			EVAL "#!lua name=x\nreturn 1" 0
			EVAL "#!lua flags=nonsense\nreturn 1" 0
			EVAL "#!ruby\nreturn 1" 0
			EVAL "#!lua flags=no-writes" 0
			EVAL "#!lua\nreturn redis.call('nosuch')" 0`},
		{name: "meant otherwise", setup: keys, forms: `
			differs(script-lua): EVAL "return type(coroutine)" 0`},
		{name: "a script that fails", setup: keys, forms: `
			EVAL "redis.call('set','a','x') redis.call('incr','b')" 0
			EVAL "redis.call('set','a','x') error('no')" 0`, probe: `
			differs(script-undo): GET a`},
		{name: "a script that does not end", forms: `
			differs(script-budget): EVAL "for i = 1, 1e6 do redis.call('get','a') end return 1" 0`},
		{name: "SCRIPT", setup: `
			SCRIPT FLUSH
			SCRIPT LOAD "return 'loaded'"
			EVAL "return 'evaled'" 0`, forms: `
			EVALSHA {cc8e9c4aef0d9b0b5b2a8c8a2b9be5df0bf0f0a1|x||9a3b3a3d} 0
			EVALSHA d6c9ac3ee4f3bf4b9a7d9b8a3ca6c7f2d9e1e9f5 {0|1}
			SCRIPT EXISTS {x|} y
			SCRIPT EXISTS
			SCRIPT LOAD
			SCRIPT LOAD "return }"
			SCRIPT LOAD "return 1" 2
			SCRIPT FLUSH {ASYNC|SYNC|sync|x|}
			SCRIPT FLUSH SYNC x
			SCRIPT KILL
			SCRIPT nosuch
			SCRIPT`, probe: `
			SCRIPT LOAD "return redis.sha1hex('')"
			SCRIPT EXISTS 1b936e3fe509bcbc9cd0664897bbe8fd0cac101b da39a3ee5e6b4b0d3255bfef95601890afd80709
			EVALSHA 1b936e3fe509bcbc9cd0664897bbe8fd0cac101b 0
			EVALSHA_RO 1B936E3FE509BCBC9CD0664897BBE8FD0CAC101B 0`},
		{name: "scripts of the libraries", setup: keys, probe: look, forms: libraryForms()},
	}
}

// evalForms is a line for each script, with two keys and two arguments.
func evalForms(command string, bodies []string) string {
	var b strings.Builder
	for _, body := range bodies {
		b.WriteString(command + " " + quote(body) + " 2 a c owner 30000\n")
	}
	return b.String()
}

// serverScripts are about what commands do in scripts. A brace is followed by a blank, or it would be a list
// of words to try.
func serverScripts() []string {
	return []string{
		`return redis.call('get',KEYS[1])`, `return redis.call('GET',KEYS[2])`, `return redis.call('get','b')`,
		`return redis.call('set',KEYS[2],ARGV[1])`, `return redis.call('set',KEYS[2],ARGV[1],'px',ARGV[2],'nx')`,
		`return redis.call('set',KEYS[1],ARGV[1],'nx')`, `return redis.call('set',KEYS[2],5.5)`,
		`return redis.call('set',KEYS[2],2^53)`, `return redis.call('set',KEYS[2],1e20)`,
		`return redis.call('pexpire',KEYS[1],ARGV[2]+0.7)`, `return redis.call('pexpire',KEYS[1],ARGV[2]*10)`,
		`return redis.call('incr',KEYS[1])`, `return redis.call('incr','b')`, `return redis.pcall('incr','b')`,
		`redis.call('set','c','x') return redis.pcall('incr','b')`, `return redis.call('exists',unpack(KEYS))`,
		`local r = redis.call('mget',KEYS[1],KEYS[2]) return { r[1], r[2] == false, #r }`,
		`return { redis.call('mget',KEYS[1],KEYS[2],KEYS[1]) }`, `return redis.call('type',KEYS[2])`,
		`return redis.call('type',KEYS[1]).ok`, `return redis.call('del',KEYS[1],'b')`,
		`redis.call('select',1) return redis.call('get','a')`, `redis.call('select','99')`,
		`redis.call('select',1) redis.call('set','d','4')`, `return redis.call('select',1)`,
		`math.randomseed(3) return { tostring(math.random()), math.random(1000) }`,
		`local t = { } for i = 1, 7999 do t[i] = i end return #{ unpack(t) }`,
		`local t = { } for i = 1, 8000 do t[i] = i end return #{ unpack(t) }`,
		`return { big_number = '12345678901234567890' }`, `return { 1, { big_number = '1 2' } }`,
		`return redis.call('ping')`, `return redis.call('ping','x')`, `return redis.call('echo','x')`,
		`return redis.call(ARGV[1],'x')`, `local c = 'g'..'et' return redis.call(c,KEYS[1])`,
		`return #redis.call('time')`, `return redis.call('dbsize')`, `return redis.call('keys','*') ~= nil`,
		`return redis.call('multi')`, `return redis.call('exec')`, `return redis.call('watch','a')`,
		`return redis.call('eval','return 1','0')`, `return redis.call('script','flush')`,
		`return redis.call('subscribe','x')`, `return redis.call('auth','x')`, `return redis.call('client','id')`,
		`return redis.call('config','get','*')`, `return redis.call('get')`, `return redis.call('get','a','b')`,
		`return redis.call('nosuch','a')`, `return redis.pcall('nosuch','a')`, `return redis.call()`,
		`return redis.call('set',{ },1)`, `return redis.call('set','a',nil)`, `return redis.call('set','a',true)`,
		`local e = redis.pcall('get') return e.err`, `return redis.call('object','encoding','a')`,
		`return redis.call('ttl','none')`, `return redis.call('pttl','a')`, `return redis.call('getdel',KEYS[1])`,
		`return redis.call('getex',KEYS[1],'px',ARGV[2])`, `return redis.call('append',KEYS[1],ARGV[1])`,
		`return redis.call('getrange',KEYS[1],0,-1)`, `return redis.call('strlen','b')`,
		`return redis.call('msetnx','c','1','d','2')`, `return redis.call('mset','c',1,'d',2)`,
		`return redis.call('incrbyfloat',KEYS[1],'0.5')`, `return redis.call('rename','b','d')`,
		`return redis.call('persist','b')`, `return redis.call('setnx',KEYS[2],1)`, `return redis.status_reply('fine')`,
		`return redis.error_reply('MY error')`, `return redis.error_reply('bare')`, `return { ok='done' }`,
		`return { err='broken' }`, `return { err='MY broken' }`, `return { 1, 2, nil, 4 }`, `return { 1, false, true, 'x' }`,
		`return 3.99`, `return -3.99`, `return true`, `return false`, `return nil`, `return 'x'`, `return { }`,
		`redis.setresp(3) return redis.call('get','none')`, `redis.setresp(2) return redis.call('get','none')`,
		`redis.setresp(4)`, `redis.setresp(3) return { double=3.5 }`, `redis.setresp(3) return { map={ a=1 } }`,
		`return { double=3.5 }`, `redis.setresp(3) return { set={ a=true } }`, `return redis.sha1hex('x')`,
		`x = 1`, `return x`, `redis.call = nil`, `return _G.x`, `local t = KEYS t[1] = 'z' return KEYS`,
		`redis.replicate_commands() return redis.call('get','a')`, `return redis.replicate_commands()`,
		`redis.set_repl(redis.REPL_ALL) return redis.call('get','a')`, `redis.log(redis.LOG_WARNING,'hello')`,
		`return redis.acl_check_cmd('get','a')`, `return redis.acl_check_cmd('nosuch')`,
		`return cjson.encode({ 1, 'x' })`, `return cjson.decode('[1,"x"]')`, `return cmsgpack.unpack(cmsgpack.pack('x'))`,
		`return bit.band(12,10)`, `return struct.unpack('>I2',struct.pack('>I2',515))`, `error('x')`, `error({ err='MY x' })`,
		`local f = function() error('deep') end f()`, `return pcall(error,'x')`, `return tostring(nil)`,
		`return { pcall(redis.call,'incr','b') }`, `return redis.REDIS_VERSION ~= nil`, `return redis.call('SET',KEYS[2],'')`,
	}
}

// libraryForms are the scripts of lock libraries in the shape in which each sends them.
func libraryForms() string {
	const (
		release  = `if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end`
		extend   = `if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("pexpire",KEYS[1],ARGV[2]) else return 0 end`
		redisPy  = "\n        local token = redis.call('get', KEYS[1])\n        if not token or token ~= ARGV[1] then\n            return 0\n        end\n        redis.call('del', KEYS[1])\n        return 1\n    "
		pyExtend = "local token = redis.call('get', KEYS[1])\nif not token or token ~= ARGV[1] then return 0 end\nlocal expiration = redis.call('pttl', KEYS[1])\nif not expiration then expiration = 0 end\nif expiration < 0 then return 0 end\nlocal newttl = ARGV[2]\nif ARGV[3] == \"0\" then newttl = ARGV[2] + expiration end\nredis.call('pexpire', KEYS[1], newttl)\nreturn 1"
		redlock4 = "for i, key in ipairs(KEYS) do if redis.call(\"exists\", key) == 1 then return 0 end end\nfor i, key in ipairs(KEYS) do redis.call(\"set\", key, ARGV[1], \"PX\", ARGV[2]) end\nreturn #KEYS"
		unlock4  = "local count = 0 for i, key in ipairs(KEYS) do if redis.call(\"get\", key) == ARGV[1] then redis.pcall(\"del\", key) count = count + 1 end end return count"
		sesame   = "redis.pcall(\"SELECT\", tonumber(ARGV[1])) for i, key in ipairs(KEYS) do if redis.call(\"exists\", key) == 1 then return 0 end end return #KEYS"
		redsync  = "if redis.call(\"GET\", KEYS[1]) == ARGV[1] then return redis.call(\"PEXPIRE\", KEYS[1], ARGV[2]) elseif redis.call(\"SET\", KEYS[1], ARGV[1], \"PX\", ARGV[2], \"NX\") then return 1 else return 0 end"
		bsm      = "for i, key in ipairs(KEYS) do local v = redis.call(\"get\", key) if v and string.sub(v, 1, tonumber(ARGV[2])) ~= ARGV[1] then return false end end return redis.status_reply(\"OK\")"
		sherlock = "local result = redis.call('SETNX', KEYS[1], ARGV[1]) if result == 1 and ARGV[2] ~= -1 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end return result"
		warlock  = "if redis.call(\"GET\", KEYS[1]) == KEYS[3] then return redis.call(\"SET\", KEYS[1], KEYS[3], \"PX\", KEYS[2], \"XX\") else return 0 end"
	)
	forms := ""
	for _, body := range []string{release, extend, redsync} {
		forms += "EVAL " + quote(body) + " 1 {a|b|c} {owner|1|x} 30000\n"
	}
	for _, body := range []string{redlock4, unlock4, bsm} {
		forms += "EVAL " + quote(body) + " 2 {a|b|c} {a|b|d} owner 30000\n"
	}
	forms += "EVAL " + quote(redisPy) + " 1 {a|b|c} owner\n"
	forms += "EVAL " + quote(pyExtend) + " 1 {a|b|c} {owner|1} 30000 {0|1}\n"
	forms += "EVAL " + quote(sesame) + " 1 {a|c} {0|1|99|x}\n"
	forms += "EVAL " + quote(sherlock) + " 1 {a|c} me {100|-1}\n"
	forms += "EVAL " + quote(warlock) + " 3 {a|b|c} 30000 owner\n"
	return forms
}
