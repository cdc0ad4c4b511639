package compat_test

// Counting.
func numberCases() []group {
	return []group{
		{
			name:  "INCR and DECR of what stands there",
			forms: `SET k {int}`,
			probe: `
				INCR k
				INCR k
				DECR k
				DECR k
				DECR k
				GET k`,
		},
		{
			name:  "INCR and DECR of odd values",
			forms: `SET k {value}`,
			probe: `
				INCR k
				DECR k
				INCRBY k 5
				DECRBY k 5
				INCRBYFLOAT k 1.5
				GET k`,
		},
		{
			name: "INCRBY and DECRBY",
			setup: `
				SET k 10 PX 500000
				SET max 9223372036854775807
				SET min -9223372036854775808
				SET word abc`,
			forms: `
				INCRBY {k|max|min|none|word} {int}
				DECRBY {k|max|min|none|word} {int}
				{INCR|DECR} {k|max|min|none|word}
				{incrby|decrby} k
				{INCR|DECR} k 1
				{INCR|DECR}
				{INCRBY|DECRBY} k 1 2`,
			probe: `
				MGET k max min none word
				near(100): PTTL k`,
		},
		{
			name: "INCRBYFLOAT",
			setup: `
				SET k 10.5 PX 500000
				SET big 1e17
				SET int 3`,
			forms: `
				INCRBYFLOAT k {float}
				INCRBYFLOAT none {float}
				INCRBYFLOAT big {float}
				INCRBYFLOAT int {0.1|1e2|-3|0.00000000000000001}
				INCRBYFLOAT k
				INCRBYFLOAT k 1 2
				incrbyfloat k 1`,
			probe: `
				MGET k none big int
				near(100): PTTL k`,
		},
		{
			name:  "INCRBYFLOAT of what stands there",
			forms: `SET k {float}`,
			probe: `
				INCRBYFLOAT k 0
				INCRBYFLOAT k 0.1
				INCRBYFLOAT k -1e3
				INCRBYFLOAT k 1e4931
				GET k`,
		},
		{
			name: "INCRBYFLOAT, many steps",
			forms: `
				SET k 0
				SET k -1e10
				SET k 1e-10`,
			probe: `
				INCRBYFLOAT k 0.1
				INCRBYFLOAT k 0.2
				INCRBYFLOAT k 0.3
				INCRBYFLOAT k 1.1
				INCRBYFLOAT k -1.7
				INCRBYFLOAT k 3.3333333333333333333
				INCRBYFLOAT k 1e15
				INCRBYFLOAT k -1e15
				INCRBYFLOAT k 7e-17
				INCR k`,
		},
	}
}
