// Package compat_test judges lockd from outside: the same commands go to a real redis-server 7.0.15 and to
// lockd, and the raw bytes of the replies must be equal.
//
// Cases are lines of text in tables, one file a family (cases_*_test.go); script_test.go says how they read.
// What Redis replied is recorded in testdata, so that `go test` needs nothing but Go. With
// LOCKD_COMPAT_LIVE=1 the cases go to a redis-server that is started for the test; -update records anew.
// What differs on purpose stands in one list, differences_test.go, and nowhere else.
//
// This file starts the peers and talks to them. It speaks the protocol itself, because what is compared is
// bytes, and a client library shows only what it made of them.
package compat_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// patience is how long a peer may take to start or to reply.
const patience = 20 * time.Second

// startLockd builds the program, runs it on a free port, and returns its address. LOCKD_COMPAT_ADDR names
// one that runs already, for trying out.
func startLockd(t *testing.T) string {
	if addr := os.Getenv("LOCKD_COMPAT_ADDR"); addr != "" {
		return addr
	}
	dir := t.TempDir()
	program := buildLockd(t, dir)
	ports := freePorts(t, 2)
	return run(t, ports[0], program, "--port", ports[0], "--cluster-port", ports[1],
		"--dir", filepath.Join(dir, "data"), "--log-store", "memory", "--log-level", "warn")
}

// buildLockd builds the program into a folder.
func buildLockd(t *testing.T, dir string) string {
	program := filepath.Join(dir, "lockd")
	if out, err := exec.Command("go", "build", "-o", program, "..").CombinedOutput(); err != nil {
		t.Fatalf("cannot build lockd: %v\n%s", err, out)
	}
	return program
}

// startRedis runs a redis-server on a free port and returns its address.
func startRedis(t *testing.T) string {
	port := freePorts(t, 1)[0]
	return run(t, port, "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
		"--appendonly", "no", "--dir", t.TempDir(), "--daemonize", "no")
}

// run starts a server, waits until it answers, and ends it with the test.
func run(t *testing.T, port, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	addr := net.JoinHostPort("127.0.0.1", port)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended at once: %v\n%s", program, err, out.String())
		case <-time.After(20 * time.Millisecond):
		}
		if answers(addr) {
			return addr
		}
	}
	t.Fatalf("%s does not answer on %s\n%s", program, addr, out.String())
	return ""
}

// answers tells whether a server at addr executes commands.
func answers(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	p := &peer{conn: conn, in: bufio.NewReader(conn)}
	replies, err := p.do([][]string{{"DBSIZE"}}, true)
	return err == nil && replies[0][0] == ':'
}

// freePorts are n different ports that nobody listens on at the moment.
func freePorts(t *testing.T, n int) (ports []string) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports
}

// peer is a connection to a server.
type peer struct {
	conn net.Conn
	in   *bufio.Reader
}

// connect opens a connection that speaks version proto of the protocol.
func connect(t *testing.T, addr string, proto int) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p := &peer{conn: conn, in: bufio.NewReader(conn)}
	if proto == 3 {
		if _, err := p.do([][]string{{"HELLO", "3"}}, true); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// do sends commands, in one pipeline or one after the other, and returns the raw replies.
func (p *peer) do(commands [][]string, pipeline bool) ([]string, error) {
	if err := p.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	var out []byte
	var replies []string
	read := func() error {
		reply, err := p.reply(nil)
		replies = append(replies, string(reply))
		return err
	}
	for _, words := range commands {
		out = appendCommand(out, words)
		if pipeline {
			continue
		}
		if _, err := p.conn.Write(out); err != nil {
			return replies, err
		}
		if err := read(); err != nil {
			return replies, fmt.Errorf("%q: %w", words, err)
		}
		out = out[:0]
	}
	if _, err := p.conn.Write(out); err != nil {
		return replies, err
	}
	for len(replies) < len(commands) {
		if err := read(); err != nil {
			return replies, fmt.Errorf("%q: %w", commands[len(replies)-1], err)
		}
	}
	return replies, nil
}

func appendCommand(b []byte, words []string) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(words))
	for _, w := range words {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b
}

// reply reads one reply and appends its bytes to b.
func (p *peer) reply(b []byte) ([]byte, error) {
	line, err := p.in.ReadBytes('\n')
	b = append(b, line...)
	if err != nil || len(line) < 3 {
		return b, errors.Join(err, io.ErrUnexpectedEOF)
	}
	var inner int
	switch line[0] {
	case '+', '-', ':', '_', ',', '#', '(':
		return b, nil
	case '$', '=':
		n, err := strconv.Atoi(string(line[1 : len(line)-2]))
		if err != nil || n < 0 {
			return b, err
		}
		at := len(b)
		b = append(b, make([]byte, n+2)...)
		_, err = io.ReadFull(p.in, b[at:])
		return b, err
	case '*', '~', '>', '%':
		if inner, err = strconv.Atoi(string(line[1 : len(line)-2])); err != nil {
			return b, err
		}
		if line[0] == '%' {
			inner *= 2
		}
	default:
		return b, fmt.Errorf("no reply begins like this: %q", line)
	}
	for ; inner > 0; inner-- {
		if b, err = p.reply(b); err != nil {
			return b, err
		}
	}
	return b, nil
}
