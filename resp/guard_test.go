package resp

// Tests of the guard without a network: bytes at chosen split points go in, the commands that Serve got
// and the bytes that were written come out and are held against the reference parser.

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// chunks is a socket that delivers what it is told to, one chunk a read at most, and then ends.
type chunks struct {
	net.Conn
	left    []string
	most    int // bytes a read, 0 for any number
	written strings.Builder
	closed  bool
}

func (s *chunks) Read(p []byte) (int, error) {
	for len(s.left) > 0 && s.left[0] == "" {
		s.left = s.left[1:]
	}
	if s.closed {
		return 0, net.ErrClosed
	}
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	if s.most > 0 {
		p = p[:min(len(p), s.most)]
	}
	n := copy(p, s.left[0])
	s.left[0] = s.left[0][n:]
	return n, nil
}

func (s *chunks) Write(p []byte) (int, error)      { return s.written.Write(p) }
func (s *chunks) Close() error                     { s.closed = true; return nil }
func (s *chunks) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *chunks) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *chunks) SetReadDeadline(time.Time) error  { return nil }
func (s *chunks) SetWriteDeadline(time.Time) error { return nil }

// feed runs a guard over the chunks and notes what it hands over.
func feed(t testing.TB, limits Limits, trusted bool, left []string) (*scripted, *chunks) {
	h := &scripted{open: func(c *Conn) { c.SetTrusted(trusted) }}
	h.serve = func(c *Conn, pipeline []Command) {
		checkBounds(t, limits, c.trusted.Load(), pipeline)
		for _, cmd := range pipeline {
			if strings.EqualFold(string(cmd[0]), "auth") {
				c.SetTrusted(true)
			}
		}
	}
	sock := &chunks{left: left}
	run(t, h, limits, sock)
	return h, sock
}

// run does what redcon would.
func run(t testing.TB, h Handler, limits Limits, sock *chunks) {
	s := NewServer(h, limits, nil)
	g := &guard{Conn: sock, c: newConn(s, s.handler, socket{Conn: sock, raw: sock})}
	s.counts.active.Add(1)
	if n, err := g.Read(make([]byte, 4096)); n != 0 || err == nil {
		t.Fatalf("redcon got %d bytes, %v", n, err)
	}
	if !sock.closed || s.counts.active.Load() != 0 {
		t.Fatal("connection not closed")
	}
	if n := s.counts.refused[panicked].Load(); n != 0 {
		t.Fatal("panicked")
	}
}

// checkBounds asserts that nothing above the limits reaches a handler.
func checkBounds(t testing.TB, limits Limits, trusted bool, pipeline []Command) {
	if len(pipeline) == 0 || len(pipeline) > limits.PipelineCommands || !trusted && len(pipeline) > 1 {
		t.Fatalf("%d commands at once", len(pipeline))
	}
	for _, cmd := range pipeline {
		total := 0
		for _, w := range cmd {
			total += len(w)
			if !trusted && len(w) > limits.PreAuthBytes {
				t.Fatalf("word of %d bytes from a stranger", len(w))
			}
		}
		if len(cmd) == 0 || len(cmd) > limits.Args || total > limits.CommandBytes+limits.InlineBytes ||
			!trusted && len(cmd) > limits.PreAuthArgs {
			t.Fatalf("command of %d words, %d bytes", len(cmd), total)
		}
	}
}

// compare feeds input in the given pieces and holds the outcome against the reference.
func compare(t testing.TB, limits Limits, trusted bool, pieces ...string) {
	input := strings.Join(pieces, "")
	want := reference(input, limits, trusted)
	h, sock := feed(t, limits, trusted, slices.Clone(pieces))
	if got := h.commands(); !slices.Equal(got, want.commands) {
		t.Fatalf("%.300q in %d pieces:\n got commands %.300q\nwant %.300q", input, len(pieces), got, want.commands)
	}
	c := &Conn{srv: &Server{limits: limits}}
	c.in.parse.got = want.got
	text := ""
	if refusals[want.why].text != "" {
		text = string(Append(nil, c.refusalText(want.why), 2))
	}
	if got := sock.written.String(); got != text {
		t.Fatalf("%.300q in %d pieces: wrote %q, want %q", input, len(pieces), got, text)
	}
}

// smallLimits make every bound reachable with a few bytes.
func smallLimits() Limits {
	l := DefaultLimits()
	l.CommandBytes, l.Args, l.InlineBytes = 120, 6, 40
	l.PreAuthArgs, l.PreAuthBytes = 3, 8
	l.PipelineCommands, l.PipelineBytes = 3, 80
	return l
}

