// Clocks that are wrong, under load.

package real

import (
	"strconv"
	"testing"
	"time"
)

// TestWallClockSteps sets the dates of nodes an hour forward and back while they lead: locks live as long as
// they would have, and whoever asks for the time is told the leader's.
func TestWallClockSteps(t *testing.T) {
	onRequest(t)
	s := beginControlled(t)
	kept := s.keep(20)
	for range times(1, 10) {
		for _, by := range []time.Duration{time.Hour, -time.Hour} {
			leader := s.leader()
			end, err := leader.StepWall(by)
			s.must(err)
			s.settle()
			seconds, _ := say(s, leader, "TIME").([]any)
			date, err := strconv.ParseInt(text(seconds[0]), 10, 64)
			s.must(err)
			if off := time.Until(time.Unix(date, 0)); (off - by).Abs() > time.Minute {
				s.Errorf("the leader's date was to be off by %v, and TIME is off by %v", by, off)
			}
			s.livesOn(leader, 0)
			say(s, leader, "RAFT.TRANSFER") // from one date to another
			s.settle()
			s.must(end())
		}
	}
	kept.verify(s.leader())
	s.finish()
}

// TestRawClockDrifts makes the leader's oscillator as wrong as it may be, in both directions, and lets it
// jump back.
func TestRawClockDrifts(t *testing.T) {
	onRequest(t)
	s := beginControlled(t)
	kept := s.keep(20)
	for range times(1, 10) {
		for _, ppm := range []int{500, -500} {
			leader := s.leader()
			before, begun := s.control(leader, "show")["raw"], time.Now()
			end, err := leader.DriftRaw(ppm)
			s.must(err)
			s.settle()
			s.livesOn(leader, 0)
			s.must(end())
			off, most := s.control(leader, "show")["raw"]-before, time.Since(begun).Microseconds()*int64(ppm)/1e6
			if ratio := float64(off) / float64(most); ratio < 0.5 || ratio > 1.01 {
				s.Errorf("a clock that is off by %d ppm was to be off by up to %d us, and is by %d", ppm, most, off)
			}
		}
		leader := s.leader()
		s.jumps(leader, -10*time.Minute)
		s.livesOn(leader, 0)
		s.settle()
	}
	kept.verify(s.leader())
	s.finish()
}

// TestRawClockJumps lets the leader's raw clock jump ahead by minutes for which no time has passed. lockd
// promises nothing for clocks that are so wrong, but each jump counts for at most 100 ms.
func TestRawClockJumps(t *testing.T) {
	onRequest(t)
	c := newCluster(t)
	c.Control = true
	if err := c.Form(3); err != nil {
		t.Fatal(err)
	}
	s := &scenario{T: t, Cluster: c} // without other clients: their locks may rightly be found to end early
	leader := s.leader()
	for range times(2, 10) {
		s.jumps(leader, 10*time.Minute)
		s.livesOn(leader, 0) // the jump came before the lock
		jump := time.AfterFunc(500*time.Millisecond, func() { s.jumps(leader, 10*time.Minute) })
		s.livesOn(leader, 100*time.Millisecond)
		jump.Stop()
	}
}

// jumps lets a raw clock jump, and sees that it does.
func (s *scenario) jumps(n *Node, by time.Duration) {
	before, err := n.Control("show")
	if err == nil {
		_, err = n.JumpRaw(by)
	}
	after, failed := n.Control("show")
	if off := time.Duration(after["raw"]-before["raw"]) * time.Microsecond; err != nil || failed != nil ||
		off.Round(time.Millisecond) != by {
		s.Errorf("the raw clock of %s was to jump by %v, and did by %v: %v, %v", n.ID, by, off, err, failed)
	}
}

// livesOn takes a lock through a node and sees it live for the second and a half that it was given, but for
// what may be missing, and not for much longer.
func (s *scenario) livesOn(n *Node, missing time.Duration) {
	s.Helper()
	const ttl = 1500 * time.Millisecond
	begun := time.Now() // it may count from any moment after this
	say(s, n, "LOCK", "lives", "o", millis(ttl))
	for {
		asked := time.Now()
		if say(s, n, "ISLOCKED", "lives", "o") == int64(0) {
			if age := time.Since(begun); age < ttl-missing {
				s.Errorf("a lock for %v was gone after %v", ttl, age)
			}
			return
		}
		if age := asked.Sub(begun); age > ttl+4*time.Second {
			s.Errorf("a lock for %v was still held after %v", ttl, age)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
