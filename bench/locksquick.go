//go:build linux

// The guard for CI of what is lockd's own: some seconds, and it fails only on what is far from its target.
// How many entries of the log a hand-over takes does not depend on how busy the machine is, so that is held
// tighter.

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// mostEntries is how many entries of the log a hand-over may take: it is one, and two where a release and the
// next request of the last holder do not go together.
const mostEntries = 1.3

// locksQuickMode tries twice before it fails, as quickMode does and for its reasons.
func locksQuickMode(b *bed, o options, out *report) error {
	o.rounds, o.during = 3, 500*time.Millisecond
	o.cluster.sessions, o.cluster.every = o.cluster.sessions/10, o.cluster.every/10 // as many pings a second
	var missed []string
	for try := range 2 {
		var err error
		if missed, err = b.in(fmt.Sprintf("try%d", try+1)).locksQuick(o, out); err != nil || len(missed) == 0 {
			return err
		}
		progress("again: %s", strings.Join(missed, "; "))
	}
	return fmt.Errorf("gross regression: %s", strings.Join(missed, "; "))
}

func (b *bed) locksQuick(o options, out *report) (missed []string, err error) {
	few := crowds()[0]
	rivals, err := b.in("crowd").contendRounds(few, o)
	if err != nil {
		return nil, err
	}
	contentionHead(out)
	rivals[0].report(out, few, 0)
	for _, h := range rivals[0].list {
		if h.outOfOrder > 0 {
			return nil, fmt.Errorf("%d tokens did not rise as the lock was handed on", h.outOfOrder)
		}
	}
	if best := slices.Max(rivals[0].figures(rateOf)); best < few.rate/gross {
		missed = append(missed, fmt.Sprintf("%.0f hand-overs/s", best))
	}
	if best := slices.Min(rivals[0].figures(entriesOf)); best > mostEntries {
		missed = append(missed, fmt.Sprintf("%.2f entries of the log for a hand-over", best))
	}
	shares, err := b.in("sessions").sessionRounds(o, out)
	if err != nil {
		return nil, err
	}
	if best := slices.Min(shares); best > sessionTarget*gross {
		missed = append(missed, fmt.Sprintf("pings of sessions take %.0f %% of a core of the leader", 100*best))
	}
	return missed, nil
}
