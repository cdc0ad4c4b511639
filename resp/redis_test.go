package resp

// The real Redis as the judge: the same raw bytes go to a redis-server and to a guard, and what comes back
// must be the same to the last byte. Skipped where there is no redis-server 7.0.

import (
	"fmt"
	"io"
	"math"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// startRedis runs a redis-server until the test ends.
func startRedis(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server")
	}
	if v, _ := exec.Command(path, "--version").Output(); !strings.Contains(string(v), "v=7.0.") {
		t.Skipf("the texts are those of Redis 7.0, this is %s", v)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(path, append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "",
		"--appendonly", "no", "--dir", t.TempDir()}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, "redis-server answers", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		_, err = io.WriteString(conn, "PING\r\n")
		n, _ := conn.Read(make([]byte, 100))
		return err == nil && n > 0
	})
	return addr
}

// likeRedis answers the few commands that the comparison uses.
func likeRedis(c *Conn, pipeline []Command) {
	for _, cmd := range pipeline {
		switch name := strings.ToUpper(string(cmd[0])); {
		case name == "AUTH":
			c.SetTrusted(true)
			c.Reply(OK())
		case !c.trusted.Load():
			c.Reply(Error("NOAUTH Authentication required."))
		case name == "PING":
			c.Reply(Simple("PONG"))
		case name == "EVAL": // "return ARGV"
			list := make([]Value, len(cmd)-3)
			for i, w := range cmd[3:] {
				list[i] = Bulk(string(w))
			}
			c.Reply(Array(list...))
		default:
			c.Reply(Errorf("ERR unknown command '%s', with args beginning with: ", cmd[0]))
		}
	}
}

