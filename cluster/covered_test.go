package cluster_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
	"github.com/divtxt/lockd/commands"
)

// monotonic is a log store that must have no gaps, as raft-wal: raft empties it when it installs a snapshot.
type monotonic struct{ raft.LogStore }

func (monotonic) IsMonotonic() bool { return true }

// pretender is a leader that a test plays, word for word.
type pretender struct {
	t         *testing.T
	transport cluster.Transport
	to        string
	term      uint64
}

// mask is who the pretender says it is; there is no talking with it but by raft.
type mask struct {
	cluster.Handler
	identity cluster.Identity
}

func (m mask) Identity() cluster.Identity { return m.identity }

func (m mask) Admit(_ cluster.Identity, why cluster.Purpose) error {
	if why != cluster.ForRaft {
		return errors.New("the leader is only played")
	}
	return nil
}

func (p *pretender) header() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: 3, ID: []byte("n1"), Addr: []byte("n1:1")}
}

// append sends entries that follow the one at prev, and tells whether they were taken.
func (p *pretender) append(prev *raft.Log, commit uint64, entries ...*raft.Log) bool {
	p.t.Helper()
	var answer raft.AppendEntriesResponse
	if err := p.transport.AppendEntries(raft.ServerID(p.to), raft.ServerAddress(p.to+":1"), &raft.AppendEntriesRequest{
		RPCHeader: p.header(), Term: p.term, PrevLogEntry: prev.Index, PrevLogTerm: prev.Term,
		Entries: entries, LeaderCommitIndex: commit,
	}, &answer); err != nil {
		p.t.Fatal(err)
	}
	return answer.Success
}

// install sends a snapshot that says it ends with entry.
func (p *pretender) install(entry *raft.Log, meta *raft.SnapshotMeta, data []byte) bool {
	p.t.Helper()
	var answer raft.InstallSnapshotResponse
	if err := p.transport.InstallSnapshot(raft.ServerID(p.to), raft.ServerAddress(p.to+":1"),
		&raft.InstallSnapshotRequest{
			RPCHeader: p.header(), SnapshotVersion: meta.Version, Term: p.term,
			LastLogIndex: entry.Index, LastLogTerm: entry.Term, Size: int64(len(data)),
			Configuration: raft.EncodeConfiguration(meta.Configuration), ConfigurationIndex: meta.ConfigurationIndex,
		}, &answer, bytes.NewReader(data)); err != nil {
		p.t.Fatal(err)
	}
	return answer.Success
}

// history is what a leader has: a snapshot, and the entries from the snapshot's last.
func (g *groupRig) history(id string) (meta *raft.SnapshotMeta, data []byte, entries []*raft.Log) {
	g.t.Helper()
	stores := g.nodes[id].stores
	list, err := stores.Snapshots.List()
	if err != nil || len(list) == 0 {
		g.t.Fatal("no snapshot", err)
	}
	meta, content, err := stores.Snapshots.Open(list[0].ID)
	if err != nil {
		g.t.Fatal(err)
	}
	if data, err = io.ReadAll(content); err != nil {
		g.t.Fatal(err)
	}
	last, err := stores.Log.LastIndex()
	if err != nil {
		g.t.Fatal(err)
	}
	for i := meta.Index - 2; i <= last; i++ {
		var l raft.Log
		if err := stores.Log.GetLog(i, &l); err != nil {
			g.t.Fatal(i, err)
		}
		entries = append(entries, &l)
	}
	return meta, data, entries
}

// What a leader sends again to a node that has it, because an answer was lost, is taken, and takes nothing
// away: neither entries after a snapshot nor the snapshot.
func TestSentAgainAfterASnapshot(t *testing.T) {
	for _, gapless := range []bool{false, true} {
		t.Run(fmt.Sprint("gapless=", gapless), func(t *testing.T) {
			t.Parallel()
			g := &groupRig{t: t, net: memnet.New(), nodes: map[string]*member{}}
			if m := g.member("n2"); gapless {
				m.stores.Log = monotonic{m.stores.Log}
			}
			sentAgain(g)
		})
	}
}

func sentAgain(g *groupRig) {
	t := g.t
	g.form("n1", "n2", "n3")
	g.leads("n1")
	stop := func(id string) {
		g.stopNode(id)
		g.net.Stop(id + ":1")
	}
	stop("n2")
	for i := range 10 {
		expect(t, ask(t, g.nodes["n1"].node, 1, fmt.Sprint("SET a ", i)), "OK")
	}
	if err := g.nodes["n1"].node.Snapshot(); err != nil {
		t.Fatal(err)
	}
	expect(t, ask(t, g.nodes["n1"].node, 1, "SET b 1", "SET c 1"), "OK", "OK")
	expect(t, ask(t, g.nodes["n1"].node, 1, "SET d 1"), "OK")
	n1 := mask{identity: g.nodes["n1"].node.Identity()}
	stop("n1")
	stop("n3")
	meta, data, entries := g.history("n1")
	under, covered, rest := entries[0], entries[2], entries[3:]
	last := entries[len(entries)-1]

	g.start("n2")
	network := g.net.Node("n1:1")
	network.Serve(n1)
	p := &pretender{t: t, transport: network.Transport(), to: "n2", term: covered.Term + 10}
	takes := func(what string, ok bool) {
		t.Helper()
		if s := g.nodes["n2"].node.Status(); !ok || s.LastIndex < last.Index && what != "the snapshot" {
			t.Fatalf("%s: %v, and the log ends at %d", what, ok, s.LastIndex)
		}
	}
	takes("the snapshot", p.install(covered, meta, data))
	takes("what follows", p.append(covered, last.Index, rest...))
	takes("what follows, again", p.append(covered, last.Index, rest...))
	takes("what follows, from further back", p.append(under, last.Index, entries[1:]...))
	takes("only what is covered", p.append(under, last.Index, entries[1]))
	takes("the snapshot, again", p.install(covered, meta, data))
	takes("nothing more", p.append(last, last.Index))
	var kept raft.Log
	if err := g.member("n2").stores.Log.GetLog(covered.Index+1, &kept); err != nil {
		t.Errorf("the node has lost what it had acknowledged: %v", err)
	}

	// Entries that nobody committed, and a later leader's snapshot without them.
	failed := make(chan error, 1)
	g.nodes["n2"].fail = func(err error) { failed <- err }
	next := func(after *raft.Log, term uint64) *raft.Log {
		return &raft.Log{Index: after.Index + 1, Term: term, Type: raft.LogNoop}
	}
	first := next(last, p.term)
	takes("entries in vain", p.append(last, last.Index, first, next(first, p.term)))
	p.term++
	other := next(last, p.term)
	takes("a snapshot without them", p.install(other, meta, data))
	if err := <-failed; !errors.Is(err, cluster.ErrContradicted) {
		t.Errorf("the node ended with %v", err)
	}
	stop("n2")
	state, err := cluster.ReadState(g.member("n2").stores, commands.New())
	if err != nil || state.Index != other.Index {
		t.Errorf("who reads the stopped node's state finds entry %d, %v", state.Index, err)
	}
	g.start("n2")
	takes("what follows the snapshot", p.append(other, other.Index, next(other, p.term)))
	takes("it again", p.append(other, other.Index, next(other, p.term)))
}
