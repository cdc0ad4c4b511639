// Snapshots: a damaged newest one is refused, what fails at run time is loud or stops, and nothing
// is left over.

package storage

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/raft"
)

func snapFolder(t testing.TB) (o Options, newest string) {
	o = testOptions(t, filepath.Join(tempDir(t), "d"), LogWAL)
	s := mustOpen(t, o)
	fill(t, s, 1, 50, 5, 60)
	for _, index := range []uint64{10, 20, 30} {
		wantSnapshot(t, s, index, 1)
	}
	list, err := s.Snapshots.List()
	if err != nil || len(list) != retainSnapshots || list[0].Index != 30 {
		t.Fatalf("snapshots %v, %v", list, err)
	}
	newest = filepath.Join(o.Dir, "raft", "snapshots", list[0].ID)
	mustClose(t, s)
	return o, newest
}

func TestFlippedSnapshotIsRefused(t *testing.T) {
	o, newest := snapFolder(t)
	for _, name := range []string{snapMeta, snapState, snapSealed} {
		path := filepath.Join(newest, name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(data); at += 1 + len(data)/150 {
			bad := append([]byte(nil), data...)
			bad[at] ^= 1 << (at % 8)
			write(t, path, bad)
			var damaged *CorruptError
			if _, err := Open(o); !errors.As(err, &damaged) || filepath.Dir(damaged.File) != newest {
				t.Fatalf("%s, byte %d: %v", name, at, err)
			}
		}
		for _, size := range []int{0, 1, len(data) - 1} {
			write(t, path, data[:size])
			var damaged *CorruptError
			if _, err := Open(o); !errors.As(err, &damaged) {
				t.Fatalf("%s cut to %d: %v", name, size, err)
			}
		}
		write(t, path, data)
	}
	// Without our checksum file (a crash right after raft's own rename) the snapshot is good.
	if err := os.Remove(filepath.Join(newest, snapSealed)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpen(t, o))
}

func TestOlderSnapshotMayBeDamaged(t *testing.T) {
	o, newest := snapFolder(t)
	all, _ := filepath.Glob(filepath.Join(filepath.Dir(newest), "*"))
	for _, path := range all {
		if path != newest {
			write(t, filepath.Join(path, snapMeta), []byte("?"))
		}
	}
	var said strings.Builder
	o.Log = slog.New(slog.NewTextHandler(&said, nil))
	mustClose(t, mustOpen(t, o))
	if !strings.Contains(said.String(), "older snapshot is damaged") {
		t.Errorf("it is not said: %s", said.String())
	}
}

func TestUnfinishedSnapshotIsRemoved(t *testing.T) {
	o := testOptions(t, tempDir(t), LogWAL)
	s := mustOpen(t, o)
	_, trans := raft.NewInmemTransport("n1")
	sink, err := s.Snapshots.Create(1, 7, 1, raft.Configuration{}, 1, trans)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write(make([]byte, 3<<20)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s) // and never closes the sink
	mustOpen(t, o)
	left, _ := filepath.Glob(filepath.Join(o.Dir, "raft", "snapshots", "*"))
	if len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestSinkReadsBack(t *testing.T) {
	o := testOptions(t, tempDir(t), LogWAL)
	s := mustOpen(t, o)
	_, trans := raft.NewInmemTransport("n1")
	sink, err := s.Snapshots.Create(1, 7, 1, raft.Configuration{}, 1, trans)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := range 3000 {
		part := strings.Repeat(fmt.Sprint(i), 1+i)
		want.WriteString(part)
		if n, err := io.WriteString(sink, part); err != nil || n != len(part) {
			t.Fatal(n, err)
		}
	}
	if err := errors.Join(sink.Close(), sink.Close(), sink.Cancel()); err != nil {
		t.Fatal(err)
	}
	_, from, err := s.Snapshots.Open(sink.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	if got, err := io.ReadAll(from); err != nil || string(got) != want.String() {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

// sickSnapshots is a snapshot store whose sinks fail.
type sickSnapshots struct {
	raft.SnapshotStore
	err error
}

type sickSink struct {
	raft.SnapshotSink
	err error
}

func (s sickSink) Write([]byte) (int, error) { return 0, s.err }
func (s sickSink) Close() error              { return s.err }
func (s sickSink) Cancel() error             { return s.err } // and leaves its folder, as raft's does

func (s *sickSnapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration,
	ci uint64, tr raft.Transport,
) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(v, index, term, c, ci, tr)
	return sickSink{sink, s.err}, err
}

func TestSnapshotErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		stop bool
	}{
		{syscall.ENOSPC, false}, {syscall.EDQUOT, false}, {errors.New("FSM"), false},
		{syscall.EIO, true}, {syscall.EROFS, true},
	} {
		for _, end := range []string{"write", "close", "cancel"} {
			o := testOptions(t, tempDir(t), LogWAL)
			var reason error
			o.Fail = func(err error) { reason = err }
			s := mustOpen(t, o)
			store := s.Snapshots.(*snapshotStore)
			store.inner = &sickSnapshots{store.inner, &os.PathError{Op: "write", Path: "state.bin", Err: c.err}}
			_, trans := raft.NewInmemTransport("n1")
			sink, err := s.Snapshots.Create(1, 7, 1, raft.Configuration{}, 1, trans)
			if err != nil {
				t.Fatal(err)
			}
			switch end {
			case "write":
				_, err = sink.Write([]byte("x"))
				_ = sink.Cancel()
			case "close":
				err = sink.Close()
			case "cancel":
				err = sink.Cancel()
			}
			if !errors.Is(err, c.err) {
				t.Errorf("%s: %v gives %v", end, c.err, err)
			}
			if (reason != nil) != c.stop {
				t.Errorf("%s: %v stops: %v", end, c.err, reason)
			}
			if left, _ := filepath.Glob(filepath.Join(store.dir, "*")); len(left) != 0 {
				t.Errorf("%s: %v leaves %v", end, c.err, left)
			}
		}
	}
}
