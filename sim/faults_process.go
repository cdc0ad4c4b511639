// What happens to processes, and to clients.

package sim

func processFaults() []fault {
	return []fault{
		{"kill -9", 6, 1500, func(s *strike) (func(), bool) { return s.start, s.kill(s.rng, false) }},
		{"kill -9, back at once", 4, 30, func(s *strike) (func(), bool) { return s.start, s.kill(s.rng, false) }},
		{"power cut", 4, 1000, func(s *strike) (func(), bool) { return s.start, s.kill(s.rng, true) }},
		{"kill -9 of a majority", 2, 1000, func(s *strike) (func(), bool) {
			return s.killSome(len(s.machines)/2+1, false)
		}},
		{"power cut of all", 2, 800, func(s *strike) (func(), bool) { return s.killSome(len(s.machines), true) }},
		{"SIGTERM", 3, 800, func(s *strike) (func(), bool) { return s.start, s.machine.stop() }},
		{"pause", 5, 1500, func(s *strike) (func(), bool) { return s.pause(true) }},
		{"suspend", 3, 1500, func(s *strike) (func(), bool) { return s.pause(false) }},
		{"clients leave", 3, 100, clientsLeave},
	}
}

// killSome kills several machines at once, the struck one first.
func (s *strike) killSome(n int, powerCut bool) (end func(), ok bool) {
	var killed []*machine
	for _, m := range append([]*machine{s.machine}, s.machines...) {
		if len(killed) < n && m.kill(s.rng, powerCut) {
			killed = append(killed, m)
		}
	}
	return func() {
		for _, m := range killed {
			s.ends.Go(m.start)
		}
	}, len(killed) > 0
}

// pause is SIGSTOP: it hears nothing, says nothing, writes nothing, and when it goes on time has jumped. To
// a machine that was suspended it has not: its monotonic clock stood still. What its clients send meanwhile
// waits in its sockets. Goroutines cannot be stopped, so all that they could do is kept from them.
func (s *strike) pause(jumps bool) (end func(), ok bool) {
	awake, ok := s.sleep()
	if !ok {
		return nil, false
	}
	s.net.Freeze(s.address)
	disk, clock := s.drive().stall(), s.clocks.stop()
	return func() {
		clock(jumps)
		awake()
		disk()
		s.net.Thaw(s.address)
	}, true
}

// clientsLeave lets all clients of a node hang up, those that wait for a lock among them.
func clientsLeave(s *strike) (end func(), ok bool) {
	s.hangUp()
	return nil, s.running() != nil
}