// samples are inputs that between them take every branch of the parser.
func samples() []string {
	return []string{
		framed("PING") + framed("SET", "k", "v") + framed("GET", ""),
		"PING\r\nSET k v\n\r\n\n  \r\nGET k\r\n",
		"*0\r\n*-1\r\n*-7\r\n" + framed("PING"),
		"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
		"*\r\n", "*a\r\n", "*01\r\n", "*+1\r\n", "* 1\r\n", "*-0\r\n", "*99999999999999999999\r\n", "*2147483648\r\n",
		"*1\r\nx\r\n", "*1\r\n\r\n", "*1\r\n\n\r\n", "*1\r\n:3\r\n", "*2\r\n$1\r\na\r\n*1\r\n", "*1\r\n\xff\r\n",
		"*1\r\n$\r\n", "*1\r\n$-1\r\n", "*1\r\n$a\r\n", "*1\r\n$01\r\n", "*1\r\n$9223372036854775807\r\nx\r\n",
		"*1\r\n$536870912\r\n", "*1\r\n$536870913\r\n", "*1\r\n$100\r\n", "*1\r\n$112\r\n", "*7\r\n", "*6\r\n",
		"*1\rx$1\rxaxx" + framed("PING"),
		"*" + strings.Repeat("1", 50), "*1\r\n$" + strings.Repeat("1", 50), strings.Repeat("a", 41) + "\r\n",
		strings.Repeat("a", 40) + "\r\n", strings.Repeat("a", 39) + "\r\n", strings.Repeat("a ", 10) + "\r\n",
		`set "a b" 'c d' e"f"` + "\r\n", `"\x41\n\r\t\b\a\q\"\\" '\'x'` + "\r\n", `"\x4" "\xzz"` + "\r\n",
		`"abc` + "\r\n", `'abc` + "\r\n", `"a"b` + "\r\n", `'a'b` + "\r\n", `"a\` + "\r\n", `a\b "" ''` + "\r\n",
		"a\vb \v c\fd\r\n", "a\rb\r\r\n", "a\x00b\r\nping\r\n", "*1\x00\r\n", "*1\r\n$1\x00\r\na\r\n", "\x00",
		"post / HTTP/1.1\r\nHost: x\r\n", "ping\r\nHOST: x\r\n", framed("PosT"), "posts\r\n",
		"AUTH x\r\n" + framed("SET", "key", "above-eight", "4"), framed("SET", "key", "above-eight"), "a b c d\r\n",
		"AUTH x\r\na b c d e f\r\n", "a b above-eight\r\n", strings.Repeat(framed("A"), 30), strings.Repeat("\r\n", 100),
		strings.Repeat("\n", 60) + "*1\r\n$4\r\nPI",
	}
}

func TestGuardAtEverySplit(t *testing.T) {
	limits := smallLimits()
	for _, in := range samples() {
		for _, trusted := range []bool{true, false} {
			compare(t, limits, trusted, in)
			compare(t, limits, trusted, strings.Split(in, "")...)
			for i := 1; i < len(in); i++ {
				compare(t, limits, trusted, in[:i], in[i:])
			}
		}
	}
}

func TestGuardLargeInputs(t *testing.T) {
	limits := DefaultLimits()
	var many strings.Builder
	for i := range 6000 {
		many.WriteString(framed("SET", fmt.Sprint("key", i), strings.Repeat("v", i%90)))
	}
	words := make([]string, 16384)
	for i := range words {
		words[i] = fmt.Sprint(i)
	}
	for name, in := range map[string]string{
		"pipeline":        many.String(),
		"biggest bulk":    framed("SET", "k", strings.Repeat("x", 1<<20-40)) + framed("PING"),
		"too big":         framed("PING") + framed("SET", "k", strings.Repeat("x", 1<<20)),
		"most words":      framed(words...) + "ping\r\n",
		"too many words":  framed(append(words, "x")...),
		"longest inline":  strings.Repeat("ab ", 64<<10/3) + "\r\nping\r\n",
		"too long inline": strings.Repeat("ab ", 64<<10) + "\r\nping\r\n",
	} {
		for _, size := range []int{1448, 4096, 65536, 1 << 22} {
			t.Run(fmt.Sprintf("%s in %d", name, size), func(t *testing.T) {
				var pieces []string
				for rest := in; rest != ""; {
					n := min(size, len(rest))
					pieces, rest = append(pieces, rest[:n]), rest[n:]
				}
				compare(t, limits, true, pieces...)
			})
		}
	}
}

func TestGuardBatches(t *testing.T) {
	limits := DefaultLimits()
	h, _ := feed(t, limits, true, []string{strings.Repeat(framed("PING"), 3000)})
	for i, b := range h.batches {
		// The first read has redcon's 4 KiB, then the guard has learnt.
		if len(b) > limits.PipelineCommands || i == 1 && len(b) < limits.PipelineCommands {
			t.Errorf("batch %d has %d commands", i, len(b))
		}
	}
	limits.PipelineBytes = 100
	h, _ = feed(t, limits, true, []string{strings.Repeat(framed("PING"), 100)})
	if n := len(h.batches[0]); n != 8 { // the eighth PING of 14 bytes passes the hundredth byte
		t.Errorf("batch of %d commands", n)
	}
}

// TestGuardCost checks that the work is linear: four times the input costs about four times as much. A
// quadratic parser would need sixteen times.
func TestGuardCost(t *testing.T) {
	limits := DefaultLimits()
	limits.Args, limits.CommandBytes = 1<<20, 8<<20
	for _, tt := range []struct {
		name  string
		piece int
		input func(n int) string
	}{
		{"bulk in single bytes", 1, func(n int) string { return framed("SET", strings.Repeat("x", n*60000)) }},
		{"words in segments", 1448, func(n int) string {
			return strings.Repeat(framed(slices.Repeat([]string{"word"}, 30000*n)...), 2)
		}},
		{"inline words", 1 << 20, func(n int) string { return strings.Repeat(strings.Repeat("a ", 1000*n)+"\r\n", 40) }},
		{"inline in single bytes", 1, func(n int) string { return strings.Repeat("a", 15000*n) + "\r\n" }},
		{"hidden by NUL", 1, func(n int) string { return "a\x00" + strings.Repeat("a", 15000*n) }},
		{"empty lines", 1 << 20, func(n int) string { return strings.Repeat("\r\n", 100000*n) }},
		{"pipeline in single bytes", 1, func(n int) string { return strings.Repeat(framed("PING"), 3000*n) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cost := func(n int) time.Duration {
				in := tt.input(n)
				best := time.Hour
				for range 5 {
					begin := time.Now()
					run(t, &quick{func(*Conn, []Command) {}}, limits, &chunks{left: []string{in}, most: tt.piece})
					best = min(best, time.Since(begin))
				}
				return best
			}
			// The machine may be busy with something else, so one good try of several is enough.
			ratio := 16.0
			for try := 0; try < 5 && ratio > 8; try++ {
				ratio = min(ratio, float64(cost(4))/float64(cost(1)))
			}
			if ratio > 8 {
				t.Errorf("4 times the input costs %.1f times as much", ratio)
			}
		})
	}
}

func TestParserAllocatesNothing(t *testing.T) {
	limits := DefaultLimits()
	p := parser{limits: &limits}
	in := []byte(framed("SET", "key", "value"))
	ws := workspace{}
	work := func() {
		for range 100 {
			if n, why := p.next(in, true); n != len(in) || why != fine {
				t.Fatal(n, why)
			}
			ws.add(in, p.words)
		}
		ws.reset()
	}
	work()
	if n := testing.AllocsPerRun(100, work); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzGuard(f *testing.F) {
	for _, in := range samples() {
		f.Add([]byte(in), []byte{3, 1, 7}, true)
		f.Add([]byte(in), []byte{}, false)
	}
	limits := smallLimits()
	f.Fuzz(func(t *testing.T, in, cuts []byte, trusted bool) {
		if len(in) > 1<<16 {
			return
		}
		var pieces []string
		rest := string(in)
		for _, cut := range cuts {
			n := min(int(cut)+1, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		compare(t, limits, trusted, append(pieces, rest)...)
	})
}

func FuzzSplitWords(f *testing.F) {
	for _, in := range samples() {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		in = upToNul(in)
		want, wantWhy := refWords(in, 100)
		b := []byte(in)
		spans, why := splitWords(b, nil, 100)
		var got []string
		for _, s := range spans {
			got = append(got, string(b[s.from:s.to]))
		}
		if why != wantWhy || why == fine && !slices.Equal(got, want) {
			t.Fatalf("%q: got %q %v, want %q %v", in, got, why, want, wantWhy)
		}
	})
}
