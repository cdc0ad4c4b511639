// Nodes that die, hang or restart under load.

package real

import (
	"syscall"
	"testing"
	"time"
)

// TestLeaderKilled kills the leader with -9: clients of the others wait a moment, and see no error.
func TestLeaderKilled(t *testing.T) {
	onRequest(t)
	s := begin(t, 3)
	for range times(2, 20) {
		s.killAndRestart(s.leader())
	}
	s.finish()
}

// TestFollowerKilled kills a follower: its clients move, the others do not notice.
func TestFollowerKilled(t *testing.T) {
	onRequest(t)
	s := begin(t, 3)
	for range times(2, 20) {
		s.killAndRestart(s.follower())
	}
	s.finish()
}

func (s *scenario) killAndRestart(n *Node) {
	s.Helper()
	back := s.excuse(n, true)
	n.Kill()
	s.leader()
	s.settle(n)
	s.goOn(300 * time.Millisecond)
	s.restart(n, back)
	s.settle()
}

// TestLeaderStopped freezes the leader, for less than an election takes and for longer. When it wakes up it
// still thinks that it leads, and clients have sent it commands meanwhile.
func TestLeaderStopped(t *testing.T) {
	onRequest(t)
	s := begin(t, 3)
	pauses := []time.Duration{500 * time.Millisecond, 3 * time.Second}
	if long() {
		pauses = append(pauses, 100*time.Millisecond, 200*time.Millisecond, 300*time.Millisecond, 30*time.Second)
	}
	for _, pause := range pauses {
		n := s.leader()
		back := s.excuse(n, false)
		begun := time.Now()
		s.must(n.Signal(syscall.SIGSTOP))
		if pause > time.Second {
			s.leader(n)
			s.settle(n)
		}
		time.Sleep(pause - time.Since(begun))
		s.must(n.Signal(syscall.SIGCONT))
		s.settle()
		back()
		s.settle()
	}
	s.finish()
}

// TestFullRestart kills all nodes at once, and stops all at once.
func TestFullRestart(t *testing.T) {
	onRequest(t)
	s := begin(t, 3)
	kept := s.keep(50)
	for i := range times(2, 10) {
		var back []func()
		for _, n := range s.Nodes {
			back = append(back, s.excuse(n, false))
		}
		for _, n := range s.Nodes {
			if i%2 == 0 {
				s.must(n.Signal(syscall.SIGKILL))
			} else {
				s.must(n.Signal(syscall.SIGTERM))
			}
		}
		for _, n := range s.Nodes {
			code, err := n.AwaitEnd(patience)
			s.must(err)
			if i%2 == 1 && code != 0 {
				s.Errorf("%s ended with code %d\n%s", n.ID, code, n.Tail(10))
			}
		}
		for _, n := range s.Nodes {
			s.must(n.Start())
		}
		s.must(s.AwaitServing())
		for i := range s.Nodes {
			back[i]()
		}
		s.settle()
		for _, n := range s.Nodes {
			kept.verify(n)
		}
	}
	s.finish()
}

// TestRollingRestart stops one node after the other with SIGTERM, as an update does. Clients of the others see
// no error; those of the node itself see at most that connections are closed.
func TestRollingRestart(t *testing.T) {
	onRequest(t)
	s := begin(t, 3)
	for range times(1, 10) {
		for _, n := range s.Nodes {
			back := s.excuse(n, true)
			code, err := n.Stop(patience)
			s.must(err)
			if code != 0 {
				s.Errorf("%s ended with code %d\n%s", n.ID, code, n.Tail(10))
			}
			s.restart(n, back)
			s.settle()
		}
	}
	s.finish()
}

// TestConnectionsKilled closes clients' connections in the midst of commands. What they sent may or may not
// have been done; whoever waited has left.
func TestConnectionsKilled(t *testing.T) {
	onRequest(t)
	s := begin(t, 3)
	var back []func()
	for _, n := range s.Nodes {
		back = append(back, s.excuse(n, true))
	}
	for range times(20, 200) {
		for _, n := range s.Nodes {
			say(s, n, "CLIENT", "KILL", "LADDR", n.Addr(), "SKIPME", "yes")
		}
		time.Sleep(100 * time.Millisecond)
	}
	for i := range back {
		back[i]()
	}
	s.settle()
	s.finish()
}
