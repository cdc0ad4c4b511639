// Clients that die or are cut off while they hold locks or wait for them.

package real

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// quiet is a cluster without a load: what is measured is how fast it is by itself.
func quiet(t *testing.T, c *Cluster) *scenario {
	t.Helper()
	s := &scenario{T: t, Cluster: c}
	s.must(c.Form(3))
	return s
}

// puppet starts a client of a node that is a process of its own.
func (s *scenario) puppet(n *Node, netns string) *puppet {
	s.Helper()
	p, err := startPuppet(n, netns)
	s.must(err)
	s.Cleanup(p.kill)
	return p
}

// does makes a puppet send a command, and returns the reply.
func (s *scenario) does(p *puppet, words ...string) string {
	s.Helper()
	s.must(p.tell(words...))
	reply, err := p.answer(patience)
	if err != nil || strings.HasPrefix(reply, "ERR ") {
		s.Fatalf("a puppet's %s: %q, %v", strings.Join(words, " "), reply, err)
	}
	return reply
}

// grant is what one who waited was given.
type grant struct {
	owner string
	token int64
	at    time.Time
}

// crowd lets so many owners wait for a key, through all nodes in turn. Each releases it as soon as it has it,
// and what they were given comes out of the channel in that order. The queue is returned in its order.
func (s *scenario) crowd(key string, size int) (queue []string, grants chan grant) {
	s.Helper()
	grants = make(chan grant, size)
	for i := range size {
		conn, err := Dial(s.Nodes[i%len(s.Nodes)].Addr(), patience)
		s.must(err)
		s.Cleanup(conn.Close)
		go func() {
			owner := fmt.Sprintf("%s/w%d", key, i)
			reply, err := conn.Do(time.Minute, "LOCK", key, owner, "60000", "WAIT", "60000")
			at := time.Now()
			token, _ := reply.(int64)
			if err == nil {
				grants <- grant{owner, token, at}
				_, err = conn.Do(time.Minute, "UNLOCK", key, owner)
			}
			if err != nil {
				s.Logf("%s: %v", owner, err) // and its grant, or the next one's, is missed
			}
		}()
	}
	return s.awaitLength(key, size), grants
}

// awaitLength waits until so many wait for a key, and returns who.
func (s *scenario) awaitLength(key string, size int) (queue []string) {
	s.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if info, ok := say(s, s.Nodes[0], "LOCK.INFO", key).([]any); ok {
			if queue = waiters(info); len(queue) == size {
				return queue
			}
		}
	}
	s.Fatalf("%d wait for %s, not %d, after %v", len(queue), key, size, patience)
	return nil
}

// first waits for the first grant, and then for the others, which are to come in the order of the queue.
func (s *scenario) first(queue []string, grants chan grant) time.Time {
	s.Helper()
	all := make([]grant, 0, len(queue))
	for range queue {
		select {
		case g := <-grants:
			all = append(all, g)
		case <-time.After(patience):
			s.Fatalf("%d of %d who wait were granted the lock, then nobody for %v", len(all), len(queue), patience)
		}
	}
	slices.SortFunc(all, func(a, b grant) int { return int(a.token - b.token) })
	for i, owner := range queue {
		if all[i].owner != owner {
			s.Errorf("turn %d was that of %s, not of %s", i+1, all[i].owner, owner)
		}
	}
	return all[0].at
}

// What a waiter may have to wait once a client's process is dead. The best of some tries is judged: a machine
// that has other things to do is late for reasons of its own.
const (
	freedWithin = 50 * time.Millisecond
	tries       = 3
)

// TestClientKilled kills clients with -9 that hold a lock by their connection. A hundred others wait for it
// through all nodes: the next one has it in no time, whichever node the dead one's connection was at, or
// when its grace is over, and not before. The rest follow in their order.
func TestClientKilled(t *testing.T) {
	s := quiet(t, newCluster(t))
	const grace = time.Second
	for _, way := range []struct {
		name  string
		node  *Node
		take  func(p *puppet, key string)
		after time.Duration
	}{
		{"CONN on a follower", s.follower(), s.takeByConn, 0},
		{"CONN on the leader", s.leader(), s.takeByConn, 0},
		{"a session with grace", s.follower(), func(p *puppet, key string) {
			id := s.does(p, "SESSION.OPEN", "TTL", "60000", "BIND", "CONN", "GRACE", millis(grace))
			s.does(p, "LOCK", key, "dead", "SESSION", id)
		}, grace},
	} {
		best := patience
		for try := 0; try < tries && (try == 0 || best > freedWithin); try++ {
			key := fmt.Sprintf("%s/%d", strings.ReplaceAll(way.name, " ", "-"), try)
			p := s.puppet(way.node, "")
			way.take(p, key)
			queue, grants := s.crowd(key, 100)
			begun := time.Now()
			p.kill()
			took := s.first(queue, grants).Sub(begun) - way.after
			t.Logf("%s: the next had it %v after the kill", way.name, took+way.after)
			if took < 0 {
				t.Errorf("%s: the next had it %v too early", way.name, -took)
			}
			best = min(best, took)
		}
		if best > freedWithin {
			t.Errorf("%s: the next had it %v late at best, %v were meant", way.name, best, freedWithin)
		}
	}
}

