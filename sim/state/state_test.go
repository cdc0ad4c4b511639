package state

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"time"
)

// setting returns a whole number from the environment, or what is usual.
func setting(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return usual
}

// TestState runs LOCKD_SEEDS seeds (or only LOCKD_SEED) of LOCKD_COMMANDS commands each, and appends what
// they found to the file LOCKD_RUNS.
func TestState(t *testing.T) {
	// The states are small and much is made and thrown away: the collector would run all the time.
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	first, seeds := 1, setting("LOCKD_SEEDS", 2)
	if s := setting("LOCKD_SEED", 0); s > 0 {
		first, seeds = s, 1
	}
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := Run(uint64(seed), setting("LOCKD_COMMANDS", 150_000))
			t.Logf("%d commands in %v: %v, %v", r.Operations, r.Took.Round(time.Millisecond), r.Checked, r.Faults)
			for _, v := range r.Violations {
				t.Errorf("%s\nreplay: %s", v, r.Replay)
			}
			if name := os.Getenv("LOCKD_RUNS"); name != "" {
				f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if err := r.Write(f); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
