package compat_test

import "strings"

// Strings, whole and in parts.
func stringCases() []group {
	return []group{
		{
			name: "GET, GETDEL, STRLEN, MGET",
			setup: `
				SET k value PX 500000
				SET empty ""
				SET binary "\x00\xff\r\n$-1"`,
			forms: `
				{GET|get|GETDEL|STRLEN|MGET|GETSET} {k|none|empty|binary|}
				{GET|GETDEL|STRLEN} k k
				{GET|GETDEL|STRLEN|MGET}
				MGET k none k empty binary
				MGET none none
				GET {key}`,
			probe: `
				EXISTS k empty binary
				MGET k empty binary none
				near(100): PTTL k`,
		},
		{
			name:  "MSET and MSETNX",
			setup: `SET k old PX 500000`,
			forms: `
				{MSET|MSETNX} a 1
				{MSET|MSETNX} a 1 b 2 c 3
				{MSET|MSETNX} a 1 a 2
				{MSET|MSETNX} k new
				{MSET|MSETNX} a 1 k new
				{MSET|MSETNX} k new a 1 b
				{MSET|MSETNX} a
				{MSET|MSETNX}
				{MSET|MSETNX} a 1 b
				{MSET|MSETNX} "" ""
				{mset|msetnx} a {value}`,
			probe: `
				MGET a b c k ""
				near(100): PTTL k
				PTTL a`,
		},
		{
			name: "GETRANGE and SUBSTR",
			setup: `
				SET k "Hello World"
				SET empty ""`,
			forms: `
				GETRANGE k {smallint} {smallint}
				SUBSTR k {0|1|-3|x} {0|-1|100|x}
				GETRANGE {none|empty} {0|-1|x} {0|-1|x}
				GETRANGE k 0 {int}
				GETRANGE k {int} -1
				GETRANGE k 0
				GETRANGE k 0 1 2
				GETRANGE k -5 -7
				GETRANGE k -100 -200
				GETRANGE k -200 -100
				GETRANGE k 5 4
				GETRANGE k 10 10
				GETRANGE k 11 11
				SUBSTR k
				SUBSTR k 0`,
		},
		{
			name:  "SETRANGE",
			setup: `SET k "Hello World" PX 500000`,
			forms: `
				SETRANGE k {0|1|6|11|12|20} {abc|x|}
				SETRANGE none {0|1|6} {abc|x|}
				SETRANGE k {-1|-100|x||+1|9223372036854775808|-9223372036854775808} {a|}
				SETRANGE none {-1|x} {a|}
				SETRANGE {k|none} {9223372036854775807|536870912|536870913|4294967296} a
				SETRANGE {k|none} {9223372036854775807|536870912|4294967296} ""
				SETRANGE k 0
				SETRANGE k
				SETRANGE k 0 a b
				SETRANGE k 6 "\x00\xff"`,
			probe: `
				GET k
				GET none
				STRLEN none
				near(100): PTTL k`,
		},
		{
			name: "values that are too long to be the owner of a lock",
			forms: `
				SET k ` + strings.Repeat("v", 70000) + `
				SETRANGE k 65535 end
				SETRANGE k 65536 end`,
			probe: `
				STRLEN k
				APPEND k ` + strings.Repeat("w", 1000) + `
				GETRANGE k 65530 65545
				EXPIRE k 100
				RENAME k k2
				COPY k2 k3
				MGET k k2 k3
				near(1): TTL k3
				SETRANGE k2 10 x
				INCR k3
				GETDEL k2`,
		},
		{
			name: "keys beyond lockd's bound",
			forms: `
				differs(limits): SET ` + strings.Repeat("k", 1025) + ` v
				SET ` + strings.Repeat("k", 1024) + ` v`,
		},
		{
			name: "values beyond lockd's bound",
			forms: `
				differs(value-size): SETRANGE k 1048576 a
				SETRANGE k 536870911 ab`,
			probe: `differs(value-size): STRLEN k`,
		},
		{
			name: "APPEND",
			setup: `
				SET k Hello PX 500000
				SET n 12`,
			forms: `
				APPEND {k|n|none|} {value}
				APPEND k
				APPEND
				APPEND k a b`,
			probe: `
				GET k
				GET n
				GET none
				near(100): PTTL k
				INCR n`,
		},
	}
}
