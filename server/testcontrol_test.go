package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/divtxt/lockd/cluster"
)

// controlled opens a control, and what sends it lines.
func controlled(t *testing.T) (*testControl, func(line string) string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	t.Setenv("LOCKD_TEST_CONTROL", path)
	c, err := openTestControl(slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = conn.Close(), c.close() })
	replies := bufio.NewReader(conn)
	return c, func(line string) string {
		fmt.Fprintln(conn, line)
		reply, err := replies.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
}

func TestNoControlUnlessAsked(t *testing.T) {
	t.Setenv("LOCKD_TEST_CONTROL", "")
	c, err := openTestControl(slog.Default())
	if c != nil || err != nil {
		t.Fatal(c, err)
	}
	s := &Server{control: c}
	if around, err := s.testAppend(); around != nil || err != nil {
		t.Error("appends are wrapped, and no test has asked for it", err)
	}
	if clocks := s.control.clocks(); clocks.Raw != nil || clocks.WallClock != nil {
		t.Error("clocks are replaced, and no test has asked for it")
	}
	if err := s.control.close(); err != nil {
		t.Error(err)
	}
}

func TestControlOfTheDisk(t *testing.T) {
	c, say := controlled(t)
	stored := 0
	store := func() error { stored++; return nil }
	for line, wrote := range map[string]int{"fail before": 0, "fail after": 1} {
		stored = 0
		say(line)
		if err := c.appending(store); !errors.Is(err, syscall.EIO) || stored != wrote {
			t.Errorf("%s: %v, and %d appends were done", line, err, stored)
		}
		if err := c.appending(store); err != nil || stored != wrote+1 {
			t.Errorf("the append after %q: %v, and %d were done", line, err, stored)
		}
	}
	for line, least := range map[string]time.Duration{"delay 30ms": 30 * time.Millisecond, "stall 60ms": 40 * time.Millisecond} {
		say(line)
		begun := time.Now()
		if err := c.appending(store); err != nil || time.Since(begun) < least {
			t.Errorf("%s: an append took %v: %v", line, time.Since(begun), err)
		}
		say("delay 0s")
	}
	if got := say("show"); !strings.HasPrefix(got, "ok appends=6 delayed=1 hung=1 ") {
		t.Error(got)
	}
}

func TestControlOfTheClocks(t *testing.T) {
	c, say := controlled(t)
	clocks := c.clocks()
	off := func() time.Duration { return time.Duration(clocks.Raw() - cluster.RawClock()).Round(time.Millisecond) }
	if got := off(); got != 0 {
		t.Errorf("the raw clock is off by %v, and nobody has touched it", got)
	}
	say("jump 5s")
	say("jump -2s")
	if got := off(); got != 3*time.Second {
		t.Errorf("after two jumps it is off by %v", got)
	}
	say("jump -3s")
	begun := cluster.RawClock()
	say("rate 1000000")
	time.Sleep(20 * time.Millisecond)
	say("rate 0")
	most := time.Duration(cluster.RawClock() - begun)
	if got := off(); got < 20*time.Millisecond || got > most+time.Millisecond {
		t.Errorf("twice as fast for 20 ms, at most %v, it is off by %v", most, got)
	}
	say("wall -1h")
	if got := time.Until(clocks.WallClock()).Round(time.Second); got != -time.Hour {
		t.Errorf("the date is off by %v", got)
	}
	for _, line := range []string{"jump", "jump x", "rate 1.5", "fail never", "dance 1s", "", "wall 1h now"} {
		if got := say(line); !strings.HasPrefix(got, "error ") {
			t.Errorf("%q: %s", line, got)
		}
	}
}
