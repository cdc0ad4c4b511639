package commands

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// short shows events as: number event key owner token by waited held reason.
func short(rows []resp.Value) string {
	var list []string
	for _, row := range rows {
		var parts []string
		for _, name := range [...]string{"number", "event", "key", "owner", "token", "by"} {
			parts = append(parts, show(field(row, name)))
		}
		for _, name := range [...]string{"waited-ms", "held-ms"} {
			if v := field(row, name); !v.IsNull() {
				parts = append(parts, name[:1]+show(v))
			}
		}
		if reason := field(row, "reason").Str(); reason != "" {
			parts = append(parts, "("+reason+")")
		}
		list = append(list, strings.Join(parts, " "))
	}
	return strings.Join(list, "\n")
}

// feed replies the events from a number on.
func (d *driver) feed(from string, more ...string) (rows []resp.Value, next string) {
	d.t.Helper()
	list := d.value(append([]string{"LOCK.EVENTS", "FROM", from}, more...)...).List()
	if len(list) != 2 {
		d.t.Fatalf("LOCK.EVENTS FROM %s: %s", from, show(d.value("LOCK.EVENTS", "FROM", from)))
	}
	return list[0].List(), show(list[1])
}

func (d *driver) wantFeed(from, want string) (next string) {
	d.t.Helper()
	rows, next := d.feed(from)
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if got := short(rows); got != strings.Join(lines, "\n") {
		d.t.Errorf("events from %s\n%s\nwant\n%s", from, got, strings.Join(lines, "\n"))
	}
	return next
}

func (d *driver) close(conn uint64, unread bool) {
	c := fsm.Command{Kind: fsm.KindClose, Conn: conn}
	if unread {
		c.Words = [][]byte{[]byte("UNREAD")}
	}
	d.apply(c, false)
}

func TestLockEvents(t *testing.T) {
	d := newDriver(t)
	d.expect(`LOCK k a 1000 -> 1`)
	d.send(2, "LOCK", "k", "b", "100", "WAIT", "5000")
	d.send(3, "LOCK", "k", "c", "100", "WAIT", "40")
	d.send(4, "LOCK", "k", "d", "100", "WAIT", "5000")
	d.expect(`
		RENEW k a 500 -> 1000
		+30
		UNLOCK k x    -> 0
		UNLOCK k a    -> 1
		+11
	`)
	d.close(4, false)
	d.expect(`+100
		LOCK s x 1000 SHARED -> 3
		LOCK s y 1000 SHARED -> 4
		LOCK s x 1000 SHARED -> 3
		UNLOCK s x           -> 1
		LOCK.UPGRADE s y     -> 5
		LOCK.DOWNGRADE s y   -> 1
		DEL s                -> 1
		SET p v              -> OK
		SET p w              -> OK
		SET p w              -> OK
		LOCK.FORCE p REASON stuck -> 1
		LOCK l z 10          -> 8
		FLUSHALL             -> OK
		LOCK q a 50          -> 9
		DELIFEQ q a          -> 1
		LOCK q b 50          -> 10
		DELEX q IFEQ b       -> 1
	`)
	next := d.wantFeed("1", `
		1 granted k a 1 1 w0
		2 waiting k b (nil) 2
		3 waiting k c (nil) 3
		4 waiting k d (nil) 4
		5 released k a 1 1 h30
		6 granted k b 2 2 w30
		7 gave-up k c (nil) 3 w41 (timeout)
		8 gave-up k d (nil) 4 w41 (its connection ended)
		9 expired k b 2 0 h111
		10 granted s x 3 1 w0
		11 granted s y 4 1 w0
		12 released s x 3 1 h0
		13 granted s y 5 1 w0
		14 removed s y 5 1 h0
		15 granted p v 6 1 w0
		16 removed p v 6 1 h0
		17 granted p w 7 1 w0
		18 forced p w 7 1 h0 (stuck)
		19 granted l z 8 1 w0
		20 flushed   (nil) 1 (1 keys)
		21 granted q a 9 1 w0
		22 released q a 9 1 h0
		23 granted q b 10 1 w0
		24 released q b 10 1 h0
	`)
	if next != "25" {
		t.Errorf("next is %s", next)
	}
	rows, next := d.feed("5", "COUNT", "2", "MATCH", "s*")
	if got := short(rows); got != "10 granted s x 3 1 w0\n11 granted s y 4 1 w0" || next != "12" {
		t.Errorf("%s, next %s", got, next)
	}
	if rows, _ := d.feed("12", "MATCH", "nosuch"); short(rows) != "20 flushed   (nil) 1 (1 keys)" {
		t.Errorf("a flush is about all keys: %s", short(rows))
	}
	if rows, next := d.feed("$"); len(rows) != 0 || next != "25" {
		t.Errorf("%s, next %s", short(rows), next)
	}
	flushed := d.value("LOCK.EVENTS", "FROM", "20").List()[0].List()[0]
	if got := show(field(flushed, "mode")); got != "(nil)" {
		t.Errorf("a flush is about no mode, not %s", got)
	}
	row := d.value("LOCK.EVENTS", "FROM", "10", "COUNT", "1").List()[0].List()[0]
	if got := show(row); !strings.HasPrefix(got, "[number 10 event granted key s owner x token 3 mode shared by 1 "+
		"waited-ms 0 held-ms (nil) reason  db 0 time-ms 1700000000141 clock-ms 1141 index ") {
		t.Error(got)
	}
}

