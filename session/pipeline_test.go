// Pipelines: every command gets its reply, in its place and in its protocol, whatever stands around it. And
// connections as CLIENT sees them.

package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/divtxt/lockd/commands"
)

// TestPipelines sends each pipeline in one piece and compares all that comes back.
func TestPipelines(t *testing.T) {
	hello3 := func(id int) string {
		return "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n" +
			fmt.Sprintf(":%d\r\n", id) + "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"
	}
	hello2 := strings.Replace(strings.Replace(hello3(1), "%7", "*14", 1), ":3", ":2", 1)
	const pong = "+PONG\r\n"
	for _, c := range []struct{ name, send, want string }{
		{"the order of replies is kept", "GET a | PING | GET b | ECHO x | SET c 1 | CLIENT GETNAME | GET d",
			"$6\r\na in 0\r\n+PONG\r\n$6\r\nb in 0\r\n$1\r\nx\r\n+OK\r\n$-1\r\n$6\r\nd in 0\r\n"},
		{"SELECT counts for what follows only", "GET a | SELECT 3 | GET a | SELECT 16 | GET a",
			"$6\r\na in 0\r\n+OK\r\n$6\r\na in 3\r\n-ERR DB index is out of range\r\n$6\r\na in 3\r\n"},
		{"errors have their places", "GET a | FOO | GET | GET b",
			"$6\r\na in 0\r\n-ERR unknown command 'FOO', with args beginning with: \r\n" +
				"-ERR wrong number of arguments for 'get' command\r\n$6\r\nb in 0\r\n"},
		{"REPLY OFF", "GET a | CLIENT REPLY OFF | PING | GET a | FOO | CLIENT REPLY ON | PING",
			"$6\r\na in 0\r\n+OK\r\n" + pong},
		{"REPLY SKIP", "GET a | CLIENT REPLY SKIP | GET b | PING", "$6\r\na in 0\r\n" + pong},
		{"REPLY SKIP of an error", "CLIENT REPLY SKIP | FOO | PING", pong},
		{"REPLY SKIP twice", "CLIENT REPLY SKIP | CLIENT REPLY SKIP | PING | ECHO a", "$1\r\na\r\n"},
		{"REPLY SKIP, then ON", "CLIENT REPLY SKIP | CLIENT REPLY ON | ECHO a", "+OK\r\n$1\r\na\r\n"},
		{"REPLY SKIP while OFF", "CLIENT REPLY OFF | CLIENT REPLY SKIP | PING | PING | CLIENT REPLY ON | PING", "+OK\r\n" + pong},
		{"RESET ends REPLY OFF", "CLIENT REPLY OFF | PING | RESET | PING", "+RESET\r\n" + pong},
		{"HELLO 3 counts from its own reply on", "GET missing | HELLO 3 | GET missing | CLIENT GETNAME",
			"$-1\r\n" + hello3(1) + "_\r\n_\r\n"},
		{"HELLO 3 that fails changes nothing", "HELLO 3 FOO | GET missing",
			"-ERR Syntax error in HELLO option 'FOO'\r\n$-1\r\n"},
		{"HELLO 2 after 3", "HELLO 3 | HELLO 2 | GET missing", hello3(1) + hello2 + "$-1\r\n"},
		{"HELLO names", "HELLO 2 SETNAME me | CLIENT GETNAME", hello2 + "$2\r\nme\r\n"},
		{"RESET goes back to RESP2", "HELLO 3 | SELECT 2 | CLIENT SETNAME x | RESET | GET missing | GET a | CLIENT GETNAME",
			hello3(1) + "+OK\r\n+OK\r\n+RESET\r\n$-1\r\n$6\r\na in 0\r\n$-1\r\n"},
		{"flushing is switched off by name", "FLUSHALL", "+OK\r\n"},
		{"a key that is too long", "GET " + strings.Repeat("k", 65) + " | GET a",
			"-ERR a key has at most 64 bytes, this one has 65: raise max-key-bytes if you need to\r\n$6\r\na in 0\r\n"},
		{"one of several keys that is too long", "MLOCK 2 k " + strings.Repeat("k", 65) + " a 1000 | GET a",
			"-ERR a key has at most 64 bytes, this one has 65: raise max-key-bytes if you need to\r\n$6\r\na in 0\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := startBench(t).dial()
			k.send(strings.Split(c.send, " | ")...)
			k.exactly(c.want)
		})
	}
}

func TestQuitInAPipeline(t *testing.T) {
	k := startBench(t).dial()
	k.send("GET a", "QUIT", "GET b", "PING")
	k.ends("$6\r\na in 0\r\n+OK\r\n")
}

