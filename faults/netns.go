// Nodes in network namespaces of their own, so that the way from one to another can be cut.
//
// Each node has a small network with one router namespace between all of them and the test. A cut is a rule
// of the router that drops what one node sends to another: it works in one direction, neither side is told,
// and connections stay open, as when a cable is pulled. Clients, which come from the test, still reach all.

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Network is a router with nodes around it. It needs root and iproute2.
type Network struct {
	name  string // also the router's namespace
	nodes []string
}

// outside is the network between the test and the router; nodes have 10.213.1.0/24 and so on.
const outside = "10.213.0"

// NewNetwork makes a router. Names of namespaces and devices contain the process' id, addresses do not: one
// network at a time.
func NewNetwork() (*Network, error) {
	if _, err := exec.LookPath("ip"); err != nil {
		return nil, fmt.Errorf("network namespaces need the program ip: apt-get install iproute2: %w", err)
	}
	w := &Network{name: fmt.Sprintf("lf%d", os.Getpid())}
	host := w.name + "h"
	err := w.ip(
		"netns add "+w.name,
		"link add "+host+" type veth peer name host netns "+w.name,
		"addr add "+outside+".1/24 dev "+host,
		"link set "+host+" up",
		"-n "+w.name+" addr add "+outside+".254/24 dev host",
		"-n "+w.name+" link set host up",
		"netns exec "+w.name+" sysctl -q -w net.ipv4.ip_forward=1",
	)
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// ip runs commands of iproute2.
func (w *Network) ip(commands ...string) error {
	for _, command := range commands {
		out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %s: %w: %s", command, err, out)
		}
	}
	return nil
}

// Join gives a node a namespace and an address.
func (w *Network) Join(n *Node) error {
	i := len(w.nodes) + 1
	n.Netns = fmt.Sprintf("%sn%d", w.name, i)
	n.Host = fmt.Sprintf("10.213.%d.1", i)
	w.nodes = append(w.nodes, n.Netns)
	device, router := fmt.Sprintf("node%d", i), fmt.Sprintf("10.213.%d.254", i)
	return w.ip(
		"netns add "+n.Netns,
		"link add "+device+" netns "+w.name+" type veth peer name eth netns "+n.Netns,
		"-n "+w.name+" addr add "+router+"/24 dev "+device,
		"-n "+w.name+" link set "+device+" up",
		"-n "+n.Netns+" addr add "+n.Host+"/24 dev eth",
		"-n "+n.Netns+" link set eth up",
		"-n "+n.Netns+" link set lo up",
		"-n "+n.Netns+" route add default via "+router,
		fmt.Sprintf("route add 10.213.%d.0/24 via %s.254", i, outside),
	)
}

// Cut drops all that from sends to to.
func (w *Network) Cut(from, to *Node) error {
	return w.ip("-n " + w.name + " rule add from " + from.Host + " to " + to.Host + " blackhole")
}

// Heal takes back one Cut.
func (w *Network) Heal(from, to *Node) error {
	return w.ip("-n " + w.name + " rule del from " + from.Host + " to " + to.Host + " blackhole")
}

// Close removes everything. Devices go with their namespaces, a moment later.
func (w *Network) Close() {
	for _, name := range append(w.nodes, w.name) {
		_ = w.ip("netns del " + name)
	}
	for range 100 {
		if w.ip("link show "+w.name+"h") != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
