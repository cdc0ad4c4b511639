package session

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// audience plays the state: it lets connections subscribe, and does during a command what a test says.
type audience struct {
	hub  *Hub
	mu   sync.Mutex
	has  map[uint64]fsm.Listens
	then map[string]func() // by the command's first two words: what happens elsewhere while it runs
	ends int               // connections that were ended
}

func startAudience(t *testing.T) (*bench, *audience) {
	b := startBench(t)
	a := &audience{hub: b.hub, has: map[uint64]fsm.Listens{}, then: map[string]func(){}}
	b.node.on = a.run
	return b, a
}

func (a *audience) run(call *fsm.Call) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := call.Command.Conn
	if call.Command.Kind == fsm.KindClose {
		a.has[id] = fsm.Listens{}
		a.hub.Listens(id, a.has[id])
		a.ends++
		return false
	}
	words := call.Command.Words
	name := strings.ToLower(string(words[0]))
	if f := a.then[name+" "+string(words[min(1, len(words)-1)])]; f != nil {
		f()
	}
	kinds := map[string]fsm.Subscribed{"subscribe": fsm.ToChannel, "psubscribe": fsm.ToPattern, "ssubscribe": fsm.ToShard}
	kind, subscribes := kinds[strings.Replace(name, "unsub", "sub", 1)]
	if !subscribes {
		return false
	}
	for _, channel := range words[1:] {
		to := a.has[id]
		if to[kind]++; strings.Contains(name, "unsub") {
			to[kind] -= 2
		}
		a.has[id] = to
		a.hub.Listens(id, to)
		a.hub.Push(id, resp.Push(resp.Bulk(name), resp.Bulk(string(channel)), resp.Int(int64(to[0]+to[1]))))
	}
	call.Reply = resp.OK()
	return true
}

func confirmed(mark, what, channel string, n int) string {
	return fmt.Sprintf("%s3\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n:%d\r\n", mark, len(what), what, len(channel), channel, n)
}

// TestConfirmations: they are written where the reply would be, in both protocols.
func TestConfirmations(t *testing.T) {
	b, _ := startAudience(t)
	for _, proto := range []struct{ hello, mark, pong string }{
		{"PING", "*", "*2\r\n$4\r\npong\r\n$0\r\n\r\n"}, {"HELLO 3", ">", "+PONG\r\n"},
	} {
		for range 50 {
			k := b.dial()
			k.do(proto.hello)
			k.send("PING", "SUBSCRIBE a b", "PING", "PSUBSCRIBE x", "PING")
			k.want("+PONG\r\n" + confirmed(proto.mark, "subscribe", "a", 1) + confirmed(proto.mark, "subscribe", "b", 2) +
				proto.pong + confirmed(proto.mark, "psubscribe", "x", 3) + proto.pong)
			k.conn.Close()
		}
	}
}

func TestSubscribedMode(t *testing.T) {
	b, a := startAudience(t)
	k := b.dial()
	k.send("SUBSCRIBE a", "GET k", "client id", "PING x", "UNSUBSCRIBE a", "GET k")
	k.want(confirmed("*", "subscribe", "a", 1) +
		"-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n" +
		"-ERR Can't execute 'client|id': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n" +
		"*2\r\n$4\r\npong\r\n$1\r\nx\r\n" + confirmed("*", "unsubscribe", "a", 0) + "$6\r\nk in 0\r\n")
	k.send("SUBSCRIBE a", "RESET", "GET k")
	k.exactly(confirmed("*", "subscribe", "a", 1) + "+RESET\r\n$6\r\nk in 0\r\n")
	if a.ends != 1 {
		t.Errorf("the state was told %d times", a.ends)
	}
	k.send("HELLO 3", "SUBSCRIBE a", "GET k", "CLIENT REPLY OFF", "SUBSCRIBE b", "GET k")
	k.flat(nil)
	k.want(confirmed(">", "subscribe", "a", 1) + "$6\r\nk in 0\r\n" + confirmed(">", "subscribe", "b", 2))
	k.silent()
}

