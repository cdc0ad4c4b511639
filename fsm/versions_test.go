// Programs of different ages in one cluster, and logs and snapshots of former ones.

package fsm

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"
)

// TestLogOfVersion1 applies a log that the program of version 1 wrote, with its digests: it must come to the
// same state, byte for byte in a snapshot, and be written again as it is.
func TestLogOfVersion1(t *testing.T) {
	log, err := os.ReadFile("testdata/version1/log")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/version1/snapshot")
	if err != nil {
		t.Fatal(err)
	}
	m, restored := New(opRunner{}), New(opRunner{})
	number := func() uint64 {
		n, size := binary.Uvarint(log)
		log = log[size:]
		return n
	}
	checked := 0
	for len(log) > 0 {
		index, term, size := number(), number(), number()
		data := log[:size]
		log = log[size:]
		if e, err := (&entryBuffer{newest: EntryVersion}).decode(data); err != nil {
			t.Fatal(err)
		} else if e.Version = 0; !bytes.Equal(e.Append(nil), data) {
			t.Fatalf("entry %d is written in another way", index)
		} else if e.DigestIndex > 0 {
			checked++
		}
		if err := m.Apply(index, term, data, nil, noSink{}); err != nil && err != (Void{}) {
			t.Fatal(err)
		}
	}
	if checked < 50 {
		t.Fatalf("%d entries had a digest", checked)
	}
	if err := restored.Restore(bytes.NewReader(want)); err != nil || restored.Hash() != m.Hash() {
		t.Errorf("the snapshot of version 1: %v", err)
	}
	if err := restored.Check(); err != nil || restored.Stats().Level != 1 || restored.Stats().Waiters < 3 {
		t.Errorf("restored: %v, %+v", err, restored.Stats())
	}
}

// admitting is an entry that only version 2 can say.
func admitting(seq uint64) *Entry {
	c := Command{Kind: KindAdmit, Words: words("n2", "disk", "host:1")}
	return &Entry{Version: 2, Term: 1, Runs: []Run{{Origin{"n1", 1}, seq, []Command{c}}}}
}

// TestOlderProgram runs a program that knows version 1 beside one that knows version 2.
func TestOlderProgram(t *testing.T) {
	older, newer := New(opRunner{}, Knowing(1)), New(opRunner{})
	both := newFeeder(t, newer)
	both.clock = 5
	data := both.entry(on(1, "set k v 100"))
	for _, m := range []*Machine{older, newer} {
		first := &Entry{Term: 1, Runs: []Run{{Origin{"n1", 1}, 1, []Command{{Kind: KindRegister}}}}}
		if err := m.Apply(2, 1, first.Append(nil), nil, noSink{}); err != nil {
			t.Fatal(err)
		}
		if err := m.Apply(3, 1, data, nil, noSink{}); err != nil {
			t.Fatal(err)
		}
	}
	// As long as no entry of version 2 was applied, the older one reads what the newer one writes.
	again := New(opRunner{}, Knowing(1))
	if err := again.Restore(bytes.NewReader(snapshotOf(t, newer))); err != nil || again.Hash() != older.Hash() {
		t.Fatalf("a snapshot of the newer program: %v", err)
	}
	entry := admitting(3).Append(nil)
	if err := newer.Apply(4, 1, entry, nil, noSink{}); err != nil {
		t.Fatal(err)
	}
	refused := map[string]error{
		"Apply":    older.Apply(4, 1, entry, nil, noSink{}),
		"restored": again.Apply(4, 1, entry, nil, noSink{}),
		"Check":    CheckUpTo(1)(entry),
		"snapshot": older.Restore(bytes.NewReader(snapshotOf(t, newer))),
	}
	for what, err := range refused {
		if err == nil || !strings.Contains(err.Error(), "version 2, this program knows 1: start a newer lockd") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if older.Hash() != again.Hash() || older.Stats().Level != 1 || older.Index() != 3 {
		t.Error("what the older program refused has changed its state")
	}
	if err := CheckUpTo(99)(entry); err != nil || Check(entry) != nil || CheckUpTo(-5)(data) != nil {
		t.Errorf("Check of an entry that is known: %v", err)
	}
	for version := range 256 {
		entry[0] = byte(version) // the checksum does not cover it
		// From version 3 on the checksum covers the version.
		if known := version == 1 || version == 2; (Check(entry) == nil) != known {
			t.Errorf("version %d: %v", version, Check(entry))
		}
	}
}

// TestLevel: it rises with entries that are applied, never falls, and is in snapshots.
func TestLevel(t *testing.T) {
	b := newBench(t)
	level := func(want int) {
		t.Helper()
		if got := b.m.Stats().Level; got != want {
			t.Errorf("level %d, want %d", got, want)
		}
	}
	level(1)
	void := &Entry{Version: 2, Term: 7}
	if err := b.m.Apply(2, 8, void.Append(nil), nil, noSink{}); err != (Void{}) {
		t.Fatal(err)
	}
	level(1)
	b.version = 2
	b.do()
	level(2)
	b.version = 1
	b.do(on(1, "set k v 0"))
	level(2)
	if err := b.m.Restore(bytes.NewReader(snapshotOf(t, b.m))); err != nil {
		t.Fatal(err)
	}
	level(2)
	b.m.BeginAnew(0)
	level(2)
}

// TestLevelOfSnapshot refuses levels that this program does not know, or that a snapshot cannot have.
func TestLevelOfSnapshot(t *testing.T) {
	b := newBench(t)
	b.version = 2
	b.do()
	data := snapshotOf(t, b.m)
	at := len(snapshotMagic) + 10 // version, clock, index, term, 6 counters: all are small
	if data[at] != 2 {
		t.Fatal("the level stands elsewhere")
	}
	for level, want := range map[byte]string{2: "", 0: "impossible", 1: "", 3: "", 4: "", 5: "start a newer lockd"} {
		data[at] = level
		err := New(opRunner{}).Restore(bytes.NewReader(sealSnapshot(data)))
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("level %d: %v", level, err)
		}
	}
}

