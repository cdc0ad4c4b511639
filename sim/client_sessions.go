// What clients do with locks that hang on something: on sessions that they keep alive, and on connections.
// And requests that they send again until they know what became of them.

package sim

import (
	"fmt"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/sim/history"
)

// surely sends a command that may be sent again until it is known what became of it, through whichever node
// runs. It reports false when that takes too long.
func (c *client) surely(line string) (got answer, ok bool) {
	for range 10 {
		n := c.at.running()
		if n == nil {
			c.at = c.any(c.rng)
			time.Sleep(c.upTo(50 * time.Millisecond))
			continue
		}
		if got = c.do(n, 0, ask{line: line})[0]; got.Known() {
			return got, true
		}
		time.Sleep(c.upTo(50 * time.Millisecond))
	}
	return got, false
}

// once is surely for a command with a REQID. At times it is sent once more though it was answered, and must
// be answered as before.
func (c *client) once(line string) (got answer, ok bool) {
	got, ok = c.surely(line)
	if !ok || c.rng.IntN(3) > 0 {
		return got, ok
	}
	again, ok := c.surely(line)
	if ok && again.Num() != got.Num() {
		c.problem("%s on %s: %q was answered %v, and then %v", c.name, c.at.id, line, got.Value, again.Value)
	}
	return got, ok
}

// reentrant takes a lock several times, and releases it as often. Whatever it has to send again counts once.
func (c *client) reentrant() {
	t := c.attempt("again-"+c.name, 0)
	t.key += fmt.Sprint("-", c.owners)
	holder := t.key + " " + t.owner
	times := 1 + c.rng.IntN(3)
	for i := range times {
		got, ok := c.once(fmt.Sprintf("LOCK %s 3600000 REENTRANT REQID %s/take%d", holder, t.owner, i))
		if !ok {
			return
		}
		if got.Outcome != history.Yes {
			c.problem("%s on %s: its own lock was refused: %v", t.owner, c.at.id, got.Value)
		}
	}
	for i := range times {
		got, ok := c.once(fmt.Sprintf("UNLOCK %s REQID %s/drop%d", holder, t.owner, i))
		if !ok {
			return
		}
		if got.Num() != 1 {
			c.problem("%s on %s: release %d of %d was answered %v", t.owner, c.at.id, i+1, times, got.Value)
		}
		last := i+1 == times
		if got, ok = c.surely("LOCK.TOKEN " + holder); ok && got.IsNull() != last {
			c.problem("%s on %s: after release %d of %d its token is %v", t.owner, c.at.id, i+1, times, got.Value)
		}
	}
}

// tenure is a session that a client keeps alive.
type tenure struct {
	*client
	id     string
	ttl    time.Duration
	pinged time.Duration // when the last ping was sent that was answered
	held   []*try
	more   bool // it may hold others, of whose grants nobody knows
}

// session opens a session, lets locks hang on it, keeps it alive for a while, and ends it in one of the ways
// there are.
func (c *client) session() {
	c.owners++
	s := &tenure{client: c, ttl: 200*time.Millisecond + c.upTo(1000*time.Millisecond), pinged: c.now()}
	delay := ""
	if c.rng.IntN(4) == 0 {
		delay = "LOCKDELAY 30 "
	}
	line := fmt.Sprintf("SESSION.OPEN TTL %d %sREQID %s/open%d", millis(s.ttl), delay, c.name, c.owners)
	got, ok := c.surely(line)
	if !ok {
		return
	}
	s.id = got.Str()
	for range 1 + c.rng.IntN(2) {
		n := c.at.running()
		if n == nil || !s.ping(n) {
			return
		}
		s.take(n)
	}
	for range c.rng.IntN(5) {
		time.Sleep(s.ttl/8 + c.upTo(s.ttl/2))
		n := c.at.running()
		if n == nil || !s.ping(n) {
			return
		}
		if c.rng.IntN(2) == 0 {
			s.look(n)
		}
	}
	s.end()
}

// op is an operation on a lock that hangs on the session.
func (s *tenure) op(kind history.Kind, t *try) history.Op {
	op := t.op(kind)
	op.Session = s.id
	return op
}

// left is how long the session surely lives still, if it is not pinged again.
func (s *tenure) left() time.Duration { return s.rest(s.pinged+s.ttl, s.ttl, s.now()) }