func TestLockEventsOfSessionsAndMany(t *testing.T) {
	d := newDriver(t)
	id := d.do("SESSION.OPEN TTL 1000")
	other := d.do("SESSION.OPEN TTL 100000")
	d.words("LOCK", "a", "me", "SESSION", id)
	d.words("LOCK", "b", "you", "SESSION", other)
	d.send(2, "MLOCK", "2", "a", "b", "both", "50", "WAIT", "90000")
	d.send(3, "LOCK", "c", "conn", "CONN")
	d.send(4, "LOCK", "c", "next", "500", "WAIT", "9000")
	d.close(3, false)
	d.close(4, true)
	d.expect(`+1001`)
	d.words("SESSION.CLOSE", other)
	d.wantFeed("0", strings.NewReplacer("ID", id, "OTHER", other).Replace(`
		1 granted a me 1 1 w0
		2 granted b you 2 1 w0
		3 waiting a both (nil) 2
		4 waiting b both (nil) 2
		5 granted c conn 3 3 w0
		6 waiting c next (nil) 4
		7 ended c conn 3 3 h0 (its connection ended)
		8 granted c next 4 4 w0
		9 ended c next 4 4 h0 (its connection ended before it was told)
		10 ended a me 1 0 h1001 (session ID died)
		11 ended b you 2 1 h1001 (session OTHER was closed)
		12 granted a both 5 2 w1001
		13 granted b both 5 2 w1001
	`))
}

