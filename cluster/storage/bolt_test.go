// Bolt files: a flipped bit in term, vote or log is refused with a sentence, never with a panic,
// and never changes what is read.

package storage

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
)

// boltFolder makes a folder whose files have a history: freed pages, overflow pages, several
// levels.
func boltFolder(t testing.TB) Options {
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogBolt)
	s := mustOpen(t, o)
	fill(t, s, 1, 1200, 40, 50)
	fill(t, s, 1201, 1210, 1, 9000)
	if err := errors.Join(s.Stable.Set([]byte("LastVoteCand"), []byte("n1")),
		s.Stable.SetUint64([]byte("LastVoteTerm"), 2), s.Log.DeleteRange(1, 300)); err != nil {
		t.Fatal(err)
	}
	wantSnapshot(t, s, 400, 1)
	mustClose(t, s)
	return o
}

// sameContent says whether the folder reads as it was written.
func sameContent(s *Store) bool {
	first, _ := s.Log.FirstIndex()
	last, _ := s.Log.LastIndex()
	term, _ := s.Stable.GetUint64([]byte("CurrentTerm"))
	vote, _ := s.Stable.Get([]byte("LastVoteCand"))
	voted, _ := s.Stable.GetUint64([]byte("LastVoteTerm"))
	if first != 301 || last != 1210 || term != 2 || string(vote) != "n1" || voted != 2 {
		return false
	}
	for i := first; i <= last; i++ {
		var e raft.Log
		if err := s.Log.GetLog(i, &e); err != nil || checkPayload(e.Data) != nil || e.Index != i {
			return false
		}
		if want := entries(i, i, 1)[0]; e.Type != raft.LogCommand || e.Term != want.Term {
			return false
		}
	}
	return true
}

func TestFlippedBoltFiles(t *testing.T) {
	o := boltFolder(t)
	for name, tries := range map[string]int{"stable.db": 400, "log.db": 150} {
		path := filepath.Join(o.Dir, "raft", name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var used []int // most of the file is empty
		for i, b := range data {
			if b != 0 {
				used = append(used, i)
			}
		}
		identity, err := os.ReadFile(filepath.Join(o.Dir, identityName))
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(7, 8))
		refused := 0
		for range tries {
			at := used[rng.IntN(len(used))]
			bad := append([]byte(nil), data...)
			bad[at] ^= 1 << rng.IntN(8)
			write(t, path, bad)
			s, err := Open(o)
			var damaged *CorruptError
			switch {
			case err == nil:
				if !sameContent(s) {
					t.Errorf("%s, byte %d of page %d: opened with other content", name, at%4096, at/4096)
				}
				_ = s.Close()
			case !errors.As(err, &damaged) || damaged.File != path:
				t.Errorf("%s, byte %d: %v", name, at, err)
			default:
				refused++
			}
			write(t, path, data)
			write(t, filepath.Join(o.Dir, identityName), identity)
		}
		t.Logf("%s: %d of %d flips refused, the others without effect (free pages, unused bytes)", name, refused, tries)
	}
}

func TestTruncatedBoltFiles(t *testing.T) {
	o := boltFolder(t)
	for _, name := range []string{"stable.db", "log.db"} {
		path := filepath.Join(o.Dir, "raft", name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 1, 4095, 4096, 8191, 8192, 16000, 20000, 50000} {
			if size > len(data) {
				continue
			}
			write(t, path, data[:size])
			dir := copyFolder(t, o.Dir)
			other := o
			other.Dir = dir
			s, err := Open(other)
			var damaged *CorruptError
			if err == nil {
				if !sameContent(s) {
					t.Errorf("%s cut to %d: opened with other content", name, size)
				}
				_ = s.Close()
			} else if !errors.As(err, &damaged) {
				t.Errorf("%s cut to %d: %v", name, size, err)
			}
		}
		write(t, path, data)
	}
}

// TestOlderStable: a stable.db put back from a copy knows too low a term.
func TestOlderStable(t *testing.T) {
	for _, kind := range []string{LogWAL, LogBolt} {
		o := testOptions(t, filepath.Join(tempDir(t), "d"), kind)
		s := mustOpen(t, o)
		old := copyFolder(t, o.Dir)
		fill(t, s, 1, 3000, 100, 30)
		mustClose(t, s)
		data, err := os.ReadFile(filepath.Join(old, "raft", "stable.db"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(o.Dir, "raft", "stable.db"), data)
		var damaged *CorruptError
		if _, err := Open(o); !errors.As(err, &damaged) || filepath.Base(damaged.File) != "stable.db" {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestBoltLogGaps(t *testing.T) {
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogBolt)
	s := mustOpen(t, o)
	fill(t, s, 1, 50, 5, 60)
	fill(t, s, 101, 150, 5, 60) // as raft leaves it behind a snapshot
	dir := copyFolder(t, o.Dir)
	wantSnapshot(t, s, 100, 1)
	mustClose(t, s)
	mustClose(t, mustOpen(t, o))
	o.Dir = dir // without the snapshot
	var damaged *CorruptError
	if _, err := Open(o); !errors.As(err, &damaged) {
		t.Errorf("a gap without a snapshot: %v", err)
	}
}

// TestDecodeBolt holds our reading against raft-boltdb's, through its own writing.
func TestDecodeBolt(t *testing.T) {
	o := testOptions(t, filepath.Join(tempDir(t), "d"), LogBolt)
	o.Check = nil
	s := mustOpen(t, o)
	rng := rand.New(rand.NewPCG(9, 10))
	if err := s.Stable.SetUint64([]byte("CurrentTerm"), 1<<60); err != nil {
		t.Fatal(err)
	}
	want := make(map[uint64]*raft.Log)
	term := uint64(0)
	for i := uint64(1); i < 300; i++ {
		term += rng.Uint64N(1 << rng.IntN(50))
		l := &raft.Log{Index: i, Term: term, Type: raft.LogType(rng.IntN(6))}
		l.Data = bytes.Repeat([]byte{byte(i)}, rng.IntN(1<<rng.IntN(18)))
		l.Extensions = bytes.Repeat([]byte{byte(i)}, rng.IntN(40))
		want[i] = l
		if err := s.Log.StoreLog(l); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, s)
	seen := 0
	err := checkBolt(filepath.Join(o.Dir, "raft", "log.db"), func(bucket string, key, value []byte) error {
		if bucket != bucketLogs || key == nil {
			return nil
		}
		e, ok := decodeBolt(value)
		l := want[e.index]
		if !ok || l == nil || e.term != l.Term || e.kind != l.Type || !bytes.Equal(e.data, l.Data) ||
			e.size != len(l.Data)+len(l.Extensions) {
			t.Errorf("entry %d is read as %+v, %v", e.index, e, ok)
		}
		seen++
		return nil
	})
	if err != nil || seen != len(want) {
		t.Fatalf("%d entries, %v", seen, err)
	}
}
