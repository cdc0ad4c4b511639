// Transcripts: several connections, what each sends, and everything that each gets, pushes among it, held
// byte for byte against what redis-server 7.0.15 wrote to the same connections. A line is the name of a
// connection and what it sends in one pipeline, commands apart by bars. {id a} is the number of connection
// a. A line that begins with a tilde may have replies and pushes in another order: Redis 7.0 writes what a
// command pushes to its own connection before its reply, Redis 7.2 and lockd behind it; and its patterns
// have no order.
package compat_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

type transcript struct{ name, lines string }

func transcripts() []transcript {
	return slices.Concat(pubsubTranscripts(), trackingTranscripts(), eventTranscripts())
}

func pubsubTranscripts() []transcript {
	return []transcript{
		{"subscribe", `
			a SUBSCRIBE x y | PING | SUBSCRIBE x
			b PUBLISH x hello | PUBLISH z nobody | PUBLISH y "" | PING
			a PSUBSCRIBE x* [yz] | SSUBSCRIBE x
			b PUBLISH x hello | PUBLISH z some | SPUBLISH x shard | SPUBLISH y none
			c SUBSCRIBE x
			b PUBLISH x both
			a UNSUBSCRIBE y nothing | UNSUBSCRIBE x | UNSUBSCRIBE | PUNSUBSCRIBE [yz] | SUNSUBSCRIBE
			b PUBLISH x hello
			a PUNSUBSCRIBE | PING | PUNSUBSCRIBE | SUNSUBSCRIBE | UNSUBSCRIBE a b
			b PUBLISH x hello`},
		{"what a subscriber may send", `
			~a SUBSCRIBE x | PING | PING again | PING two words | GET k | SET k | NOSUCH | PUBLISH x y
			a CLIENT ID x | MULTI | HELLO 9 | PSUBSCRIBE | RESET | GET k
			a SUBSCRIBE x | QUIT`},
		{"wrong words", `
			a SUBSCRIBE | PSUBSCRIBE | SSUBSCRIBE | PUBLISH x | PUBLISH | SPUBLISH x y z | PUBSUB | PUBSUB NUMPAT x
			a PUBSUB NOSUCH | PUBSUB CHANNELS a b | PUBSUB HELP`},
		{"counting", `
			a SUBSCRIBE x y
			b SUBSCRIBE x
			b PSUBSCRIBE x* y*
			c PSUBSCRIBE x*
			c SSUBSCRIBE s
			d PUBSUB NUMSUB x y z x | PUBSUB NUMSUB | PUBSUB NUMPAT | PUBSUB CHANNELS y* | PUBSUB CHANNELS n
			d PUBSUB SHARDCHANNELS | PUBSUB SHARDNUMSUB s t | PUBSUB SHARDCHANNELS x
			b RESET
			d PUBSUB NUMSUB x | PUBSUB NUMPAT`},
		{"patterns", `
			a PSUBSCRIBE h?llo h[ae]llo h*o he\llo *
			~b PUBLISH hello 1 | PUBLISH hallo 2 | PUBLISH heo 3 | PUBLISH h 4`},
		{"in a transaction", `
			a MULTI | SUBSCRIBE x | PING | EXEC
			b PUBLISH x hello
			b MULTI | PUBLISH x one | PUBLISH x two | EXEC
			a UNSUBSCRIBE x | PING`},
		{"from a script", `
			a SUBSCRIBE x
			b EVAL return{redis.call('publish','x','one'),redis.call('publish','y','two')} 0
			b EVAL return(redis.pcall('subscribe','x').err) 0`},
		{"replies switched off", `
			a CLIENT REPLY OFF | SUBSCRIBE x | PING
			b PUBLISH x hello
			a UNSUBSCRIBE x | PING | CLIENT REPLY ON`},
		{"a reply skipped", `
			a CLIENT REPLY SKIP | SUBSCRIBE x | PING
			b PUBLISH x hello`},
	}
}

