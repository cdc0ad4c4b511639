package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

// call runs a command line; run stands in for Run.
func call(t *testing.T, environ []string, run func(*Config, *slog.Logger) error, args ...string) (int, string, string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := &program{environ: environ, stdout: &stdout, stderr: &stderr,
		run: func(_ context.Context, c *Config, _ *Settings, log *slog.Logger, _ io.Writer) error {
			if run == nil {
				t.Error("a node was run")
				return nil
			}
			return run(c, log)
		}}
	code := p.execute(t.Context(), args)
	return code, stdout.String(), stderr.String()
}

func TestServe(t *testing.T) {
	file := confFile(t, "port 7000\nmaxclients 77\nsave 60 1\n")
	for _, args := range [][]string{
		{file, "--default-db", "3", "--protected-mode", "no"},
		{"serve", file, "--default-db=3", "--protected_mode=no"},
		{"--default-db", "3", "serve", "--protected-mode", "no", file},
		{"serve", "--maxclients", "77", "--port", "7000", "--default-db", "3", "--protected-mode", "no", file},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			ran := 0
			code, _, stderr := call(t, nil, func(c *Config, _ *slog.Logger) error {
				ran++
				if c.Network.Port != 7000 || c.Limits.MaxClients != 77 || c.Network.DefaultDB != 3 || c.Network.ProtectedMode {
					t.Errorf("not as said:\n%v", c)
				}
				return nil
			}, args...)
			if code != ExitOK || ran != 1 {
				t.Errorf("exit code %d, ran %d times: %s", code, ran, stderr)
			}
			if !strings.Contains(stderr, "lockd.conf:3: save is ignored") {
				t.Errorf("no warning in %s", stderr)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	ends := func(err error) func(*Config, *slog.Logger) error {
		return func(*Config, *slog.Logger) error { return err }
	}
	for _, c := range []struct {
		name string
		args []string
		run  func(*Config, *slog.Logger) error
		code int
		says string
	}{
		{"well", nil, ends(nil), ExitOK, "stopped cleanly"},
		{"failure", nil, ends(errors.New("broke")), ExitFailure, "lockd: broke"},
		{"folder", nil, ends(fmt.Errorf("a: %w", WithExit(ExitDataDir, errors.New("b")))), ExitDataDir, "lockd: a: b"},
		{"disk", nil, ends(WithExit(ExitIO, syscall.EIO)), ExitIO, "input/output error"},
		{"failure, told in JSON", []string{"--log-format", "json"}, ends(errors.New("broke")), ExitFailure, `"error":"broke","exit":1`},
		{"no such flag", []string{"--prt", "1"}, nil, ExitUsage, `unknown flag: --prt; did you mean "port"?`},
		{"flag without value", []string{"--port"}, nil, ExitUsage, "flag needs an argument: --port"},
		{"wrong value", []string{"--port", "99999"}, nil, ExitUsage, `--port: port "99999": argument must be between`},
		{"no such command", []string{"verison"}, nil, ExitUsage, `did you mean "version"?`},
		{"two files", []string{"/dev/null", "x"}, nil, ExitUsage, `2 words are too many, "x"`},
		{"yes left out", []string{"--protected-mode", "--port", "1"}, nil, ExitUsage, "the value is missing, --port follows"},
		{"log file", []string{"--log-file", "/none/x"}, nil, ExitUsage, "log-file: open /none/x"},
		{"word after version", []string{"version", "x"}, nil, ExitUsage, `"x" is not understood`},
		{"nobody to ping", []string{"ping", "--addr", "127.0.0.1:1"}, nil, ExitFailure, "nothing listens on 127.0.0.1:1"},
		{"config is wrong", []string{"config", "--port", "x"}, nil, ExitUsage, "--port"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := call(t, nil, c.run, c.args...)
			if code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("exit code %d, want %d; says %q, want %q", code, c.code, stderr, c.says)
			}
			if strings.Count(stderr, "broke") > 1 {
				t.Errorf("says it twice: %q", stderr)
			}
			if strings.Contains(stderr, "Try: lockd --help") != (c.code == ExitUsage) {
				t.Errorf("points to the help wrongly: %q", stderr)
			}
		})
	}
}

