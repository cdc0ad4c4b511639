package resp

// Benchmarks of the guard against bare redcon with the same work and the same replies, over loopback. One
// operation is one command; the pipeline depth is in the name.

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/redcon"
)

// table is the work both sides do: a map behind a mutex.
type table struct {
	mu sync.Mutex
	m  map[string]string
}

func (t *table) set(k, v []byte) {
	t.mu.Lock()
	t.m[string(k)] = string(v)
	t.mu.Unlock()
}

func (t *table) get(k []byte) (string, bool) {
	t.mu.Lock()
	v, ok := t.m[string(k)]
	t.mu.Unlock()
	return v, ok
}

func isSet(word []byte) bool { return len(word) == 3 && word[0]|0x20 == 's' }

func startTable(b *testing.B) string {
	data := table{m: map[string]string{}}
	_, addr := start(b, &quick{func(c *Conn, pipeline []Command) {
		for _, cmd := range pipeline {
			if isSet(cmd[0]) {
				data.set(cmd[1], cmd[2])
				c.Reply(OK())
			} else if v, ok := data.get(cmd[1]); ok {
				c.Reply(Bulk(v))
			} else {
				c.Reply(Null())
			}
		}
	}}, nil)
	return addr
}

// quick is a Handler without bookkeeping.
type quick struct{ serve func(*Conn, []Command) }

func (q *quick) Open(c *Conn)                      { c.SetTrusted(true) }
func (q *quick) Serve(c *Conn, pipeline []Command) { q.serve(c, pipeline) }
func (q *quick) Closed(*Conn)                      {}

func startRedcon(b *testing.B) string {
	data := table{m: map[string]string{}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	go func() {
		_ = redcon.Serve(ln, func(c redcon.Conn, cmd redcon.Command) {
			if isSet(cmd.Args[0]) {
				data.set(cmd.Args[1], cmd.Args[2])
				c.WriteString("OK")
			} else if v, ok := data.get(cmd.Args[1]); ok {
				c.WriteBulkString(v)
			} else {
				c.WriteNull()
			}
		}, nil, nil)
	}()
	return ln.Addr().String()
}

func BenchmarkServe(b *testing.B) {
	servers := []struct {
		name  string
		start func(*testing.B) string
	}{{"guard", startTable}, {"redcon", startRedcon}}
	works := []struct{ name, request, reply string }{
		{"SET", framed("SET", "key:000000001", "value-of-32-bytes-value-of-32-byt"), "+OK\r\n"},
		{"GET", framed("GET", "key:000000001"), "$33\r\nvalue-of-32-bytes-value-of-32-byt\r\n"},
	}
	for _, work := range works {
		for _, depth := range []int{1, 16, 64, 512} {
			for _, srv := range servers {
				b.Run(work.name+"/P"+strconv.Itoa(depth)+"/"+srv.name, func(b *testing.B) {
					addr := srv.start(b)
					warm := dial(b, addr)
					send(b, warm, works[0].request)
					expect(b, warm, works[0].reply)
					drive(b, addr, work.request, work.reply, depth)
				})
			}
		}
	}
}

// drive runs b.N commands over 8 connections, each with depth of them on the way.
func drive(b *testing.B, addr, request, reply string, depth int) {
	const conns = 8
	b.ReportAllocs()
	b.SetBytes(int64(len(request)))
	requests := []byte(strings.Repeat(request, depth))
	want := []byte(strings.Repeat(reply, depth))
	rounds := b.N/(conns*depth) + 1
	var wg sync.WaitGroup
	b.ResetTimer()
	for range conns {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer conn.Close()
			got := make([]byte, len(want))
			for range rounds {
				if _, err := conn.Write(requests); err != nil {
					b.Error(err)
					return
				}
				if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
					b.Error("wrong reply", err)
					return
				}
			}
		}()
	}
	wg.Wait()
}