func TestFlushSwitchedOff(t *testing.T) {
	b := startBench(t)
	b.policy(func(p *Policy) { p.EnableFlush = false })
	k := b.dial()
	k.send("FLUSHALL", "FLUSHDB ASYNC")
	k.exactly("-ERR flushall is switched off here: start lockd with --enable-flush yes to allow it\r\n" +
		"-ERR flushdb is switched off here: start lockd with --enable-flush yes to allow it\r\n")
}

// TestOneGroup: commands for the state that stand together are submitted together, PING between them or not.
func TestOneGroup(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	k.send("GET a", "SET b 1", "PING", "GET c", "CLIENT ID", "GET d")
	k.exactly("$6\r\na in 0\r\n+OK\r\n+PONG\r\n$6\r\nc in 0\r\n:1\r\n$6\r\nd in 0\r\n")
	b.node.mu.Lock()
	defer b.node.mu.Unlock()
	if !slices.Equal(b.node.groups, []int{3, 1}) { // CLIENT waits for what is before it
		t.Errorf("groups of %v", b.node.groups)
	}
}

func TestAuth(t *testing.T) {
	const (
		noAuth = "-NOAUTH Authentication required.\r\n"
		wrong  = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
		noHi   = "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> " +
			"AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version " +
			"at the same time\r\n"
	)
	for _, c := range []struct{ name, send, want string }{
		{"each command gets its refusal", "GET a | PING | SELECT 1 | CLIENT ID | INFO", strings.Repeat(noAuth, 5)},
		{"a wrong password", "AUTH wrong | GET a | PING", wrong + noAuth + noAuth},
		{"the right one", "GET a | AUTH sesame | GET a", noAuth + "+OK\r\n$6\r\na in 0\r\n"},
		{"with the user", "AUTH default sesame | GET a", "+OK\r\n$6\r\na in 0\r\n"},
		{"another user", "AUTH alice sesame | GET a", wrong + noAuth},
		{"a wrong one does not log out", "AUTH sesame | AUTH wrong | GET a", "+OK\r\n" + wrong + "$6\r\na in 0\r\n"},
		{"HELLO alone", "HELLO 3 | GET missing", noHi + noAuth},
		{"HELLO with a wrong password", "HELLO 3 AUTH default wrong | GET missing", wrong + noAuth},
		{"unknown commands are told apart first", "FOO", "-ERR unknown command 'FOO', with args beginning with: \r\n"},
		{"RESET logs out", "AUTH sesame | RESET | GET a", "+OK\r\n+RESET\r\n" + noAuth},
		{"a handshake that fails", "HELLO 3 AUTH default x | CLIENT SETINFO LIB-NAME x | SELECT 2 | PING",
			wrong + strings.Repeat(noAuth, 3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := startBench(t)
			if err := b.settings.SetPairs([]string{"requirepass", "sesame"}); err != nil {
				t.Fatal(err)
			}
			k := b.dial()
			k.send(append(strings.Split(c.send, " | "), "QUIT")...)
			k.ends(c.want + "+OK\r\n")
		})
	}
}

// TestPasswordChanges: who is in stays in; who is not needs no password once there is none.
func TestPasswordChanges(t *testing.T) {
	b := startBench(t)
	in := b.dial()
	in.send("PING", "CONFIG SET requirepass sesame", "PING")
	in.exactly("+PONG\r\n+OK\r\n+PONG\r\n")
	out := b.dial()
	out.send("PING")
	out.want("-NOAUTH Authentication required.\r\n")
	in.send("INFO stats", `CONFIG SET requirepass ""`)
	eventually(t, "no password", func() bool { return b.hub.policy.Load().Password == nil })
	out.send("PING", "HELLO 2 SETNAME x", "ACL WHOAMI")
	out.want("+PONG\r\n*14\r\n")
	if strings.Contains(b.logged.String(), "sesame") {
		t.Error("the password is in the log")
	}
}

func TestSharedState(t *testing.T) {
	b := startBench(t)
	k, other := b.dial(), b.dial()
	other.send("CLIENT SETNAME worker-1", "CLIENT SETINFO LIB-NAME lib", "CLIENT SETINFO LIB-VER 1.2", "SELECT 5",
		"READONLY", "CLIENT NO-EVICT ON", "CLIENT NO-TOUCH ON", "GET a")
	other.exactly(strings.Repeat("+OK\r\n", 7) + "$5\r\nstale\r\n")
	k.exactly("")
	list := k.text("CLIENT LIST")
	lines := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), list)
	}
	for _, want := range []string{
		" name=worker-1 ", " db=5 ", " flags=reT ", " cmd=echo ", " user=default ", " resp=2 ", " lib-name=lib lib-ver=1.2",
		" addr=" + other.conn.LocalAddr().String() + " laddr=" + b.addr + " ",
	} {
		if !strings.Contains(lines[1]+lines[0], want) {
			t.Errorf("%q is not in %s", want, list)
		}
	}
	if !strings.Contains(list, "cmd=client|list") {
		t.Errorf("the one that asks is not in CLIENT LIST: %s", list)
	}
	if got := k.text(fmt.Sprintf("CLIENT LIST ID %d 77", k.id())); strings.Count(got, "\n") != 1 {
		t.Errorf("one by number: %s", got)
	}
	if got := k.text("CLIENT INFO"); !strings.Contains(got, "cmd=client|info") || strings.Count(got, "\n") != 1 {
		t.Errorf("CLIENT INFO: %s", got)
	}
	if got := k.text("CLIENT LIST TYPE normal"); strings.Count(got, "\n") != 2 {
		t.Errorf("by type: %s", got)
	}
}

