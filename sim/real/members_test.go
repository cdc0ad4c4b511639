// Nodes that come and go while clients work.

package real

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// joins makes a node ask the others to be taken in.
func (s *scenario) joins(n *Node) {
	var others []string
	for _, other := range s.Nodes {
		if other != n && other.Running() {
			others = append(others, other.PeerAddr())
		}
	}
	n.Args = append([]string{"--node-id", n.ID, "--join", strings.Join(others, ","), "--advertise", n.PeerAddr()},
		s.Args...)
}

// join starts a new node and waits until it has a vote.
func (s *scenario) join(id string) *Node {
	s.Helper()
	n, err := s.NewNode(id)
	s.must(err)
	s.joins(n)
	s.must(n.Start())
	s.must(n.AwaitServing(patience))
	s.awaitVoter(n)
	s.load.SetTargets(s.Targets())
	return n
}

// awaitVoter waits until the cluster counts a node's vote.
func (s *scenario) awaitVoter(n *Node) {
	s.Helper()
	leader := s.leader()
	await(s.T, n.ID+" has a vote", func() bool { return s.role(leader, n.ID) == "voter" })
}

// role is what RAFT.NODES says of a node: voter or nonvoter, or nothing where it is no member.
func (s *scenario) role(asked *Node, id string) string {
	s.Helper()
	nodes, _ := say(s, asked, "RAFT.NODES").([]any)
	for _, one := range nodes {
		fields, _ := one.([]any)
		if field(fields, "id") == id {
			return text(field(fields, "suffrage"))
		}
	}
	return ""
}

// remove takes a node out of the cluster; it must say so itself, and end.
func (s *scenario) remove(n *Node) {
	s.Helper()
	var left []Target
	for _, target := range s.Targets() {
		if target.ID != n.ID {
			left = append(left, target)
		}
	}
	s.excuse(n, false)
	s.load.SetTargets(left)
	asked := s.leader()
	if asked == n {
		asked = s.follower()
	}
	say(s, asked, "RAFT.REMOVE", n.ID)
	code, err := n.AwaitEnd(patience)
	s.must(err)
	if code != exitRemoved || !n.Wrote("removed") {
		s.Errorf("%s was removed and ended with code %d\n%s", n.ID, code, n.Tail(5))
	}
	s.Forget(n)
}

// TestAddRemoveReplace changes all members of a cluster, the leader among them, while clients work.
func TestAddRemoveReplace(t *testing.T) {
	onRequest(t)
	s := begin(t, 3)
	kept := s.keep(20)
	s.join("n4")
	s.settle()
	s.remove(s.follower())
	s.settle()
	s.join("n5")
	s.settle()
	s.remove(s.leader())
	s.settle()
	for _, n := range s.Nodes {
		kept.verify(n)
	}
	// A node that has died for good is replaced: removed first, so that three are enough for two votes.
	dead := s.follower()
	s.excuse(dead, true)
	dead.Kill()
	say(s, s.leader(), "RAFT.REMOVE", dead.ID)
	s.Forget(dead)
	replaced := s.join("n6")
	s.settle()
	kept.verify(replaced)
	s.killAndRestart(s.leader())
	s.finish()
}

// TestJoin grows a node that ran alone to three, and shows that each of them counts.
func TestJoin(t *testing.T) {
	onRequest(t)
	s := begin(t, 1)
	kept := s.keep(20)
	s.join("n2")
	s.join("n3")
	s.settle()
	s.killAndRestart(s.Nodes[0])
	s.killAndRestart(s.leader())
	for _, n := range s.Nodes {
		kept.verify(n)
	}
	s.finish()
}

// TestWaitToBeAdded starts a node that waits until somebody adds it by hand, without a vote first.
func TestWaitToBeAdded(t *testing.T) {
	onRequest(t)
	s := begin(t, 3)
	n, err := s.NewNode("n4")
	s.must(err)
	n.Args = append(n.Args, "--join", "wait", "--advertise", n.PeerAddr())
	s.must(n.Start())
	await(s.T, n.ID+" waits", func() bool { return n.Wrote("waiting to be added") })
	say(s, s.follower(), "RAFT.ADD", n.ID, n.PeerAddr(), "NONVOTER")
	s.must(n.AwaitServing(patience))
	s.load.SetTargets(s.Targets())
	s.settle()
	if role := s.role(s.leader(), n.ID); role != "nonvoter" {
		s.Errorf("%s was added without a vote, and is a %s", n.ID, role)
	}
	say(s, s.leader(), "RAFT.PROMOTE", n.ID)
	s.awaitVoter(n)
	say(s, s.leader(), "RAFT.TRANSFER", n.ID)
	await(s.T, n.ID+" leads", func() bool { _, leads := n.leads(); return leads })
	s.settle()
	say(s, n, "RAFT.TRANSFER")
	await(s.T, n.ID+" no longer leads", func() bool { _, leads := n.leads(); return !leads })
	say(s, s.leader(n), "RAFT.DEMOTE", n.ID)
	leader := s.leader(n)
	await(s.T, n.ID+" has no vote", func() bool { return s.role(leader, n.ID) == "nonvoter" })
	s.settle()
	s.finish()
}

// TestSeedClusterFile starts a cluster from the file of the seed, with its flags.
func TestSeedClusterFile(t *testing.T) {
	onRequest(t)
	c := newCluster(t)
	members := map[string]string{}
	for _, id := range []string{"101", "102", "103"} {
		n, err := c.NewNode(id)
		if err != nil {
			t.Fatal(err)
		}
		members[id] = n.PeerAddr()
	}
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.Dir, "config.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		n.Args = []string{"--cluster", file, "--id", n.ID}
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.AwaitServing(); err != nil {
		t.Fatal(err)
	}
	s := underLoad(t, c)
	s.killAndRestart(s.leader())
	s.finish()
}
