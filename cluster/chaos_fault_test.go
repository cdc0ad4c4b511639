package cluster_test

import (
	"time"
)

// faults makes faults, and undoes them in the end.
type faults struct {
	*chaos
	down map[*machine]bool
}

func newFaults(c *chaos) *faults { return &faults{chaos: c, down: map[*machine]bool{}} }

func (f *faults) any() *machine { return f.hosts[f.rng.IntN(len(f.hosts))] }

// leader returns the one that leads now, or any.
func (f *faults) leader() *machine {
	for _, h := range f.hosts {
		if n := h.running(); n != nil && n.Status().Role == "leader" {
			return h
		}
	}
	return f.any()
}

// one makes one fault. Those that last end by themselves after a while.
func (f *faults) one() {
	victim := f.any()
	if f.rng.IntN(2) == 0 {
		victim = f.leader()
	}
	span := time.Duration(50+f.rng.IntN(2000)) * time.Millisecond
	switch f.rng.IntN(11) {
	case 0, 1:
		f.crash(victim, span, false)
	case 2:
		f.crash(victim, span, true)
	case 3:
		other := f.any()
		if f.rng.IntN(2) == 0 {
			f.net.Cut(victim.address, other.address)
		} else {
			f.net.CutOneWay(victim.address, other.address)
		}
		f.later(span, func() { f.net.Heal(victim.address, other.address) })
	case 4, 5:
		f.isolate(victim)
		f.later(2*span, func() { f.rejoin(victim) })
	case 6:
		if n := victim.running(); n != nil {
			n.HandOver(span)
		}
		if f.rng.IntN(2) == 0 {
			f.handOverToNobody(span)
		}
	case 7:
		f.disk(victim).stall(span)
	case 8:
		f.isolate(victim)
		f.disk(victim).stall(span)
		victim.clock.pause(true)
		f.later(span, func() {
			victim.clock.pause(false)
			f.rejoin(victim)
		})
	case 9:
		if n := victim.running(); n != nil {
			f.ends.Go(func() { _ = n.Snapshot() }) // one that is stopping takes none
		}
	case 10:
		if f.rng.IntN(3) == 0 {
			for _, h := range f.hosts {
				f.crash(h, span, false)
			}
		}
	}
}

func (f *faults) disk(h *machine) *disk {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.disk
}

// later undoes a fault after a while.
func (f *faults) later(span time.Duration, undo func()) {
	f.ends.Go(func() {
		time.Sleep(span)
		undo()
	})
}

// crash ends a process and starts another one on its disk after a while.
func (f *faults) crash(h *machine, span time.Duration, politely bool) {
	if f.down[h] && h.running() == nil {
		return
	}
	f.down[h] = true
	f.kill(h, politely)
	if f.rng.IntN(3) == 0 {
		span /= 20
	}
	f.later(span, func() { f.start(h) })
}

func (f *faults) isolate(h *machine) {
	for _, o := range f.hosts {
		if o != h {
			f.net.Cut(h.address, o.address)
		}
	}
}

// handOverToNobody makes a leader try to hand over to a node that does not hear of it, and go on leading with
// the others' help, if that is the one it tries.
func (f *faults) handOverToNobody(span time.Duration) {
	from, n := f.leader(), f.leader().running()
	if n == nil {
		return
	}
	to := f.any()
	f.net.CutOneWay(from.address, to.address)
	f.later(time.Duration(300+f.rng.IntN(300))*time.Millisecond, func() { f.net.Heal(from.address, to.address) })
	n.HandOver(span)
}

func (f *faults) rejoin(h *machine) {
	for _, o := range f.hosts {
		if o != h {
			f.net.Heal(h.address, o.address)
		}
	}
}

// end waits until every fault is over.
func (f *faults) end() {
	f.waitForStarts()
	for _, h := range f.hosts {
		f.rejoin(h)
		h.clock.pause(false)
	}
	f.handOverToNobody(time.Second) // what it holds up must go on without any other fault to help
	f.waitForStarts()
}

// waitForStarts waits until a process runs on each machine, and no fault is left.
func (f *faults) waitForStarts() { time.Sleep(5 * time.Second) }