func TestLockEventsOfDeadlock(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK x o1 90000 -> 1
		LOCK y o2 90000 -> 2
	`)
	d.send(2, "LOCK", "y", "o1", "90000", "WAIT", "1000")
	d.send(3, "LOCK", "x", "o2", "90000", "WAIT", "1000")
	d.wantFeed("3", `
		3 waiting y o1 (nil) 2
		4 deadlock x o2 (nil) 3 (o2 -> x -> o1 -> y -> o2)
	`)
}

// What moves takes its holders along, and those who held what stood there lose it.
func TestLockEventsOfMoves(t *testing.T) {
	d := newDriver(t)
	id := d.do("SESSION.OPEN TTL 100000")
	d.words("LOCK", "a", "s1", "SESSION", id, "SHARED")
	d.expect(`
		LOCK b s2 1000 SHARED -> 2
		LOCK c o 1000         -> 3
		RENAME c b            -> OK
		COPY b d              -> 1
		MOVE d 1              -> 1
		SWAPDB 0 2            -> OK
	`)
	d.wantFeed("4", `
		4 removed b s2 2 1 h0
		5 granted b o 4 1 w0
		6 removed c o 3 1 h0
		7 granted d o 5 1 w0
		8 granted d o 6 1 w0
		9 removed d o 5 1 h0
		10 flushed   (nil) 1 (2 keys)
		11 granted a s1 7 1 w0
		12 granted b o 8 1 w0
	`)
	d.db = 2
	d.words("SESSION.CLOSE", id)
	d.expect(`DBSIZE -> 1`)
}

// A script that fails tells nothing, and the numbers go on as if it had not been.
func TestLockEventsOfWhatIsUndone(t *testing.T) {
	d := newDriver(t)
	d.expect(`LOCK k a 1000 -> 1`)
	d.send(2, "LOCK.EVENTS", "FROM", "$", "BLOCK", "0")
	d.send(3, "SUBSCRIBE", "__lock__:k")
	d.pushed = nil
	script := "redis.call('DEL', 'k') redis.call('LOCK', 'k', 'b', '1000') redis.call('INCR', 'k')"
	if got := d.words("EVAL", script, "1", "k"); !strings.Contains(got, "not an integer") {
		t.Fatal(got)
	}
	if len(d.pushed) != 0 {
		t.Errorf("%q were told", d.pushed)
	}
	d.expect(`UNLOCK k a -> 1`)
	d.wantFeed("1", `
		1 granted k a 1 1 w0
		2 released k a 1 1 h0
	`)
}

func TestLockEventsErrors(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK k a 1000                   -> 1
		LOCK.EVENTS SINCE 1             -> ERR syntax error
		LOCK.EVENTS FROM 1 COUNT        -> ERR syntax error
		LOCK.EVENTS FROM 1 FOO 1        -> ERR syntax error
		LOCK.EVENTS FROM x              -> ERR 'x' is no number of an event: give the one that LOCK.EVENTS replied, 0 to begin with the first that is kept, or $ for what is to come
		LOCK.EVENTS FROM 1 COUNT 0      -> ERR '0' is no count: give a positive integer
		LOCK.EVENTS FROM 1 BLOCK -1     -> ERR '-1' is no time to wait: give milliseconds, or 0 for ever
		LOCK.EVENTS FROM 3              -> COMPACTED the next event will be 2: 3 is a number of other times, as before a restore; see LOCK.LIST, and go on with LOCK.EVENTS FROM 1
		LOCK.EVENTS FROM 2              -> [[] 2]
		LOCK.HISTORY k COUNT            -> ERR syntax error
		LOCK.HISTORY k COUNT x          -> ERR 'x' is no count: give a positive integer
		LOCK.TOP BY                     -> ERR syntax error
		LOCK.TOP BY age                 -> ERR LOCK.TOP BY 'age' is not known: it is by WAIT, HOLD, CONTENTION or WAITERS
		LOCK.LIST STATE gone            -> ERR 'gone' is no state of a lock: it is held, waiting or delayed
		LOCK.LIST OLDER x               -> ERR 'x' is no age: give milliseconds
		LOCK.LIST NOTTL STATE waiting   -> ERR NOTTL is about locks that are held: leave STATE out
	`)
}

