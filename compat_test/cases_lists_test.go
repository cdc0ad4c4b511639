package compat_test

// Lists.
func listCases() []group {
	const setup = `
		RPUSH l a b c a "" d
		RPUSH m x`
	const look = `
		LRANGE l 0 -1
		LRANGE m 0 -1
		LLEN l
		EXISTS l m`
	return []group{
		{
			name: "pushing and popping", setup: setup, probe: look,
			forms: `
				{LPUSH|RPUSH|LPUSHX|RPUSHX} {l|new} {value}
				{LPUSH|RPUSH|LPUSHX|RPUSHX} {l|new} 1 2 3
				{LPUSH|RPUSH|LPUSHX|RPUSHX} l
				{LPOP|RPOP} {l|m}
				{LPOP|RPOP} {l|m|none} {0|1|2|3|100|-1|x|9223372036854775807|9223372036854775808|}
				{LPOP|RPOP} l 1 2
				{LPOP|RPOP|LLEN}`,
		},
		{
			name: "places", setup: setup, probe: look,
			forms: `
				LINDEX l {int}
				LINDEX l {2|-6|-7|5|6}
				LINDEX l
				LSET l {smallint} v
				LSET l {5|-6|6|-7} {value}
				LSET none {0|x} v
				LSET l 0
				LRANGE l {smallint} {smallint}
				LRANGE l {1|-2|9} {4|-1|2}
				LRANGE l 0
				LTRIM l {smallint} {smallint}
				LTRIM l {1|-2|9|0} {4|-1|2}
				LTRIM l 0`,
		},
		{
			name: "LINSERT and LREM", setup: setup, probe: look,
			forms: `
				LINSERT l {BEFORE|after|x} {a|b|d|none|} v
				LINSERT {none|m} BEFORE x v
				LINSERT l BEFORE a
				LREM l {0|1|2|-1|-2|5|-5|x|9223372036854775807|-9223372036854775808} {a|b|none|}
				LREM m 0 x
				LREM none 0 x
				LREM l 0`,
		},
		{
			name: "LPOS", setup: setup, probe: look,
			forms: `
				LPOS l {a|b|none|}
				LPOS l a RANK {1|2|3|-1|-2|-3|0|x|-9223372036854775807}
				differs(redis72): LPOS l a RANK -9223372036854775808
				LPOS l a COUNT {0|1|2|3|-1|x}
				LPOS l a MAXLEN {0|1|3|4|100|-1|x}
				LPOS l a RANK {2|-1} COUNT {0|1} MAXLEN {0|2|4}
				LPOS l none COUNT 0
				LPOS none a COUNT 0
				LPOS l a {RANK|COUNT|MAXLEN|x}
				LPOS l a COUNT 1 COUNT 0
				LPOS l`,
		},
		{
			name: "moving", setup: setup, probe: look,
			forms: `
				RPOPLPUSH {l|m|none} {l|m|new}
				LMOVE {l|m|none} {l|m|new} {LEFT|RIGHT|left|x} {LEFT|RIGHT|x}
				LMOVE l m LEFT
				LMPOP 1 {l|m|none} {LEFT|RIGHT|left|MIN}
				LMPOP 2 none {l|m|none} RIGHT COUNT {1|2|100|0|-1|x}
				LMPOP {0|-1|x|3|2|9223372036854775807} l LEFT
				LMPOP 1 l
				LMPOP 1 l LEFT COUNT
				LMPOP 1 l LEFT COUNT 1 COUNT 2
				LMPOP 1 l LEFT x 1`,
		},
	}
}

// Waiting, as far as one connection can show it.
func blockingCases() []group {
	const setup = `
		RPUSH l a b c
		ZADD z 1 a 2.5 b 3 c
		SET s v`
	const look = `
		LRANGE l 0 -1
		LRANGE m 0 -1
		number: ZRANGE z 0 -1 WITHSCORES`
	return []group{
		{
			name: "what is there", setup: setup, probe: look,
			forms: `
				{BLPOP|BRPOP} {l|none} l {0|1|0.01}
				number: {BZPOPMIN|BZPOPMAX} {z|none} z {0|1|0.01}
				BLMOVE l {l|m} {LEFT|RIGHT} {LEFT|RIGHT} 0
				BLMOVE l m {LEFT|x} {RIGHT|x} {0|x}
				BRPOPLPUSH l {l|m} 0
				BLMPOP 0 {1|2} {l|none} l LEFT
				BLMPOP 0 2 none l {LEFT|RIGHT|x} COUNT {1|2|0|x}
				number: BZMPOP 0 2 none z {MIN|MAX|LEFT} COUNT {1|2|0|x}
				{BLPOP|BZPOPMIN} l
				{BLMPOP|BZMPOP} {0|x} {0|x|5} l LEFT`,
		},
		{
			name: "timeouts", setup: setup, probe: look,
			forms: `
				{BLPOP|BZPOPMIN} none {-1|-0.01|x||nan|-nan|-inf|1e-5|0.01|0x1p-7}
				differs(redis72): {BLPOP|BZPOPMIN} none {inf|1e30|9223372036854775807|1e400}
				BLMOVE none m LEFT LEFT {-1|x|0.01}
				BRPOPLPUSH none m {-1|x|0.01}
				BLMPOP {-1|x|0.01} 1 none LEFT
				BZMPOP {-1|x|0.01} 1 none MIN
				{BLPOP|BZPOPMAX} {none|s} none 0.01
				BLMOVE {none|s} {s|l} LEFT LEFT 0.01`,
		},
	}
}
