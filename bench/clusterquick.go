//go:build linux

// The guard for CI of the cluster: lockd alone, less than 40 s, and it fails only on what is far from its
// target.

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// grossGap is more than the quickest of three failovers may take: a dead leader closes its sockets at once.
const grossGap = 400 * time.Millisecond

// clusterQuickMode tries twice before it fails, as quickMode does and for its reasons.
func clusterQuickMode(b *bed, o options, out *report) error {
	o.cluster.only, o.rounds, o.during = "lockd", 3, 300*time.Millisecond
	var missed []string
	for try := range 2 {
		race, err := b.in(fmt.Sprintf("try%d", try+1)).runContest(o)
		if err != nil {
			return err
		}
		reportContest(out, race)
		if missed = reportTargets(out, race); len(missed) == 0 {
			return quickFailover(b.in("failover"), out)
		}
		progress("again: %s", strings.Join(missed, "; "))
	}
	return fmt.Errorf("gross regression: %s", strings.Join(missed, "; "))
}

// quickFailover kills a leader three times.
func quickFailover(b *bed, out *report) error {
	g, err := b.startGroup(3, nil)
	if err != nil {
		return err
	}
	defer g.stop()
	var gaps []float64
	for range 3 {
		r, err := g.herd(1).lose(faults(g)[0])
		if err != nil {
			return err
		}
		if len(r.errs) > 0 {
			return fmt.Errorf("a client of a surviving node saw an error when the leader was killed: %s", r.errs[0])
		}
		gaps = append(gaps, ms(r.first))
	}
	out.line("")
	out.line("kill -9 of the leader: first success through a surviving node after %s ms", spread(gaps, "%.0f"))
	if slices.Min(gaps) > ms(grossGap) {
		return fmt.Errorf("gross regression: failover after kill -9 takes %.0f ms at best", slices.Min(gaps))
	}
	return nil
}
