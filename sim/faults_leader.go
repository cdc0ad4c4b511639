// What it takes to make a leader lie: choreographies of several faults, which chance alone would hardly ever
// play in the right order. Each was found by asking which schedule would show a certain bug (package
// mutants).

package sim

import (
	"fmt"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/sim/history"
)

func leaderFaults() []fault {
	return []fault{
		{"leader is stuck", 8, 20, stuck},
		{"answers come late", 5, 500, lateAnswers},
		{"lost and regained", 5, 500, regained},
		{"deposed and back", 4, 1500, deposed},
	}
}

// lead makes the strike one on the leader. It is false where none leads.
func (s *strike) lead() (leader *cluster.Node, ok bool) {
	s.machine = s.leader(s.rng)
	n := s.running()
	return n, n != nil && s.leads()
}

// stuck stops the main loop of a leader's raft when it has just found that one of its followers is gone,
// while the process goes on: others lead and write meanwhile, and its own clients still ask it. It goes on
// and hears the news in the same moment. It must be stuck before it is cut off: one that finds nobody steps
// down.
func stuck(s *strike) (end func(), ok bool) {
	if _, ok := s.lead(); !ok {
		return nil, false
	}
	s.net.Cut(s.address, s.other().address)
	time.Sleep(s.upTo(900 * time.Millisecond))
	stuck, goOn := s.gate.shut()
	select {
	case <-stuck:
	case <-time.After(choreography): // another leads by now, or the leader is gone
	}
	if s.rng.IntN(2) == 0 {
		s.oneWay(true) // what it says is heard and answered; the answers come when all is over
		time.Sleep(s.upTo(60 * time.Millisecond))
	}
	s.isolate(s.machine)
	s.span = 550*time.Millisecond + s.upTo(350*time.Millisecond) // for an election and writes, within an RPC's
	return func() {
		s.witnesses()
		s.rejoin(s.machine)
		goOn()
	}, true
}

// lateAnswers holds back what its followers answer to a leader, then cuts it off and stops its disk;
// answers, news and disk come back in the same moment. Whoever takes old answers for new ones believes that
// it leads.
func lateAnswers(s *strike) (end func(), ok bool) {
	if _, ok := s.lead(); !ok {
		return nil, false
	}
	for _, o := range s.machines {
		if o != s.machine {
			s.net.CutOneWay(o.address, s.address)
		}
	}
	time.Sleep(20*time.Millisecond + s.upTo(80*time.Millisecond))
	s.isolate(s.machine)
	goOn := s.drive().stall()
	_, goOnToo := s.gate.shut()
	s.span = 500*time.Millisecond + s.upTo(400*time.Millisecond) // an election, but within the time of an RPC
	return func() {
		s.witnesses()
		s.rejoin(s.machine)
		goOn()
		goOnToo()
	}, true
}

// regained lets a leader lose its place and get it back while its proposer asks for the date, so that it
// proposes an entry that it stamped in an older term. Such a leader can be given nothing; so all are cut off
// from each other until nobody leads, until chance has elected it again.
func regained(s *strike) (end func(), ok bool) {
	if _, ok := s.lead(); !ok {
		return nil, false
	}
	goOn := s.clocks.hold()
	defer goOn()
	all := func(*machine, *machine) bool { return true }
	for range 8 {
		s.between(all, s.net.Cut)
		time.Sleep(350*time.Millisecond + s.upTo(200*time.Millisecond)) // longer than a lease; nobody can win
		s.between(all, s.net.Heal)
		if s.elected() == s.machine {
			break
		}
	}
	time.Sleep(s.upTo(20 * time.Millisecond))
	return nil, true
}

// elected waits until a node leads.
func (s *strike) elected() *machine {
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, m := range s.machines {
			if m.leads() {
				return m
			}
		}
	}
	return nil
}

// deposed cuts a leader off until another one leads, and makes it lead again at once: what it remembers of
// its first time is of no worth any more.
func deposed(s *strike) (end func(), ok bool) {
	n, ok := s.lead()
	if !ok {
		return nil, false
	}
	s.isolate(s.machine)
	return func() {
		s.rejoin(s.machine)
		time.Sleep(s.upTo(300 * time.Millisecond))
		_, _ = n.Transfer(s.machine.id)
	}, true
}

// upTo is a time by chance.
func (s *strike) upTo(most time.Duration) time.Duration {
	return time.Duration(s.rng.Int64N(int64(most)))
}

// witnesses read the shared counters through the struck machine. Its other clients wait for the replies to
// what they asked before it was struck, when what it knew was still true.
func (s *strike) witnesses() {
	n := s.running()
	if n == nil {
		return
	}
	for i := range 4 * shares {
		c := newClient(s.world, -1)
		c.at, c.conn, c.name = s.machine, 1<<45+uint64(s.now()), "witness"
		s.ends.Go(func() {
			key := fmt.Sprint("shared", i%shares)
			c.do(n, 0, ask{history.Op{Kind: history.Read, Key: key}, "GET " + key})
		})
	}
	time.Sleep(10 * time.Millisecond)
}
