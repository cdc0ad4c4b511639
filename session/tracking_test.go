package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/divtxt/lockd/resp"
)

func invalidated(key string) string {
	return fmt.Sprintf(">2\r\n$10\r\ninvalidate\r\n*1\r\n$%d\r\n%s\r\n", len(key), key)
}

const forgetAll = ">2\r\n$10\r\ninvalidate\r\n_\r\n"

// tracked is a RESP3 connection with these options of CLIENT TRACKING.
func (b *bench) tracked(options string) *client {
	b.t.Helper()
	k := b.dial()
	k.do("HELLO 3")
	if got := k.do("CLIENT TRACKING ON " + options); got != "+OK" {
		b.t.Fatal(got)
	}
	return k
}

// changed lets keys change, as the state tells it, and sees what a connection is told of it.
func (b *bench) changed(k *client, by uint64, want string, keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		b.hub.Changed(0, key, by, 1)
	}
	k.want(want)
	k.exactly("")
}

func TestTracking(t *testing.T) {
	b := startBench(t)
	k := b.tracked("")
	k.do("GET a")
	k.do("SET b 1")                                  // a write is no read
	b.changed(k, 0, invalidated("a"), "a", "a", "b") // once: it must be read again to be told again
	k.send("GET a", "GET c", "GET missing")
	k.exactly("$6\r\na in 0\r\n$6\r\nc in 0\r\n_\r\n")
	b.changed(k, k.id(), invalidated("missing")+invalidated("c"), "missing", "c") // its own changes too
	b.hub.Flushed(0)
	b.changed(k, 0, forgetAll, "a")
	k.do("GET a")
	k.do("CLIENT TRACKING OFF")
	b.changed(k, 0, "", "a")
	if n := b.hub.trackers.active.Load(); n != 0 || len(b.hub.trackers.keys) != 0 {
		t.Errorf("%d connections track, %d keys are left", n, len(b.hub.trackers.keys))
	}
}

// TestTrackingScripts: a script that sets a key and reads it then, as rueidislock's do, leaves it noted, and is
// not told what it changed itself unless its connection had the key before: neither before it is answered nor,
// where this node follows, after that.
func TestTrackingScripts(t *testing.T) {
	b := startBench(t)
	for options, own := range map[string]string{"": invalidated("a"), "OPTOUT NOLOOP": ""} {
		k := b.tracked(options)
		changes := func(by, number uint64, want string) {
			t.Helper()
			b.hub.Changed(0, "a", by, number)
			k.want(want)
			k.exactly("")
		}
		note := func() {
			b.hub.trackers.mu.Lock()
			b.hub.trackers.note("a", k.id(), true)
			b.hub.trackers.mu.Unlock()
		}
		me, cmd := b.hub.find(k.id()), b.hub.Table.Named("eval")
		words := resp.Command{[]byte("EVAL"), []byte("script"), []byte("1"), []byte("a")}
		note() // it takes the lock, and changes it once more
		changes(me.ID, 7, "")
		b.hub.answered(me, cmd, words, 7)
		changes(me.ID, 7, "")
		note() // it extends the lock, which the connection has: told once
		b.hub.answered(me, cmd, words, 9)
		changes(me.ID, 9, own)
		changes(me.ID, 9, "")
		changes(0, 0, invalidated("a"))
		changes(0, 0, "")
		note()
		b.hub.answered(me, cmd, words, 11)
		changes(me.ID, 12, own) // by another command of its own
		changes(me.ID, 13, "")
		k.do("EVAL script 1 a") // this one only reads, as the bench's state does
		b.changed(k, me.ID, own, "a", "a")
	}
}

