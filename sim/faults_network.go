// What happens to the network.

package sim

import (
	"time"

	"github.com/divtxt/lockd/cluster/memnet"
)

func networkFaults() []fault {
	return []fault{
		{"cut link", 3, 2000, func(s *strike) (func(), bool) {
			other := s.other()
			s.net.Cut(s.address, other.address)
			return func() { s.net.Heal(s.address, other.address) }, true
		}},
		{"cut one way", 4, 2000, func(s *strike) (func(), bool) {
			other := s.other()
			from, to := s.address, other.address
			if s.rng.IntN(2) == 0 {
				from, to = to, from
			}
			s.net.CutOneWay(from, to)
			return func() { s.net.Heal(from, to) }, true
		}},
		{"cut off", 7, 2500, func(s *strike) (func(), bool) {
			s.isolate(s.machine)
			return func() { s.rejoin(s.machine) }, true
		}},
		{"deaf", 3, 1500, func(s *strike) (func(), bool) { return s.oneWay(true), true }},
		{"mute", 3, 1500, func(s *strike) (func(), bool) { return s.oneWay(false), true }},
		{"split in two", 4, 2000, split},
		{"bridge", 3, 2000, bridge},
		{"slow links", 5, 1500, func(s *strike) (func(), bool) {
			delay := time.Duration(1+s.rng.IntN(150)) * time.Millisecond
			return s.weather(memnet.Weather{Delay: delay, Jitter: delay}), true
		}},
		{"lossy links", 4, 1500, func(s *strike) (func(), bool) {
			return s.weather(memnet.Weather{Loss: 0.02 + 0.3*s.rng.Float64(), Jitter: 2 * time.Millisecond}), true
		}},
		{"messages twice and out of order", 5, 2000, func(s *strike) (func(), bool) {
			late := time.Duration(1+s.rng.IntN(800)) * time.Millisecond
			return s.weather(memnet.Weather{Twice: 0.5, Late: late, Jitter: 5 * time.Millisecond}), true
		}},
		{"connections break", 4, 100, func(s *strike) (func(), bool) {
			for _, m := range s.machines {
				s.net.Break(s.address, m.address)
			}
			return nil, true
		}},
	}
}

// isolate cuts a machine off from all others.
func (w *world) isolate(m *machine) {
	for _, o := range w.machines {
		if o != m {
			w.net.Cut(m.address, o.address)
		}
	}
}

func (w *world) rejoin(m *machine) {
	for _, o := range w.machines {
		if o != m {
			w.net.Heal(m.address, o.address)
		}
	}
}

// oneWay makes a machine deaf, or mute.
func (s *strike) oneWay(deaf bool) (end func()) {
	for _, o := range s.machines {
		if o != s.machine && deaf {
			s.net.CutOneWay(o.address, s.address)
		} else if o != s.machine {
			s.net.CutOneWay(s.address, o.address)
		}
	}
	return func() { s.rejoin(s.machine) }
}

// split cuts the cluster into two halves of chance, the struck one in the smaller.
func split(s *strike) (end func(), ok bool) {
	few := map[*machine]bool{s.machine: true}
	for len(few) < len(s.machines)/2 {
		few[s.any(s.rng)] = true
	}
	s.between(func(a, b *machine) bool { return few[a] != few[b] }, s.net.Cut)
	return func() { s.between(func(a, b *machine) bool { return few[a] != few[b] }, s.net.Heal) }, true
}

// bridge cuts the others from each other, so that only the struck one hears them all.
func bridge(s *strike) (end func(), ok bool) {
	apart := func(a, b *machine) bool { return a != s.machine && b != s.machine }
	s.between(apart, s.net.Cut)
	return func() { s.between(apart, s.net.Heal) }, true
}

// between does something to the links between the machines of a pair that fits.
func (w *world) between(which func(a, b *machine) bool, do func(a, b string)) {
	for i, a := range w.machines {
		for _, b := range w.machines[:i] {
			if which(a, b) {
				do(a.address, b.address)
			}
		}
	}
}

// weather makes the links from and to the struck machine bad, all of them or those in one direction.
func (s *strike) weather(bad memnet.Weather) (end func()) {
	bad.Jitter += s.linkTime
	set := func(bad memnet.Weather, ways int) {
		for _, o := range s.machines {
			if ways != 1 {
				s.net.SetWeather(s.address, o.address, bad)
			}
			if ways != 2 {
				s.net.SetWeather(o.address, s.address, bad)
			}
		}
	}
	set(bad, s.rng.IntN(4))
	return func() { set(memnet.Weather{Jitter: s.linkTime}, 0) }
}

// clearSky makes all links whole and as quick as they are.
func (w *world) clearSky() {
	for _, a := range w.machines {
		for _, b := range w.machines {
			if a != b {
				w.net.Heal(a.address, b.address)
				w.net.SetWeather(a.address, b.address, memnet.Weather{Jitter: w.linkTime})
			}
		}
	}
}
