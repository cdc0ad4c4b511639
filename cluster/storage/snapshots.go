// Snapshots, kept by raft's file store.
package storage

import (
	"github.com/hashicorp/raft"
)

func openSnapshots(s *Store) (raft.SnapshotStore, *raft.SnapshotMeta, error) {
	inner, err := raft.NewFileSnapshotStoreWithLogger(s.folder.path("raft"), retainSnapshots, NewHCLog(s.opts.Log, "snapshots"))
	if err != nil {
		return nil, nil, err
	}
	list, err := inner.List()
	if err != nil || len(list) == 0 {
		return inner, nil, err
	}
	return inner, list[0], nil
}
