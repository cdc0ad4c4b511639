package compat_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// eventLines are commands, run one after the other from an empty server on, of which each tells of what it does to
// keys, or says nothing.
func eventLines() string {
	return `
		SET s 1
		SET s 2 PX 100000
		SET s 3 NX
		SET s 3 XX GET
		SETEX s 100 4
		SETNX s 5
		SETNX s2 5
		GETSET s 6
		GETEX s EX 100
		GETEX s PERSIST
		GETEX s PERSIST
		GETDEL s2
		GETDEL s2
		APPEND s x
		SETRANGE s 1 yy
		SETRANGE s 1 ""
		MSET s 1 s2 2
		MSETNX s 1 s3 2
		MSETNX s3 1 s4 2
		INCR s
		DECRBY s 5
		INCRBYFLOAT s 0.5
		EXPIRE s 100
		EXPIRE s 200 NX
		PERSIST s
		PERSIST s
		PEXPIRE s2 -1
		DEL s s3 none
		UNLINK s4
		HSET h a 1 b 2
		HSETNX h a 1
		HSETNX h c 1
		HMSET h a 1
		HINCRBY h a 1
		HINCRBYFLOAT h a 1.5
		HDEL h none
		HDEL h a
		HDEL h b c
		LPUSH l 1 2 3
		RPUSH l 4 5 6
		LPUSHX none 1
		RPUSHX l 7
		LPOP l
		RPOP l 2
		LSET l 0 x
		LINSERT l BEFORE x y
		LINSERT l BEFORE none y
		LREM l 0 none
		LREM l 0 y
		LTRIM l 0 1
		LMOVE l m LEFT RIGHT
		LMOVE l l LEFT RIGHT
		RPOPLPUSH l m
		LMPOP 2 l m LEFT COUNT 1
		BLPOP m 0
		LTRIM m 5 6
		RPUSH m 1 2 3 4
		LTRIM m 5 6
		RPUSH l 1
		BLMOVE l m LEFT LEFT 0
		BRPOP m 0
		SADD t a b c d
		SADD t a
		SREM t none
		SREM t a
		SPOP t
		SPOP t 1
		SPOP t 9
		SADD t a b
		SMOVE t u a
		SMOVE t u a
		SMOVE t u b
		SUNIONSTORE v t u
		SINTERSTORE v t u
		SINTERSTORE v t u
		SDIFFSTORE v u t
		SADD v zz
		ZADD z 1 a 2 b 3 c 4 d 5 e
		ZADD z 1 a
		ZADD z INCR 1 a
		ZADD z XX 5 none
		ZINCRBY z 1 a
		ZINCRBY z 0 a
		ZREM z none
		ZREM z a
		ZPOPMIN z
		ZPOPMAX z 1
		ZREMRANGEBYRANK z 9 9
		ZREMRANGEBYRANK z 0 0
		ZADD z 1 a 2 b 3 c 4 d 5 e
		ZREMRANGEBYSCORE z 1 1
		ZADD y 0 a 0 b
		ZREMRANGEBYLEX y [a [a
		ZRANGESTORE x z 0 1
		ZRANGESTORE x none 0 1
		ZRANGESTORE x none 0 1
		ZUNIONSTORE x 2 z y
		ZINTERSTORE x 2 z y
		ZINTERSTORE x 2 x none
		ZDIFFSTORE x 2 z y
		ZMPOP 1 x MIN COUNT 9
		BZPOPMIN z 0
		BZMPOP 0 1 z MAX COUNT 9
		SET a 1
		RENAME a b
		RENAMENX b c
		SET d 1
		RENAMENX c d
		COPY c e
		COPY c v REPLACE
		RENAME v e
		MOVE c 1
		MOVE c 1
		SET c 1
		SET c 1 PX 1
		+50
		DEL t u v y d e b`
}

func eventsFile() string { return filepath.Join("testdata", "events-7.0.15.txt") }

// listener hears of the events of database 0.
type listener struct {
	t               *testing.T
	hears, commands *peer
}

func listen(t *testing.T, addr string) *listener {
	l := &listener{t, connect(t, addr, 2), connect(t, addr, 2)}
	l.send("FLUSHALL")
	l.send("CONFIG", "SET", "notify-keyspace-events", "EAn")
	for _, words := range [][]string{{"PSUBSCRIBE", "__keyevent@0__:*"}, {"SUBSCRIBE", "end"}} {
		if _, err := l.hears.do([][]string{words}, true); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func (l *listener) send(words ...string) {
	l.t.Helper()
	if replies, err := l.commands.do([][]string{words}, true); err != nil || replies[0][0] == '-' {
		l.t.Fatalf("%q: %q %v", words, replies, err)
	}
}

// events returns what is heard because of a line: "event key, event key".
func (l *listener) events(line string) string {
	l.t.Helper()
	if ms, waits := strings.CutPrefix(line, "+"); waits {
		d, err := time.ParseDuration(ms + "ms")
		if err != nil {
			l.t.Fatal(err)
		}
		time.Sleep(d)
		l.send("GET", "c") // which removes it, if that has not happened yet
	} else {
		s, err := parseLine(line)
		if err != nil {
			l.t.Fatal(err)
		}
		l.send(s.words...)
	}
	l.send("PUBLISH", "end", "of this line")
	var list []string
	for {
		if err := l.hears.conn.SetDeadline(time.Now().Add(patience)); err != nil {
			l.t.Fatal(err)
		}
		raw, err := l.hears.reply(nil)
		if err != nil {
			l.t.Fatal(err)
		}
		message, _ := parseReply(string(raw))
		if len(message.inner) == 3 {
			return strings.Join(list, ", ")
		}
		_, event, _ := strings.Cut(message.inner[2].text, ":")
		list = append(list, event+" "+message.inner[3].text)
	}
}

// all returns what is heard of all lines, one a line.
func (l *listener) all() (list []string) {
	for _, line := range lines(eventLines()) {
		list = append(list, line+" -> "+l.events(line))
	}
	return list
}

// TestEvents holds keyspace notifications against those of Redis.
func TestEvents(t *testing.T) {
	var want []string
	if *updateRecord || os.Getenv("LOCKD_COMPAT_LIVE") != "" {
		want = listen(t, startRedis(t)).all()
		if *updateRecord {
			if err := os.WriteFile(eventsFile(), []byte(strings.Join(want, "\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	} else {
		text, err := os.ReadFile(eventsFile())
		if err != nil {
			t.Fatal(err)
		}
		want = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	got := listen(t, startLockd(t)).all()
	if len(got) != len(want) {
		t.Fatalf("%d lines, %d are recorded: -update, which takes a redis-server 7.0.15", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("redis %s\n   lockd %s", want[i], got[i])
		}
	}
}
