package script

// Scripts whose replies were taken from a real redis-server 7.0.15. LOCKD_SCRIPT_LIVE=1 takes them anew
// (-run TestRecord); without it no redis is needed.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/divtxt/lockd/resp"
)

const crashed = "(the server crashed)"

// corpus returns the scripts of testdata: they are parted by lines that hold %% alone.
func corpus(t testing.TB) []string {
	text, err := os.ReadFile(filepath.Join("testdata", "corpus.lua"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, s := range strings.Split(string(text), "\n%%\n") {
		if s = strings.Trim(s, "\n"); s != "" {
			list = append(list, s)
		}
	}
	return list
}

func goldenFile() string { return filepath.Join("testdata", "redis-7.0.15.json") }

var (
	address = regexp.MustCompile(`0x[0-9a-f]{6,}`)
	known   = regexp.MustCompile(`attempt to (?:index|call|perform arithmetic on|concatenate|get length of) ` +
		`(?:a|(?:local|global|field|method|upvalue) '[^']*' \(a) (\w+) value\)?`)
	syntax = regexp.MustCompile(`(Error compiling script \(new function\): user_script:)\d+:.*`)
)

// plain takes off what differs on purpose: addresses, the names of variables in errors, and the wording of
// syntax errors, which a parser made by yacc does not know.
func plain(reply string) string {
	reply = address.ReplaceAllString(reply, "0x0")
	reply = known.ReplaceAllString(reply, "attempt on a $1 value")
	return syntax.ReplaceAllString(reply, "$1")
}

// differs are scripts whose replies differ on purpose, by a part of their text.
var differs = []string{
	"math.random", "-0.0", // the seed; constants 0 and -0 are one in Lua 5.1
	"('x'):rep({})",  // Lua does not count the object of a method call
	"coroutine",      // not there
	"math.fmod(1,0)", // the sign of a number that is none
}

func TestCorpus(t *testing.T) {
	data, err := os.ReadFile(goldenFile())
	if err != nil {
		t.Fatal(err)
	}
	golden := map[string]string{}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	e := New(Options{})
next:
	for _, s := range corpus(t) {
		for _, part := range differs {
			if strings.Contains(s, part) {
				continue next
			}
		}
		quoted, ok := golden[s]
		if !ok {
			t.Errorf("no recorded reply of %s", s)
			continue
		}
		want, _ := strconv.Unquote(quoted)
		if want == crashed {
			continue
		}
		got := string(resp.Append(nil, eval(e, s, newHost()), 2))
		if plain(got) != plain(want) {
			t.Errorf("%s\n got  %q\n want %q", s, got, want)
		}
	}
}

// eval compiles and runs a script; an error of either is its reply.
func eval(e *Engine, body string, h Host, args ...string) resp.Value {
	p, err := e.Compile([]byte(body))
	if err != nil {
		return resp.Error(err.Error())
	}
	var argv [][]byte
	for _, a := range args {
		argv = append(argv, []byte(a))
	}
	return e.Run(p, nil, argv, h).Reply
}

// TestRecord takes the replies from a redis-server.
func TestRecord(t *testing.T) {
	if os.Getenv("LOCKD_SCRIPT_LIVE") == "" {
		t.Skip("LOCKD_SCRIPT_LIVE is not set")
	}
	golden := map[string]string{}
	for _, s := range corpus(t) {
		golden[s] = strconv.QuoteToASCII(liveEval(t, s))
	}
	data, err := json.MarshalIndent(golden, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenFile(), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

var live struct {
	conn net.Conn
	in   *bufio.Reader
}

func liveEval(t *testing.T, s string) string {
	if live.conn == nil {
		startRedis(t)
	}
	live.conn.Close()
	startConn(t)
	fmt.Fprintf(live.conn, "*1\r\n$8\r\nFLUSHALL\r\n*3\r\n$3\r\nSET\r\n$1\r\ns\r\n$1\r\nx\r\n")
	fmt.Fprintf(live.conn, "*3\r\n$4\r\nEVAL\r\n$%d\r\n%s\r\n$1\r\n0\r\n", len(s), s)
	var out string
	for range 3 {
		var err error
		if out, err = readReply(live.in); err != nil {
			live.conn = nil
			return crashed
		}
	}
	return out
}

var livePort string

func startConn(t *testing.T) {
	conn, err := net.Dial("tcp", "127.0.0.1:"+livePort)
	if err != nil {
		t.Fatal(err)
	}
	live.conn, live.in = conn, bufio.NewReader(conn)
}

func startRedis(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	livePort = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	cmd := exec.Command("redis-server", "--port", livePort, "--save", "", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 200 {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+livePort); err == nil {
			live.conn, live.in = conn, bufio.NewReader(conn)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("redis-server does not start")
}

func readReply(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch line[0] {
	case '$':
		if n < 0 {
			return line, nil
		}
		b := make([]byte, n+2)
		_, err := io.ReadFull(in, b)
		return line + string(b), err
	case '*':
		for ; n > 0; n-- {
			part, err := readReply(in)
			if err != nil {
				return line, err
			}
			line += part
		}
	}
	return line, nil
}
