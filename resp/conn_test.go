package resp

// Tests of a connection over real sockets: parking, pushing, leaving, and who gets in.

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestPipelineIsOneBatch(t *testing.T) {
	h := &scripted{}
	_, addr := start(t, h, nil)
	conn := dial(t, addr)
	in := strings.Repeat(framed("PING"), 100)
	send(t, conn, in)
	expect(t, conn, strings.Repeat("*1\r\n$4\r\nPING\r\n", 100))
	if h.mu.Lock(); len(h.batches) > 2 { // the kernel may split what was sent at once, but not often
		t.Errorf("%d batches", len(h.batches))
	}
	h.mu.Unlock()
}

func TestRefusalReachesASender(t *testing.T) {
	// The peer is still sending when it is refused: it must get the error, not a reset.
	s, addr := start(t, &scripted{}, nil)
	conn := dial(t, addr)
	go func() { _, _ = io.WriteString(conn, framed("PING")+framed("SET", strings.Repeat("x", 3<<20))) }()
	expect(t, conn, framed("PING")+"-ERR Protocol error: command too big for this server (at most 1048576 bytes)\r\n")
	expectEnd(t, conn)
	if n := s.Stats().Refusals["too-big-command"]; n != 1 {
		t.Errorf("%d refusals counted", n)
	}
}

func TestQuitDropsTheRest(t *testing.T) {
	var served atomic.Int32
	h := &scripted{serve: func(c *Conn, pipeline []Command) {
		for _, cmd := range pipeline {
			served.Add(1)
			if echo(c, cmd); c.Closing() {
				return
			}
		}
	}}
	_, addr := start(t, h, nil)
	conn := dial(t, addr)
	send(t, conn, framed("PING")+framed("QUIT")+framed("PING"))
	expect(t, conn, framed("PING")+"+OK\r\n")
	expectEnd(t, conn)
	if n := served.Load(); n != 2 {
		t.Errorf("%d commands served", n)
	}
}

func TestPanicClosesOneConnection(t *testing.T) {
	var closed atomic.Int32
	h := &scripted{serve: func(c *Conn, p []Command) {
		if string(p[0][0]) == "panic" {
			panic("as asked")
		}
		echo(c, p[0])
	}, closed: func(*Conn) { closed.Add(1) }}
	s, addr := start(t, h, nil)
	bad, good := dial(t, addr), dial(t, addr)
	send(t, bad, "panic\r\n")
	expectEnd(t, bad)
	send(t, good, "ping\r\n")
	expect(t, good, framed("ping"))
	eventually(t, "closed", func() bool { return closed.Load() == 1 })
	if st := s.Stats(); st.Refusals["panic"] != 1 || st.Connected != 1 {
		t.Errorf("%+v", st)
	}
}

// parked is a handler whose PARK waits until it is released or its peer leaves.
func parked(release chan struct{}, gone chan string) *scripted {
	return &scripted{serve: func(c *Conn, pipeline []Command) {
		for _, cmd := range pipeline {
			if string(cmd[0]) != "PARK" {
				echo(c, cmd)
				continue
			}
			left, stop := c.Watch()
			select {
			case <-release:
				c.Reply(Bulk("released " + string(cmd[1])))
			case <-left:
				gone <- string(cmd[1])
			}
			stop()
			stop() // once is enough, twice must not hurt
		}
	}}
}

func TestWatchSeesThePeerLeave(t *testing.T) {
	gone := make(chan string, 1)
	s, addr := start(t, parked(nil, gone), nil)
	conn := dial(t, addr)
	send(t, conn, framed("PING")+framed("PARK", "a"))
	expect(t, conn, framed("PING")) // written before parking
	conn.Close()
	if who := <-gone; who != "a" {
		t.Error(who)
	}
	eventually(t, "connection forgotten", func() bool { return s.Stats().Connected == 0 })
}

