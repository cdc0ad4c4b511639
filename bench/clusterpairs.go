//go:build linux

// Locks taken and given back on a cluster of three, beside the systems that give the same promise (etcd; NATS
// told to sync) and a lone Redis that syncs, all in the same run: in each round each of them has a turn, and
// the ratio is between neighbours in time.

package main

import (
	"fmt"
	"slices"
	"time"
)

// clusterTarget is what a cluster has to reach at a number of clients.
type clusterTarget struct {
	conns    int
	ops      float64 // acquire and release counted each
	p99      time.Duration
	toEtcd   float64
	ambition float64
}

func clusterTargets() []clusterTarget {
	return []clusterTarget{
		{1, 1_400, 2 * time.Millisecond, 1.8, 1_600},
		{16, 12_000, 3500 * time.Microsecond, 3.8, 16_000},
		{64, 32_000, 5 * time.Millisecond, 5.5, 40_000},
		{256, 60_000, 9 * time.Millisecond, 7.5, 75_000},
	}
}

const (
	// spreadTarget is what clients on all three nodes are to have of the operations on the leader alone.
	spreadTarget = .7
	// slowDiskTarget is for 256 clients with 2 ms added to each sync.
	slowDiskTarget = 25_000
)

// The names in the tables.
const (
	onLeader      = "lockd x3, clients on the leader"
	onAll         = "lockd x3, on all nodes"
	otherOnLeader = "the other lockd, on the leader"
	otherOnAll    = "the other lockd, on all nodes"
	etcdOnLeader  = "etcd x3, clients on the leader"
	etcdOnAll     = "etcd x3, on all nodes"
	asNATS        = "NATS KV R3, sync always"
	asRedis       = "redis x1, AOF always"
)

// contestant is a system in the race.
type contestant struct {
	name    string
	measure func(conns int, during time.Duration) (sample, error)
	samples map[int][]sample // by number of clients, one a round
}

func newContestant(name string, measure func(int, time.Duration) (sample, error)) *contestant {
	return &contestant{name, measure, map[int][]sample{}}
}

// contest is lockd with its clients in both ways. The leader is looked for each time: it may have changed.
func (g *group) contest(onLeader, onAll string) []*contestant {
	return []*contestant{
		newContestant(onLeader, func(conns int, during time.Duration) (sample, error) {
			leader, err := g.leader()
			if err != nil {
				return sample{}, err
			}
			return measure(g.through(leader), conns, during)
		}),
		newContestant(onAll, func(conns int, during time.Duration) (sample, error) {
			all, err := g.leaderLast()
			if err != nil {
				return sample{}, err
			}
			return measure(g.through(all...), conns, during)
		}),
	}
}

// startContest starts everything that was asked for. What it returns last ends it all.
func (b *bed) startContest(o options) (race []*contestant, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	for _, name := range o.systems() {
		switch name {
		case "lockd":
			g, err := b.startGroup(3, nil)
			if err != nil {
				return nil, stop, err
			}
			stops, race = append(stops, g.stop), append(race, g.contest(onLeader, onAll)...)
		case "other":
			other := b.in("other")
			other.lockd = b.versus
			g, err := other.startGroup(3, nil)
			if err != nil {
				return nil, stop, err
			}
			stops, race = append(stops, g.stop), append(race, g.contest(otherOnLeader, otherOnAll)...)
		case "etcd":
			t, err := b.startEtcd()
			if err != nil {
				return nil, stop, err
			}
			stops = append(stops, t.stop)
			race = append(race, newContestant(etcdOnLeader, t.onLeader), newContestant(etcdOnAll, t.onAll))
		case "nats":
			t, err := b.startNATS()
			if err != nil {
				return nil, stop, err
			}
			stops, race = append(stops, t.stop), append(race, newContestant(asNATS, t.onLeader))
		case "redis":
			s, err := b.startRedis()
			if err != nil {
				return nil, stop, err
			}
			stops = append(stops, s.kill)
			race = append(race, newContestant(asRedis, func(conns int, during time.Duration) (sample, error) {
				return measure(s.endpoint(), conns, during)
			}))
		default:
			return nil, stop, fmt.Errorf("no system %q", name)
		}
	}
	return race, stop, nil
}

// runContest lets all have their turns. Who begins changes from round to round.
func (b *bed) runContest(o options) ([]*contestant, error) {
	race, stop, err := b.startContest(o)
	defer stop()
	if err != nil {
		return nil, err
	}
	for round := range o.rounds {
		for _, t := range clusterTargets() {
			if o.conns != 0 && o.conns != t.conns {
				continue
			}
			for i := range race {
				c := race[(i+round)%len(race)]
				got, err := c.measure(t.conns, o.during)
				if err != nil {
					return nil, fmt.Errorf("%s, %d clients: %w", c.name, t.conns, err)
				}
				progress("round %d, %3d clients, %-32s %7.0f ops/s, p50 %5.2f ms, p99 %6.2f ms", round+1,
					t.conns, c.name, got.ops, ms(got.p50), ms(got.p99))
				c.samples[t.conns] = append(c.samples[t.conns], got)
			}
		}
	}
	return race, nil
}

func clusterMode(b *bed, o options, out *report) error {
	if o.cluster.syncDelay > 0 {
		return slowDiskMode(b, o, out)
	}
	race, err := b.runContest(o)
	if err != nil {
		return err
	}
	reportContest(out, race)
	_ = reportTargets(out, race)
	return nil
}

