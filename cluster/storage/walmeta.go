// The list of raft-wal's segments. raft-wal keeps it in a bolt file of its own, whose values have no
// checksum, and whose loss makes it delete every segment as left over (wal.go, Open: toDelete). Here it
// is a small sealed file, which can be checked before raft-wal believes it.
package storage

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/hashicorp/raft-wal/types"
)

const segmentListName = "segments.json"

// segmentList implements raft-wal's types.MetaStore.
type segmentList struct {
	path string
}

var _ types.MetaStore = (*segmentList)(nil)

// Load gives the list, empty when there is none yet; whether there may be none, openWAL has decided.
func (l *segmentList) Load(dir string) (types.PersistentState, error) {
	l.path = filepath.Join(dir, segmentListName)
	var state types.PersistentState
	err := readSealed(l.path, &state)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return state, err
}

// CommitState replaces the list, durably.
func (l *segmentList) CommitState(state types.PersistentState) error {
	return writeSealed(l.path, state)
}

// GetStable and SetStable belong to raft-wal's own stable store, which lockd does not use.
func (l *segmentList) GetStable([]byte) ([]byte, error) { return nil, errNoStable }

// SetStable is refused; see GetStable.
func (l *segmentList) SetStable(_, _ []byte) error { return errNoStable }

// Close has nothing to close.
func (l *segmentList) Close() error { return nil }

var errNoStable = errors.New("term and vote are not kept in the wal")
