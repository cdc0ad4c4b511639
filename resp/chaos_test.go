package resp

import (
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// chaos is a handler that does everything a handler may do, at random, to its own and other connections.
type chaos struct {
	mu             sync.Mutex
	conns          map[*Conn]bool
	opened, closed atomic.Int32
}

func (h *chaos) Open(c *Conn) {
	h.opened.Add(1)
	c.SetTrusted(true)
	h.mu.Lock()
	h.conns[c] = true
	h.mu.Unlock()
}

func (h *chaos) Closed(c *Conn) {
	h.closed.Add(1)
	h.mu.Lock()
	delete(h.conns, c)
	h.mu.Unlock()
}

// other returns some connection.
func (h *chaos) other() *Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		return c
	}
	return nil
}

func (h *chaos) Serve(c *Conn, pipeline []Command) {
	for _, cmd := range pipeline {
		switch rand.IntN(40) {
		case 0:
			panic("chaos")
		case 1:
			h.other().Kill()
		case 2:
			c.CloseAfterReply()
			return
		case 3, 4, 5, 6:
			gone, stop := c.Watch()
			select {
			case <-gone:
			case <-time.After(time.Duration(rand.IntN(2000)) * time.Microsecond):
			}
			if rand.IntN(2) == 0 { // else the guard stops it
				stop()
			}
		case 7:
			c.SetTrusted(rand.IntN(2) == 0)
		case 8:
			_ = h.other().Buffers()
		default:
			h.other().Push(Push(Bulk(string(cmd[0]))))
		}
		c.Reply(Bulk(string(cmd[0])))
	}
}

// TestChaos looks for races, deadlocks and connections that are never given up.
func TestChaos(t *testing.T) {
	h := &chaos{conns: map[*Conn]bool{}}
	s, addr := start(t, h, func(l *Limits) { l.OutputBytes = 10000 })
	end := time.Now().Add(500 * time.Millisecond)
	var wg sync.WaitGroup
	for range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for time.Now().Before(end) {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					continue
				}
				go func() { _, _ = io.Copy(io.Discard, conn) }()
				for range rand.IntN(20) {
					if _, err := io.WriteString(conn, strings.Repeat(framed("PING", "x"), rand.IntN(100))); err != nil {
						break
					}
					time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
				}
				conn.Close()
			}
		}()
	}
	wg.Wait()
	eventually(t, "all connections given up", func() bool {
		return s.Stats().Connected == 0 && h.opened.Load() == h.closed.Load()
	})
	if h.opened.Load() < 100 || len(h.conns) != 0 {
		t.Errorf("%d opened, %d left", h.opened.Load(), len(h.conns))
	}
}
