package compat_test

// Sorted sets.
func sortedCases() []group {
	const setup = `
		ZADD z 1 a 2.5 b 3 c -inf low inf high 0 zero
		ZADD y 10 b 20 c 30 d
		SADD t a b x`
	const look = `
		number: ZRANGE z 0 -1 WITHSCORES
		number: ZRANGE new 0 -1 WITHSCORES
		ZCARD z
		EXISTS z new`
	return []group{
		{
			name: "ZADD", setup: setup, probe: look,
			forms: `
				ZADD {z|new} {float} a
				ZADD z 1 {value}
				ZADD z {NX|XX|GT|LT|CH|INCR|nx} {2|0|1} {a|n}
				ZADD {z|new} {NX|XX|GT|LT|CH|INCR} {NX|XX|GT|LT|CH|INCR} {2|0} {a|n}
				number: ZADD z {XX|NX|GT|LT} INCR {2|-2|inf} {a|n|low}
				ZADD z GT LT NX CH 1 a
				ZADD z XX CH GT 5 a 0 b 7 n
				ZADD z CH 1 a 9 b 7 n 7 n
				ZADD z 1 n 2 n
				ZADD z 1 a 2
				ZADD z 1 a x b
				ZADD z NX
				ZADD z INCR 1 a 2 b
				ZADD z {INCR|CH} {inf|-inf} {high|low}
				ZADD z
				ZADD z 1
				number: ZINCRBY {z|new} {float} a
				number: ZINCRBY z {inf|-inf|1} {high|low|n}
				ZINCRBY z 1`,
		},
		{
			name: "members", setup: setup, probe: look,
			forms: `
				number: ZSCORE z {a|b|low|high|x|}
				number: ZMSCORE z a x high
				ZREM z {a|x}
				ZREM z a b x a
				ZREM z a b c low high zero
				{ZSCORE|ZMSCORE|ZREM|ZRANK|ZREVRANK} z
				{ZRANK|ZREVRANK} {z|none} {a|low|high|x}
				differs(redis72): {ZRANK|ZREVRANK} {z|none} {a|x} {WITHSCORE|x}
				{ZRANK|ZREVRANK} z a WITHSCORE x
				ZCARD
				ZCARD z y`,
		},
		{
			name: "popping", setup: setup, probe: look,
			forms: `
				number: {ZPOPMIN|ZPOPMAX} {z|y|none}
				number: {ZPOPMIN|ZPOPMAX} {z|none} {0|1|2|6|100|-1|x}
				{ZPOPMIN|ZPOPMAX} z 1 2
				number: ZMPOP 1 {z|none} {MIN|MAX|x}
				number: ZMPOP 2 none z MAX COUNT {1|2|100|0|-1|x}
				ZMPOP {0|-1|x|3|2} z MIN
				ZMPOP 1 z
				ZMPOP 1 z MIN COUNT
				ZMPOP 1 z MIN COUNT 1 COUNT 1
				shape: ZRANDMEMBER y
				anynumber: ZRANDMEMBER y {3|100}
				anynumber: ZRANDMEMBER y {3|100} WITHSCORES
				shape: ZRANDMEMBER y {1|2|-1|-5}
				shape: ZRANDMEMBER t {1|2}
				ZRANDMEMBER y {0|x|-9223372036854775808}
				ZRANDMEMBER y {0|x|9223372036854775807|-9223372036854775807} WITHSCORES
				ZRANDMEMBER y 1 {WITHVALUES|x}
				ZRANDMEMBER none {1|-1} WITHSCORES
				anynumber: ZSCAN z 0
				anynumber: ZSCAN z 0 COUNT {1|0|x}
				anynumber: ZSCAN z 0 MATCH {[ab]|*|x}
				ZSCAN z {badcursor}
				ZSCAN z`,
		},
		{
			name: "several", setup: setup, probe: look,
			forms: `
				number: {ZUNION|ZINTER|ZDIFF} 2 {z|y|t|none} {z|y|t|none} {WITHSCORES|-absent-}
				number: {ZUNION|ZINTER|ZDIFF} 3 z y t WITHSCORES
				number: {ZUNION|ZINTER} 2 z y WEIGHTS {2|0|-1|inf|x|} {1|0.5|-inf} WITHSCORES
				number: {ZUNION|ZINTER} 2 z y AGGREGATE {SUM|MIN|max|x} WITHSCORES
				number: {ZUNION|ZINTER} 2 z t WEIGHTS 1 5 AGGREGATE MAX WITHSCORES
				{ZUNION|ZINTER|ZDIFF} {0|-1|x|3|9223372036854775807} z y
				{ZUNION|ZINTER|ZDIFF} 2 z y {WEIGHTS|AGGREGATE|x|LIMIT}
				{ZUNION|ZINTER|ZDIFF} 2 z y WEIGHTS 1
				ZDIFF 2 z y WEIGHTS 1 2
				ZDIFF 2 z y AGGREGATE MIN
				{ZUNIONSTORE|ZINTERSTORE|ZDIFFSTORE} {new|z} 2 {z|t|none} {y|none|z}
				{ZUNIONSTORE|ZINTERSTORE} new 2 z y WEIGHTS {2|x} 3 AGGREGATE {MIN|x}
				{ZUNIONSTORE|ZINTERSTORE|ZDIFFSTORE} new 2 z y WITHSCORES
				{ZUNIONSTORE|ZINTERSTORE|ZDIFFSTORE} new {0|x|3} z y
				{ZUNIONSTORE|ZINTERSTORE|ZDIFFSTORE} new 1
				ZINTERCARD 2 {z|t|none} {y|t}
				ZINTERCARD {0|x|3|1} z y
				ZINTERCARD 2 z y LIMIT {0|1|2|-1|x}
				ZINTERCARD 2 z y {WITHSCORES|LIMIT|WEIGHTS}`,
		},
	}
}