// TestListedSubscriber: CLIENT LIST, KILL and INFO know who listens, and the state hears of its end.
func TestListedSubscriber(t *testing.T) {
	b, a := startAudience(t)
	k, admin := b.dial(), b.dial()
	id := k.id()
	k.send("SUBSCRIBE a b", "PSUBSCRIBE c", "SSUBSCRIBE d")
	k.want(confirmed("*", "subscribe", "a", 1) + confirmed("*", "subscribe", "b", 2) + confirmed("*", "psubscribe", "c", 3) +
		confirmed("*", "ssubscribe", "d", 3))
	line := admin.text("CLIENT LIST TYPE pubsub")
	for _, want := range []string{fmt.Sprintf("id=%d ", id), " flags=P ", " sub=2 psub=1 ssub=1 ", " redir=-1 "} {
		if !strings.Contains(line, want) || strings.Count(line, "\n") != 1 {
			t.Errorf("no %q in %s", want, line)
		}
	}
	if line := admin.text("CLIENT LIST TYPE normal"); strings.Count(line, "\n") != 1 {
		t.Error(line)
	}
	if !strings.Contains(admin.text("INFO clients"), "pubsub_clients:1\r\n") {
		t.Error("INFO does not count it")
	}
	admin.send("CLIENT KILL TYPE pubsub")
	admin.exactly(":1\r\n")
	k.ends("")
	eventually(t, "the state knows", func() bool { return b.node.hasLeft(fmt.Sprintf("%d false", id)) })
	if a.ends == 0 {
		t.Error("CLIENT KILL did not wait for the end of the subscriptions")
	}
}

// TestResetEndsWhatHangs: after RESET a connection is as if it were new, whether it has listened or not.
func TestResetEndsWhatHangs(t *testing.T) {
	for _, line := range []string{"LOCK k o CONN", "SESSION.OPEN TTL 1000 BIND CONN", "GET k"} {
		b, a := startAudience(t)
		k := b.dial()
		k.do(line)
		k.send("RESET", "RESET")
		k.exactly("+RESET\r\n+RESET\r\n")
		if want := strings.Count(line, "CONN"); a.ends != want {
			t.Errorf("%s: the state was told of %d ends, want %d", line, a.ends, want)
		}
	}
}

func TestSilentSubscriberStays(t *testing.T) {
	b, _ := startAudience(t)
	b.hub.Server.SetIdleTimeout(50 * time.Millisecond)
	k, idle := b.dial(), b.dial()
	k.send("SUBSCRIBE a")
	k.want(confirmed("*", "subscribe", "a", 1))
	idle.ends("")
	time.Sleep(100 * time.Millisecond)
	k.send("PING")
	k.want("*2\r\n$4\r\npong\r\n$0\r\n\r\n")
}

// TestLost ends those who rely on what was missed, and nobody else.
func TestLost(t *testing.T) {
	b, _ := startAudience(t)
	k, tracks, other := b.dial(), b.dial(), b.dial()
	k.send("SUBSCRIBE a")
	k.want(confirmed("*", "subscribe", "a", 1))
	tracks.do("CLIENT TRACKING ON")
	other.do("PING")
	b.hub.Lost()
	k.ends("")
	tracks.ends("")
	other.send("GET k")
	other.exactly("$6\r\nk in 0\r\n")
}

// TestCutOff ends those on whose connection something hangs, and nobody else: what hung there is not theirs
// any longer.
func TestCutOff(t *testing.T) {
	for _, end := range []func(*Hub){(*Hub).CutOff, (*Hub).Lost} {
		b, _ := startAudience(t)
		k, s, other := b.dial(), b.dial(), b.dial()
		k.do("LOCK k o CONN")
		s.do("SESSION.OPEN TTL 1000 BIND CONN GRACE 10")
		other.do("LOCK l o 1000")
		end(b.hub)
		k.ends("")
		s.ends("")
		other.send("GET k")
		other.exactly("$6\r\nk in 0\r\n")
	}
}

func message(channel, text string) resp.Value {
	return resp.Push(resp.Bulk("message"), resp.Bulk(channel), resp.Bulk(text))
}

// TestPushAfterOwnReply: what a command causes for its own connection comes after its reply; who waits in a
// command gets what comes meanwhile.
func TestPushAfterOwnReply(t *testing.T) {
	b, a := startAudience(t)
	k := b.dial()
	id := k.id()
	k.do("HELLO 3")
	k.send("SUBSCRIBE a")
	k.want(confirmed(">", "subscribe", "a", 1))
	a.then["publish a"] = func() { a.hub.Push(id, message("a", "hi")) }
	for range 50 {
		k.send("PUBLISH a hi")
		k.want("+OK\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n")
	}
	k.send(park)
	eventually(t, "it waits", func() bool { return b.node.waiting() == 1 })
	time.Sleep(2 * parkAfter)
	b.hub.Push(id, message("a", "hi"))
	k.want(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n")
	b.node.answer(id, resp.Int(9))
	k.exactly(":9\r\n")
}

// TestSlowSubscriber is dropped, and nobody waits for it.
func TestSlowSubscriber(t *testing.T) {
	b, _ := startAudience(t)
	k := b.dial()
	id := k.id()
	k.send("SUBSCRIBE a")
	k.want(confirmed("*", "subscribe", "a", 1))
	begun := time.Now()
	for text := strings.Repeat("x", 10000); b.hub.find(id) != nil && time.Since(begun) < patience; {
		b.hub.Push(id, message("a", text))
	}
	eventually(t, "it was dropped", func() bool { return b.node.hasLeft(fmt.Sprintf("%d false", id)) })
}

func TestEvents(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "KEA": "AKE", "g$lshzxetd": "A", "Kn": "nK", "An": "A", "Km": "Km", "xE": "xE", "zhE$": "$hzE",
	} {
		if e, err := ParseEvents(text); err != nil || e.String() != want {
			t.Errorf("%q: %q, %v; want %q", text, e, err, want)
		}
	}
	if _, err := ParseEvents("Kq"); err == nil {
		t.Error("q is no class")
	}
	b := startBench(t)
	for setting, want := range map[string]string{
		"":    "[]",
		"K$":  "[[__keyspace@3__:k set]]",
		"E$":  "[[__keyevent@3__:set k]]",
		"KEA": "[[__keyspace@3__:k set] [__keyevent@3__:set k]]",
		"KEg": "[]",
		"$":   "[]",
	} {
		e, _ := ParseEvents(setting)
		b.policy(func(p *Policy) { p.Notify = e })
		if got := fmt.Sprint(b.hub.Notifications(3, fsm.EventString, "set", "k")); got != want {
			t.Errorf("%q: %s, want %s", setting, got, want)
		}
	}
}