// Who is too late is told so, and where to go on; what is kept is bounded in number and in bytes.
func TestLockEventsAreBounded(t *testing.T) {
	d := newDriver(t)
	script := "for i = 1, 100 do redis.call('SET', KEYS[1], ARGV[1] .. i) end"
	for range 60 {
		d.words("EVAL", script, "1", "k", "o") // 200 events, but for the first
	}
	d.expect(`
		LOCK.EVENTS FROM 1999 -> COMPACTED events before 2000 are not kept any longer: what you know from before event 2000 may be out of date, see LOCK.LIST; go on with LOCK.EVENTS FROM 2000
	`)
	if rows, next := d.feed("2000", "COUNT", "100000"); len(rows) != listMaxCount || next != "3000" {
		t.Errorf("%d events, next is %s", len(rows), next)
	}
	d.again()
	if rows, next := d.feed("11999"); len(rows) != 1 || next != "12000" {
		t.Errorf("%d events, next is %s", len(rows), next)
	}
	bytes := d.m.Bytes()
	d.limits.Memory = 16 * 64 << 10 // so that 64 KiB are for events
	d.expect(`DEL k -> 1`)
	if less := bytes - d.m.Bytes(); less < 1<<20 {
		t.Errorf("%d bytes were given back", less)
	}
	if got := d.do("LOCK.EVENTS FROM 2000"); !strings.HasPrefix(got, "COMPACTED") {
		t.Error(got)
	}
}

// again goes on with the machine that a snapshot of this one makes.
func (d *driver) again() {
	d.t.Helper()
	var b bytes.Buffer
	if err := d.m.View().Write(&b); err != nil {
		d.t.Fatal(err)
	}
	m := fsm.New(d.table)
	if err := m.Restore(&b); err != nil {
		d.t.Fatal(err)
	}
	if m.Hash() != d.m.Hash() || m.Bytes() != d.m.Bytes() {
		d.t.Fatal("a restored state differs")
	}
	d.m = m
}

func TestLockEventsBlock(t *testing.T) {
	d := newDriver(t)
	d.expect(`LOCK old a 1000 -> 1`)
	all := d.send(2, "LOCK.EVENTS", "FROM", "$", "BLOCK", "0")
	some := d.send(3, "LOCK.EVENTS", "FROM", "2", "MATCH", "b*", "BLOCK", "500", "COUNT", "1")
	at := d.send(4, "LOCK.EVENTS", "FROM", "1", "BLOCK", "500")
	if show(d.answers[all]) != "(waits)" || show(d.answers[some]) != "(waits)" {
		t.Fatalf("%s, %s", show(d.answers[all]), show(d.answers[some]))
	}
	if got := short(d.answers[at].List()[0].List()); got != "1 granted old a 1 1 w0" {
		t.Errorf("what is there already is told at once: %s", got)
	}
	d.expect(`LOCK a me 1000 -> 2`)
	if got := d.answers[all].List(); short(got[0].List()) != "2 granted a me 2 1 w0" || show(got[1]) != "3" {
		t.Errorf("%s", show(d.answers[all]))
	}
	if got := show(d.answers[some]); got != "(waits)" {
		t.Errorf("what does not match wakes nobody: %s", got)
	}
	d.again()
	d.words("MLOCK", "2", "b1", "b2", "me", "1000")
	if got := d.answers[some].List(); short(got[0].List()) != "3 granted b1 me 3 1 w0" || show(got[1]) != "4" {
		t.Errorf("%s", show(d.answers[some]))
	}
	vain := d.send(5, "LOCK.EVENTS", "FROM", "$", "MATCH", "x", "BLOCK", "500")
	d.expect(`
		LOCK y me 10000 -> 4
		+501
	`)
	if got := show(d.answers[vain]); got != "[[] 6]" {
		t.Errorf("in vain: %s", got)
	}
	timed := d.send(6, "LOCK.EVENTS", "FROM", "$", "BLOCK", "0")
	d.expect(`+600`) // what expires is told to who waits, without any command
	if got := short(d.answers[timed].List()[0].List()); !strings.HasPrefix(got, "6 expired a me 2 0 h1101\n") {
		t.Errorf("%s", got)
	}
}

