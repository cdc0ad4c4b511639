package fsm

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"testing"
)

// list returns the graves, the oldest first.
func (g *graves) list() (list []Grave) {
	g.inOrder(func(v Grave) { list = append(list, v) })
	return list
}

// TestGraves holds the ring against a slice, with additions that are taken back, views that must not change, and a
// ring that grows when it is full and does not begin at its beginning.
func TestGraves(t *testing.T) {
	for seed := range int64(8) {
		rng := rand.New(rand.NewSource(seed))
		m := New(opRunner{})
		var all []Grave // ever added, but for what was taken back
		from := 0       // those before have been dropped
		type kept struct {
			view graves
			want []Grave
		}
		var views []kept
		m.nodes.level = VersionLocks - 1
		for n := range 6000 {
			if n == 100+int(seed)*37 {
				m.nodes.level = VersionLocks
			}
			length, first := len(all), from
			var backs []func()
			for range 1 + rng.Intn(5) {
				g := Grave{Key: fmt.Sprint("k", rng.Intn(9)), Token: uint64(n), How: LockExpired, Reason: "because"[:rng.Intn(8)]}
				backs = append(backs, m.graves.add(g, m.graveCount()))
				all = append(all, g)
				from = max(from, len(all)-m.graveCount())
			}
			if rng.Intn(3) == 0 && m.nodes.level >= VersionLocks {
				for _, back := range slices.Backward(backs) {
					back()
				}
				all, from = all[:length], first
			}
			want := all[from:]
			if rng.Intn(50) == 0 {
				views = append(views, kept{m.graves.copy(), slices.Clone(want)})
			}
			if n%97 > 0 {
				continue
			}
			if err := m.checkGraves(); err != nil || !slices.Equal(m.graves.list(), want) {
				t.Fatalf("seed %d, step %d: %d graves, want %d, %v", seed, n, len(m.graves.list()), len(want), err)
			}
		}
		for i, v := range views {
			if !slices.Equal(v.view.list(), v.want) {
				t.Fatalf("seed %d: view %d has changed", seed, i)
			}
		}
		if len(m.graves.ring) != graveCountMore {
			t.Fatalf("only %d graves", len(m.graves.ring))
		}
	}
}

// TestGravesOfOlderEntries: they remember those that expired, and no more than they did.
func TestGravesOfOlderEntries(t *testing.T) {
	b := newBench(t)
	b.version = VersionData
	b.do(on(1, "lock gone a 0 0 -", "unlock gone a", "lock forced a 0 0 -", "force forced"))
	for i := range graveCount + 10 {
		b.do(on(1, fmt.Sprintf("lock k%d a 1 0 -", i)))
	}
	b.clock += 5
	b.do(on(1, "get nothing"))
	if n := len(b.m.graves.ring); n != graveCount || b.m.graves.next == 0 {
		t.Fatalf("%d graves from %d on", n, b.m.graves.next)
	}
	bytes := b.m.Bytes()
	b.version = VersionLocks
	b.do(on(1, "lock k a 0 0 -", "unlock k a"))
	list := b.m.graves.list()
	if n := len(list); n != graveCount+1 || list[0].How != LockExpired || list[n-1].How != LockReleased {
		t.Errorf("%d graves, from %+v to %+v", n, list[0], list[n-1])
	}
	if now := b.m.Bytes(); now <= bytes+graveCount*graveCost {
		t.Errorf("%d bytes became %d", bytes, now)
	}
	again := New(opRunner{})
	if err := again.Restore(newReader(t, b.m)); err != nil || again.Hash() != b.m.Hash() || again.Bytes() != b.m.Bytes() {
		t.Errorf("restored: %v, %d bytes instead of %d", err, again.Bytes(), b.m.Bytes())
	}
}

func newReader(t *testing.T, m *Machine) *bytes.Reader { return bytes.NewReader(snapshotOf(t, m)) }

// TestFrozenOrder: snapshots are read in whatever order they name what is frozen, and what they say twice counts
// once.
func TestFrozenOrder(t *testing.T) {
	b := newBench(t)
	b.version = VersionLocks
	b.do(on(1, "get nothing"))
	tx := &Tx{m: b.m, db: 3, write: true}
	for _, pattern := range []string{"c", "a", "b", "a"} {
		if !tx.Freeze(pattern, "why "+pattern, int64(len(pattern))) {
			t.Fatal("too many")
		}
	}
	tx.In(1).Freeze("z", "", 0)
	b.do(on(1, "get nothing"))
	var got []string
	tx.Freezes(func(f *Freeze) bool {
		got = append(got, fmt.Sprint(f.DB, f.Pattern))
		return true
	})
	if want := []string{"1z", "3a", "3b", "3c"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	again := New(opRunner{})
	if err := again.Restore(newReader(t, b.m)); err != nil || again.Check() != nil || again.Hash() != b.m.Hash() {
		t.Errorf("restored: %v, %v", err, again.Check())
	}
	slices.Reverse(b.m.frozen.list)
	if err := again.Restore(newReader(t, b.m)); err != nil || again.Check() != nil || len(again.frozen.list) != 4 {
		t.Errorf("restored from another order: %v, %v", err, again.Check())
	}
}

// BenchmarkFrozen is a grant beside so many frozen patterns.
func BenchmarkFrozen(b *testing.B) {
	for _, n := range []int{0, 1, MaxFrozen} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := New(opRunner{})
			m.nodes.level, m.at.version = VersionLocks, VersionLocks
			tx := &Tx{m: m, write: true}
			for i := range n {
				tx.Freeze(fmt.Sprint("p", i), "", 0)
			}
			for b.Loop() {
				tx.Lock(LockRequest{Keys: []string{"k"}, Wish: Wish{Owner: "a", TTL: 1000}})
				tx.Unlock("k", "a", 0)
				m.commit(Caller{}, noSink{})
			}
		})
	}
}

// TestNodeOfClient: a client's id says on which node it is, as long as that node is known.
func TestNodeOfClient(t *testing.T) {
	m := New(opRunner{})
	for _, node := range []string{"n2", "n1", "n3"} { // they are numbered as they come
		m.nodes.setOrigin(node, &origin{incarnation: 1, last: 1})
	}
	for client, want := range map[uint64]string{
		ClientID(0, 1): "n2", ClientID(1, 7): "n1", ClientID(2, 1<<39): "n3", ClientID(3, 1): "", 0: "",
	} {
		if node, known := m.nodeOf(client); node != want || known != (want != "") {
			t.Errorf("client %d is on %q, want %q", client, node, want)
		}
	}
}
