package storage

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// The imitation of a slow disk counts for every append, with either store.
func TestSyncDelay(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{LogWAL, LogBolt} {
		o := testOptions(t, t.TempDir(), kind)
		o.SyncDelay = 30 * time.Millisecond
		s := mustOpen(t, o)
		begun := time.Now()
		for i := range uint64(3) {
			entry := raft.Log{Index: i + 1, Term: 1, Type: raft.LogCommand, Data: sealedPayload(i+1, 50)}
			if err := s.Log.StoreLog(&entry); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took < 3*o.SyncDelay {
			t.Errorf("%s: three appends took %s with a delay of %s each", kind, took, o.SyncDelay)
		}
	}
}