// TestTrackingModes: which changes are told to a connection that has read a, ab and b.
func TestTrackingModes(t *testing.T) {
	b := startBench(t)
	const mine = "mine"
	for _, c := range []struct {
		options, before string
		by              string
		want            []string
	}{
		{"", "", mine, []string{"a", "ab", "b"}},
		{"NOLOOP", "", mine, nil},
		{"NOLOOP", "", "", []string{"a", "ab", "b"}},
		{"OPTIN", "", "", nil},
		{"OPTIN", "CLIENT CACHING YES", "", []string{"a"}},
		{"OPTOUT", "", "", []string{"a", "ab", "b"}},
		{"OPTOUT", "CLIENT CACHING NO", "", []string{"ab", "b"}},
		{"BCAST", "", "", []string{"a", "ab", "b", "never-read"}},
		{"BCAST PREFIX a", "", "", []string{"a", "ab"}},
		{"BCAST PREFIX ab PREFIX b NOLOOP", "", "", []string{"ab", "b"}},
		{"BCAST PREFIX ab PREFIX b NOLOOP", "", mine, nil},
	} {
		k := b.tracked(c.options)
		by := uint64(0)
		if c.by == mine {
			by = k.id()
		}
		if c.before != "" && k.do(c.before) != "+OK" {
			t.Error(c.before)
		}
		for _, key := range []string{"a", "ab", "b"} {
			k.do("GET " + key)
		}
		want := ""
		for _, key := range c.want {
			want += invalidated(key)
		}
		t.Log(c.options, c.before)
		b.changed(k, by, want, "a", "ab", "b", "never-read")
		k.conn.Close()
	}
	eventually(t, "nobody tracks", func() bool { return b.hub.trackers.active.Load() == 0 })
}