func trackingTranscripts() []transcript {
	return []transcript{
		{"tracking", `
			a CLIENT TRACKING ON | GET k | GET missing
			b SET k 1 | SET k 2 | SET missing 1 | SET other 1
			a GET k | MGET k other | EXISTS third | TTL k
			b DEL k | SET third 1 | EXPIRE other 100
			a CLIENT TRACKING OFF | GET k
			b SET k 3`},
		{"tracking and FLUSHALL", `
			a CLIENT TRACKING ON | GET k
			b FLUSHALL
			b SET k 1
			a GET k
			b FLUSHDB`},
		{"tracking, own changes", `
			~a CLIENT TRACKING ON | GET k | SET k 1 | PING
			a CLIENT TRACKING OFF | CLIENT TRACKING ON NOLOOP | GET k | SET k 1 | PING
			a GET k
			b SET k 2`},
		{"tracking, scripts", `
			~a CLIENT TRACKING ON
			~a EVAL return{redis.call('set',KEYS[1],1,'nx'),redis.call('get',KEYS[1])} 1 k | PING
			~a EVAL return{redis.call('get',KEYS[1]),redis.call('pexpire',KEYS[1],9e4),redis.call('get',KEYS[1])} 1 k
			~a PING | DEL k | PING | SET k 1 | PING
			~a EVAL return{redis.call('set',KEYS[1],2),redis.call('get',KEYS[1])} 1 k | PING
			b SET k 3`},
		{"tracking, OPTIN and OPTOUT", `
			a CLIENT TRACKING ON OPTIN | GET x | CLIENT CACHING YES | GET y | GET z
			b SET x 1 | SET y 1 | SET z 1
			a CLIENT CACHING YES | MULTI | GET x | GET y | EXEC | GET z
			b SET x 1 | SET y 1 | SET z 1
			a CLIENT TRACKING OFF | CLIENT TRACKING ON OPTOUT | GET x | CLIENT CACHING NO | GET y
			b SET x 1 | SET y 1`},
		{"tracking, BCAST", `
			a CLIENT TRACKING ON BCAST PREFIX x PREFIX yy
			b SET x1 1
			b SET y 1
			b SET yy 1
			b DEL x1
			a CLIENT TRACKING ON BCAST PREFIX z
			b SET z 1
			a CLIENT TRACKINGINFO`},
		{"tracking by REDIRECT", `
			b SUBSCRIBE __redis__:invalidate
			a CLIENT TRACKING ON REDIRECT {id b} | CLIENT GETREDIR | GET k
			c SET k 1
			a GET k
			c FLUSHALL
			a CLIENT TRACKINGINFO | CLIENT TRACKING OFF | CLIENT GETREDIR`},
		{"tracking, a broken REDIRECT", `
			b PING
			a CLIENT TRACKING ON REDIRECT {id b} | GET k
			b QUIT
			c SET k 1
			a CLIENT TRACKINGINFO`},
		{"tracking, wrong words", `
			a CLIENT TRACKING | CLIENT TRACKING MAYBE | CLIENT TRACKING ON PREFIX x | CLIENT TRACKING ON PREFIX
			a CLIENT TRACKING ON REDIRECT 0 | CLIENT TRACKING ON REDIRECT x | CLIENT TRACKING ON REDIRECT 999999
			a CLIENT TRACKING ON BCAST OPTIN | CLIENT TRACKING ON BCAST OPTOUT | CLIENT TRACKING ON OPTIN OPTOUT
			a CLIENT TRACKING ON BCAST PREFIX a PREFIX ab | CLIENT CACHING YES | CLIENT CACHING | CLIENT CACHING x
			a CLIENT TRACKING ON BCAST PREFIX a | CLIENT TRACKING ON | CLIENT TRACKING ON BCAST PREFIX abc
			a CLIENT TRACKING OFF | CLIENT TRACKING ON OPTIN | CLIENT TRACKING ON OPTOUT | CLIENT CACHING NO | CLIENT CACHING MAYBE
			a CLIENT TRACKINGINFO | CLIENT CACHING YES | CLIENT TRACKINGINFO | PING | CLIENT TRACKINGINFO
			a CLIENT TRACKING OFF NOSUCH | CLIENT TRACKING OFF BCAST | CLIENT TRACKINGINFO | CLIENT TRACKINGINFO x | CLIENT GETREDIR x`},
	}
}

