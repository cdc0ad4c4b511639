// Files of a data folder that a disk has damaged: whatever stands in them, the checks at the start must not
// panic, nor believe what raft-wal's or bbolt's own readers would stumble over.

package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/types"
	"go.etcd.io/bbolt"
)

// FuzzDecodeEntry holds our reader of a stored log entry against raft-wal's: what ours takes, that one reads
// without a panic, and as the same.
func FuzzDecodeEntry(f *testing.F) {
	codec := &wal.BinaryCodec{}
	for _, l := range []*raft.Log{
		{}, {Index: 1 << 40, Term: 3, Data: []byte("data"), Extensions: []byte("x")}, {Type: raft.LogConfiguration},
	} {
		var b bytes.Buffer
		if err := codec.Encode(l, &b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, ok := decodeEntry(payload)
		if !ok {
			return
		}
		var l raft.Log
		if err := codec.Decode(payload, &l); err != nil {
			return // the time may be one that cannot be
		}
		if l.Index != e.index || l.Term != e.term || l.Type != e.kind || !bytes.Equal(l.Data, e.data) {
			t.Errorf("%x is read as %+v, by raft-wal as %+v", payload, e, l)
		}
	})
}

// FuzzSegment scans anything as a segment of the log: a panic or a read beyond its end would stop the start
// without a reason.
func FuzzSegment(f *testing.F) {
	o := testOptions(f, filepath.Join(tempDir(f), "d"), LogWAL)
	s := mustOpen(f, o)
	fill(f, s, 1, 12, 3, 20)
	mustClose(f, s)
	files, err := filepath.Glob(filepath.Join(o.Dir, "raft", "wal", "*.wal"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no segment: %v", err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		f.Fatal(err)
	}
	data = bytes.TrimRight(data, "\x00")
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add(data[:fileHeader])
	f.Fuzz(func(t *testing.T, buf []byte) {
		if len(buf) > 1<<16 {
			return
		}
		var b batch
		for from, sumFrom := fileHeader, 0; from < len(buf); from, sumFrom = b.end, b.end {
			if readBatch(buf, from, sumFrom, &b) != intact {
				laterBatch(buf, from, 3)
				return
			}
			for _, e := range b.entries {
				decodeEntry(e.of(buf))
			}
			if b.end <= from || b.end > len(buf) {
				t.Fatalf("a batch of %d bytes from %d to %d", len(buf), from, b.end)
			}
		}
	})
}

// FuzzSealed reads anything as one of the small files: it is refused as damaged, or it is what was written.
func FuzzSealed(f *testing.F) {
	path := filepath.Join(f.TempDir(), "sealed")
	if err := writeSealed(path, types.PersistentState{NextSegmentID: 4}); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		line := data[:bytes.IndexByte(data, '\n')+1]
		for _, data := range [][]byte{data, append(bytes.Clone(line), checksumLine(line)...)} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			var got types.PersistentState
			var damaged *CorruptError
			if err := readSealed(path, &got); err != nil && !errors.As(err, &damaged) {
				t.Fatal(err)
			}
		}
	})
}

// smallBolt makes a bolt file with two buckets, one of which has a page of its own, and a free page.
func smallBolt(f *testing.F, path string) []byte {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: 1024})
	if err != nil {
		f.Fatal(err)
	}
	for round := range byte(2) {
		err = errors.Join(err, db.Update(func(tx *bbolt.Tx) error {
			for _, name := range []string{"conf", "logs"} {
				b, err := tx.CreateBucketIfNotExists([]byte(name))
				if err != nil {
					return err
				}
				for key := range byte(len(name) * 10 * int(round+1) / 8) {
					if err := b.Put([]byte{key}, bytes.Repeat([]byte{key}, 100)); err != nil {
						return err
					}
				}
			}
			return nil
		}))
	}
	data, read := os.ReadFile(path)
	if err := errors.Join(err, db.Close(), read); err != nil {
		f.Fatal(err)
	}
	return data
}

// FuzzBolt changes bytes of a bolt file, four of the input for each: a place, a value, and whether to put the
// sums of the meta pages right. What the check lets pass, bbolt must read without a panic.
func FuzzBolt(f *testing.F) {
	path := filepath.Join(f.TempDir(), "bolt")
	base := smallBolt(f, path)
	f.Add([]byte{})
	f.Add([]byte{0, 16 + 8 + 1, 0, 1})   // the first meta page: another page size
	f.Add([]byte{0, 16 + 47, 0x7f, 1})   // absurdly many pages
	f.Add([]byte{8, 10, 5, 0, 12, 3, 1}) // some page's count
	f.Fuzz(func(t *testing.T, edits []byte) {
		data, reseal := bytes.Clone(base), false
		for ; len(edits) >= 4; edits = edits[4:] {
			data[int(binary.BigEndian.Uint16(edits))%len(data)] = edits[2]
			reseal = reseal || edits[3]&1 == 1
		}
		for at := 0; reseal && at <= 1024; at += 1024 {
			sum := fnv.New64a()
			_, _ = sum.Write(data[at+boltHead : at+boltHead+boltMetaSum])
			binary.NativeEndian.PutUint64(data[at+boltHead+boltMetaSum:], sum.Sum64())
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if checkBolt(path, func(string, []byte, []byte) error { return nil }) != nil {
			return
		}
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
		if err != nil {
			return
		}
		defer db.Close()
		err = db.View(func(tx *bbolt.Tx) error {
			return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
				return b.ForEach(func(k, v []byte) error { return nil })
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
