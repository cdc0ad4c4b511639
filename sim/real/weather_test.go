// Bad weather between nodes, under load.

package real

import (
	"os/exec"
	"testing"
	"time"
)

// TestWhenPacketsLeave asks only when packets would leave: those of a slow way one after the other, and none
// before the one ahead of it, whatever their delays.
func TestWhenPacketsLeave(t *testing.T) {
	begin := time.Now()
	slow := front{Weather: Weather{Rate: 100_000, Delay: time.Millisecond}}
	for i := range 3 {
		want := time.Duration(i+1)*10*time.Millisecond + time.Millisecond
		if got := slow.send(begin, 1000).Sub(begin); got != want {
			t.Errorf("packet %d of 1000 bytes leaves a way of 100 kB/s after %v, not %v", i, got, want)
		}
	}
	uneven := front{Weather: Weather{Delay: time.Millisecond, Jitter: 50 * time.Millisecond}}
	for i := range 100 {
		at := begin.Add(time.Duration(i) * time.Millisecond)
		got := uneven.send(at, 100)
		if got.Before(uneven.last) || got.Sub(at) < time.Millisecond {
			t.Fatalf("packet %d came after %v, and leaves after %v, the last one after %v",
				i, at.Sub(begin), got.Sub(begin), uneven.last.Sub(begin))
		}
		uneven.last = got
	}
}

// TestWeather brings each kind of bad weather to the leader, then to a follower, then one way only. Clients
// may have to wait, and see no error while the nodes can still talk.
func TestWeather(t *testing.T) {
	onRequest(t)
	s := beginApart(t)
	kept := s.keep(20)
	for _, kind := range []struct {
		name string
		how  Weather
		met  func(before, after Packets) bool
	}{
		{"delay", Weather{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond}, nil},
		{"loss", Weather{Loss: 0.05}, func(b, a Packets) bool { return a.Lost > b.Lost }},
		{"repeats", Weather{Repeat: 0.2}, func(b, a Packets) bool { return a.Repeated > b.Repeated }},
		{"disorder", Weather{Overtake: 0.1}, func(b, a Packets) bool { return a.Overtaken > b.Overtaken }},
		{"slow", Weather{Rate: 200_000}, func(b, a Packets) bool { return a.Held > b.Held }},
	} {
		leader := s.leader()
		before := s.Net.Packets()
		fine := s.wayTakes(s.follower(), leader)
		end, err := s.Weather(leader, true, true, kind.how)
		s.must(err)
		s.settle()
		s.goOn(time.Second)
		if kind.met == nil { // two ways there and two back: one for the connection, one for the reply
			if took, least := s.wayTakes(s.follower(), leader), 4*kind.how.Delay; took < least || fine > took {
				s.Errorf("%s: a connection and a reply took %v before, and %v now, not %v", kind.name, fine, took, least)
			}
		} else if after := s.Net.Packets(); !kind.met(before, after) {
			s.Errorf("%s: nothing happened to packets: %+v, then %+v", kind.name, before, after)
		}
		s.must(end())
		end, err = s.Weather(s.follower(), true, false, kind.how)
		s.must(err)
		s.settle()
		s.must(end())
		s.settle()
	}
	t.Logf("%+v", s.Net.Packets())
	kept.verify(s.leader())
	s.finish()
}

// wayTakes is how long it takes from one node's machine to connect to another node and get a reply.
func (s *scenario) wayTakes(from, to *Node) time.Duration {
	s.Helper()
	begun := time.Now()
	out, err := exec.Command("ip", "netns", "exec", from.Netns, s.Bin, "ping", "--addr", to.Addr()).CombinedOutput()
	if err != nil {
		s.Fatalf("from %s to %s: %v: %s", from.ID, to.ID, err, out)
	}
	return time.Since(begun)
}

// TestWeatherAndCut cuts a way in bad weather, in both orders: what is cut stays cut.
func TestWeatherAndCut(t *testing.T) {
	onRequest(t)
	s := beginApart(t)
	for _, cutFirst := range []bool{true, false} {
		n := s.follower()
		back := s.excuse(n, false)
		bad := func() (func() error, error) { return s.Weather(n, true, true, Weather{Delay: 5 * time.Millisecond}) }
		var end func() error
		var err error
		if !cutFirst {
			end, err = bad()
			s.must(err)
		}
		s.ways(n, true, true, s.Net.Cut)
		if cutFirst {
			end, err = bad()
			s.must(err)
		}
		args := []string{"netns", "exec", n.Netns, s.Bin, "ping", "--timeout", "500ms", "--addr", s.leader(n).Addr()}
		if err := exec.Command("ip", args...).Run(); err == nil {
			s.Errorf("%s is cut off and reaches the leader (the cut came first: %v)", n.ID, cutFirst)
		}
		s.must(end())
		s.ways(n, true, true, s.Net.Heal)
		s.settle()
		back()
	}
	s.finish()
}
