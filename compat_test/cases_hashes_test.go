package compat_test

// Hashes.
func hashCases() []group {
	const setup = `
		HSET h a 1 b two c 3.5 "" empty`
	const look = `
		anyorder: HGETALL h
		anyorder: HKEYS h
		anyorder: HVALS h
		HLEN h
		EXISTS h`
	return []group{
		{
			name: "HSET, HMSET, HSETNX", setup: setup, probe: look,
			forms: `
				{HSET|HMSET} h
				{HSET|HMSET} h a
				{HSET|HMSET} h a {value}
				{HSET|HMSET} h a 1 d 2 d 3
				{HSET|HMSET} h a 1 d
				HSETNX h {a|d|} {value}
				HSETNX h a
				HSETNX h a b c`,
		},
		{
			name: "reading", setup: setup, probe: look,
			forms: `
				HGET h {a|b|d|}
				{HGET|HSTRLEN|HEXISTS} h
				{HGET|HSTRLEN|HEXISTS} h a b
				{HSTRLEN|HEXISTS} h {a|b|d|}
				HMGET h
				HMGET h a d b a
				{HLEN|HGETALL|HKEYS|HVALS}
				{HLEN|HGETALL|HKEYS|HVALS} h x
				HDEL h
				HDEL h {a|d}
				HDEL h a b a d
				HDEL h a b c ""`,
		},
		{
			name: "counting",
			setup: `
				HSET h n 10 max 9223372036854775807 min -9223372036854775808 word abc blank " 1" f 2.5 big 1e20 inf inf`,
			forms: `
				HINCRBY h {n|max|min|word|blank|f|new} {int}
				HINCRBY {h|new} n
				HINCRBY h n 1 2
				HINCRBYFLOAT h {n|f|word|blank|new|inf} {float}
				HINCRBYFLOAT h {big|max} {1|-1|0.1|1e4900}
				HINCRBYFLOAT h n`,
			probe: look,
		},
		{
			name:  "HRANDFIELD",
			setup: `HSET h a one b two c three "" empty`,
			probe: look,
			forms: `
				shape: HRANDFIELD h
				shape: HRANDFIELD h {1|2|3}
				anyorder: HRANDFIELD h {4|5|100}
				anyorder: HRANDFIELD h {4|100} WITHVALUES
				shape: HRANDFIELD h {-1|-3|-10} withvalues
				HRANDFIELD h {0|x|9223372036854775808|-9223372036854775808}
				HRANDFIELD h {0|x} WITHVALUES
				HRANDFIELD h {-9223372036854775807|4611686018427387904|9223372036854775807} WITHVALUES
				HRANDFIELD h {1|x} {x|}
				HRANDFIELD h 1 WITHVALUES x
				HRANDFIELD none {1|-1|0} WITHVALUES
				HRANDFIELD none 1`,
		},
		{
			name: "HSCAN", setup: setup, probe: look,
			forms: `
				anyorder: HSCAN h 0
				anyorder: HSCAN h 0 COUNT {1|100|0|-1|x}
				anyorder: HSCAN h 0 MATCH {*|[ab]|x|}
				HSCAN h {badcursor}
				HSCAN h 0 {TYPE|COUNT|NOVALUES}
				HSCAN h 0 TYPE hash
				HSCAN h`,
		},
	}
}
