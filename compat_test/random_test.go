package compat_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// randomSeed makes the same scripts in every run, so that their replies can be recorded.
const randomSeed = 20240611

// randomLines are the commands that random scripts are made of. Their words come from few keys and values,
// so that commands meet what others left.
func randomLines() []string {
	return []string{
		"SET {rk} {rv}", "SET {rk} {rv}", "SET {rk} {rv} {NX|XX|GET|KEEPTTL} {EX|PX} 200000", "SET {rk} {rv} {NX|XX|GET|KEEPTTL}",
		"SET {rk} {rv} PXAT {1|4102444800000}", "SET {rk} {rv} {GET|XX} {NX|GET}", "SETNX {rk} {rv}", "SETEX {rk} {0|300} {rv}",
		"GETSET {rk} {rv}", "GETDEL {rk}", "GETEX {rk} {PERSIST|GET}", "GETEX {rk} {EX|PX} 400000", "GET {rk}", "STRLEN {rk}",
		"MGET {rk} {rk} {rk}", "MSET {rk} {rv} {rk} {rv}", "MSETNX {rk} {rv} {rk} {rv}", "APPEND {rk} {rv}",
		"SETRANGE {rk} {0|3|-1|9} {rv}", "GETRANGE {rk} {0|-3|2} {-1|1|5}", "INCR {rk}", "DECR {rk}", "INCRBY {rk} {rn}",
		"DECRBY {rk} {rn}", "INCRBYFLOAT {rk} {rf}", "INCRBYFLOAT {rk} {rf}", "DEL {rk} {rk}", "UNLINK {rk}",
		"EXISTS {rk} {rk} {rk}", "TOUCH {rk} {rk}", "TYPE {rk}", "RENAME {rk} {rk}", "RENAMENX {rk} {rk}", "COPY {rk} {rk}",
		"COPY {rk} {rk} REPLACE", "COPY {rk} {rk} DB {0|1|2} REPLACE", "MOVE {rk} {0|1|2|x}", "SWAPDB {0|1|2} {0|1|2}",
		"SELECT {0|1|2}", "SELECT 0", "EXPIRE {rk} {100|-1|1000|x} {NX|XX|GT|LT}", "PEXPIRE {rk} {100000|900000|0}",
		"EXPIREAT {rk} {1|4102444800}", "PERSIST {rk}", "near(300): PTTL {rk}", "near(1): TTL {rk}", "near(300): PEXPIRETIME none",
		"anyorder: KEYS {*|a*|[ab]|?}", "anyorder: SCAN 0 COUNT 100", "FLUSHDB", "OBJECT REFCOUNT none",
		"anyorder: SCAN 0 COUNT 100 MATCH {*|[a-c]}", "GET", "SET {rk}", "NOSUCH {rk} {rv}",
	}
}