// TestMeaningOfVersion2 is used by no entry of version 1, even where a newer one was applied before. What a
// node says of itself is heard in any entry: from it the leader learns which version it knows.
func TestMeaningOfVersion2(t *testing.T) {
	b := newBench(t)
	b.version = 2
	b.do()
	b.version = 1
	b.do(Command{Kind: KindRegister, Words: words("c:1", "p:1", "d1", "2")})
	if got := b.m.Members()[0].About; got != (About{Client: "c:1", Address: "p:1", Disk: "d1", Version: 2}) {
		t.Errorf("an entry of version 1 has told %+v", got)
	}
	hash := b.m.Hash()
	for _, kind := range []Kind{KindAdmit, KindForget, KindSilence} {
		e := admitting(b.seq + 1)
		e.Version, e.Runs[0].Commands[0].Kind = 1, kind
		if err := b.m.Apply(b.index+1, 1, e.Append(nil), nil, noSink{}); err == nil ||
			!strings.Contains(err.Error(), errKind.Error()) {
			t.Errorf("kind %d in an entry of version 1: %v", kind, err)
		}
	}
	if b.m.Hash() != hash {
		t.Error("an entry that was refused has changed the state")
	}
}

// TestDigestOfVersions: a digest is the same rule for all whatever the versions of the entry that it was
// taken after and of the one that carries it; numbers are covered once the level is 2.
func TestDigestOfVersions(t *testing.T) {
	b, restored := newBench(t), New(opRunner{})
	differs := func() bool {
		_, before := b.m.Digest()
		o, _ := b.m.nodes.origins.Get("n1")
		b.m.nodes.setOrigin("n1", &origin{incarnation: o.incarnation, last: o.last + 1})
		changed := b.m.digest() != before
		b.m.nodes.setOrigin("n1", o)
		return changed
	}
	for i, version := range []byte{1, 2, 1, 2, 2, 1, 1} {
		if err := restored.Restore(bytes.NewReader(snapshotOf(t, b.m))); err != nil {
			t.Fatal(err)
		}
		if restored.Digests() != b.m.Digests() {
			t.Fatalf("step %d: a restored node has another digest", i)
		}
		if differs() != (b.m.nodes.level > 1) {
			t.Errorf("step %d: with level %d a digest covers the numbers: %v", i, b.m.nodes.level, differs())
		}
		e := &Entry{Version: version, Term: 1}
		e.DigestIndex, e.Digest = b.m.Digest()
		e.Runs = []Run{{Origin{"n1", 1}, b.seq + 1, []Command{on(1, "len")}}}
		b.seq++
		b.index++
		for _, m := range []*Machine{b.m, restored} {
			if err := m.Apply(b.index, 1, e.Append(nil), nil, noSink{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for what, change := range map[string]func(m *Machine){
		"level":   func(m *Machine) { m.nodes.level++ },
		"silence": func(m *Machine) { m.counters.silenced++ },
		"member":  func(m *Machine) { m.nodes.setMember("n9", &About{}) },
	} {
		m := New(opRunner{})
		if err := m.Restore(bytes.NewReader(snapshotOf(t, b.m))); err != nil {
			t.Fatal(err)
		}
		if change(m); m.digest() == b.m.digest() {
			t.Errorf("a digest does not cover a %s", what)
		}
	}
	// Two nodes whose numbers differ notice it with the next entry.
	restored.nodes.setOrigin("n2", &origin{incarnation: 1, last: 1})
	e := &Entry{Version: 2, Term: 1}
	_ = restored.Apply(b.index+1, 1, e.Append(nil), nil, noSink{})
	_ = b.m.Apply(b.index+1, 1, e.Append(nil), nil, noSink{})
	e.DigestIndex, e.Digest = b.m.Digest()
	if err := restored.Apply(b.index+2, 1, e.Append(nil), nil, noSink{}); err == nil ||
		!strings.Contains(err.Error(), "differs from the leader's") {
		t.Errorf("numbers that differ: %v", err)
	}
}

// What a kind says of itself is what entries of that version hold.
func TestKindSince(t *testing.T) {
	for kind := KindCommand; kind <= lastKind(EntryVersion); kind++ {
		for version := EntryVersionFirst; version <= EntryVersion; version++ {
			e := Entry{Version: byte(version), Runs: []Run{{Origin{"n1", 1}, 1, []Command{{Kind: kind}}}}}
			_, err := (&entryBuffer{newest: EntryVersion}).decode(e.Append(nil))
			if fits := version >= kind.Since(); fits != (err == nil) {
				t.Errorf("kind %d, since version %d, in an entry of version %d: %v", kind, kind.Since(), version, err)
			}
		}
	}
}
