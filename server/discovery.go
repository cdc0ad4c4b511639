// This file opens the ports at which the node shows itself as a Redis Sentinel and as one of a Redis Cluster,
// and finds out under which address clients reach it: that is what these views tell, on all nodes.

package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/divtxt/lockd/discovery"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/session"
)

// views are the node's ports for clients that follow a leader. Either may be closed, or both.
type views struct {
	own       session.ClientAddress
	sentinels []net.Listener
	clusters  []net.Listener
	watcher   *discovery.Watcher
	sentinel  *discovery.Sentinel // nil until serve, or without a port
}

// openViews opens the ports that cfg asks for. port is the data port that was opened in fact.
func openViews(ctx context.Context, cfg *Config, port int) (*views, error) {
	own, err := cfg.announced(ctx, port)
	if err != nil {
		return nil, err
	}
	v := &views{own: own}
	if at := cfg.Discovery.SentinelPort; at != 0 {
		if v.sentinels, _, err = listenOn(cfg.Network.Bind, at); err != nil {
			return nil, fmt.Errorf("sentinel-port: %w", err)
		}
	}
	if at := cfg.Discovery.ClusterPort; at != 0 {
		if v.clusters, _, err = listenOn(cfg.Network.Bind, at); err != nil {
			closeAll(v.sentinels)
			return nil, fmt.Errorf("cluster-view-port: %w", err)
		}
	}
	return v, nil
}

// client is what the node tells the others about how clients reach it (cluster.Identity.Client); "" if only
// its own machine can, by a Unix socket.
func (v *views) client() string {
	text, err := session.FormatClient(v.own)
	if err != nil {
		return ""
	}
	return text
}

// dataPort is the port that clients are sent to: the plain one, or that of TLS where there is no other.
func dataPort(cfg *Config, l *Listeners) int {
	if l.Port != 0 {
		return l.Port
	}
	return cfg.TLS.Port
}

// serve begins to accept on the views' ports. conf is nil where the data port is a plain one: clients use
// what they are told with the same settings as the address that they were given. report gets the error of
// a listener that ends.
func (v *views) serve(
	cfg *Config, conf *tls.Config, topology session.Topology, hub *session.Hub, wire *resp.Server,
	log *slog.Logger, report func(error),
) {
	if len(v.sentinels)+len(v.clusters) == 0 {
		return
	}
	v.watcher = discovery.Watch(topology, v.own)
	handler := hub.As(session.ModeCluster, discovery.NewCluster(v.watcher))
	for _, ln := range v.clusters {
		go func() { report(wire.ServeAs(ln, conf, handler)) }()
	}
	if len(v.sentinels) == 0 {
		return
	}
	v.sentinel = discovery.NewSentinel(v.watcher, cfg.Discovery.MasterName, Version, cfg.wireLimits(), log)
	v.apply(cfg)
	for _, ln := range v.sentinels {
		go func() { report(v.sentinel.Accept(ln, conf)) }()
	}
}

// apply keeps the views in step with the settings. A Sentinel has no password of its own, and yet protected
// mode lets in whoever it lets into the data: a password there says that the node is meant to be reached.
func (v *views) apply(c *Config) {
	if v.sentinel == nil {
		return
	}
	v.sentinel.SetRefuse(func(remote net.Addr) (resp.Value, bool) {
		text, refused := Refusal(c.Network.ProtectedMode, c.Security.RequirePass != "", remote)
		return resp.Error(text), refused
	})
}

// close ends the views, before the hub and its server.
func (v *views) close() error {
	closeAll(v.sentinels)
	closeAll(v.clusters)
	if v.watcher != nil {
		v.watcher.Close()
	}
	if v.sentinel != nil {
		return v.sentinel.Close()
	}
	return nil
}

// announced returns where clients reach this node, whose data port is port in fact.
func (c *Config) announced(ctx context.Context, port int) (session.ClientAddress, error) {
	a := session.ClientAddress{
		Host: c.Discovery.Host, Port: c.Discovery.Port,
		SentinelPort: c.Discovery.SentinelPort, ClusterViewPort: c.Discovery.ClusterPort,
	}
	if a.Port == 0 {
		a.Port = port
	}
	if a.Host == "" {
		a.Host = c.announcedHost(ctx)
	}
	if a.Port == 0 {
		return a, nil // a Unix socket alone: nobody is sent here
	}
	_, err := session.FormatClient(a)
	if err != nil {
		err = WithExit(ExitUsage, fmt.Errorf("announce-host: %w", err))
	}
	return a, err
}

// announcedHost is how others reach what listens at bind. If that is all addresses, the host under which the
// other nodes know this one will do for clients too. A machine without any network is reached by itself
// alone.
func (c *Config) announcedHost(ctx context.Context) string {
	known := cmp.Or(c.Cluster.Advertise, c.listed())
	if host, _, err := net.SplitHostPort(known); err == nil && slices.ContainsFunc(c.Network.Bind, onAll) {
		return host
	}
	host, err := advertisedHost(ctx, c.Network.Bind, false)
	if err != nil {
		return "127.0.0.1"
	}
	return host
}

// onAll tells whether an address of bind is all of them.
func onAll(address string) bool {
	ip, err := netip.ParseAddr(hostOf(strings.TrimPrefix(address, "-")))
	return err == nil && ip.IsUnspecified()
}

// checkDiscovery finds settings of the views that do not go together.
func checkDiscovery(c *Config) []error {
	var errs []error
	d := c.Discovery
	for _, view := range []struct {
		name string
		port int
	}{{"sentinel-port", d.SentinelPort}, {"cluster-view-port", d.ClusterPort}} {
		others := []int{c.Network.Port, c.TLS.Port, c.PeerPort()}
		if view.port != 0 && slices.Contains(others, view.port) {
			errs = append(errs, fmt.Errorf("%s: %d is port, tls-port or cluster-port too", view.name, view.port))
		}
	}
	if samePort(d.SentinelPort, d.ClusterPort) {
		errs = append(errs, fmt.Errorf("cluster-view-port: %d is sentinel-port too", d.ClusterPort))
	}
	if name := d.MasterName; name == "" || len(name) > 128 || strings.ContainsFunc(name, unprintable) {
		errs = append(errs, errors.New("sentinel-master-name: a name has 1 to 128 letters, digits and signs, "+
			"and no blanks"))
	}
	return errs
}

// unprintable tells of a letter that would break the lines in which clients read a name.
func unprintable(r rune) bool { return r <= ' ' || r > '~' || r == ',' }
