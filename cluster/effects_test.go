// What entries cause outside of the state, on the nodes that are concerned and no others; and what nodes ask
// each other about their connections.

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// ear notes what a node's connections are told.
type ear struct {
	mu     sync.Mutex
	heard  []string
	answer string // to AskOthers; "": a refusal
}

func (e *ear) note(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, fmt.Sprintf(format, args...))
}

// all returns what was noted and forgets it.
func (e *ear) all() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	text := strings.Join(e.heard, ", ")
	e.heard = nil
	return text
}

func (e *ear) Push(conn uint64, v fsm.Reply) {
	var parts []string
	for _, part := range v.List() {
		text := strings.Clone(part.Str())
		if part.Kind() == resp.KindInt {
			text = fmt.Sprint(part.Num())
		}
		parts = append(parts, text)
	}
	e.note("%d: %s", conn, strings.Join(parts, " "))
}
func (e *ear) Changed(_ int, key string, conn, _ uint64) {
	if strings.HasPrefix(key, "told") {
		e.note("%s changed by %d", key, conn)
	}
}
func (e *ear) Flushed(conn uint64)                                             { e.note("flushed by %d", conn) }
func (e *ear) Listens(uint64, fsm.Listens)                                     {}
func (e *ear) Notifications(int, fsm.Event, string, string) (list [][2]string) { return nil }
func (e *ear) Lost()                                                           { e.note("lost") }
func (e *ear) CutOff()                                                         { e.note("cut off") }

func (e *ear) asked(_ context.Context, question []byte) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.answer == "" {
		return nil, errors.New("nothing to say")
	}
	return []byte(e.answer + " to " + string(question)), nil
}

// here runs a line on a connection and waits until the node has applied it.
func here(t *testing.T, n *cluster.Node, conn uint64, line string) string {
	t.Helper()
	c := fsm.Call{Command: fsm.Command{Conn: conn}, Here: true}
	for _, w := range strings.Fields(line) {
		c.Command.Words = append(c.Command.Words, []byte(w))
	}
	calls, done := []fsm.Call{c}, make(chan struct{}, 1)
	n.Submit(calls, done)
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("no reply to %s", line)
	}
	v := calls[0].Reply
	if v.IsError() && strings.Contains(v.Str(), "not known to all nodes") {
		time.Sleep(10 * time.Millisecond) // they have only just met
		return here(t, n, conn, line)
	}
	return v.Str() + fmt.Sprint(v.Num())
}

// TestMessagesAcrossNodes: who subscribes on one node hears what is published on another, whoever leads; the
// confirmation is there with the reply, also where the leader's reply comes first.
func TestMessagesAcrossNodes(t *testing.T) {
	g := trio(t)
	ids := []string{"n1", "n2", "n3"}
	for _, id := range ids {
		g.nodes[id].ear.all()
	}
	for round := range 20 {
		for _, id := range ids {
			e, conn := g.nodes[id].ear, uint64(round+1)
			here(t, g.nodes[id].node, conn, "SUBSCRIBE news")
			if got, want := e.all(), fmt.Sprintf("%d: subscribe news 1", conn); got != want {
				t.Fatalf("%s heard %q, want %q", id, got, want)
			}
		}
	}
	if got := here(t, g.nodes[g.followers()[0]].node, 99, "PUBLISH news hello"); got != "60" {
		t.Errorf("%s got it", got)
	}
	for _, id := range ids {
		got := ""
		eventually(t, "message on "+id, func() bool {
			got += g.nodes[id].ear.all()
			return strings.Contains(got, "20: message news hello")
		})
		if strings.Count(got, "message") != 20 {
			t.Errorf("%s heard %s", id, got)
		}
	}
	here(t, g.nodes["n1"].node, 7, "SET told x")
	here(t, g.nodes["n1"].node, 7, "FLUSHALL")
	if got := g.nodes["n1"].ear.all(); got != "told changed by 7, flushed by 7" {
		t.Errorf("n1 heard %s", got)
	}
	eventually(t, "word of the change", func() bool {
		g.nodes["n2"].ear.mu.Lock()
		defer g.nodes["n2"].ear.mu.Unlock()
		return slices.Equal(g.nodes["n2"].ear.heard, []string{"told changed by 0", "flushed by 0"})
	})
}

