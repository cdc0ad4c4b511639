//go:build linux

// How long clients of the nodes that stay wait when the leader goes, again and again. A watcher on each
// surviving node takes a lock as soon as the reply to the one before is there; the longest time between two
// successes, from the fault on, is the gap. The watchers do nothing about the fault and send nothing again: a
// survivor has to keep their commands and answer them.

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"
)

// fault is a way to lose a leader, and to have it back.
type fault struct {
	name   string
	strike func(leader *server) error
	mend   func(leader *server) error
	median time.Duration // targets: first success through a surviving node; 0: none
	worst  time.Duration
	cut    bool // needs a network for each node
}

// gone ends a process's life for mend: it may be on its way out still.
func gone(s *server) error {
	_ = s.cmd.Wait()
	return s.launch()
}

func send(sig syscall.Signal) func(*server) error {
	return func(s *server) error { return s.cmd.Process.Signal(sig) }
}

func faults(g *group) []fault {
	port := func(f func(int) error) func(*server) error {
		return func(s *server) error {
			return f(slices.IndexFunc(g.nodes, func(n *node) bool { return n.server == s }))
		}
	}
	all := []fault{
		{name: "kill", strike: send(syscall.SIGKILL), mend: gone,
			median: 80 * time.Millisecond, worst: 500 * time.Millisecond},
		{name: "stop", strike: send(syscall.SIGSTOP), mend: send(syscall.SIGCONT),
			median: 600 * time.Millisecond, worst: 1200 * time.Millisecond},
		{name: "term", strike: send(syscall.SIGTERM), mend: gone, worst: 100 * time.Millisecond},
	}
	if g != nil && g.lab != nil {
		all = append(all, fault{name: "cut", strike: port(g.lab.cut), mend: port(g.lab.join), cut: true,
			median: 600 * time.Millisecond, worst: 1200 * time.Millisecond})
	}
	return all
}

// herd is a system that loses its leaders.
type herd struct {
	name    string
	leader  func() (*server, error)
	servers []*server
	watch   func(*server) (watching, error)
	settled func(*server) error // waits until a server that was gone is one of them again
}

// watching is a watcher at work.
type watching interface {
	// last is the time of the newest success; zero if it is not known before the end.
	last() time.Time
	// end stops it and returns the times of all successes, and what went wrong.
	end() (at []time.Time, errs []string)
}

// gapsOf is what one fault did.
type gapsOf struct {
	first, slowest, back time.Duration // through any survivor, through each of them, when the leader came back
	errs                 []string
}

const (
	calmFor   = 300 * time.Millisecond  // before the fault, and up to as much again
	watchFor  = 1500 * time.Millisecond // after it, at least
	givenUpAt = 20 * time.Second        // a survivor that has no success for so long
)

// lose makes the leader fail once and looks at what the others' clients see.
func (h *herd) lose(f fault) (r gapsOf, err error) {
	leader, err := h.leader()
	if err != nil {
		return r, err
	}
	var all []watching
	for _, s := range h.servers {
		if s == leader {
			continue
		}
		w, err := h.watch(s)
		if err != nil {
			return r, err
		}
		all = append(all, w)
	}
	time.Sleep(calmFor + rand.N(calmFor))
	struck := time.Now()
	if err := f.strike(leader); err != nil {
		return r, err
	}
	recovered := wait(all, struck)
	mended := time.Now()
	if err := f.mend(leader); err != nil {
		return r, err
	}
	if err := h.settled(leader); err != nil {
		return r, err
	}
	if f.name != "stop" && f.name != "cut" {
		time.Sleep(calmFor) // its return is nothing to see
	} else {
		time.Sleep(watchFor)
	}
	var merged []time.Time
	for _, w := range all {
		at, errs := w.end()
		r.errs = append(r.errs, errs...)
		r.slowest = max(r.slowest, longest(at, struck, mended))
		merged = append(merged, at...)
	}
	slices.SortFunc(merged, time.Time.Compare)
	r.first, r.back = longest(merged, struck, mended), longest(merged, mended, time.Now())
	if !recovered {
		r.errs = append(r.errs, fmt.Sprintf("no success on each survivor within %s", givenUpAt))
	}
	return r, nil
}

// wait returns when each watcher has had a recent success, some time after the fault.
func wait(all []watching, struck time.Time) bool {
	for time.Since(struck) < givenUpAt {
		time.Sleep(50 * time.Millisecond)
		recent := 0
		for _, w := range all {
			if last := w.last(); !last.IsZero() && time.Since(last) < 100*time.Millisecond {
				recent++
			}
		}
		if recent == len(all) && time.Since(struck) > watchFor {
			return true
		}
	}
	return false
}

