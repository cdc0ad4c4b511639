// Nodes that cannot reach each other, in network namespaces. This needs root on Linux; where there is none,
// LOCKD_NO_NETNS=1 says that a person knows what is not tested.

package real

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// withNetwork makes a cluster whose nodes have namespaces of their own.
func withNetwork(t *testing.T, args ...string) *Cluster {
	t.Helper()
	w := aNetwork(t)
	c := newCluster(t, args...) // which closes it
	c.Net = w
	return c
}

// aNetwork makes a network, where there may be one.
func aNetwork(t *testing.T) *Network {
	t.Helper()
	if os.Getenv("LOCKD_NO_NETNS") == "1" {
		t.Skip("LOCKD_NO_NETNS=1")
	}
	w, err := NewNetwork()
	if err != nil {
		t.Fatalf("%v\nWithout root or network namespaces, LOCKD_NO_NETNS=1 leaves these scenarios out.", err)
	}
	return w
}

// beginApart starts three nodes that can be cut off. What is sent through a node that is cut off has no known
// outcome after command-timeout.
func beginApart(t *testing.T) *scenario {
	t.Helper()
	return beginOn(t, withNetwork(t, "--command-timeout", "2s"), 3)
}

// TestLeaderPartitioned cuts the leader off from both others. They elect a new one; the old one must neither
// grant nor answer reads meanwhile, and serves again when it is back.
func TestLeaderPartitioned(t *testing.T) {
	onRequest(t)
	s := beginApart(t)
	for range times(1, 10) {
		old := s.leader()
		s.apart(old, true, true)
		if now := s.leader(); now == old {
			s.Errorf("%s was cut off and leads again in a term of its own", old.ID)
		}
	}
	s.apart(s.follower(), true, true)
	s.finish()
}

// TestLeaderPartitionedOneWay lets the leader speak and not hear, then hear and not speak.
func TestLeaderPartitionedOneWay(t *testing.T) {
	onRequest(t)
	s := beginApart(t)
	for range times(1, 10) {
		s.apart(s.leader(), true, false)
		s.apart(s.leader(), false, true)
	}
	s.finish()
}

// apart cuts the ways to a node, from it, or both, while clients work on all nodes, and heals them.
func (s *scenario) apart(n *Node, to, from bool) {
	s.Helper()
	back := s.excuse(n, false)
	s.ways(n, to, from, s.Net.Cut)
	s.leader(n)
	s.settle(n)
	s.goOn(2 * time.Second)
	s.ways(n, to, from, s.Net.Heal)
	s.settle()
	back()
	s.settle()
}

func (s *scenario) ways(n *Node, to, from bool, change func(a, b *Node) error) {
	s.Helper()
	for _, other := range s.Nodes {
		if other == n {
			continue
		}
		if to {
			s.must(change(other, n))
		}
		if from {
			s.must(change(n, other))
		}
	}
}

// TestLeaderCutOffFromOne cuts the way between the leader and one follower, while both still reach the third.
// The one that hears no leader must not depose it again and again.
func TestLeaderCutOffFromOne(t *testing.T) {
	onRequest(t)
	s := beginApart(t)
	leader, follower := s.leader(), s.follower()
	term, _ := leader.leads()
	back := s.excuse(follower, false)
	s.must(s.Net.Cut(leader, follower))
	s.must(s.Net.Cut(follower, leader))
	s.settle(follower)
	s.goOn(2 * time.Second)
	if now, leads := leader.leads(); !leads || now != term {
		s.Errorf("%s led term %d and was deposed, though the third node heard it: it is in term %d now (leads: %v)",
			leader.ID, term, now, leads)
	}
	s.must(s.Net.Heal(leader, follower))
	s.must(s.Net.Heal(follower, leader))
	s.settle()
	back()
	s.settle()
	s.finish()
}

// TestExpect forms a cluster of nodes that know only a name, and how many they are. The name leads to all of
// them, as that of a service does in docker-compose or of a headless service in Kubernetes.
func TestExpect(t *testing.T) {
	onRequest(t)
	c := withNetwork(t)
	port, err := c.freePort()
	if err != nil {
		t.Fatal(err)
	}
	hosts := "127.0.0.1 localhost\n"
	for _, id := range []string{"n1", "n2", "n3"} {
		n, err := c.NewNode(id)
		if err != nil {
			t.Fatal(err)
		}
		n.Peers = port
		hosts += n.Host + " lockd\n"
	}
	for _, n := range c.Nodes {
		n.Args = append(n.Args, "--expect", "3", "--cluster", "lockd:"+itoa(port), "--advertise", n.PeerAddr())
		etc := filepath.Join("/etc/netns", n.Netns) // `ip netns exec` shows these files in place of those of /etc
		if err := os.MkdirAll(etc, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(etc) })
		if err := os.WriteFile(filepath.Join(etc, "hosts"), []byte(hosts), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Two of three must not begin without the third.
	for _, n := range c.Nodes[:2] {
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Nodes[0].AwaitServing(2 * time.Second); err == nil {
		t.Error("two nodes of three expected ones have begun")
	}
	if err := c.Nodes[2].Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitServing(); err != nil {
		t.Fatal(err)
	}
	s := underLoad(t, c)
	s.killAndRestart(s.leader())
	s.finish()
}
