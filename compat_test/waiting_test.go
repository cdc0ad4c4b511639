package compat_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A scene is a few connections that wait for each other. Its lines are:
//
//	a waits WORDS            the command is sent, and there is one more who waits
//	a is told REPLY          what it waits for has come; its bytes, with a blank for each end of a line
//	a leaves                 it closes its connection, and there is one less who waits
//	b does WORDS -> REPLY    as it says; {a} among the words is the id of a
func scenes() map[string]string {
	return map[string]string{
		"first come, first served": `
			a waits BLPOP l 0
			b waits BRPOP l 0
			c waits BLPOP l 0
			d does RPUSH l 1 2 -> :2
			a is told *2 $1 l $1 1
			b is told *2 $1 l $1 2
			d does LPUSH l 3 -> :1
			c is told *2 $1 l $1 3
			d does EXISTS l -> :0`,
		"several keys": `
			a waits BZPOPMIN x y 0
			b waits BLMPOP 0 2 x y LEFT COUNT 2
			d does ZADD y 1.5 m -> :1
			a is told *3 $1 y $1 m $3 1.5
			d does RPUSH y 1 2 3 -> :3
			b is told *2 $1 y *2 $1 1 $1 2
			d does LRANGE y 0 -1 -> *1 $1 3`,
		"a chain": `
			c waits BLPOP c 0
			b waits BLMOVE b c LEFT RIGHT 0
			a waits BRPOPLPUSH a b 0
			d does LPUSH a v -> :1
			a is told $1 v
			b is told $1 v
			c is told *2 $1 c $1 v`,
		"another type": `
			a waits BLPOP l 0
			d does SADD l x -> :1
			d does DEL l -> :1
			d does SET t word -> +OK
			b waits BLMOVE l t LEFT LEFT 0
			d does RPUSH l 1 -> :1
			a is told *2 $1 l $1 1
			d does RPUSH l 2 -> :1
			b is told -WRONGTYPE Operation against a key holding the wrong kind of value
			d does LRANGE l 0 -1 -> *1 $1 2`,
		"sent away": `
			a waits BLPOP l 0
			b waits BLMOVE l m LEFT LEFT 0
			c waits BZMPOP 0 1 z MIN
			d does CLIENT UNBLOCK {a} -> :1
			a is told *-1
			d does CLIENT UNBLOCK {b} TIMEOUT -> :1
			b is told *-1
			d does CLIENT UNBLOCK {c} ERROR -> :1
			c is told -UNBLOCKED client unblocked via CLIENT UNBLOCK
			d does CLIENT UNBLOCK {c} -> :0
			d does RPUSH l 1 -> :1
			d does LLEN l -> :1`,
		"who leaves is not served": `
			a waits BLPOP l 0
			b waits BLPOP l 0
			a leaves
			d does RPUSH l 1 -> :1
			b is told *2 $1 l $1 1`,
		"a transaction and a script serve at their end": `
			a waits BLPOP l 0
			d does MULTI -> +OK
			d does RPUSH l 1 -> +QUEUED
			d does RPUSH l 2 -> +QUEUED
			d does LPOP l -> +QUEUED
			d does EXEC -> *3 :1 :2 $1 1
			a is told *2 $1 l $1 2
			b waits BLPOP l 0
			d does EVAL redis.call('rpush','l','x')redis.call('lpush','l','y')return(1) 0 -> :1
			b is told *2 $1 l $1 y
			d does LRANGE l 0 -1 -> *1 $1 x`,
		"brought by RENAME, COPY and SWAPDB": `
			a waits BLPOP l 0
			b waits BLPOP l 0
			c waits BLPOP l 0
			d does RPUSH src 1 -> :1
			d does COPY src l -> :1
			a is told *2 $1 l $1 1
			d does RENAME src l -> +OK
			b is told *2 $1 l $1 1
			d does SELECT 1 -> +OK
			d does RPUSH l 7 -> :1
			d does SWAPDB 0 1 -> +OK
			c is told *2 $1 l $1 7`,
	}
}

// theatre is one server and the connections to it.
type theatre struct {
	t    *testing.T
	addr string
	cast map[string]*peer
	ids  map[string]string
}

// TestWaiting plays the scenes on lockd, and on a live redis-server where there is one.
func TestWaiting(t *testing.T) {
	addrs := map[string]string{"lockd": startLockd(t)}
	if os.Getenv("LOCKD_COMPAT_LIVE") != "" {
		addrs["redis"] = startRedis(t)
	}
	for server, addr := range addrs {
		for name, text := range scenes() {
			t.Run(server+"/"+name, func(t *testing.T) {
				h := &theatre{t, addr, map[string]*peer{}, map[string]string{}}
				h.do("d", "FLUSHALL")
				for _, line := range lines(text) {
					h.play(line)
				}
				for _, p := range h.cast {
					p.conn.Close()
				}
				h.waiting(0)
			})
		}
	}
}

func flat(reply []byte) string {
	return strings.TrimSpace(strings.ReplaceAll(string(reply), "\r\n", " "))
}

// who returns a connection, which is opened when it is first heard of.
func (h *theatre) who(name string) *peer {
	if h.cast[name] == nil {
		h.cast[name] = connect(h.t, h.addr, 2)
		h.ids[name] = strings.TrimPrefix(h.do(name, "CLIENT", "ID"), ":")
	}
	return h.cast[name]
}

func (h *theatre) do(name string, words ...string) string {
	h.t.Helper()
	replies, err := h.who(name).do([][]string{words}, true)
	if err != nil {
		h.t.Fatalf("%s: %q: %v", name, words, err)
	}
	return flat([]byte(replies[0]))
}

// waiting waits until so many wait, and returns how many do where that is any.
func (h *theatre) waiting(want int) int {
	h.t.Helper()
	spectator := connect(h.t, h.addr, 2)
	defer spectator.conn.Close()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		replies, err := spectator.do([][]string{{"INFO", "clients"}}, true)
		if err != nil {
			h.t.Fatal(err)
		}
		_, after, _ := strings.Cut(replies[0], "blocked_clients:")
		number, _, _ := strings.Cut(after, "\r\n")
		n, err := strconv.Atoi(number)
		switch {
		case err != nil:
			h.t.Fatal(err)
		case want < 0 || n == want:
			return n
		case time.Now().After(end):
			h.t.Fatalf("%d wait, there should be %d", n, want)
		}
	}
}

func (h *theatre) play(line string) {
	h.t.Helper()
	name, what, _ := strings.Cut(line, " ")
	p := h.who(name)
	verb, rest, _ := strings.Cut(what, " ")
	switch verb {
	case "waits":
		n := h.waiting(-1)
		if _, err := p.conn.Write(appendCommand(nil, strings.Fields(rest))); err != nil {
			h.t.Fatal(err)
		}
		h.waiting(n + 1)
	case "is":
		if err := p.conn.SetDeadline(time.Now().Add(patience)); err != nil {
			h.t.Fatal(err)
		}
		got, err := p.reply(nil)
		if want := strings.TrimPrefix(rest, "told "); err != nil || flat(got) != want {
			h.t.Errorf("%s: %q %v", line, got, err)
		}
	case "leaves":
		n := h.waiting(-1)
		p.conn.Close()
		h.waiting(n - 1)
	case "does":
		command, want, _ := strings.Cut(rest, " -> ")
		for other, id := range h.ids {
			command = strings.ReplaceAll(command, fmt.Sprintf("{%s}", other), id)
		}
		if got := h.do(name, strings.Fields(command)...); got != want {
			h.t.Errorf("%s: %s", line, got)
		}
	default:
		h.t.Fatalf("what is %q?", line)
	}
}
