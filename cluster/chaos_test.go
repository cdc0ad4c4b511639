// A random test of whole groups in virtual time. From a seed: three or five nodes, clients on all of them,
// and somebody who cuts links, kills and restarts processes, pauses machines, stalls disks, hands
// leadership over and takes snapshots. Time is that of a synctest bubble, so tens of seconds take one.
// Goroutines still run in the order they like: a seed repeats the faults, not the run.
//
//	LOCKD_SEEDS=1000 LOCKD_SEED=0 go test ./cluster -run TestChaos
//
// The clients are in chaos_client_test.go with what they hold the replies against, disks and clocks in
// chaos_disk_test.go.

package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
	"github.com/divtxt/lockd/commands"
)

const (
	chaosSpan     = 12 * time.Second // of faults
	chaosRecover  = 5 * time.Second  // within which everything works again
	chaosPatience = 60 * time.Second // after which a call without a reply is taken for lost
)

func TestChaos(t *testing.T) {
	first, seeds := envInt("LOCKD_SEED", 1), envInt("LOCKD_SEEDS", 4)
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newChaos(t, uint64(seed)).run() })
		})
	}
}

func envInt(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// machine is one computer: what outlives the processes on it, and the one that runs.
type machine struct {
	id, address string
	clock       *rawClock
	log         *slog.Logger

	mu          sync.Mutex
	disk        *disk
	incarnation uint64
	node        *cluster.Node // nil while none runs
}

// running returns the node that runs here, or nil.
func (h *machine) running() *cluster.Node {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.node
}

type chaos struct {
	t      *testing.T
	rng    *rand.Rand
	net    *memnet.Net
	hosts  []*machine
	plan   cluster.Plan
	tuning cluster.Tuning
	check  *checker
	began  time.Time
	ends   sync.WaitGroup // of killed processes and other things that take their time
	stop   chan struct{}
}

func newChaos(t *testing.T, seed uint64) *chaos {
	c := &chaos{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), net: memnet.New(), began: time.Now(), stop: make(chan struct{}),
	}
	c.check = newChecker(t)
	c.tuning = cluster.Tuning{
		NodeTimeout: time.Duration(1+c.rng.IntN(4)) * time.Second, DriftPPM: 500,
		EntryBytes: 64 << c.rng.IntN(8), SnapshotBytes: 4 << 10 << c.rng.IntN(6),
	}
	nodes := 3
	if c.rng.IntN(4) == 0 {
		nodes = 5
	}
	slow := time.Duration(100+c.rng.IntN(2000)) * time.Microsecond
	for i := range nodes {
		id := fmt.Sprint("n", i+1)
		c.plan.Members = append(c.plan.Members, cluster.Peer{ID: id, Address: id + ":1"})
		c.hosts = append(c.hosts, &machine{
			id: id, address: id + ":1", disk: newDisk(slow), log: c.logger(id),
			clock: &rawClock{began: c.began, ppm: int64(c.rng.IntN(1001) - 500)},
		})
	}
	return c
}

