// Three nodes of lockd for the libraries, and the death of their leader.
package compat_test

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// trio is three nodes.
type trio struct {
	t     *testing.T
	nodes []*node
}

type node struct {
	addr string
	cmd  *exec.Cmd
}

func startThree(t *testing.T) *trio { return startTrio(t, func(int) []string { return nil }) }

// startTrio starts three nodes, each with the flags that more gives for its number, and waits for their leader.
func startTrio(t *testing.T, more func(node int) []string) *trio {
	dir := t.TempDir()
	program := buildLockd(t, dir)
	g := &trio{t: t}
	ports := freePorts(t, 6) // three for clients, three for peers
	var members []string
	for i, port := range ports[3:] {
		members = append(members, fmt.Sprintf("n%d=127.0.0.1:%s", i+1, port))
	}
	for i, port := range ports[:3] {
		name, _, _ := strings.Cut(members[i], "=")
		cmd := exec.Command(program, append([]string{"--node-id", name, "--cluster", strings.Join(members, ","),
			"--port", port, "--cluster-port", ports[3+i], "--dir", filepath.Join(dir, name),
			"--log-level", "warn"}, more(i+1)...)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		g.nodes = append(g.nodes, &node{net.JoinHostPort("127.0.0.1", port), cmd})
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	g.leader()
	return g
}

func (g *trio) addrs() (all []string) {
	for _, n := range g.nodes {
		all = append(all, n.addr)
	}
	return all
}

// leader is the node that says that it leads, once all nodes answer.
func (g *trio) leader() *node {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var leader *node
		up := 0
		for _, n := range g.nodes {
			if answers(n.addr) {
				up++
			}
			if n.role() == "master" {
				leader = n
			}
		}
		if leader != nil && up == len(g.nodes) {
			return leader
		}
	}
	g.t.Fatalf("three nodes have no leader after %v", patience)
	return nil
}

// role is what a node says of itself, or nothing.
func (n *node) role() string {
	conn, err := net.DialTimeout("tcp", n.addr, time.Second)
	if err != nil {
		return ""
	}
	defer conn.Close()
	p := &peer{conn: conn, in: bufio.NewReader(conn)}
	replies, err := p.do([][]string{{"ROLE"}}, true)
	if err != nil {
		return ""
	}
	if strings.Contains(replies[0], "\nmaster\r") {
		return "master"
	}
	return "slave"
}

// follower is the address of a node that does not lead, and what kills the one that does.
func (g *trio) follower() (addr string, kill func() error) {
	leader := g.leader()
	for _, n := range g.nodes {
		if n != leader {
			addr = n.addr
		}
	}
	return addr, func() error {
		// Under load another may have been elected; that it is the one whom all clients know is another test.
		leader := g.leader()
		if leader.addr == addr {
			return fmt.Errorf("node %s, whose address the libraries know, has become the leader", addr)
		}
		g.t.Logf("kill -9 of %s, the leader", leader.addr)
		return leader.cmd.Process.Kill()
	}
}
