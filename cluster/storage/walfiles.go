// The files under raft-wal. Its own file layer makes them readable for everybody, syncs with fsync
// where fdatasync suffices, and does not sync the folder when a tail that a crash left behind is opened
// again, so that acknowledged entries could go with the file's name in a power cut (fs/fs.go, OpenWriter).
package storage

import (
	"errors"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/hashicorp/raft-wal/types"
)

// walFiles implements raft-wal's types.VFS.
type walFiles struct {
	times *histogram
}

var _ types.VFS = (*walFiles)(nil)

// ListDir lists the files, not the folders, in dir.
func (v *walFiles) ListDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}

// Create makes a new segment, with its space reserved so that an append does not have to find any, and
// its name durable before the first entry is in it.
func (v *walFiles) Create(dir, name string, size uint64) (types.WritableFile, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := reserve(f, int64(size)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), syncDir(dir)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &walFile{f, v.times}, nil
}

// Delete removes a segment.
func (v *walFiles) Delete(dir, name string) error {
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// OpenReader opens a sealed segment.
func (v *walFiles) OpenReader(dir, name string) (types.ReadableFile, error) {
	return os.Open(filepath.Join(dir, name))
}

// OpenWriter opens the tail. What it holds was perhaps written by a process that died before it synced,
// so it is made durable, with its name, before raft reads it as its log.
func (v *walFiles) OpenWriter(dir, name string) (types.WritableFile, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Sync(), syncDir(dir)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &walFile{f, v.times}, nil
}

// walFile is a segment that is written to.
type walFile struct {
	*os.File
	times *histogram
}

// Sync makes the data durable and remembers how long that took.
func (f *walFile) Sync() error {
	begin := time.Now()
	err := syncData(f.File)
	f.times.add(time.Since(begin))
	return err
}
