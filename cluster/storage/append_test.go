package storage

import (
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// What imitates a slow disk is asked at every append, with either store; its error is one of the disk.
func TestAppend(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{LogWAL, LogBolt} {
		o := testOptions(t, t.TempDir(), kind)
		const delay = 30 * time.Millisecond
		var broken error
		var reason error
		o.Append = func(store func() error) error {
			time.Sleep(delay)
			if err := store(); err != nil {
				return err
			}
			return broken
		}
		o.Fail = func(err error) { reason = err }
		s := mustOpen(t, o)
		begun := time.Now()
		for i := range uint64(3) {
			entry := raft.Log{Index: i + 1, Term: 1, Type: raft.LogCommand, Data: sealedPayload(i+1, 50)}
			if err := s.Log.StoreLog(&entry); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took < 3*delay {
			t.Errorf("%s: three appends took %s with a delay of %s each", kind, took, delay)
		}
		broken = syscall.EIO
		entry := raft.Log{Index: 4, Term: 1, Type: raft.LogCommand, Data: sealedPayload(4, 50)}
		if err := s.Log.StoreLog(&entry); err == nil || reason == nil {
			t.Errorf("%s: an append that fails gives %v, and stops the node for %v", kind, err, reason)
		}
	}
}