func (c *chaos) logger(id string) *slog.Logger {
	if os.Getenv("LOCKD_TEST_LOG") == "" {
		return slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("on", id)
}

// start starts a process on a machine.
func (c *chaos) start(h *machine) {
	h.mu.Lock()
	h.incarnation++
	stores, incarnation := h.disk.stores(), h.incarnation
	h.mu.Unlock()
	network := slowNetwork{c.net.Node(h.address), 500 * time.Microsecond}
	n, err := cluster.Open(context.Background(), cluster.Options{
		NodeID: h.id, Incarnation: incarnation, Address: h.address, DiskID: "disk-" + h.id, Client: h.id + ":6380",
		Stores: stores, Network: network, Plan: c.plan, Runner: commands.New(), Tuning: c.tuning,
		Hooks:  cluster.Hooks{Fail: func(err error) { c.check.problem("fail-stop of %s: %v", h.id, err) }},
		Clocks: cluster.Clocks{Raw: h.clock.read, WallClock: time.Now},
		Logger: h.log, RaftLogger: hclog.NewNullLogger(),
	})
	if err != nil {
		c.check.problem("start of %s: %v", h.id, err)
		return
	}
	h.mu.Lock()
	h.node = n
	h.mu.Unlock()
	c.ends.Go(func() { c.withdraw(h, n) })
}

// withdraw does what a server does for command-timeout.
func (c *chaos) withdraw(h *machine, n *cluster.Node) {
	for h.running() == n {
		n.Withdraw(time.Second)
		time.Sleep(100 * time.Millisecond)
	}
}

// kill ends a process as kill -9 does, or in good order. Its clients are on their own.
func (c *chaos) kill(h *machine, politely bool) {
	n := h.running()
	if n == nil {
		return
	}
	if politely {
		n.HandOver(500 * time.Millisecond)
	} else {
		c.net.Stop(h.address)
	}
	h.mu.Lock()
	h.node = nil
	old := h.disk
	if !politely {
		h.disk = old.clone()
	}
	h.mu.Unlock()
	end := func() {
		if err := n.Close(); err != nil {
			c.check.problem("close of %s: %v", h.id, err)
		}
	}
	if !politely {
		c.ends.Go(end)
		return
	}
	end()
	c.net.Stop(h.address)
}

// run is the whole test of one seed.
func (c *chaos) run() {
	var all sync.WaitGroup
	for _, h := range c.hosts {
		all.Go(func() { c.start(h) })
	}
	all.Wait()
	c.ready("at the start")
	var clients sync.WaitGroup
	for i := range 5 * len(c.hosts) {
		seed := c.rng.Uint64()
		clients.Go(func() {
			cl := newClient(c, i, seed)
			cl.reads = i < len(c.hosts)
			cl.run()
		})
	}
	faults := newFaults(c)
	for time.Since(c.began) < chaosSpan {
		faults.one()
		c.pause(c.rng.IntN(1200))
	}
	faults.end()
	c.ready("after all faults")
	time.Sleep(time.Second)
	close(c.stop)
	clients.Wait()
	c.check.atTheEnd(c.hosts[0].running())
	c.compare()
	for _, h := range c.hosts {
		c.kill(h, true)
	}
	c.ends.Wait()
	time.Sleep(time.Minute) // whatever has a timeout is over then
	c.check.report()
}

func (c *chaos) pause(ms int) { time.Sleep(time.Duration(ms) * time.Millisecond) }

// ready waits until each node takes commands.
func (c *chaos) ready(when string) {
	ctx, cancel := context.WithTimeout(context.Background(), chaosRecover)
	defer cancel()
	for _, h := range c.hosts {
		n := h.running()
		if n == nil {
			continue // it did not start, as was said
		}
		if err := n.Ready(ctx); err != nil {
			c.check.problem("%s %s is not ready within %v: %v", when, h.id, chaosRecover, err)
			continue
		}
		answered := make(chan string, 1)
		go func() { answered <- cluster.Pipeline(n, 1<<40, "INCR ready")[0] }()
		select {
		case v := <-answered:
			if _, err := strconv.Atoi(v); err != nil {
				c.check.problem("%s %s answers %q", when, h.id, v)
			}
		case <-ctx.Done():
			c.check.problem("%s %s does not serve within %v", when, h.id, chaosRecover)
		}
	}
}

// compare looks whether all nodes have come to the same state.
func (c *chaos) compare() {
	time.Sleep(8 * time.Second) // then nothing has a deadline any more, and no entry comes
	var first []byte
	for i, h := range c.hosts {
		n := h.running()
		if n == nil {
			continue
		}
		state := cluster.StateOf(n)
		if i == 0 {
			first = state
		} else if !bytes.Equal(state, first) {
			c.check.problem("the states of %s and %s differ (%d and %d bytes, index %d and %d)", h.id, c.hosts[0].id,
				len(state), len(first), n.Status().Index, c.hosts[0].running().Status().Index)
		}
	}
}
