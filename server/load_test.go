package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// confFile writes a configuration file and returns its path.
func confFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lockd.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStrength(t *testing.T) {
	for _, c := range []struct {
		name, file string
		environ    []string
		flags      map[string][]string
		want, from string
	}{
		{name: "default", want: "6380"},
		{name: "file over default", file: "port 1001\n", want: "1001", from: "lockd.conf:1"},
		{name: "last line of a file", file: "port 1001\nport 1002\n", want: "1002", from: "lockd.conf:2"},
		{name: "environment over file", file: "port 1001\n", environ: []string{"LOCKD_PORT=1003"},
			want: "1003", from: "LOCKD_PORT"},
		{name: "flag over environment", file: "port 1001\n", environ: []string{"LOCKD_PORT=1003"},
			flags: map[string][]string{"port": {"1004"}}, want: "1004", from: "--port"},
		{name: "last of two flags", flags: map[string][]string{"port": {"1004", "1005"}}, want: "1005", from: "--port"},
		{name: "empty variable", file: "port 1001\n", environ: []string{"LOCKD_PORT="}, want: "1001", from: "lockd.conf:1"},
		{name: "variable of Kubernetes", environ: []string{"LOCKD_PORT=tcp://10.0.0.7:6380"}, want: "6380"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := Source{Environ: c.environ, Flags: c.flags}
			if c.file != "" {
				src.File = confFile(t, c.file)
			}
			settings, warnings, err := Load(src)
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			if got, _ := settings.Get("port"); got != c.want {
				t.Errorf("port is %s, want %s", got, c.want)
			}
			if got := settings.from["port"]; !strings.HasSuffix(got, c.from) || c.from == "" && got != "" {
				t.Errorf("it is from %q, want %q", got, c.from)
			}
		})
	}
}

func TestFileTakesWhatRedisTakes(t *testing.T) {
	path := confFile(t, "\ufeff# a comment\r\n"+`
  # an indented one
PORT 7000
bind 127.0.0.1 -::1
maxclients 500
max-memory 2gb
timeout 300
requirepass "pa ss\x21\"\n"
dir '/tmp/it\'s'
loglevel notice
unixsocketperm 700
protected-mode no
save 3600 1
save 60 10
databases 16
daemonize no
appendonly yes
appendonly no
tcp-backlog 511
`)
	settings, warnings, err := Load(Source{File: path})
	if err != nil {
		t.Fatal(err)
	}
	c := settings.Config()
	for _, w := range []struct {
		what      string
		got, want any
	}{
		{"port", c.Network.Port, 7000},
		{"bind", strings.Join(c.Network.Bind, " "), "127.0.0.1 -::1"},
		{"max-clients", c.Limits.MaxClients, 500},
		{"max-memory", c.Limits.MaxMemory, int64(2 << 30)},
		{"timeout", c.Limits.IdleTimeout, 300 * time.Second},
		{"requirepass", c.Security.RequirePass.Reveal(), "pa ss!\"\n"},
		{"dir", c.Storage.Dir, "/tmp/it's"},
		{"log-level", c.Log.Level, "info"},
		{"unix-socket-perm", c.Network.UnixSocketPerm, uint32(0o700)},
		{"protected-mode", c.Network.ProtectedMode, false},
	} {
		if w.got != w.want {
			t.Errorf("%s is %v, want %v", w.what, w.got, w.want)
		}
	}
	all := strings.Join(warnings, "\n")
	for _, word := range []string{"save is ignored: ", "appendonly is ignored: ", "tcp-backlog is ignored: "} {
		if strings.Count(all, word) != 1 {
			t.Errorf("%q is not warned of once in:\n%s", word, all)
		}
	}
	if len(warnings) != 3 {
		t.Errorf("what says no other than lockd does is warned of:\n%s", all)
	}
}

