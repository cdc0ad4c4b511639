// What happens to disks and to clocks.

package sim

import (
	"time"
)

func diskFaults() []fault {
	return []fault{
		{"disk stalls", 8, 2500, stallDisk},
		{"disk is slow", 4, 2000, func(s *strike) (func(), bool) {
			d := s.drive()
			d.slow(time.Duration(1+s.rng.IntN(100)) * time.Millisecond)
			return func() { d.slow(0) }, true
		}},
		{"disk fails", 4, 800, func(s *strike) (func(), bool) {
			d := s.drive()
			if s.running() == nil {
				return nil, false
			}
			d.fail(func() { s.kill(s.rng, true) })
			return func() {
				d.fail(nil)
				s.start()
			}, true
		}},
		{"disk is full", 3, 1500, func(s *strike) (func(), bool) {
			s.setFull(true)
			return func() { s.setFull(false) }, true
		}},
		{"snapshot", 4, 200, func(s *strike) (func(), bool) {
			n := s.running()
			if n == nil {
				return nil, false
			}
			s.ends.Go(func() { _ = n.Snapshot() }) // one that is stopping takes none
			return nil, true
		}},
	}
}

// stallDisk stops a disk. If it is the leader's, and nobody else has led until its end, nothing was
// committed. What the leader itself believes says nothing: whoever writes to a disk that stalls hears of no
// other.
func stallDisk(s *strike) (end func(), ok bool) {
	from, term, goOn := s.now(), s.term(), s.drive().stall()
	return func() {
		if term != 0 && s.newestTerm() == term {
			s.stalled(from, s.now())
		}
		goOn()
	}, true
}

func (m *machine) setFull(full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = full
}

func clockFaults() []fault {
	return []fault{
		{"clock rate changes", 3, 2000, func(s *strike) (func(), bool) {
			was := s.drift[s.number()]
			most := max(500, s.fastBy/2)
			s.clocks.run(s.rng.Int64N(2*most+1) - most)
			return func() { s.clocks.run(was) }, true
		}},
		{"clock stands still", 3, 1500, func(s *strike) (func(), bool) {
			goOn := s.clocks.stop()
			return func() { goOn(false) }, true
		}},
		{"date steps", 3, 2000, func(s *strike) (func(), bool) {
			by := time.Duration(s.rng.IntN(7200)-3600) * time.Second
			s.clocks.step(by)
			return func() { s.clocks.step(-by) }, true
		}},
	}
}

// clockJumps is not for all runs, as it is more than lockd promises to bear.
func clockJumps() fault {
	return fault{"clock jumps", 0, 100, func(s *strike) (func(), bool) {
		s.clocks.jump(time.Duration(1+s.rng.IntN(1<<s.rng.IntN(22))) * time.Millisecond) // up to an hour
		return nil, true
	}}
}

// number is the machine's place among all.
func (m *machine) number() int {
	for i, o := range m.machines {
		if o == m {
			return i
		}
	}
	panic("no machine " + m.id)
}
