// Opening, closing and using the folder, with each kind of log.

package storage

import (
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// sealedPayload makes a payload like those of lockd's entries: content and checksum.
func sealedPayload(index uint64, size int) []byte {
	b := []byte(fmt.Sprintf("entry %d ", index))
	for len(b) < size {
		b = append(b, byte(len(b)*7)^byte(index))
	}
	return append(b, fmt.Sprintf("%08x", crc32.ChecksumIEEE(b))...)
}

func checkPayload(b []byte) error {
	n := len(b) - 8
	if n < 0 || fmt.Sprintf("%08x", crc32.ChecksumIEEE(b[:n])) != string(b[n:]) {
		return errors.New("checksum mismatch")
	}
	return nil
}

func testOptions(t testing.TB, dir, kind string) Options {
	return Options{
		Dir: dir, LogStore: kind, Check: checkPayload, SegmentSize: 64 << 10,
		Fail: func(err error) { t.Errorf("unexpected fail-stop: %v", err) },
		Log:  slog.New(slog.DiscardHandler),
	}
}

func mustOpen(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func entries(from, to uint64, size int) []*raft.Log {
	var logs []*raft.Log
	for i := from; i <= to; i++ {
		logs = append(logs, &raft.Log{
			Index: i, Term: 1 + i/1000, Type: raft.LogCommand, Data: sealedPayload(i, size), AppendedAt: time.Unix(int64(i), 0),
		})
	}
	return logs
}

// fill writes entries in batches, below a term that the stable store knows.
func fill(t testing.TB, s *Store, from, to uint64, batch int, size int) {
	t.Helper()
	if err := s.Stable.SetUint64([]byte("CurrentTerm"), 1+to/1000); err != nil {
		t.Fatal(err)
	}
	for i := from; i <= to; i += uint64(batch) {
		if err := s.Log.StoreLogs(entries(i, min(i+uint64(batch)-1, to), size)); err != nil {
			t.Fatal(err)
		}
	}
}

func wantRange(t testing.TB, s *Store, first, last uint64) {
	t.Helper()
	f, err1 := s.Log.FirstIndex()
	l, err2 := s.Log.LastIndex()
	if err1 != nil || err2 != nil || f != first || l != last {
		t.Fatalf("log is %d..%d (%v, %v), want %d..%d", f, l, err1, err2, first, last)
	}
	for i := first; i <= last && i > 0; i++ {
		var e raft.Log
		if err := s.Log.GetLog(i, &e); err != nil || checkPayload(e.Data) != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
	}
}

func TestOpenWriteReopen(t *testing.T) {
	for _, kind := range []string{LogWAL, LogBolt} {
		t.Run(kind, func(t *testing.T) {
			o := testOptions(t, filepath.Join(tempDir(t), "a", "data"), kind)
			s := mustOpen(t, o)
			disk := s.DiskID()
			fill(t, s, 1, 2000, 7, 100)
			if err := s.Stable.Set([]byte("LastVoteCand"), []byte("n1")); err != nil {
				t.Fatal(err)
			}
			if err := s.Log.DeleteRange(1, 700); err != nil {
				t.Fatal(err)
			}
			if err := s.Log.DeleteRange(1901, 2000); err != nil {
				t.Fatal(err)
			}
			wantSnapshot(t, s, 700, 1)
			mustClose(t, s)
			for incarnation := uint64(2); incarnation < 5; incarnation++ {
				s = mustOpen(t, o)
				wantRange(t, s, 701, 1900)
				v, err := s.Stable.Get([]byte("LastVoteCand"))
				if err != nil || string(v) != "n1" {
					t.Fatalf("vote %q, %v", v, err)
				}
				if s.Incarnation() != incarnation || s.DiskID() != disk {
					t.Fatalf("incarnation %d, disk %s", s.Incarnation(), s.DiskID())
				}
				mustClose(t, s)
			}
		})
	}
}

func wantSnapshot(t testing.TB, s *Store, index, term uint64) {
	t.Helper()
	_, trans := raft.NewInmemTransport("n1")
	conf := raft.Configuration{Servers: []raft.Server{{ID: "n1", Address: "n1"}}}
	sink, err := s.Snapshots.Create(1, index, term, conf, 1, trans)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write([]byte(strings.Repeat("state ", 10000))); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNotFoundIsNoFailure(t *testing.T) {
	for _, kind := range []string{LogWAL, LogBolt, LogMemory} {
		s := mustOpen(t, testOptions(t, tempDir(t), kind))
		var e raft.Log
		if err := s.Log.GetLog(5, &e); err != raft.ErrLogNotFound {
			t.Errorf("%s: GetLog gives %v", kind, err)
		}
		if _, err := s.Stable.Get([]byte("k")); err == nil || err.Error() != "not found" {
			t.Errorf("%s: Get gives %v", kind, err)
		}
		if _, err := s.Stable.GetUint64([]byte("k")); err == nil || err.Error() != "not found" {
			t.Errorf("%s: GetUint64 gives %v", kind, err)
		}
		if s.Failed() != nil {
			t.Errorf("%s: failed", kind)
		}
	}
}

func TestMonotonicIsForwarded(t *testing.T) {
	for kind, want := range map[string]bool{LogWAL: true, LogBolt: false, LogMemory: false} {
		s := mustOpen(t, testOptions(t, tempDir(t), kind))
		cache, err := raft.NewLogCache(128, s.Log)
		if err != nil {
			t.Fatal(err)
		}
		if cache.IsMonotonic() != want {
			t.Errorf("%s: IsMonotonic is %v", kind, !want)
		}
	}
}

func TestMemoryForgets(t *testing.T) {
	o := testOptions(t, tempDir(t), LogMemory)
	s := mustOpen(t, o)
	disk := s.DiskID()
	fill(t, s, 1, 10, 1, 10)
	mustClose(t, s)
	s = mustOpen(t, o)
	wantRange(t, s, 0, 0)
	if s.DiskID() == disk || s.Incarnation() != 2 {
		t.Fatalf("disk id %s must change, incarnation %d must be 2", s.DiskID(), s.Incarnation())
	}
	mustClose(t, s)
	// Nothing was kept, so a store that keeps may follow; and from that there is no way back.
	o.LogStore = LogWAL
	s = mustOpen(t, o)
	fill(t, s, 1, 10, 1, 10)
	mustClose(t, s)
	for _, kind := range []string{LogMemory, LogBolt} {
		o.LogStore = kind
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "--log-store wal") {
			t.Fatalf("switching to %s: %v", kind, err)
		}
	}
}

func TestOpenRefusals(t *testing.T) {
	o := testOptions(t, tempDir(t), LogWAL)
	o.NodeID = "n1"
	mustClose(t, mustOpen(t, o))
	refused := func(part string, change func(*Options)) {
		t.Helper()
		other := o
		change(&other)
		_, err := Open(other)
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("want an error with %q, got %v", part, err)
		}
	}
	refused("belongs to node", func(o *Options) { o.NodeID = "n2" })
	refused("unknown log store", func(o *Options) { o.LogStore = "tape" })
	refused("no data folder", func(o *Options) { o.Dir = "" })
	refused("cannot be used", func(o *Options) { o.Dir = "/dev/null/x" })

	path := filepath.Join(o.Dir, identityName)
	var id identity
	if err := readSealed(path, &id); err != nil {
		t.Fatal(err)
	}
	if id.NodeID != "n1" || id.Clean == nil {
		t.Fatalf("identity %+v", id)
	}
	id.Format = 99
	if err := writeSealed(path, id); err != nil {
		t.Fatal(err)
	}
	refused("format 99", func(*Options) {})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refused("is missing", func(*Options) {})
}

// tempDir is in memory where there is such a place: these tests open thousands of folders, and
// whether an fsync reaches a disk is not what they test.
func tempDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "lockd-storage")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
