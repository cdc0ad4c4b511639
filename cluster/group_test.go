package cluster_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
	"github.com/divtxt/lockd/commands"
)

// group is several nodes over stores in memory, connected by a network in memory.
type groupRig struct {
	t      *testing.T
	net    *memnet.Net
	plan   cluster.Plan
	tuning cluster.Tuning // of members that have none of their own
	mu     sync.Mutex
	nodes  map[string]*member
}

// member is one node of a group and what outlives its process.
type member struct {
	id          string
	stores      cluster.Stores
	incarnation uint64
	node        *cluster.Node
	tuning      cluster.Tuning
	disk        string
	address     string        // "" is id:1
	plan        *cluster.Plan // nil is that of the group
	removed     chan string   // what Hooks.Removed was told
	fail        func(error)   // Hooks.Fail; nil panics
	over        func(cluster.Network) cluster.Network
	ear         *ear // what its connections are told; made when it opens first
}

func (m *member) at() string {
	if m.address != "" {
		return m.address
	}
	return m.id + ":1"
}

func testLog() *slog.Logger {
	if os.Getenv("LOCKD_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

// start starts a node, the first time or again. It does not wait until it is ready.
func (g *groupRig) start(id string) *cluster.Node {
	g.t.Helper()
	m := g.member(id)
	n, err := g.open(m)
	if err != nil {
		g.t.Errorf("start of %s: %v", id, err)
		return nil
	}
	g.mu.Lock()
	m.node = n
	g.mu.Unlock()
	return n
}

// member returns what there is of a node, and makes an empty one the first time.
func (g *groupRig) member(id string) *member {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.nodes[id]
	if m == nil {
		m = &member{id: id, disk: "disk-" + id, stores: emptyStores(), removed: make(chan string, 8), tuning: g.tuning}
		g.nodes[id] = m
	}
	return m
}

func emptyStores() cluster.Stores {
	return cluster.Stores{
		Log: raft.NewInmemStore(), Stable: raft.NewInmemStore(), Snapshots: raft.NewInmemSnapshotStore(),
	}
}

// open opens a node, which may wait for others.
func (g *groupRig) open(m *member) (*cluster.Node, error) {
	m.incarnation++
	if m.ear == nil {
		m.ear = new(ear)
	}
	ctx, cancel := context.WithTimeout(g.t.Context(), 10*time.Second)
	defer cancel()
	plan := g.plan
	if m.plan != nil {
		plan = *m.plan
	}
	network := g.net.Node(m.at())
	if m.over != nil {
		network = m.over(network)
	}
	return cluster.Open(ctx, cluster.Options{
		NodeID: m.id, Incarnation: m.incarnation, Address: m.at(), DiskID: m.disk, Client: m.id + ":6380",
		Stores: m.stores, Network: network, Plan: plan, Runner: commands.New(), Effects: m.ear,
		Hooks: cluster.Hooks{
			Fail: func(err error) {
				if m.fail == nil {
					panic(fmt.Sprintf("fail-stop of %s: %v", m.id, err))
				}
				m.fail(err)
			},
			RaiseIncarnation: func(above uint64) (uint64, error) {
				m.incarnation = above + 1
				return m.incarnation, nil
			},
			Removed: func(reason string) { m.removed <- reason },
			Asked:   m.ear.asked,
		},
		Tuning: m.tuning, Logger: testLog().With("on", m.id), RaftLogger: raftLog(m.id),
	})
}

// kill ends a node as kill -9 does: the others see its sockets close at once. What is left of it, which a
// real kill would take along, ends by itself; wait waits for that.
func (g *groupRig) kill(id string) (wait func()) {
	g.net.Stop(g.nodes[id].at())
	n := g.nodes[id].node
	g.nodes[id].node = nil
	gone := make(chan struct{})
	go func() {
		g.end(id, n)
		close(gone)
	}()
	return func() { <-gone }
}

func (g *groupRig) stopNode(id string) {
	n := g.nodes[id].node
	if g.nodes[id].node = nil; n != nil {
		g.end(id, n)
	}
}

func (g *groupRig) end(id string, n *cluster.Node) {
	if err := n.Close(); err != nil {
		g.t.Errorf("close of %s: %v", id, err)
	}
}

func (g *groupRig) close() {
	for id, m := range g.nodes {
		g.stopNode(id)
		g.net.Stop(m.at())
	}
}

func (g *groupRig) ready(ids ...string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 10*time.Second)
	defer cancel()
	for _, id := range ids {
		if err := g.nodes[id].node.Ready(ctx); err != nil {
			g.t.Fatalf("%s: %v", id, err)
		}
	}
}

// leader waits until one of the running nodes leads, and returns its id.
func (g *groupRig) leader() string {
	g.t.Helper()
	var found string
	eventually(g.t, "a leader", func() bool {
		for id, m := range g.nodes {
			if m.node != nil && m.node.Status().Role == "leader" {
				found = id
				return true
			}
		}
		return false
	})
	return found
}

func (g *groupRig) followers() (ids []string) {
	leader := g.leader()
	for id, m := range g.nodes {
		if id != leader && m.node != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within 10 s", what)
		}
	}
}

