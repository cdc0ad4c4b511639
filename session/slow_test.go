// SLOWLOG and LATENCY, what they must not show, and the counters behind them.

package session

import (
	"fmt"
	"math/bits"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/divtxt/lockd/commands"
)

// TestSlowlog: entries are real, secrets are not in them.
func TestSlowlog(t *testing.T) {
	b := startBench(t)
	b.policy(func(p *Policy) { p.SlowlogLen = 100 })
	k := b.dial()
	k.do("CLIENT SETNAME me")
	k.do("CONFIG SET slowlog-log-slower-than 0")
	for _, line := range []string{
		"AUTH default secret", "HELLO 2 AUTH default secret SETNAME me", // are not there at all
		"CONFIG SET requirepass secret maxmemory 5", "CONFIG SET requirepass \"\"",
		"LOCK a secret 30000 NOTE secret", "SET b secret PX 100 NX", "MSET c secret d secret", "DELIFEQ e secret",
		"SCAN 0 MATCH f* COUNT 10", "RENEW g secret 77", "LOCK.LIST OWNER secret COUNT 5", "GETRANGE h 0 -1",
		"ECHO hello", "NOSUCH secret", "LOCK.CHECK i 12", "SET j 12345", "UNLOCK k WAIT secret",
	} {
		k.do(line)
	}
	k.do("CONFIG SET slowlog-log-slower-than -1")
	got := k.do("SLOWLOG GET -1")
	if strings.Contains(got, "secret") || strings.Contains(got, "12345") {
		t.Errorf("a secret is in %s", got)
	}
	got = regexp.MustCompile(`:[0-9]+ :[0-9]+ :[0-9]+ |127.0.0.1:[0-9]+ me`).ReplaceAllString(got, "")
	r := redacted
	want := strings.Join([]string{
		"UNLOCK k " + r + " " + r, "SET j " + r, "LOCK.CHECK i 12",
		"ECHO hello", "GETRANGE h 0 -1", "LOCK.LIST OWNER " + r + " COUNT 5", "RENEW g " + r + " 77",
		"SCAN 0 MATCH f* COUNT 10", "DELIFEQ e " + r, "MSET c " + r + " d " + r, "SET b " + r + " PX 100 NX",
		"LOCK a " + r + " 30000 NOTE " + r, "CONFIG SET requirepass " + r, "CONFIG SET requirepass " + r + " maxmemory 5",
		"CONFIG SET slowlog-log-slower-than 0",
	}, "  ")
	if got = strings.TrimSpace(got); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n := k.do("SLOWLOG LEN"); n != ":15" {
		t.Errorf("%s entries", n)
	}
	if got := k.do("SLOWLOG GET 1"); !strings.Contains(got, "UNLOCK") || strings.Contains(got, "LOCK.CHECK") {
		t.Error(got)
	}
	k.do("SLOWLOG RESET")
	if n := k.do("SLOWLOG LEN"); n != ":0" {
		t.Errorf("%s entries after RESET", n)
	}
}

func TestSlowlogCuts(t *testing.T) {
	b := startBench(t)
	b.policy(func(p *Policy) { p.SlowlogThan = 0 })
	k := b.dial()
	long := strings.Repeat("k", 150)
	b.policy(func(p *Policy) { p.MaxKeyBytes = 1000 })
	k.do("GET " + long)
	if got := k.do("SLOWLOG GET 1"); !strings.Contains(got, "GET "+long[:128]+"... (22 more bytes)") {
		t.Error(got)
	}
	k.do("DEL" + strings.Repeat(" a", 40))
	if got := k.do("SLOWLOG GET 1"); !strings.Contains(got, strings.Repeat(" a", 30)+" ... (10 more arguments)") {
		t.Error(got)
	}
	for range 10 {
		k.do("PING")
	}
	if n := k.do("SLOWLOG LEN"); n != ":4" {
		t.Errorf("%s entries, want slowlog-max-len", n)
	}
	b.policy(func(p *Policy) { p.SlowlogLen = 0 })
	k.do("PING")
	if n := k.do("SLOWLOG LEN"); n != ":0" {
		t.Errorf("%s entries, want none", n)
	}
}

