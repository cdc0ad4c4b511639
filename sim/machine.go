// A computer of the cluster: what outlives the processes on it, and the process that runs there.

package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/divtxt/lockd/cluster"
)

// machine is one computer.
type machine struct {
	*world
	id, address string
	clocks      *clocks
	log         *slog.Logger

	mu          sync.Mutex
	disk        *disk
	disks       int // that it has had
	incarnation uint64
	plan        cluster.Plan
	node        *cluster.Node // nil while none runs
	killed      []*cluster.Node
	busy        bool          // a process begins, or is at its end
	full        bool          // its disk is nearly full
	removed     bool          // the cluster has removed this disk
	unwanted    bool          // somebody has asked, at some time, that it be removed
	asleep      chan struct{} // closed when its process goes on; nil while it is not paused
	hung        chan struct{} // closed and replaced when all clients hang up
	gate        *gate
	ears        *ears // of the process that runs, or ran last
}

// running returns the node that runs here, or nil.
func (m *machine) running() *cluster.Node {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.node
}

// drive is the disk that is in it now.
func (m *machine) drive() *disk {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.disk
}

// hangingUp returns what is closed when this machine's clients are to hang up.
func (m *machine) hangingUp() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hung
}

// hangUp lets all its clients hang up that wait for something.
func (m *machine) hangUp() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.hung)
	m.hung = make(chan struct{})
}

// sleep pauses the machine for its clients, unless it is paused already or nothing runs there.
func (m *machine) sleep() (awake func(), ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.node == nil || m.asleep != nil {
		return nil, false
	}
	asleep := make(chan struct{})
	m.asleep = asleep
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.asleep = nil
		close(asleep)
	}, true
}

// listens waits while the machine is paused.
func (m *machine) listens() {
	m.mu.Lock()
	asleep := m.asleep
	m.mu.Unlock()
	if asleep != nil {
		<-asleep
	}
}

func (m *machine) leads() bool {
	n := m.running()
	return n != nil && n.Status().Role == "leader"
}

// term is that in which its node leads, 0 where it does not.
func (m *machine) term() uint64 {
	n := m.running()
	if n == nil || n.Status().Role != "leader" {
		return 0
	}
	return n.Figures().Term
}

// newestTerm is the highest that a node knows.
func (w *world) newestTerm() (newest uint64) {
	for _, m := range w.machines {
		if n := m.running(); n != nil {
			newest = max(newest, n.Figures().Term)
		}
	}
	return newest
}

// start starts a process on its disk, unless one runs. It waits until that belongs to a cluster.
func (m *machine) start() {
	m.mu.Lock()
	if m.node != nil || m.busy || m.removed {
		m.mu.Unlock()
		return
	}
	m.busy = true
	m.incarnation++
	m.ears = &ears{world: m.world, heard: map[uint64][]string{}}
	o := cluster.Options{
		NodeID: m.id, Incarnation: m.incarnation, Address: m.address, Client: m.id + ":6380",
		DiskID: fmt.Sprintf("disk-%s-%d", m.id, m.disks), Network: m.net.Node(m.address), Plan: m.plan,
		Stores: cluster.Stores{Log: m.disk, Stable: m.disk, Snapshots: m.disk}, Runner: m.table, Tuning: m.tuning,
		Effects: m.ears,
		Hooks: cluster.Hooks{
			Fail: m.stopsItself,
			Free: m.free, RaiseIncarnation: m.raiseIncarnation, Removed: func(string) { m.ends.Go(m.leave) },
		},
		Clocks: cluster.Clocks{Raw: m.clocks.raw, WallClock: m.clocks.wall},
		Logger: m.log, RaftLogger: m.gate,
	}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n, err := cluster.Open(ctx, o)
	m.mu.Lock()
	m.busy, m.node = false, n
	m.mu.Unlock()
	if err != nil {
		m.net.Stop(m.address)
		m.failed(err)
		return
	}
	m.ends.Go(func() { m.withdraw(n) })
}

// hears is what the pushes of the process that runs now come to.
func (m *machine) hears() *ears {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ears
}

// failed looks why a process did not start: a disk that was removed from the cluster is refused, as it must
// be.
func (m *machine) failed(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.node = nil
	if _, is := errors.AsType[*cluster.RemovedError](err); is {
		m.removed = true
		return
	}
	m.problem("%s does not start: %v", m.id, err)
}

// stopsItself is what a node calls that cannot go on. There is one good reason, for which its supervisor
// starts it again.
func (m *machine) stopsItself(err error) {
	if !errors.Is(err, cluster.ErrContradicted) {
		m.problem("%s stopped itself: %v", m.id, err)
		return
	}
	m.ends.Go(func() {
		if m.kill(rand.New(rand.NewPCG(m.incarnation, 0)), false) {
			m.start()
		}
	})
}

// withdraw does what a server does for command-timeout.
func (m *machine) withdraw(n *cluster.Node) {
	for m.running() == n {
		n.Withdraw(time.Second)
		time.Sleep(100 * time.Millisecond)
	}
}

func (m *machine) free() (left uint64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return 1 << 20, !m.full
}

func (m *machine) raiseIncarnation(above uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.incarnation = above + 1
	return m.incarnation, nil
}

// kill ends a process as kill -9 does, or as a power cut does. Its clients are on their own. It is false
// where none runs.
func (m *machine) kill(rng *rand.Rand, powerCut bool) bool {
	m.mu.Lock()
	n := m.node
	m.node = nil
	m.killed = append(m.killed, n)
	m.mu.Unlock()
	if n == nil {
		return false
	}
	m.net.Stop(m.address)
	m.mu.Lock()
	m.disk = m.disk.clone(rng, powerCut)
	m.mu.Unlock()
	m.ends.Go(func() { m.close(n) }) // a real kill would take what is left of it along
	return true
}

// wasKilled tells whether n is a process that was killed.
func (m *machine) wasKilled(n *cluster.Node) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.killed, n)
}

// stop ends a process in good order.
func (m *machine) stop() bool {
	n := m.running()
	if n == nil {
		return false
	}
	n.HandOver(500 * time.Millisecond)
	return m.end() // unless something else has ended it meanwhile
}

// leave ends a process whose node the cluster has removed.
func (m *machine) leave() {
	m.mu.Lock()
	m.removed = true
	m.mu.Unlock()
	m.end()
}

// left tells whether its disk was removed, and somebody had asked for that.
func (m *machine) left() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.removed && m.unwanted
}

// end ends a process without haste, and tells whether there was one.
func (m *machine) end() bool {
	m.mu.Lock()
	n := m.node
	m.node, m.busy = nil, n != nil
	m.mu.Unlock()
	if n == nil {
		return false
	}
	m.close(n)
	m.net.Stop(m.address)
	m.mu.Lock()
	m.busy = false
	m.mu.Unlock()
	return true
}

func (m *machine) close(n *cluster.Node) {
	if err := n.Close(); err != nil {
		m.problem("close of %s: %v", m.id, err)
	}
}

// wipe puts a new disk into a machine on which nothing runs, nor is about to. Its next process waits to be
// taken in.
func (m *machine) wipe() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy {
		return false
	}
	m.disk, m.removed = newDisk(m.disk.slowness, m.disk.gapless), false
	m.disks++
	m.plan = cluster.Plan{Wait: true}
	return true
}