// TestSubscriptionsEndWithTheirNode: when it is killed, and when it starts anew; a leader that dies takes
// none along.
func TestSubscriptionsEndWithTheirNode(t *testing.T) {
	g := &groupRig{t: t, net: memnet.New(), nodes: map[string]*member{}, tuning: cluster.Tuning{NodeTimeout: time.Second}}
	g.form("n1", "n2", "n3")
	followers, leader := g.followers(), g.leader()
	first, other := followers[0], followers[1]
	for _, id := range []string{first, other, leader} {
		if got := here(t, g.nodes[id].node, 1, "SUBSCRIBE news"); got != "OK0" {
			t.Fatalf("%s: %s", id, got)
		}
	}
	listen := func(on string, want string) func() bool {
		return func() bool { return here(t, g.nodes[on].node, 2, "PUBLISH news x") == want }
	}
	if got := here(t, g.nodes[other].node, 2, "PUBLISH news x"); got != "3" {
		t.Fatalf("%s listen", got)
	}
	wait := g.kill(leader)
	defer wait()
	if !listen(other, "3")() {
		t.Error("the new leader has lost a subscription")
	}
	eventually(t, "end of the old leader's subscription", listen(other, "2"))
	again := g.kill(first)
	defer again()
	g.start(first)
	g.ready(first)
	if !listen(other, "1")() {
		t.Error("the subscription of a former start is still there")
	}
	g.nodes[first].ear.all()
	here(t, g.nodes[other].node, 3, "PUBLISH news x")
	here(t, g.nodes[first].node, 3, "PUBLISH other x")
	if got := g.nodes[first].ear.all(); got != "" {
		t.Errorf("a connection that is no more heard %s", got)
	}
}

// TestCutOff: a node without a leader ends what hangs on its connections, before another node would find it
// silent.
func TestCutOff(t *testing.T) {
	g := &groupRig{t: t, net: memnet.New(), nodes: map[string]*member{}, tuning: cluster.Tuning{NodeTimeout: time.Second}}
	g.form("n1", "n2", "n3")
	f := g.followers()
	g.nodes[f[0]].ear.all()
	for _, id := range []string{g.leader(), f[1]} {
		wait := g.kill(id)
		defer wait()
	}
	eventually(t, "word that the node is cut off", func() bool {
		return strings.Contains(g.nodes[f[0]].ear.all(), "cut off")
	})
}

func TestOrdinalsDiffer(t *testing.T) {
	g := trio(t)
	seen := map[uint64]string{}
	for _, id := range []string{"n1", "n2", "n3"} {
		o := g.nodes[id].node.Ordinal()
		if other := seen[o]; other != "" {
			t.Errorf("%s and %s have the ordinal %d", id, other, o)
		}
		seen[o] = id
	}
}

func TestAskOthers(t *testing.T) {
	g := trio(t)
	g.nodes["n2"].ear.answer, g.nodes["n3"].ear.answer = "two", "three"
	ask := func(within time.Duration) (answers []string) {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		for _, a := range g.nodes["n1"].node.AskOthers(ctx, []byte("who")) {
			answers = append(answers, string(a))
		}
		slices.Sort(answers)
		return answers
	}
	if got := ask(5 * time.Second); !slices.Equal(got, []string{"three to who", "two to who"}) {
		t.Errorf("got %q", got)
	}
	g.nodes["n2"].ear.mu.Lock()
	g.nodes["n2"].ear.answer = ""
	g.nodes["n2"].ear.mu.Unlock()
	if got := ask(5 * time.Second); !slices.Equal(got, []string{"three to who"}) {
		t.Errorf("with a refusal: %q", got)
	}
	wait := g.kill("n3")
	defer wait()
	if got := ask(500 * time.Millisecond); len(got) > 0 {
		t.Errorf("with a dead node: %q", got)
	}
}
