package compat_test

// Every command meets a key of every type.
func typeCases() []group {
	const setup = `
		SET s 5
		HSET h f 1 g two
		RPUSH l a b 3
		SADD t a b 3
		ZADD z 1 a 2.5 b 3 c`
	const look = `
		GET s
		anyorder: HGETALL h
		LRANGE l 0 -1
		anyorder: SMEMBERS t
		number: ZRANGE z 0 -1 WITHSCORES
		TYPE new
		anyorder: KEYS *`
	return []group{
		{
			name: "strings", setup: setup, probe: look,
			forms: `
				{GET|STRLEN|INCR|DECR|GETDEL|GETEX} {h|l|t|z}
				GETEX {h|l} {EX|PX|EXAT} {100000|x|0}
				GETEX z PERSIST
				SET {h|l|t|z} v
				SET {h|l|t|z} v {NX|XX|GET}
				SET h v NX GET
				SET l v EX 100
				{SETNX|GETSET|APPEND} {h|l|t|z} v
				{INCRBY|DECRBY|INCRBYFLOAT} {h|l|t|z} {1|x}
				SETEX {h|z} 100 v
				{GETRANGE|SUBSTR} {h|l|t|z} {0|x} 1
				SETRANGE {h|l|t|z} {0|-1|x} {v|}
				MGET s h l t z none
				MSET h 1 l 2 new 3
				MSETNX h 1 new 2`,
		},
		{
			name: "keys", setup: setup,
			probe: look + `
				TYPE {s|h|l|t|z}
				SELECT 1
				anyorder: KEYS *
				anyorder: HGETALL h
				number: ZRANGE z 0 -1 WITHSCORES
				SELECT 0`,
			forms: `
				TYPE {s|h|l|t|z|none}
				{DEL|UNLINK|EXISTS|TOUCH} {h|l|t|z}
				DEL h l t z
				{RENAME|RENAMENX|COPY} {h|l|t|z} {new|s|h|l}
				COPY {h|l|t|z} s REPLACE
				COPY {h|z} {h|z} DB 1
				MOVE {h|l|t|z} 1
				SWAPDB 0 1
				EXPIRE {h|l|t|z} 1000
				EXPIRE {h|l|t|z} -1
				PERSIST {h|l|t|z}
				OBJECT ENCODING {s|h|z}
				differs(redis72): OBJECT ENCODING {l|t}
				OBJECT REFCOUNT {h|l|t|z}
				anyorder: SCAN 0 COUNT 100 TYPE {string|hash|list|set|zset|HASH|stream|x}
				anyorder: SCAN 0 TYPE zset MATCH {z|h}
				FLUSHALL`,
		},
		{
			name: "hashes", setup: setup, probe: look,
			forms: `
				{HLEN|HGETALL|HKEYS|HVALS|HRANDFIELD} {s|l|t|z|none}
				{HGET|HEXISTS|HDEL|HMGET|HSTRLEN} {s|l|t|z|none} f
				{HSET|HSETNX|HMSET|HINCRBY|HINCRBYFLOAT} {s|l|t|z|new} f 1
				{HINCRBY|HINCRBYFLOAT} {s|l} f x
				HRANDFIELD {s|l|none} {1|x|-1}
				HSCAN {s|l|t|z|none} {0|x}
				HSCAN {s|none} 0 COUNT x`,
		},
		{
			name: "lists", setup: setup, probe: look,
			forms: `
				{LLEN|LPOP|RPOP} {s|h|t|z|none}
				{LPOP|RPOP} {s|h|none} {0|1|x|-1}
				{LPUSH|RPUSH|LPUSHX|RPUSHX} {s|h|t|z|new} v
				{LINDEX|LPOS} {s|h|t|z|none} {0|x}
				{LRANGE|LTRIM|LREM|LSET} {s|h|t|z|none} 0 {1|x}
				LINSERT {s|h|none} {BEFORE|x} a v
				{RPOPLPUSH|BRPOPLPUSH} {s|h|l} {t|z} 0.01
				RPOPLPUSH {s|h|l|none} {l|z|s|new}
				LMOVE {s|h|l|none} {l|z|s|new} LEFT RIGHT
				LMPOP 2 {s|none} {l|none} LEFT
				LMPOP 1 {h|l|none} {RIGHT|x}
				{BLPOP|BRPOP} {s|l|none} 0.01
				{BLPOP|BRPOP} none {s|l} {0.01|x}
				BLMOVE {s|h|l|none} {l|z|s|new} LEFT RIGHT 0.01`,
		},
		{
			name: "sets", setup: setup, probe: look,
			forms: `
				{SCARD|SMEMBERS|SPOP|SRANDMEMBER} {s|h|l|z|none}
				{SPOP|SRANDMEMBER} {s|h|none} {0|1|x|-1}
				{SADD|SREM|SISMEMBER|SMISMEMBER} {s|h|l|z|none} a
				SMOVE {s|h|t|none} {s|t|z|new} {a|none}
				anyorder: {SUNION|SINTER|SDIFF} {s|h|t|none} {t|l|none}
				{SUNIONSTORE|SINTERSTORE|SDIFFSTORE} {new|s|t} {t|h|none} {t|l|none}
				SINTERCARD 2 {t|s|none} {t|h|none}
				SSCAN {s|h|l|z|none} {0|x}`,
		},
		{
			name: "sorted sets", setup: setup, probe: look,
			forms: `
				{ZCARD|ZPOPMIN|ZPOPMAX|ZRANDMEMBER} {s|h|l|t|none}
				{ZPOPMIN|ZPOPMAX|ZRANDMEMBER} {s|none} {0|1|x|-1}
				{ZSCORE|ZMSCORE|ZREM|ZRANK|ZREVRANK} {s|h|l|t|none} a
				ZADD {s|h|l|t|new} {1|x} a
				ZINCRBY {s|h|l|t|new} {1|x} a
				{ZCOUNT|ZREMRANGEBYSCORE|ZRANGEBYSCORE|ZREVRANGEBYSCORE} {s|h|t|none} {0|x} 5
				{ZLEXCOUNT|ZREMRANGEBYLEX|ZRANGEBYLEX|ZREVRANGEBYLEX} {s|h|t|none} {-|x} +
				{ZRANGE|ZREVRANGE|ZREMRANGEBYRANK} {s|h|t|none} {0|x} -1
				ZRANGESTORE {new|s|z} {z|h|t|none} 0 -1
				number: {ZUNION|ZINTER|ZDIFF} 2 {z|t|s|none} {z|t|h|none} WITHSCORES
				{ZUNIONSTORE|ZINTERSTORE|ZDIFFSTORE} {new|s|t} 2 {z|t|h} {z|t|l|none}
				ZINTERCARD 2 {z|t|s} {z|t|h|none}
				ZMPOP 2 {s|none} {z|none} MIN
				{BZPOPMIN|BZPOPMAX} {s|z|none} 0.01
				BZMPOP 0.01 2 {s|none} {z|t} MAX
				ZSCAN {s|h|l|t|none} {0|x}`,
		},
	}
}
