// One command, one reply: the texts that clients compare.

package session

import (
	"strings"
	"testing"

	"github.com/divtxt/lockd/commands"
)

// TestReplies compares raw replies. Those of commands that Redis 7.0.15 has are what it replied, but where a
// case says why not.
func TestReplies(t *testing.T) {
	for _, c := range []struct{ send, want string }{
		{"CLIENT", "-ERR wrong number of arguments for 'client' command\r\n"},
		{"CLIENT FOO", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n"},
		{"CLIENT MAINT-NOTIFICATIONS ON", "-ERR unknown subcommand 'MAINT-NOTIFICATIONS'. Try CLIENT HELP.\r\n"},
		{"CLIENT ID x", "-ERR wrong number of arguments for 'client|id' command\r\n"},
		{"CLIENT GETNAME", "$-1\r\n"},
		{"CLIENT SETNAME a_b", "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"},
		{"CLIENT SETNAME " + strings.Repeat("x", 1025), "-ERR Client names cannot be longer than 1024 bytes.\r\n"},
		{"CLIENT SETNAME " + strings.Repeat("x", 1024), "+OK\r\n"},
		{"CLIENT LIST TYPE foo", "-ERR Unknown client type 'foo'\r\n"},
		{"CLIENT LIST TYPE pubsub", "$0\r\n\r\n"},
		{"CLIENT LIST ID x", "-ERR Invalid client ID\r\n"},
		{"CLIENT LIST ID", "-ERR syntax error\r\n"},
		{"CLIENT LIST FOO", "-ERR syntax error\r\n"},
		{"CLIENT LIST ID 98 99", "$0\r\n\r\n"},
		{"CLIENT TRACKINGINFO", "*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0\r\n"},
		{"CLIENT GETREDIR", ":-1\r\n"},
		{"CLIENT CACHING yes", "-ERR CLIENT CACHING can be called only when the client is in tracking mode with " +
			"OPTIN or OPTOUT mode enabled\r\n"},
		{"CLIENT TRACKING off", "+OK\r\n"},
		{"CLIENT TRACKING foo", "-ERR syntax error\r\n"},
		{"CLIENT KILL 1.2.3.4:5", "-ERR No such client\r\n"},
		{"CLIENT KILL ID 0", "-ERR client-id should be greater than 0\r\n"},
		{"CLIENT KILL ID x", "-ERR client-id should be greater than 0\r\n"},
		{"CLIENT KILL ID 999999", ":0\r\n"},
		{"CLIENT KILL TYPE foo", "-ERR Unknown client type 'foo'\r\n"},
		{"CLIENT KILL TYPE replica", ":0\r\n"},
		{"CLIENT KILL USER foo", "-ERR No such user 'foo'\r\n"},
		{"CLIENT KILL SKIPME foo", "-ERR syntax error\r\n"},
		{"CLIENT KILL ID", "-ERR No such client\r\n"},
		{"CLIENT KILL ADDR a LADDR b", ":0\r\n"},
		{"CLIENT KILL ADDR a LADDR", "-ERR syntax error\r\n"},
		{"CLIENT KILL FOO a", "-ERR syntax error\r\n"},
		{"CLIENT KILL MAXAGE x", "-ERR value is not an integer or out of range\r\n"},
		{"CLIENT KILL MAXAGE 1000000", ":0\r\n"},
		{"CLIENT REPLY foo", "-ERR syntax error\r\n"},
		{"CLIENT UNBLOCK x", "-ERR value is not an integer or out of range\r\n"},
		{"CLIENT UNBLOCK 99", ":0\r\n"},
		{"CLIENT UNBLOCK 5 foo", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n"},
		{"CLIENT PAUSE foo", "-ERR timeout is not an integer or out of range\r\n"},
		{"CLIENT PAUSE -1", "-ERR timeout is negative\r\n"},
		{"CLIENT UNPAUSE", "+OK\r\n"},
		{"CLIENT NO-EVICT foo", "-ERR syntax error\r\n"},
		{"CLIENT NO-EVICT on", "+OK\r\n"},
		{"CLIENT NO-TOUCH off", "+OK\r\n"},
		{"CLIENT SETINFO LIB-NAME redis-py", "+OK\r\n"},
		{"CLIENT SETINFO lib-ver 8.0", "+OK\r\n"},
		{"CLIENT SETINFO lib-ver 8_0", "-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n"},
		{"CLIENT SETINFO foo 8", "-ERR Unrecognized option 'foo'\r\n"},
		{"CONFIG GET", "-ERR wrong number of arguments for 'config|get' command\r\n"},
		{"CONFIG GET nosuch", "*0\r\n"},
		{"CONFIG GET maxmemory-policy", "*2\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n"},
		{"CONFIG GET MAXMEMORY maxm*y", "*4\r\n$9\r\nMAXMEMORY\r\n$3\r\n100\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n"},
		{"CONFIG SET maxmemory", "-ERR wrong number of arguments for 'config|set' command\r\n"},
		{"CONFIG SET maxmemory 1 foo", "-ERR syntax error\r\n"},
		{"CONFIG SET nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n"},
		{"CONFIG RESETSTAT", "+OK\r\n"},
		{"SLOWLOG GET x", "-ERR count should be greater than or equal to -1\r\n"},
		{"SLOWLOG GET -2", "-ERR count should be greater than or equal to -1\r\n"},
		{"SLOWLOG GET 1 2", "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.\r\n"},
		{"SLOWLOG LEN", ":0\r\n"},
		{"SLOWLOG RESET", "+OK\r\n"},
		{"LATENCY LATEST", "*0\r\n"},
		{"LATENCY HISTORY foo", "*0\r\n"},
		{"LATENCY GRAPH foo", "-ERR No samples available for event 'foo'\r\n"},
		{"LATENCY RESET", ":0\r\n"},
		{"LATENCY RESET a b", ":0\r\n"},
		{"LATENCY HISTOGRAM nosuch", "*0\r\n"},
		{"MEMORY PURGE", "+OK\r\n"},
		{"MODULE LIST", "*0\r\n"},
		{"MODULE UNLOAD x", "-ERR MODULE command not allowed. If the enable-module-command option is set to " +
			"\"local\", you can run it from a local connection, otherwise you need to set this option in the " +
			"configuration file, and then restart the server.\r\n"},
		{"ACL WHOAMI", "$7\r\ndefault\r\n"},
		{"ACL USERS", "*1\r\n$7\r\ndefault\r\n"},
		{"ROLE", "*3\r\n$6\r\nmaster\r\n:42\r\n*0\r\n"},
		{"WAIT x 1", "-ERR value is not an integer or out of range\r\n"},
		{"WAIT 1 x", "-ERR timeout is not an integer or out of range\r\n"},
		{"WAIT 1 -1", "-ERR timeout is negative\r\n"},
		{"WAIT 0 0", ":0\r\n"},
		{"WAIT 3 100000", ":0\r\n"},
		{"WAITAOF 1 0 0", "*2\r\n:1\r\n:0\r\n"},
		{"WAITAOF 2 0 0", "-ERR value is out of range, must be between 0 and 1\r\n"},
		{"WAITAOF 0 -1 0", "-ERR value is out of range, must be positive\r\n"},
		{"WAITAOF 0 0 x", "-ERR timeout is not an integer or out of range\r\n"},
		{"READONLY", "+OK\r\n"},  // stale reads are allowed then
		{"READWRITE", "+OK\r\n"}, // the same
		{"ASKING", "-ERR This instance has cluster support disabled\r\n"},
		{"CLUSTER", "-ERR wrong number of arguments for 'cluster' command\r\n"},
		{"CLUSTER NODES", "-ERR This instance has cluster support disabled\r\n"},
		{"CLUSTER HELP", "-ERR This instance has cluster support disabled\r\n"},
		{"CLUSTER FOO", "-ERR unknown subcommand 'FOO'. Try CLUSTER HELP.\r\n"},
		{"CLUSTER SLOTS x", "-ERR wrong number of arguments for 'cluster|slots' command\r\n"},
		{"CLUSTER KEYSLOT", "-ERR wrong number of arguments for 'cluster|keyslot' command\r\n"},
		{"SENTINEL MASTERS", "-ERR unknown command 'SENTINEL', with args beginning with: 'MASTERS' \r\n"},
		{"SHUTDOWN foo", "-ERR syntax error\r\n"},
		{"SHUTDOWN ABORT", "-ERR No shutdown in progress.\r\n"},
		{"SHUTDOWN SAVE NOSAVE", "-ERR syntax error\r\n"},
		{"SHUTDOWN NOW ABORT", "-ERR syntax error\r\n"},
		{"SAVE", "+OK\r\n"},
		{"BGSAVE foo", "-ERR syntax error\r\n"},
		{"LASTSAVE x", "-ERR wrong number of arguments for 'lastsave' command\r\n"},
		{"DEBUG", "-ERR wrong number of arguments for 'debug' command\r\n"},
		{"DEBUG SLEEP 0", "-ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", " +
			"you can run it from a local connection, otherwise you need to set this option in the configuration " +
			"file, and then restart the server.\r\n"},
		{"LOLWUT", "$17\r\nlockd ver. 0.0.0\n\r\n"},
		{"INFO foo", "$0\r\n\r\n"},
		{"INFO cluster foo", "$30\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n"},
		{"MONITOR x", "-ERR wrong number of arguments for 'monitor' command\r\n"},
		{"AUTH", "-ERR wrong number of arguments for 'auth' command\r\n"},
		{"AUTH a", "-ERR AUTH <password> called without any password configured for the default user. Are you " +
			"sure your configuration is correct?\r\n"},
		{"AUTH default b", "+OK\r\n"},
		{"AUTH other b", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"},
		{"AUTH a b c", "-ERR syntax error\r\n"},
		{"HELLO 4", "-NOPROTO unsupported protocol version\r\n"},
		{"HELLO a", "-ERR Protocol version is not an integer or out of range\r\n"},
		{"HELLO 2 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n"},
		{"HELLO 2 SETNAME a_b", "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"},
		{"HELLO 2 AUTH a", "-ERR Syntax error in HELLO option 'AUTH'\r\n"},
		{"RESET", "+RESET\r\n"},
	} {
		t.Run(c.send[:min(len(c.send), 40)], func(t *testing.T) {
			t.Parallel()
			k := startBench(t).dial()
			k.send(c.send)
			k.exactly(c.want)
		})
	}
}

// TestClearErrors: what is not here says so in a sentence of its own, on one line.
func TestClearErrors(t *testing.T) {
	for send, part := range map[string]string{
		"CLIENT PAUSE 100 WRITE": "neither renew nor release",
		"CONFIG REWRITE":         "never writes the file",
		"MONITOR":                "not available here yet",
		"ACL SETUSER x":          "ACL SETUSER is not available here yet",
	} {
		k := startBench(t).dial()
		k.send(send)
		line, err := k.in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "-ERR ") || !strings.Contains(line, part) {
			t.Errorf("%s: %q %v", send, line, err)
		}
	}
}

func TestHelp(t *testing.T) {
	k := startBench(t).dial()
	for _, name := range strings.Fields("CLIENT CONFIG SLOWLOG LATENCY MEMORY MODULE ACL") {
		k.send(name + " HELP")
		head, _ := k.in.ReadString('\n')
		first, _ := k.in.ReadString('\n')
		if head[0] != '*' || !strings.HasPrefix(first, "+"+name+" <subcommand>") {
			t.Errorf("%s HELP: %q %q", name, head, first)
		}
		for line := ""; line != "+    Prints this help.\r\n"; line, _ = k.in.ReadString('\n') {
			if line != "" && line[0] != '+' {
				t.Fatalf("%s HELP: %q", name, line)
			}
		}
	}
}

// TestEntries looks at what COMMAND DOCS is made of.
func TestEntries(t *testing.T) {
	table := commands.New(New("0", nil).Commands()...)
	var check func(c *commands.Command)
	check = func(c *commands.Command) {
		for what, missing := range map[string]bool{
			"summary": c.Summary == "", "since": c.Since == "", "group": c.Group == "", "complexity": c.Complexity == "",
			"arity": c.Arity == 0, "handler": c.Handler == nil && c.Local == nil && len(c.Sub) == 0,
			"full stop": !strings.HasSuffix(c.Summary, "."),
		} {
			if missing {
				t.Errorf("%s has no %s", c.FullName(), what)
			}
		}
		for i := range c.Sub {
			check(&c.Sub[i])
		}
	}
	for _, c := range table.All() {
		check(c)
	}
}
