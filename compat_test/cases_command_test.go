package compat_test

import "strconv"

func quote(s string) string { return strconv.Quote(s) }

// COMMAND. What it says of single commands is compared field by field in command_info_test.go.
func commandCases() []group {
	return []group{{
		name: "COMMAND",
		forms: `
			COMMAND {COUNT|DOCS|HELP|GETKEYS|GETKEYSANDFLAGS|foo|} a
			COMMAND HELP
			COMMAND help
			COMMAND INFO nosuch
			COMMAND INFO nosuch get|foo object|nosuch
			anyorder: COMMAND INFO {get|GET|del|mset|setnx|expire|ttl|rename|copy|keys|scan|dbsize|flushall|move|touch}
			anyorder: COMMAND INFO {strlen|append|incr|incrbyfloat|persist|getdel|mget|exists|unlink|type|swapdb|randomkey}
			anyorder: COMMAND INFO {subcommand}
			COMMAND DOCS nosuch
			COMMAND LIST {foo|FILTERBY}
			COMMAND LIST FILTERBY {MODULE|ACLCAT|PATTERN|foo}
			COMMAND LIST FILTERBY {MODULE|ACLCAT|foo} nosuch
			anyorder: COMMAND LIST FILTERBY PATTERN {getset|GETSE?|"object|enc*"|nosuch*|p?xpire*}
			COMMAND LIST FILTERBY PATTERN a FILTERBY PATTERN b
			COMMAND GETKEYS {get|set|mset|del|object|nosuch|ping|time|keys}
			COMMAND GETKEYS {eval|evalsha|eval_ro|evalsha_ro} s {0|1|2|x|-1} k
			COMMAND GETKEYS {sintercard|zunion|lmpop} {0|1|x} k left
			COMMAND GETKEYS {get|set|setnx|ttl|del|mset|rename|nosuch|ping|time|keys|scan|select} a
			COMMAND {GETKEYS|GETKEYSANDFLAGS} {get|set|setnx|ttl|del|mset|rename|copy|exists|ping|object|nosuch} a b
			COMMAND {GETKEYS|GETKEYSANDFLAGS} {set|setex|mset|msetnx|del|mget|copy|expire|getex} a b c
			COMMAND {GETKEYS|GETKEYSANDFLAGS} set a b {GET|get|NX}
			COMMAND {GETKEYS|GETKEYSANDFLAGS} set a b NX GET
			COMMAND {GETKEYS|GETKEYSANDFLAGS} mset a 1 b 2 c 3
			COMMAND {GETKEYS|GETKEYSANDFLAGS} object {encoding|ENCODING|freq|help|foo} a
			COMMAND {GETKEYS|GETKEYSANDFLAGS} memory usage a
			COMMAND {GETKEYS|GETKEYSANDFLAGS} copy a b DB 3 REPLACE
			COMMAND {GETKEYS|GETKEYSANDFLAGS} getrange a 0 1
			differs(command-info): COMMAND {COUNT|LIST}
			differs(command-info): COMMAND DOCS get
			differs(command-info): COMMAND INFO {set|time}`,
	}}
}