func TestLockEventsAreMessages(t *testing.T) {
	d := newDriver(t)
	d.send(7, "SUBSCRIBE", "__lock__:k")
	d.send(8, "PSUBSCRIBE", "__lock__:*")
	d.pushed = nil
	d.send(1, "LOCK", "k", "a\"b", "1000", "SHARED")
	granted := `{"event":"granted","number":1,"db":0,"key":"k","owner":"a\"b","token":1,"mode":"shared","by":1,"waited-ms":0}`
	want := []string{"7: [message __lock__:k " + granted + "]", "8: [pmessage __lock__:* __lock__:k " + granted + "]"}
	if !slices.Equal(d.pushed, want) {
		t.Errorf("got  %q\nwant %q", d.pushed, want)
	}
	d.pass(5)
	d.pushed = nil
	d.words("LOCK.FORCE", "k", "REASON", "stuck")
	forced := `{"event":"forced","number":2,"db":0,"key":"k","owner":"a\"b","token":1,"mode":"shared","by":1,"held-ms":5,"reason":"stuck"}`
	if len(d.pushed) != 2 || d.pushed[0] != "7: [message __lock__:k "+forced+"]" {
		t.Errorf("%q", d.pushed)
	}
	d.pushed = nil
	d.expect(`LOCK j a 1000 -> 2`)
	if len(d.pushed) != 1 || !strings.HasPrefix(d.pushed[0], "8: [pmessage __lock__:* __lock__:j") {
		t.Errorf("%q", d.pushed)
	}
}

func TestLockHistory(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK k a 1000        -> 1
		LOCK j a 1000        -> 2
		UNLOCK k a           -> 1
		LOCK k b 10          -> 3
		+11
		LOCK.HISTORY nosuch  -> []
	`)
	want := "5 expired k b 3 0 h11\n4 granted k b 3 1 w0\n3 released k a 1 1 h0\n1 granted k a 1 1 w0"
	if got := short(d.value("LOCK.HISTORY", "k").List()); got != want {
		t.Errorf("got\n%s", got)
	}
	d.again()
	if got := short(d.value("LOCK.HISTORY", "k", "COUNT", "2").List()); got != "5 expired k b 3 0 h11\n4 granted k b 3 1 w0" {
		t.Errorf("got\n%s", got)
	}
	d.db = 3
	d.expect(`LOCK.HISTORY k -> []`)
}

func TestLockTop(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK a x 10000 -> 1
		LOCK b x 10000 -> 2
		LOCK c x 10000 -> 3
		LOCK d x 10000 -> 4
		+50
		UNLOCK c x     -> 1
	`)
	d.send(2, "LOCK", "a", "y", "1000", "WAIT", "10")
	d.expect(`+11`)
	d.send(2, "LOCK", "a", "y", "1000", "WAIT", "10")
	d.expect(`+11`)
	d.send(2, "LOCK", "b", "y", "1000", "WAIT", "9000")
	d.send(3, "LOCK", "b", "z", "1000", "WAIT", "9000")
	d.expect(`+20`)
	for by, want := range map[string]string{
		"":           "b 40, a 22",
		"wait":       "b 40, a 22",
		"CONTENTION": "a 2, b 2",
		"waiters":    "b 2",
		"hold":       "a 92, b 92, d 92, c 50",
	} {
		line, name := []string{"LOCK.TOP"}, "waited-ms"
		if by != "" {
			line = append(line, "BY", by)
			name = map[string]string{"wait": "waited-ms", "CONTENTION": "waits", "waiters": "waiters", "hold": "held-ms"}[by]
		}
		var got []string
		for _, row := range d.value(line...).List() {
			got = append(got, show(field(row, "key"))+" "+show(field(row, name)))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("by %q: %q, want %q", by, got, want)
		}
	}
	if got := show(d.value("LOCK.TOP", "COUNT", "1").List()[0]); got != "[key b waiters 2 waits 2 waited-ms 40 "+
		"longest-wait-ms 20 gave-up 0 grants 1 held-ms 92 longest-hold-ms 92 owner x token 2]" {
		t.Error(got)
	}
	d.db = 1
	d.expect(`LOCK.TOP -> []`)
}

// keysOf are the keys of a reply of LOCK.LIST.
func keysOf(v resp.Value) string {
	var keys []string
	for _, row := range v.List()[1].List() {
		keys = append(keys, show(field(row, "key")))
	}
	return strings.Join(keys, " ")
}

