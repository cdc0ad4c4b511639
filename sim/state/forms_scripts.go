// Scripts, transactions and subscriptions among the commands that are sent.

package state

import "strings"

// scriptForms are lines that run scripts: on keys that they name and on others, to the end and not, with what
// would differ by node if a node's own time, dice or tables had a say in it.
func scriptForms() []*form {
	script := func(lines ...string) string { return strings.ReplaceAll(strings.Join(lines, " "), " ", "~") }
	once := script("return redis.call(unpack(ARGV))")
	safe := script("return redis.pcall(unpack(ARGV))")
	fails := script("redis.pcall(unpack(ARGV)) error('no')")
	table := script("local t = {} for i = 1, tonumber(ARGV[1]) do t['f' .. i % 13] = i / 7 end",
		"for k, v in pairs(t) do redis.pcall('rpush', KEYS[1], k, v) end return #t")
	dice := script("redis.pcall('sadd', KEYS[1], math.random(100), redis.call('time')[2])",
		"return cjson.encode({ 1, ARGV[1] })")
	walk := script("local r = redis.pcall('hgetall', KEYS[1]) if r.err then return r end",
		"for i = 1, #r, 2 do redis.call('append', KEYS[2], r[i]) end return #r")
	swap := script("redis.call('select', 1) redis.call('set', KEYS[1], ARGV[1]) redis.call('select', 0)",
		"return redis.pcall('get', KEYS[1])")
	deep := script("local function f(n) if n > 50 then error('deep') end return f(n + 1) .. '' end",
		"redis.call('set', KEYS[1], 1) return f(1)")
	const known = "4a2267357833227dd98abdedb8cf24b15a986445" // return KEYS[1]
	return forms(other,
		"** EVAL "+once+" 0 LOCK %x %o %t WAIT %w", "** EVAL "+once+" 0 DEL %x %v",
		"* EVAL "+once+" 0 LPUSH %v %m %n", "** EVAL "+safe+" 0 SET %x %o NX PX %t",
		"* EVAL "+safe+" 0 ZADD %v %f %m", "* EVAL "+safe+" 0 BLPOP %v 0", "* EVAL "+safe+" 0 SPOP %v",
		"* EVAL "+safe+" 0 NONSENSE %v", "** EVAL "+fails+" 0 DEL %x %v", "* EVAL "+fails+" 0 RENAME %v %v",
		"* EVAL "+fails+" 0 RPUSH %v %m", "* EVAL "+fails+" 0 LOCK %x %o %t", "** EVAL "+table+" 1 %v %n",
		"* EVAL "+dice+" 1 %v %m", "* EVAL "+walk+" 2 %v %x", "* EVAL "+swap+" 1 %x %o", "* EVAL "+deep+" 1 %x",
		"* EVAL return~} 0", "* EVAL return~'%o' 0", "* SCRIPT LOAD return~KEYS[1]", "** EVALSHA "+known+" 1 %x",
		"* SCRIPT EXISTS "+known, "* SCRIPT FLUSH", "* EVAL_RO "+once+" 0 GET %x",
		"* EVAL_RO "+safe+" 0 SET %x %o", "* PUBLISH %x %o", "* SUBSCRIBE %x", "* PSUBSCRIBE x*",
		"* UNSUBSCRIBE %x", "* EVAL "+once+" 0 PUBLISH %x %o", "* PUBSUB NUMSUB %x", "* WATCH %x %v",
		"* UNDONE EVAL "+once+" 0 SET %x %o | EVAL return~7 0 | SUBSCRIBE %y | SCRIPT LOAD return~8",
	)
}