// take asks for a lock, and waits for it if the session surely lives for long enough.
func (s *tenure) take(n *cluster.Node) {
	t := s.attempt(fmt.Sprint("hung", s.rng.IntN(several)), 0)
	for _, other := range s.held {
		if other.key == t.key {
			return // it would wait for itself
		}
	}
	op := s.op(history.Take, t)
	if op.TTL = s.left(); op.TTL > s.ttl*3/4 {
		op.Wait = s.upTo(s.ttl / 2)
	}
	line := fmt.Sprintf("LOCK %s %s SESSION %s WAIT %d", t.key, t.owner, s.id, millis(op.Wait))
	switch s.do(n, 0, ask{op, line})[0].Outcome {
	case history.Yes:
		s.held = append(s.held, t)
	case history.Unknown:
		s.more = true
	}
}

// ping keeps the session alive, and with it all that hangs on it. It is false when the session is over.
func (s *tenure) ping(n *cluster.Node) bool {
	got := s.do(n, 0, ask{line: "SESSION.PING " + s.id})[0]
	got.Number = 0
	s.all(got.Op, history.Renew, s.ttl)
	if got.Outcome == history.Yes {
		s.pinged = got.Sent
	}
	return got.Outcome != history.No
}

// all writes down for each lock what was done to the session.
func (s *tenure) all(did history.Op, kind history.Kind, ttl time.Duration) {
	var ops []history.Op
	for _, t := range s.held {
		op := did
		op.Kind, op.Key, op.Owner, op.TTL, op.Session = kind, t.key, t.owner, ttl, s.id
		ops = append(ops, op)
	}
	s.answered(ops, 0)
}

// look looks whether all locks are held.
func (s *tenure) look(n *cluster.Node) {
	for _, t := range s.held {
		s.do(n, 0, ask{s.op(history.Holds, t), "LOCK.TOKEN " + t.key + " " + t.owner})
	}
}

// end closes the session, releases what hangs on it, or leaves that to time, which must not come too early.
func (s *tenure) end() {
	how := s.rng.IntN(3)
	if how == 0 {
		time.Sleep(s.left() * 9 / 10)
	}
	n := s.at.running()
	if n == nil {
		return
	}
	switch how {
	case 0:
		s.look(n)
	case 1:
		for _, t := range s.held {
			s.do(n, 0, ask{s.op(history.Release, t), "UNLOCK " + t.key + " " + t.owner})
		}
	default:
		got := s.do(n, 0, ask{line: "SESSION.CLOSE " + s.id})[0]
		if got.Known() && !s.more && got.Num() != int64(len(s.held)) && s.left() > 0 {
			s.problem("%s on %s closed session %s of %d locks and was answered %v", s.name, s.at.id, s.id,
				len(s.held), got.Value)
		}
		got.Number = 0
		s.all(got.Op, history.Release, 0)
	}
}

// onConn takes a lock that hangs on the connection. Nothing tells the client that its node is lost to the
// others, so it is sure of the lock only in runs where no node is lost, and while its process lives.
func (c *client) onConn(n *cluster.Node) {
	c.conn++
	t := c.attempt("bound", 0)
	line := fmt.Sprintf("LOCK %s %s CONN WAIT %d", t.key, t.owner, millis(c.upTo(800*time.Millisecond)))
	got := c.do(n, 0, ask{line: line})[0]
	if got.Outcome == history.Yes {
		time.Sleep(c.upTo(200 * time.Millisecond))
		if c.brief && c.at.lives(n) {
			look := c.do(n, 0, ask{line: "ISLOCKED " + t.key + " " + t.owner})[0]
			if look.Outcome == history.No && c.at.lives(n) {
				c.problem("%s on %s has lost %s, though its connection is still there", t.owner, c.at.id, t.key)
			}
		}
		op := got.Op
		op.Kind, op.Key, op.Owner, op.Session = history.Take, t.key, t.owner, "its connection"
		if at := c.now(); c.brief && c.at.lives(n) {
			op.TTL = at - op.Sent
		}
		c.answered([]history.Op{op}, 0)
	}
	n.Leave(c.conn, false)
	c.conn++
	asks := []ask{{line: "INCR " + c.mine}, {line: "LOCK.TOKEN " + t.key + " " + t.owner}}
	answers := c.do(n, 0, asks...)
	c.inOrder(asks, answers)
	if answers[0].Known() && answers[1].Outcome == history.Yes {
		c.problem("%s on %s has hung up, and still holds %s", t.owner, c.at.id, t.key)
	}
}

// lives tells whether n runs here still, and nobody has asked that it be removed.
func (m *machine) lives(n *cluster.Node) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.node == n && !m.unwanted
}