func TestLockListFilters(t *testing.T) {
	d := newDriver(t)
	delayed := d.do("SESSION.OPEN TTL 100 LOCKDELAY 60000")
	lives := d.do("SESSION.OPEN TTL 60000")
	d.words("LOCK", "gone", "a", "SESSION", delayed)
	d.words("LOCK", "kept", "a", "SESSION", lives)
	d.expect(`
		SET forever a           -> OK
		LOCK old a 60000        -> 4
		+200
		LOCK new a 60000 SHARED -> 5
		LOCK new b 60000 SHARED -> 6
	`)
	d.send(2, "MLOCK", "2", "old", "free", "w", "60000", "WAIT", "60000")
	d.expect(`+10`)
	d.send(3, "LOCK", "new", "v", "60000", "WAIT", "60000")
	for _, c := range []struct{ options, want string }{
		{"", "forever kept new old"},
		{"STATE held OLDER 100", "forever kept old"},
		{"OLDER 10", "forever kept new old"},
		{"OWNER b", "new"},
		{"OWNER a OLDER 11", "forever kept old"},
		{"NOTTL", "forever"},
		{"NOTTL MATCH o*", ""},
		{"STATE delayed", "gone"},
		{"STATE DELAYED OLDER 1000", ""},
		{"STATE waiting", "free new old"},
		{"STATE waiting OWNER w", "free old"},
		{"STATE waiting OLDER 10", "free old"},
		{"STATE waiting MATCH *e*", "free new"},
	} {
		v := d.value(append([]string{"LOCK.LIST"}, strings.Fields(c.options)...)...)
		keys := strings.Fields(keysOf(v))
		slices.Sort(keys)
		want := strings.Fields(c.want)
		slices.Sort(want)
		if !slices.Equal(keys, want) {
			t.Errorf("LOCK.LIST %s: %q", c.options, keys)
		}
	}
	var keys []string
	for cursor, n := "0", 0; n == 0 || cursor != "0"; n++ {
		v := d.value("LOCK.LIST", "STATE", "waiting", "COUNT", "1", "CURSOR", cursor)
		keys, cursor = append(keys, keysOf(v)), v.List()[0].Str()
	}
	if got := strings.Join(keys, " "); got != "free new old" {
		t.Errorf("page by page: %s", got)
	}
	row := d.value("LOCK.LIST", "STATE", "waiting", "MATCH", "free").List()[1].List()[0]
	if got := show(row); got != "[key free owner (nil) token (nil) ttl-ms -2 held-ms (nil) waiters 1 note (nil) "+
		"mode (nil) holders 0 state free conn 0]" {
		t.Error(got)
	}
	row = d.value("LOCK.LIST", "OWNER", "b").List()[1].List()[0]
	if got := show(row); got != "[key new owner b token 6 ttl-ms 59990 held-ms 10 waiters 1 note  mode shared "+
		"holders 2 state held conn 1]" {
		t.Error(got)
	}
}

// follower knows only what the events say.
type follower struct {
	held   map[string]string // database/key/owner: token
	waits  map[string]bool   // database/key/owner client
	next   string
	events int
}

func (f *follower) follow(t *testing.T, rows []resp.Value) {
	for _, row := range rows {
		f.events++
		at := func(name string) string { return show(field(row, name)) }
		who := at("db") + "/" + at("key") + "/" + at("owner")
		switch kind := at("event"); kind {
		case "granted":
			f.held[who] = at("token")
			delete(f.waits, who+" "+at("by"))
		case "waiting":
			f.waits[who+" "+at("by")] = true
		case "gave-up":
			if !f.waits[who+" "+at("by")] {
				t.Fatalf("event %s: %s gave up what it did not wait for", at("number"), who)
			}
			delete(f.waits, who+" "+at("by"))
		case "flushed":
			for k := range f.held {
				if strings.HasPrefix(k, at("db")+"/") {
					delete(f.held, k)
				}
			}
		case "deadlock":
			continue
		default:
			if kind == "forced" && at("token") == "(nil)" {
				continue // nobody might take it
			}
			if f.held[who] != at("token") {
				t.Fatalf("event %s: %s %s with token %s, it was held with %q", at("number"), kind, who, at("token"),
					f.held[who])
			}
			delete(f.held, who)
		}
	}
}

