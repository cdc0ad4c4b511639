// The one scenario of every `go test`.

package real

import "testing"

// TestThreeNodesSurviveTheirLeader kills the leader of three nodes once, while clients work on all of them.
func TestThreeNodesSurviveTheirLeader(t *testing.T) {
	s := begin(t, 3)
	kept := s.keep(6)
	leader := s.leader()
	s.excuse(leader, true)
	leader.Kill()
	s.settle(leader)
	kept.verify(s.leader())
	s.finish()
}
