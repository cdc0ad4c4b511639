// As much of redis-cli as the README's sessions need, so that testing them needs no redis-cli: it sends
// the words of a line and prints the reply as redis-cli does on a terminal.

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// redisCLI types lines into the server at a port; each has its own connection, as in a shell.
type redisCLI struct {
	t    *testing.T
	addr string
}

func newRedisCLI(t *testing.T, port int) *redisCLI {
	return &redisCLI{t, net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
}

// run sends words, which may begin with -3 for RESP3, and returns what redis-cli would print.
func (c *redisCLI) run(words []string) string {
	c.t.Helper()
	return c.send(words)()
}

// begin sends words that wait, and returns when they do; what it returns waits for the reply.
func (c *redisCLI) begin(words []string) (reply func() string) {
	c.t.Helper()
	before := c.waiting()
	reply = c.send(words)
	for end := time.Now().Add(10 * time.Second); c.waiting() <= before; {
		if time.Now().After(end) {
			c.t.Fatalf("%q does not wait", words)
		}
		time.Sleep(time.Millisecond)
	}
	return reply
}

// waiting counts the clients that wait.
func (c *redisCLI) waiting() int {
	c.t.Helper()
	_, info, _ := strings.Cut(c.send([]string{"INFO", "clients"})(), "blocked_clients:")
	return numberIn(c.t, info)
}

// send sends words and returns what reads the reply.
func (c *redisCLI) send(words []string) (reply func() string) {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	r := &replyReader{t: c.t, from: bufio.NewReader(conn)}
	if words[0] == "-3" {
		words = words[1:]
		r.ask(conn, "HELLO", "3")
	}
	r.write(conn, words...)
	return func() string {
		c.t.Helper()
		defer conn.Close()
		return r.read("")
	}
}

// replyReader reads replies.
type replyReader struct {
	t    *testing.T
	from *bufio.Reader
}

func (r *replyReader) ask(conn io.Writer, words ...string) string {
	r.t.Helper()
	r.write(conn, words...)
	return r.read("")
}

func (r *replyReader) write(conn io.Writer, words ...string) {
	r.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(conn, b.String()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *replyReader) line() string {
	r.t.Helper()
	line, err := r.from.ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

// read returns the next reply as redis-cli prints it; prefix stands before each line but the first.
func (r *replyReader) read(prefix string) string {
	r.t.Helper()
	line := r.line()
	kind, rest := line[0], line[1:]
	switch kind {
	case '+':
		return rest
	case '-':
		return "(error) " + rest
	case ':':
		return "(integer) " + rest
	case '_':
		return "(nil)"
	case '$':
		if rest == "-1" {
			return "(nil)"
		}
		b := make([]byte, r.number(rest)+2)
		if _, err := io.ReadFull(r.from, b); err != nil {
			r.t.Fatal(err)
		}
		return strconv.Quote(string(b[:len(b)-2]))
	case '*', '%':
		return r.list(kind == '%', rest, prefix)
	}
	r.t.Fatalf("a kind of reply that this test does not know: %q", line)
	return ""
}

// list prints an array, or a map with its keys before "=>".
func (r *replyReader) list(isMap bool, size, prefix string) string {
	n := r.number(size)
	if n <= 0 {
		return map[bool]string{true: "(empty hash)", false: "(empty array)"}[isMap]
	}
	width := len(strconv.Itoa(n))
	inner := prefix + strings.Repeat(" ", width+2)
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString("\n" + prefix)
		}
		if isMap {
			fmt.Fprintf(&b, "%*d# %s => %s", width, i+1, r.read(inner), r.below(inner))
		} else {
			fmt.Fprintf(&b, "%*d) %s", width, i+1, r.read(inner))
		}
	}
	return b.String()
}

// below returns the next reply as the value of a map: a list begins on a line of its own.
func (r *replyReader) below(prefix string) string {
	r.t.Helper()
	kind, err := r.from.Peek(1)
	if err != nil {
		r.t.Fatal(err)
	}
	isList := kind[0] == '*' || kind[0] == '%'
	value := r.read(prefix)
	if isList && !strings.HasPrefix(value, "(") {
		return "\n" + prefix + value
	}
	return value
}

func (r *replyReader) number(s string) int {
	r.t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}
