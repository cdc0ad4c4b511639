// What clients send when they connect, in their order and in one pipeline, as it was seen on the wire or read
// in their source: each command must get exactly one reply, and the right one, also in a handshake that
// fails.
package compat_test

import (
	"regexp"
	"strings"
	"testing"
)

// exchange is one command and what its raw reply must look like.
type exchange struct{ send, want string }

// handshake is what one client sends.
type handshake struct {
	client string
	steps  []exchange
}

const (
	isOK         = `^\+OK\r\n$`
	isHello2     = `^\*14\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n\$7\r\nversion\r\n\$5\r\n7\.2\.\d\r\n\$5\r\nproto\r\n:2\r\n\$2\r\nid\r\n:\d+\r\n\$4\r\nmode\r\n\$10\r\nstandalone\r\n\$4\r\nrole\r\n\$6\r\nmaster\r\n\$7\r\nmodules\r\n\*0\r\n$`
	isHello3     = `^%7\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n\$7\r\nversion\r\n\$5\r\n7\.2\.\d\r\n\$5\r\nproto\r\n:3\r\n\$2\r\nid\r\n:\d+\r\n\$4\r\nmode\r\n\$10\r\nstandalone\r\n\$4\r\nrole\r\n\$6\r\nmaster\r\n\$7\r\nmodules\r\n\*0\r\n$`
	isNoMaint    = `^-ERR unknown subcommand '(?i:MAINT_NOTIFICATIONS)'\. Try CLIENT HELP\.\r\n$`
	isNoCluster  = `^-ERR This instance has cluster support disabled\r\n$`
	isNoSentinel = `^-ERR unknown command 'SENTINEL', with args beginning with: '\w+' \r\n$`
	isInfo       = `^[$=]\d+\r\n(txt:)?# Server\r\nredis_version:7\.2\.\d\r\n`
	isLoaded     = `\r\nloading:0\r\n`
	isMaster     = `\r\nrole:master\r\n`
	isRole       = `^\*3\r\n\$6\r\nmaster\r\n:\d+\r\n\*0\r\n$`
	isPong       = `^\+PONG\r\n$`
	isID         = `^:\d+\r\n$`
	isNoAuth     = `^-NOAUTH `
	isWrongPass  = `^-WRONGPASS invalid username-password pair or user is disabled\.\r\n$`
	isSubscribed = `^[*>]3\r\n\$9\r\nsubscribe\r\n`
)

// setInfo is what most of them say about themselves.
func setInfo(name, version string) []exchange {
	return []exchange{{"CLIENT SETINFO LIB-NAME " + name, isOK}, {"CLIENT SETINFO LIB-VER " + version, isOK}}
}

func maint(word string) exchange {
	return exchange{"CLIENT " + word + " ON moving-endpoint-type internal-ip", isNoMaint}
}

