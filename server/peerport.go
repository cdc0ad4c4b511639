// This file opens the cluster port, where the other nodes reach this one.

package server

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"syscall"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/peer"
)

// openPeerPort opens the cluster port and tells under which address the others reach it. A node that is alone
// goes on without it where the port is taken: somebody tries out a second one on the same machine.
func (s *Server) openPeerPort(ctx context.Context) (cluster.Network, string, error) {
	m, err := cluster.ReadMembership(s.store.Stable)
	if err != nil {
		return nil, "", WithExit(ExitDataDir, err)
	}
	alone := !s.cfg.Cluster.Planned() && (m == nil || m.Alone())
	bind, err := s.cfg.ClusterBind(alone)
	if err != nil {
		return nil, "", WithExit(ExitUsage, err)
	}
	listeners, port, err := listenOn(bind, s.cfg.PeerPort())
	if err != nil && alone && errors.Is(err, syscall.EADDRINUSE) {
		s.log.Warn("the cluster port is in use by another program: this node goes on alone, and no other node can "+
			"join it; give another --cluster-port", "error", err)
		return nil, net.JoinHostPort("127.0.0.1", strconv.Itoa(s.cfg.PeerPort())), nil
	}
	if err != nil {
		return nil, "", err
	}
	address, err := s.cfg.Advertised(ctx, port, alone)
	was := m.AddressOf(s.nodeID)
	if _, at, _ := net.SplitHostPort(was); s.cfg.Cluster.Advertise == "" && !s.cfg.Cluster.Planned() &&
		at == strconv.Itoa(port) {
		address = was // as it was when the settings still said it
	}
	if err != nil {
		closeAll(listeners)
		return nil, "", WithExit(ExitUsage, err)
	}
	o := peer.Options{
		Listener: join(listeners), Advertise: address, Resolve: s.cfg.Cluster.resolve, Log: s.log,
		RaftLogger: s.store.Logger,
	}
	if k := s.cfg.Cluster; k.Secured() {
		o.TLS = &peer.TLS{CertFile: k.CertFile, KeyFile: k.KeyFile, CAFile: k.CACertFile}
	}
	if s.peers, err = peer.Listen(o); err != nil {
		return nil, "", WithExit(ExitUsage, err)
	}
	return s.peers, address, nil
}

// resolve is where a member is that raft knows under an address: the list of members may have been changed
// since.
func (c Cluster) resolve(address string) string { return address }

// joined is several listeners as one.
type joined struct {
	all      []net.Listener
	accepted chan accepted
	stop     chan struct{}
	once     sync.Once
}

type accepted struct {
	conn net.Conn
	err  error
}

// join makes one listener of several.
func join(all []net.Listener) net.Listener {
	if len(all) == 1 {
		return all[0]
	}
	j := &joined{all: all, accepted: make(chan accepted), stop: make(chan struct{})}
	for _, ln := range all {
		go j.accept(ln)
	}
	return j
}

func (j *joined) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		select {
		case j.accepted <- accepted{c, err}:
		case <-j.stop:
			if err == nil {
				_ = c.Close() // nobody is there any more
			}
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// Accept implements net.Listener.
func (j *joined) Accept() (net.Conn, error) {
	select {
	case a := <-j.accepted:
		return a.conn, a.err
	case <-j.stop:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (j *joined) Close() error {
	j.once.Do(func() {
		close(j.stop)
		closeAll(j.all)
	})
	return nil
}

// Addr implements net.Listener: the first address stands for all.
func (j *joined) Addr() net.Addr { return j.all[0].Addr() }
