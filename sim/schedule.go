// What a run is made of, all of it from its seed.

package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/sim/report"
)

// schedule is a run before it has begun.
type schedule struct {
	seed     uint64
	nodes    int
	setting  string // what is special, for people
	tuning   cluster.Tuning
	diskTime time.Duration // a write takes up to so long
	linkTime time.Duration // a message takes up to so long
	drift    []int64       // of each machine's clock, parts per million too fast
	fastBy   int64         // parts per million by which clocks are worse than lockd assumes
	earlyBy  time.Duration // by which jumps of clocks may end a lock early
	clients  []uint64      // a seed for each
	rounds   []round
	gapless  bool // the logs of all disks refuse gaps
	brief    bool // no node is silent for as long as node-timeout
}

// round is some faults that come together, and the calm after them.
type round struct {
	faults []happening
	calm   time.Duration
}

// happening is one fault of a round. Whom it strikes is known when it comes: the leader, or a machine by
// number.
type happening struct {
	*fault
	seed   uint64
	leader bool
	victim int
	after  time.Duration // of the round's begin
	span   time.Duration
}

// choreography is what a fault may take beside its span.
const choreography = 500 * time.Millisecond

// drifting is by how much clocks differ in the runs in which they are worse than assumed: 1 %.
const drifting = 10_000

// newSchedule makes a run's plan.
func newSchedule(seed uint64) schedule {
	rng := rand.New(rand.NewPCG(seed, 0x10cd))
	s := schedule{
		seed: seed, nodes: 3,
		diskTime: time.Duration(50+rng.IntN(1500)) * time.Microsecond,
		linkTime: time.Duration(50+rng.IntN(500)) * time.Microsecond,
	}
	if rng.IntN(5) == 0 {
		s.nodes = 5
	}
	s.tuning = cluster.Tuning{
		NodeTimeout: time.Duration(1500+rng.IntN(6000)) * time.Millisecond, DriftPPM: 500,
		EntryBytes: 64 << rng.IntN(10), SnapshotBytes: 4 << 10 << rng.IntN(8),
		PromoteAfter: time.Duration(100+rng.IntN(400)) * time.Millisecond,
	}
	s.setting = fmt.Sprintf("node-timeout %v, entries of %d B, snapshots of %d KiB",
		s.tuning.NodeTimeout, s.tuning.EntryBytes, s.tuning.SnapshotBytes>>10)
	wrong := int64(500)
	if rng.IntN(12) == 0 {
		wrong, s.fastBy = drifting, 2*drifting
		s.setting += ", clocks wrong by up to 1 %"
	}
	for range s.nodes {
		s.drift = append(s.drift, rng.Int64N(2*wrong+1)-wrong)
	}
	for range clientsPerNode*s.nodes + 1 {
		s.clients = append(s.clients, rng.Uint64())
	}
	for range 2 + rng.IntN(3) {
		s.rounds = append(s.rounds, s.round(rng))
	}
	if rng.IntN(8) == 0 {
		s.jump(rng)
	}
	if s.gapless = rng.IntN(2) == 0; s.gapless {
		s.setting += ", logs without gaps"
	}
	s.brief = s.tuning.NodeTimeout > s.longest()+time.Second
	return s
}

// jump adds a jump of a clock to each round. No machine's clock does that while its process runs, and no
// lock server could bear it wholly; lockd counts at most a tenth of a second for each.
func (s *schedule) jump(rng *rand.Rand) {
	s.setting += ", clocks that jump"
	jumps := clockJumps()
	for i := range s.rounds {
		s.rounds[i].faults = append(s.rounds[i].faults, s.happening(rng, &jumps))
		s.earlyBy += 100 * time.Millisecond
	}
}

// blank is what is known of a run before it has begun.
func (s *schedule) blank() report.Run {
	return report.Run{
		Part: "cluster", Seed: s.seed, Nodes: s.nodes, Setting: s.setting, Faults: map[string]int{},
		Replay: fmt.Sprintf("LOCKD_SEED=%d go test ./sim -run TestSchedules -v", s.seed),
	}
}

// round draws one to three faults; pairs and triples find what single ones do not.
func (s *schedule) round(rng *rand.Rand) round {
	r := round{calm: time.Duration(rng.IntN(400)) * time.Millisecond}
	for range []int{1, 2, 2, 2, 3, 3}[rng.IntN(6)] {
		r.faults = append(r.faults, s.happening(rng, draw(rng)))
	}
	return r
}

func (s *schedule) happening(rng *rand.Rand, f *fault) happening {
	return happening{
		fault: f, seed: rng.Uint64(), leader: rng.IntN(2) == 0, victim: rng.IntN(s.nodes),
		after: time.Duration(rng.IntN(400)) * time.Millisecond,
		span:  time.Duration(20+rng.IntN(f.most)) * time.Millisecond,
	}
}

// longest is how long the faults of a round may take.
func (s *schedule) longest() (most time.Duration) {
	for _, r := range s.rounds {
		for _, h := range r.faults {
			takes := h.span
			if h.kind == "lost and regained" {
				takes = patience // the node is out of touch until it leads again
			}
			most = max(most, h.after+takes+choreography)
		}
	}
	return most
}
