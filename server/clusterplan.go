// This file makes of the cluster settings what the cluster package wants to know: how an empty node comes to
// belong to a cluster, where the cluster port listens, and under which address the others reach it. Settings
// that cannot work together are refused here, before a node starts; the most common mistake, a cluster port
// that listens where nobody can reach it, would else show as a cluster that never gets complete.

package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/divtxt/lockd/cluster"
)

// Planned tells whether the settings speak of a cluster at all.
func (c Cluster) Planned() bool {
	return len(c.Members.List) > 0 || c.Members.Name != "" || len(c.Join) > 0
}

// Secured tells whether the nodes talk with each other through TLS.
func (c Cluster) Secured() bool { return c.CertFile != "" }

// waits tells whether the node is to be added by a leader.
func (c Cluster) waits() bool { return len(c.Join) == 1 && c.Join[0] == joinWait }

// Plan returns how an empty node comes to belong to a cluster.
func (c Cluster) Plan() cluster.Plan {
	switch {
	case c.waits():
		return cluster.Plan{Wait: true}
	case len(c.Join) > 0:
		return cluster.Plan{Join: slices.Clone(c.Join)}
	case c.Members.Name != "":
		return cluster.Plan{Expect: c.Expect, Name: c.Members.Name, Lookup: lookup}
	}
	var plan cluster.Plan
	for _, m := range c.Members.List {
		plan.Members = append(plan.Members, cluster.Peer{ID: m.ID, Address: m.Address})
	}
	return plan
}

// lookup resolves host:port to the addresses of all machines of that name, with the port.
func lookup(ctx context.Context, name string) ([]string, error) {
	host, port, err := net.SplitHostPort(name)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, ip := range ips {
		addresses = append(addresses, net.JoinHostPort(ip.Unmap().String(), port))
	}
	return addresses, nil
}

// ClusterBind returns the addresses at which the cluster port listens, in the form of bind. alone says that
// this node is its whole cluster so far: then nobody needs to reach the port, and without TLS it stays on
// loopback. The error says why a node with others must not open it.
func (c *Config) ClusterBind(alone bool) ([]string, error) {
	bind := c.Cluster.Bind
	if len(bind) == 0 {
		bind = c.Network.Bind
	}
	if c.Cluster.Secured() || c.Cluster.Insecure || allLoopback(bind) {
		return bind, nil
	}
	if alone {
		return []string{"127.0.0.1"}, nil
	}
	return nil, fmt.Errorf("cluster-bind: the cluster port would listen on %s without TLS, where whoever "+
		"reaches it can read and change everything: give --peer-tls-cert-file, --peer-tls-key-file and "+
		"--peer-tls-ca-cert-file, or say --peer-insecure yes in a network that nobody else can enter",
		strings.Join(bind, " "))
}

// allLoopback tells whether only this machine can reach what listens on all of the addresses.
func allLoopback(bind []string) bool {
	return !slices.ContainsFunc(bind, func(host string) bool {
		return !cluster.OnLoopback(net.JoinHostPort(strings.Trim(strings.TrimPrefix(host, "-"), "[]"), "0"))
	})
}

// listed returns what the list of members has for this node, "" if there is none.
func (c *Config) listed() string {
	address, _ := c.Cluster.Members.find(c.Storage.NodeID)
	return address
}

// listedPort is the port of listed, 0 if there is none.
func (c *Config) listedPort() int {
	_, port, err := net.SplitHostPort(c.listed())
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(port) // checked when it was read
	return n
}

