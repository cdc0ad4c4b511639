// Bytes from outside: entries and snapshots that are damaged or made up must never panic, never ask for
// memory that their length does not justify, and leave the state as it was. CRCs are made right here for
// half of them, or nothing but the CRC would be tested.

package fsm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand"
	"os"
	"reflect"
	"runtime"
	"slices"
	"testing"
)

// busy returns a machine with something of everything that version 2 knows, but nothing large: the fuzzer
// would spend its time on that.
func busy(tb testing.TB) *Machine {
	tb.Helper()
	w := newWorld(7)
	m := w.replicas[1]
	for n := 0; n < 60 || m.Stats().Waiters < 2 || m.queue.unseen.Len() == 0 || m.nodes.members.Len() < 4 ||
		len(snapshotOf(tb, m)) > 4000; n++ {
		if err := w.step(); err != nil || n > 1000 {
			tb.Fatalf("entry %d: %v", n, err)
		}
		m = w.replicas[1]
	}
	return m
}

func snapshotOf(tb testing.TB, m *Machine) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := m.View().Write(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// sealEntry makes the version and the checksum of an entry right, if it has room for them.
func sealEntry(data []byte) []byte {
	data = bytes.Clone(data)
	if len(data) >= headerBytes {
		data[0] = 1 + data[0]%EntryVersion
		binary.LittleEndian.PutUint32(data[1:], crc32.Checksum(data[headerBytes:], castagnoli()))
	}
	return data
}

// sealSnapshot makes the checksum of a snapshot right.
func sealSnapshot(data []byte) []byte {
	if len(data) < 4 {
		return data
	}
	data = bytes.Clone(data)
	body := data[:len(data)-4]
	binary.LittleEndian.PutUint32(data[len(body):], crc32.Checksum(body, castagnoli()))
	return data
}

func FuzzApply(f *testing.F) {
	w := newWorld(3)
	for range 24 {
		w.index++
		e, _ := w.entry()
		f.Add(e.Append(nil))
	}
	f.Add([]byte{})
	f.Add([]byte{2, 0, 0, 0, 0})
	for _, kind := range []Kind{KindAdmit, KindForget, KindSilence} {
		e := admitting(1)
		e.Runs[0].Commands = []Command{{Kind: KindRegister}, {Kind: kind, Words: words("n2", "1", "p")}}
		f.Add(e.Append(nil))
	}
	start := snapshotOf(f, busy(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, twin := New(opRunner{}), New(opRunner{})
		if err := errors.Join(m.Restore(bytes.NewReader(start)), twin.Restore(bytes.NewReader(start))); err != nil {
			t.Fatal(err)
		}
		for _, d := range [][]byte{data, sealEntry(data)} {
			before := m.Hash()
			applyTwice(t, m, twin, d)
			if err := Check(d); err != nil && m.Hash() != before {
				t.Fatalf("an entry that cannot be read (%v) has changed the state", err)
			}
			restored := New(opRunner{})
			if err := restored.Restore(bytes.NewReader(snapshotOf(t, m))); err != nil {
				t.Fatalf("its snapshot is not read: %v", err)
			}
			if restored.Hash() != m.Hash() {
				t.Fatal("its snapshot is of another state")
			}
			twin = restored // what comes next must be the same after a restore
		}
	})
}

// applyTwice applies an entry to two machines with the same state, which must say the same and stay the same.
func applyTwice(t *testing.T, m, twin *Machine, data []byte) {
	t.Helper()
	before := m.Hash()
	var said, again recorder
	err := m.Apply(m.Index()+1, 5, bytes.Clone(data), nil, &said)
	other := twin.Apply(twin.Index()+1, 5, bytes.Clone(data), nil, &again)
	switch {
	case fmt.Sprint(err) != fmt.Sprint(other):
		t.Fatalf("one machine refuses with %v, the other with %v", err, other)
	case err != nil && err != Void{} && m.Hash() != before:
		t.Fatal("an entry that was refused has changed the state")
	case err == nil && Check(data) != nil:
		t.Fatal("Check refuses what Apply accepts")
	case !slices.Equal(said.events, again.events):
		t.Fatalf("replies differ:\n%v\n%v", said.events, again.events)
	case m.Hash() != twin.Hash() || m.Bytes() != twin.Bytes():
		t.Fatal("states differ")
	}
	if err := errors.Join(m.Check(), twin.Check()); err != nil {
		t.Fatal(err)
	}
}

func FuzzDecodeCommand(f *testing.F) {
	w := newWorld(3)
	for range 30 {
		c := w.command()
		f.Add(c.Append(nil))
	}
	f.Add([]byte{0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		c, rest, err := DecodeCommand(data)
		if err != nil {
			return
		}
		again, left, err := DecodeCommand(append(c.Append(nil), rest...))
		if err != nil || !bytes.Equal(left, rest) || !reflect.DeepEqual(c, again) {
			t.Fatalf("%+v, then %+v, %v", c, again, err)
		}
		if n := len(c.Append(nil)); n > c.Size() {
			t.Fatalf("takes %d bytes, Size says %d", n, c.Size())
		}
	})
}

func FuzzRestore(f *testing.F) {
	f.Add(snapshotOf(f, New(opRunner{})))
	full := snapshotOf(f, busy(f))
	f.Add(full)
	f.Add(full[:len(full)/2])
	f.Add(snapshotOf(f, coordinated(f)))
	first, err := os.ReadFile("testdata/version1/snapshot")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(first)
	f.Add([]byte(snapshotMagic + "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	m := New(opRunner{})
	if err := m.Restore(bytes.NewReader(full)); err != nil {
		f.Fatal(err)
	}
	hash := m.Hash()
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range [][]byte{data, sealSnapshot(data)} {
			target := New(opRunner{})
			if err := target.Restore(bytes.NewReader(d)); err == nil {
				_ = target.Apply(target.Index()+1, 1, (&Entry{Term: 1, Clock: 1 << 40}).Append(nil), nil, noSink{})
				target.Members()
				again := New(opRunner{})
				if err := again.Restore(bytes.NewReader(snapshotOf(t, target))); err != nil {
					t.Fatalf("what was read is not read again: %v", err)
				}
				target.BeginAnew(1 << 50)
				continue
			}
			if err := m.Restore(bytes.NewReader(d)); err == nil || m.Hash() != hash {
				t.Fatalf("a restore that failed (%v) has changed the state", err)
			}
		}
	})
}

// TestDamagedEntry changes single bits of a valid entry: the checksum must tell.
func TestDamagedEntry(t *testing.T) {
	w := newWorld(3)
	e, _ := w.entry()
	for len(e.Runs) == 0 {
		e, _ = w.entry()
	}
	data := e.Append(nil)
	m := New(opRunner{})
	for bit := range len(data) * 8 {
		damaged := bytes.Clone(data)
		damaged[bit/8] ^= 1 << (bit % 8)
		if err := m.Apply(1, 1, damaged, nil, noSink{}); err == nil || err == (Void{}) {
			t.Fatalf("bit %d changed: %v", bit, err)
		}
	}
	for n := range data {
		if err := m.Apply(1, 1, data[:n], nil, noSink{}); err == nil {
			t.Fatalf("accepted when cut to %d bytes", n)
		}
	}
	if m.Hash() != New(opRunner{}).Hash() {
		t.Fatal("damaged entries have changed the state")
	}
}

// TestDamagedSnapshot changes single bytes of a snapshot and cuts it: it is refused, and the state stays.
func TestDamagedSnapshot(t *testing.T) {
	m := busy(t)
	hash, data := m.Hash(), snapshotOf(t, m)
	rng := rand.New(rand.NewSource(1))
	for range 3000 {
		damaged := bytes.Clone(data)
		if rng.Intn(4) == 0 {
			damaged = damaged[:rng.Intn(len(data))]
		} else {
			damaged[rng.Intn(len(data))] ^= byte(1 + rng.Intn(255))
		}
		if err := m.Restore(bytes.NewReader(damaged)); err == nil {
			t.Fatal("a damaged snapshot was accepted")
		}
	}
	if m.Hash() != hash || m.Check() != nil {
		t.Fatal("damaged snapshots have changed the state")
	}
}

// TestAbsurdLengths restores snapshots that promise more than there is.
func TestAbsurdLengths(t *testing.T) {
	zeros := func(b []byte, n int) []byte { return append(b, make([]byte, n)...) }
	head := zeros([]byte(snapshotMagic+"\x01"), 9)                       // clock, index, term, counters
	second := append(zeros([]byte(snapshotMagic+"\x02"), 9), 2, 0, 0, 0) // level, silences, graves, origins
	huge := binary.AppendUvarint(nil, 1<<62)
	for name, data := range map[string][]byte{
		"graves":  append(bytes.Clone(head), huge...),
		"string":  append(append(bytes.Clone(head), 1), huge...),
		"origins": append(zeros(bytes.Clone(head), 1), huge...),
		"members": append(bytes.Clone(second), huge...),
		"items":   append(zeros(bytes.Clone(head), 2), huge...),
		"waiters": append(zeros(bytes.Clone(head), 18), huge...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := New(opRunner{}).Restore(bytes.NewReader(data))
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; err == nil || n > 4<<20 {
			t.Errorf("%s: %v, %d bytes allocated", name, err, n)
		}
	}
}
