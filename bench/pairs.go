//go:build linux

// The main measurement: locks taken and given back on random keys, the same work on both servers, in
// alternating rounds because the machine and its disk are never the same for long. What counts is the
// median of the rounds' ratios.

package main

import (
	"fmt"
	"slices"
	"time"
)

// sample is what one round on one server gave.
type sample struct {
	ops            float64 // a second, acquire and release counted each
	p50, p99, p999 time.Duration
	server, client float64 // cores
}

// target is what lockd has to reach of Redis' operations, at most at twice its p99.
type target struct {
	conns int
	ops   float64
}

func targets() []target { return []target{{1, 0.45}, {16, 0.7}, {64, 0.8}, {256, 0.8}} }

// maxP99 is how many times Redis' p99 lockd's may be.
const maxP99 = 2.0

// endpoint is what a client talks to: one server, or the nodes of a cluster.
type endpoint struct {
	name  string
	addrs []string
	dialect
	cpu func() time.Duration     // that its processes used so far
	ask func(link int) *lockPair // nil: a lock of its own for each
}

func (s *server) endpoint() endpoint {
	return endpoint{s.name, []string{s.addr}, s.dialect, s.cpu, nil}
}

// words is what a link asks for.
func (e *endpoint) words(link int) *lockPair {
	if e.ask != nil {
		return e.ask(link)
	}
	return newLockPair(e.dialect, uint64(link)+uint64(time.Now().UnixNano()))
}

// measure runs one round.
func measure(e endpoint, conns int, during time.Duration) (sample, error) {
	c, err := dialClient(e, conns, 0)
	if err != nil {
		return sample{}, err
	}
	defer c.close()
	if err := c.run(during/4, func(time.Time, time.Duration) {}); err != nil {
		return sample{}, err
	}
	h := &histogram{}
	served, own, begun := e.cpu(), ownCPU(), time.Now()
	if err := c.run(during, func(_ time.Time, d time.Duration) { h.add(d) }); err != nil {
		return sample{}, err
	}
	took := time.Since(begun).Seconds()
	out := sample{
		ops: float64(h.count) / took, p50: h.quantile(.5), p99: h.quantile(.99), p999: h.quantile(.999),
		server: (e.cpu() - served).Seconds() / took, client: (ownCPU() - own).Seconds() / took,
	}
	if c.failed > 0 {
		err = fmt.Errorf("%s: %d of %d replies were not as expected, the first: %q",
			e.name, c.failed, h.count, c.wrong)
	}
	return out, err
}

// duel is both servers' rounds for one number of connections.
type duel struct {
	target
	lockd, redis []sample
}

func (d *duel) opsRatios() []float64 {
	var r []float64
	for i := range d.lockd {
		r = append(r, d.lockd[i].ops/d.redis[i].ops)
	}
	return r
}

func (d *duel) p99Ratios() []float64 {
	var r []float64
	for i := range d.lockd {
		r = append(r, d.lockd[i].p99.Seconds()/d.redis[i].p99.Seconds())
	}
	return r
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v)%2 == 1 {
		return v[len(v)/2]
	}
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}

// medianOf is the median of one figure of samples.
func medianOf(list []sample, figure func(sample) float64) float64 {
	var v []float64
	for _, s := range list {
		v = append(v, figure(s))
	}
	return median(v)
}

// runPairs starts both servers and lets them meet at each number of connections.
func runPairs(b *bed, o options) ([]*duel, error) {
	redis, err := b.startPeer()
	if err != nil {
		return nil, err
	}
	defer redis.stop()
	lockd, err := b.startLockd()
	if err != nil {
		return nil, err
	}
	defer lockd.stop()
	for _, s := range []*server{redis, lockd} {
		if err := load(s, o.held, hours); err != nil {
			return nil, err
		}
	}
	var duels []*duel
	for _, t := range targets() {
		if o.conns == 0 || o.conns == t.conns {
			duels = append(duels, &duel{target: t})
		}
	}
	for round := range o.rounds {
		for _, d := range duels {
			if err := d.round(lockd, redis, round, o.during); err != nil {
				return nil, err
			}
		}
	}
	return duels, nil
}

// round measures both servers, in turns who is first.
func (d *duel) round(lockd, redis *server, round int, during time.Duration) error {
	order := []*server{lockd, redis}
	if round%2 == 1 {
		slices.Reverse(order)
	}
	for _, s := range order {
		got, err := measure(s.endpoint(), d.conns, during)
		if err != nil {
			return err
		}
		if s == lockd {
			d.lockd = append(d.lockd, got)
		} else {
			d.redis = append(d.redis, got)
		}
	}
	progress("round %d, %d connections: lockd %.0f ops/s, %s %.0f, ratio %.2f", round+1, d.conns,
		d.lockd[round].ops, redis.name, d.redis[round].ops, d.lockd[round].ops/d.redis[round].ops)
	return nil
}

// reportPairs writes the table and returns the targets that were missed by the factor slack.
func reportPairs(out *report, duels []*duel, peer string, slack float64) (missed []string) {
	out.line("| connections | server | ops/s | p50 us | p99 us | p99.9 us | server cores | client cores |")
	out.line("|---|---|---|---|---|---|---|---|")
	for _, d := range duels {
		for _, side := range []struct {
			name    string
			samples []sample
		}{{"lockd", d.lockd}, {peer, d.redis}} {
			us := func(f func(sample) time.Duration) float64 {
				return medianOf(side.samples, func(s sample) float64 { return float64(f(s).Microseconds()) })
			}
			out.line("| %d | %s | %.0f | %.0f | %.0f | %.0f | %.2f | %.2f |", d.conns, side.name,
				medianOf(side.samples, func(s sample) float64 { return s.ops }),
				us(func(s sample) time.Duration { return s.p50 }),
				us(func(s sample) time.Duration { return s.p99 }),
				us(func(s sample) time.Duration { return s.p999 }),
				medianOf(side.samples, func(s sample) float64 { return s.server }),
				medianOf(side.samples, func(s sample) float64 { return s.client }))
		}
	}
	out.line("")
	out.line("| connections | ops lockd/%[1]s, median (lowest to highest) | target "+
		"| p99 lockd/%[1]s, median (lowest to highest) | target |", peer)
	out.line("|---|---|---|---|---|")
	for _, d := range duels {
		ops, p99 := d.opsRatios(), d.p99Ratios()
		out.line("| %d | **%.2f** (%.2f to %.2f) %s | %.2f | **%.2f** (%.2f to %.2f) %s | %.1f |", d.conns,
			median(ops), slices.Min(ops), slices.Max(ops), verdict(median(ops) >= d.ops), d.ops,
			median(p99), slices.Min(p99), slices.Max(p99), verdict(median(p99) <= maxP99), maxP99)
		if median(ops) < d.ops*slack {
			missed = append(missed, fmt.Sprintf("%d connections: %.2f of Redis' operations", d.conns, median(ops)))
		}
		if median(p99) > maxP99/slack {
			missed = append(missed, fmt.Sprintf("%d connections: %.2f times Redis' p99", d.conns, median(p99)))
		}
	}
	return missed
}
