package compat_test

// SET, what is like it, and GETEX: every option, alone and with every other one.
func setCases() []group {
	const look = `
		GET k
		near(100): PTTL k
		EXISTS k`
	return []group{
		{
			name: "SET with one option, no key",
			forms: `
				{set|SET|sEt} k v
				SET {key} v
				SET k {value}
				SET k v {NX|XX|nx|xX|GET|get|KEEPTTL|keepttl|PERSIST|EX|PX|EXAT|PXAT|ex|foo|NXX|N|EXP|IFDEQ}
				SET k v {EX|ex} {seconds}
				SET k v {PX|pX} {ms}
				SET k v {EXAT|exat} 4102444800
				SET k v PXAT 4102444800000
				SET k v EXAT {|0|-1|x|4102444800.5|9223372036854776|9223372036854775807|-9223372036854775808}
				SET k v PXAT {|0|-1|x|1e12|9223372036854775808|-9223372036854775808}
				SET
				SET k
				SET k v ""
				SET k v "" ""
				SET k v NX ""
				SET k v "NX "
				SET k v " EX" 10`,
			probe: look,
		},
		{
			name:  "SET with one option, on a key that has a time to live",
			setup: `SET k old PX 500000`,
			forms: `
				SET k v
				SET k old
				SET k v {NX|XX|GET|KEEPTTL|nx|xx|get|keepttl}
				SET k {value}
				SET k v EX {seconds}
				SET k v PX {ms}
				SET k v PXAT 4102444800000
				SET k v EXAT 32503680000`,
			probe: look,
		},
		{
			name: "SET with two options",
			forms: `
				SET k v {NX|XX|GET|KEEPTTL|PERSIST} {NX|XX|GET|KEEPTTL|PERSIST|foo|}
				SET k v {NX|XX|GET|KEEPTTL} {EX|PX|EXAT|PXAT} 4102444800
				SET k v {EX|PX|EXAT|PXAT} 4102444800 {NX|XX|GET|KEEPTTL|PERSIST|EX|PX}
				SET k v {EX|PX|EXAT|PXAT} 4102444800 {EX|PX|EXAT|PXAT} 4102444801
				SET k v {EX|PX} {0|-1|x|} {NX|XX|GET|KEEPTTL}
				SET k v {NX|XX|GET} {EX|PX} {0|-1|x|}
				SET k v EX NX
				SET k v EX PX 100
				SET k v NX PX
				SET k NX v`,
			probe: `
				GET k
				near(1100): PTTL k`,
		},
		{
			name:  "SET with two options on a key",
			setup: `SET k old PX 500000`,
			forms: `
				SET k v {NX|XX|GET|KEEPTTL} {NX|XX|GET|KEEPTTL}
				SET k v {NX|XX|GET} {EX|PX} 300000
				SET k v {EX|PX} 300000 {NX|XX|GET}
				SET k v {EX|PX} {0|-1|x|} {NX|XX|GET}`,
			probe: look,
		},
		{
			name:  "SET with three options, as lock libraries send them",
			setup: `SET held owner PX 500000`,
			forms: `
				SET {k|held} me NX PX {30000|0|x}
				SET {k|held} me PX {30000|0|x} NX
				SET {k|held} owner nx px 30000
				SET {k|held} owner XX PX 30000
				SET {k|held} me GET NX PX 30000
				SET {k|held} me PX 30000 XX GET
				SET {k|held} me KEEPTTL XX GET
				SET {k|held} me KEEPTTL GET NX
				SET {k|held} me GET GET GET
				SET {k|held} me NX PXAT 4102444800000
				SET {k|held} me NX NX NX EX 10 EX 20`,
			probe: `
				GET k
				GET held
				near(100): PTTL k
				near(100): PTTL held`,
		},
		{
			name:  "times in the past",
			setup: `SET k old`,
			forms: `
				SET k v {EXAT|PXAT} 1
				SET k v {EXAT|PXAT} 1 GET
				SET k v {EXAT|PXAT} 1 {NX|XX}
				SET k v XX GET PXAT 1000
				GETEX k {EXAT|PXAT} 1`,
			probe: `
				differs(past-time): DBSIZE
				GET k
				PTTL k
				DBSIZE`,
		},
		{
			name: "SETNX, SETEX, PSETEX, GETSET",
			setup: `
				SET held owner PX 500000`,
			forms: `
				SETNX {k|held} {value}
				SETNX {k|held}
				SETNX
				SETNX k v w
				SETEX {k|held} {seconds} v
				PSETEX {k|held} {ms} v
				SETEX k 10
				SETEX k 10 v w
				PSETEX k 10
				SETEX k x
				GETSET {k|held} {value}
				GETSET k
				GETSET k v w
				setNx k v
				PsetEX k 30000 v`,
			probe: `
				GET k
				GET held
				near(100): PTTL k
				near(100): PTTL held`,
		},
		{
			name: "GETEX",
			setup: `
				SET k v PX 500000
				SET forever w`,
			forms: `
				GETEX {k|forever|none}
				GETEX {k|forever|none} {PERSIST|persist|EX|PX|EXAT|PXAT|KEEPTTL|NX|XX|GET|foo|}
				GETEX {k|forever} {EX|PX} 300000
				GETEX {k|none} EX {seconds}
				GETEX {k|none} PX {ms}
				GETEX k EXAT {4102444800|32503680000|0|-1|x||9223372036854776}
				GETEX k PXAT {4102444800000|32503680000000|0|-1|x||9223372036854775808}
				GETEX k PERSIST EX 10
				GETEX k EX 100 PERSIST
				GETEX k PERSIST PERSIST
				GETEX k EX 100 PX 100000
				GETEX k EX 100 EX 200
				GETEX`,
			probe: `
				GET k
				near(100): PTTL k
				near(100): PTTL forever`,
		},
		{
			name:  "what came after 7.0",
			setup: `SET k old PX 500000`,
			forms: `
				differs(set-ifeq): SET k v IFEQ {old|other} PX 1000
				differs(set-ifeq): SET none v IFNE old
				SET k v IFEQ
				SET k v IFNE
				differs(delifeq): DELIFEQ k {old|other}
				differs(delifeq): DELEX k IFEQ {old|other}
				differs(delifeq): DELEX k
				differs(zero-bytes): SET k v "NX\x00"`,
		},
	}
}
