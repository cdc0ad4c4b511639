//go:build linux

// A million locks that end in the same second, and what other commands notice of it.

package main

import (
	"fmt"
	"time"
)

const (
	calmTime  = 3 * time.Second  // before the deadline
	stormTime = 12 * time.Second // from the deadline on
)

func expireMode(b *bed, o options, out *report) error {
	out.probeHead()
	return eachServer(b, func(s *server) error { return expireOn(s, o, out) })
}

// expireOn loads locks that all end at one moment. How long loading takes differs, so the moment is chosen
// by a trial with a tenth of them.
func expireOn(s *server, o options, out *report) error {
	begun := time.Now()
	if err := load(s, o.locks/10, func() time.Duration { return time.Millisecond }); err != nil {
		return err
	}
	trial := time.Since(begun)
	time.Sleep(time.Second)
	deadline := time.Now().Add(trial*30 + 4*calmTime)
	if err := load(s, o.locks, func() time.Duration { return time.Until(deadline) }); err != nil {
		return err
	}
	if time.Until(deadline) < calmTime+time.Second {
		return fmt.Errorf("loading took too long: %s are left", time.Until(deadline))
	}
	time.Sleep(time.Until(deadline) - calmTime)
	p, done := probe(s.endpoint(), o, calmTime+stormTime)
	if err := <-done; err != nil {
		return err
	}
	out.row("before", s.name, p.between(p.begun, deadline.Add(-probeSlice)))
	// The cluster clock runs up to a thousandth slow, so lockd's storm comes a little after Redis'.
	worst, at := &histogram{}, deadline
	for t := deadline; t.Before(deadline.Add(stormTime)); t = t.Add(time.Second) {
		if h := p.between(t, t.Add(time.Second-probeSlice)); h.quantile(.99) > worst.quantile(.99) {
			worst, at = h, t
		}
	}
	out.row("the 12 s from the deadline", s.name, p.between(deadline, deadline.Add(stormTime)))
	out.row(fmt.Sprintf("the worst second (+%.0f s)", at.Sub(deadline).Seconds()), s.name, worst)
	if left, err := s.ask("DBSIZE"); err == nil {
		out.line("| keys left at the end: %s | %s |||||||", left, s.name)
	}
	return nil
}
