//go:build linux

// A counter is incremented through two nodes while the third, which leads, is killed again and again. Each
// command that is acknowledged must have been done once, those that were on their way at a kill too; a node
// that sends a command again after a failover must not make it two.

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// killEvery is the time of work between leading and dying.
const killEvery = 500 * time.Millisecond

func exactlyOnceMode(b *bed, o options, out *report) error {
	g, err := b.startGroup(3, nil)
	if err != nil {
		return err
	}
	defer g.stop()
	victim := g.nodes[0]
	var acknowledged atomic.Int64
	var wrong atomic.Pointer[string]
	var callers []*caller
	for i := range o.cluster.callers {
		c, err := call(g.nodes[1+i%2].addr, func() []byte { return appendCommand(nil, "INCR", "counter") },
			func(line string, _ time.Time) bool {
				if !strings.HasPrefix(line, ":") {
					wrong.CompareAndSwap(nil, &line)
					return false
				}
				acknowledged.Add(1)
				return true
			})
		if err != nil {
			return err
		}
		callers = append(callers, c)
	}
	for kill := range o.cluster.kills {
		if err := g.killLeading(victim); err != nil {
			return err
		}
		progress("kill %d: %d acknowledged", kill+1, acknowledged.Load())
	}
	var errs []error
	for _, c := range callers {
		errs = append(errs, c.end())
	}
	if line := wrong.Load(); line != nil {
		errs = append(errs, fmt.Errorf("a client of a surviving node was answered %q", *line))
	}
	text, err := g.nodes[1].ask("GET", "counter")
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	counted, err := strconv.ParseInt(text, 10, 64)
	if err == nil && counted != acknowledged.Load() {
		err = fmt.Errorf("the counter is at %d after %d acknowledged increments", counted, acknowledged.Load())
	}
	failed := errors.Join(append(errs, err)...)
	out.line("| kills of the leader | clients | acknowledged | counter | errors | |")
	out.line("|---|---|---|---|---|---|")
	shown := "none"
	if failed != nil {
		shown = strings.ReplaceAll(failed.Error(), "\n", "; ")
	}
	out.line("| %d | %d | %d | %d | %s | %s |", o.cluster.kills, len(callers), acknowledged.Load(), counted,
		shown, verdict(failed == nil))
	return failed
}

// killLeading makes a node lead, kills it under load, and brings it back.
func (g *group) killLeading(victim *node) error {
	if err := g.lead(victim); err != nil {
		return err
	}
	time.Sleep(killEvery)
	victim.kill()
	time.Sleep(killEvery)
	if err := victim.start(); err != nil {
		return err
	}
	return g.caughtUp(victim)
}