// neighbours are other nodes that answer with the same text.
type neighbours struct {
	mu    sync.Mutex
	text  string
	asked []string
}

func (n *neighbours) AskOthers(_ context.Context, q []byte) [][]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, string(q))
	return [][]byte{[]byte(n.text), []byte("what a newer version says")}
}

// TestOtherNodes: what is not here is asked for elsewhere, and what is here is answered to others.
func TestOtherNodes(t *testing.T) {
	b, _ := startAudience(t)
	others := &neighbours{text: `{"lines":[{"id":99,"text":"id=99 far\n"}],"count":2}`}
	b.hub.Others = others
	k, victim := b.dial(), b.dial()
	id := victim.id()
	if list := k.text("CLIENT LIST"); !strings.HasSuffix(list, "id=99 far\n") || strings.Count(list, "\n") != 3 {
		t.Error(list)
	}
	if list := k.text(fmt.Sprintf("CLIENT LIST ID %d", id)); strings.Count(list, "\n") != 1 {
		t.Error("asked for what is here: " + list)
	}
	k.send("CLIENT KILL ID 99", "CLIENT UNBLOCK 99", "CLIENT KILL ADDR 1.2.3.4:5")
	k.exactly(":2\r\n:2\r\n:2\r\n")
	if len(others.asked) != 4 || !strings.Contains(others.asked[1], `"ids":[99]`) {
		t.Errorf("asked %q", others.asked)
	}
	for ask, want := range map[string]string{
		fmt.Sprintf(`{"list":{"ids":[%d]}}`, id): fmt.Sprintf("id=%d", id),
		`{"unblock":{"id":1}}`:                   "{}",
		`{"kill":{"not":1,"type":"pubsub"}}`:     "{}",
		`{"something":"newer"}`:                  "does not know",
		`{`:                                      "unexpected end",
	} {
		got, err := b.hub.Asked(t.Context(), []byte(ask))
		if !strings.Contains(string(got)+fmt.Sprint(err), want) {
			t.Errorf("%s: %s %v", ask, got, err)
		}
	}
	text, _ := json.Marshal(question{Kill: &clientFilter{IDs: []uint64{id}}})
	if got, err := b.hub.Asked(t.Context(), text); err != nil || string(got) != `{"count":1}` {
		t.Errorf("%s %v", got, err)
	}
	victim.ends("")
}

// TestLockEvent: it comes unasked, so only to who can tell it from a reply, whatever else he listens to.
func TestLockEvent(t *testing.T) {
	b, _ := startAudience(t)
	event := resp.Push(resp.Bulk("lock-event"), resp.Bulk("revoke"), resp.Bulk("k"), resp.Int(7))
	old, listens, k := b.dial(), b.dial(), b.dial()
	listens.send("SUBSCRIBE a")
	listens.want(confirmed("*", "subscribe", "a", 1))
	k.do("HELLO 3")
	for _, c := range []*client{old, listens, k} {
		id := uint64(0)
		if c == listens {
			for _, other := range b.hub.all() {
				if other.listening().Any() {
					id = other.ID
				}
			}
		} else {
			id = c.id()
		}
		b.hub.Push(id, event)
	}
	k.want(">4\r\n$10\r\nlock-event\r\n$6\r\nrevoke\r\n$1\r\nk\r\n:7\r\n")
	old.send("GET k")
	old.exactly("$6\r\nk in 0\r\n")
	listens.send("PING x")
	listens.want("*2\r\n$4\r\npong\r\n$1\r\nx\r\n")
	b.hub.Push(1<<39, event) // nobody's
}