func TestHelpAndReference(t *testing.T) {
	var reference bytes.Buffer
	WriteReference(&reference)
	_, same, _ := call(t, nil, nil, "config", "--reference")
	if same != reference.String() {
		t.Error("lockd config --reference writes another")
	}
	for _, args := range [][]string{{"--help"}, {"help"}, {"serve", "-h"}, {"help", "serve"}} {
		code, help, _ := call(t, nil, nil, args...)
		if code != ExitOK {
			t.Errorf("%v: exit code %d", args, code)
		}
		for _, s := range newTable().all() {
			if !regexp.MustCompile(`(?m)^ +--` + s.name + ` `).MatchString(help) {
				t.Errorf("%v: no --%s", args, s.name)
			}
			row := regexp.MustCompile("(?m)^\\| `" + s.name + "`.* " + regexp.QuoteMeta(s.help) + " \\|$")
			if !row.Match(reference.Bytes()) {
				t.Errorf("no %s in the reference", s.name)
			}
		}
		for _, text := range []string{exitHelp, strengthHelp, "lockd ping", "redis-cli -p 6380 LOCK foo owner1 30000"} {
			if !strings.Contains(help, text) {
				t.Errorf("%v does not say: %s", args, text)
			}
		}
	}
	if strings.Contains(reference.String(), "||") {
		t.Error("a column is empty without a space, which some readers of Markdown drop")
	}
	if code, help, _ := call(t, nil, nil, "ping", "--help"); code != ExitOK || !strings.Contains(help, "--insecure") {
		t.Errorf("help of ping: %d %s", code, help)
	}
}

func TestConfigCommand(t *testing.T) {
	file := confFile(t, "requirepass sesame\nport 7000\nhz 10\n")
	code, out, stderr := call(t, []string{"LOCKD_TIMEOUT=5"}, nil, "config", file, "--maxclients", "9")
	if code != ExitOK || !strings.Contains(stderr, "hz is ignored") {
		t.Error(code, stderr)
	}
	for _, want := range []string{`port 7000 +# .*lockd.conf:2`, `timeout 5 +# LOCKD_TIMEOUT`, `max-clients 9 +# --max-clients`,
		`dir ./lockd-data +# default`, `requirepass \*\*\* +# .*lockd.conf:1`, `tls-cert-file "" +# default`} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(out) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

func TestVersion(t *testing.T) {
	code, out, _ := call(t, nil, nil, "version")
	if code != ExitOK || !strings.HasPrefix(out, "lockd "+Version+", commit ") || !strings.Contains(out, " go1.") {
		t.Errorf("%d %q", code, out)
	}
	stamps := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}
	if got := commitOf(stamps); got != "0123456789ab+" {
		t.Error(got)
	}
	if got := commitOf(nil); got != "unknown" {
		t.Error(got)
	}
}

func TestLogLevelAndFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log, err := NewLogging(Log{Level: "warn", Format: LogJSON, File: path}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("one")
	log.SetLevel("debug")
	log.Debug("two")
	log.SetLevel("info")
	log.Debug("three")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), `"msg":"two"`) {
		t.Errorf("%v %s", err, text)
	}
}

