// Files that are torn or flipped, under load.

package real

import (
	"path/filepath"
	"testing"
)

// TestTornLog tears the end of each node's log, the leader's too. What was acknowledged is there afterwards.
func TestTornLog(t *testing.T) {
	onRequest(t)
	s := begin(t, 3)
	kept := s.keep(20)
	for range times(1, 10) {
		for _, n := range []*Node{s.follower(), s.leader(), s.follower()} {
			back, before := s.excuse(n, true), n.wrote("a write that a crash cut short")
			end, err := n.TearLog()
			s.must(err)
			s.settle(n)
			s.must(end())
			s.must(n.AwaitServing(patience))
			if n.wrote("a write that a crash cut short") == before {
				s.Errorf("%s found nothing torn\n%s", n.ID, n.Tail(5))
			}
			back()
			s.settle()
			kept.verify(n)
		}
	}
	s.finish()
}

// TestFlippedBits flips bits in logs and in snapshots: the node refuses to start and names the file, the
// others go on. With the file as it was it starts again; or else its disk is replaced as docs/cluster.md has
// it.
func TestFlippedBits(t *testing.T) {
	onRequest(t)
	s := begin(t, 3, "--snapshot-log-bytes", "1mb")
	kept := s.keep(20)
	n := s.follower()
	for range times(1, 10) {
		back := s.excuse(n, true)
		end, err := n.FlipLog()
		s.must(err)
		s.settle(n)
		s.must(end())
		s.must(n.AwaitServing(patience))
		back()
		s.settle()
		say(s, n, "RAFT.SNAPSHOT")
		await(s.T, n.ID+" has a snapshot", func() bool {
			found, _ := filepath.Glob(filepath.Join(n.Dir, "raft", "snapshots", "*-*-*", "meta.crc"))
			return len(found) > 0
		})
		back = s.excuse(n, true)
		_, err = n.FlipSnapshot()
		s.must(err)
		s.settle(n)

		leader := s.leader()
		say(s, leader, "RAFT.REMOVE", n.ID)
		s.must(n.Wipe())
		s.joins(n)
		s.must(n.Start())
		s.must(n.AwaitServing(patience))
		s.awaitVoter(n)
		back()
		s.settle()
		kept.verify(n)
	}
	s.killAndRestart(s.leader()) // the replaced one counts
	s.finish()
}
