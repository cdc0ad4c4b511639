package sim

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// slice is how many runs are made where nobody asks for more.
const slice = 12

// TestSchedules makes one run of each seed. LOCKD_SEED is the first, LOCKD_SEEDS how many; LOCKD_RUNS names a
// file to which what each found is added.
func TestSchedules(t *testing.T) {
	first, seeds := number("LOCKD_SEED", 1), number("LOCKD_SEEDS", slice)
	if os.Getenv("LOCKD_SEED") != "" {
		seeds = number("LOCKD_SEEDS", 1)
	}
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { runSeed(t, seed) })
	}
}

func number(name string, otherwise uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return otherwise
}

func runSeed(t *testing.T, seed uint64) {
	began := time.Now()
	plan := newSchedule(seed)
	var w *world
	stayed := inBubble(t, func(*testing.T) {
		w = newWorld(plan)
		w.run()
	})
	w.problems = append(w.problems, stayed...)
	r := w.report()
	r.Began, r.Took = began, time.Since(began)
	t.Logf("%d nodes, %s: %d operations and %d faults in %v (%v); recovery %v", r.Nodes, r.Setting, r.Operations,
		len(r.Events), r.Took.Round(time.Millisecond), r.Spanned.Round(time.Millisecond), r.Recovery)
	for _, v := range r.Violations {
		t.Error(v)
	}
	if len(r.Violations) > 0 {
		t.Logf("once more: %s", r.Replay)
	}
	if err := r.Append(os.Getenv("LOCKD_RUNS")); err != nil {
		t.Fatal(err)
	}
}
