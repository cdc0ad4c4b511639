// A hand on the disk and the clocks of a running process, for the tests of faults: a disk that becomes slow,
// hangs or fails, a date that steps, an oscillator that is wrong. Some of it no test could do from outside:
// Go reads the clock past any preloaded library, and not every kernel has a device mapper.
//
// It is there only where LOCKD_TEST_CONTROL names a socket to listen on, which is said in the log; otherwise
// nothing of it is called. Like testPrefix's other variables it is in no manual. A client sends a line and
// gets a line, "ok" or "error", with what show tells after it.

package server

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/divtxt/lockd/cluster"
)

// testControl is what tests have set. Without the variable there is none.
type testControl struct {
	ln net.Listener

	mu      sync.Mutex
	delay   time.Duration // of each append
	stalled time.Time     // appends hang until then
	fail    string        // how the next append fails: before it is written, or after
	wall    time.Duration // by which the date is off
	rate    int64         // ppm by which the raw clock is fast
	since   int64         // true raw time at which ahead was right
	ahead   int64         // nanoseconds by which the raw clock was ahead then
	count   struct{ appends, delayed, hung int }
}

// openTestControl listens where the environment says, and returns nil if it says nothing.
func openTestControl(log *slog.Logger) (*testControl, error) {
	path := os.Getenv(testPrefix + "CONTROL")
	if path == "" {
		return nil, nil //nolint:nilnil // no variable, no control
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // of a process that was killed
		return nil, WithExit(ExitUsage, err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, WithExit(ExitUsage, fmt.Errorf("%sCONTROL: %w", testPrefix, err))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	log.Warn("this process is under test: whoever reaches this socket can break its disk and its clocks",
		"socket", path)
	c := &testControl{ln: ln, since: cluster.RawClock()}
	go c.serve()
	return c, nil
}

// close ends the listening; what was set stays.
func (c *testControl) close() error {
	if c == nil {
		return nil
	}
	return c.ln.Close()
}

func (c *testControl) serve() {
	for {
		conn, err := c.ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				said := "ok "
				if err := c.command(strings.Fields(lines.Text())); err != nil {
					said = "error " + err.Error() + " "
				}
				if _, err := fmt.Fprintln(conn, said+c.show()); err != nil {
					return
				}
			}
		}()
	}
}

// command does one line. Times are as in Go, "20ms" or "-1h"; a rate is in ppm.
func (c *testControl) command(words []string) error {
	if len(words) == 1 && words[0] == "show" {
		return nil
	}
	if len(words) != 2 {
		return fmt.Errorf("%q is no command and its argument", words)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if words[0] == "fail" {
		if words[1] != "before" && words[1] != "after" {
			return fmt.Errorf("fail %q: an append can fail before it is written, or after", words[1])
		}
		c.fail = words[1]
		return nil
	}
	if words[0] == "rate" {
		rate, err := strconv.ParseInt(words[1], 10, 32)
		if err == nil {
			c.turn(0)
			c.rate = rate
		}
		return err
	}
	d, err := time.ParseDuration(words[1])
	if err != nil {
		return err
	}
	switch words[0] {
	case "delay":
		c.delay = max(0, d)
	case "stall":
		c.stalled = time.Now().Add(d)
	case "wall":
		c.wall = d
	case "jump":
		c.turn(int64(d))
	default:
		return fmt.Errorf("unknown command %q", words[0])
	}
	return nil
}

// show tells what has been done so far: to how many appends, and by how many microseconds the clocks are off.
func (c *testControl) show() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("appends=%d delayed=%d hung=%d wall=%d raw=%d", c.count.appends, c.count.delayed,
		c.count.hung, c.wall.Microseconds(), c.off(cluster.RawClock())/1000)
}

// off is by how many nanoseconds the raw clock is ahead at a true time.
func (c *testControl) off(now int64) int64 { return c.ahead + (now-c.since)/1000*c.rate/1000 }

// turn makes the raw clock jump, and lets a new rate count from now on.
func (c *testControl) turn(by int64) {
	now := cluster.RawClock()
	c.ahead, c.since = c.off(now)+by, now
}

// clocks are the true ones with what was set added, or none, which means the true ones.
func (c *testControl) clocks() cluster.Clocks {
	if c == nil {
		return cluster.Clocks{}
	}
	return cluster.Clocks{
		Raw: func() int64 {
			c.mu.Lock()
			defer c.mu.Unlock()
			now := cluster.RawClock()
			return now + c.off(now)
		},
		WallClock: func() time.Time {
			c.mu.Lock()
			defer c.mu.Unlock()
			return time.Now().Add(c.wall)
		},
	}
}

// appending imitates the disk around one append to the log.
func (c *testControl) appending(store func() error) error {
	c.mu.Lock()
	delay, fail := c.delay, c.fail
	c.fail = ""
	c.count.appends++
	if delay > 0 {
		c.count.delayed++
	}
	if time.Now().Before(c.stalled) {
		c.count.hung++
	}
	c.mu.Unlock()
	for c.hangs() {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(delay)
	broken := &os.PathError{Op: "fdatasync", Path: "of the test", Err: syscall.EIO}
	if fail == "before" {
		return broken
	}
	if err := store(); err != nil || fail == "" {
		return err
	}
	return broken
}

func (c *testControl) hangs() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.stalled)
}
