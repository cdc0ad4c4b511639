package cluster

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// bare is a node's replica with what it answers to, and without raft: entries come from the test.
func bare(t *testing.T, runner fsm.Runner) *replica {
	n := &Node{origin: fsm.Origin{Node: "n1", Incarnation: 1}, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	n.opts.Fail = func(err error) { t.Errorf("fail-stop: %v", err) }
	n.outbox = newOutbox(100, 1<<20)
	n.remotes = newRemotes(n.outbox.bell, func() int64 { return 0 })
	n.replica = newReplica(n, fsm.New(runner))
	return n.replica
}

// readBatch is a batch of one read, as it waits for its entry.
func readBatch(r *replica, nonce, term uint64) (*batch, *call) {
	g := newGroup([]fsm.Call{callOf(1, "GET a")}, make(chan struct{}, 1))
	g.pending.Store(1)
	b := &batch{nonce: nonce, term: term}
	b.add(&g.calls[0], r.node.origin)
	r.expect(b)
	return b, &g.calls[0]
}

func emptyEntry(index, nonce, term uint64) *raft.Log {
	e := fsm.Entry{Nonce: nonce, Term: term}
	return &raft.Log{Index: index, Term: term, Data: e.Append(nil)}
}

// Nodes number their entries alike. A read that waits for this node's entry must not be answered by an older
// one of another leader, which may lack what was acknowledged since.
func TestReadsWaitForTheirOwnEntry(t *testing.T) {
	r := bare(t, commands.New())
	_, c := readBatch(r, 7, 3)
	r.Apply(emptyEntry(1, 7, 2))
	if c.answered {
		t.Fatal("the entry of another term answered the read")
	}
	r.Apply(emptyEntry(2, 7, 3))
	if !c.answered {
		t.Fatal("its own entry did not answer the read")
	}
}

// slowRunner answers when it is let go.
type slowRunner struct{ begun, goOn chan struct{} }

func (s slowRunner) Run(*fsm.Tx, [][]byte) resp.Value {
	close(s.begun)
	<-s.goOn
	return resp.OK()
}

// An entry that raft has given up may be under way all the same. Who forgets it knows afterwards what it has
// answered: a read that is sent again after its answer would read words that belong to another command.
func TestForgettingWaitsForTheEntryUnderWay(t *testing.T) {
	s := slowRunner{make(chan struct{}), make(chan struct{})}
	r := bare(t, s)
	b, c := readBatch(r, 7, 3)
	go r.Apply(emptyEntry(1, 7, 3))
	<-s.begun
	time.AfterFunc(20*time.Millisecond, func() { close(s.goOn) })
	r.forget(b)
	if again := r.node.outbox.uncut([]*call{c}); len(again) > 0 {
		t.Fatal("the read would be sent again while it is answered")
	}
}

// endlessStream takes its time to close.
type endlessStream struct{ Stream }

func (endlessStream) Close() error { select {} }

// When a node's commands were refused, what came behind them on its stream is not taken any more, from the
// next entry on: a read of the same pipeline would miss the writes before it.
func TestRefusalEndsAStreamAtOnce(t *testing.T) {
	r := bare(t, commands.New())
	other := newRemote(fsm.Origin{Node: "n2", Incarnation: 1}, endlessStream{})
	r.node.remotes.begin()
	if err := r.node.remotes.add(other); err != nil {
		t.Fatal(err)
	}
	r.Refuse(other.origin, 5)
	read := &call{Call: &fsm.Call{Command: callOf(1, "GET a").Command, Read: true}, from: other, name: 1}
	b := &batch{}
	if b.fill([]*call{read}, 1<<20, r.node.origin); len(b.reads) > 0 {
		t.Fatal("a read behind what was refused is taken")
	}
}

// Ending another connection's wait is not left waiting for a leader for ever.
func TestUnblockIsWithdrawn(t *testing.T) {
	r := bare(t, commands.New())
	done := make(chan struct{}, 1)
	g := newGroup([]fsm.Call{{Command: fsm.Command{Kind: fsm.KindUnblock, Conn: 1}}}, done)
	r.node.outbox.submit(g, "")
	r.node.outbox.withdraw(time.Now().Add(time.Second))
	select {
	case <-done:
	default:
		t.Fatal("it still waits")
	}
}

func (slowRunner) Match(string, string) bool { return false }