// exchange sends in and returns all that comes back.
func exchange(t *testing.T, addr, in string) string {
	conn := dial(t, addr)
	defer conn.Close()
	go func() {
		_, _ = io.WriteString(conn, in)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	out, err := io.ReadAll(conn)
	if isTimeout(err) {
		t.Fatalf("%.100q: no end", in)
	}
	return string(out)
}

// TestLikeRedis leaves out where Redis depends on how bytes arrive: a length line just above 64 KiB that
// has an end, and commands in front of POST, which Redis runs but does not answer and we do.
func TestLikeRedis(t *testing.T) {
	const ping, eval = "*1\r\n$4\r\nPING\r\n", `eval "return ARGV" 0 `
	long := strings.Repeat("1", 64<<10)
	inputs := []string{
		ping, "PING\r\n", "ping\n", "\r\n\n  \r\nping\r\n", "*0\r\n*-1\r\n*-9\r\n" + ping, "*0\r\nping\r\n",
		"*\r\n", "*a\r\n", "*01\r\n", "*+1\r\n", "* 1\r\n", "*1 \r\n", "*-0\r\n", "*-\r\n", "*99999999999999999999\r\n",
		"*9223372036854775807\r\n", "*-9223372036854775808\r\n" + ping, "*-9223372036854775809\r\n", "*2147483648\r\n",
		"*\n", "*1\n$4\nPING\n", "*1\rx$4\rxPINGxx" + ping, "*1\r\r$4\r\rPING\r\r" + ping,
		"*1\r\nx\r\n", "*1\r\n\r\n", "*1\r\n\n\r\n", "*1\r\n:3\r\n", "*2\r\n$4\r\nping\r\n*1\r\n", "*1\r\n\xff\r\n",
		"*1\r\n'\r\n", "*1\r\n \r\n", "*1\r\n-\r\n", "*1\r\n\t\r\n", "*1\r\n\x01\r\n", "*1\r\n%\r\n",
		"*1\r\n$\r\n", "*1\r\n$-1\r\n", "*1\r\n$a\r\n", "*1\r\n$04\r\n", "*1\r\n$ 4\r\n", "*1\r\n$+4\r\n", "*1\r\n$-0\r\n",
		"*1\r\n$9223372036854775807\r\nx\r\n", "*1\r\n$536870913\r\n", "*1\r\n$99999999999999999999\r\n",
		"*1\r\n$4\r\nPINGxx" + ping, "*1\r\n$4\r\nPINGPING\r\n", "*1\r\n$3\r\nPING\r\n",
		ping + "*1\r\nx\r\n" + ping, ping + ping + "*x\r\n", "ping\r\n\"\r\nping\r\n",
		"*" + long + "1", "*1\r\n$" + long + "1", "*1\r\n" + long + "12", long + "1",
		"*1\x00\r\n", "*1\r\n$4\x00\r\nPING\r\n", "pi\x00ng\r\nping\r\n", "\x00\r\nping\r\n", "ping\x00\r\n",
		"*\x00" + long, "\x00" + long, "*1\r\n$\x00" + long,
		eval + `a b  c` + "\r\n", eval + `"a b" 'c d' e"f g" h'i j'` + "\r\n", eval + `"" ''` + "\r\n",
		eval + `"\x41\xfF\n\r\t\b\a\q\"\\" '\'x\n'` + "\r\n", eval + `"\x4" "\xzz" "\x"` + "\r\n", eval + `a\b \` + "\r\n",
		eval + `"abc` + "\r\n", eval + `'abc` + "\r\n", eval + `"a"b` + "\r\n", eval + `'a'b` + "\r\n",
		eval + `"a\` + "\r\n", eval + `"a\"` + "\r\n", eval + `'a\'` + "\r\n", eval + `"a""b"` + "\r\n", eval + `a"b"c` + "\r\n",
		eval + "a\vb \v c\fd \"x\"\ve\r\n", eval + "a\rb\r\r\n", eval + "\ta\t\tb\t\r\n", eval + "\xff\xfe \x01\r\n",
		eval + `"a` + "\n" + `b"` + "\r\n", eval + strings.Repeat("a ", 8000) + "\r\n",
		"post / HTTP/1.1\r\nHost: x\r\nping\r\n", "Host: x\r\nping\r\n", "*1\r\n$4\r\nPosT\r\n" + ping, "hOST:\r\n", "POST\r\n",
		framed("EVAL", "return ARGV", "0", "a\r\nb", "", "\x00") + ping, "ping", "*1\r\n$4\r\nPIN", "*", "$4\r\n'",
	}
	h := &scripted{serve: likeRedis}
	_, ours := start(t, h, nil)
	theirs := startRedis(t)
	for _, in := range inputs {
		if got, want := exchange(t, ours, in), exchange(t, theirs, in); got != want {
			t.Errorf("%.100q:\n got %.200q\nwant %.200q", in, got, want)
		}
	}
}

func TestLikeRedisBeforeAuth(t *testing.T) {
	h := &scripted{open: func(*Conn) {}, serve: likeRedis}
	_, ours := start(t, h, func(l *Limits) { l.PreAuthArgs, l.PreAuthBytes = 10, 16384 })
	theirs := startRedis(t, "--requirepass", "secret")
	eleven := framed("EVAL", "return ARGV", "0", "4", "5", "6", "7", "8", "9", "10", "11")
	large := framed("EVAL", "return ARGV", "0", strings.Repeat("x", 16385))
	auth := framed("AUTH", "secret")
	for _, in := range []string{
		"*10\r\n", "*11\r\n", "*1\r\n$16384\r\n", "*1\r\n$16385\r\n", "*-1\r\nPING\r\n", "*99999999999\r\n", "*1\r\n$999999999999\r\n",
		eleven, large, auth + eleven, auth + large, "AUTH secret\r\n" + eleven + large, "PING\r\n" + auth + "PING\r\n",
		"POST /\r\nPING\r\n", "*1\r\nx\r\n", "PING \"\r\n",
	} {
		if got, want := exchange(t, ours, in), exchange(t, theirs, in); got != want {
			t.Errorf("%.100q:\n got %.200q\nwant %.200q", in, got, want)
		}
	}
}

// TestDoublesLikeRedis compares numbers, through scripts that return a double. Redis 7.0 writes them with 17
// digits; what is written here, as in 7.2, must read back as the same number.
func TestDoublesLikeRedis(t *testing.T) {
	conn := dial(t, startRedis(t))
	for _, f := range []float64{0, 1, -1, 3.14, 100, 1e5, 1e15, 1e16, 123456789012345678, 1e17, 1e-4, 1e-5, 1.5e-7,
		math.Pi * 1e100, math.MaxFloat64, math.SmallestNonzeroFloat64, 1 << 53, 0.1, 1e21, 1e22, math.Inf(1),
		math.Inf(-1), math.Copysign(0, -1), 1.0 / 3} {
		number := fmt.Sprintf("%.17g", f)
		if math.IsInf(f, 0) {
			number = fmt.Sprintf("%d/0", int(math.Copysign(1, f)))
		}
		for proto := 2; proto <= 3; proto++ {
			hello := fmt.Sprintf("HELLO %d\r\n", proto)
			send(t, conn, hello+framed("EVAL", "redis.setresp(3) return {double="+number+"}", "0")+"PING end\r\n")
			var got strings.Builder
			for b := make([]byte, 4096); !strings.HasSuffix(got.String(), "end\r\n"); {
				n, err := conn.Read(b)
				if err != nil {
					t.Fatal(err)
				}
				got.Write(b[:n])
			}
			text := FormatDouble(f)
			back, err := strconv.ParseFloat(text, 64)
			if err != nil || back != f || math.Signbit(back) != math.Signbit(f) {
				t.Errorf("%v is written %s, which reads %v %v", f, text, back, err)
			}
			want := string(Append(nil, Double(f), proto))
			want = strings.NewReplacer(fmt.Sprintf("$%d\r\n", len(text)), "", text, fmt.Sprintf("%.17g", back)).Replace(want)
			if want = strings.Replace(want, "+Inf", "inf", 1); !strings.Contains(got.String(), strings.Replace(want, "-Inf", "-inf", 1)) {
				t.Errorf("%v in RESP%d: %q, Redis wrote %q", f, proto, want, got.String())
			}
		}
	}
}
