// The files under raft-wal. Its own file layer makes them readable for everybody, syncs with fsync
// where fdatasync suffices, and does not sync the folder when a tail that a crash left behind is
// opened again, so that acknowledged entries could go with the file's name in a power cut
// (fs/fs.go, OpenWriter).

package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/hashicorp/raft-wal/types"
)

// walFiles implements raft-wal's types.VFS. raft-wal writes from one goroutine at a time, under its
// lock.
type walFiles struct {
	times *histogram
	spare *spare
	made  map[string]*os.File // prepared, and not yet asked for
	first bool                // the first file is made while nobody waits for an append
}

func newWALFiles(times *histogram, spare *spare) *walFiles {
	return &walFiles{times: times, spare: spare, made: make(map[string]*os.File), first: true}
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

// prepare makes a segment's file if there is none, with its space reserved so that an append does
// not have to find any, and its name durable before the first entry is in it.
func (v *walFiles) prepare(dir, name string, size int64) error {
	path := filepath.Join(dir, name)
	if exists(path) {
		return nil
	}
	f, err := v.spare.take(path)
	if err != nil {
		return err
	}
	if f == nil {
		if f, err = v.fresh(path, size); err != nil {
			return err
		}
	}
	if err := syncDir(dir); err != nil {
		return errors.Join(err, f.Close())
	}
	v.made[name] = f
	return nil
}

// fresh makes a file where there is no spare. The very first may take the time to be written full.
func (v *walFiles) fresh(path string, size int64) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if v.first {
		v.first = false
		err = zeroFill(f, size, nil)
	} else {
		err = errors.Join(reserve(f, size), f.Sync())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return f, nil
}

// release closes what was prepared and will be opened as an existing file.
func (v *walFiles) release() {
	for name, f := range v.made {
		_ = f.Close()
		delete(v.made, name)
	}
}

// Create gives the file that prepare made.
func (v *walFiles) Create(dir, name string, size uint64) (types.WritableFile, error) {
	if v.made[name] == nil {
		if err := v.prepare(dir, name, int64(size)); err != nil {
			return nil, err
		}
	}
	f := v.made[name]
	if f == nil {
		return nil, fmt.Errorf("segment %s: %w", name, fs.ErrExist)
	}
	delete(v.made, name)
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

// OpenWriter opens the tail. What it holds was perhaps written by a process that died before it
// synced, so it is made durable, with its name, before raft reads it as its log.
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
