//go:build linux

// Probes: a few connections that take and release locks at a steady pace while something else goes on. A
// command that is late because the one before it was late counts from when it was due, so that a stall is
// seen by all the commands that it held up.

package main

import (
	"time"
)

// probing is what the probes saw, in slices of time.
type probing struct {
	begun  time.Time
	slices []*histogram
	total  histogram
}

// probeSlice is the resolution in time.
const probeSlice = 100 * time.Millisecond

func (p *probing) record(at time.Time, d time.Duration) {
	i := int(at.Sub(p.begun) / probeSlice)
	for len(p.slices) <= i {
		p.slices = append(p.slices, &histogram{})
	}
	p.slices[i].add(d)
	p.total.add(d)
}

// between merges the slices from one moment to another.
func (p *probing) between(from, to time.Time) *histogram {
	h := &histogram{}
	for i, s := range p.slices {
		at := p.begun.Add(time.Duration(i) * probeSlice)
		if !at.Add(probeSlice).Before(from) && at.Before(to) {
			h.merge(s)
		}
	}
	return h
}

// probe runs the probes for a time; what they saw can be asked for when done gives its error.
func probe(e endpoint, o options, during time.Duration) (*probing, <-chan error) {
	p, done := &probing{begun: time.Now()}, make(chan error, 1)
	c, err := dialClient(e, o.probes, o.pace)
	if err != nil {
		done <- err
		return p, done
	}
	go func() {
		defer c.close()
		err := c.run(during, p.record)
		if err == nil && c.failed > 0 {
			progress("%s: %d replies to probes were not as expected, the first: %q", e.name, c.failed, c.wrong)
		}
		done <- err
	}()
	return p, done
}

// ms is a duration for tables.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// row writes what the probes saw in a time.
func (r *report) row(what, name string, h *histogram) {
	r.line("| %s | %s | %d | %.2f | %.2f | %.2f | %.2f |", what, name, h.count,
		ms(h.quantile(.5)), ms(h.quantile(.99)), ms(h.quantile(.999)), ms(h.max))
}

func (r *report) probeHead() {
	r.line("| when | server | commands | p50 ms | p99 ms | p99.9 ms | max ms |")
	r.line("|---|---|---|---|---|---|---|")
}
