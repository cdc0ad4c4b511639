// What a storm asks nodes for, and waits for, when members change.

package real

import (
	"fmt"
	"time"
)

// another is a running node beside n that answers, the leader if there is one; nil if none does.
func (s *storm) another(n *Node) *Node {
	if leader := s.leadsNow(); leader != nil && leader != n {
		return leader
	}
	for _, other := range s.Nodes {
		if other != n && other.Running() && !other.frozen {
			return other
		}
	}
	return nil
}

// insist asks nodes other than n for something about it until one has done it.
func (s *storm) insist(n *Node, words ...string) error {
	var last error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		asked := s.another(n)
		if asked == nil {
			continue
		}
		if _, last = asked.Ask(5*time.Second, words...); last == nil || s.done(asked, n, words[0]) {
			return nil
		}
	}
	return fmt.Errorf("%v was not done in %v: %w", words, patience, last)
}

// done tells whether what was asked for is so already: a request whose reply was lost has been done.
func (s *storm) done(asked, n *Node, command string) bool {
	role := roleOf(asked, n.ID)
	return command == "RAFT.REMOVE" && role == "" || command == "RAFT.PROMOTE" && role == "voter"
}

// awaitVoter waits until the cluster counts a node's vote.
func (s *storm) awaitVoter(n *Node) error {
	role := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if asked := s.another(n); asked != nil {
			if role = roleOf(asked, n.ID); role == "voter" {
				return nil
			}
		}
	}
	return fmt.Errorf("%s has no vote after %v, but is %q\n%s", n.ID, patience, role, n.Tail(10))
}

// roleOf is what RAFT.NODES says of a node: voter or nonvoter, nothing where it is no member, "?" where the
// node that was asked does not answer.
func roleOf(asked *Node, id string) string {
	reply, err := asked.Ask(2*time.Second, "RAFT.NODES")
	nodes, ok := reply.([]any)
	if err != nil || !ok {
		return "?"
	}
	for _, one := range nodes {
		fields, _ := one.([]any)
		if field(fields, "id") == id {
			role, _ := field(fields, "suffrage").(string)
			return role
		}
	}
	return ""
}
