// The check of raft-wal's files before raft-wal opens them. Every byte of the log is read once:
// each batch against its checksum, each entry against Options.Check and its neighbours, each
// segment against the list of segments.
//
// It also repairs what a crash leaves and raft-wal does not cope with:
//
//   - a torn end is overwritten with zeros. raft-wal cuts it too, but remembers an index frame in it, and
//     from then on refuses every append with "segment is sealed" (recoverTail sets indexStart);
//   - a tail that was sealed but not yet replaced by the next segment is replaced here. raft-wal does
//     that in the background after the append (wal.go, runRotate), also after Close has begun, does not
//     do it when it opens, and refuses every append from then on in the same way.

package storage

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
	"golang.org/x/sys/unix"
)

// walScan goes through the segments in order.
type walScan struct {
	chain
	dir    string
	notice func(msg string, args ...any)

	batch   batch
	offsets []byte // of the segment's entries so far, as its index holds them
	zero    []byte
}

// found is what is known of a segment after reading it.
type found struct {
	entries int
	sealed  uint64 // where its index's offsets begin; 0 for an open segment
	end     int    // behind the last good batch
	damaged bool   // something else follows
}

// run checks all segments of the list, and gives the list that raft-wal is to open, which is
// another one if a tail had to be replaced.
func (w *walScan) run(state types.PersistentState, segmentSize int) (types.PersistentState, error) {
	for i, info := range state.Segments {
		if err := w.listed(state, i); err != nil {
			return state, err
		}
		path := filepath.Join(w.dir, segment.FileName(info))
		buf, free, err := loadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return state, corrupt(path, "it is missing")
		}
		if err != nil {
			return state, err
		}
		f, err := w.segment(path, buf, info)
		if err == nil && f.damaged {
			err = w.cut(path, buf, f.end)
		}
		if err = errors.Join(err, free()); err != nil {
			return state, err
		}
		if info.SealTime.IsZero() && f.sealed > 0 {
			w.notice("the log's last file was full when lockd stopped: beginning the next one", "file", path)
			return replaceTail(state, f, segmentSize), nil
		}
	}
	return state, nil
}

// listed checks a segment's line in the list against the lines around it.
func (w *walScan) listed(state types.PersistentState, i int) error {
	info, list := state.Segments[i], filepath.Join(w.dir, segmentListName)
	tail := i == len(state.Segments)-1
	switch {
	case info.Codec != wal.CodecBinaryV1:
		return corrupt(list, "segment %d has the unknown codec %d", info.ID, info.Codec)
	case info.SealTime.IsZero() != tail:
		return corrupt(list, "segment %d is open, or closed, at the wrong place", info.ID)
	case info.ID >= state.NextSegmentID, info.MinIndex < info.BaseIndex, !tail && info.MaxIndex < info.MinIndex:
		return corrupt(list, "segment %d makes no sense", info.ID)
	case i > 0 && (info.BaseIndex != state.Segments[i-1].MaxIndex+1 || info.MinIndex != info.BaseIndex):
		return corrupt(list, "segment %d does not follow the one before", info.ID)
	}
	return nil
}

// segment reads one file. Whatever is wrong in it is an error, but for the torn end of the tail.
func (w *walScan) segment(path string, buf []byte, info types.SegmentInfo) (found, error) {
	f := found{}
	w.offsets = w.offsets[:0]
	from := fileHeader
	for f.sealed == 0 && readBatch(buf, from, f.end, &w.batch) == intact {
		if f.end == 0 && !headerMatches(buf, info) {
			return f, corrupt(path, "its header is that of another file")
		}
		if err := w.entries(path, buf, info, f.entries); err != nil {
			return f, err
		}
		f.entries += len(w.batch.entries)
		if w.batch.index.size > 0 {
			if string(w.batch.index.of(buf)) != string(w.offsets) {
				return f, corrupt(path, "its index does not match its entries")
			}
			f.sealed = uint64(w.batch.index.at)
		}
		f.end, from = w.batch.end, w.batch.end
	}
	last := info.BaseIndex + uint64(f.entries) - 1
	if !info.SealTime.IsZero() {
		if f.sealed != info.IndexStart || last < info.MaxIndex {
			return f, corrupt(path, "behind entry %d (byte %d) it does not match its checksums", last, f.end)
		}
		return f, nil // what follows a seal is never read
	}
	return w.end(path, buf, info, f, last)
}