func join(parts ...[]exchange) (all []exchange) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// openHandshakes are those with a server that asks for no password.
func openHandshakes() []handshake {
	const raw = "\x00\xff\r\n\x01\x80binary\x7f\n"
	tracer := exchange{"ECHO " + raw, `^\$14\r\n`}
	return []handshake{
		{"redis-py 8", join([]exchange{{"HELLO 3", isHello3}, maint("MAINT_NOTIFICATIONS"), {"CLIENT SETNAME app", isOK}},
			setInfo("redis-py", "8.1.0"), []exchange{{"SELECT 2", isOK}})},
		{"redis-py 7", join(setInfo("redis-py", "7.4.1"), []exchange{{"SELECT 0", isOK}})},
		{"node-redis 6", []exchange{{"HELLO 3", isHello3}, {"SELECT 1", isOK}, {"CLIENT SETINFO LIB-VER 6.3.1", isOK},
			{"CLIENT SETINFO LIB-NAME node-redis", isOK}, maint("MAINT_NOTIFICATIONS")}},
		{"node-redis 4", join(setInfo("node-redis", "4.7.0"), []exchange{{"SELECT 1", isOK}})},
		{"ioredis 6", []exchange{{"hello 3", isHello3}, {"client SETINFO LIB-VER 6.0.0", isOK},
			{"client SETINFO LIB-NAME ioredis", isOK}, {"info", isInfo}}},
		{"ioredis 5", join(setInfo("ioredis", "5.8.0"), []exchange{{"client setname x", isOK}, {"select 3", isOK},
			{"info", isLoaded}, {"info", isMaster}})},
		{"go-redis 9", join([]exchange{{"hello 3 setname app", isHello3}, {"select 4", isOK}, {"readonly", isOK},
			maint("maint_notifications")}, setInfo("go-redis(,go1.26)", "9.23.0"))},
		{"rueidis", join([]exchange{{"HELLO 3 SETNAME app", isHello3}, {"CLIENT TRACKING ON OPTIN", isOK}, {"SELECT 1", isOK}},
			setInfo("rueidis", "1.0.79"), []exchange{{"CLUSTER SLOTS", isNoCluster}, {"CLUSTER SHARDS", isNoCluster}, {"PING", isPong}})},
		{"redigo", []exchange{{"CLIENT SETNAME app", isOK}, {"SELECT 1", isOK}, {"PING", isPong}}},
		{"Lettuce 7", join([]exchange{{"HELLO 3 SETNAME app", isHello3}, {"SELECT 1", isOK}, {"READONLY", isOK}},
			[]exchange{{"CLIENT SETINFO lib-name Lettuce", isOK}, {"CLIENT SETINFO lib-ver 7.7.0", isOK}, maint("MAINT_NOTIFICATIONS")})},
		{"Jedis 8", join([]exchange{{"HELLO 3", isHello3}, {"CLIENT SETNAME app", isOK}}, setInfo("jedis", "8.0.2"),
			[]exchange{{"READONLY", isOK}, {"SELECT 1", isOK}})},
		{"Redisson", []exchange{{"SELECT 1", isOK}, {"CLIENT SETNAME app", isOK}, {"PING", isPong}, {"INFO replication", isMaster},
			{"WAIT 0 1000", `^:0\r\n$`}, {"WAITAOF 1 0 1000", `^\*2\r\n:1\r\n:0\r\n$`}}},
		{"StackExchange.Redis 3, RESP2", stackExchange("2", isHello2, tracer)},
		{"StackExchange.Redis 3, RESP3", stackExchange("3", isHello3, tracer)},
		{"redis-rb 5", join([]exchange{{"HELLO 3", isHello3}, {"SELECT 1", isOK}}, setInfo("redis-client(redis-rb_v5)", "0.30"),
			[]exchange{{"CLIENT SETNAME app", isOK}, {"ROLE", isRole}})},
		{"predis 3", join([]exchange{{"HELLO 2 SETNAME predis", isHello2}}, setInfo("predis", "3.2.0"), []exchange{{"SELECT 1", isOK}})},
		{"phpredis 6", []exchange{{"SELECT 1", isOK}, tracer, {"PING", isPong}, {"ECHO phpredis", `^\$8\r\nphpredis\r\n$`}}},
		{"redis-rs 1", join([]exchange{{"SELECT 1", isOK}}, setInfo("redis-rs", "1.8.1"))},
		{"redix", []exchange{{"SELECT 1", isOK}, {"CLIENT SETNAME app", isOK}, {"ROLE", isRole},
			{"AUTH", `^-ERR wrong number of arguments for 'auth' command\r\n$`}}},
		{"redis-cli", []exchange{{"HELLO 3", isHello3}, {"COMMAND DOCS", `^%\d+\r\n`}, {"INFO SERVER", isInfo}, {"COMMAND", `^\*\d+\r\n`}}},
		{"redis_exporter", []exchange{{"PING", isPong}, {"CLIENT SETNAME redis_exporter", isOK}, {"INFO ALL", isInfo},
			{"CONFIG GET *", `^\*\d+\r\n.*\$9\r\ndatabases\r\n\$2\r\n16\r\n`}, {"LATENCY LATEST", `^\*0\r\n$`},
			{"LATENCY HISTOGRAM", `^\*\d+\r\n`}, {"SLOWLOG LEN", `^:\d+\r\n$`}, {"SLOWLOG GET 1", `^\*[01]\r\n`},
			{"COMMAND INFO COMMANDLOG", `^\*1\r\n\*?\$?-1\r\n$`}, {"CLIENT LIST", `^\$\d+\r\nid=`}, {"INFO MODULES", `# Modules`}}},
		{"RedisInsight", []exchange{{"SENTINEL MASTERS", isNoSentinel}, {"CLUSTER INFO", isNoCluster}, {"MODULE LIST", `^\*0\r\n$`},
			{"INFO", isInfo}, {"HELLO", isHello2}, {"CONFIG GET databases", `^\*2\r\n\$9\r\ndatabases\r\n\$2\r\n16\r\n$`},
			{"DBSIZE", `^:\d+\r\n$`}, {"INFO keyspace", `# Keyspace`}, {"SCAN 0 MATCH * COUNT 500", `^\*2\r\n`},
			{"MEMORY USAGE nokey SAMPLES 0", `^\$-1\r\n$`}}},
	}
}

