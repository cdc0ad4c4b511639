// Random subscribing, publishing and leaving, held against a model that is nothing but a map.

package fsm

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/divtxt/lockd/resp"
)

// subRunner runs: sub kind name, unsub kind name, pub shard channel, fail; and a name of all of them.
type subRunner struct{}

func (subRunner) Run(tx *Tx, words [][]byte) Reply {
	kind := func() Subscribed { return Subscribed(words[1][0] - '0') }
	switch string(words[0]) {
	case "sub":
		tx.Tell(resp.Int(int64(tx.Subscribe(kind(), str(words[2])))))
	case "unsub":
		tx.Tell(resp.Int(int64(tx.Unsubscribe(kind(), str(words[2])))))
	case "pub":
		return resp.Int(int64(tx.Publish(kind() == ToShard, str(words[2]), "text")))
	case "fail":
		tx.Publish(false, "a", "nobody gets this")
		panic("on purpose")
	case "touch":
		tx.Set(str(words[1]), "v", NoDeadline)
		tx.Notify(EventString, "set", str(words[1]))
	case "flush":
		for db := range Databases {
			tx.In(db).Flush()
		}
	}
	return resp.OK()
}

func (subRunner) Match(pattern, channel string) bool {
	ok, _ := path.Match(pattern, channel)
	return ok
}

// post is a sink that notes what leaves an entry beside replies.
type post struct {
	noSink
	events []string
	last   Reply
}

func (p *post) Answer(_ Origin, _ uint64, v Reply) { p.last = v }
func (p *post) Push(node string, conn uint64, v Reply) {
	text := fmt.Sprint(v.Num())
	for _, part := range v.List() {
		text += " " + strings.Clone(part.Str())
	}
	p.events = append(p.events, fmt.Sprintf("%s/%d %s", node, conn, text))
}
func (p *post) Listens(node string, conn uint64, to Listens) {
	p.events = append(p.events, fmt.Sprintf("%s/%d listens %v", node, conn, to))
}
func (p *post) Changed(_ int, key string, c Caller) {
	p.events = append(p.events, fmt.Sprintf("changed %s by %s/%d", key, c.Origin.Node, c.Conn))
}
func (p *post) Flushed(c Caller) {
	p.events = append(p.events, fmt.Sprintf("flushed by %s/%d", c.Origin.Node, c.Conn))
}
func (p *post) Event(db int, class Event, event, key string) {
	p.events = append(p.events, fmt.Sprintf("event %d %d %s %s", db, class, event, key))
}

// subWorld is a machine and the model of it.
type subWorld struct {
	t     *testing.T
	m     *Machine
	index uint64
	last  map[string]*origin
	subs  map[subscription]bool
}

func newSubWorld(t *testing.T) *subWorld {
	return &subWorld{t: t, m: New(subRunner{}), last: map[string]*origin{}, subs: map[subscription]bool{}}
}

// do runs one command of a connection and returns what left it.
func (w *subWorld) do(node string, c Command) *post {
	w.t.Helper()
	o := w.last[node]
	if o == nil {
		o = &origin{incarnation: 1}
		w.last[node] = o
		if c.Kind != KindRegister {
			w.do(node, Command{Kind: KindRegister})
		}
	}
	o.last++
	w.index++
	e := Entry{Version: EntryVersion, Runs: []Run{{Origin{node, o.incarnation}, o.last, []Command{c}}}}
	p := new(post)
	data := e.Append(nil)
	if err := w.m.Apply(w.index, 1, data, nil, p); err != nil {
		w.t.Fatal(err)
	}
	for i := range data {
		data[i] = '#'
	}
	if err := w.m.Check(); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *subWorld) say(node string, conn uint64, text ...string) *post {
	return w.do(node, Command{Conn: conn, Words: words(text...)})
}

func (w *subWorld) listens(p peer) (l Listens) {
	for v := range w.subs {
		if v.peer == p {
			l[v.kind]++
		}
	}
	return l
}

// receivers are those that a message must reach, in any order.
func (w *subWorld) receivers(shard bool, channel string) (list []string) {
	for v := range w.subs {
		matches, _ := path.Match(v.name, channel)
		switch {
		case v.kind == ToShard && shard && v.name == channel:
			list = append(list, fmt.Sprintf("%s/%d 0 smessage %s text", v.node, v.conn, channel))
		case v.kind == ToChannel && !shard && v.name == channel:
			list = append(list, fmt.Sprintf("%s/%d 0 message %s text", v.node, v.conn, channel))
		case v.kind == ToPattern && !shard && matches:
			list = append(list, fmt.Sprintf("%s/%d 0 pmessage %s %s text", v.node, v.conn, v.name, channel))
		}
	}
	slices.Sort(list)
	return list
}

func TestSubscriptionsAgainstModel(t *testing.T) {
	for seed := range uint64(40) {
		w := newSubWorld(t)
		dice := rand.New(rand.NewPCG(seed, 7))
		for range 400 {
			w.step(dice)
		}
	}
}