// now is what is held and waited for, as the state says.
func (d *driver) now() (held map[string]string, waits map[string]bool) {
	held, waits = map[string]string{}, map[string]bool{}
	for db := range 3 {
		d.db = db
		var keys []string
		for _, key := range d.value("KEYS", "*").List() {
			keys = append(keys, key.Str())
		}
		keys = append(keys, strings.Fields(keysOf(d.value("LOCK.LIST", "STATE", "waiting")))...)
		slices.Sort(keys)
		for _, key := range slices.Compact(keys) {
			info := d.value("LOCK.INFO", key)
			at := strconv.Itoa(db) + "/" + key + "/"
			if holders := field(info, "holders"); !holders.IsError() {
				for _, h := range holders.List() {
					held[at+field(h, "owner").Str()] = show(field(h, "token"))
				}
			}
			for _, w := range field(info, "queue").List() {
				waits[at+field(w, "owner").Str()+" "+show(field(w, "conn"))] = true
			}
		}
	}
	d.db = 0
	return held, waits
}

// TestEventsTellEverything sends commands of all kinds, and holds what a follower of the feed believes against
// the state.
func TestEventsTellEverything(t *testing.T) {
	for seed := range int64(6) {
		dice := rand.New(rand.NewSource(seed))
		d := newDriver(t)
		f := &follower{held: map[string]string{}, waits: map[string]bool{}, next: "1"}
		var sessions []string
		for step := range 600 {
			d.db = dice.Intn(2)
			line := d.anything(dice, &sessions)
			if dice.Intn(50) == 0 {
				d.again()
			}
			d.db = 0
			rows, next := d.feed(f.next, "COUNT", "1000")
			f.next = next
			f.follow(t, rows)
			held, waits := d.now()
			if fmt.Sprint(held) != fmt.Sprint(f.held) || fmt.Sprint(waits) != fmt.Sprint(f.waits) {
				t.Fatalf("seed %d, step %d, %s: the state has\n%v, waiting %v\nthe events say\n%v, waiting %v\nof\n%s",
					seed, step, line, held, waits, f.held, f.waits, short(rows))
			}
		}
		if f.events < 300 {
			t.Errorf("seed %d: only %d events", seed, f.events)
		}
	}
}

