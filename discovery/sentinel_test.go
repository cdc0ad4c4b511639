package discovery

import (
	"fmt"
	"strings"
	"testing"

	"github.com/divtxt/lockd/session"
)

const whereIsIt = "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster"

// at is a data port as replies show it.
func (n *node) at() string { return fmt.Sprintf("*[127.0.0.1 %d]", n.own.Port) }

// as is a node in the text of an event.
func (n *node) as() string { return fmt.Sprintf("127.0.0.1 %d", n.own.Port) }

// TestSwitchMaster: a subscriber hears of a new leader, and whoever asks then is told the same.
func TestSwitchMaster(t *testing.T) {
	g, nodes := startGroup(t, 3)
	listening, asking := dial(t, nodes[2].own.SentinelPort), dial(t, nodes[2].own.SentinelPort)
	asking.want(whereIsIt, nodes[0].at())
	listening.want("SUBSCRIBE +switch-master", "*[subscribe +switch-master :1]")
	for i, n := range []int{1, 2, 0} { // that of the subscriber's own node too
		g.lead("")
		asking.want(whereIsIt, "*null")
		g.lead(fmt.Sprintf("n%d", n+1))
		old := nodes[i]
		want := fmt.Sprintf("*[message +switch-master mymaster %s %s]", old.as(), nodes[n].as())
		if got := listening.reply().String(); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		asking.want(whereIsIt, nodes[n].at())
	}
	// A leader at another address is another master; what subscribers are told is what they should dial.
	g.set("n1", func(p *session.Peer) { p.Port = 1 })
	if got, want := listening.reply().String(), "+switch-master mymaster "+nodes[0].as()+" 127.0.0.1 1]"; !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestEvents: what happens to the group, in the words of a Sentinel and in order.
func TestEvents(t *testing.T) {
	g, nodes := startGroup(t, 3)
	k := dial(t, nodes[0].own.SentinelPort)
	k.want("HELLO 3", k.do("HELLO 3")) // messages are pushes
	k.want("PSUBSCRIBE [-+]*", ">[psubscribe [-+]* :1]")
	slave := func(n int, master int) string {
		return fmt.Sprintf("slave 127.0.0.1:%d %s @ mymaster %s", nodes[n].own.Port, nodes[n].as(), nodes[master].as())
	}
	sentinel := func(n int, master int) string {
		return fmt.Sprintf("sentinel %s 127.0.0.1 %d @ mymaster %s",
			sentinelID(fmt.Sprintf("n%d", n+1)), nodes[n].own.SentinelPort, nodes[master].as())
	}
	hears := func(events ...string) {
		t.Helper()
		for _, e := range events {
			if got, want := k.reply().String(), ">[pmessage [-+]* "+e+"]"; got != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	}
	g.set("n3", func(p *session.Peer) { p.Up = false })
	hears("+sdown "+slave(2, 0), "+sdown "+sentinel(2, 0))
	g.set("n3", func(p *session.Peer) { p.Up = true })
	hears("-sdown "+slave(2, 0), "-sdown "+sentinel(2, 0))
	g.lead("")
	hears("+sdown master mymaster " + nodes[0].as())
	g.lead("n1")
	hears("-sdown master mymaster " + nodes[0].as())
	g.set("n3", func(p *session.Peer) { p.Up = false })
	hears("+sdown "+slave(2, 0), "+sdown "+sentinel(2, 0))
	g.lead("n2")
	hears("+switch-master mymaster "+nodes[0].as()+" "+nodes[1].as(), "+slave "+slave(0, 1), "+slave "+slave(2, 1),
		"+sdown "+slave(2, 1))
	var third session.Peer
	g.change(func(peers []session.Peer) []session.Peer {
		third = peers[2]
		return peers[:2]
	})
	eventually(t, "the member is gone", func() bool { return len(nodes[0].watcher.look().peers) == 2 })
	g.change(func(peers []session.Peer) []session.Peer { return append(peers, third) })
	hears("+slave "+slave(2, 1), "+sentinel "+sentinel(2, 1))
}

// TestNoLeaderYet: a group that never had a leader has a master that is down, and no address.
func TestNoLeaderYet(t *testing.T) {
	g, nodes := startGroup(t, 2)
	g.lead("")
	n := &node{own: nodes[0].own}
	n.watcher = Watch(member{g, "n1"}, n.own)
	t.Cleanup(n.watcher.Close)
	s := &Sentinel{name: "mymaster", group: n.watcher}
	flags := map[string]string{}
	list := s.masterFields(n.watcher.look()).List()
	for i := 0; i < len(list); i += 2 {
		flags[list[i].Str()] = list[i+1].Str()
	}
	if flags["flags"] != "s_down,o_down,master,disconnected" || flags["port"] != fmt.Sprint(n.own.Port) {
		t.Error(flags)
	}
	if got := s.sentinelInfo(n.watcher.look()); !strings.Contains(got, "status=odown") {
		t.Error(got)
	}
	if got := events("mymaster", &snapshot{}, n.watcher.look()); len(got) != 0 {
		t.Errorf("events without a master: %v", got)
	}
}

// TestDownFields: who is down is described as such, and not counted by CKQUORUM.
func TestDownFields(t *testing.T) {
	g, nodes := startGroup(t, 3)
	g.set("n3", func(p *session.Peer) { p.Up, p.SinceHeard = false, 1234567890 })
	k := dial(t, nodes[0].own.SentinelPort)
	if got := k.do("SENTINEL REPLICAS mymaster"); !strings.Contains(got, "flags slave ") ||
		!strings.Contains(got, "flags s_down,slave,disconnected ") || !strings.Contains(got, "s-down-time 1234 ") {
		t.Error(got)
	}
	if got := k.do("SENTINEL SENTINELS mymaster"); !strings.Contains(got, "flags s_down,sentinel,disconnected ") {
		t.Error(got)
	}
	k.want("SENTINEL CKQUORUM mymaster", "OK 2 usable Sentinels. Quorum and failover authorization can be reached")
	g.set("n2", func(p *session.Peer) { p.Up = false })
	if got := k.do("SENTINEL CKQUORUM mymaster"); !strings.HasPrefix(got, "-NOQUORUM 1 usable Sentinels.") {
		t.Error(got)
	}
	g.lead("")
	if got := k.do("SENTINEL MASTERS"); !strings.Contains(got, "flags s_down,o_down,master,disconnected ") ||
		!strings.Contains(got, "num-other-sentinels 2 quorum 2 ") {
		t.Error(got)
	}
}

// TestOthersWithoutSentinel: a node that does not show the view is no Sentinel, but it is a replica.
func TestOthersWithoutSentinel(t *testing.T) {
	g, nodes := startGroup(t, 2)
	g.set("n2", func(p *session.Peer) { p.SentinelPort = 0 })
	k := dial(t, nodes[0].own.SentinelPort)
	k.want("SENTINEL SENTINELS mymaster", "*[]")
	if got := k.do("INFO"); !strings.Contains(got, "slaves=1,sentinels=1\r\n") || !strings.Contains(got, "redis_mode:sentinel\r\n") {
		t.Error(got)
	}
}

// TestOrders: the view takes no orders and says who does.
func TestOrders(t *testing.T) {
	_, nodes := startGroup(t, 1)
	k := dial(t, nodes[0].own.SentinelPort)
	for _, line := range []string{"FAILOVER mymaster", "MONITOR x 1.2.3.4 5 6", "SET mymaster quorum 1", "RESET *", "FLUSHCONFIG"} {
		if got := k.do("SENTINEL " + line); !strings.Contains(got, "RAFT.TRANSFER") || got[0] != '-' {
			t.Errorf("%s: %s", line, got)
		}
	}
	for _, line := range []string{"CLIENT KILL 127.0.0.1:1", "CLIENT LIST", "CONFIG GET *", "SHUTDOWN", "DEBUG SLEEP 1", "FLUSHALL"} {
		if got := k.do(line); !strings.HasPrefix(got, "-ERR unknown ") {
			t.Errorf("%s: %s", line, got)
		}
	}
	k.want("PING", "PONG")
}

// TestSubscriptionsAreBounded, and RESET ends them.
func TestSubscriptionsAreBounded(t *testing.T) {
	_, nodes := startGroup(t, 1)
	k := dial(t, nodes[0].own.SentinelPort)
	for i := range mostNames {
		k.want(fmt.Sprintf("SUBSCRIBE c%d", i), fmt.Sprintf("*[subscribe c%d :%d]", i, i+1))
	}
	for _, line := range []string{"SUBSCRIBE one-more", "PSUBSCRIBE *", "SUBSCRIBE " + strings.Repeat("x", longestName+1)} {
		if got := k.do(line); !strings.HasPrefix(got, "-ERR a connection may subscribe") {
			t.Error(got)
		}
	}
	k.want("SUBSCRIBE c1", fmt.Sprintf("*[subscribe c1 :%d]", mostNames)) // it has that one
	if got := k.do("ROLE"); !strings.HasPrefix(got, "-ERR Can't execute 'role': only (P|S)SUBSCRIBE") {
		t.Error(got)
	}
	k.want("RESET", "RESET")
	k.want("ROLE", "*[sentinel *[mymaster]]")
	k.want("SUBSCRIBE a", "*[subscribe a :1]")
	k.conn.Close()
	eventually(t, "nobody listens", func() bool {
		s := nodes[0].sentinel
		s.audience.mu.Lock()
		defer s.audience.mu.Unlock()
		return len(s.audience.of) == 0
	})
}

// TestUnreadConfirmations: a subscriber that does not read what it asks for holds up nobody.
func TestUnreadConfirmations(t *testing.T) {
	g, nodes := startGroup(t, 2)
	idle := dial(t, nodes[0].own.SentinelPort)
	go func() {
		line := []byte("UNSUBSCRIBE" + strings.Repeat(" x", 1000) + "\r\n")
		for {
			if _, err := idle.conn.Write(line); err != nil {
				return
			}
		}
	}()
	k := dial(t, nodes[0].own.SentinelPort)
	k.want("SUBSCRIBE +switch-master", "*[subscribe +switch-master :1]")
	for range 20 {
		g.lead("n2")
		k.reply()
		g.lead("n1")
		k.reply()
	}
}
