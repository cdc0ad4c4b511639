// Many faults one upon the other, in an order of chance.

package real

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// TestFaultsOfAllKinds does something to a random node, again and again, before the last thing is quite over:
// at times no majority is left. Clients may get errors here; what they were told must hold all the same.
func TestFaultsOfAllKinds(t *testing.T) {
	onRequest(t)
	s := beginOn(t, withNetwork(t, "--command-timeout", "2s", "--node-timeout", "2s", "--snapshot-log-bytes", "1mb"), 3)
	dice := rand.New(rand.NewPCG(s.seed, 0))
	for _, n := range s.Nodes {
		s.excuse(n, false)
	}
	heal := map[*Node]func(){} // what was done to a node, and how that ends
	for range times(25, 250) {
		n := s.Nodes[dice.IntN(len(s.Nodes))]
		if heal[n] == nil {
			heal[n] = s.harm(n, dice)
		} else {
			heal[n]()
			delete(heal, n)
		}
		time.Sleep(time.Duration(dice.IntN(500)) * time.Millisecond)
	}
	for _, n := range s.Nodes {
		if heal[n] != nil {
			heal[n]()
		}
	}
	s.must(s.AwaitServing())
	s.settle()
	s.finish()
}

// harm does one thing to a node, and returns what ends it.
func (s *scenario) harm(n *Node, dice *rand.Rand) (heal func()) {
	kind := dice.IntN(6)
	switch kind {
	case 0:
		n.Kill()
		return func() { s.must(n.Start()) }
	case 1:
		s.must(n.Signal(syscall.SIGTERM))
		return func() {
			_, err := n.AwaitEnd(patience)
			s.must(err)
			s.must(n.Start())
		}
	case 2:
		s.must(n.Signal(syscall.SIGSTOP))
		return func() { s.must(n.Signal(syscall.SIGCONT)) }
	case 3:
		_, _ = n.Ask(time.Second, "RAFT.TRANSFER") // it may be refused
		return func() {}
	}
	to, from := kind == 4 || dice.IntN(2) == 0, true
	s.ways(n, to, from, s.Net.Cut)
	return func() { s.ways(n, to, from, s.Net.Heal) }
}
