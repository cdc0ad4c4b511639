// A cluster of processes.

package real

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Cluster is some nodes in one folder. The first is called n1.
type Cluster struct {
	Dir   string
	Bin   string
	Nodes []*Node
	Args  []string     // for every node
	Net   *Network     // nil: all on 127.0.0.1
	ports map[int]bool // that freePort has given

	// Control gives each node that is made from now on a socket for the faults of disk and clocks.
	Control bool
	// DiskBytes, if not 0, gives each node that is made from now on a disk of its own, of that size.
	DiskBytes int64
}

// NewNode adds a node that is not started, with free ports. Its arguments name it and no cluster.
func (c *Cluster) NewNode(id string) (*Node, error) {
	n := &Node{
		ID: id, Host: "127.0.0.1", bin: c.Bin,
		Dir: filepath.Join(c.Dir, id), Log: filepath.Join(c.Dir, id+".log"),
	}
	if c.Control {
		n.hand = filepath.Join(c.Dir, id+".hand")
	}
	if err := c.mount(n); err != nil {
		return nil, err
	}
	if c.Net != nil {
		if err := c.Net.Join(n); err != nil {
			return nil, err
		}
	}
	var err error
	if n.Port, err = c.freePort(); err != nil {
		return nil, err
	}
	if n.Peers, err = c.freePort(); err != nil {
		return nil, err
	}
	n.Args = append([]string{"--node-id", id}, c.Args...)
	if c.Net != nil {
		n.Args = append(n.Args, "--bind", n.Host, "--protected-mode", "no", "--peer-insecure", "yes",
			"--cluster-bind", n.Host)
	}
	c.Nodes = append(c.Nodes, n)
	return n, nil
}

// freePort finds a port below those that the system gives to outgoing connections: those could take it while
// a node is down. No two calls give the same one: nobody listens yet on those that were given before.
func (c *Cluster) freePort() (int, error) {
	if c.ports == nil {
		c.ports = map[int]bool{}
	}
	for range 100 {
		port := 11000 + rand.IntN(20000)
		if c.ports[port] {
			continue
		}
		if ln, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			c.ports[port] = true
			return port, ln.Close()
		}
	}
	return 0, errors.New("no free port after 100 tries")
}

// Form makes n nodes that name each other and starts them; a single one is a lockd as it runs by default.
func (c *Cluster) Form(n int) error {
	for i := range n {
		if _, err := c.NewNode(fmt.Sprintf("n%d", i+1)); err != nil {
			return err
		}
	}
	if n > 1 {
		members := c.Members()
		for _, node := range c.Nodes {
			node.Args = append(node.Args, "--cluster", members)
		}
	}
	for _, node := range c.Nodes {
		if err := node.Start(); err != nil {
			return err
		}
	}
	return c.AwaitServing()
}

// Members is the cluster as --cluster takes it.
func (c *Cluster) Members() string {
	var list []string
	for _, n := range c.Nodes {
		list = append(list, n.ID+"="+n.PeerAddr())
	}
	return strings.Join(list, ",")
}

// patience is how long a cluster may take to form, or a node to come back. It says nothing about what is
// good, only about what is no longer a matter of a busy machine.
const patience = 20 * time.Second

// AwaitServing waits until all running nodes serve.
func (c *Cluster) AwaitServing() error {
	for _, n := range c.Nodes {
		if n.Running() && !n.frozen {
			if err := n.AwaitServing(patience); err != nil {
				return err
			}
		}
	}
	return nil
}

// Leader waits until a running node other than those given says that it leads, and returns that of the
// newest term: one that was cut off may still believe it.
func (c *Cluster) Leader(but ...*Node) (*Node, error) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var leader *Node
		newest := 0
		for _, n := range c.Nodes {
			if !n.Running() || n.frozen || among(n, but) {
				continue
			}
			if term, leads := n.leads(); leads && term > newest {
				leader, newest = n, term
			}
		}
		if leader != nil {
			return leader, nil
		}
	}
	return nil, fmt.Errorf("no node leads after %v", patience)
}

func among(n *Node, list []*Node) bool {
	for _, other := range list {
		if other == n {
			return true
		}
	}
	return false
}

// leads asks the node for its term and whether it leads.
func (n *Node) leads() (term int, leads bool) {
	info := n.Info("raft")
	term, err := strconv.Atoi(info["raft_term"])
	return term, err == nil && info["raft_role"] == "leader"
}

// Info is a section of INFO; empty if the node does not answer.
func (n *Node) Info(section string) map[string]string {
	fields := map[string]string{}
	reply, err := n.Ask(2*time.Second, "INFO", section)
	text, ok := reply.(string)
	if err != nil || !ok {
		return fields
	}
	for line := range strings.SplitSeq(text, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = value
		}
	}
	return fields
}

// Follower is some running node that does not lead.
func (c *Cluster) Follower() (*Node, error) {
	leader, err := c.Leader()
	if err != nil {
		return nil, err
	}
	for _, n := range c.Nodes {
		if n != leader && n.Running() {
			return n, nil
		}
	}
	return nil, errors.New("no node follows")
}

// Targets is the running nodes as clients see them.
func (c *Cluster) Targets() []Target {
	var list []Target
	for _, n := range c.Nodes {
		if n.Running() {
			list = append(list, n.Target())
		}
	}
	return list
}

// Forget takes a node that is gone for good off the list.
func (c *Cluster) Forget(gone *Node) {
	var rest []*Node
	for _, n := range c.Nodes {
		if n != gone {
			rest = append(rest, n)
		}
	}
	c.Nodes = rest
	gone.unmount()
}

// Close kills what runs.
func (c *Cluster) Close() {
	for _, n := range c.Nodes {
		n.Kill()
		n.unmount()
	}
	if c.Net != nil {
		c.Net.Close()
	}
}

// Crashes finds what no log may contain.
func (c *Cluster) Crashes() []string {
	logs, err := filepath.Glob(filepath.Join(c.Dir, "*.log"))
	if err != nil || len(logs) == 0 {
		return []string{"there are no logs"}
	}
	var wrong []string
	for _, name := range logs {
		b, err := os.ReadFile(name)
		if err != nil {
			wrong = append(wrong, err.Error())
		}
		for _, bad := range []string{"panic:", "fatal error:", "WARNING: DATA RACE"} {
			if strings.Contains(string(b), bad) {
				wrong = append(wrong, fmt.Sprintf("%s in the log %s", bad, name))
			}
		}
	}
	return wrong
}
