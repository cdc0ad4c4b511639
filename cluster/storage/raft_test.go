// raft itself on these stores, over restarts, snapshots and compaction.

package storage

import (
	"bytes"
	"encoding/binary"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// countFSM counts entries; its whole state is a number.
type countFSM struct{ n uint64 }

func (f *countFSM) Apply(*raft.Log) any { f.n++; return f.n }

func (f *countFSM) Snapshot() (raft.FSMSnapshot, error) { return countFSM{f.n}, nil }

func (f *countFSM) Restore(from io.ReadCloser) error {
	defer func() { _ = from.Close() }()
	return binary.Read(from, binary.LittleEndian, &f.n)
}

func (f countFSM) Persist(sink raft.SnapshotSink) error {
	if err := binary.Write(sink, binary.LittleEndian, f.n); err != nil {
		return sink.Cancel()
	}
	return sink.Close()
}

func (f countFSM) Release() {}

func startRaft(t *testing.T, s *Store, fsm raft.FSM) *raft.Raft {
	t.Helper()
	addr, trans := raft.NewInmemTransport("n1")
	c := raft.DefaultConfig()
	c.LocalID, c.Logger = "n1", s.Logger
	c.HeartbeatTimeout, c.ElectionTimeout = 50*time.Millisecond, 50*time.Millisecond
	c.LeaderLeaseTimeout, c.CommitTimeout = 50*time.Millisecond, 5*time.Millisecond
	c.TrailingLogs = 20
	cache, err := raft.NewLogCache(128, s.Log)
	if err != nil {
		t.Fatal(err)
	}
	if s.Incarnation() == 1 {
		conf := raft.Configuration{Servers: []raft.Server{{ID: c.LocalID, Address: addr}}}
		if err := raft.BootstrapCluster(c, cache, s.Stable, s.Snapshots, trans, conf); err != nil {
			t.Fatal(err)
		}
	}
	r, err := raft.NewRaft(c, fsm, cache, s.Stable, s.Snapshots, trans)
	if err != nil {
		t.Fatal(err)
	}
	for r.State() != raft.Leader {
		time.Sleep(time.Millisecond)
	}
	return r
}

func TestRaftOverRestarts(t *testing.T) {
	for _, kind := range []string{LogWAL, LogBolt} {
		t.Run(kind, func(t *testing.T) {
			o := testOptions(t, filepath.Join(tempDir(t), "d"), kind)
			total := uint64(0)
			for round := range 4 {
				s := mustOpen(t, o)
				fsm := &countFSM{}
				r := startRaft(t, s, fsm)
				for i := range 300 {
					f := r.Apply(sealedPayload(uint64(i), 300), 0)
					if err := f.Error(); err != nil {
						t.Fatal(err)
					}
					if total++; f.Response() != total {
						t.Fatalf("round %d: %v entries were applied, want %d", round, f.Response(), total)
					}
					if i == 200 && round > 0 {
						if err := r.Snapshot().Error(); err != nil {
							t.Fatal(err)
						}
					}
				}
				if round == 2 {
					restoreUser(t, r, total)
				}
				if err := r.Shutdown().Error(); err != nil {
					t.Fatal(err)
				}
				mustClose(t, s)
			}
		})
	}
}

// restoreUser puts a state of the user's over the log, which leaves a jump in the indexes.
func restoreUser(t *testing.T, r *raft.Raft, n uint64) {
	t.Helper()
	state := binary.LittleEndian.AppendUint64(nil, n)
	meta := &raft.SnapshotMeta{Version: 1, ID: "user", Index: 5, Term: 1, Size: int64(len(state))}
	if err := r.Restore(meta, bytes.NewReader(state), time.Second); err != nil {
		t.Fatal(err)
	}
}
