// The log in raft-wal's segment files: check (walscan.go), then open.

package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// defaultSegment is smaller than raft-wal's own 64 MiB: the first one is written full while the
// user waits for the first start, and a segment is the least that cutting the log's head gives
// back.
const defaultSegment = 16 << 20

// openWAL checks the files, opens raft-wal on them, and begins to keep a spare segment.
func (s *Store) openWAL() (*guardedLog, span, error) {
	dir := s.folder.path("raft", "wal")
	if err := makeDir(dir); err != nil {
		return nil, span{}, unusable(s.opts.Dir, err)
	}
	size := s.opts.SegmentSize
	if size == 0 {
		size = defaultSegment
	}
	s.disk.look()
	spare := newSpare(dir, int64(size), s.disk.read, s.gate)
	files := newWALFiles(s.times, spare)
	list := &segmentList{dir: dir, files: files}
	tail, err := s.checkWAL(list, size)
	if err != nil {
		return nil, tail, err
	}
	w, err := wal.Open(dir,
		wal.WithSegmentSize(size),
		wal.WithLogger(NewHCLog(s.opts.Log, "wal")),
		wal.WithMetaStore(list),
		wal.WithSegmentFiler(segment.NewFiler(dir, files)),
	)
	if err != nil {
		return nil, tail, err
	}
	list.failed = func(err error) error {
		return s.gate.trip(fmt.Errorf("beginning a new log file: %w", err))
	}
	s.closers = append(s.closers, w)
	s.wait.Go(func() { spare.run(s.stop) })
	log := &guardedLog{gate: s.gate, inner: w, file: dir, check: s.opts.Check, meter: s.meter}
	return log, tail, nil
}

// checkWAL leaves the files in a state that raft-wal opens without having to guess.
func (s *Store) checkWAL(list *segmentList, size int) (span, error) {
	var state types.PersistentState
	err := readSealed(list.path(), &state)
	if errors.Is(err, fs.ErrNotExist) {
		if s.folder.id.Ready {
			return span{}, corrupt(list.path(), "it is missing")
		}
		return span{}, removeUnlisted(list.dir, state)
	}
	if err != nil {
		return span{}, err
	}
	scan := walScan{
		chain: chain{check: s.opts.Check, meter: s.meter}, dir: list.dir, notice: s.opts.Log.Info,
	}
	mended, err := scan.run(state, size)
	if err != nil {
		return scan.span, err
	}
	if len(mended.Segments) != len(state.Segments) {
		if err := list.CommitState(mended); err != nil {
			return scan.span, err
		}
		list.files.release()
	}
	return scan.span, removeUnlisted(list.dir, mended)
}

// removeUnlisted removes segments that are not in the list: removed ones whose file a crash left,
// and new ones that a crash kept out of the list. raft-wal does the same after it has made its
// first file, which may have the name of such a left-over.
func removeUnlisted(dir string, state types.PersistentState) error {
	listed := make(map[string]bool)
	for _, info := range state.Segments {
		listed[segment.FileName(info)] = true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	removed := false
	for _, e := range entries {
		stray := strings.HasSuffix(e.Name(), ".wal") && !listed[e.Name()]
		if !stray && !strings.HasSuffix(e.Name(), spareSuffix) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
		removed = true
	}
	if !removed {
		return nil
	}
	return syncDir(dir)
}
