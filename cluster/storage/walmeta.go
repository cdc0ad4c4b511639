// The list of raft-wal's segments. raft-wal keeps it in a bolt file of its own, whose values have
// no checksum, and whose loss makes it delete every segment as left over (wal.go, Open: toDelete).
// Here it is a small sealed file, which can be checked before raft-wal believes it.

package storage

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

const segmentListName = "segments.json"

// segmentList implements raft-wal's types.MetaStore.
type segmentList struct {
	dir   string
	files *walFiles
	// failed is called with what goes wrong once the log is open. raft-wal begins a new segment in
	// the background and only logs an error of that (wal.go, runRotate); the next append then
	// complains that the segment is sealed, which tells nobody why.
	failed func(error) error
}

var _ types.MetaStore = (*segmentList)(nil)

func (l *segmentList) path() string { return filepath.Join(l.dir, segmentListName) }

// Load gives the list, empty when there is none yet; whether there may be none, checkWAL has
// decided.
func (l *segmentList) Load(string) (types.PersistentState, error) {
	var state types.PersistentState
	err := readSealed(l.path(), &state)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return state, err
}

// CommitState replaces the list, durably. A new tail's file is made before it is listed. raft-wal
// would make it after, and so must take a listed file that is missing for one that was not made
// yet, although it may be one that was lost (README.md, Limitations); this way a missing file is
// always a lost one.
func (l *segmentList) CommitState(state types.PersistentState) error {
	err := l.commit(state)
	if err != nil && l.failed != nil {
		return l.failed(err)
	}
	return err
}

func (l *segmentList) commit(state types.PersistentState) error {
	if n := len(state.Segments); n > 0 && state.Segments[n-1].SealTime.IsZero() {
		tail := state.Segments[n-1]
		if err := l.files.prepare(l.dir, segment.FileName(tail), int64(tail.SizeLimit)); err != nil {
			return err
		}
	}
	return writeSealed(l.path(), state)
}

// GetStable belongs to raft-wal's own stable store, which lockd does not use.
func (l *segmentList) GetStable([]byte) ([]byte, error) { return nil, errNoStable }

// SetStable is refused; see GetStable.
func (l *segmentList) SetStable(_, _ []byte) error { return errNoStable }

// Close has nothing to close.
func (l *segmentList) Close() error { return nil }

var errNoStable = errors.New("term and vote are not kept in the wal")
