package cluster_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
)

// leads waits until a node leads, with the help of whoever leads now.
func (g *groupRig) leads(id string) {
	g.t.Helper()
	eventually(g.t, "leadership of "+id, func() bool {
		if g.nodes[id].node.Status().Role == "leader" {
			return true
		}
		_, _ = g.nodes[id].node.Transfer(id) // another may have won an election meanwhile
		return false
	})
}

// takes looks that a node does commands, and soon.
func takes(t *testing.T, n *cluster.Node, key string) {
	t.Helper()
	begun := time.Now()
	expect(t, ask(t, n, 7, "SET "+key+" v", "GET "+key), "OK", "v")
	if took := time.Since(begun); took > time.Second {
		t.Errorf("a command took %v", took)
	}
}

// cutOff cuts a follower off so that it hears nothing, and puts an entry into the log that it then lacks.
func (g *groupRig) cutOff(leader, follower string) {
	g.t.Helper()
	g.net.CutOneWay(leader+":1", follower+":1")
	expect(g.t, ask(g.t, g.nodes[leader].node, 1, "SET a b"), "OK")
}

// A transfer to a voter that is behind and hears nothing ends with an honest error, and costs nothing.
func TestTransferToOneWhoHearsNothing(t *testing.T) {
	t.Parallel()
	g := trio(t)
	leader, f := g.leader(), g.followers()
	l := g.load(f[1])
	l.moves()
	g.cutOff(leader, f[0])
	_, err := g.nodes[leader].node.Transfer(f[0])
	if err == nil {
		t.Fatalf("%s leads, and hears nothing", f[0])
	}
	// On a busy machine the other follower may miss heartbeats, and elect somebody.
	honest := regexp.MustCompile(f[0] + " (did not catch up within|was told to stand for election)|leads now, and not|elected again")
	if !honest.MatchString(err.Error()) {
		t.Errorf("the error is %v", err)
	}
	takes(t, g.nodes[g.leader()].node, "after")
	g.net.Heal(leader+":1", f[0]+":1")
	g.leads(f[0])
	g.leads(leader)
	takes(t, g.nodes[leader].node, "again")
	l.moves()
	l.finish(g.nodes[leader].node)
}

// The same where it hears everything, and nothing of it is heard.
func TestTransferToOneWhoAnswersNothing(t *testing.T) {
	t.Parallel()
	g := trio(t)
	leader, f := g.leader(), g.followers()
	g.net.CutOneWay(f[0]+":1", leader+":1")
	expect(t, ask(t, g.nodes[leader].node, 1, "SET a b"), "OK")
	if _, err := g.nodes[leader].node.Transfer(f[0]); err == nil {
		t.Error("it leads, and the leader never heard that it has the log")
	}
	takes(t, g.nodes[g.leader()].node, "after")
	g.net.Heal(f[0]+":1", leader+":1")
	g.leads(f[0])
	g.leads(leader)
	takes(t, g.nodes[leader].node, "again")
}

// A leader that loses the leadership while it tries to give it to one that does not hear must be as good as
// any when it leads again. With raft's own transfer it refused all commands for ever.
func TestLeadershipIsLostDuringTransfer(t *testing.T) {
	t.Parallel()
	g := trio(t)
	leader, f := g.leader(), g.followers()
	g.cutOff(leader, f[0])
	tried := make(chan error, 1)
	go func() {
		_, err := g.nodes[leader].node.Transfer(f[0])
		tried <- err
	}()
	time.Sleep(500 * time.Millisecond) // in which it tries more than once
	g.net.Cut(leader+":1", f[1]+":1")
	eventually(t, "another leader", func() bool {
		return g.nodes[f[0]].node.Status().Role == "leader" || g.nodes[f[1]].node.Status().Role == "leader"
	})
	for _, id := range f {
		g.net.Heal(leader+":1", id+":1")
	}
	select {
	case <-tried: // that another leads than the one that was wanted, or that it has led for a moment
	case <-time.After(10 * time.Second):
		t.Fatal("the transfer has not ended")
	}
	g.leads(leader)
	takes(t, g.nodes[leader].node, "again")
	_, err := g.nodes[leader].node.Transfer(f[0])
	must(t, err)
	takes(t, g.nodes[leader].node, "elsewhere")
}