// valueLines are the commands on values of other types than strings, for keys of few names: so many of them
// meet a key of another type.
func valueLines() []string {
	return []string{
		"HSET {rk} {rm} {rv}", "HSET {rk} {rm} {rv} {rm} {rv}", "HSETNX {rk} {rm} {rv}", "HDEL {rk} {rm} {rm}", "HGET {rk} {rm}",
		"HMGET {rk} {rm} {rm}", "HINCRBY {rk} {rm} {rn}", "HINCRBYFLOAT {rk} {rm} {rf}", "anyorder: HGETALL {rk}", "HLEN {rk}",
		"anyorder: HKEYS {rk}", "HEXISTS {rk} {rm}", "HSTRLEN {rk} {rm}", "LPUSH {rk} {rm} {rv}", "RPUSH {rk} {rm} {rm} {rv}",
		"LPUSHX {rk} {rm}", "RPUSHX {rk} {rm}", "LPOP {rk}", "RPOP {rk} {0|1|2|x}", "LRANGE {rk} {0|1|-2} {-1|1|x}", "LLEN {rk}",
		"LINDEX {rk} {0|-1|3|x}", "LSET {rk} {0|-1|5} {rm}", "LINSERT {rk} {BEFORE|AFTER} {rm} {rv}", "LREM {rk} {0|1|-1} {rm}",
		"LTRIM {rk} {0|1|-3} {-1|2}", "LPOS {rk} {rm} RANK {1|-1|2}", "LPOS {rk} {rm} COUNT 0", "RPOPLPUSH {rk} {rk}",
		"LMOVE {rk} {rk} {LEFT|RIGHT} {LEFT|RIGHT}", "LMPOP 2 {rk} {rk} LEFT COUNT 2", "SADD {rk} {rm} {rv} {rm}", "SREM {rk} {rm} {rm}",
		"SISMEMBER {rk} {rm}", "SMISMEMBER {rk} {rm} {rm}", "SCARD {rk}", "anyorder: SMEMBERS {rk}", "SMOVE {rk} {rk} {rm}",
		"anyorder: {SUNION|SINTER|SDIFF} {rk} {rk}", "{SUNIONSTORE|SINTERSTORE|SDIFFSTORE} {rk} {rk} {rk}", "SINTERCARD 2 {rk} {rk}",
		"ZADD {rk} {rs} {rm} {rs} {rm}", "ZADD {rk} {NX|XX|GT|LT|CH} {rs} {rm}", "number: ZADD {rk} INCR {rs} {rm}", "ZREM {rk} {rm}",
		"number: ZINCRBY {rk} {rs} {rm}", "number: ZSCORE {rk} {rm}", "number: ZMSCORE {rk} {rm} {rm}", "ZCARD {rk}",
		"{ZRANK|ZREVRANK} {rk} {rm}", "number: ZRANGE {rk} {0|1|-2} {-1|1} WITHSCORES", "ZRANGE {rk} {0|-2} {-1|2} REV",
		"number: ZRANGEBYSCORE {rk} {-inf|(1|0} {+inf|2.5} WITHSCORES", "ZRANGEBYSCORE {rk} {-inf|1} inf LIMIT {0|1} {2|-1}",
		"ZCOUNT {rk} {-inf|(1} {inf|(3}", "ZREMRANGEBYRANK {rk} {0|1|-1} {0|1|-1}", "ZREMRANGEBYSCORE {rk} {(1|2} {3|inf}",
		"number: {ZPOPMIN|ZPOPMAX} {rk}", "number: {ZPOPMIN|ZPOPMAX} {rk} 2", "number: ZMPOP 2 {rk} {rk} MAX COUNT 2",
		"number: {ZUNION|ZINTER|ZDIFF} 2 {rk} {rk} WITHSCORES", "{ZUNIONSTORE|ZINTERSTORE} {rk} 2 {rk} {rk} WEIGHTS 2 {rs}",
		"ZDIFFSTORE {rk} 2 {rk} {rk}", "ZRANGESTORE {rk} {rk} {0|1} {-1|1}", "ZINTERCARD 2 {rk} {rk}", "TYPE {rk}", "DEL {rk}",
		"{RENAME|COPY} {rk} {rk}", "COPY {rk} {rk} REPLACE", "MOVE {rk} 1", "SWAPDB 0 1", "GET {rk}", "APPEND {rk} {rm}", "INCR {rk}",
		"SET {rk} {rv}", "SET {rk} {rv} GET", "GETDEL {rk}", "MGET {rk} {rk}", "EXPIRE {rk} {100|-1}", "SETNX {rk} {rv}",
		"BLPOP {rk} {rk} 0.001", "BLMOVE {rk} {rk} LEFT RIGHT 0.001", "number: BZPOPMIN {rk} {rk} 0.001", "FLUSHDB",
	}
}

// valueLooks show all of a value, whatever its type.
func valueLooks() []string {
	return []string{
		"TYPE %s", "anyorder: HGETALL %s", "LRANGE %s 0 -1", "anyorder: SMEMBERS %s", "number: ZRANGE %s 0 -1 WITHSCORES",
	}
}

// randomScripts are commands in any order, each script from an empty server on. What is left at the end is
// read whole.
func randomScripts(t *testing.T) []script {
	rng := rand.New(rand.NewPCG(randomSeed, 0))
	lists := wordLists()
	lists["rk"] = []string{"a", "b", "c", "d", "aa"}
	lists["rv"] = []string{"", "x", "1", "-7", "2.5", "9223372036854775807", "hello", "\x00\xff"}
	lists["rn"] = []string{"1", "-5", "0", "9223372036854775807", "x", "10"}
	lists["rf"] = []string{"0.1", "-2.5", "1e10", "3", "x", "1e-7"}
	lists["rm"] = []string{"a", "b", "c", "3", "-2", ""}
	lists["rs"] = []string{"0", "1", "2.5", "-1.25", "inf", "1e10", "0.1", "x"}
	var all []script
	for n := range 300 {
		commands := randomLines()
		if n%2 > 0 {
			commands = valueLines()
		}
		s := script{name: fmt.Sprintf("random script %d", n)}
		add := func(line string) {
			parsed, err := parseLine(line)
			if err != nil {
				t.Fatal(err)
			}
			s.steps = append(s.steps, pick(t, rng, parsed, lists))
		}
		add("SELECT 0")
		add("FLUSHALL")
		for range 60 {
			add(commands[rng.IntN(len(commands))])
		}
		for db := range 3 {
			add(fmt.Sprintf("SELECT %d", db))
			add("MGET a b c d aa")
			for _, look := range valueLooks() {
				for _, k := range lists["rk"] {
					add(fmt.Sprintf(look, k))
				}
			}
			for _, k := range lists["rk"] {
				add("near(300): PTTL " + k)
			}
		}
		add("SELECT 0")
		all = append(all, s)
	}
	return all
}

// pick chooses one of the forms of a step.
func pick(t *testing.T, rng *rand.Rand, s step, lists map[string][]string) step {
	forms, err := expand(s, lists)
	if err != nil {
		t.Fatal(err)
	}
	return forms[rng.IntN(len(forms))]
}
