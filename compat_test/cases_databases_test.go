package compat_test

// Several databases, and what empties them.
func databaseCases() []group {
	const keys = `
		SET a zero PX 500000
		SET b zero
		SELECT 1
		SET a one
		SET c one PX 400000
		SELECT 0`
	const look = `
		SELECT 0
		MGET a b c
		near(100): PTTL a
		near(100): PTTL c
		DBSIZE
		SELECT 1
		MGET a b c
		near(100): PTTL a
		near(100): PTTL c
		DBSIZE
		SELECT 2
		DBSIZE
		SELECT 0`
	return []group{
		{
			name:  "SELECT",
			setup: keys,
			forms: `
				SELECT {0|1|2|15|16|-1|x||99999999999|2147483648|1.0|01}
				SELECT
				SELECT 1 2`,
			probe: look,
		},
		{
			name:  "MOVE",
			setup: keys,
			forms: `
				MOVE {a|b|none} {0|1|2}
				MOVE {a|none} {16|-1|x||99999999999|1.0}
				MOVE a
				MOVE
				MOVE a 1 2`,
			probe: look,
		},
		{
			name:  "COPY between databases",
			setup: keys,
			forms: `
				COPY {a|b} {a|b|c} DB {0|1|2}
				COPY {a|b} {a|c} DB 1 REPLACE
				COPY a a DB 1 foo`,
			probe: look,
		},
		{
			name:  "SWAPDB",
			setup: keys,
			forms: `
				SWAPDB {0|1|2|15} {0|1|2}
				SWAPDB {16|-1|x||99999999999} 0
				SWAPDB 0 {16|-1|x||99999999999}
				SWAPDB x y
				SWAPDB 99 x
				SWAPDB 0
				SWAPDB
				SWAPDB 0 1 2`,
			probe: look,
		},
		{
			name:  "FLUSHDB and FLUSHALL",
			setup: keys,
			forms: `
				{FLUSHDB|FLUSHALL|flushdb}
				{FLUSHDB|FLUSHALL} {SYNC|ASYNC|sync|aSync|foo|}
				{FLUSHDB|FLUSHALL} SYNC ASYNC`,
			probe: look,
		},
		{
			name: "TIME, PING, ECHO",
			forms: `
				shape: TIME
				shape: time
				TIME x
				{PING|ping}
				PING {value}
				PING a b
				ECHO {value}
				ECHO
				ECHO a b`,
		},
		{
			name: "what is no command",
			forms: `
				FOO
				foo a b
				"" a
				"FOO\r\nBAR" a
				"GET " k
				FOO "a\r\nb" "c'd" "" "\x00x"
				FOO aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b
				FOO aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb c d
				FOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOO a
				OBJECT "fo\r\no" a
				OBJECT fooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo a`,
		},
	}
}
