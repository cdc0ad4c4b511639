// The one list of what lockd does differently from Redis 7.0.15 on purpose. docs/differences.md is written
// from it (go test ./compat_test -run Differences -update).
package compat_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// difference is one deliberate difference.
type difference struct {
	id     string // as in differs(id) in front of a line of a case
	title  string
	reason string
	tested bool // some case must show it
}

func differences() []difference {
	return []difference{
		{"value-size", "APPEND and SETRANGE refuse to make a value longer than 1 MiB (Redis: 512 MiB).",
			"A value is in the log and in every snapshot of every node, and one command is bounded by 1 MiB as well " +
				"(max-command-bytes). The error is the same text.", true},
		{"limits", "A key has at most 1 KiB (max-key-bytes), a command 1 MiB and 16,384 arguments (Redis: 512 MiB each, 1,048,576 arguments).",
			"What goes through the log is bounded before it costs anything; all of these are settings.", true},
		{"set-ifeq", "SET takes IFEQ and IFNE, as Redis 8.4 documents them.",
			"Redis 7.0 answers a syntax error. Compare-and-set is what renewing a lock needs.", true},
		{"delifeq", "DELIFEQ key value exists, as in Valkey, and DELEX key [IFEQ value | IFNE value], as in Redis 8.4.",
			"Redis 7.0 does not know them. Compare-and-delete is what releasing a lock needs.", true},
		{"encoding", "OBJECT ENCODING and OBJECT REFCOUNT tell what Redis makes of a value that is set whole.",
			"lockd stores all strings alike; that Redis keeps an appended-to string as raw, or the result of " +
				"INCRBYFLOAT as a string, is not tracked.", true},
		{"idle-time", "OBJECT IDLETIME counts from when the key got its value, also through reads.",
			"A read must not change the replicated state.", false},
		{"memory", "MEMORY USAGE replies what the key counts against max-memory; MEMORY DOCTOR, STATS and MALLOC-STATS are about this process.",
			"It counts lengths and constants, so that every node counts the same.", true},
		{"scan-order", "SCAN and KEYS list keys in their order, RANDOMKEY picks by another rule, and SCAN's cursors are other numbers.",
			"The keys are kept in order, so that a listing by prefix costs only what it lists. Redis' order follows from " +
				"its hash function and is different in every process.", false},
		{"scan-page", "A page of SCAN visits at most 2,000 keys, whatever COUNT says.",
			"A page runs between writes and must not hold them up. COUNT is a hint in Redis too.", false},
		{"scan-cursor", "SCAN with a cursor that no SCAN has replied begins anew.",
			"Redis goes on somewhere in its hash table. Nothing is lost either way.", true},
		{"keys-bound", "KEYS with a pattern that is very expensive on very many keys is refused with an error.",
			"One command may not take the server's time for itself.", false},
		{"past-time", "A key that is set with an absolute time in the past (SET … PXAT 1) is gone at once.",
			"Redis keeps it until something touches it, and counts it in DBSIZE until then.", true},
		{"swapdb", "SWAPDB refuses databases that hold more than 1,000 keys together.",
			"Each key changes its place, so each needs a new fencing token, and all that in one log entry.", false},
		{"clock", "Relative times to live are counted by the cluster clock, absolute ones are converted by the leader's wall clock when the command is logged.",
			"A step of a wall clock, a pause or a failover must not end a lock early. What PEXPIRETIME shows can therefore " +
				"move by the difference of the two clocks.", false},
		{"config", "CONFIG knows lockd's settings; times and sizes may have units, and appendonly is yes.",
			"Nothing is acknowledged before it is on disk. Words of redis.conf that clients and tools ask for are answered too.", true},
		{"readonly", "READONLY and READWRITE are accepted.",
			"Redis takes them with its cluster mode only. Here they will ask for reads that may be stale, from the node itself.", true},
		{"time", "TIME is the leader's wall clock when the command's log entry was cut.",
			"All nodes and scripts must see the same time.", false},
		{"command-info", "COMMAND describes lockd's own commands too and has no notes on key specifications; COMMAND DOCS has lockd's own texts.",
			"They are read from lockd's command table, in which TIME is a read, for its time comes with the log.", true},
		{"zero-bytes", "An option or command word that holds a zero byte is not cut there.",
			"Redis compares such words as C strings: NX\\x00 counts as NX.", true},
		{"numbers-x86", "INCRBYFLOAT computes as Redis does on x86, on every kind of machine.",
			"Redis' long double differs between processors; a replicated state may not.", false},
		{"lua-syntax", "What a script that cannot be compiled is told names the line and the word, not always in Lua's words.",
			"Another compiler reads it.", true},
		{"script-undo", "A script that fails has done nothing: what it wrote before is taken back.",
			"Redis keeps what was written until then. A script that returns an error has not failed.", true},
		{"script-budget", "A script ends with an error after about 500,000 instructions or 24 MiB; SCRIPT KILL has nothing to kill.",
			"It runs on every node, with nothing beside it. Redis lets it run, and answers BUSY to everybody else.", true},
		{"script-cache", "Scripts are known to all nodes and survive a restart; of those that came by EVAL the last 500 stay.",
			"EVALSHA gets NOSCRIPT only if nobody has loaded the script.", false},
		{"script-lua", "There are no coroutines, no string.dump and no metatable of the globals, and redis.log writes nothing; pairs goes in the order in which keys came.",
			"Every node must come to the same end, and a script runs on all of them.", true},
		{"multi-size", "A transaction has at most 10,000 commands of 4 MiB together.", "It becomes one entry of the log.", false},
		{"wait", "WAIT and WAITAOF reply at once, also on a follower, and no replicas on a node that is alone.",
			"What was answered is on disk on a majority already; there is nothing to wait for. " +
				"What the number says is in discovery.md.", false},
		{"role", "Offsets in ROLE and INFO are indexes of the Raft log; a follower says slave and slave_read_only:0.",
			"Clients look for the master by these words, and any node takes any command.", false},
		{"refused", "CLIENT PAUSE, MONITOR, CONFIG REWRITE and most of ACL answer with an error that says why.",
			"lockd has one user, and never writes its file; a pause would keep holders from renewing their locks.", false},
		{"pushes", "What a command pushes to its own connection comes after its reply, unless it has waited; what several patterns match comes in their order.",
			"Redis 7.2 does so too; 7.0 writes the push first.", false},
		{"pubsub", "Channels are those of the whole cluster, and a subscription ends when its node falls behind or is not heard: " +
			"the connection is closed then. A pattern that takes more than 16,384 steps to compare with a channel does not match it.",
			"Its client subscribes anew and knows that it may have missed messages.", false},
		{"tracking", "Client-side caching: what a script declares is tracked, and CLIENT TRACKING's REDIRECT must be a connection of the same node. " +
			"With BCAST each key is told by itself.", "What a script reads is not known before it runs.", false},
		{"events", "notify-keyspace-events holds for the node where it is set: its clients get the events of all nodes. e, t, d and m bring nothing.",
			"Nothing is evicted, and there are no streams and modules.", false},
		{"clients", "CLIENT LIST, KILL and UNBLOCK are about the connections of all nodes; one that does not answer within a second is left out.",
			"A client does not know by which node another one is connected.", false},
		{"client-names", "A client's name, and what it says of its library, have at most 1,024 bytes; CLIENT LIST shows fd=-1.",
			"Each connection keeps them.", false},
		{"slowlog", "SLOWLOG counts from submission to reply, a pipeline's commands as one entry, and does not show owners and values.",
			"The way through the log is what a client feels. An owner is the proof by which a holder renews and releases. " +
				"Time spent waiting for a lock is not counted, as in Redis.", false},
		{"latency", "LATENCY knows the events command, fast-command and fsync; HISTOGRAM's bounds are exact powers of two; " +
			"DOCTOR, GRAPH, MEMORY DOCTOR and LOLWUT have texts of their own.",
			"There is no fork and no eviction to be slow.", false},
		{"snapshots", "SAVE, BGSAVE and LASTSAVE are about Raft snapshots; SHUTDOWN takes one only with SAVE.",
			"Every answered write is in the log on disk.", false},
		{"debug", "DEBUG SLEEP holds up its own connection only, and DEBUG SET-ACTIVE-EXPIRE 0 is refused.",
			"Neither may stand in the way of other clients' locks.", false},
		{"info", "INFO leaves out fields that would have no true value here, and has the sections Locks, Raft and Clock. " +
			"It reports a Redis version of 7.2, and that of lockd beside it.",
			"Clients choose what they send by the version.", false},
		{"types", "There are no streams, no geographical indexes, no bitmaps and no HyperLogLog, and no SORT, LCS, DUMP, RESTORE and FUNCTION: " +
			"their commands are unknown.",
			"No lock library needs them.", false},
		{"redis72", "Where Redis 7.2 differs from 7.0 lockd does as 7.2: ZRANK and ZREVRANK take WITHSCORE, scores have as few digits as " +
			"say the same number, a small list and a small set are a listpack, LPOS refuses the lowest RANK that there is, and a timeout " +
			"beyond all time is out of range.",
			"It reports a version of 7.2.", true},
		{"value-order", "Fields of hashes and members of sets come in the order of their names, also from HSCAN, SSCAN and ZSCAN.",
			"Redis' order follows from how it stores them, and changes with their number. Here every node must have the same.", false},
		{"negative-zero", "The score -0 is 0 at once.", "Redis keeps it or not, by how it stores the set.", false},
		{"random-members", "SPOP, SRANDMEMBER, HRANDFIELD and ZRANDMEMBER choose by a number that the log entry carries, and reply at most " +
			"1,048,576 members where a negative count asks for more than there are.",
			"All nodes must choose alike.", false},
		{"blocked-types", "A command that waits at several keys passes over one that has become of another type meanwhile.",
			"As Redis 7.0; Redis 7.2 answers WRONGTYPE if another of its keys then has an element.", false},
	}
}

// differencesFile is written for people; this list is where it is changed.
func differencesFile() string { return filepath.Join("..", "docs", "differences.md") }

func differencesPage() string {
	var b strings.Builder
	b.WriteString("# Where lockd differs from Redis on purpose\n\n" +
		"The differential test (`compat_test`) sends each command in many forms to redis-server 7.0.15 and to lockd and\n" +
		"compares the bytes of the replies. What may differ is listed here and nowhere else. This page is written by\n" +
		"`go test ./compat_test -run Differences -update` from the list in `compat_test/differences_test.go`.\n\n" +
		"| | What is different | Why |\n|---|---|---|\n")
	for _, d := range differences() {
		b.WriteString("| " + d.id + " | " + d.title + " | " + d.reason + " |\n")
	}
	return b.String()
}

func TestDifferencesPage(t *testing.T) {
	want := differencesPage()
	if *updateRecord {
		if err := os.WriteFile(differencesFile(), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(differencesFile())
	if err != nil || string(got) != want {
		t.Errorf("docs/differences.md is not what the list says: go test ./compat_test -run Differences -update (%v)", err)
	}
}