func TestKill(t *testing.T) {
	b := startBench(t)
	k, other, third := b.dial(), b.dial(), b.dial()
	k.exactly("")
	id, _ := other.id(), third.id()
	k.send(fmt.Sprintf("CLIENT KILL ID %d", id))
	k.exactly(":1\r\n")
	other.ends("")
	k.send("CLIENT KILL " + third.conn.LocalAddr().String())
	k.exactly("+OK\r\n")
	third.ends("")
	fourth := b.dial()
	fourth.exactly("")
	k.send("CLIENT KILL TYPE normal", "PING")
	k.exactly(":1\r\n+PONG\r\n")
	fourth.ends("")
	k.send("CLIENT KILL TYPE normal USER default LADDR "+b.addr+" SKIPME no", "PING")
	k.ends(":1\r\n")
	fifth := b.dial()
	fifth.send("CLIENT KILL "+fifth.conn.LocalAddr().String(), "PING")
	fifth.ends("+OK\r\n")
	eventually(t, "all are gone", func() bool { return len(b.hub.all()) == 0 })
}

func TestKillMaxAge(t *testing.T) {
	f := &clientFilter{Older: time.Minute}
	c := &conn{}
	c.shown.Conn = commands.Conn{ID: 1, Created: time.Now().Add(-time.Hour)}
	if !f.fits(c, time.Now()) {
		t.Error("an old connection is spared")
	}
	c.shown.Created = time.Now()
	if f.fits(c, time.Now()) {
		t.Error("a new one is not")
	}
}

func TestDebug(t *testing.T) {
	b := startBench(t)
	b.policy(func(p *Policy) { p.Debug = "local" })
	k := b.dial()
	k.send("DEBUG SLEEP 0.01", "DEBUG ERROR BAD_thing", "DEBUG LOG hello", "DEBUG SET-ACTIVE-EXPIRE 1",
		"DEBUG PROTOCOL array", "DEBUG PROTOCOL map", "DEBUG PROTOCOL foo", "DEBUG FOO", "DEBUG SLEEP x",
		"DEBUG SET-ACTIVE-EXPIRE 0")
	k.exactly("+OK\r\n-BAD thing\r\n+OK\r\n+OK\r\n*3\r\n:0\r\n:1\r\n:2\r\n*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n" +
		"-ERR Wrong protocol type name. Please use one of the following: " +
		"string|integer|double|bignum|null|array|set|map|verbatim|true|false\r\n" +
		"-ERR unknown subcommand or wrong number of arguments for 'FOO'. Try DEBUG HELP.\r\n" +
		"-ERR value is not a valid float\r\n-ERR expiry cannot be switched off here: it is part of the log\r\n")
	k.send("DEBUG SLEEP 1000")
	k.silent()
	k.conn.Close()
	eventually(t, "the sleeper is gone", func() bool { return len(b.hub.all()) == 0 })
	far := commands.Conn{Addr: "192.0.2.1:99"}
	if b.hub.mayDebug(&far) {
		t.Error("local lets in another machine")
	}
	b.policy(func(p *Policy) { p.Debug = "yes" })
	if !b.hub.mayDebug(&far) {
		t.Error("yes does not let in another machine")
	}
}

// TestKinds asks for one value of each kind in RESP3.
func TestKinds(t *testing.T) {
	b := startBench(t)
	b.policy(func(p *Policy) { p.Debug = "yes" })
	k := b.dial()
	k.send("HELLO 3")
	k.read(len("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n" +
		"$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"))
	for kind, want := range map[string]string{
		"string": "$11\r\nHello World\r\n", "integer": ":12345\r\n", "null": "_\r\n", "set": "~3\r\n:0\r\n:1\r\n:2\r\n",
		"map": "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n", "true": "#t\r\n", "false": "#f\r\n",
		"verbatim": "=29\r\ntxt:This is a verbatim\nstring\r\n", "double": ",3.141\r\n",
	} {
		k.send("DEBUG PROTOCOL " + kind)
		if kind == "double" {
			if got := k.read(1); got != "," {
				t.Errorf("double: %q", got)
			}
			_, _ = k.in.ReadString('\n')
			continue
		}
		k.want(want)
	}
	k.send("DEBUG HELP")
	k.want("*")
}
