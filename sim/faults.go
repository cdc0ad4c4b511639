// The faults: a table of what can happen, and how one round of them is played. A fault says how it begins
// and how it ends; adding one is adding a line.

package sim

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/divtxt/lockd/sim/report"
)

// fault is one kind of thing that happens to servers.
type fault struct {
	kind   string
	weight int // how often it comes, beside the others
	most   int // milliseconds that it may last
	// begin does it to a machine and returns how it ends, nil if that is nothing. It is false where it could
	// not happen: nothing ran there, say.
	begin func(*strike) (end func(), ok bool)
}

// strike is a fault that happens now.
type strike struct {
	*world
	*machine
	rng  *rand.Rand
	span time.Duration
}

// other is another machine than the struck one.
func (s *strike) other() *machine {
	for {
		if m := s.any(s.rng); m != s.machine {
			return m
		}
	}
}

// kinds are all faults there are.
func kinds() []fault {
	var all []fault
	for _, family := range [][]fault{
		processFaults(), networkFaults(), diskFaults(), clockFaults(), memberFaults(), leaderFaults(),
	} {
		all = append(all, family...)
	}
	return all
}

// draw takes one by chance.
func draw(rng *rand.Rand) *fault {
	all := kinds()
	sum := 0
	for i := range all {
		sum += all[i].weight
	}
	at := rng.IntN(sum)
	for i := range all {
		if at -= all[i].weight; at < 0 {
			return &all[i]
		}
	}
	panic("the weights do not sum up")
}

// play plays a round and puts everything right again.
func (w *world) play(r round) {
	var all sync.WaitGroup
	for _, h := range r.faults {
		all.Go(func() { w.strike(h) })
	}
	all.Wait()
	w.heal()
	time.Sleep(r.calm)
}

// strike plays one fault.
func (w *world) strike(h happening) {
	time.Sleep(h.after)
	rng := rand.New(rand.NewPCG(h.seed, 1))
	victim := w.machines[h.victim]
	if h.leader {
		victim = w.leader(rng)
	}
	from := w.now()
	st := &strike{w, victim, rng, h.span}
	end, ok := h.begin(st)
	if !ok {
		return
	}
	if end != nil {
		time.Sleep(st.span)
		end()
	}
	e := report.Event{Kind: h.kind, Node: victim.id, From: from, To: w.now()}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// heal ends whatever is left of the faults: faults that met may have undone each other's ends.
func (w *world) heal() {
	w.clearSky()
	for _, m := range w.machines {
		d := m.drive()
		d.slow(0)
		d.fail(nil)
		m.setFull(false)
	}
	w.startAll()
	w.reconcile()
}
