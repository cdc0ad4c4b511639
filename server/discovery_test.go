package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/divtxt/lockd/session"
)

// freePort is a port that nobody uses now.
func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func TestAnnounced(t *testing.T) {
	for _, c := range []struct {
		name string
		from Source
		want string
	}{
		{"by default", said(), "127.0.0.1:7"},
		{"all views", said("sentinel-port", "26379", "cluster-view-port", "7000"), "127.0.0.1:7;sentinel=26379;cluster=7000"},
		{"said", said("announce-host", "db.example", "announce-port", "9", "bind", "*"), "db.example:9"},
		{"one address", said("bind", "127.0.0.1 10.1.2.3"), "10.1.2.3:7"},
		{"listed", said("cluster", "n1=db1.example:1,n2=db2.example:1", "node-id", "n1", "bind", "* -::*", "peer-insecure", "yes"),
			"db1.example:7"},
		{"listed, on one address", said("cluster", "n1=db1.example:1,n2=db2.example:1", "node-id", "n1", "bind", "10.1.2.3",
			"peer-insecure", "yes"), "10.1.2.3:7"},
		{"IPv6", said("announce-host", "fd00::1"), "[fd00::1]:7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings, _, err := Load(c.from)
			if err != nil {
				t.Fatal(err)
			}
			own, err := settings.Config().announced(t.Context(), 7)
			if got := (&views{own: own}).client(); got != c.want || err != nil {
				t.Errorf("announces %q, %v; want %q", got, err, c.want)
			}
		})
	}
	cfg := Defaults()
	cfg.Network.Bind = []string{"*"}
	own, err := cfg.announced(t.Context(), 7)
	if err != nil || own.Host == "" || strings.ContainsAny(own.Host, "*") || own.Host == "0.0.0.0" {
		t.Errorf("of all addresses it announces %q, %v", own.Host, err)
	}
	cfg.Discovery.Host = "no host"
	if _, err := cfg.announced(t.Context(), 7); ExitCode(err) != ExitUsage || !strings.Contains(err.Error(), "announce-host") {
		t.Error(err)
	}
	if v := (views{own: session.ClientAddress{Host: "h"}}); v.client() != "" {
		t.Error("a node without a port announces " + v.client())
	}
}

func TestDiscoverySettings(t *testing.T) {
	for _, c := range []struct {
		from Source
		want string
	}{
		{said("sentinel-port", "6380"), "sentinel-port: 6380 is port, tls-port or cluster-port too"},
		{said("cluster-view-port", "16380"), "cluster-view-port: 16380 is port, tls-port or cluster-port too"},
		{said("sentinel-port", "7", "cluster-view-port", "7"), "cluster-view-port: 7 is sentinel-port too"},
		{said("sentinel-master-name", "a b"), "sentinel-master-name: a name has"},
		{said("sentinel-master-name", ""), "sentinel-master-name: a name has"},
	} {
		if _, _, err := Load(c.from); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v; want %q", err, c.want)
		}
	}
}

// TestViews: a node alone is found by go-redis as the master of Sentinels, and as a Redis Cluster.
func TestViews(t *testing.T) {
	sentinelPort, clusterPort := freePort(t), freePort(t)
	settings, _, err := Load(said("port", "0", "dir", t.TempDir(), "sentinel-port", strconv.Itoa(sentinelPort),
		"sentinel-master-name", "locks", "cluster-view-port", strconv.Itoa(clusterPort), "requirepass", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	log, cfg := slog.New(slog.DiscardHandler), settings.Config()
	s, err := Start(t.Context(), cfg, settings, log, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openViews(t.Context(), cfg, 1); err == nil || !strings.Contains(err.Error(), "sentinel-port: ") {
		t.Errorf("a port that is taken: %v", err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	sentinels := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: "locks", SentinelAddrs: []string{fmt.Sprintf("127.0.0.1:%d", sentinelPort)}, Password: "secret",
	})
	defer sentinels.Close()
	if got, err := sentinels.SetNX(ctx, "k", "a", time.Minute).Result(); !got || err != nil {
		t.Errorf("through the Sentinel: %v %v", got, err)
	}
	cluster := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{fmt.Sprintf("127.0.0.1:%d", clusterPort)}, Password: "secret",
	})
	defer cluster.Close()
	if got, err := cluster.Get(ctx, "k").Result(); got != "a" || err != nil {
		t.Errorf("as a cluster: %q %v", got, err)
	}
}