// longest is the longest time without a success that touches the time between from and to.
func longest(at []time.Time, from, to time.Time) (gap time.Duration) {
	before := from
	for _, t := range at {
		if t.Before(from) {
			continue
		}
		if before.After(to) {
			break
		}
		gap, before = max(gap, t.Sub(before)), t
	}
	if before.Before(to) {
		gap = max(gap, to.Sub(before))
	}
	return gap
}

func failoverMode(b *bed, o options, out *report) error {
	out.line("Milliseconds without a success from the moment of the fault, through any surviving node " +
		"and through the slower of them.")
	out.line("")
	out.line("| system | fault | runs | first: median | p90 | worst | slower: median | worst " +
		"| at its return: worst | errors | target |")
	out.line("|---|---|---|---|---|---|---|---|---|---|---|")
	wanted := strings.Split(o.cluster.faults, ",")
	var failed []error
	for _, system := range o.systems() {
		var err error
		switch system {
		case "lockd":
			err = lockdFailover(b, o, wanted, out)
		case "etcd":
			err = etcdFailover(b, o, wanted, out)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// lockdFailover runs the faults on one cluster, and cutting off on another with a network for each node.
func lockdFailover(b *bed, o options, wanted []string, out *report) error {
	run := func(cut bool, l *lab) error {
		folder := "lo"
		if cut {
			folder = "cut"
		}
		g, err := b.in(folder).startGroup(3, l)
		if err != nil {
			return err
		}
		defer g.stop()
		for _, f := range faults(g) {
			if f.cut == cut && slices.Contains(wanted, f.name) {
				if err := g.herd(o.cluster.watchers).repeat(f, o.cluster.runs, out); err != nil {
					return fmt.Errorf("%s: %w", f.name, err)
				}
			}
		}
		return nil
	}
	var failed []error
	if slices.ContainsFunc(wanted, func(name string) bool { return name != "cut" }) {
		failed = append(failed, run(false, nil))
	}
	if slices.Contains(wanted, "cut") {
		l, err := newLab(3)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		defer l.remove()
		failed = append(failed, run(true, l))
	}
	return errors.Join(failed...)
}

// etcdFailover is for comparison: fewer runs, and only what its clients survive in the same way.
func etcdFailover(b *bed, o options, wanted []string, out *report) error {
	t, err := b.startEtcd()
	if err != nil {
		return err
	}
	defer t.stop()
	for _, f := range faults(nil) {
		if f.name == "term" || !slices.Contains(wanted, f.name) {
			continue
		}
		f.median, f.worst = 0, 0
		if err := t.herd().repeat(f, max(1, o.cluster.runs/3), out); err != nil {
			return fmt.Errorf("etcd, %s: %w", f.name, err)
		}
	}
	return nil
}

// repeat runs a fault many times and writes a line about it.
func (h *herd) repeat(f fault, runs int, out *report) error {
	var first, slowest, back []float64
	var errs []string
	for i := range runs {
		r, err := h.lose(f)
		if err != nil {
			return err
		}
		progress("%s, %s %d: %.0f ms, slower %.0f ms, at its return %.0f ms%s", h.name, f.name, i+1, ms(r.first),
			ms(r.slowest), ms(r.back), strings.Join(append([]string{""}, r.errs...), "; "))
		first, slowest = append(first, ms(r.first)), append(slowest, ms(r.slowest))
		back, errs = append(back, ms(r.back)), append(errs, r.errs...)
	}
	target := ""
	if f.median > 0 {
		target = fmt.Sprintf("median %.0f %s, ", ms(f.median), verdict(median(first) < ms(f.median)))
	}
	if f.worst > 0 {
		target += fmt.Sprintf("worst %.0f %s", ms(f.worst), verdict(slices.Max(first) < ms(f.worst)))
	}
	slices.Sort(first)
	out.line("| %s | %s | %d | **%.0f** | %.0f | **%.0f** | %.0f | %.0f | %.0f | %d | %s |", h.name, f.name,
		runs, median(first), first[(len(first)*9+9)/10-1], slices.Max(first), median(slowest), slices.Max(slowest),
		slices.Max(back), len(errs), target)
	if len(errs) > 0 {
		out.line("| | the first error: %s |||||||||| ", errs[0])
	}
	return nil
}