func TestWatchKeepsWhatItReads(t *testing.T) {
	for _, more := range []int{0, 1, 100, 5000, 40000} {
		release := make(chan struct{})
		_, addr := start(t, parked(release, nil), nil)
		conn := dial(t, addr)
		send(t, conn, framed("PARK", "a")+"*1\r\n$4\r\nPI")
		time.Sleep(5 * time.Millisecond)
		rest := "NG\r\n" + strings.Repeat(framed("ECHO", "x"), more)
		go func() { _, _ = io.WriteString(conn, rest) }()
		time.Sleep(5 * time.Millisecond)
		close(release)
		expect(t, conn, "$10\r\nreleased a\r\n"+framed("PING")+strings.Repeat(framed("ECHO", "x"), more))
	}
}

func TestWatchIsBounded(t *testing.T) {
	release := make(chan struct{})
	s, addr := start(t, parked(release, nil), nil)
	conn := dial(t, addr)
	send(t, conn, framed("PARK", "a"))
	stuffing := strings.Repeat(framed("ECHO", strings.Repeat("x", 1000)), 8000)
	go func() { _, _ = io.WriteString(conn, stuffing) }()
	time.Sleep(50 * time.Millisecond)
	if in := s.Stats().Input; in > watchMost+4096 {
		t.Errorf("%d bytes read", in)
	}
	close(release)
	expect(t, conn, "$10\r\nreleased a\r\n"+stuffing)
}

func TestKillEndsAWatch(t *testing.T) {
	gone := make(chan string, 1)
	h := parked(nil, gone)
	conns := make(chan *Conn, 1)
	h.open = func(c *Conn) { c.SetTrusted(true); conns <- c }
	_, addr := start(t, h, nil)
	send(t, dial(t, addr), framed("PARK", "a"))
	c := <-conns
	time.Sleep(5 * time.Millisecond)
	c.Kill()
	<-gone
}

func TestPushes(t *testing.T) {
	conns := make(chan *Conn, 1)
	h := &scripted{open: func(c *Conn) { c.SetTrusted(true); c.SetProto(3); conns <- c }}
	_, addr := start(t, h, nil)
	conn := dial(t, addr)
	send(t, conn, "PING\r\n") // Open runs with the first read
	c := <-conns
	expect(t, conn, framed("PING"))
	const pushers, each = 4, 500
	var wg sync.WaitGroup
	for p := range pushers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				for !c.Push(Push(Bulk(fmt.Sprint(p)), Int(int64(i)))) {
					t.Error("push refused")
					return
				}
			}
		}()
	}
	const asked = 3000
	go func() { _, _ = io.WriteString(conn, strings.Repeat(framed("ECHO", "some words"), asked)) }()
	next := make([]int, pushers)
	replies := 0
	for total := 0; total < pushers*each+asked; total++ {
		head := make([]byte, 4)
		if _, err := io.ReadFull(conn, head); err != nil {
			t.Fatal(err)
		}
		if string(head) == "*2\r\n" {
			expect(t, conn, "$4\r\nECHO\r\n$10\r\nsome words\r\n")
			replies++
			continue
		}
		if string(head) != ">2\r\n" {
			t.Fatalf("%q", head)
		}
		who := make([]byte, len("$1\r\n0\r\n"))
		if _, err := io.ReadFull(conn, who); err != nil {
			t.Fatal(err)
		}
		p := int(who[4] - '0')
		expect(t, conn, fmt.Sprintf(":%d\r\n", next[p]))
		next[p]++
	}
	wg.Wait()
	if replies != asked {
		t.Errorf("%d replies", replies)
	}
}

// TestPushAfterReply checks the promise subscribers rely on: a push made after a reply comes after it.
func TestPushAfterReply(t *testing.T) {
	h := &scripted{serve: func(c *Conn, pipeline []Command) {
		for range pipeline {
			c.Reply(Bulk("confirmed"))
			done := make(chan struct{})
			go func() { c.Push(Bulk("message")); close(done) }()
			<-done
			time.Sleep(100 * time.Microsecond)
			c.Reply(OK())
		}
	}}
	_, addr := start(t, h, nil)
	conn := dial(t, addr)
	for range 100 {
		send(t, conn, "SUBSCRIBE\r\n")
		expect(t, conn, "$9\r\nconfirmed\r\n+OK\r\n$7\r\nmessage\r\n")
	}
}

