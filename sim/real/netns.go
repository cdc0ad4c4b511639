// Nodes in network namespaces of their own, so that the way from one to another can be cut.
//
// Each node has a small network with one router namespace between all of them and the test. A cut is a rule
// of the router that drops what one node sends to another: it works in one direction, neither side is told,
// and connections stay open, as when a cable is pulled. Clients, which come from the test, still reach all.

package real

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Network is a router with nodes around it. It needs root and iproute2.
type Network struct {
	name  string // also the router's namespace
	base  string // the first two numbers of all addresses; 10.213.1.0/24 is a node's, with that base
	claim net.Listener
	nodes []string
	skies *skies            // nil in fine weather
	cuts  map[direction]int // how many faults have cut a way
}

// direction is from one node to another.
type direction struct{ from, to *Node }

// NewNetwork makes a router.
func NewNetwork() (*Network, error) {
	if _, err := exec.LookPath("ip"); err != nil {
		return nil, fmt.Errorf("network namespaces need the program ip: apt-get install iproute2: %w", err)
	}
	w := &Network{name: fmt.Sprintf("lf%d", os.Getpid()), cuts: map[direction]int{}}
	if err := w.claimAddresses(); err != nil {
		return nil, err
	}
	host, outside := w.name+"h", w.base+".0"
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

// claimAddresses finds addresses that no other network on this machine has, be it another process' or one
// that a killed process has left behind. A name in the abstract namespace of Unix sockets ends with its
// process.
func (w *Network) claimAddresses() (err error) {
	for second := 213; second < 256; second++ {
		w.base = fmt.Sprintf("10.%d", second)
		if w.claim, err = net.Listen("unix", "@lockd-test-"+w.base); err != nil {
			continue
		}
		routes, failed := exec.Command("ip", "route", "show", "root", w.base+".0.0/16").Output()
		if failed == nil && len(routes) == 0 {
			return nil
		}
		err = errors.Join(fmt.Errorf("%s.0.0 is in use: %s", w.base, routes), failed, w.claim.Close())
	}
	return err
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
	n.Host = fmt.Sprintf("%s.%d.1", w.base, i)
	w.nodes = append(w.nodes, n.Netns)
	device, router := fmt.Sprintf("node%d", i), fmt.Sprintf("%s.%d.254", w.base, i)
	return w.ip(
		"netns add "+n.Netns,
		"link add "+device+" netns "+w.name+" type veth peer name eth netns "+n.Netns,
		"-n "+w.name+" addr add "+router+"/24 dev "+device,
		"-n "+w.name+" link set "+device+" up",
		"-n "+n.Netns+" addr add "+n.Host+"/24 dev eth",
		"-n "+n.Netns+" link set eth up",
		"-n "+n.Netns+" link set lo up",
		"-n "+n.Netns+" route add default via "+router,
		fmt.Sprintf("route add %s.%d.0/24 via %s.0.254", w.base, i, w.base),
	)
}

// Cut drops all that from sends to to. A way may be cut more than once, by faults that meet; the router does
// not take the same rule twice. Not for two goroutines at once.
func (w *Network) Cut(from, to *Node) error {
	w.cuts[direction{from, to}]++
	if w.cuts[direction{from, to}] > 1 {
		return nil
	}
	return w.ip(fmt.Sprintf("-n %s rule add from %s to %s blackhole pref %d",
		w.name, from.Host, to.Host, prefCut))
}

// Heal takes back one Cut: the way is open once all are.
func (w *Network) Heal(from, to *Node) error {
	w.cuts[direction{from, to}]--
	if w.cuts[direction{from, to}] > 0 {
		return nil
	}
	return w.ip("-n " + w.name + " rule del from " + from.Host + " to " + to.Host + " blackhole")
}

// Close removes everything. Devices go with their namespaces, a moment later.
func (w *Network) Close() {
	defer w.claim.Close()
	if w.skies != nil {
		w.skies.close()
	}
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
