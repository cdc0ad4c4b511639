// The log in raft-wal's segment files.
package storage

import (
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/segment"
)

func (s *Store) openWAL() (*guardedLog, span, error) {
	dir := s.folder.path("raft", "wal")
	if err := makeDir(dir); err != nil {
		return nil, span{}, unusable(s.opts.Dir, err)
	}
	size := s.opts.SegmentSize
	if size == 0 {
		size = wal.DefaultSegmentSize
	}
	w, err := wal.Open(dir,
		wal.WithSegmentSize(size),
		wal.WithLogger(NewHCLog(s.opts.Log, "wal")),
		wal.WithMetaStore(&segmentList{}),
		wal.WithSegmentFiler(segment.NewFiler(dir, &walFiles{times: s.times})),
	)
	if err != nil {
		return nil, span{}, err
	}
	s.closers = append(s.closers, w)
	log := &guardedLog{gate: s.gate, inner: w, file: dir, check: s.opts.Check, meter: s.meter}
	tail, err := scanStore(log)
	return log, tail, err
}
