//go:build linux

// A node joins a cluster that holds a million locks: how long until it has them, and what other commands
// notice.

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The targets.
const (
	joinTarget = 20 * time.Second
	joinP99    = 15 * time.Millisecond
	probeFor   = 30 * time.Second // the join has to be over by then for the probes to see all of it
)

// Many probes, each of which is seldom: while a node catches up, eight busy ones could not keep their pace on
// two cores, and what is measured would be the queue in front of them.
const (
	moreProbes = 4
	longerPace = 5
)

func growMode(b *bed, o options, out *report) error {
	o.probes, o.pace = o.probes*moreProbes, o.pace*longerPace
	g, err := b.startGroup(o.cluster.nodes, nil)
	if err != nil {
		return err
	}
	defer g.stop()
	leader, err := g.leader()
	if err != nil {
		return err
	}
	if err := load(leader.server, o.locks, hours); err != nil {
		return err
	}
	// By snapshot, not by a log that happens to reach back to the first entry.
	_, took, err := snapshotNow(leader.server)
	if err != nil {
		return err
	}
	progress("%d locks are held; a snapshot took %s", o.locks, took)
	time.Sleep(restTime)
	p, done := probe(g.through(g.nodes...), o, probeFor+restTime)
	time.Sleep(restTime)
	n := g.newNode()
	n.args = append(n.args, "--join", leader.peer, "--advertise", n.peer)
	begun := time.Now()
	if err := n.launch(); err != nil {
		return err
	}
	g.nodes = append(g.nodes, n)
	if err := g.joined(n, o.locks); err != nil {
		return errors.Join(err, fmt.Errorf("the end of what the new node wrote:\n%s", tail(n.output())))
	}
	joined := time.Now()
	progress("joined after %s", joined.Sub(begun))
	if err := <-done; err != nil {
		return err
	}
	out.probeHead()
	out.row("before", "lockd", p.between(p.begun, begun.Add(-probeSlice)))
	during := p.between(begun, joined)
	out.row("while the node joins", "lockd", during)
	out.row("after", "lockd", p.between(joined, p.begun.Add(probeFor+restTime)))
	out.line("")
	out.line("| figure | value | target | |")
	out.line("|---|---|---|---|")
	seconds, p99 := joined.Sub(begun).Seconds(), during.quantile(.99)
	out.line("| s from the start of the empty node to all %d locks on it | **%.1f** | %.0f | %s |", o.locks,
		seconds, joinTarget.Seconds(), verdict(seconds < joinTarget.Seconds()))
	out.line("| p99 ms of commands meanwhile | **%.2f** | %.0f | %s |", ms(p99), ms(joinP99),
		verdict(p99 < joinP99))
	return nil
}

// joined waits until a new node has the locks, has applied what the others have, and votes.
func (g *group) joined(n *node, locks int) error {
	if err := n.await(); err != nil {
		return err
	}
	if err := g.caughtUp(n); err != nil {
		return err
	}
	var last string
	for end := time.Now().Add(settleWithin); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		figures, err := n.info("keyspace")
		if last = figures["db0"]; err == nil && strings.HasPrefix(last, "keys=") {
			var keys int
			if _, err := fmt.Sscanf(last, "keys=%d", &keys); err == nil && keys >= locks {
				return nil
			}
		}
	}
	return fmt.Errorf("%s has not got the %d locks: its keyspace is %q", n.id, locks, last)
}
