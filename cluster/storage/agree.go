// What the parts of the folder say about each other. Each part is checked by itself before; here
// the cases are found in which a whole file went missing or was replaced by an older one, which no
// checksum can tell, and the one gap that a crash of raft itself leaves is closed.

package storage

import (
	"fmt"

	"github.com/hashicorp/raft"
)

// agree refuses parts that do not belong together; snap is the newest snapshot, tail what the log
// holds.
func (s *Store) agree(
	stable *guardedStable, snap *raft.SnapshotMeta, log *guardedLog, tail span,
) error {
	var at raft.SnapshotMeta
	if snap != nil {
		at = *snap
	}
	term, err := stable.term()
	if err != nil {
		return err
	}
	if seen := max(tail.term, at.Term); seen > term {
		return corrupt(stable.file, "it knows term %d, but the log and the snapshots have reached term %d",
			term, seen)
	}
	if clean := s.folder.id.Clean; clean != nil && clean.LastIndex != tail.last {
		return corrupt(log.file, "the log ended with entry %d when lockd was stopped, and now ends with %d",
			clean.LastIndex, tail.last)
	}
	if tail.last == 0 {
		return nil
	}
	if tail.first > at.Index+1 {
		return corrupt(s.folder.path("raft", "snapshots"),
			"the log begins with entry %d, and there is no snapshot of those before (the newest is of %d)",
			tail.first, at.Index)
	}
	if tail.gap > at.Index+1 {
		// Behind a snapshot raft leaves a gap in a log that allows one; nowhere else.
		return corrupt(log.file, "the entries before %d are missing", tail.gap)
	}
	if tail.last >= at.Index {
		return nil
	}
	// raft keeps a received snapshot before it empties the log (raft.go, installSnapshot). A crash
	// in between leaves a log that ends before the snapshot; raft would then append behind the
	// snapshot, which raft-wal refuses as a gap, at each start anew. All these entries are in the
	// snapshot.
	s.opts.Log.Info("the log ends before the newest snapshot: emptying it",
		"last", tail.last, "snapshot", at.Index)
	s.folder.id.Clean = nil // it will not be true any more, and a crash may come before Open ends
	if err := s.folder.save(); err != nil {
		return err
	}
	if err := log.DeleteRange(tail.first, tail.last); err != nil {
		return fmt.Errorf("emptying the log before the snapshot: %w", err)
	}
	return nil
}
