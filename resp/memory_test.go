package resp

import (
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestIdleConnectionIsSmall measures what a connection costs while it waits, after it has had big commands
// and big replies. Both ends of the sockets live in this process, the client's end costs little.
func TestIdleConnectionIsSmall(t *testing.T) {
	conns := 200
	if raceEnabled {
		conns = 10 // enough to run the code
	}
	h := &quick{func(c *Conn, pipeline []Command) {
		for range pipeline {
			c.Reply(Bulk(strings.Repeat("x", 100<<10)))
		}
	}}
	s, addr := start(t, h, nil)
	inUse := func() uint64 {
		for range 3 { // a sync.Pool gives up its contents after two
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	big := framed("SET", strings.Repeat("x", 900<<10))
	want := string(Append(nil, Bulk(strings.Repeat("x", 100<<10)), 2))
	for _, tt := range []struct {
		name, last string
		bound      int64
	}{{"whole commands", "", 20 << 10}, {"the beginning of one more", "*1\r\n", 26 << 10}} {
		before := inUse()
		var all []net.Conn
		for range conns {
			conn := dial(t, addr)
			all = append(all, conn)
			go func() { _, _ = io.WriteString(conn, big+strings.Repeat("a b c\r\n", 5)+tt.last) }()
			expect(t, conn, strings.Repeat(want, 6))
		}
		time.Sleep(hotWait + 200*time.Millisecond)
		each := (int64(inUse()) - int64(before)) / int64(conns)
		t.Logf("%s: %d bytes for each idle connection", tt.name, each)
		if each > tt.bound && !raceEnabled {
			t.Errorf("%s: an idle connection costs %d bytes, more than %d", tt.name, each, tt.bound)
		}
		runtime.KeepAlive(all)
	}
	if n := s.Stats().Connected; n != 2*conns {
		t.Errorf("%d connections", n)
	}
}
