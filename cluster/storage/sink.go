// Writing a snapshot beside a log. Left alone, the kernel collects tens of megabytes of a snapshot
// and writes them out in one go, and a log sync that comes meanwhile waits for all of it (measured:
// 14-27 ms beside 100 MB on a disk that syncs in 0.1 ms; several times that on a slow one). So the
// sink has each megabyte written out before the next, and gives the log as much time in between as
// that took.

package storage

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
)

const (
	sinkStep = 1 << 20
	// sinkRest bounds a pause, so that a disk in trouble does not make a snapshot last for ever.
	sinkRest = 50 * time.Millisecond
)

// sink wraps the sink of raft's file store.
type sink struct {
	raft.SnapshotSink
	store *snapshotStore
	tmp   string   // its folder until it is complete
	out   *os.File // a second descriptor of the state file

	begun   time.Time
	written int64 // handed to the inner sink, which buffers at most 4 KiB
	synced  int64
	closed  bool
}

var _ raft.SnapshotSink = (*sink)(nil)

// newSink also closes the files to other users, for raft makes them readable to all.
func newSink(s *snapshotStore, inner raft.SnapshotSink) (*sink, error) {
	k := &sink{SnapshotSink: inner, store: s, begun: time.Now()}
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
	k.out, err = os.OpenFile(filepath.Join(k.tmp, snapState), os.O_WRONLY, 0)
	return k, err
}

// Write passes the bytes on in steps.
func (k *sink) Write(p []byte) (done int, err error) {
	for len(p) > 0 {
		n, err := k.SnapshotSink.Write(p[:min(len(p), sinkStep)])
		done += n
		k.written += int64(n)
		if err != nil {
			return done, k.store.failed("writing a snapshot", err)
		}
		p = p[n:]
		if k.written-k.synced >= sinkStep {
			if err := k.spread(); err != nil {
				return done, k.store.failed("writing a snapshot", err)
			}
		}
	}
	return done, nil
}

// spread has the disk write what was written so far, then rests.
func (k *sink) spread() error {
	begin := time.Now()
	if err := writeOut(k.out, k.synced, k.written-k.synced); err != nil {
		return err
	}
	k.synced = k.written
	rest := min(time.Since(begin), sinkRest)
	if k.store.rate > 0 {
		due := time.Duration(float64(k.written) / float64(k.store.rate) * float64(time.Second))
		rest = max(rest, due-time.Since(k.begun))
	}
	time.Sleep(rest)
	return nil
}

// Close completes the snapshot. raft removes log entries only after it, so they are there until the
// snapshot is durable, with the checksum of its meta data.
func (k *sink) Close() error {
	if k.closed {
		return nil
	}
	k.closed = true
	_ = k.out.Close()
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
	_ = k.out.Close()
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