// trio starts a group of three.
func trio(t *testing.T) *groupRig {
	g := &groupRig{t: t, net: memnet.New(), nodes: map[string]*member{}}
	g.form("n1", "n2", "n3")
	return g
}

// form makes a cluster of these nodes.
func (g *groupRig) form(ids ...string) {
	g.t.Helper()
	for _, id := range ids {
		g.plan.Members = append(g.plan.Members, cluster.Peer{ID: id, Address: id + ":1"})
	}
	g.t.Cleanup(g.close)
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() { g.start(id) })
	}
	all.Wait()
	g.ready(ids...)
}

// ask submits lines on one connection and returns their replies, or fails after a while.
func ask(t *testing.T, n *cluster.Node, conn uint64, lines ...string) []string {
	t.Helper()
	got := make(chan []string, 1)
	go func() { got <- cluster.Pipeline(n, conn, lines...) }()
	select {
	case replies := <-got:
		return replies
	case <-time.After(10 * time.Second):
		t.Fatalf("no reply to %q within 10 s", lines)
		return nil
	}
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("replies %q, want %q", got, want)
	}
}

// Any node takes any command, in order, and sees what another one was told.
func TestAnyNodeTakesAnyCommand(t *testing.T) {
	g := trio(t)
	for i, id := range []string{"n1", "n2", "n3"} {
		key := "k" + id
		expect(t, ask(t, g.nodes[id].node, 1, "GET "+key, "LOCK "+key+" o 60000", "GET "+key, "UNLOCK "+key+" o",
			"LOCK "+key+" o 60000", "GET "+key), "nil", strconv.Itoa(2*i+1), "o", "1", strconv.Itoa(2*i+2), "o")
	}
	for _, id := range []string{"n1", "n2", "n3"} {
		expect(t, ask(t, g.nodes[id].node, 2, "GET kn1", "GET kn2", "GET kn3"), "o", "o", "o")
	}
}

// Who waits on one node is served by the entry that frees the key on another.
func TestWaitersAcrossNodes(t *testing.T) {
	g := trio(t)
	f := g.followers()
	ask(t, g.nodes[f[0]].node, 1, "LOCK a o 60000")
	granted := make(chan []string, 1)
	go func() { granted <- cluster.Pipeline(g.nodes[f[1]].node, 1, "LOCK a p 60000 WAIT 60000") }()
	eventually(t, "waiter", func() bool { return g.nodes[f[0]].node.Status().Waiters == 1 })
	ask(t, g.nodes[g.leader()].node, 1, "UNLOCK a o")
	select {
	case got := <-granted:
		expect(t, got, "2")
	case <-time.After(5 * time.Second):
		t.Fatal("the waiter was not served")
	}
}

// A follower's clients see a slower reply and nothing else when the leader dies, and whatever they sent is
// done once.
func TestLeaderDiesUnderLoad(t *testing.T) {
	g := trio(t)
	var clients sync.WaitGroup
	stop := make(chan struct{})
	var done atomic.Int64
	dead := g.leader()
	for _, id := range g.followers() {
		n := g.nodes[id].node
		for conn := range uint64(4) {
			clients.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					if got := cluster.Pipeline(n, conn, "GET x", "INCR n"); strings.HasPrefix(got[1], "UN") ||
						strings.HasPrefix(got[1], "TRY") {
						t.Errorf("a client got %q", got)
						return
					}
					done.Add(1)
				}
			})
		}
	}
	time.Sleep(50 * time.Millisecond)
	before := done.Load()
	begun := time.Now()
	wait := g.kill(dead)
	defer wait()
	eventually(t, "progress", func() bool { return done.Load() > before+8 })
	took := time.Since(begun)
	time.Sleep(50 * time.Millisecond)
	close(stop)
	clients.Wait()
	t.Logf("goes on after %v; %d done", took, done.Load())
	expect(t, ask(t, g.nodes[g.leader()].node, 9, "GET n"), strconv.FormatInt(done.Load(), 10))
	if took > 200*time.Millisecond {
		t.Errorf("the next leader served after %v", took)
	}
}

// raftLog shows raft's log where LOCKD_TEST_LOG is set.
func raftLog(id string) hclog.Logger {
	if os.Getenv("LOCKD_TEST_LOG") == "" {
		return hclog.NewNullLogger()
	}
	return hclog.New(&hclog.LoggerOptions{Name: id, Level: hclog.Debug, Output: os.Stderr, TimeFormat: "05.000000"})
}