// TestHoldAndSettle: what is pushed while pushes are held comes after the replies of that time, however many
// bytes these are, and what is replied after Settle comes after all of it, whoever pushes meanwhile.
func TestHoldAndSettle(t *testing.T) {
	long := strings.Repeat("x", flushAt)
	h := &scripted{serve: func(c *Conn, pipeline []Command) {
		for range pipeline {
			go c.Push(Simple("noise"))
			c.Hold()
			c.Push(Bulk("first"))
			time.Sleep(50 * time.Microsecond)
			c.Reply(Bulk(long))
			c.Reply(Bulk(long))
			c.Push(Bulk("second"))
			c.Settle()
			c.Reply(OK())
		}
	}}
	_, addr := start(t, h, nil)
	conn := dial(t, addr)
	in := bufio.NewReader(conn)
	for range 200 {
		send(t, conn, "SUBSCRIBE\r\n")
		var got []string
		for noise := false; len(got) < 5 || !noise; {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			switch line = strings.TrimSpace(line); {
			case line == "+noise":
				noise = true
			case line[0] != '$':
				got = append(got, line[:min(len(line), 6)])
			}
		}
		if want := []string{"xxxxxx", "xxxxxx", "first", "second", "+OK"}; !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// TestSettleWithoutReader: nobody waits for a reader that is gone.
func TestSettleWithoutReader(t *testing.T) {
	served := make(chan struct{})
	h := &scripted{serve: func(c *Conn, _ []Command) {
		for range 200 {
			c.Push(Bulk(strings.Repeat("x", 1000)))
			c.Settle()
		}
		close(served)
	}}
	_, addr := start(t, h, nil)
	conn := dial(t, addr)
	send(t, conn, "SUBSCRIBE\r\n")
	conn.Close()
	<-served
}

func TestSlowReaderIsDropped(t *testing.T) {
	t.Run("pushes", func(t *testing.T) {
		conns := make(chan *Conn, 1)
		h := &scripted{open: func(c *Conn) { c.SetTrusted(true); conns <- c }}
		s, addr := start(t, h, func(l *Limits) { l.OutputBytes = 100 << 10 })
		conn := dial(t, addr)
		send(t, conn, "PING\r\n")
		c := <-conns
		message := Bulk(strings.Repeat("x", 10000))
		eventually(t, "push refused", func() bool {
			if omem := c.Buffers().OutputMem; omem > 100<<10 {
				t.Errorf("%d bytes queued", omem)
			}
			return !c.Push(message)
		})
		eventually(t, "connection gone", func() bool { return s.Stats().Connected == 0 })
		if n := s.Stats().Refusals["slow-reader"]; n != 1 {
			t.Errorf("counted %d times", n)
		}
	})
	t.Run("replies", func(t *testing.T) {
		h := &scripted{serve: func(c *Conn, pipeline []Command) {
			for range 1000 {
				c.Reply(Bulk(strings.Repeat("x", 100000)))
			}
		}}
		s, addr := start(t, h, func(l *Limits) { l.WriteTimeout = 100 * time.Millisecond })
		conn := dial(t, addr)
		send(t, conn, "PING\r\n")
		eventually(t, "connection gone", func() bool { return s.Stats().Refusals["slow-reader"] == 1 })
		conn.Close()
	})
}

func TestWriteDeadlineIsRenewed(t *testing.T) {
	_, addr := start(t, &scripted{}, func(l *Limits) { l.WriteTimeout = 40 * time.Millisecond })
	conn := dial(t, addr)
	for range 5 {
		send(t, conn, "PING\r\n")
		expect(t, conn, framed("PING"))
		time.Sleep(60 * time.Millisecond)
	}
}

func TestTimeouts(t *testing.T) {
	s, addr := start(t, &scripted{open: func(*Conn) {}}, func(l *Limits) { l.PreAuthTimeout = 50 * time.Millisecond })
	stranger, friend := dial(t, addr), dial(t, addr)
	send(t, friend, "AUTH x\r\n")
	expect(t, friend, "+OK\r\n")
	expectEnd(t, stranger)
	send(t, friend, "PING\r\n")
	expect(t, friend, framed("PING"))
	s.SetIdleTimeout(30 * time.Millisecond)
	send(t, friend, "PING\r\n")
	expect(t, friend, framed("PING"))
	expectEnd(t, friend)
	if st := s.Stats(); st.Refusals["unauth-timeout"] != 1 || st.Refusals["idle"] != 1 {
		t.Errorf("%+v", st.Refusals)
	}
}

func TestHotConnectionCools(t *testing.T) {
	conns := make(chan *Conn, 1)
	h := &scripted{open: func(c *Conn) { c.SetTrusted(true); conns <- c }}
	_, addr := start(t, h, nil)
	conn := dial(t, addr)
	in := strings.Repeat(framed("PING"), 2000)
	go func() { _, _ = io.WriteString(conn, in) }()
	expect(t, conn, in)
	c := <-conns
	eventually(t, "large buffer given back", func() bool { b := c.Buffers(); return b.Query+b.QueryFree == 0 })
	send(t, conn, "PING\r\n")
	expect(t, conn, framed("PING"))
}

func TestMaxClientsAndRefuse(t *testing.T) {
	s, addr := start(t, &scripted{}, func(l *Limits) { l.MaxClients = 1 })
	first := dial(t, addr)
	send(t, first, "PING\r\n")
	expect(t, first, framed("PING"))
	second := dial(t, addr)
	send(t, second, "PING\r\n")
	expect(t, second, "-ERR max number of clients reached\r\n")
	expectEnd(t, second)
	s.SetMaxClients(2)
	s.SetRefuse(func(remote net.Addr) (Value, bool) { return Error("DENIED " + remote.Network()), true })
	third := dial(t, addr)
	expect(t, third, "-DENIED tcp\r\n")
	expectEnd(t, third)
	if st := s.Stats(); st.Connections != 3 || st.Connected != 1 || st.Rejected != 1 || st.Refusals["address"] != 1 {
		t.Errorf("%+v", st)
	}
}

// failing is a listener that is out of file descriptors at first.
type failing struct {
	net.Listener
	left, asked atomic.Int32
}

func (l *failing) Accept() (net.Conn, error) {
	l.asked.Add(1)
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestAcceptErrorsAreWaitedOut(t *testing.T) {
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	l := &failing{Listener: ln}
	l.left.Store(4)
	h := &scripted{open: func(c *Conn) { c.SetTrusted(true); c.Reply(Bulk(c.RemoteAddr() + c.LocalAddr())) }}
	s := NewServer(h, DefaultLimits(), nil)
	done := make(chan error, 1)
	begin := time.Now()
	go func() { done <- s.Serve(l) }()
	conn, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	name := ln.Addr().String() + ":0"
	expect(t, conn, string(Append(nil, Bulk(name+name), 2)))
	if took := time.Since(begin); took < 75*time.Millisecond { // 5 + 10 + 20 + 40
		t.Errorf("waited %v only", took)
	}
	if err := s.Close(); err != nil || <-done != nil {
		t.Error(err)
	}
	expectEnd(t, conn)
	if err := s.Serve(l); err == nil {
		t.Error("served after Close")
	}
}

func TestEachOpenIsClosedOnce(t *testing.T) {
	var opened, closed atomic.Int32
	h := &scripted{open: func(c *Conn) { c.SetTrusted(true); opened.Add(1) }, closed: func(*Conn) { closed.Add(1) }}
	s, addr := start(t, h, nil)
	for i := range 50 {
		conn := dial(t, addr)
		switch i % 4 {
		case 0:
			conn.Close()
		case 1:
			send(t, conn, "PING\r\n")
			conn.Close()
		case 2:
			send(t, conn, "*x\r\n")
		}
	}
	time.Sleep(20 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if o, c := opened.Load(), closed.Load(); o != c || s.Stats().Connected != 0 {
		t.Errorf("%d opened, %d closed, %+v", o, c, s.Stats())
	}
}
