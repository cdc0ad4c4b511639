// The log's files after crashes and damage: what a crash leaves is cut and all before it is there;
// what no crash can leave is refused. Every byte is tried where that is affordable, random ones
// elsewhere.

package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/segment"
)

// copyFolder gives a second data folder with the same content.
func copyFolder(t testing.TB, from string) string {
	t.Helper()
	to := filepath.Join(tempDir(t), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// crashed makes a folder as kill -9 leaves it: copied while it is open.
func crashed(t testing.TB, o Options, fillIt func(*Store)) string {
	t.Helper()
	s := mustOpen(t, o)
	fillIt(s)
	settle(t, s)
	dir := copyFolder(t, o.Dir)
	mustClose(t, s)
	return dir
}

// settle waits for raft-wal's background work, for a copy made file by file is no picture of one
// moment.
func settle(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Log.DeleteRange(1<<60, 1<<60); err != nil {
		t.Fatal(err)
	}
}

// segments gives the paths of the log's files in order; the last is the tail.
func segments(t testing.TB, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "raft", "wal", "*.wal"))
	if err != nil || len(list) == 0 {
		t.Fatalf("segments: %v, %v", list, err)
	}
	return list
}

// batchEnds gives a file, and where its batches end; the first item is where the first begins.
func batchEnds(t testing.TB, path string) (data []byte, ends []int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ends = []int{fileHeader}
	var b batch
	for from, sum := fileHeader, 0; readBatch(data, from, sum, &b) == intact; from, sum = b.end, b.end {
		ends = append(ends, b.end)
	}
	return data, ends
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// reopen opens a damaged folder; want is the last index, or 0 where it must be refused.
func reopen(t testing.TB, dir string, want uint64, what string, args ...any) {
	t.Helper()
	o := testOptions(t, dir, LogWAL)
	s, err := Open(o)
	var bad *CorruptError
	switch {
	case want == 0 && !errors.As(err, &bad):
		if err == nil {
			last, _ := s.Log.LastIndex()
			_ = s.Close()
			t.Errorf(what+": opened, with %d entries", append(args, last)...)
			return
		}
		t.Errorf(what+": refused with %v", append(args, err)...)
	case want == 0:
		if !strings.HasPrefix(bad.File, dir) || bad.Why == "" || bad.WhatToDo == "" {
			t.Errorf(what+": %+v", append(args, bad)...)
		}
	case err != nil:
		t.Errorf(what+": %v", append(args, err)...)
	default:
		defer func() { _ = s.Close() }()
		wantRange(t, s, 1, want)
		if err := s.Log.StoreLogs(entries(want+1, want+3, 50)); err != nil {
			t.Errorf(what+": cannot append: %v", append(args, err)...)
		}
	}
}

func TestTornTailIsCut(t *testing.T) {
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogWAL)
	dir := crashed(t, o, func(s *Store) { fill(t, s, 1, 12, 4, 40) })
	path := segments(t, dir)[0]
	data, ends := batchEnds(t, path)
	begin, end := ends[len(ends)-2], ends[len(ends)-1]
	rng := rand.New(rand.NewPCG(1, 2))
	for at := begin; at < end; at++ {
		for _, rest := range []string{"zeros", "garbage", "short", "hole"} {
			torn := append([]byte(nil), data...)
			switch rest {
			case "zeros": // the rest never reached the disk
				clear(torn[at:])
			case "garbage": // blocks with old content
				for i := at; i < end; i++ {
					torn[i] = byte(rng.Uint32())
				}
			case "short": // the file's length did not
				torn = torn[:at]
			case "hole": // a block in the middle did not
				hole := torn[at:min(at+64, end)]
				if bytes.Count(hole, []byte{0}) == len(hole) {
					continue // nothing is missing
				}
				clear(hole)
			}
			if bytes.Equal(torn, data) {
				continue
			}
			write(t, path, torn)
			reopenCopy(t, dir, 8, "%s from byte %d", rest, at-begin)
			if t.Failed() {
				return
			}
		}
	}
}

// reopenCopy is reopen on a copy, for folders that an opening would change.
func reopenCopy(t testing.TB, dir string, want uint64, what string, args ...any) {
	t.Helper()
	copied := filepath.Join(tempDir(t), "c")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(copied) }()
	reopen(t, copied, want, what, args...)
}