func eventTranscripts() []transcript {
	return []transcript{
		{"keyspace notifications", `
			b CONFIG SET notify-keyspace-events KEA | CONFIG GET notify-keyspace-events
			a PSUBSCRIBE __key*
			b SET k 1 | INCR k | APPEND k 2 | EXPIRE k 100 | PERSIST k | RENAME k l | DEL l | DEL l
			b SETNX k 1 | SETNX k 1 | SETEX k 100 v | GETSET k w | GETDEL k | MSET a 1 b 2 | COPY a c
			b SELECT 1 | SET k 1 | SELECT 0
			b CONFIG SET notify-keyspace-events Eg$
			b SET k 1 | DEL k
			b CONFIG SET notify-keyspace-events nonsense | CONFIG SET notify-keyspace-events "" | SET k 1`},
	}
}

// stage is a server and the connections of a transcript.
type stage struct {
	t     *testing.T
	addr  string
	proto int
	conns map[string]*peer
	names []string // in the order of their coming
	ids   map[string]string
}

func newStage(t *testing.T, addr string, proto int) *stage {
	s := &stage{t: t, addr: addr, proto: proto, conns: map[string]*peer{}, ids: map[string]string{}}
	begin := connect(t, addr, 2)
	if _, err := begin.do([][]string{{"FLUSHALL"}, {"CONFIG", "SET", "notify-keyspace-events", ""}}, true); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) conn(name string) *peer {
	if c := s.conns[name]; c != nil {
		return c
	}
	c := connect(s.t, s.addr, s.proto)
	id, err := c.do([][]string{{"CLIENT", "ID"}}, true)
	if err != nil {
		s.t.Fatal(err)
	}
	s.conns[name], s.ids[name] = c, strings.Trim(id[0], ":\r\n")
	s.names = append(s.names, name)
	return c
}

// speak sends a line.
func (s *stage) speak(line string) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(line, "~"), " ")
	for other, id := range s.ids {
		rest = strings.ReplaceAll(rest, "{id "+other+"}", id)
	}
	c, out := s.conn(name), []byte(nil)
	for command := range strings.SplitSeq(rest, " | ") {
		words := strings.Fields(command)
		for i, w := range words {
			words[i] = strings.ReplaceAll(w, `""`, "")
		}
		out = appendCommand(out, words)
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.conn.Write(out); err != nil {
		s.t.Fatal(err)
	}
}

// hear returns what all connections got, until nothing comes for a while. Redis is one thread: once it has
// answered another connection twice, it has read what was sent before, and has written what that causes. So a
// machine that is busy does not move a reply to the next line.
func (s *stage) hear(other *peer) map[string]string {
	for range 2 {
		if _, err := other.do([][]string{{"PING"}}, true); err != nil {
			s.t.Fatal(err)
		}
	}
	heard := map[string]string{}
	for quiet := false; !quiet; {
		quiet = true
		for _, name := range s.names {
			if text := s.conns[name].rest(40 * time.Millisecond); text != "" {
				heard[name] += text
				quiet = false
			}
		}
	}
	for name, text := range heard {
		heard[name] = s.withoutIDs(text)
	}
	return heard
}

// withoutIDs puts names in the place of numbers of connections.
func (s *stage) withoutIDs(text string) string {
	for name, id := range s.ids {
		text = strings.ReplaceAll(text, ":"+id+"\r\n", ":{id "+name+"}\r\n")
	}
	return text
}