// TestTrackingRefusals are what Redis refuses, in its words.
func TestTrackingRefusals(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	k.do("CLIENT TRACKING ON BCAST PREFIX ab")
	for line, want := range map[string]string{
		"CLIENT TRACKING ON":                              "-ERR You can't switch BCAST mode",
		"CLIENT TRACKING ON BCAST PREFIX abc":             "-ERR Prefix 'abc' overlaps with an existing prefix 'ab'.",
		"CLIENT TRACKING ON BCAST PREFIX x PREFIX xy":     "-ERR Prefix 'x' overlaps with another provided prefix 'xy'.",
		"CLIENT TRACKING ON BCAST OPTIN":                  "-ERR OPTIN and OPTOUT are not compatible with BCAST",
		"CLIENT TRACKING ON PREFIX a":                     "-ERR PREFIX option requires BCAST mode to be enabled",
		"CLIENT TRACKING ON REDIRECT 12345":               "-ERR The client ID you want redirect to does not exist",
		"CLIENT TRACKING ON REDIRECT x":                   "-ERR value is not an integer or out of range",
		"CLIENT TRACKING ON REDIRECT 1 REDIRECT 1":        "-ERR A client can only redirect to a single other client",
		"CLIENT TRACKING ON BCAST nonsense":               "-ERR syntax error",
		"CLIENT CACHING YES":                              "-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
		"CLIENT CACHING NO":                               "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
		"CLIENT TRACKING OFF nonsense":                    "-ERR syntax error",
		"CLIENT TRACKING ON BCAST PREFIX ab PREFIX other": "+OK",
	} {
		if got := k.do(line); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	if got := k.do("CLIENT TRACKINGINFO"); got != "flags on bcast redirect :0 prefixes ab other" {
		t.Error(got)
	}
	k.do("CLIENT TRACKING OFF")
	k.do("CLIENT TRACKING ON OPTIN")
	for line, want := range map[string]string{
		"CLIENT TRACKING ON OPTOUT":       "-ERR You can't switch OPTIN/OPTOUT mode",
		"CLIENT TRACKING ON OPTIN OPTOUT": "-ERR You can't specify both OPTIN mode and OPTOUT mode",
		"CLIENT CACHING maybe":            "-ERR syntax error",
		"CLIENT GETREDIR":                 ":0",
	} {
		if got := k.do(line); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	k.do("CLIENT CACHING YES")
	if got := k.do("CLIENT TRACKINGINFO"); got != "flags on optin caching-yes redirect :0 prefixes" {
		t.Error(got)
	}
}

// TestTrackingRedirect: a RESP2 connection that listens is told in the place of another; when it is gone,
// that one is told so.
func TestTrackingRedirect(t *testing.T) {
	b, _ := startAudience(t)
	to, k := b.dial(), b.dial()
	id := to.id()
	k.do("HELLO 3")
	k.do(fmt.Sprintf("CLIENT TRACKING ON REDIRECT %d", id))
	if got := k.do("CLIENT GETREDIR"); got != fmt.Sprintf(":%d", id) {
		t.Error(got)
	}
	k.do("GET a")
	b.hub.Changed(0, "a", 0, 0)
	to.send("SUBSCRIBE __redis__:invalidate")
	to.want("*3\r\n$9\r\nsubscribe\r\n$20\r\n  redis  :invalidate\r\n:1\r\n") // the first change was told to nobody
	k.do("GET a")
	b.hub.Changed(0, "a", 0, 0)
	to.want("*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\na\r\n")
	b.hub.Flushed(0)
	to.want("*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n")
	k.do("GET a")
	to.conn.Close()
	eventually(t, "it is gone", func() bool { return b.hub.find(id) == nil })
	b.changed(k, 0, fmt.Sprintf(">2\r\n$21\r\ntracking-redir-broken\r\n:%d\r\n", id), "a")
	if got := k.do("CLIENT TRACKINGINFO"); !strings.Contains(got, "broken_redirect") {
		t.Error(got)
	}
	if line := k.text("CLIENT LIST"); !strings.Contains(line, " flags=tR ") || !strings.Contains(line, fmt.Sprintf(" redir=%d ", id)) {
		t.Error(line)
	}
}

// TestChangeWhileReading: a change that happens while a read is on its way is told after its reply, also in
// the middle of a pipeline with long replies, and for one that hears by prefix.
func TestChangeWhileReading(t *testing.T) {
	b, a := startAudience(t)
	for _, options := range []string{"", "BCAST"} {
		k := b.tracked(options)
		a.then["get a"] = func() { a.hub.Changed(0, "a", 0, 0) }
		for range 50 {
			k.send("GET b", "GET a", "GET c")
			k.want("$6\r\nb in 0\r\n$6\r\na in 0\r\n$6\r\nc in 0\r\n" + invalidated("a"))
		}
		k.conn.Close()
	}
}

// TestTrackingTable: it is bounded, what falls out is told, and what dead connections have read does not
// stay.
func TestTrackingTable(t *testing.T) {
	b := startBench(t)
	b.policy(func(p *Policy) { p.MaxTracked = 10 })
	k := b.tracked("")
	var told []string
	for i := range 30 {
		k.send(fmt.Sprintf("GET key%d", i))
	}
	for replies := 0; replies < 30; {
		_ = k.conn.SetReadDeadline(time.Now().Add(patience))
		switch got := strings.Join(k.flatPush(), " "); {
		case strings.HasPrefix(got, "invalidate"):
			told = append(told, got)
		default:
			replies++
		}
	}
	if keys, _, _ := b.hub.trackers.sizes(); keys != 10 {
		t.Errorf("%d keys", keys)
	}
	for len(told) < 20 {
		told = append(told, strings.Join(k.flatPush(), " "))
	}
	slices.Sort(told)
	if len(slices.Compact(told)) != 20 {
		t.Errorf("told %q", told)
	}
	// A lower bound holds at once, not with the next read.
	b.policy(func(p *Policy) { p.MaxTracked = 3 })
	if keys, _, _ := b.hub.trackers.sizes(); keys != 3 {
		t.Errorf("%d keys with a bound of 3", keys)
	}
	for range 7 {
		if got := k.flatPush(); got[0] != "invalidate" {
			t.Errorf("instead of what fell out: %q", got)
		}
	}
	table := &trackers{}
	for id := range uint64(10) {
		for key := range 100 {
			table.note(fmt.Sprint(key), id, false)
		}
	}
	table.sweep(func(id uint64) bool { return id == 3 })
	if keys, items, _ := table.sizes(); keys != 100 || items != 100 {
		t.Errorf("%d keys and %d items are left", keys, items)
	}
	table.sweep(func(uint64) bool { return false })
	if keys, items, _ := table.sizes(); keys != 0 || items != 0 {
		t.Errorf("%d keys and %d items are left of nobody", keys, items)
	}
}

// flatPush is flat for a reply or a push.
func (c *client) flatPush() []string {
	head, err := c.in.Peek(1)
	if err != nil {
		c.t.Fatal(err)
	}
	if head[0] != '>' {
		return c.flat(nil)
	}
	line, _ := c.in.ReadString('\n')
	var list []string
	for range int(line[1] - '0') {
		list = c.flat(list)
	}
	return list
}

// BenchmarkChangedUntracked is what a write costs here while nobody tracks.
func BenchmarkChangedUntracked(b *testing.B) {
	h := &Hub{}
	for range b.N {
		h.Changed(0, "key", 1, 1)
	}
}