// TestSlowlogTellsSlowFromWaiting: a pipeline is one entry, time in a queue is none.
func TestSlowlogTellsSlowFromWaiting(t *testing.T) {
	b := startBench(t)
	b.policy(func(p *Policy) { p.SlowlogThan = 10_000 })
	b.node.delay = 15 * time.Millisecond
	k := b.dial()
	id := k.id()
	k.send("GET a", "GET b", "SET c 1")
	k.read(len("$6\r\na in 0\r\n$6\r\na in 0\r\n+OK\r\n"))
	if got := k.do("SLOWLOG GET"); !strings.Contains(got, "GET a ... (with 2 more commands of its pipeline)") || strings.Contains(got, "SET") {
		t.Error(got)
	}
	b.node.mu.Lock()
	b.node.delay = 0
	b.node.mu.Unlock()
	k.do("SLOWLOG RESET")
	k.send(park)
	eventually(t, "parked", func() bool { return b.node.waiting() == 1 })
	time.Sleep(30 * time.Millisecond)
	b.node.Unblock(id, false)
	k.want("$-1\r\n")
	if n := k.do("SLOWLOG LEN"); n != ":0" {
		t.Errorf("waiting is in SLOWLOG: %s", k.do("SLOWLOG GET"))
	}
}

func TestLatency(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	if text := k.text("LATENCY DOCTOR"); !strings.Contains(text, "latency-monitor-threshold is 0") {
		t.Error(text)
	}
	b.policy(func(p *Policy) { p.LatencyAbove = 5 })
	if text := k.text("LATENCY DOCTOR"); !strings.Contains(text, "Nothing was slow") {
		t.Error(text)
	}
	b.node.delay = 6 * time.Millisecond
	b.node.status.SyncLast = 5 * time.Millisecond
	k.do("GET a")
	k.do("KEYS *")
	for _, c := range []struct{ ask, pattern string }{
		{"LATENCY LATEST", `^command :\d+ :[6-9]\d* :\d+ fast-command :\d+ :\d+ :\d+ fsync :\d+ :5 :5$`},
		{"LATENCY HISTORY fsync", `^:\d+ :5$`},
		{"LATENCY GRAPH fsync", `fsync - high 5 ms, low 5 ms \(all time high 5 ms\)\n-+\n(#\n){10}the left is`},
		{"LATENCY DOCTOR", `fsync: slow in 1 seconds, 5 ms on average there, 5 ms at worst.\nThe disk is slow`},
		{"LATENCY HISTOGRAM get", `^get calls :1 histogram_usec :\d+ :1$`},
		{"LATENCY HISTOGRAM GET keys latency", `^get .* keys .* latency\|`},
		{"LATENCY HISTOGRAM", `get calls :1 `},
		{"LATENCY RESET fsync nosuch", `^:1$`},
		{"LATENCY DOCTOR", `The disk was in time`},
		{"LATENCY RESET", `^:2$`},
		{"LATENCY LATEST", `^$`},
	} {
		if got := k.do(c.ask); !regexp.MustCompile(c.pattern).MatchString(got) {
			t.Errorf("%s: %q is not like %s", c.ask, got, c.pattern)
		}
	}
}

func TestLatencySamples(t *testing.T) {
	var l latencyEvents
	now := time.Unix(1000, 0)
	l.note("e", 5, now)
	l.note("e", 9, now)
	l.note("e", 7, now)
	if _, all := l.all(); len(all["e"].samples) != 1 || all["e"].samples[0].ms != 9 {
		t.Errorf("of one second the worst is kept: %v", all)
	}
	for i := range 500 {
		l.note("e", int64(i%50), now.Add(time.Duration(i)*time.Second))
	}
	if _, all := l.all(); len(all["e"].samples) != latencySamples || all["e"].highest != 49 {
		t.Errorf("%d samples, highest %d", len(all["e"].samples), all["e"].highest)
	}
	if !l.mayLookAtDisk(now) || l.mayLookAtDisk(now.Add(time.Millisecond)) {
		t.Error("the disk is looked at too often, or never")
	}
}