// expect reads what all connections should get.
func (s *stage) expect(line string, want map[string]string) {
	s.t.Helper()
	for _, name := range s.names {
		expected := want[name]
		for other, id := range s.ids {
			expected = strings.ReplaceAll(expected, "{id "+other+"}", id)
		}
		got := s.conns[name].exactly(len(expected))
		if strings.HasPrefix(line, "~") {
			got, expected = sortedReplies(got), sortedReplies(expected)
		}
		if got != expected {
			got += s.conns[name].rest(100 * time.Millisecond)
			s.t.Errorf("%s: to %s\n  lockd %q\n  redis %q", line, name, got, expected)
		}
	}
	for _, name := range s.names {
		if more := s.conns[name].rest(time.Millisecond); more != "" {
			s.t.Errorf("%s: to %s, more than redis writes: %q", line, name, more)
		}
	}
}

// rest reads what comes within a while.
func (p *peer) rest(within time.Duration) string {
	_ = p.conn.SetReadDeadline(time.Now().Add(within))
	buffer := make([]byte, 1<<16)
	n, _ := p.in.Read(buffer)
	return string(buffer[:n])
}

// exactly reads so many bytes, or as many as come.
func (p *peer) exactly(n int) string {
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	var b bytes.Buffer
	for b.Len() < n {
		buffer := make([]byte, n-b.Len())
		m, err := p.in.Read(buffer)
		b.Write(buffer[:m])
		if err != nil {
			break
		}
	}
	return b.String()
}

// sortedReplies puts whole replies in an order of their own.
func sortedReplies(text string) string {
	var parts []string
	for text != "" {
		_, rest := parseReply(text)
		if len(rest) == len(text) {
			break
		}
		parts = append(parts, text[:len(text)-len(rest)])
		text = rest
	}
	slices.Sort(parts)
	return strings.Join(parts, "") + text
}

// heardRecord is what Redis wrote, by protocol and transcript, line by line.
type heardRecord map[string][]map[string]string

func heardFile() string { return filepath.Join("testdata", "pushes-7.0.15.json") }

// TestTranscripts plays them. With LOCKD_COMPAT_LIVE=1 Redis plays along, -update records what it says.
func TestTranscripts(t *testing.T) {
	known := heardRecord{}
	live := *updateRecord || os.Getenv("LOCKD_COMPAT_LIVE") != ""
	if live {
		known.record(t)
	} else {
		text, err := os.ReadFile(heardFile())
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &known); err != nil {
			t.Fatal(err)
		}
	}
	addr := startLockd(t)
	for _, proto := range []int{2, 3} {
		for _, tr := range transcripts() {
			t.Run(fmt.Sprintf("%s/RESP%d", tr.name, proto), func(t *testing.T) {
				s, want := newStage(t, addr, proto), known[fmt.Sprintf("%d %s", proto, tr.name)]
				for i, line := range lines(tr.lines) {
					if i == len(want) {
						t.Fatal("there is no record of this line: run it with -update")
					}
					s.speak(line)
					s.expect(line, want[i])
				}
			})
		}
	}
}

// record plays all transcripts with a redis-server.
func (r heardRecord) record(t *testing.T) {
	if out, err := exec.Command("redis-server", "--version").Output(); err != nil ||
		!regexp.MustCompile(`v=7\.0\.15`).Match(out) {
		t.Fatalf("this takes a redis-server 7.0.15: %s %v", out, err)
	}
	addr := startRedis(t)
	other := connect(t, addr, 2)
	for _, proto := range []int{2, 3} {
		for _, tr := range transcripts() {
			s, key := newStage(t, addr, proto), fmt.Sprintf("%d %s", proto, tr.name)
			for _, line := range lines(tr.lines) {
				s.speak(line)
				r[key] = append(r[key], s.hear(other))
			}
			for _, c := range s.conns {
				c.conn.Close()
			}
		}
	}
	if !*updateRecord {
		return
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err == nil {
		err = os.WriteFile(heardFile(), append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
