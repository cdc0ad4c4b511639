package compat_test

// The connection and the node: what clients send when they connect, and what people type to look around.
func connectionCases() []group {
	return []group{
		{
			name: "PING and ECHO",
			forms: `
				{PING|ping|PiNg}
				PING hello
				PING "two words"
				PING "\x00\xff\r\n"
				PING ""
				PING a b
				ECHO hello
				ECHO "\x00\xff\r\n"
				ECHO ""
				ECHO
				ECHO a b`,
		},
		{
			name: "AUTH without a password",
			forms: `
				AUTH
				AUTH x
				AUTH default x
				AUTH nobody x
				AUTH a b c
				AUTH a b c d`,
			probe: `GET a`,
		},
		{
			name:  "HELLO, wrong",
			setup: `CLIENT SETNAME ""`,
			forms: `
				HELLO {1|4|x||-1|99999999999999999999}
				HELLO 2 AUTH
				HELLO 2 AUTH default
				HELLO 2 AUTH nobody x
				HELLO 2 SETNAME
				HELLO 2 SETNAME "with blank"
				HELLO 2 foo
				HELLO 2 SETNAME ok foo
				HELLO 2 AUTH nobody x SETNAME ok`,
			probe: `CLIENT GETNAME`,
		},
		{
			name:  "CLIENT SETNAME",
			setup: `CLIENT SETNAME ""`,
			forms: `
				CLIENT SETNAME {api-7|~|!|é|}
				CLIENT SETNAME "with blank"
				CLIENT SETNAME "line\nbreak"
				CLIENT SETNAME
				CLIENT SETNAME a b
				CLIENT {GETNAME|getname|GetName}
				CLIENT GETNAME a`,
			probe: `CLIENT GETNAME`,
		},
		{
			name: "CLIENT",
			forms: `
				CLIENT
				CLIENT foo
				CLIENT foo bar
				CLIENT MAINT_NOTIFICATIONS on
				shape: CLIENT ID
				CLIENT ID x
				shape: CLIENT INFO
				CLIENT INFO x
				shape: CLIENT LIST
				shape: CLIENT LIST TYPE {normal|NORMAL}
				CLIENT LIST TYPE {master|replica|slave|pubsub}
				CLIENT LIST TYPE foo
				CLIENT LIST ID 999999
				CLIENT LIST ID x
				CLIENT LIST ID
				CLIENT LIST foo
				CLIENT NO-EVICT {on|ON|off|foo}
				CLIENT NO-EVICT
				CLIENT UNBLOCK {999999|x|-1|}
				CLIENT UNBLOCK 999999 {TIMEOUT|error|foo}
				CLIENT UNBLOCK
				CLIENT REPLY {ON|foo}
				CLIENT REPLY
				CLIENT GETREDIR
				CLIENT TRACKINGINFO`,
			probe: `PING`,
		},
		{
			name: "CLIENT KILL",
			forms: `
				CLIENT KILL
				CLIENT KILL 1.2.3.4:5
				CLIENT KILL ID {999999|x|0|-1}
				CLIENT KILL ADDR 1.2.3.4:5
				CLIENT KILL LADDR 1.2.3.4:5
				CLIENT KILL TYPE {master|replica|slave|pubsub|foo}
				CLIENT KILL USER {default|nobody} ID 999999
				CLIENT KILL SKIPME {yes|no|foo} ID 999999
				CLIENT KILL SKIPME
				CLIENT KILL foo bar
				CLIENT KILL ID 1 foo`,
			probe: `PING`,
		},
		{
			name: "CONFIG",
			forms: `
				CONFIG
				CONFIG foo
				CONFIG GET
				CONFIG GET {timeout|TIMEOUT|databases|slave-read-only|replica-read-only|no-such-thing|save}
				differs(config): CONFIG GET appendonly
				anyorder: CONFIG GET timeout databases
				CONFIG GET timeou?
				CONFIG SET
				CONFIG SET timeout
				CONFIG SET timeout {0|60}
				differs(config): CONFIG SET timeout {x|-1}
				CONFIG SET no-such-thing 1
				CONFIG SET timeout 10 no-such-thing 1
				CONFIG SET timeout 10 timeout 20
				differs(config): CONFIG SET databases 20
				CONFIG SET slowlog-max-len {7|x}
				CONFIG RESETSTAT
				CONFIG RESETSTAT x`,
			probe: `
				CONFIG GET timeout
				CONFIG SET timeout 0
				CONFIG SET slowlog-max-len 128`,
		},
		{
			name: "the node",
			forms: `
				WAIT 0 {0|10}
				WAIT 1 10
				WAIT x 0
				WAIT 0 x
				WAIT 0 -1
				WAIT 0
				differs(readonly): {READONLY|READWRITE}
				ASKING
				READONLY x
				CLUSTER {INFO|NODES|SLOTS|MYID|SHARDS}
				CLUSTER KEYSLOT foo
				CLUSTER
				SENTINEL masters
				SENTINEL
				MODULE LIST
				MODULE
				DEBUG SLEEP 0
				DEBUG
				shape: LASTSAVE
				LASTSAVE x
				ROLE x
				shape: INFO server
				INFO no-such-section
				TIME x
				COMMAND COUNT x`,
		},
		{
			name: "SLOWLOG and LATENCY",
			forms: `
				SLOWLOG
				SLOWLOG foo
				SLOWLOG {GET|get}
				SLOWLOG GET {0|-1|10|-2|x|}
				SLOWLOG GET 1 2
				SLOWLOG LEN
				SLOWLOG LEN x
				SLOWLOG RESET
				LATENCY
				LATENCY foo
				LATENCY LATEST
				LATENCY HISTORY command
				LATENCY HISTORY
				LATENCY RESET
				LATENCY RESET command
				LATENCY GRAPH command`,
			setup: `
				CONFIG SET slowlog-log-slower-than -1
				SLOWLOG RESET`,
			probe: `CONFIG SET slowlog-log-slower-than 10000`,
		},
	}
}
