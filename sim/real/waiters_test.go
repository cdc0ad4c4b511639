// Those who wait for a lock while nodes die.

package real

import (
	"slices"
	"testing"
	"time"
)

// waiting is a LOCK ... WAIT that somebody has sent.
type waiting struct {
	owner string
	conn  *Conn
	reply chan any // the token, or the error
}

// park lets an owner wait for a key through a node, and waits until it is seen in the queue.
func park(s *scenario, n *Node, key, owner string, ahead ...string) *waiting {
	s.Helper()
	conn, err := Dial(n.Addr(), time.Second)
	s.must(err)
	s.Cleanup(conn.Close)
	w := &waiting{owner, conn, make(chan any, 1)}
	go func() {
		reply, err := conn.Do(time.Minute, "LOCK", key, owner, "60000", "WAIT", "60000")
		if err != nil {
			reply = err
		}
		s.Logf("%v: %s, who waited through %s, got %v", s.load.History.Now(), owner, n.ID, reply)
		w.reply <- reply
	}()
	s.awaitQueue(key, append(slices.Clone(ahead), owner)...)
	return w
}

func (s *scenario) awaitQueue(key string, owners ...string) {
	s.Helper()
	leader := s.leader()
	var queue []string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if info, ok := say(s, leader, "LOCK.INFO", key).([]any); ok {
			if queue = waiters(info); slices.Equal(queue, owners) {
				return
			}
		}
	}
	s.Fatalf("those who wait for %s are %v, not %v, after %v", key, queue, owners, patience)
}

// served waits for a waiter's token.
func (w *waiting) served(s *scenario) int64 {
	s.Helper()
	select {
	case reply := <-w.reply:
		token, ok := reply.(int64)
		if !ok {
			s.Fatalf("%s waited for the lock and got %v", w.owner, reply)
		}
		return token
	case <-time.After(patience):
		s.Fatalf("%s still waits after %v", w.owner, patience)
	}
	return 0
}

func (w *waiting) stillWaits(s *scenario) {
	s.Helper()
	select {
	case reply := <-w.reply:
		s.Errorf("%s should wait, and got %v", w.owner, reply)
	default:
	}
}

// TestKilledWaiters kills nodes that others wait through. The waiters of a dead node lose their places, when
// it comes back or after node-timeout; those of the others keep theirs, also when the leader dies.
func TestKilledWaiters(t *testing.T) {
	onRequest(t)
	s := begin(t, 3, "--node-timeout", "2s")
	leader, first := s.leader(), s.follower()
	var second *Node
	for _, n := range s.Nodes {
		if n != leader && n != first {
			second = n
		}
	}
	held, ok := say(s, second, "LOCK", "k", "holder", "60000").(int64)
	if !ok {
		t.Fatal("no token")
	}
	park(s, first, "k", "a")
	b := park(s, second, "k", "b", "a")
	c := park(s, second, "k", "c", "a", "b")

	back := s.excuse(first, true)
	first.Kill()
	s.awaitQueue("k", "b", "c") // after node-timeout
	s.restart(first, back)
	d := park(s, first, "k", "d", "b", "c")

	back = s.excuse(leader, true)
	leader.Kill()
	s.awaitQueue("k", "b", "c", "d")
	s.restart(leader, back)

	// Its new incarnation frees the places of the old one at once.
	back = s.excuse(first, true)
	first.Kill()
	s.restart(first, back)
	s.awaitQueue("k", "b", "c")
	if reply := <-d.reply; reply == nil {
		t.Error("a client of a killed node got a reply")
	}

	b.stillWaits(s)
	say(s, leader, "UNLOCK", "k", "holder")
	tokenB := b.served(s)
	c.stillWaits(s)
	say(s, first, "UNLOCK", "k", "b")
	if tokenC := c.served(s); tokenB <= held || tokenC <= tokenB {
		t.Errorf("tokens %d, %d, %d do not rise", held, tokenB, tokenC)
	}
	s.finish()
}
