// Disks that are slow, hang, fail or are full, under load.

package real

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// beginControlled starts three nodes whose disks and clocks can be touched.
func beginControlled(t *testing.T, args ...string) *scenario {
	t.Helper()
	c := newCluster(t, args...)
	c.Control = true
	return beginOn(t, c, 3)
}

// control asks a node's hand, which must answer.
func (s *scenario) control(n *Node, line string) map[string]int64 {
	s.Helper()
	told, err := n.Control(line)
	s.must(err)
	return told
}

// TestSlowDisk gives a follower, and then the leader, a disk that takes 30 ms for each append: clients wait
// for the leader's, and for no follower's; nobody sees an error.
func TestSlowDisk(t *testing.T) {
	onRequest(t)
	s := beginControlled(t)
	kept := s.keep(20)
	const slow = 30 * time.Millisecond
	for range times(1, 10) {
		for _, n := range []*Node{s.follower(), s.leader()} {
			end, err := n.SlowDisk(slow)
			s.must(err)
			s.settle()
			s.goOn(time.Second)
			if _, leads := n.leads(); leads {
				begun := time.Now()
				say(s, n, "SET", "slow", "x")
				if took := time.Since(begun); took < slow {
					s.Errorf("the leader's disk takes %v, and a write took %v", slow, took)
				}
			}
			if told := s.control(n, "show"); told["delayed"] < 10 {
				s.Errorf("%s was to be slow: %v", n.ID, told)
			}
			s.must(end())
		}
	}
	kept.verify(s.leader())
	s.finish()
}

// TestDiskHangs lets the leader's disk hang for a moment, in which the cluster clock must stand still, and
// then for longer, upon which the node must stop and the others go on.
func TestDiskHangs(t *testing.T) {
	onRequest(t)
	s := beginControlled(t)
	kept := s.keep(20)
	leader := s.leader()
	before := leader.Info("clock")["clock_freezes"]
	end, err := leader.HangDisk(time.Second)
	s.must(err)
	s.goOn(1500 * time.Millisecond)
	s.must(end())
	s.settle()
	if told := s.control(leader, "show"); told["hung"] == 0 {
		s.Errorf("%s was to hang: %v", leader.ID, told)
	}
	if after := leader.Info("clock")["clock_freezes"]; after == before {
		s.Errorf("commits stood still for a second, and the clock did not: it froze %s times", after)
	}
	leader = s.leader()
	back := s.excuse(leader, true)
	end, err = leader.HangDisk(time.Minute)
	s.must(err)
	s.must(leader.stopped(2 * stallLimit))
	if !leader.Wrote("the disk hangs") {
		s.Errorf("it does not say why it stopped\n%s", leader.Tail(5))
	}
	s.settle(leader)
	s.must(end())
	s.must(leader.AwaitServing(patience))
	back()
	s.settle()
	kept.verify(leader)
	s.finish()
}

// TestDiskFails lets an append fail, on the leader and on a follower, before the disk has it and after. The
// node stops at once: what it would read back later nobody knows.
func TestDiskFails(t *testing.T) {
	onRequest(t)
	s := beginControlled(t)
	kept := s.keep(20)
	for range times(1, 10) {
		for _, written := range []bool{false, true} {
			for _, n := range []*Node{s.leader(), s.follower()} {
				back, before := s.excuse(n, true), n.wrote("input/output error")
				end, err := n.FailDisk(written)
				s.must(err)
				s.must(n.stopped(patience))
				if n.wrote("input/output error") == before {
					s.Errorf("it does not say why it stopped\n%s", n.Tail(5))
				}
				s.settle(n)
				s.must(end())
				s.must(n.AwaitServing(patience))
				back()
				s.settle()
				kept.verify(n)
			}
		}
	}
	s.finish()
}

// beginSmall starts three nodes on small disks of their own, with room for the log and some more.
func beginSmall(t *testing.T) *scenario {
	t.Helper()
	c := withNetwork(t) // who has root for one has it for the other
	c.DiskBytes = 200 << 20
	return beginOn(t, c, 3)
}

// TestDiskAlmostFull leaves less than --min-free-disk free: the node refuses what grows, in words that say
// so, and still renews and releases. If it leads, all refuse. All is well again once there is room.
func TestDiskAlmostFull(t *testing.T) {
	onRequest(t)
	s := beginSmall(t)
	kept := s.keep(20)
	for _, leads := range []bool{false, true} {
		n := s.follower()
		if leads {
			n = s.leader()
		}
		var back []func()
		for _, one := range s.Nodes {
			if leads || one == n {
				back = append(back, s.excuse(one, false))
			}
		}
		end, err := n.FillDisk(20 << 20)
		s.must(err)
		for _, one := range s.Nodes {
			if leads || one == n {
				await(s.T, one.ID+" refuses what grows", func() bool { return refusesGrowth(one) })
			} else {
				say(s, one, "LOCK", "grows", "o", "1000")
			}
			say(s, one, "RENEW", "kept:0", "keeper", "3600000")
		}
		s.goOn(time.Second)
		s.must(end())
		for _, one := range s.Nodes {
			await(s.T, one.ID+" takes locks again", func() bool { return !refusesGrowth(one) })
		}
		for i := range back {
			back[i]()
		}
		s.settle()
	}
	for _, n := range s.Nodes {
		kept.verify(n)
	}
	s.finish()
}

// refusesGrowth tells whether a node says of a lock that its disk is full.
func refusesGrowth(n *Node) bool {
	_, err := n.Ask(patience, "LOCK", "grows", "o", "1000")
	var said Said
	return errors.As(err, &said) && strings.HasPrefix(string(said), "OOM disk full")
}

// TestDiskFull leaves a follower nothing, while the others go on: it stops when its log needs a new file,
// which hurts nobody, and comes back when there is room.
func TestDiskFull(t *testing.T) {
	onRequest(t)
	s := beginSmall(t)
	kept := s.keep(20)
	full := s.follower()
	back := s.excuse(full, false)
	end, err := full.FillDisk(0)
	s.must(err)
	await(s.T, full.ID+" refuses what grows", func() bool { return refusesGrowth(full) })
	conn, err := Dial(s.leader().Addr(), time.Second)
	s.must(err)
	defer conn.Close()
	value := strings.Repeat("v", 60_000)
	for i := 0; full.Running(); i++ {
		if i == 1000 {
			s.Fatalf("%s has no room and has taken in 60 MB", full.ID)
		}
		_, err := conn.Do(5*time.Second, "SET", "big", value)
		s.must(err)
	}
	s.must(full.stopped(patience))
	if !full.Wrote("no space left on device") {
		s.Errorf("it does not say why it stopped\n%s", full.Tail(5))
	}
	s.settle(full)
	s.must(end())
	s.must(full.AwaitServing(patience))
	await(s.T, full.ID+" takes locks again", func() bool { return !refusesGrowth(full) })
	back()
	s.settle()
	kept.verify(full)
	s.finish()
}