// Ranges of sorted sets.
func rangeCases() []group {
	const setup = `
		ZADD z 1 a 2.5 b 3 c 3 d -inf low inf high 0 zero
		ZADD n 0 a 0 b 0 c 0 d 0 "" 0 ab`
	const look = `
		number: ZRANGE z 0 -1 WITHSCORES
		number: ZRANGE n 0 -1 WITHSCORES
		number: ZRANGE new 0 -1 WITHSCORES`
	return []group{
		{
			name: "by place", setup: setup, probe: look,
			forms: `
				{ZRANGE|ZREVRANGE} z {smallint} {0|-1|2|x}
				number: {ZRANGE|ZREVRANGE} z {1|-3} {-1|4} WITHSCORES
				number: ZRANGE z {0|1|-2} {-1|3} REV WITHSCORES
				{ZRANGE|ZREVRANGE} z 0 -1 {LIMIT|REV|BYSCORE|x|withscores}
				{ZRANGE|ZREVRANGE} z 0 -1 LIMIT {0|1|x} {-1|1|x}
				ZREMRANGEBYRANK z {smallint} {0|-1|2|x}
				ZREMRANGEBYRANK z 0`,
		},
		{
			name: "by score", setup: setup, probe: look,
			forms: `
				number: ZRANGEBYSCORE z {1|(1|-inf|+inf|(-inf|x||(|2.5|1e400| 1|0x1|nan} {3|(3|inf|(inf|(2.5} WITHSCORES
				ZREVRANGEBYSCORE z {3|(3|inf|(inf|x} {1|(1|-inf|(-inf|x}
				ZRANGEBYSCORE z {-inf|0} {inf|3} LIMIT {0|1|-1|x|100} {0|1|-1|2|x}
				ZREVRANGEBYSCORE z inf -inf LIMIT {0|2} {1|-1}
				number: ZRANGE z {1|(1} {3|inf} BYSCORE {WITHSCORES|-absent-}
				number: ZRANGE z {3|inf} {1|(1} BYSCORE REV WITHSCORES
				number: ZRANGE z {3|inf} {1|-inf} BYSCORE REV LIMIT {0|1} {2|-1} WITHSCORES
				ZRANGE z 0 1 BYSCORE {BYLEX|BYSCORE|REV|LIMIT|x}
				ZRANGEBYSCORE z 0 1 {BYSCORE|REV|LIMIT|x}
				ZCOUNT z {1|(1|-inf|x|3} {3|(3|inf|x|0}
				ZCOUNT z 0
				ZREMRANGEBYSCORE z {1|(1|-inf|x|3} {3|(3|inf|x|0}`,
		},
		{
			name: "by name", setup: setup, probe: look,
			forms: `
				ZRANGEBYLEX n {-|+|[a|(a|[|(|x||-a|[b} {+|-|[c|(c|[|x}
				ZREVRANGEBYLEX n {+|[c|(c|-|x} {-|[a|(a|+|x}
				ZRANGEBYLEX n - + LIMIT {0|1|-1|x} {0|2|-1|x}
				ZREVRANGEBYLEX n + - LIMIT {0|1} {2|-1}
				ZRANGE n {-|[a|(a} {+|(c} BYLEX {REV|WITHSCORES|LIMIT|-absent-}
				ZRANGE n {+|(c} {-|[a} BYLEX REV LIMIT {0|1} {2|-1}
				ZRANGEBYLEX n - + WITHSCORES
				ZLEXCOUNT n {-|[a|(a|+|x} {+|[c|(c|-|x}
				ZREMRANGEBYLEX n {-|[a|(a|+|x} {+|[c|(c|-|x}`,
		},
		{
			name: "stored", setup: setup, probe: look,
			forms: `
				ZRANGESTORE {new|z} {z|none} {0|1|x|9} {-1|2}
				ZRANGESTORE new z {1|(1|x} {3|inf} BYSCORE
				ZRANGESTORE new z inf {1|-inf} BYSCORE REV LIMIT {0|1} {2|-1}
				ZRANGESTORE new n {-|[b|x} {+|[c} BYLEX
				ZRANGESTORE new z 0 -1 {WITHSCORES|LIMIT|REV|BYLEX|x}
				ZRANGESTORE new z 0 -1 LIMIT 0 1
				ZRANGESTORE new z 0`,
		},
	}
}