// anything sends some command, and returns it. Who waits does so as an owner of its connection's name.
func (d *driver) anything(dice *rand.Rand, sessions *[]string) string {
	key := func() string { return string("abcd"[dice.Intn(4)]) }
	pick := func(list ...string) string { return list[dice.Intn(len(list))] }
	owner, conn := pick("x", "y", "z"), uint64(dice.Intn(5)+2)
	mode := pick("", "", "SHARED", "UPDATE", "LIMIT 2", "REENTRANT")
	ttl := pick("5", "50", "5000")
	if len(*sessions) > 0 && dice.Intn(3) == 0 {
		ttl = "SESSION " + (*sessions)[dice.Intn(len(*sessions))]
	}
	var line string
	switch n := dice.Intn(100); {
	case n < 25:
		line = fmt.Sprintf("LOCK %s %s %s %s", key(), owner, ttl, mode)
	case n < 45:
		d.close(conn, dice.Intn(2) == 0) // it waits for one thing at a time
		line = fmt.Sprintf("LOCK %s c%d %s WAIT %s %s", key(), conn, ttl, pick("3", "40", "4000"), mode)
		if dice.Intn(3) == 0 {
			line = fmt.Sprintf("MLOCK 2 a %s c%d %s WAIT 4000", key(), conn, ttl)
		}
		d.send(conn, strings.Fields(line)...)
		return line
	case n < 60:
		line = fmt.Sprintf("UNLOCK %s %s", key(), pick(owner, "c2", "c3", "c4"))
	case n < 64:
		line = pick("LOCK.UPGRADE ", "LOCK.DOWNGRADE ") + key() + " " + owner
	case n < 70:
		line = pick("DEL ", "LOCK.FORCE ", "GETDEL ", "INCR ") + key()
	case n < 76:
		line = pick("RENAME ", "COPY ") + key() + " " + key()
	case n < 80:
		line = fmt.Sprintf("SET %s %s %s", key(), owner, pick("", "PX 20", "NX"))
	case n < 82:
		line = pick("FLUSHDB", "SWAPDB 0 1", "MOVE "+key()+" 2")
	case n < 84:
		*sessions = append(*sessions, d.do("SESSION.OPEN TTL 100 LOCKDELAY 10"))
		return "SESSION.OPEN"
	case n < 86 && len(*sessions) > 0:
		line = "SESSION.CLOSE " + (*sessions)[dice.Intn(len(*sessions))]
	case n < 90:
		d.words("EVAL", fmt.Sprintf("redis.call('DEL', '%s') redis.call('LOCK', '%s', 'x', '100') "+
			"redis.call('LPUSH', KEYS[1], 'e') return redis.call('%s', KEYS[1], 'e')",
			key(), key(), pick("LPUSH", "INCR")), "1", "list")
		return "EVAL"
	case n < 94:
		d.close(conn, dice.Intn(2) == 0)
		return "close"
	default:
		d.pass(int64(dice.Intn(30)))
		return "time"
	}
	d.words(strings.Fields(line)...)
	return line
}

// Who waits is shown what comes after it began to, in the same entry too, and all of that at once.
func TestLockEventsWithinAnEntry(t *testing.T) {
	d := newDriver(t)
	origin := fsm.Origin{Node: "n1", Incarnation: 1}
	run := fsm.Run{Origin: origin, First: d.seq + 1, Commands: []fsm.Command{
		commandOf("LOCK", "a", "o", "1000"), commandOf("LOCK.EVENTS", "FROM", "$", "BLOCK", "0"),
		commandOf("LOCK.EVENTS", "FROM", "1", "MATCH", "b", "BLOCK", "0"), commandOf("LOCK", "b", "o", "1000"),
		commandOf("LOCK", "c", "o", "1000"),
	}}
	for i := range run.Commands {
		run.Commands[i].Conn = uint64(i + 1)
	}
	e := fsm.Entry{Version: fsm.EntryVersion, Term: 1, Clock: d.clock, Runs: []fsm.Run{run}}
	d.index++
	if err := d.m.Apply(d.index, 1, e.Append(nil), nil, d); err != nil {
		t.Fatal(err)
	}
	for seq, want := range map[uint64]string{
		d.seq + 2: "2 granted b o 2 4 w0\n3 granted c o 3 5 w0", d.seq + 3: "2 granted b o 2 4 w0",
	} {
		if got := short(d.answers[seq].List()[0].List()); got != want {
			t.Errorf("command %d was told %q, want %q", seq, got, want)
		}
	}
	if err := d.m.Check(); err != nil {
		t.Error(err)
	}
}

// Who waits while more comes in one entry than is kept is told that, instead of being left with a gap.
func TestLockEventsThatAreLostMeanwhile(t *testing.T) {
	d := newDriver(t)
	waits := d.send(2, "LOCK.EVENTS", "FROM", "$", "BLOCK", "0")
	d.words("EVAL", "for i = 1, 6000 do redis.call('SET', KEYS[1], i) end", "1", "k")
	if got := show(d.answers[waits]); !strings.HasPrefix(got, "COMPACTED events before 2000 ") {
		t.Errorf("%.200s", got)
	}
}