// The one that is to lead dies: its leader goes on, or hands over to the third.
func TestTransferToOneWhoDies(t *testing.T) {
	t.Parallel()
	g := trio(t)
	leader, f := g.leader(), g.followers()
	l := g.load(f[1])
	l.moves()
	g.cutOff(leader, f[0])
	tried := make(chan error, 1)
	go func() {
		_, err := g.nodes[leader].node.Transfer(f[0])
		tried <- err
	}()
	time.Sleep(100 * time.Millisecond) // in which it waits for the node to catch up
	g.kill(f[0])()
	if err := <-tried; err == nil {
		t.Errorf("%s is dead, and leads", f[0])
	}
	takes(t, g.nodes[leader].node, "after")
	g.net.Heal(leader+":1", f[0]+":1")
	g.start(f[0])
	g.ready(f[0])
	g.leads(f[1])
	g.leads(leader)
	takes(t, g.nodes[leader].node, "again")
	l.moves()
	l.finish(g.nodes[leader].node)
}

// A leader that hands over tries the others too where the first does not hear it.
func TestHandOverTriesAll(t *testing.T) {
	t.Parallel()
	g := trio(t)
	leader, f := g.leader(), g.followers()
	g.cutOff(leader, f[0])
	begun := time.Now()
	g.nodes[leader].node.HandOver(2 * time.Second)
	if got := g.leader(); got != f[1] || time.Since(begun) > time.Second {
		t.Errorf("%s leads after %v", got, time.Since(begun))
	}
	g.net.Heal(leader+":1", f[0]+":1")
	g.leads(leader)
	takes(t, g.nodes[leader].node, "again")
}

// A node that is closed while it hands over, to nobody who hears it, is closed at once.
func TestCloseDuringHandOver(t *testing.T) {
	t.Parallel()
	g := trio(t)
	leader := g.leader()
	for _, id := range g.followers() {
		g.net.CutOneWay(leader+":1", id+":1")
	}
	n := g.nodes[leader].node
	over := make(chan struct{})
	go func() {
		n.HandOver(time.Minute)
		close(over)
	}()
	time.Sleep(50 * time.Millisecond) // in which it has begun
	begun := time.Now()
	g.stopNode(leader)
	<-over
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Nodes that came before the mark tell how far they are no sooner for being asked: leadership goes there all
// the same, in an upgrade from node to node.
func TestTransferToAnOlderNode(t *testing.T) {
	t.Parallel()
	g := &groupRig{t: t, net: memnet.New(), nodes: map[string]*member{}}
	for _, id := range []string{"n1", "n2", "n3"} {
		g.member(id).over = func(n cluster.Network) cluster.Network { return older{n} }
	}
	g.form("n1", "n2", "n3")
	l := g.load("n1", "n2", "n3")
	for range 3 {
		l.moves()
		next := g.followers()[0]
		if got, err := g.nodes[g.leader()].node.Transfer(next); err != nil || got != next {
			t.Errorf("%s leads instead of %s: %v", got, next, err)
		}
	}
	l.moves()
	l.finish(g.nodes["n1"].node)
}

// older is the network of a node that does not know the mark.
type older struct{ cluster.Network }

func (o older) Open(ctx context.Context, address string) (cluster.Stream, cluster.Identity, error) {
	s, who, err := o.Network.Open(ctx, address)
	if err != nil {
		return nil, who, err
	}
	return olderStream{s}, who, nil
}

type olderStream struct{ cluster.Stream }

func (s olderStream) Recv() ([]byte, error) {
	for {
		frame, err := s.Stream.Recv()
		if err != nil || len(frame) == 0 || frame[0] != cluster.FrameMark {
			return frame, err
		}
	}
}
