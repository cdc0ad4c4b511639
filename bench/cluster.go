//go:build linux

// A cluster of lockd: processes on this machine, started as a user would start them on three. Where the
// harness wants to know something, it asks as anyone can, with INFO.

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// node is one of them.
type node struct {
	*server
	id   string
	peer string // host:port of its cluster port
}

// group is the cluster.
type group struct {
	bed   *bed
	lab   *lab // nil: all on 127.0.0.1
	nodes []*node
}

// settleWithin is how long a cluster has to form, to elect or to catch up before the harness gives up.
const settleWithin = 90 * time.Second

// startGroup starts size nodes that know each other from the beginning, and waits until they serve.
func (b *bed) startGroup(size int, l *lab) (*group, error) {
	g := &group{bed: b, lab: l}
	for range size {
		g.nodes = append(g.nodes, g.newNode())
	}
	var all []string
	for _, n := range g.nodes {
		all = append(all, n.id+"="+n.peer)
	}
	for _, n := range g.nodes {
		n.args = append(n.args, "--cluster", strings.Join(all, ","))
		if err := n.launch(); err != nil {
			g.stop()
			return nil, err
		}
	}
	if err := g.formed(); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

// formed waits until all nodes serve and one of them leads.
func (g *group) formed() error {
	for _, n := range g.nodes {
		if err := n.await(); err != nil {
			return err
		}
	}
	_, err := g.leader()
	return err
}

// newNode makes the next node; it is neither started nor in the list.
func (g *group) newNode() *node {
	i := len(g.nodes)
	n := &node{id: fmt.Sprintf("n%d", i+1)}
	n.server = &server{name: "lockd-" + n.id, dir: filepath.Join(g.bed.dir, "lockd-"+n.id), env: g.bed.env}
	host, port, peer := "127.0.0.1", freePort(), freePort()
	if g.lab != nil {
		host = g.lab.address(i)
		n.args = append(g.lab.within(i), g.bed.lockd, "--bind", host, "--protected-mode=no", "--peer-insecure=yes")
	} else {
		n.args = []string{g.bed.lockd}
	}
	n.addr, n.peer = host+":"+port, host+":"+peer
	n.args = append(n.args, "--node-id", n.id, "--cluster-port", peer, "--port", port,
		"--dir", filepath.Join(n.dir, "data"))
	n.args = append(n.args, g.bed.lockdArgs...)
	return n
}

// stop ends all nodes at once.
func (g *group) stop() {
	for _, n := range g.nodes {
		if n.cmd != nil && n.cmd.Process != nil {
			n.kill()
		}
	}
}

// info asks a node for figures.
func (n *node) info(section string) (map[string]string, error) {
	text, err := n.ask("INFO", section)
	if err != nil {
		return nil, err
	}
	figures := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			figures[name] = value
		}
	}
	return figures, nil
}

// leader waits until exactly one node says that it leads and that all commands work.
func (g *group) leader() (*node, error) {
	var last error
	for end := time.Now().Add(settleWithin); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var leaders []*node
		for _, n := range g.nodes {
			figures, err := n.info("replication")
			if err != nil {
				last = fmt.Errorf("%s: %w", n.id, err)
			} else if figures["role"] == "master" {
				leaders = append(leaders, n)
			}
		}
		if len(leaders) == 1 {
			return leaders[0], nil
		}
	}
	return nil, fmt.Errorf("no leader, or several, for %s (%w)", settleWithin, last)
}

// caughtUp waits until a node has applied all that the leader has committed by now.
func (g *group) caughtUp(n *node) error {
	leader, err := g.leader()
	if err != nil {
		return err
	}
	want, err := leader.committed()
	if err != nil {
		return err
	}
	for end := time.Now().Add(settleWithin); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		figures, err := n.info("raft")
		if err != nil {
			continue // it may still be starting
		}
		if got, _ := strconv.ParseUint(figures["raft_applied_index"], 10, 64); got >= want {
			return nil
		}
	}
	return fmt.Errorf("%s did not catch up in %s; the end of what it wrote:\n%s", n.id, settleWithin,
		tail(n.output()))
}

// committed is the index of the last entry that a node knows to be committed.
func (n *node) committed() (uint64, error) {
	figures, err := n.info("raft")
	if err != nil {
		return 0, err
	}
	index, err := strconv.ParseUint(figures["raft_commit_index"], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("INFO raft of %s has no commit index: %w", n.id, err)
	}
	return index, nil
}

// lead hands leadership to a node and waits until it leads.
func (g *group) lead(n *node) error {
	for end := time.Now().Add(settleWithin); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		leader, err := g.leader()
		if err != nil || leader == n {
			return err
		}
		if _, err := leader.ask("RAFT.TRANSFER", n.id); err != nil {
			progress("RAFT.TRANSFER %s: %v", n.id, err)
		}
	}
	return fmt.Errorf("leadership could not be handed to %s", n.id)
}

// through is the cluster for a load by way of some of its nodes.
func (g *group) through(nodes ...*node) endpoint {
	e := endpoint{name: "lockd", cpu: g.cpu}
	for _, n := range nodes {
		e.addrs = append(e.addrs, n.addr)
	}
	return e
}

// leaderLast are all nodes; a single client gets the first of them.
func (g *group) leaderLast() ([]*node, error) {
	leader, err := g.leader()
	all := slices.DeleteFunc(slices.Clone(g.nodes), func(n *node) bool { return n == leader })
	return append(all, leader), err
}

// cpu is the processor time of all nodes.
func (g *group) cpu() (sum time.Duration) {
	for _, n := range g.nodes {
		sum += n.server.cpu()
	}
	return sum
}