// end judges what follows the last good batch of the tail: nothing, a torn end, or damage.
func (w *walScan) end(
	path string, buf []byte, info types.SegmentInfo, f found, last uint64,
) (found, error) {
	if f.entries > 0 && last < info.MinIndex {
		return f, corrupt(path, "it ends with entry %d, before the log begins with %d", last, info.MinIndex)
	}
	f.damaged = !w.isZero(buf[f.end:])
	if f.damaged && f.sealed == 0 && laterBatch(buf, max(f.end, fileHeader), last) {
		return f, corrupt(path, "behind entry %d (byte %d) it does not match its checksums, and more was "+
			"written later, so this is no torn end", last, f.end)
	}
	return f, nil
}

// entries checks the entries of the batch just read; before says how many came before it in this
// file.
func (w *walScan) entries(path string, buf []byte, info types.SegmentInfo, before int) error {
	for i, place := range w.batch.entries {
		w.offsets = binary.LittleEndian.AppendUint32(w.offsets, place.at-frameHeader)
		index := info.BaseIndex + uint64(before+i)
		e, ok := decodeEntry(place.of(buf))
		if !ok {
			return corrupt(path, "entry %d cannot be read", index)
		}
		if index < info.MinIndex || (info.MaxIndex > 0 && index > info.MaxIndex) {
			continue // removed; it is there only because files are not cut
		}
		if err := w.add(path, index, e); err != nil {
			return err
		}
	}
	return nil
}

// headerMatches compares the header with the list; its checksum was right, so its magic and version
// are as raft-wal wrote them.
func headerMatches(buf []byte, info types.SegmentInfo) bool {
	return binary.LittleEndian.Uint64(buf[8:]) == info.BaseIndex &&
		binary.LittleEndian.Uint64(buf[16:]) == info.ID &&
		binary.LittleEndian.Uint64(buf[24:]) == info.Codec
}

// cut overwrites with zeros what follows the last good batch, so that nobody has to judge it again.
func (w *walScan) cut(path string, buf []byte, end int) (err error) {
	stop := len(buf)
	for stop > end && buf[stop-1] == 0 {
		stop--
	}
	w.notice("the log ends in a write that a crash cut short: dropping it",
		"file", path, "byte", end, "bytes", stop-end, "last", w.span.last)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteAt(make([]byte, stop-end), int64(end)); err != nil {
		return err
	}
	return f.Sync()
}

// replaceTail does what raft-wal's rotation would have done (wal.go, rotateSegmentLocked).
func replaceTail(state types.PersistentState, f found, segmentSize int) types.PersistentState {
	segments := append([]types.SegmentInfo(nil), state.Segments...)
	tail := &segments[len(segments)-1]
	tail.SealTime = time.Now()
	tail.MaxIndex = tail.BaseIndex + uint64(f.entries) - 1
	tail.IndexStart = f.sealed
	next := types.SegmentInfo{
		ID: state.NextSegmentID, BaseIndex: tail.MaxIndex + 1, MinIndex: tail.MaxIndex + 1,
		Codec: wal.CodecBinaryV1, CreateTime: tail.SealTime, SizeLimit: uint32(segmentSize),
	}
	return types.PersistentState{NextSegmentID: state.NextSegmentID + 1, Segments: append(segments, next)}
}

// isZero compares by blocks, for most of a tail is reserved space.
func (w *walScan) isZero(b []byte) bool {
	if w.zero == nil {
		w.zero = make([]byte, 64<<10)
	}
	for len(b) > 0 {
		n := min(len(b), len(w.zero))
		if string(b[:n]) != string(w.zero[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}

// loadFile reads a file into memory that is given back at once, so that the size of a segment does
// not stay in the process as heap. It reads rather than maps the file: a bad sector is then an
// error.
func loadFile(path string) (buf []byte, free func() error, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	stat, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if stat.Size() == 0 {
		return nil, func() error { return nil }, nil
	}
	buf, err = unix.Mmap(-1, 0, int(stat.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, nil, os.NewSyscallError("mmap", err)
	}
	if _, err := io.ReadFull(f, buf); err != nil {
		return nil, nil, errors.Join(err, unix.Munmap(buf))
	}
	return buf, func() error { return unix.Munmap(buf) }, nil
}
