// The sink of a snapshot: raft's, written at a pace that leaves the log its disk (pace.go), and with what
// raft's lacks: permissions, a checksum of its meta data, and no remains where it fails.

package storage

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
)

// sink wraps the sink of raft's file store.
type sink struct {
	raft.SnapshotSink
	store  *snapshotStore
	tmp    string // its folder until it is complete
	pace   pace   // of the state file; the inner sink buffers at most 4 KiB of what was written
	closed bool
}

var _ raft.SnapshotSink = (*sink)(nil)

// newSink also closes the files to other users, for raft makes them readable to all.
func newSink(s *snapshotStore, inner raft.SnapshotSink) (*sink, error) {
	k := &sink{SnapshotSink: inner, store: s, pace: pace{rate: s.rate, begun: time.Now()}}
	k.tmp = filepath.Join(s.dir, inner.ID()+snapTmp)
	for _, name := range []string{snapMeta, snapState} {
		if err := os.Chmod(filepath.Join(k.tmp, name), 0o600); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(k.tmp, 0o700); err != nil {
		return nil, err
	}
	var err error
	k.pace.out, err = os.OpenFile(filepath.Join(k.tmp, snapState), os.O_WRONLY, 0)
	return k, err
}

// Write passes the bytes on in steps.
func (k *sink) Write(p []byte) (done int, err error) {
	for len(p) > 0 {
		n, err := k.SnapshotSink.Write(p[:min(len(p), paceStep)])
		done += n
		if err == nil {
			err = k.pace.wrote(n)
		}
		if err != nil {
			return done, k.store.failed("writing a snapshot", err)
		}
		p = p[n:]
	}
	return done, nil
}

// Close completes the snapshot. raft removes log entries only after it, so they are there until the
// snapshot is durable, with the checksum of its meta data.
func (k *sink) Close() error {
	if k.closed {
		return nil
	}
	k.closed = true
	_ = k.pace.out.Close()
	if err := k.SnapshotSink.Close(); err != nil {
		return k.store.failed("completing a snapshot", k.clear(err))
	}
	dir := filepath.Join(k.store.dir, k.ID())
	text, err := os.ReadFile(filepath.Join(dir, snapMeta))
	if err == nil {
		err = replaceFile(filepath.Join(dir, snapSealed), checksumLine(text))
	}
	return k.store.failed("completing a snapshot", err)
}

// Cancel drops the snapshot.
func (k *sink) Cancel() error {
	if k.closed {
		return nil
	}
	k.closed = true
	_ = k.pace.out.Close()
	err := k.SnapshotSink.Cancel()
	if err != nil {
		err = k.clear(err)
	}
	return k.store.failed("dropping a snapshot", err)
}

// clear removes what raft's sink leaves when its own end fails, as it does on a full disk: Cancel
// tries to flush first and gives up when that fails (file_snapshot.go), so the disk would stay
// full.
func (k *sink) clear(err error) error {
	return errors.Join(err, os.RemoveAll(k.tmp))
}