// takeByConn takes a lock that ends with the connection.
func (s *scenario) takeByConn(p *puppet, key string) {
	s.Helper()
	s.does(p, "LOCK", key, "dead", "CONN")
}

// TestWaiterGone takes those out of a queue who are no more: by the end of their process, of their connection,
// and of the session by which they wait. The others move up, and the lock goes to the next of them.
func TestWaiterGone(t *testing.T) {
	s := quiet(t, newCluster(t))
	leader, follower := s.leader(), s.follower()
	say(s, leader, "LOCK", "k", "holder", "60000")
	id := s.does(s.puppet(leader, ""), "SESSION.OPEN", "TTL", "60000")
	var queue []string
	wait := func(n *Node, owner string, options ...string) *puppet {
		p := s.puppet(n, "")
		s.must(p.tell(append([]string{"LOCK", "k", owner, "60000", "WAIT", "60000"}, options...)...))
		queue = append(queue, owner)
		s.awaitQueue("k", queue...)
		return p
	}
	killed := wait(follower, "killed")
	tied := wait(follower, "tied", "SESSION", id)
	conn, err := Dial(leader.Addr(), patience)
	s.must(err)
	_, err = conn.net.Write(command([]string{"LOCK", "k", "hung-up", "60000", "WAIT", "60000"}))
	s.must(err)
	queue = append(queue, "hung-up")
	s.awaitQueue("k", queue...)
	last := wait(follower, "last")

	begun := time.Now()
	killed.kill()
	s.awaitQueue("k", "tied", "hung-up", "last")
	t.Logf("who was killed is out of the queue after %v", time.Since(begun))
	begun = time.Now()
	conn.Close()
	s.awaitQueue("k", "tied", "last")
	t.Logf("who hung up is out of the queue after %v", time.Since(begun))

	say(s, leader, "SESSION.CLOSE", id)
	info, _ := say(s, follower, "LOCK.INFO", "k").([]any)
	if got := waiters(info); !slices.Equal(got, []string{"last"}) {
		t.Errorf("right after the session was closed %v wait", got)
	}
	if reply, err := tied.answer(patience); err != nil || reply != fmt.Sprint(nil) {
		t.Errorf("who waited by a session that was closed got %q, %v", reply, err)
	}
	if released := say(s, leader, "UNLOCK", "k", "holder"); released != int64(1) {
		t.Errorf("UNLOCK replies %v", released)
	}
	if reply, err := last.answer(patience); err != nil || reply == fmt.Sprint(nil) {
		t.Errorf("the last in the queue got %q, %v", reply, err)
	}
}

