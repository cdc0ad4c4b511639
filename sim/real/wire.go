// A small Redis client. It is no library's because a history needs to know what libraries hide: whether a
// request was sent at all, and when; and none of it may be sent again behind the scenes.

package real

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// Said is an error that the server replied.
type Said string

func (s Said) Error() string { return string(s) }

// errNotSent marks failures before the request left: surely nothing was done.
var errNotSent = errors.New("not sent")

// Conn is a connection to a node. It is not safe for concurrent use.
type Conn struct {
	net net.Conn
	in  *bufio.Reader
}

// Dial connects. Its error wraps errNotSent.
func Dial(addr string, timeout time.Duration) (*Conn, error) {
	c, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	return &Conn{net: c, in: bufio.NewReader(c)}, nil
}

// Close closes the connection, also under a waiting Do.
func (c *Conn) Close() { c.net.Close() }

// Do sends a command and returns its reply: a string, an int64, nil, or a []any of these. An error is Said
// if the server replied it; after any other one the connection is of no more use.
func (c *Conn) Do(timeout time.Duration, words ...string) (any, error) {
	if err := c.net.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if _, err := c.net.Write(command(words)); err != nil {
		return nil, err
	}
	v, err := c.read(0)
	if err != nil {
		return nil, err
	}
	if said, ok := v.(Said); ok {
		return nil, said
	}
	return v, nil
}

func command(words []string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b
}

// maxDepth and maxLen bound what a reply may make us allocate.
const (
	maxDepth = 8
	maxLen   = 64 << 20
)

func (c *Conn) read(depth int) (any, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < 3 || depth > maxDepth {
		return nil, fmt.Errorf("no RESP: %q", line)
	}
	rest := line[1 : len(line)-2]
	switch line[0] {
	case '+':
		return rest, nil
	case '-':
		return Said(rest), nil
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("no RESP: %q", line)
	}
	switch {
	case line[0] == ':':
		return n, nil
	case line[0] != '$' && line[0] != '*' || n > maxLen:
		return nil, fmt.Errorf("no RESP2, or too long: %q", line)
	case n < 0:
		return nil, nil //nolint:nilnil // a null of RESP
	case line[0] == '$':
		return c.readBulk(n)
	}
	return c.readArray(n, depth)
}

func (c *Conn) readBulk(n int64) (any, error) {
	b := make([]byte, n+2)
	if _, err := io.ReadFull(c.in, b); err != nil {
		return nil, err
	}
	return string(b[:n]), nil
}

func (c *Conn) readArray(n int64, depth int) (any, error) {
	var list []any
	for range n {
		v, err := c.read(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// Ask dials, sends one command and hangs up.
func Ask(addr string, timeout time.Duration, words ...string) (any, error) {
	c, err := Dial(addr, timeout)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(timeout, words...)
}