// slowDiskMode has lockd alone, with a sync that takes longer by what was asked for.
func slowDiskMode(b *bed, o options, out *report) error {
	b.env = append(b.env, "LOCKD_TEST_SYNC_DELAY="+o.cluster.syncDelay.String())
	o.cluster.only = "lockd"
	race, err := b.runContest(o)
	if err != nil {
		return err
	}
	reportContest(out, race)
	if s := race[0].samples[256]; len(s) > 0 {
		ops := medianOf(s, opsOf)
		out.line("256 clients on the leader, %s added to each sync: **%.0f** ops/s, target %d: %s",
			o.cluster.syncDelay, ops, slowDiskTarget, verdict(ops >= slowDiskTarget))
	}
	return nil
}

func opsOf(s sample) float64 { return s.ops }

// reportContest writes what each of them did.
func reportContest(out *report, race []*contestant) {
	out.line("| clients | system | ops/s, median (lowest to highest) | p50 ms | p99 ms | p99.9 ms " +
		"| server cores | client cores |")
	out.line("|---|---|---|---|---|---|---|---|")
	for _, t := range clusterTargets() {
		for _, c := range race {
			list := c.samples[t.conns]
			if len(list) == 0 {
				continue
			}
			figure := func(f func(sample) time.Duration) float64 {
				return medianOf(list, func(s sample) float64 { return ms(f(s)) })
			}
			out.line("| %d | %s | %s | %.2f | %.2f | %.2f | %.2f | %.2f |", t.conns, c.name,
				spread(figures(list, opsOf), "%.0f"),
				figure(func(s sample) time.Duration { return s.p50 }),
				figure(func(s sample) time.Duration { return s.p99 }),
				figure(func(s sample) time.Duration { return s.p999 }),
				medianOf(list, func(s sample) float64 { return s.server }),
				medianOf(list, func(s sample) float64 { return s.client }))
		}
	}
	out.line("")
}

// figures takes one figure of each sample.
func figures(list []sample, figure func(sample) float64) (v []float64) {
	for _, s := range list {
		v = append(v, figure(s))
	}
	return v
}

// spread is a median with the lowest and the highest.
func spread(v []float64, format string) string {
	return fmt.Sprintf("**"+format+"** ("+format+" to "+format+")", median(v), slices.Min(v), slices.Max(v))
}

// ratios divides round by round; nil unless both have the same rounds.
func ratios(a, b []sample) (v []float64) {
	for i := range a {
		if i < len(b) && b[i].ops > 0 {
			v = append(v, a[i].ops/b[i].ops)
		}
	}
	return v
}

// gross is the factor by which the best round has to miss a target for a guard to fail. A busy machine makes
// some rounds bad, or most; a lost batch or a second sync makes all of them bad.
const gross = 2

// reportTargets holds lockd against what it has to reach, and returns what even its best round misses by far.
func reportTargets(out *report, race []*contestant) (missed []string) {
	by := map[string]*contestant{}
	for _, c := range race {
		by[c.name] = c
	}
	lockd := by[onLeader]
	if lockd == nil {
		return nil
	}
	out.line("| clients | figure of lockd | median (lowest to highest) | target | |")
	out.line("|---|---|---|---|---|")
	for _, t := range clusterTargets() {
		list := lockd.samples[t.conns]
		if len(list) == 0 {
			continue
		}
		floor := func(name string, v []float64, format string, least float64) {
			if len(v) == 0 {
				return
			}
			out.line("| %d | %s | %s | at least "+format+" | %s |", t.conns, name, spread(v, format), least,
				verdict(median(v) >= least))
			if slices.Max(v) < least/gross {
				missed = append(missed, fmt.Sprintf("%d clients: %s "+format, t.conns, name, slices.Max(v)))
			}
		}
		floor("ops/s", figures(list, opsOf), "%.0f", t.ops)
		p99 := figures(list, func(s sample) float64 { return ms(s.p99) })
		out.line("| %d | p99 ms | %s | at most %.1f | %s |", t.conns, spread(p99, "%.2f"), ms(t.p99),
			verdict(median(p99) <= ms(t.p99)))
		if slices.Min(p99) > ms(t.p99)*gross {
			missed = append(missed, fmt.Sprintf("%d clients: p99 %.2f ms", t.conns, slices.Min(p99)))
		}
		if c := by[etcdOnLeader]; c != nil {
			floor("ops/s, times etcd's on its leader", ratios(list, c.samples[t.conns]), "%.2f", t.toEtcd)
		}
		if c := by[etcdOnAll]; c != nil {
			floor("ops/s, times etcd's on all nodes", ratios(list, c.samples[t.conns]), "%.2f", t.toEtcd)
		}
		if c := by[otherOnLeader]; c != nil {
			floor("ops/s on the leader, times the other's", ratios(list, c.samples[t.conns]), "%.2f", 1)
		}
		if c, all := by[otherOnAll], by[onAll]; c != nil && all != nil {
			floor("ops/s on all, times the other's", ratios(all.samples[t.conns], c.samples[t.conns]), "%.2f", 1)
		}
		if c := by[asNATS]; c != nil {
			floor("ops/s, times NATS'", ratios(list, c.samples[t.conns]), "%.2f", 1)
		}
		if c := by[onAll]; c != nil {
			floor("clients on all nodes, of those on the leader", ratios(c.samples[t.conns], list), "%.2f",
				spreadTarget)
		}
		out.line("| %d | ops/s: how far to the ambition of %.0f | %.2f | | |", t.conns, t.ambition,
			medianOf(list, opsOf)/t.ambition)
	}
	return missed
}