func (w *subWorld) step(dice *rand.Rand) {
	w.t.Helper()
	p := peer{[]string{"n1", "n2", "n3"}[dice.IntN(3)], uint64(1 + dice.IntN(4))}
	kind := Subscribed(dice.IntN(3))
	name := []string{"a", "b", "ab", "a*", "?b"}[dice.IntN(5)]
	v := subscription{kind, name, p}
	switch n := dice.IntN(20); {
	case n < 9:
		w.subs[v] = true
		w.told(w.say(p.node, p.conn, "sub", fmt.Sprint(kind), name), v)
	case n < 12:
		delete(w.subs, v)
		w.told(w.say(p.node, p.conn, "unsub", fmt.Sprint(kind), name), v)
	case n < 17:
		got := w.say(p.node, p.conn, "pub", fmt.Sprint(kind), name)
		slices.Sort(got.events)
		if want := w.receivers(kind == ToShard, name); !slices.Equal(got.events, want) || got.last.Num() != int64(len(want)) {
			w.t.Fatalf("publish %s: got %q and %d, want %q", name, got.events, got.last.Num(), want)
		}
	case n == 17:
		w.do(p.node, Command{Kind: KindClose, Conn: p.conn})
		maps.DeleteFunc(w.subs, func(v subscription, _ bool) bool { return v.peer == p })
	case n == 18:
		w.leave(dice, p.node)
	default:
		var b bytes.Buffer
		if err := w.m.View().Write(&b); err != nil {
			w.t.Fatal(err)
		}
		hash := w.m.Hash()
		w.m = New(subRunner{})
		if err := w.m.Restore(&b); err != nil || w.m.Hash() != hash {
			w.t.Fatal(err, "or another state")
		}
	}
	if got := w.m.subs.counts[p]; got != w.listens(p) || w.m.subs.byName.Len() != len(w.subs) {
		w.t.Fatalf("%v listens to %v of %d, want %v of %d", p, got, w.m.subs.byName.Len(), w.listens(p), len(w.subs))
	}
}

// told sees that a command confirmed what it did, with the count that Redis has.
func (w *subWorld) told(got *post, v subscription) {
	w.t.Helper()
	l := w.listens(v.peer)
	n := l[ToShard]
	if v.kind != ToShard {
		n = l[ToChannel] + l[ToPattern]
	}
	if last := got.events[len(got.events)-1]; last != fmt.Sprintf("%s/%d %d", v.node, v.conn, n) {
		w.t.Fatalf("confirmed %q, want %d", got.events, n)
	}
}

// leave ends all that a node has: it starts anew, or is not heard.
func (w *subWorld) leave(dice *rand.Rand, node string) {
	w.say(node, 1, "pub", "0", "nobody")
	if dice.IntN(2) == 0 {
		w.last[node] = &origin{incarnation: w.last[node].incarnation + 1}
		w.do(node, Command{Kind: KindRegister})
	} else {
		other := map[string]string{"n1": "n2", "n2": "n3", "n3": "n1"}[node]
		w.do(other, Command{Kind: KindSilence, Words: words(node, fmt.Sprint(w.last[node].incarnation))})
	}
	maps.DeleteFunc(w.subs, func(v subscription, _ bool) bool { return v.node == node })
}

// TestEffects: they leave in the order in which they came about, once the command has ended; a failed one has
// none.
func TestEffects(t *testing.T) {
	w := newSubWorld(t)
	w.say("n1", 1, "sub", "0", "a")
	for _, c := range []struct{ run, want string }{
		{"sub 0 b", "n1/1 listens [2 0 0], n1/1 2 "},
		{"sub 0 b", "n1/1 2 "},
		{"pub 0 a", "n1/1 0 message a text"},
		{"fail", ""},
		{"touch k", "changed k by n1/1, event 0 128 new k, event 0 2 set k"},
		{"flush", "flushed by n1/1"},
		{"unsub 0 nothing", "n1/1 listens [2 0 0], n1/1 2 "},
	} {
		got := strings.Join(w.say("n1", 1, strings.Fields(c.run)...).events, ", ")
		if strings.TrimSpace(got) != strings.TrimSpace(c.want) {
			t.Errorf("%s: %q, want %q", c.run, got, c.want)
		}
	}
	if got := w.do("n1", Command{Kind: KindClose, Conn: 1}).events; len(got) != 1 || got[0] != "n1/1 listens [0 0 0]" {
		t.Error(got)
	}
}

// TestOrdinals: each node gets its own number for good, also where an older state forgot the order.
func TestOrdinals(t *testing.T) {
	w := newSubWorld(t)
	numbers := func(m *Machine) (list [3]uint64) {
		for i, node := range []string{"n1", "n2", "n3"} {
			list[i], _ = m.Ordinal(node)
		}
		return list
	}
	w.say("n2", 1, "pub", "0", "x")
	if n, known := w.m.Ordinal("n2"); n != 0 || !known {
		t.Errorf("the first node has %d", n)
	}
	w.say("n1", 1, "pub", "0", "x")
	w.say("n3", 1, "pub", "0", "x")
	if got := numbers(w.m); got != [3]uint64{1, 0, 2} {
		t.Errorf("by their coming: %v", got)
	}
	w.last["n2"] = &origin{incarnation: 2}
	w.do("n2", Command{Kind: KindRegister})
	if got := numbers(w.m); got != [3]uint64{1, 0, 2} {
		t.Errorf("after a new start: %v", got)
	}
	old := newNodes()
	for _, node := range []string{"n3", "n1", "n2"} {
		old.setOrigin(node, &origin{incarnation: 1, last: 1})
	}
	old.renumber()
	m := New(subRunner{})
	m.nodes = old
	if got := numbers(m); got != [3]uint64{3, 4, 5} {
		t.Errorf("renumbered: %v", got)
	}
}
