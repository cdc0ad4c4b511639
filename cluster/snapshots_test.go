package cluster

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
)

// While raft takes a snapshot of its own none comes from the leader, and one that is older than what came is
// not taken: raft would believe the older one.
func TestOneSnapshotAtATime(t *testing.T) {
	applied := uint64(100)
	s := newSnapshotStore(raft.NewInmemSnapshotStore(), func() uint64 { return applied })
	create := func(index uint64) error {
		sink, err := s.Create(raft.SnapshotVersionMax, index, 1, raft.Configuration{}, 1, nil)
		if err == nil {
			err = sink.Close()
		}
		return err
	}
	busy := func(err error) bool { return errors.Is(err, errOwnSnapshot) }
	err := s.take(func() error {
		if err := create(300); !busy(err) {
			t.Errorf("one was sent before its own was begun: %v", err)
		}
		if err := create(90); err != nil {
			t.Errorf("its own: %v", err)
		}
		for _, index := range []uint64{50, 300} {
			if err := create(index); !busy(err) {
				t.Errorf("one up to %d was sent after its own was written, but not yet noted: %v", index, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := create(300); err != nil {
		t.Errorf("one was sent when nothing else goes on: %v", err)
	}
	if err := s.take(func() error { return create(95) }); err == nil || busy(err) {
		t.Errorf("its own, older than what was sent: %v", err)
	}
	applied = 310
	if err := s.take(func() error { return create(310) }); err != nil {
		t.Errorf("its own, newer: %v", err)
	}
}
