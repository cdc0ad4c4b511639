//go:build linux

// What it costs to keep very many sessions alive: each is pinged once in a while, by clients that each have
// some of them and send their pings together, as the one connection of a host with many workers does. What is
// measured is the processor time of each node, from the kernel, and how long a client waits for its replies.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sessionTarget is the share of one core that the leader may take.
const sessionTarget = .15

// sessionClients is how many connections there are, if nobody says.
const sessionClients = 100

// keeper is a client that keeps some sessions alive.
type keeper struct {
	conn  net.Conn
	in    *bufio.Reader
	pings [][]byte // each is sent in one write
	sizes []int    // how many sessions are in each
}

// openSessions opens n sessions on a connection of its own, which live for so long without a ping.
func openSessions(addr string, n, batch int, ttl time.Duration) (*keeper, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	k := &keeper{conn: conn, in: bufio.NewReader(conn)}
	open := appendCommand(nil, "SESSION.OPEN", "TTL", strconv.FormatInt(ttl.Milliseconds(), 10))
	for left := n; left > 0; left -= batch {
		size := min(batch, left)
		var all, pings []byte
		for range size {
			all = append(all, open...)
		}
		if _, err := conn.Write(all); err != nil {
			return k, err
		}
		for range size {
			head, err := k.in.ReadString('\n')
			if err != nil || head[0] != '$' {
				return k, fmt.Errorf("SESSION.OPEN: %q, %w", head, err)
			}
			id, err := k.in.ReadString('\n')
			if err != nil {
				return k, err
			}
			pings = appendCommand(pings, "SESSION.PING", strings.TrimSpace(id))
		}
		k.pings, k.sizes = append(k.pings, pings), append(k.sizes, size)
	}
	return k, nil
}

// keep pings each session once in a time, evenly spread, and adds up how long it takes. The first write is
// after late.
func (k *keeper) keep(late, every time.Duration, seen *histogram) error {
	begun := time.Now().Add(late)
	for i, pings := range k.pings {
		time.Sleep(time.Until(begun.Add(every * time.Duration(i) / time.Duration(len(k.pings)))))
		sent := time.Now()
		if _, err := k.conn.Write(pings); err != nil {
			return err
		}
		for range k.sizes[i] {
			line, err := k.in.ReadString('\n')
			if err != nil {
				return err
			}
			if line[0] != ':' {
				return fmt.Errorf("SESSION.PING: %q", line)
			}
		}
		seen.add(time.Since(sent))
	}
	return nil
}

// openAll opens the sessions of all clients, spread over the nodes.
func (g *group) openAll(o options) ([]*keeper, error) {
	clients := o.conns
	if clients == 0 {
		clients = sessionClients
	}
	all := make([]*keeper, clients)
	err := together(clients, func(i int) (err error) {
		n := o.cluster.sessions*(i+1)/clients - o.cluster.sessions*i/clients
		// Some pings may be late on a machine with other things to do; that is not what is measured.
		all[i], err = openSessions(g.nodes[i%len(g.nodes)].addr, n, o.cluster.batch, 6*o.cluster.every)
		return err
	})
	return all, err
}

// together runs f for each of n at the same time.
func together(n int, f func(i int) error) error {
	var wait sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wait.Go(func() { errs[i] = f(i) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// kept is what one round gave.
type kept struct {
	leader, followers float64 // of a core; of the followers the busiest
	seen              histogram
}

// keepAll lets each session be pinged once, by all clients.
func (g *group) keepAll(all []*keeper, every time.Duration) (out kept, err error) {
	leader, err := g.leader()
	if err != nil {
		return out, err
	}
	before, begun := make([]time.Duration, len(g.nodes)), time.Now()
	for i, n := range g.nodes {
		before[i] = n.server.cpu()
	}
	seen := make([]histogram, len(all))
	err = together(len(all), func(i int) error {
		step := every / time.Duration(len(all[i].pings))
		return all[i].keep(step*time.Duration(i)/time.Duration(len(all)), every, &seen[i])
	})
	took := time.Since(begun).Seconds()
	for i, n := range g.nodes {
		share := (n.server.cpu() - before[i]).Seconds() / took
		if n == leader {
			out.leader = share
		} else {
			out.followers = max(out.followers, share)
		}
	}
	for i := range seen {
		out.seen.merge(&seen[i])
	}
	return out, err
}

func sessionsMode(b *bed, o options, out *report) error {
	_, err := b.sessionRounds(o, out)
	return err
}

// sessionRounds measures some rounds, and returns the shares of a core that the leader had.
func (b *bed) sessionRounds(o options, out *report) (shares []float64, err error) {
	g, err := b.startGroup(3, nil)
	if err != nil {
		return nil, err
	}
	defer g.stop()
	begun := time.Now()
	all, err := g.openAll(o)
	for _, k := range all {
		if k != nil {
			defer k.conn.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	progress("%d sessions were opened in %.1f s", o.cluster.sessions, time.Since(begun).Seconds())
	var leader, followers, p99 []float64
	for round := range o.rounds {
		r, err := g.keepAll(all, o.cluster.every)
		if err != nil {
			return nil, err
		}
		shares = append(shares, r.leader)
		leader, followers = append(leader, 100*r.leader), append(followers, 100*r.followers)
		p99 = append(p99, ms(r.seen.quantile(.99)))
		progress("round %d: the leader had %.1f %% of a core, the busier follower %.1f %%; p99 %.1f ms", round+1,
			100*r.leader, 100*r.followers, ms(r.seen.quantile(.99)))
	}
	out.line("| sessions | pinged every | connections | pings in a write | leader, %% of a core " +
		"| busier follower | p99 ms | target |")
	out.line("|---|---|---|---|---|---|---|---|")
	out.line("| %d | %s | %d | %d | %s | %s | %.1f | %.0f %%: %s |", o.cluster.sessions, o.cluster.every,
		len(all), o.cluster.batch, spread(leader, "%.1f"), spread(followers, "%.1f"), median(p99),
		100*sessionTarget, verdict(median(leader) < 100*sessionTarget))
	return shares, nil
}