func TestHistogram(t *testing.T) {
	for b := range histogramBuckets - 1 {
		if got := bucketOf(upperBound(b)); got != b {
			t.Errorf("upper bound %d of bucket %d is in %d", upperBound(b), b, got)
		}
		if got := bucketOf(upperBound(b) + 1); got != b+1 {
			t.Errorf("%d is in bucket %d, want %d", upperBound(b)+1, got, b+1)
		}
	}
	if bucketOf(1<<63) != histogramBuckets-1 {
		t.Error("what is beyond the last bucket is not in it")
	}
	h := new(histogram)
	if h.percentile(0.5) != 0 {
		t.Error("nothing has no percentile")
	}
	for us := range uint64(1000) {
		h.add(us)
	}
	for share, exact := range map[float64]float64{0.5: 500, 0.99: 990, 0.999: 999} {
		if got := float64(h.percentile(share).Microseconds()); got < exact-1 || got > exact*1.25 {
			t.Errorf("%v of 0 to 999 is %v", share, got)
		}
	}
	bounds, counts := h.doublings()
	for i, bound := range bounds {
		if bits.OnesCount64(bound) != 1 || counts[i] != min(bound, 1000) {
			t.Errorf("%d took less than %d", counts[i], bound)
		}
	}
	if counts[len(counts)-1] != 1000 {
		t.Error("some are missing")
	}
}

func TestSampler(t *testing.T) {
	var s sampler
	start := time.Unix(1000, 0)
	if r := s.until(sample{at: start, ops: 5}); r.ops != 0 {
		t.Errorf("without samples: %v", r)
	}
	for i := range 100 {
		now := start.Add(time.Duration(i) * sampleEvery)
		if !s.due(now) || s.due(now.Add(sampleEvery/2)) {
			t.Fatal("due too often, or not often enough")
		}
		s.add(sample{at: now, ops: uint64(100 * i), input: uint64(1000 * i), output: uint64(10 * i)})
	}
	end := start.Add(100 * sampleEvery)
	if r := s.until(sample{at: end, ops: 10000, input: 100000, output: 1000}); int(r.ops) != 1000 || int(r.input) != 10000 || int(r.output) != 100 {
		t.Errorf("a steady rate is %v", r)
	}
	// Nothing was served for a minute, so nothing was counted either.
	if r := s.until(sample{at: end.Add(time.Minute), ops: 10000, input: 100000, output: 1000}); r.ops > 100 {
		t.Errorf("after a minute of silence: %v", r)
	}
	s.reset()
	if r := s.until(sample{at: end, ops: 1}); r.ops != 0 {
		t.Errorf("after a reset: %v", r)
	}
}

func TestHumanBytes(t *testing.T) {
	for n, want := range map[uint64]string{0: "0B", 1023: "1023B", 1024: "1.00K", 1536 << 10: "1.50M", 3 << 40: "3.00T", 1 << 63: "8192.00P"} {
		if got := humanBytes(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	if percent(1, 0) != 0 || ratio(1, 0) != 0 {
		t.Error("parts of nothing")
	}
}

// TestErrorCodesAreBounded: a client cannot fill the memory with codes of its own making.
func TestErrorCodesAreBounded(t *testing.T) {
	b := startBench(t)
	b.policy(func(p *Policy) { p.Debug = "yes" })
	k := b.dial()
	for i := range 2 * errorCodes {
		k.do(fmt.Sprintf("DEBUG ERROR CODE%d", i))
	}
	if n := len(b.hub.stats.errorCounts()); n != errorCodes {
		t.Errorf("%d codes are kept", n)
	}
}

// TestRates sees operations in INFO while they happen.
func TestRates(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	for end := time.Now().Add(3 * sampleEvery); time.Now().Before(end); {
		k.do("PING")
	}
	if ops := fields(k.text("INFO stats"))["instantaneous_ops_per_sec"]; ops == "0" || ops == "" {
		t.Errorf("instantaneous_ops_per_sec is %q", ops)
	}
}

// TestRedactUnknownSyntax: what a Syntax has no place for is not shown.
func TestRedactUnknownSyntax(t *testing.T) {
	h := New("0", nil)
	cmd := &commands.Command{Name: "x", Syntax: "key [MS milliseconds]", Keys: commands.Keys{First: 1, Last: 1, Step: 1}}
	words := [][]byte{[]byte("x"), []byte("k"), []byte("ms"), []byte("secret"), []byte("ms"), []byte("5"), []byte("7")}
	if got := strings.Join(h.shownWords(cmd, words), " "); got != "x k ms "+redacted+" ms 5 "+redacted {
		t.Error(got)
	}
}
