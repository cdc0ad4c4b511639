package compat_test

// Times to live.
func expiryCases() []group {
	const look = `
		EXISTS k
		near(100): PTTL k
		near(1): TTL k`
	const keys = `
		SET k v
		SET timed v PX 500000`
	return []group{
		{
			name:  "EXPIRE and PEXPIRE",
			setup: keys,
			forms: `
				EXPIRE {k|timed|none} {seconds}
				PEXPIRE {k|timed|none} {ms}
				EXPIREAT {k|none} {-1|0|1||x|4102444800.5|9223372036854776|9223372036854775807|-9223372036854775808|-9223372036854776}
				PEXPIREAT {k|none} {-1|0|1||x|1e12|9223372036854775808|-9223372036854775808}
				{EXPIRE|PEXPIRE|EXPIREAT|PEXPIREAT}
				{EXPIRE|PEXPIRE|EXPIREAT|PEXPIREAT} k
				{expire|PExpire} k 100000`,
			probe: look + `
				near(100): PTTL timed`,
		},
		{
			name:  "absolute times",
			setup: keys,
			forms: `
				EXPIREAT {k|timed|none} {4102444800|32503680000|9223372036854775}
				PEXPIREAT {k|timed|none} {4102444800000|32503680000000|9223372036854770000|4102444800499|4102444800501}
				SET k v EXAT {4102444800|9223372036854775}
				SET k v PXAT {4102444800000|9223372036854770000}
				GETEX k EXAT 4102444800
				GETEX k PXAT 4102444800001`,
			probe: `
				EXISTS k timed
				near(1): EXPIRETIME k
				near(100): PEXPIRETIME k
				shape: EXPIRETIME timed`,
		},
		{
			name:  "the end of time",
			forms: `SET k v PXAT 9223372036854775807`,
			probe: `
				near(100): PEXPIRETIME k
				near(1): EXPIRETIME k`,
		},
		{
			name:  "conditions",
			setup: keys,
			forms: `
				EXPIRE {k|timed|none} {100|600|1000|-1} {NX|XX|GT|LT|nx|xx|gt|lt|foo|}
				PEXPIRE {k|timed} {100000|1000000|-1} {NX|XX|GT|LT}
				EXPIREAT {k|timed} {4102444800|1} {NX|XX|GT|LT}
				PEXPIREAT {k|timed} {4102444800000|1} {NX|XX|GT|LT}
				EXPIRE {k|timed} 1000 {NX|XX|GT|LT} {NX|XX|GT|LT|foo}
				EXPIRE k 1000 {NX|XX} GT LT
				EXPIRE k x {NX|foo}
				EXPIRE k x NX XX
				EXPIRE none 100 NX GT
				PEXPIRE timed -9223372036854775808 {NX|XX|GT|LT}
				EXPIRE k 100 NX NX
				EXPIRE k 100 "N\r\nX"`,
			probe: `
				EXISTS k timed
				near(100): PTTL k
				near(100): PTTL timed`,
		},
		{
			name:  "PERSIST and the readers",
			setup: keys,
			forms: `
				PERSIST {k|timed|none}
				PERSIST
				PERSIST k k
				near(1): {TTL|EXPIRETIME|ttl} {k|none}
				near(1): TTL timed
				near(100): {PTTL|PEXPIRETIME|pttl} {k|none}
				near(100): PTTL timed
				shape: EXPIRETIME timed
				shape: PEXPIRETIME timed
				{TTL|PTTL|EXPIRETIME|PEXPIRETIME}
				{TTL|PTTL|EXPIRETIME|PEXPIRETIME} k k`,
			probe: `
				PTTL k
				near(100): PTTL timed`,
		},
		{
			name: "rounding to seconds",
			forms: `
				SET k v PX {100400|100600|1400|1600|400600}`,
			probe: `near(1): TTL k`,
		},
		{
			name:  "what keeps a time to live and what does not",
			setup: `SET k 5 PX 500000`,
			forms: `
				INCR k
				INCRBYFLOAT k 1
				APPEND k 1
				SETRANGE k 0 9
				SET k 5
				SET k 5 KEEPTTL
				GETSET k 5
				MSET k 5
				RENAME k k2
				RENAME k k
				COPY k k2
				EXPIRE k 100
				PERSIST k
				GETEX k
				GETEX k PERSIST
				TOUCH k`,
			probe: look + `
				near(100): PTTL k2`,
		},
	}
}