// TestClientCutOff cuts a client off that has sessions with a time to live. What hangs on them is free when
// that is over, counted from its last ping, and not before; where there is a grace or a lock-delay, when that
// is over too. The client is told once it is back.
func TestClientCutOff(t *testing.T) {
	onRequest(t)
	c := withNetwork(t)
	s := quiet(t, c)
	const ttl, more, late = 2 * time.Second, time.Second, time.Second
	far := &Node{ID: "client"}
	s.must(c.Net.Join(far))
	for range times(2, 10) {
		p := s.puppet(s.follower(), far.Netns)
		var held []*hanging
		for i, options := range [][]string{{}, {"BIND", "CONN", "GRACE", millis(more)}, {"LOCKDELAY", millis(more)}} {
			h := &hanging{after: ttl}
			if i > 0 {
				h.after += more
			}
			h.id = s.does(p, append([]string{"SESSION.OPEN", "TTL", millis(ttl)}, options...)...)
			h.key = "on-" + h.id
			h.token = s.does(p, "LOCK", h.key, "far", "SESSION", h.id)
			h.queue, h.grants = s.crowd(h.key, 3)
			held = append(held, h)
		}
		for _, h := range held {
			h.pinged = time.Now()
			s.does(p, "SESSION.PING", h.id)
		}
		s.cutOff(far, c.Net.Cut)
		for _, h := range held {
			took := s.first(h.queue, h.grants).Sub(h.pinged)
			t.Logf("%s was the next one's %v after the last ping", h.key, took)
			if took < h.after || took > h.after+late {
				t.Errorf("%s was the next one's %v after the last ping, not %v", h.key, took, h.after)
			}
		}
		s.cutOff(far, c.Net.Heal)
		for _, h := range held {
			if reply := s.does(p, "SESSION.PING", h.id); !strings.HasPrefix(reply, "NOSESSION") {
				t.Errorf("a client that is back is told %q about its session", reply)
			}
			if reply := s.does(p, "LOCK.CHECK", h.key, h.token); reply != "0" {
				t.Errorf("a client that is back is told %q about its lock", reply)
			}
		}
	}
}

// hanging is a lock that hangs on a session, and those who wait for it.
type hanging struct {
	id, key, token string
	pinged         time.Time
	after          time.Duration // since then, when it is free
	queue          []string
	grants         chan grant
}

// cutOff changes the ways between a client and all nodes, in both directions.
func (s *scenario) cutOff(client *Node, change func(from, to *Node) error) {
	s.Helper()
	for _, n := range s.Nodes {
		s.must(change(n, client))
		s.must(change(client, n))
	}
}

// TestRenewAfterWaiting kills the leader as a lock is handed on to somebody who waits at another node. The
// grant may have been on its way for as long as the failover took, so the waiter counts from a renewal that it
// sends then: it has the lock for so long after that was sent, with the token of the grant.
func TestRenewAfterWaiting(t *testing.T) {
	onRequest(t)
	s := quiet(t, newCluster(t))
	const ttl, late = 2 * time.Second, time.Second
	for i := range times(3, 20) {
		leader, n := s.leader(), s.follower()
		key := fmt.Sprintf("handed-on-%d", i)
		held, _ := say(s, n, "LOCK", key, "holder", "60000").(int64)
		waiter := s.ask(n, "LOCK", key, "waiter", millis(ttl), "WAIT", "60000")
		s.awaitQueue(key, "waiter")
		released := s.ask(n, "UNLOCK", key, "holder")
		time.Sleep(time.Duration(i) * 200 * time.Microsecond) // before, in or after its entry
		leader.Kill()
		token, _ := waiter.reply(s).(int64)
		if token <= held {
			t.Fatalf("the waiter was granted %d, after the holder's %d", token, held)
		}
		if reply := released.reply(s); reply != int64(1) {
			t.Errorf("UNLOCK over the failover replies %v", reply)
		}
		sent := time.Now()
		if left, _ := say(s, n, "RENEW", key, "waiter", millis(ttl), "TOKEN", fmt.Sprint(token)).(int64); left == 0 {
			t.Errorf("RENEW leaves nothing")
		}
		if now := say(s, n, "LOCK.TOKEN", key, "waiter"); now != token {
			t.Errorf("after RENEW the token is %v, not %d", now, token)
		}
		s.ask(n, "LOCK", key, "next", "1000", "WAIT", "60000").reply(s)
		took := time.Since(sent)
		t.Logf("the next had it %v after RENEW was sent", took)
		if took < ttl || took > ttl+late {
			t.Errorf("the next had it %v after RENEW was sent, not %v", took, ttl)
		}
		s.must(leader.Start())
		s.must(leader.AwaitServing(patience))
	}
}

// asked is a command that was sent on a connection of its own.
type asked chan any

func (s *scenario) ask(n *Node, words ...string) asked {
	s.Helper()
	conn, err := Dial(n.Addr(), patience)
	s.must(err)
	s.Cleanup(conn.Close)
	a := make(asked, 1)
	go func() {
		reply, err := conn.Do(time.Minute, words...)
		if err != nil {
			reply = err
		}
		a <- reply
	}()
	return a
}

func (a asked) reply(s *scenario) any {
	s.Helper()
	select {
	case reply := <-a:
		return reply
	case <-time.After(patience):
		s.Fatalf("no reply after %v", patience)
	}
	return nil
}
