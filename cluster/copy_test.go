package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
)

// has tells whether a copy has a key.
func has(v *fsm.View, key string) bool {
	return v.Read(fsm.Caller{}, &fsm.Command{Words: [][]byte{[]byte("GET"), []byte(key)}}).Str() == "o"
}

// A copy made on a follower under load has every lock that any node has acknowledged before.
func TestCopyHasWhatWasAcknowledged(t *testing.T) {
	g := trio(t)
	var clients sync.WaitGroup
	var acknowledged [3][2]atomic.Int64 // by node and client: the last number that was answered
	stop := make(chan struct{})
	for i, id := range []string{"n1", "n2", "n3"} {
		for c := range 2 {
			clients.Go(func() {
				for k := int64(1); ; k++ {
					select {
					case <-stop:
						return
					default:
					}
					if got := cluster.Pipeline(g.nodes[id].node, uint64(c), fmt.Sprintf("LOCK %d-%d-%d o 600000", i, c, k)); strings.HasPrefix(got[0], "UN") || strings.HasPrefix(got[0], "TRY") {
						t.Errorf("a client got %q", got)
						return
					}
					acknowledged[i][c].Store(k)
				}
			})
		}
	}
	follower := g.nodes[g.followers()[0]].node
	for range 20 {
		var before [3][2]int64
		for i := range before {
			for c := range before[i] {
				before[i][c] = acknowledged[i][c].Load()
			}
		}
		view, err := follower.Copy(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range before {
			for c, last := range before[i] {
				for k := int64(1); k <= last; k++ {
					if key := fmt.Sprintf("%d-%d-%d", i, c, k); !has(view, key) {
						t.Fatalf("%s was acknowledged, and the copy does not have it", key)
					}
				}
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	close(stop)
	clients.Wait()
}

// Without a leader there is no copy, for nobody could say what was acknowledged.
func TestNoCopyWithoutLeader(t *testing.T) {
	g := trio(t)
	left := g.followers()[0]
	for _, id := range []string{"n1", "n2", "n3"} {
		if id != left {
			defer g.kill(id)()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	if _, err := g.nodes[left].node.Copy(ctx); err == nil || !strings.Contains(err.Error(), "no leader") {
		t.Errorf("got %v", err)
	}
}

func memoryStores() cluster.Stores {
	return cluster.Stores{
		Log: raft.NewInmemStore(), Stable: raft.NewInmemStore(), Snapshots: raft.NewInmemSnapshotStore(),
	}
}

// stateOf is a state with a lock, a lock without an end, and a waiter.
func stateOf(t *testing.T) *fsm.Machine {
	t.Helper()
	g := trio(t)
	n := g.nodes["n1"].node
	ask(t, n, 1, "LOCK a o 600000", "SET b o")
	go cluster.Pipeline(g.nodes["n2"].node, 1, "LOCK a p 60000 WAIT 60000")
	eventually(t, "waiter", func() bool { return n.Status().Waiters == 1 })
	view, err := n.Copy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := view.Write(&b); err != nil {
		t.Fatal(err)
	}
	m := fsm.New(nil)
	if err := m.Restore(&b); err != nil {
		t.Fatal(err)
	}
	return m
}

// A node that starts on stores made by Begin leads alone, in a cluster of a new name, with the locks of
// before, and others can follow it.
func TestBegin(t *testing.T) {
	m := stateOf(t)
	const floor = 5_000_000
	m.BeginAnew(floor)
	g := &groupRig{t: t, nodes: map[string]*member{}, net: memnet.New()}
	t.Cleanup(g.close)
	stores := memoryStores()
	name, err := cluster.Begin(stores, cluster.Founder{ID: "m1", Address: "m1:1", Disk: "disk-m1"}, m.View())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Begin(stores, cluster.Founder{ID: "m1", Address: "m1:1", Disk: "disk-m1"}, m.View()); err == nil {
		t.Error("stores in use are overwritten")
	}
	g.nodes["m1"] = &member{id: "m1", stores: stores}
	n := g.start("m1")
	g.ready("m1")
	if got := n.Identity().Cluster; got != name {
		t.Errorf("cluster %s, want %s", got, name)
	}
	expect(t, ask(t, n, 1, "GET a", "GET b", "LOCK c o 60000", "UNLOCK a o", "LOCK a q 60000"),
		"o", "o", fmt.Sprint(floor+1), "1", fmt.Sprint(floor+2))
	if s := n.Status(); s.Waiters != 0 || s.Leader != "m1" {
		t.Errorf("%+v", s)
	}
	// What a node finds in its own stores afterwards is what it had.
	g.stopNode("m1")
	l, err := cluster.ReadState(stores, commands.New())
	if err != nil {
		t.Fatal(err)
	}
	if l.Cluster != name || l.Members != 1 || l.Machine.Stats().Token != floor+2 || l.Index < 2 || l.Snapshot != 1 {
		t.Errorf("%+v with token %d", l, l.Machine.Stats().Token)
	}
	if !has(l.Machine.View(), "c") {
		t.Error("the last lock is missing")
	}
}
