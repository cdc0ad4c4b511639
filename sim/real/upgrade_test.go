// Clusters that are taken from the previous lockd to this one, under load.

package real

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestRollingUpgrade replaces the nodes of a cluster of the previous lockd by this one, one after the other
// and the leader last, as docs/cluster.md says. While they are mixed a node can go back; once the last one
// is new, only if both write the same version of entries.
func TestRollingUpgrade(t *testing.T) {
	onRequest(t)
	previous, err := Previous()
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, "--snapshot-log-bytes", "1mb")
	now := c.Bin
	c.Bin = previous
	s := beginOn(t, c, 3)
	old := s.newestEntry(s.leader())
	kept := s.keep(20)
	first := s.follower()
	s.becomes(first, now)
	s.becomes(first, previous) // while most are old there is a way back
	for range times(1, 5) {
		for n := s.without(now); n != nil; n = s.without(now) {
			s.becomes(n, now)
			kept.verify(n)
		}
		if s.newestEntry(s.leader()) != old {
			s.refusesToGoBack(s.follower(), previous, now)
			break
		}
		for n := s.without(previous); n != nil; n = s.without(previous) {
			s.becomes(n, previous)
			kept.verify(n)
		}
	}
	for _, n := range s.Nodes {
		kept.verify(n)
	}
	s.finish()
}

// without is a node that does not run a program yet, the leader only if there is no other; nil if all do.
func (s *scenario) without(program string) *Node {
	s.Helper()
	var found *Node
	leader := s.leader()
	for _, n := range s.Nodes {
		if n.bin != program && (found == nil || found == leader) {
			found = n
		}
	}
	return found
}

// becomes makes a node run a program. Clients of the others notice nothing.
func (s *scenario) becomes(n *Node, program string) {
	s.Helper()
	back := s.excuse(n, true)
	s.must(n.RunAs(program))
	s.must(n.AwaitServing(patience))
	if at, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", n.cmd.Process.Pid)); err == nil && at != program {
		s.Errorf("%s was to run %s, and runs %s", n.ID, program, at)
	}
	back()
	s.settle()
}

// newestEntry is the newest version of entries that a node's program knows. What it writes follows a moment
// after all nodes know it.
func (s *scenario) newestEntry(n *Node) int64 {
	s.Helper()
	reply, err := n.Ask(time.Second, "RAFT.STATUS")
	s.must(err)
	status, _ := reply.([]any)
	version, ok := field(status, "newest-entry-version").(int64)
	if !ok {
		s.Fatalf("RAFT.STATUS of %s is %v", n.ID, reply)
	}
	return version
}

// refusesToGoBack sees a node stop that is started as an older program than what wrote its log.
func (s *scenario) refusesToGoBack(n *Node, older, now string) {
	s.Helper()
	back := s.excuse(n, true)
	s.must(n.RunAs(older))
	code, err := n.AwaitEnd(patience)
	s.must(err)
	if code == 0 || !n.Wrote("start a newer lockd") {
		s.Errorf("an older lockd on a newer log ended with code %d\n%s", code, n.Tail(5))
	}
	n.bin = now
	s.restart(n, back)
	s.settle()
}
