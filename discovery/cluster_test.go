package discovery

import (
	"fmt"
	"strings"
	"testing"

	"github.com/divtxt/lockd/session"
)

// slotsOf is CLUSTER SLOTS of a group whose nodes are in this order.
func slotsOf(nodes ...*node) string {
	parts := []string{":0", ":16383"}
	for _, n := range nodes {
		parts = append(parts, fmt.Sprintf("*[127.0.0.1 :%d %s *[]]", n.own.ClusterViewPort, clusterID(n.watcher.latest.Load().self.ID)))
	}
	return "*[*[" + strings.Join(parts, " ") + "]]"
}

// TestMoved: a node that does not lead says who does, for commands on keys and for nothing else, and every
// node tells the same.
func TestMoved(t *testing.T) {
	g, nodes := startGroup(t, 3)
	a, b := dial(t, nodes[0].own.ClusterViewPort), dial(t, nodes[1].own.ClusterViewPort)
	moved := func(slot int, to *node) string {
		return fmt.Sprintf("-MOVED %d 127.0.0.1:%d", slot, to.own.ClusterViewPort)
	}
	a.want("SET foo x", "OK")
	for line, slot := range map[string]int{
		"SET foo x": 12182, "GET foo": 12182, "MGET x{foo} a": 12182, "DEL {}foo": 9500, "LOCK foo me 1000": 12182,
	} {
		b.want(line, moved(slot, nodes[0]))
	}
	b.want("PING", "PONG")
	b.want("DBSIZE", "OK") // the map's word for everything
	b.want("READONLY", "OK")
	b.want("GET foo", "x")
	b.want("SET foo y", moved(12182, nodes[0]))
	b.want("READWRITE", "OK")
	b.want("GET foo", moved(12182, nodes[0]))
	b.want("CLUSTER SLOTS", slotsOf(nodes[0], nodes[1], nodes[2]))

	g.lead("n2")
	eventually(t, "n2 serves", func() bool { return b.do("GET foo") == "x" })
	eventually(t, "n1 redirects", func() bool { return a.do("GET foo") == moved(12182, nodes[1]) })
	a.want("CLUSTER SLOTS", slotsOf(nodes[1], nodes[0], nodes[2]))
	g.set("n1", func(p *session.Peer) { p.Up = false })
	eventually(t, "who is down has no slots", func() bool { return b.do("CLUSTER SLOTS") == slotsOf(nodes[1], nodes[2]) })
	if got := b.do("CLUSTER NODES"); !strings.Contains(got, clusterID("n1")) || !strings.Contains(got, " slave,fail ") {
		t.Error(got)
	}
	// A leader without the view cannot be named; everybody hands on what comes.
	g.set("n2", func(p *session.Peer) { p.ClusterViewPort = 0 })
	eventually(t, "n1 hands on", func() bool { return a.do("GET foo") == "x" })
}

// TestWithoutLeader: each node takes what comes for a while, and then says that the cluster is down.
func TestWithoutLeader(t *testing.T) {
	g, nodes := startGroup(t, 3)
	k := dial(t, nodes[1].own.ClusterViewPort)
	k.want("CLUSTER SLOTS", slotsOf(nodes[0], nodes[1], nodes[2]))
	g.lead("")
	eventually(t, "it takes commands", func() bool { return k.do("SET foo x") == "OK" })
	k.want("CLUSTER SLOTS", slotsOf(nodes[1], nodes[0], nodes[2]))
	if got := k.do("CLUSTER INFO"); !strings.HasPrefix(got, "cluster_state:ok\r\n") {
		t.Error(got)
	}
	// The same moment, seen by a view that has no patience.
	ln := listen(t)
	hasty := nodes[1].hub.As(session.ModeCluster, &Cluster{group: nodes[1].watcher})
	go func() { _ = nodes[1].server.ServeAs(ln, nil, hasty) }()
	k = dial(t, port(ln))
	k.want("GET foo", "-CLUSTERDOWN The cluster is down")
	k.want("PING", "PONG")
	if got := k.do("CLUSTER INFO"); !strings.HasPrefix(got, "cluster_state:fail\r\n") || !strings.Contains(got, "slots_ok:0\r\n") {
		t.Error(got)
	}
	k.want("READONLY", "OK")
	k.want("GET foo", "x") // stale reads were asked for
	k.want("READWRITE", "OK")
	g.lead("n2")
	eventually(t, "it is up again", func() bool { return k.do("SET foo y") == "OK" })
}

func TestClusterInfo(t *testing.T) {
	_, nodes := startGroup(t, 3)
	got := dial(t, nodes[1].own.ClusterViewPort).do("CLUSTER INFO")
	if want := "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\ncluster_slots_pfail:0\r\n" +
		"cluster_slots_fail:0\r\ncluster_known_nodes:3\r\ncluster_size:1\r\n"; !strings.HasPrefix(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestClusterOrders: what would change a Redis Cluster is refused with a reason, and there is one database.
func TestClusterOrders(t *testing.T) {
	_, nodes := startGroup(t, 1)
	k := dial(t, nodes[0].own.ClusterViewPort)
	for _, line := range []string{"FAILOVER", "MEET 127.0.0.1 7000", "FORGET x", "ADDSLOTS 1", "RESET", "SAVECONFIG"} {
		if got := k.do("CLUSTER " + line); !strings.Contains(got, "RAFT.ADD") || got[0] != '-' {
			t.Errorf("%s: %s", line, got)
		}
	}
	if got := k.do("CLUSTER COUNTKEYSINSLOT 1"); !strings.Contains(got, "not kept by slot") {
		t.Error(got)
	}
	k.want("MOVE a 1", "-ERR MOVE is not allowed in cluster mode")
	k.want("SWAPDB 0 1", "-ERR SWAPDB is not allowed in cluster mode")
	if got := k.do("CLIENT INFO"); !strings.Contains(got, " db=0 ") {
		t.Error(got)
	}
	// The data port of the same node knows nothing of all this.
	data := dial(t, nodes[0].own.Port)
	data.want("CLUSTER SLOTS", "-ERR This instance has cluster support disabled")
	data.want("ASKING", "-ERR This instance has cluster support disabled")
	data.want("SELECT 5", "OK")
	if got := data.do("SENTINEL MASTERS"); !strings.HasPrefix(got, "-ERR unknown command 'SENTINEL'") {
		t.Error(got)
	}
}

func TestKeySlot(t *testing.T) {
	for key, want := range map[string]int{
		"123456789": 0x31c3, "foo": 12182, "{foo}bar": 12182, "a{foo}{bar}": 12182, "": 0, "{}": 15257, "{": 4092,
	} {
		if got := keySlot([]byte(key)); got != want {
			t.Errorf("%q is in slot %d, not in %d", key, want, got)
		}
	}
}