func TestFlippedBitIsRefused(t *testing.T) {
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogWAL)
	dir := crashed(t, o, func(s *Store) { fill(t, s, 1, 3000, 9, 60) })
	files := segments(t, dir)
	if len(files) < 4 {
		t.Fatalf("only %d segments", len(files))
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 400 {
		path := files[rng.IntN(len(files))]
		data, ends := batchEnds(t, path)
		tail := path == files[len(files)-1]
		limit := ends[len(ends)-1]
		if tail {
			limit = ends[len(ends)-2]
		}
		at := rng.IntN(limit)
		if i%3 == 0 { // frame headers are where it hurts
			at = ends[rng.IntN(len(ends)-2)] + rng.IntN(frameHeader)
		}
		if i%3 == 1 { // and commits
			at = ends[1+rng.IntN(len(ends)-3)] - 1 - rng.IntN(frameHeader)
		}
		bad := append([]byte(nil), data...)
		bad[at] ^= 1 << rng.IntN(8)
		write(t, path, bad)
		reopen(t, dir, 0, "byte %d of %s", at, filepath.Base(path))
		write(t, path, data)
	}
	reopen(t, dir, 3000, "undamaged")
}

func TestFlipBehindTheEndIsHarmless(t *testing.T) {
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogWAL)
	dir := crashed(t, o, func(s *Store) { fill(t, s, 1, 50, 5, 60) })
	path := segments(t, dir)[0]
	data, ends := batchEnds(t, path)
	end := ends[len(ends)-1]
	for at := end; at < len(data); at += 1 + (len(data)-end)/20 {
		bad := append([]byte(nil), data...)
		bad[at] ^= 4
		write(t, path, bad)
		reopenCopy(t, dir, 50, "byte %d behind the end", at-end)
	}
}

// TestLastBatchAfterCleanClose: a clean end says how far the log must reach, so that even its last
// batch cannot go unseen.
func TestLastBatchAfterCleanClose(t *testing.T) {
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogWAL)
	s := mustOpen(t, o)
	fill(t, s, 1, 50, 5, 60)
	mustClose(t, s)
	path := segments(t, o.Dir)[0]
	data, ends := batchEnds(t, path)
	for at := ends[len(ends)-2]; at < ends[len(ends)-1]; at += 7 {
		bad := append([]byte(nil), data...)
		bad[at] ^= 2
		write(t, path, bad)
		reopenCopy(t, o.Dir, 0, "byte %d", at)
	}
}

// TestSealedTail: a tail that is full, with no next segment yet, in each state that a crash can
// leave.
func TestSealedTail(t *testing.T) {
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogWAL)
	s := mustOpen(t, o)
	fill(t, s, 1, 1, 1, 40)
	list := s.folder.path("raft", "wal", segmentListName)
	before, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	last := uint64(1)
	for len(segments(t, o.Dir)) == 1 {
		last++
		if err := s.Log.StoreLogs(entries(last, last, 2000)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond) // the rotation runs in the background
	}
	settle(t, s)
	dir := copyFolder(t, o.Dir)
	mustClose(t, s)
	files := segments(t, dir)
	write(t, filepath.Join(dir, "raft", "wal", segmentListName), before)

	data, ends := batchEnds(t, files[0])
	reopenCopy(t, dir, last, "sealed, next file made but not listed")
	if err := os.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	reopenCopy(t, dir, last, "sealed, no next file")
	for at := ends[len(ends)-2]; at < ends[len(ends)-1]; at += 8 {
		torn := append([]byte(nil), data...)
		clear(torn[at:])
		write(t, files[0], torn)
		reopenCopy(t, dir, last-1, "sealing batch torn at %d", at-ends[len(ends)-2])
	}
}

func TestMissingFilesAreRefused(t *testing.T) {
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogWAL)
	dir := crashed(t, o, func(s *Store) {
		fill(t, s, 1, 1500, 10, 60)
		wantSnapshot(t, s, 1000, 2)
		if err := s.Log.DeleteRange(1, 900); err != nil {
			t.Fatal(err)
		}
	})
	files := segments(t, dir)
	snaps, _ := filepath.Glob(filepath.Join(dir, "raft", "snapshots", "*"))
	for _, path := range append(files, snaps[0], snaps[0]+"/"+snapMeta, snaps[0]+"/"+snapState,
		filepath.Join(dir, "raft", "wal", segmentListName), filepath.Join(dir, "raft", "wal"),
		filepath.Join(dir, "raft", "snapshots"), filepath.Join(dir, "raft", "stable.db"),
		filepath.Join(dir, identityName)) {
		aside := dir + ".aside"
		if err := os.Rename(path, aside); err != nil {
			t.Fatal(err)
		}
		reopen(t, dir, 0, "without %s", strings.TrimPrefix(path, dir))
		_ = os.RemoveAll(path)
		if err := os.Rename(aside, path); err != nil {
			t.Fatal(err)
		}
	}
	s := mustOpen(t, testOptions(t, dir, LogWAL))
	wantRange(t, s, 901, 1500)
}

// TestLengthDamage is the case that raft-wal by itself loses: an early length.
func TestLengthDamage(t *testing.T) {
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogWAL)
	dir := crashed(t, o, func(s *Store) { fill(t, s, 1, 40, 1, 60) })
	path := segments(t, dir)[0]
	data, ends := batchEnds(t, path)
	for _, begin := range ends[:len(ends)-2] {
		for _, size := range []uint32{0, 1, 8, 1 << 20, 1 << 31} {
			bad := append([]byte(nil), data...)
			binary.LittleEndian.PutUint32(bad[begin+4:], size)
			write(t, path, bad)
			reopen(t, dir, 0, "length %d at %d", size, begin)
		}
	}
}

