package compat_test

// MULTI, EXEC, DISCARD and WATCH. Each form is tried in the middle of a transaction, and its end looked at.
func transactionCases() []group {
	const look = `
		EXEC
		EXEC
		MGET a b c
		SELECT 1
		MGET a b c
		SELECT 0
		MGET a b c`
	const forms = `
		{GET|INCR|DEL|TYPE|TTL|STRLEN} {a|b|none}
		SET a x
		SET a x EX nonsense
		GET
		NOSUCH
		NOSUCH a b
		INCR b
		SELECT {0|1|99|x}
		SELECT 1 2
		{MULTI|EXEC|DISCARD|WATCH|UNWATCH|RESET}
		{MULTI|EXEC|DISCARD|WATCH|UNWATCH} a
		PING
		PING x
		PING x y
		ECHO x
		CLIENT GETNAME
		CLIENT SETNAME me
		CLIENT NOSUCH
		{FLUSHDB|DBSIZE|FLUSHALL}
		EVAL "return redis.call('incr',KEYS[1])" 1 a
		EVAL "return redis.call('incr',KEYS[1])" 1 b
		EVAL "return }" 0
		EVALSHA x 0
		SCRIPT LOAD "return 1"
		MSET a 8 b 9 c 10
		MGET a b c
		COMMAND COUNT x
		OBJECT ENCODING a
		RENAME a c
		SWAPDB 0 1`
	return []group{
		{name: "in MULTI", setup: "DISCARD\nUNWATCH\nSET a 1\nSET b owner\nMULTI\nINCR a", forms: forms, probe: "SET c end\nGET a\n" + look},
		{name: "after MULTI alone", setup: "DISCARD\nUNWATCH\nSET a 1\nSET b owner\nMULTI", forms: forms, probe: look},
		{name: "outside", setup: "DISCARD\nUNWATCH\nSET a 1", forms: `
			{EXEC|DISCARD|UNWATCH|MULTI|WATCH}
			{EXEC|DISCARD|UNWATCH|MULTI} a
			WATCH a b none`, probe: look},
		{name: "WATCH, then a change of its own", setup: "DISCARD\nUNWATCH\nSET a 1\nSET b owner PX 500000\nWATCH a b none", forms: `
			{GET|DEL|INCR|TTL|PERSIST|EXISTS} {a|b|none|c}
			SET {a|b|none|c} {1|owner|new}
			SET a 1 XX
			SET a 1 NX
			EXPIRE {a|b|none|c} 100
			PEXPIRE b 500000
			RENAME a {b|c|none}
			MOVE a 1
			COPY a {c|none}
			SWAPDB 0 1
			{FLUSHDB|FLUSHALL}
			EVAL "return redis.call('set','a','1')" 0
			EVAL "return redis.call('get','a')" 0
			SELECT 1
			UNWATCH
			WATCH a
			GETEX a
			APPEND a x
			SETRANGE a 0 \"\"
			SETRANGE none 0 x`, probe: "MULTI\nSET c done\n" + look},
		{name: "WATCH, a change, and another WATCH", setup: "DISCARD\nUNWATCH\nSET a 1\nWATCH a\nSET a 2", forms: `
			WATCH {a|b}
			UNWATCH
			DISCARD
			EXEC
			GET a`, probe: "MULTI\nPING\n" + look},
		{name: "EXEC forgets", setup: "DISCARD\nUNWATCH\nSET a 1\nWATCH a\nMULTI\nEXEC\nSET a 2\nMULTI", forms: `
			SET b x
			PING`, probe: look},
		{name: "DISCARD forgets", setup: "DISCARD\nUNWATCH\nSET a 1\nWATCH a\nSET a 2\nMULTI\nDISCARD\nMULTI", forms: `
			SET b x
			PING`, probe: look},
	}
}