// Advertised returns the host:port at which the other nodes reach the cluster port, which is port in fact.
// alone is as in ClusterBind.
func (c *Config) Advertised(ctx context.Context, port int, alone bool) (string, error) {
	if c.Cluster.Advertise != "" {
		return c.Cluster.Advertise, nil
	}
	if listed := c.listed(); listed != "" {
		return listed, nil
	}
	bind, err := c.ClusterBind(alone)
	if err != nil {
		return "", err
	}
	host, err := advertisedHost(ctx, bind, alone)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// advertisedHost finds out how others reach this machine: at the one address that the port listens on, by
// this machine's name, or at the address that it reaches others from.
func advertisedHost(ctx context.Context, bind []string, alone bool) (string, error) {
	for _, host := range bind {
		host = hostOf(strings.TrimPrefix(host, "-"))
		ip, err := netip.ParseAddr(host)
		switch {
		case allLoopback(bind):
			return host, nil
		case err == nil && !ip.IsUnspecified() && !ip.IsLoopback():
			return host, nil
		}
	}
	if alone {
		return "127.0.0.1", nil
	}
	name, err := os.Hostname()
	if err == nil && name != "" && resolvesOutside(ctx, name) {
		return name, nil
	}
	// Nothing is sent: connecting a UDP socket only chooses the interface. The address is one of those
	// reserved for documents (RFC 5737).
	conn, err := new(net.Dialer).DialContext(ctx, "udp", "192.0.2.1:9")
	if err != nil {
		return "", fmt.Errorf("advertise: it cannot be found out how other nodes reach this machine: "+
			"give --advertise host:port (%w)", err)
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return host, err
}

// resolvesOutside tells whether a name leads to addresses of which none is loopback. Some systems have their
// own name at 127.0.1.1, which is the wrong answer for everybody else.
func resolvesOutside(ctx context.Context, name string) bool {
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	return err == nil && len(ips) > 0 && !slices.ContainsFunc(ips, func(ip netip.Addr) bool {
		return ip.Unmap().IsLoopback() || ip.IsUnspecified()
	})
}

// checkCluster finds cluster settings that do not go together.
func checkCluster(c *Config) []error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	k, m := c.Cluster, c.Cluster.Members
	refuse(m.Text != "" && len(k.Join) > 0,
		"join: a node either forms a new cluster (cluster) or is taken into one that is there (join): "+
			"give one of them")
	refuse(k.Expect > 0 && m.Name == "",
		"expect: it counts the nodes that a name resolves to, and cluster is no name: give --cluster host:port "+
			"of a name that resolves to all nodes, or leave expect out")
	refuse(m.Name != "" && k.Expect == 0,
		"cluster: %s is a name: say with --expect how many nodes it is to resolve to at the first start", m.Name)
	if len(m.List) > 0 {
		errs = append(errs, checkListed(c)...)
	}
	errs = append(errs, checkReach(c)...)
	files := []string{k.CertFile, k.KeyFile, k.CACertFile}
	refuse(slices.Contains(files, "") && slices.ContainsFunc(files, func(f string) bool { return f != "" }),
		"peer-tls-*: the nodes show certificates to each other: give peer-tls-cert-file, peer-tls-key-file and "+
			"peer-tls-ca-cert-file, all three or none")
	refuse(c.Timing.NodeTimeout < 2*c.Timing.Heartbeat,
		"node-timeout: is less than two heartbeats (%v): a node would be given up before it can be heard",
		2*c.Timing.Heartbeat)
	return errs
}

// checkListed looks for this node in the list of members.
func checkListed(c *Config) []error {
	m := c.Cluster.Members
	listed, found := m.find(c.Storage.NodeID)
	switch {
	case c.Storage.NodeID == "":
		return []error{fmt.Errorf("node-id: cluster lists %s: say by --node-id which of them this node is",
			m.ids())}
	case !found:
		return []error{fmt.Errorf("node-id: %s is none of the nodes that cluster lists (%s): correct one of "+
			"the two", c.Storage.NodeID, m.ids())}
	case c.Cluster.Advertise != "" && c.Cluster.Advertise != listed:
		return []error{fmt.Errorf("advertise: is %s, and cluster lists this node at %s: other nodes must know it "+
			"under one address: leave advertise out, or change the list on all nodes", c.Cluster.Advertise, listed)}
	}
	return nil
}

// checkReach looks for addresses that cannot be reached from where the other nodes are.
func checkReach(c *Config) []error {
	k := c.Cluster
	if !k.Planned() {
		return nil
	}
	var near, far string // an address that only its own machine reaches, and one of another machine
	for _, address := range c.others() {
		if cluster.OnLoopback(address) {
			near = address
		} else {
			far = address
		}
	}
	if len(k.Members.List) > 0 && near != "" && far != "" {
		return []error{fmt.Errorf("cluster: %s is reached by its own machine alone, and %s is on another: list "+
			"addresses that all nodes reach", near, far)}
	}
	own := k.Advertise
	if own == "" {
		own = c.listed()
	}
	if own != "" && cluster.OnLoopback(own) && far != "" {
		return []error{fmt.Errorf("advertise: %s is reached by this machine alone, and %s is on another: give "+
			"an address or a name at which the other nodes reach this one", own, far)}
	}
	bind, err := c.ClusterBind(false)
	if err != nil {
		return []error{err}
	}
	if far != "" && allLoopback(bind) {
		return []error{fmt.Errorf("cluster-bind: the cluster port would listen on %s, where other machines such "+
			"as %s cannot reach it: give --cluster-bind '*' or an address of this machine, and the peer-tls-* files "+
			"(or, in a network that nobody else can enter, --peer-insecure yes)", strings.Join(bind, " "), far)}
	}
	return nil
}

// others are the addresses at which the settings expect other nodes.
func (c *Config) others() []string {
	k := c.Cluster
	var all []string
	for _, m := range k.Members.List {
		all = append(all, m.Address)
	}
	if k.Members.Name != "" {
		all = append(all, k.Members.Name)
	}
	if !k.waits() {
		all = append(all, k.Join...)
	}
	return all
}

// checkFiles reads the certificates, so that a wrong file is found before the first connection needs it.
func (c Cluster) checkFiles() []error {
	if c.CertFile == "" || c.KeyFile == "" || c.CACertFile == "" {
		return nil
	}
	var errs []error
	if _, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile); err != nil {
		errs = append(errs,
			fmt.Errorf("peer-tls-cert-file %s, peer-tls-key-file %s: %w", c.CertFile, c.KeyFile, err))
	}
	text, err := os.ReadFile(c.CACertFile)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(text) {
		err = errors.New("it holds no certificate")
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("peer-tls-ca-cert-file %s: %w", c.CACertFile, err))
	}
	return errs
}