func stackExchange(proto, hello string, tracer exchange) []exchange {
	return []exchange{
		{"HELLO " + proto, hello}, {"CLIENT SETNAME app", isOK}, {"CLIENT SETINFO lib-name SE.Redis", isOK},
		{"CLIENT SETINFO lib-ver 3.1", isOK}, {"CLIENT ID", isID},
		{"CONFIG GET timeout", `^[%*][12]\r\n\$7\r\ntimeout\r\n\$1\r\n0\r\n$`},
		{"CONFIG GET slave-read-only", `^[%*]\d\r\n`}, {"CONFIG GET replica-read-only", `^[%*]\d\r\n`},
		{"CONFIG GET databases", `^[%*][12]\r\n\$9\r\ndatabases\r\n\$2\r\n16\r\n$`},
		{"SENTINEL MASTERS", isNoSentinel}, {"INFO replication", isMaster}, {"INFO server", `\r\nredis_mode:standalone\r\n`},
		{"CLUSTER NODES", isNoCluster}, {"GET __Booksleeve_TieBreak", `^(\$-1|_)\r\n$`}, tracer,
		{"SUBSCRIBE __Booksleeve_MasterChanged", isSubscribed},
	}
}

// closedHandshakes are those with a server that asks for the password sesame.
func closedHandshakes() []handshake {
	refused := func(hello string) []exchange {
		return []exchange{{hello, isNoAuth}, {"CLIENT SETINFO LIB-NAME x", isNoAuth}, {"CLIENT MAINT_NOTIFICATIONS ON", `^-`},
			{"SELECT 1", isNoAuth}, {"CLUSTER SLOTS", isNoAuth}, {"INFO", isNoAuth}, {"PING", isNoAuth}}
	}
	return []handshake{
		{"redis-py 8", []exchange{{"HELLO 3 AUTH default sesame", isHello3}, maint("MAINT_NOTIFICATIONS"), {"SELECT 2", isOK}}},
		{"AUTH with one word", []exchange{{"AUTH sesame", isOK}, {"SELECT 1", isOK}}},
		{"AUTH with two words", []exchange{{"AUTH default sesame", isOK}, {"SELECT 1", isOK}, {"CLIENT SETNAME app", isOK}}},
		{"StackExchange.Redis", []exchange{{"AUTH sesame", isOK}, {"HELLO 3", isHello3}, {"CLIENT ID", isID}}},
		{"predis falls back", []exchange{{"HELLO 2 AUTH alice sesame SETNAME predis", isWrongPass}, {"AUTH sesame", isOK},
			{"CLIENT SETNAME predis", isOK}}},
		{"no password, HELLO 3", refused("HELLO 3")},
		{"no password, HELLO 2 with a name", refused("HELLO 2 SETNAME app")},
		{"a wrong one", []exchange{{"HELLO 3 AUTH default simsim", isWrongPass}, {"AUTH simsim", isWrongPass},
			{"AUTH", `^-ERR wrong number of arguments for 'auth' command\r\n$`}, {"GET a", isNoAuth}, {"NOSUCH", `^-ERR unknown command 'NOSUCH'`},
			{"AUTH a b c", `^-ERR syntax error\r\n$`}, {"AUTH sesame", isOK}, {"GET a", `^\$-1\r\n$`}}},
	}
}

func TestHandshakes(t *testing.T) {
	addr := startLockd(t)
	play := func(t *testing.T, h handshake) {
		t.Helper()
		p := connect(t, addr, 2)
		var pipeline [][]string
		for _, s := range h.steps {
			pipeline = append(pipeline, wordsOf(s.send))
		}
		// A bare PING cannot be told apart from another reply too many; one with words of its own can.
		pipeline = append(pipeline, []string{"PING", "that was all"})
		replies, err := p.do(pipeline, true)
		if err != nil {
			t.Fatalf("after %d replies: %v", len(replies), err)
		}
		for i, s := range h.steps {
			if !regexp.MustCompile(`(?s)` + s.want).MatchString(replies[i]) {
				t.Errorf("%q: %q is not like %s", s.send, replies[i], s.want)
			}
		}
		last := replies[len(replies)-1]
		if !strings.Contains(last, "that was all") && !strings.HasPrefix(last, "-NOAUTH") || p.in.Buffered() > 0 {
			t.Errorf("the replies do not end where they should: %q", last)
		}
	}
	for _, h := range openHandshakes() {
		t.Run(h.client, func(t *testing.T) { play(t, h) })
	}
	admin := connect(t, addr, 2)
	if replies, err := admin.do([][]string{{"CONFIG", "SET", "requirepass", "sesame"}}, true); err != nil || replies[0] != "+OK\r\n" {
		t.Fatal(replies, err)
	}
	for _, h := range closedHandshakes() {
		t.Run("with a password: "+h.client, func(t *testing.T) { play(t, h) })
	}
}

// wordsOf splits at blanks only, so that the last word may hold any other byte.
func wordsOf(line string) []string { return strings.Split(line, " ") }
