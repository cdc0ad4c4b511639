package compat_test

// Keys of any type.
func keyCases() []group {
	const keys = `
		SET a 1
		SET b 2 PX 500000
		SET c 3`
	const look = `
		MGET a b c d
		near(100): PTTL a
		near(100): PTTL b
		near(100): PTTL d
		DBSIZE`
	return []group{
		{
			name:  "DEL, UNLINK, EXISTS, TOUCH, TYPE",
			setup: keys,
			forms: `
				{DEL|UNLINK|EXISTS|TOUCH|del} {a|b|none|}
				{DEL|UNLINK|EXISTS|TOUCH} a b none
				{DEL|UNLINK|EXISTS|TOUCH} a a a
				{DEL|UNLINK|EXISTS|TOUCH} none none2
				{DEL|UNLINK|EXISTS|TOUCH|TYPE}
				TYPE {a|b|none|}
				TYPE a b`,
			probe: look,
		},
		{
			name:  "RENAME and RENAMENX",
			setup: keys,
			forms: `
				{RENAME|RENAMENX} {a|b|none} {a|b|c|d|none}
				{RENAME|RENAMENX} a
				{RENAME|RENAMENX}
				{RENAME|RENAMENX} a b c
				{RENAME|RENAMENX} a ""
				rename a d`,
			probe: look,
		},
		{
			name:  "COPY",
			setup: keys,
			forms: `
				COPY {a|b|none} {a|b|c|d}
				COPY {a|b|none} {a|b|d} {REPLACE|replace}
				COPY {a|b} {a|d} DB {0|1|15}
				COPY a d DB {16|-1|x||99999999999|2147483648|-2147483649|1.0}
				COPY {a|none} d {DB|foo|REPLACE|}
				COPY a b DB 0 REPLACE
				COPY a b REPLACE DB 0
				COPY a a DB 1 REPLACE DB 0
				COPY a a DB 99
				COPY a a foo
				COPY a d DB 1 DB 2
				COPY a
				COPY`,
			probe: look + `
				SELECT 1
				MGET a b c d
				near(100): PTTL d
				SELECT 0`,
		},
		{
			name: "OBJECT",
			setup: keys + `
				SET long 012345678901234567890123456789012345678901234
				SET short 01234567890123456789012345678901234567890123
				SET n 12345678901234567890
				SET small 9999
				SET large 10000
				SET minus -1`,
			forms: `
				OBJECT {ENCODING|encoding|REFCOUNT|FREQ} {a|long|short|n|small|large|minus|none}
				OBJECT {ENCODING|REFCOUNT|FREQ|IDLETIME}
				OBJECT {ENCODING|REFCOUNT|FREQ|IDLETIME} a b
				OBJECT {IDLETIME|ENCODING} none
				OBJECT IDLETIME long
				shape: OBJECT IDLETIME a
				OBJECT {HELP|help|foo|}
				OBJECT HELP a
				OBJECT`,
		},
		{
			name: "OBJECT after changes",
			forms: `
				INCR k
				differs(encoding): APPEND k v
				differs(encoding): SETRANGE k 0 5
				differs(encoding): INCRBYFLOAT k 5`,
			probe: `
				differs(encoding): OBJECT ENCODING k
				differs(encoding): OBJECT REFCOUNT k`,
		},
		{
			name:  "MEMORY",
			setup: keys,
			forms: `
				differs(memory): MEMORY USAGE a
				shape: MEMORY USAGE a
				shape: MEMORY USAGE a SAMPLES {0|5}
				MEMORY USAGE {none|a} SAMPLES {-1|x|}
				MEMORY USAGE none
				MEMORY USAGE none SAMPLES 5
				MEMORY USAGE a SAMPLES
				MEMORY USAGE a foo 5
				MEMORY USAGE a SAMPLES 5 foo
				MEMORY USAGE
				MEMORY {foo|}
				MEMORY
				MEMORY {HELP|help|PURGE}
				MEMORY {HELP|PURGE|USAGE} a b c
				differs(memory): MEMORY DOCTOR`,
		},
		{
			name: "KEYS, SCAN, RANDOMKEY, DBSIZE",
			setup: `
				MSET hello 1 hallo 2 hxllo 3 world 4`,
			forms: `
				anyorder: KEYS {*|h?llo|h[ae]llo|h[^e]llo|x*|}
				anyorder: {SCAN|scan} 0
				anyorder: SCAN {0|00|+0|-0|} COUNT 100
				anyorder: SCAN 0 MATCH {*|h*|h?llo|none|}
				anyorder: SCAN 0 COUNT 1000 MATCH h*
				anyorder: SCAN 0 COUNT 1000 TYPE {string|STRING|list|foo|}
				anyorder: SCAN 0 TYPE string MATCH h* COUNT 100
				anyorder: SCAN 0 MATCH x* MATCH h* COUNT 10 COUNT 100
				SCAN {badcursor}
				SCAN 0 COUNT {0|-1|x||9223372036854775808|1.0}
				SCAN 0 {MATCH|COUNT|TYPE|foo|}
				SCAN 0 foo bar
				SCAN 0 COUNT 0 foo
				SCAN x foo
				differs(scan-cursor): SCAN 3 COUNT 100
				SCAN
				shape: RANDOMKEY
				RANDOMKEY x
				DBSIZE
				dbsize
				DBSIZE x
				KEYS
				KEYS a b`,
		},
		{
			name: "an empty database",
			forms: `
				KEYS *
				SCAN {0|1|18446744073709551615|-1}
				RANDOMKEY
				DBSIZE
				EXISTS a
				DEL a
				MGET a b
				FLUSHDB`,
		},
		{
			name:  "keys of all bytes",
			setup: `SET "\x00\r\n\xff" "\r\n"`,
			forms: `
				GET "\x00\r\n\xff"
				KEYS *
				SCAN 0
				RENAME "\x00\r\n\xff" "\r"
				TYPE "\x00\r\n\xff"
				DEL "\x00"
				RANDOMKEY`,
			probe: `KEYS *`,
		},
	}
}
