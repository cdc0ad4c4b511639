// Who holds the folder, and whose it is.

package storage

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain turns the test's program into a second lockd when it is told to.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCKD_TEST_HOLD"); dir != "" {
		holdFolder(dir)
		return
	}
	os.Exit(m.Run())
}

func holdFolder(dir string) {
	s, err := Open(Options{Dir: dir, NodeID: "first", SegmentSize: 64 << 10})
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	_ = s.Announce("first", "127.0.0.1:6380")
	println("ready")
	time.Sleep(time.Minute)
	_ = s.Close()
}

func TestFolderInUse(t *testing.T) {
	dir := tempDir(t)
	first := exec.Command(os.Args[0])
	first.Env = append(os.Environ(), "LOCKD_TEST_HOLD="+dir)
	said, err := first.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Process.Kill() }()
	line := make([]byte, 6)
	if _, err := said.Read(line); err != nil || string(line[:5]) != "ready" {
		t.Fatalf("the first process says %q, %v", line, err)
	}
	_, err = Open(testOptions(t, dir, LogWAL))
	var inUse *InUseError
	if !errors.As(err, &inUse) {
		t.Fatalf("Open gives %v", err)
	}
	if inUse.PID != first.Process.Pid || inUse.Node != "first" || inUse.Address != "127.0.0.1:6380" ||
		time.Since(inUse.Started) > time.Minute || !strings.Contains(err.Error(), dir) {
		t.Errorf("the error does not name the first process: %v", err)
	}
	// kill -9 frees the folder: no stale lock can be left.
	_ = first.Process.Kill()
	_ = first.Wait()
	if s := mustOpen(t, testOptions(t, dir, LogWAL)); s.Incarnation() != 2 || s.NodeID() != "first" {
		t.Errorf("incarnation %d of %q", s.Incarnation(), s.NodeID())
	}
}

func TestFolderInUseBySelf(t *testing.T) {
	o := testOptions(t, tempDir(t), LogWAL)
	mustOpen(t, o)
	var inUse *InUseError
	if _, err := Open(o); !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Fatalf("second Open gives %v", err)
	}
}

// TestInterruptedFirstStart: whatever the first Open had done before a crash, the next one goes on.
func TestInterruptedFirstStart(t *testing.T) {
	for _, kind := range []string{LogWAL, LogBolt} {
		o := testOptions(t, filepath.Join(tempDir(t), "d"), kind)
		mustClose(t, mustOpen(t, o))
		for _, gone := range []string{"stable.db", "snapshots", "wal", "wal/" + segmentListName, "log.db", "."} {
			dir := copyFolder(t, o.Dir)
			path := filepath.Join(dir, identityName)
			var id identity
			if err := readSealed(path, &id); err != nil {
				t.Fatal(err)
			}
			id.Ready, id.Clean = false, nil
			if err := errors.Join(writeSealed(path, id), os.RemoveAll(filepath.Join(dir, "raft", gone))); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, testOptions(t, dir, kind))
			fill(t, s, 1, 10, 1, 20)
			mustClose(t, s)
		}
	}
}

func TestDamagedIdentity(t *testing.T) {
	o := testOptions(t, tempDir(t), LogWAL)
	mustClose(t, mustOpen(t, o))
	path := filepath.Join(o.Dir, identityName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range data {
		bad := append([]byte(nil), data...)
		bad[at] ^= 1
		write(t, path, bad)
		var damaged *CorruptError
		if _, err := Open(o); !errors.As(err, &damaged) || damaged.File != path {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
	write(t, path, nil)
	if _, err := Open(o); err == nil {
		t.Fatal("an empty file is accepted")
	}
}

func TestPrivateFiles(t *testing.T) {
	for _, kind := range []string{LogWAL, LogBolt} {
		o := testOptions(t, filepath.Join(tempDir(t), "d"), kind)
		s := mustOpen(t, o)
		fill(t, s, 1, 2000, 20, 100)
		wantSnapshot(t, s, 100, 1)
		err := filepath.WalkDir(o.Dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || strings.HasSuffix(path, spareSuffix) { // these come and go
				return nil
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%v %s", info.Mode(), path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnwritableFolder(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := Open(testOptions(t, filepath.Join(dir, "d"), LogWAL))
	if err == nil || !strings.Contains(err.Error(), "cannot be written") {
		t.Fatalf("Open gives %v", err)
	}
}

func TestFree(t *testing.T) {
	o := testOptions(t, tempDir(t), LogWAL)
	o.MinFreeBytes = 1 << 20
	s := mustOpen(t, o)
	if n, ok := s.Free(); !ok || n < 1<<20 {
		t.Errorf("%d bytes free, %v", n, ok)
	}
	mustClose(t, s)
	o.MinFreeBytes = 1 << 60
	if _, ok := mustOpen(t, o).Free(); ok {
		t.Error("an exabyte is free")
	}
}

func TestRaiseIncarnation(t *testing.T) {
	o := testOptions(t, tempDir(t), LogWAL)
	s := mustOpen(t, o)
	for _, c := range []struct{ above, want uint64 }{{0, 1}, {1, 2}, {1, 2}, {40, 41}, {7, 41}} {
		if got, err := s.RaiseIncarnation(c.above); err != nil || got != c.want || s.Incarnation() != c.want {
			t.Errorf("above %d: %d %v, Incarnation %d, want %d", c.above, got, err, s.Incarnation(), c.want)
		}
	}
	mustClose(t, s)
	if got := mustOpen(t, o).Incarnation(); got != 42 {
		t.Errorf("incarnation %d after 41", got)
	}
}

// TestRaiseIncarnationOutlivesACrash reads the file as a second start would find it after kill -9.
func TestRaiseIncarnationOutlivesACrash(t *testing.T) {
	o := testOptions(t, tempDir(t), LogWAL)
	s := mustOpen(t, o)
	if _, err := s.RaiseIncarnation(9); err != nil {
		t.Fatal(err)
	}
	if got := mustOpen(t, testOptions(t, copyFolder(t, o.Dir), LogWAL)).Incarnation(); got != 11 {
		t.Errorf("incarnation %d after 10", got)
	}
	// What could not be made durable must not be used.
	if err := os.Rename(o.Dir, o.Dir+".gone"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.RaiseIncarnation(50); err == nil || got != 10 || s.Incarnation() != 10 {
		t.Errorf("raised to %d without a file: %v", got, err)
	}
	if err := os.Rename(o.Dir+".gone", o.Dir); err != nil {
		t.Fatal(err)
	}
}