// TestForgedBatch: a client's bytes that look like frames must not make a torn end look like
// damage.
func TestForgedBatch(t *testing.T) {
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogWAL)
	forged := make([]byte, 0, 512)
	for range 16 {
		forged = append(forged, segment.FrameCommit, 0, 0, 0, 1, 2, 3, 4)
		forged = append(forged, segment.FrameEntry, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	}
	dir := crashed(t, o, func(s *Store) {
		fill(t, s, 1, 10, 1, 60)
		for shift := range 8 {
			data := append(make([]byte, shift), forged...)
			l := &raft.Log{Index: uint64(11 + shift), Term: 1, Type: raft.LogConfiguration, Data: data}
			if err := s.Log.StoreLog(l); err != nil {
				t.Fatal(err)
			}
		}
	})
	path := segments(t, dir)[0]
	data, ends := batchEnds(t, path)
	torn := append([]byte(nil), data...)
	torn[ends[len(ends)-2]] = 0 // the last batch's first sector is lost
	write(t, path, torn)
	o2 := testOptions(t, dir, LogWAL)
	s := mustOpen(t, o2)
	if last, _ := s.Log.LastIndex(); last != 17 {
		t.Fatalf("last is %d", last)
	}
}

func TestTruncations(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogWAL)
	s := mustOpen(t, o)
	fill(t, s, 1, 500, 10, 100)
	wantSnapshot(t, s, 100000, 1)
	first, last := uint64(1), uint64(500)
	for range 40 {
		switch rng.IntN(4) {
		case 0:
			to := first + rng.Uint64N(last-first)
			if err := s.Log.DeleteRange(first, to); err != nil {
				t.Fatal(err)
			}
			first = to + 1
		case 1:
			from := first + 1 + rng.Uint64N(last-first)
			if err := s.Log.DeleteRange(from, last); err != nil {
				t.Fatal(err)
			}
			last = from - 1
		case 2:
			fill(t, s, last+1, last+300, 1+rng.IntN(40), 100)
			last += 300
		case 3:
			settle(t, s)
			dir := copyFolder(t, o.Dir) // kill -9
			mustClose(t, s)
			o.Dir = dir
			_ = os.RemoveAll(filepath.Join(dir, "raft", "snapshots"))
			if err := errors.Join(os.Mkdir(filepath.Join(dir, "raft", "snapshots"), 0o700)); err != nil {
				t.Fatal(err)
			}
			if first > 1 {
				addSnapshot(t, dir, first-1)
			}
			s = mustOpen(t, o)
			wantRange(t, s, first, last)
		}
		if last-first < 50 {
			fill(t, s, last+1, last+300, 7, 100)
			last += 300
		}
	}
}

// addSnapshot puts a snapshot into a closed folder.
func addSnapshot(t testing.TB, dir string, index uint64) {
	t.Helper()
	store, err := raft.NewFileSnapshotStore(filepath.Join(dir, "raft"), 1, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	_, trans := raft.NewInmemTransport("n1")
	sink, err := store.Create(1, index, 1, raft.Configuration{}, 1, trans)
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLogBehindSnapshot: a crash between receiving a snapshot and emptying the log.
func TestLogBehindSnapshot(t *testing.T) {
	for _, kind := range []string{LogWAL, LogBolt} {
		o := testOptions(t, filepath.Join(tempDir(t), "d"), kind)
		s := mustOpen(t, o)
		fill(t, s, 1, 50, 5, 60)
		wantSnapshot(t, s, 80, 1)
		mustClose(t, s)
		s = mustOpen(t, o)
		wantRange(t, s, 0, 0)
		if err := s.Log.StoreLogs(entries(81, 90, 60)); err != nil {
			t.Fatalf("%s: appending behind the snapshot: %v", kind, err)
		}
		mustClose(t, s)
		s = mustOpen(t, o)
		wantRange(t, s, 81, 90)
	}
}

func TestNoStrayFiles(t *testing.T) {
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogWAL)
	dir := crashed(t, o, func(s *Store) { fill(t, s, 1, 2000, 10, 60) })
	stray := filepath.Join(dir, "raft", "wal", "00000000000000009999-0000000000000999.wal")
	write(t, stray, []byte("left over"))
	s := mustOpen(t, testOptions(t, dir, LogWAL))
	wantRange(t, s, 1, 2000)
	mustClose(t, s)
	if _, err := os.Stat(stray); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("stray segment is still there: %v", err)
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".tmp") || strings.HasSuffix(path, spareSuffix) {
			t.Errorf("left over: %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