func TestWrongFiles(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown", "port 1\nprt 2\n", `lockd.conf:2: unknown setting "prt"; did you mean "port"?`},
		{"unknown and like nothing", "frobnicate 2\n", `lockd.conf:1: unknown setting "frobnicate"`},
		{"no value", "port\n", "lockd.conf:1: port takes one value, and 0 are given"},
		{"comment after a value", "port 1 # one\n", "lockd.conf:1: port takes one value, and 3 are given"},
		{"no number", "port abc\n", `lockd.conf:1: port "abc": argument couldn't be parsed into an integer`},
		{"out of range", "port 65536\n", `argument must be between 0 and 65535 inclusive`},
		{"no boolean", "protected-mode maybe\n", `argument must be 'yes' or 'no'`},
		{"no size", "maxmemory 1tb\n", `lockd.conf:1: max-memory "1tb": argument must be a memory value`},
		{"no time", "write-timeout soon\n", "argument must be a time, as 250ms, 10s or 5m"},
		{"no store", "log-store wall\n", "argument(s) must be one of the following: wal, bolt, memory"},
		{"open quote", "requirepass \"sesame\n", "lockd.conf:1: unbalanced quotes in configuration line"},
		{"text after a quote", `requirepass "sesame"x`, "unbalanced quotes"},
		{"no name", `"" 1`, "must begin with the name of a setting"},
		{"databases", "databases 32\n", "databases is refused: there are 16"},
		{"daemonize", "daemonize yes\n", "daemonize is refused: lockd stays in the foreground"},
		{"less safe", "rename-command FLUSHALL \"\"\n", "rename-command is refused"},
		{"users", "user default off\n", "user is refused"},
		{"replica", "replicaof 10.0.0.1 6379\n", "replicaof is refused"},
		{"node id", "node-id ../x\n", "argument must be 1 to 64 of"},
		{"old TLS", "tls-protocols TLSv1.1\n", "TLSv1.2, TLSv1.3"},
		{"weak cipher", "tls-ciphers RC4-SHA\n", `"RC4-SHA" is not a cipher suite`},
		{"no room for the cluster port", "port 60000\n", "leaves no room for the cluster port"},
		{"the same port twice", "port 7000\ncluster-port 7000\n", "cluster-port: 7000 is port or tls-port too"},
		{"empty bind", "bind \"\"\n", "no address is given"},
		{"no certificate", "tls-port 7001\n", "needs tls-cert-file and tls-key-file"},
		{"unreadable certificate", "tls-port 7001\ntls-cert-file /none\ntls-key-file /none\n", "tls-cert-file: open /none"},
		{"limits", "max-command-bytes 2kb\n", "max-inline-bytes: is more than max-command-bytes (2048)"},
		{"includes itself", "include lockd.conf\n", "more than 8 deep"},
		{"includes nothing", "include none.conf\n", "lockd.conf:1: include: configuration file: open"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := Load(Source{File: confFile(t, c.text)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if ExitCode(err) != ExitUsage {
				t.Errorf("exit code %d", ExitCode(err))
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Error("the password is in the message")
			}
		})
	}
}

func TestAllMistakesAreFound(t *testing.T) {
	_, _, err := Load(Source{File: confFile(t, "port x\nmaxclients y\n"), Environ: []string{"LOCKD_TIMEOUT=z"},
		Flags: map[string][]string{"dir": {""}}})
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("not four mistakes: %v", err)
	}
}

func TestInclude(t *testing.T) {
	path := confFile(t, "port 1001\ninclude conf.d/*.conf\nmaxclients 9\n")
	dir := filepath.Join(filepath.Dir(path), "conf.d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.conf": "port 1002\nmaxclients 8\n", "b.conf": "port 1003\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings, _, err := Load(Source{File: path})
	if err != nil {
		t.Fatal(err)
	}
	if c := settings.Config(); c.Network.Port != 1003 || c.Limits.MaxClients != 9 {
		t.Errorf("port %d, max-clients %d", c.Network.Port, c.Limits.MaxClients)
	}
}

func TestEnvironment(t *testing.T) {
	settings, warnings, err := Load(Source{Environ: []string{
		"PATH=/bin", "LOCKD_MAXCLIENTS=7", "LOCKD_ENABLE_FLUSH=false", "LOCKD_BIND=127.0.0.1,::1",
		"LOCKD_SERVICE_HOST=10.0.0.1", "LOCKD_PORT_6380_TCP=tcp://10.0.0.1:6380", "LOCKD_MAX_CLIENT=8",
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := settings.Config()
	if c.Limits.MaxClients != 7 || c.Security.EnableFlush || len(c.Network.Bind) != 2 {
		t.Errorf("not taken:\n%v", c)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], `LOCKD_MAX_CLIENT: no such setting; did you mean "max-clients"?`) {
		t.Errorf("warnings %q", warnings)
	}
}

func TestRepeatedFlagsOfAList(t *testing.T) {
	settings, _, err := Load(Source{File: confFile(t, "bind 10.0.0.1\n"),
		Flags: map[string][]string{"bind": {"127.0.0.1", "::1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := settings.Get("bind"); got != "127.0.0.1 ::1" {
		t.Errorf("bind is %q", got)
	}
}

func TestPorts(t *testing.T) {
	for _, c := range []struct {
		port, tls, cluster, wantPeer int
		wantPlain                    bool
	}{
		{6380, 0, 0, 16380, true},
		{0, 0, 0, 0, true},
		{0, 7000, 0, 17000, false},
		{6380, 7000, 8000, 8000, true},
	} {
		cfg := Defaults()
		cfg.Network.Port, cfg.TLS.Port, cfg.Network.ClusterPort = c.port, c.tls, c.cluster
		if _, on := cfg.PlainPort(); on != c.wantPlain || cfg.PeerPort() != c.wantPeer {
			t.Errorf("%+v: plain %v, peers %d", c, on, cfg.PeerPort())
		}
	}
}