func TestRefusal(t *testing.T) {
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }
	for _, c := range []struct {
		name                string
		protected, password bool
		remote              net.Addr
		refused             bool
	}{
		{"loopback", true, false, tcp("127.0.0.1"), false},
		{"loopback, another", true, false, tcp("127.8.9.1"), false},
		{"loopback of IPv6", true, false, tcp("::1"), false},
		{"loopback, mapped", true, false, tcp("::ffff:127.0.0.1"), false},
		{"Unix socket", true, false, &net.UnixAddr{Net: "unix"}, false},
		{"another machine", true, false, tcp("10.0.0.1"), true},
		{"another machine, IPv6", true, false, tcp("fe80::1"), true},
		{"unknown kind", true, false, &net.IPAddr{}, true},
		{"nobody", true, false, nil, true},
		{"password", true, true, tcp("10.0.0.1"), false},
		{"not protected", false, false, tcp("10.0.0.1"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, refused := Refusal(c.protected, c.password, c.remote)
			if refused != c.refused || strings.HasPrefix(text, "DENIED lockd is running in protected mode") != refused {
				t.Errorf("%v %q", refused, text)
			}
			if strings.ContainsAny(text, "\r\n") {
				t.Error("an error reply is one line")
			}
		})
	}
}

// fakeNode answers each line that begins with $-less words of RESP by script: after n lines, the text.
func fakeNode(t *testing.T, answers ...string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buffer := make([]byte, 4096)
		for _, answer := range answers {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
			if answer == "silence" {
				_, _ = io.Copy(io.Discard, conn)
				return
			}
			fmt.Fprint(conn, answer)
		}
	}()
	return ln.Addr().String()
}

func TestPing(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []string
		args    []string
		code    int
		says    string
	}{
		{"well", []string{"+PONG\r\n"}, nil, ExitOK, "PONG"},
		{"password", []string{"+OK\r\n", "+PONG\r\n"}, []string{"--password", "x"}, ExitOK, "PONG"},
		{"user", []string{"+OK\r\n", "+PONG\r\n"}, []string{"--user", "u", "--password", "x"}, ExitOK, "PONG"},
		{"password missing", []string{"-NOAUTH Authentication required.\r\n"}, nil, ExitFailure, "the node answers: NOAUTH"},
		{"password wrong", []string{"-WRONGPASS x\r\n"}, []string{"--password", "x"}, ExitFailure, "the node answers: WRONGPASS"},
		{"web server", []string{"HTTP/1.1 400 Bad Request\r\n"}, nil, ExitFailure, "is not a lock server's"},
		{"no end", []string{strings.Repeat("x", 9000)}, nil, ExitFailure, "no whole reply"},
		{"closes", []string{""}, nil, ExitFailure, "no whole reply"},
		{"silent", []string{"silence"}, []string{"--timeout", "50ms"}, ExitFailure, "did not answer within 50ms"},
		{"TLS to plain", []string{"-ERR what\r\n"}, []string{"--tls"}, ExitFailure, "tls: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"ping", "--addr", fakeNode(t, c.answers...)}, c.args...)
			code, stdout, stderr := call(t, nil, nil, args...)
			if code != c.code || !strings.Contains(stdout+stderr, c.says) {
				t.Errorf("%d %s%s", code, stdout, stderr)
			}
		})
	}
}

func TestPingAimsAtTheNodeBesideIt(t *testing.T) {
	_, port, err := net.SplitHostPort(fakeNode(t, "+OK\r\n", "+PONG\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	code, out, stderr := call(t, []string{"LOCKD_PORT=" + port, "LOCKD_REQUIREPASS=x"}, nil, "ping")
	if code != ExitOK || out != "PONG\n" {
		t.Error(code, stderr)
	}
	at := new(pinger)
	(&program{environ: []string{"LOCKD_PORT=0", "LOCKD_TLS_PORT=7001"}}).pingDefaults(at)
	if at.address != "127.0.0.1:7001" || !at.tls {
		t.Errorf("%s %v", at.address, at.tls)
	}
}

func TestSignals(t *testing.T) {
	exits := make(chan int)
	ctx, stop := untilSignal(t.Context(), slog.New(slog.DiscardHandler), func(code int) { exits <- code })
	defer stop()
	send := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	send()
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the first signal does nothing")
	}
	send()
	select {
	case code := <-exits:
		if code != ExitFailure {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the second signal does nothing")
	}
}
