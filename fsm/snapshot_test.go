// Snapshots of many locks: speed, size, and writing one beside later entries.

package fsm

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manyLocks is how many locks the larger tests take: LOCKD_LOCKS, or few enough for every day.
func manyLocks(few int) int {
	if n, err := strconv.Atoi(os.Getenv("LOCKD_LOCKS")); err == nil {
		return n
	}
	return few
}

func TestSnapshotOfManyLocks(t *testing.T) {
	n := manyLocks(50_000)
	m := New(lockRunner{})
	newFeeder(t, m).fill(n, 1_000_000)

	start := time.Now()
	v := m.View()
	took := time.Since(start)
	var b bytes.Buffer
	b.Grow(100 * n)
	start = time.Now()
	if err := v.Write(&b); err != nil {
		t.Fatal(err)
	}
	wrote := time.Since(start)
	size := b.Len()
	start = time.Now()
	again := New(lockRunner{})
	if err := again.Restore(&b); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d locks: view %v, write %v, %d bytes, restore %v", n, took, wrote, size, time.Since(start))
	if err := again.Check(); err != nil {
		t.Fatal(err)
	}
	if again.Hash() != m.Hash() || again.Bytes() != m.Bytes() || again.Digests() != m.Digests() {
		t.Fatal("what was restored differs")
	}
}

// Digests is the digest in a form to compare.
func (m *Machine) Digests() digestAt { i, d := m.Digest(); return digestAt{i, d} }

// TestViewBesideApply writes views on other goroutines while entries go on; the race detector watches.
func TestViewBesideApply(t *testing.T) {
	m := New(lockRunner{})
	f := newFeeder(t, m)
	f.fill(2000, 1000)
	type result struct {
		hash uint64
		data []byte
	}
	results := make(chan result, 8)
	for round := range 8 {
		v, hash := m.View(), m.Hash()
		go func() {
			var b bytes.Buffer
			_ = v.Write(&b)
			results <- result{hash, b.Bytes()}
		}()
		for i := range 40 {
			f.clock += 10 // some expire
			f.apply(delIfEq(round*40+i), setNX(5000+round*40+i, "500"), setNX(round*40+i, "900"))
		}
	}
	for range 8 {
		r := <-results
		restored := New(lockRunner{})
		if err := restored.Restore(bytes.NewReader(r.data)); err != nil {
			t.Fatal(err)
		}
		if restored.Hash() != r.hash {
			t.Fatal("a view was written that differs from the state it was taken of")
		}
	}
}

// TestLongStrings takes values longer than a piece through a snapshot.
func TestLongStrings(t *testing.T) {
	m := New(lockRunner{})
	f := newFeeder(t, m)
	for _, n := range []int{pieceSize - 1, pieceSize, pieceSize + 1, 3*pieceSize + 5} {
		key := strconv.Itoa(n)
		f.apply(Command{Words: words("set", key, strings.Repeat("x", n), "1000")})
	}
	again := New(lockRunner{})
	if err := again.Restore(bytes.NewReader(snapshotOf(t, m))); err != nil {
		t.Fatal(err)
	}
	if again.Hash() != m.Hash() || again.Check() != nil {
		t.Fatal("what was restored differs")
	}
}

// failing fails after some bytes, in both directions.
type failing struct {
	r    io.Reader
	left int
}

var errDisk = errors.New("disk on fire")

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errDisk
	}
	return len(b), nil
}

func (f *failing) Read(b []byte) (int, error) {
	if f.left <= 0 {
		return 0, errDisk
	}
	n, err := f.r.Read(b[:min(len(b), f.left)])
	f.left -= n
	return n, err
}

func TestSnapshotErrors(t *testing.T) {
	m := New(lockRunner{})
	newFeeder(t, m).fill(10_000, 1000)
	data := snapshotOf(t, m)
	for _, after := range []int{0, 100, pieceSize + 10, len(data) - 1} {
		if err := m.View().Write(&failing{left: after}); !errors.Is(err, errDisk) {
			t.Errorf("write failed after %d bytes: %v", after, err)
		}
		err := New(lockRunner{}).Restore(&failing{r: bytes.NewReader(data), left: after})
		if !errors.Is(err, errDisk) {
			t.Errorf("read failed after %d bytes: %v", after, err)
		}
	}
	for _, version := range []byte{0, SnapshotVersion + 1} {
		other := bytes.Clone(data)
		other[len(snapshotMagic)] = version
		if err := m.Restore(bytes.NewReader(other)); err == nil || !strings.Contains(err.Error(), "newer lockd") {
			t.Errorf("version %d: %v", version, err)
		}
	}
}
