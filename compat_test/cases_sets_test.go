package compat_test

// Sets.
func setValueCases() []group {
	const setup = `
		SADD t a b c 1 2
		SADD u b c d
		SADD v c "" 7`
	const look = `
		anyorder: SMEMBERS t
		anyorder: SMEMBERS u
		anyorder: SMEMBERS new
		SCARD t
		EXISTS t u v new`
	return []group{
		{
			name: "members", setup: setup, probe: look,
			forms: `
				SADD {t|new} {value}
				SADD t a x x
				{SADD|SREM|SISMEMBER|SMISMEMBER} t
				SREM t {a|x|}
				SREM t a b x a
				SREM t a b c 1 2
				SISMEMBER t {a|x|}
				SISMEMBER t a b
				SMISMEMBER t a x 1
				{SCARD|SMEMBERS}
				{SCARD|SMEMBERS} t u
				SMOVE t {t|u|new} {a|b|x}
				SMOVE t u`,
		},
		{
			name: "any of them", setup: setup,
			probe: `SCARD t`,
			forms: `
				anyorder: {SPOP|SRANDMEMBER} t {5|6|100}
				SPOP t {0|-1|x|9223372036854775808}
				SRANDMEMBER t {0|x|9223372036854775808|-9223372036854775808}
				SRANDMEMBER none {-9223372036854775808|1|-1}
				SPOP none {1|0}
				{SPOP|SRANDMEMBER} t 1 {1|x}
				anyorder: SSCAN t 0
				anyorder: SSCAN t 0 COUNT {100|0|x}
				anyorder: SSCAN t 0 MATCH {[ab]|*|x}
				SSCAN t {badcursor}
				SSCAN t`,
		},
		{
			name: "any of them, so many", setup: setup, probe: `SCARD u`,
			forms: `
				shape: {SPOP|SRANDMEMBER} u
				shape: SPOP u {1|2}
				shape: SRANDMEMBER u {1|2|-1|-5}`,
		},
		{
			name: "several", setup: setup, probe: look,
			forms: `
				anyorder: {SUNION|SINTER|SDIFF} {t|u|none} {t|u|v|none}
				anyorder: {SUNION|SINTER|SDIFF} t u v
				anyorder: {SUNION|SINTER|SDIFF} t u t
				anyorder: {SUNION|SINTER|SDIFF} u
				{SUNION|SINTER|SDIFF|SUNIONSTORE|SINTERSTORE|SDIFFSTORE}
				{SUNIONSTORE|SINTERSTORE|SDIFFSTORE} {t|new|u} {t|none} {u|v|none}
				{SUNIONSTORE|SINTERSTORE|SDIFFSTORE} t t u v
				{SUNIONSTORE|SINTERSTORE|SDIFFSTORE} new u
				{SUNIONSTORE|SINTERSTORE|SDIFFSTORE} new
				SINTERCARD {0|-1|x|1|2|3|4|9223372036854775807} t u v
				SINTERCARD 2 t u LIMIT {0|1|2|100|-1|x}
				SINTERCARD 2 t u {LIMIT|x}
				SINTERCARD 2 t u LIMIT 1 LIMIT 2
				SINTERCARD 2`,
		},
	}
}
