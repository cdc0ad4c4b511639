package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeGroup notes what it is asked for, and refuses whatever is about n9.
type fakeGroup struct {
	mu    sync.Mutex
	asked []string
}

func (g *fakeGroup) ask(words ...any) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, fmt.Sprint(words...))
	if slices.Contains(words, any("n9")) {
		return errors.New("it is not known")
	}
	return nil
}

func (g *fakeGroup) Add(id, address string, noVote bool) error {
	return g.ask("add ", id, " ", address, " ", noVote)
}
func (g *fakeGroup) Promote(id string) error            { return g.ask("promote ", id) }
func (g *fakeGroup) Demote(id string, force bool) error { return g.ask("demote ", id, " ", force) }
func (g *fakeGroup) Remove(id string, force bool) error { return g.ask("remove ", id, " ", force) }
func (g *fakeGroup) Transfer(id string) (string, error) { return "n2", g.ask("transfer ", id) }

func (g *fakeGroup) Nodes() []GroupNode {
	client := ClientAddress{Host: "h1", Port: 6380}
	return []GroupNode{
		{Peer: Peer{ID: "n1", Leader: true, Self: true, Voter: true, Up: true, Index: 42, ClientAddress: client},
			Address: "h1:16380", Disk: "0123456789abcdef", Version: 2},
		{Peer: Peer{ID: "n2", Voter: true, Up: true, Index: 40, SinceHeard: 7 * time.Millisecond},
			Address: "h2:16380", Version: 2},
		{Peer: Peer{ID: "n3", SinceHeard: -time.Millisecond}, Address: "h3:16380", NoVote: true},
	}
}

func (g *fakeGroup) Raft() RaftFigures {
	return RaftFigures{Cluster: "c1", Address: "h1:16380", Term: 3, Applied: 41, Snapshot: 9, EntryVersion: 2}
}

// TestRaftChanges: what is typed is what is asked for, and a refusal is a sentence.
func TestRaftChanges(t *testing.T) {
	b := startBench(t)
	g := &fakeGroup{}
	b.hub.Group = g
	k := b.dial()
	k.send("RAFT.ADD n4 h4:16380", "raft.add n4 h4:16380 nonvoter", "RAFT.PROMOTE n4", "RAFT.DEMOTE n4",
		"RAFT.DEMOTE n4 force", "RAFT.REMOVE n4", "RAFT.REMOVE n4 FORCE", "RAFT.TRANSFER", "RAFT.TRANSFER n2",
		"RAFT.SNAPSHOT")
	k.exactly(strings.Repeat("+OK\r\n", 7) + "$2\r\nn2\r\n$2\r\nn2\r\n+OK\r\n")
	want := []string{"add n4 h4:16380 false", "add n4 h4:16380 true", "promote n4", "demote n4 false", "demote n4 true",
		"remove n4 false", "remove n4 true", "transfer ", "transfer n2"}
	if !slices.Equal(g.asked, want) || b.node.saves != 1 {
		t.Errorf("asked for %q and %d snapshots", g.asked, b.node.saves)
	}
	k.send("RAFT.REMOVE n9", "RAFT.TRANSFER n9")
	k.exactly(strings.Repeat("-ERR it is not known\r\n", 2))
	if lines := b.logged.String(); !strings.Contains(lines, `command=raft.remove arguments="n4 FORCE"`) ||
		!strings.Contains(lines, `command=raft.remove arguments=n9`) || !strings.Contains(lines, "error=true") {
		t.Errorf("the audit log has %s", lines)
	}
	g.asked = nil
	k.send("RAFT.ADD n4 h4:16380 VOTER", "RAFT.ADD n4 h4:16380 NONVOTER x", "RAFT.DEMOTE n4 x", "RAFT.REMOVE n4 x",
		"RAFT.TRANSFER n4 x", "RAFT.NODES x")
	k.exactly(strings.Repeat("-ERR syntax error\r\n", 6))
	k.send("RAFT.ADD n4 h4", "RAFT.ADD n4 h4:")
	k.exactly(`-ERR "h4" is no host:port: give the address of the node's cluster port (its log tells it)` + "\r\n" +
		`-ERR "h4:" is no host:port: give the address of the node's cluster port (its log tells it)` + "\r\n")
	if len(g.asked) > 0 {
		t.Errorf("a command that is wrong has led to %q", g.asked)
	}
}

func TestRaftNodes(t *testing.T) {
	b := startBench(t)
	b.hub.Group = &fakeGroup{}
	k := b.dial()
	k.send("RAFT.NODES TABLE")
	k.exactly("*4\r\n" +
		"+ID  ROLE             STATE  LAG  HEARD  ADDRESS   CLIENTS  DISK\r\n" +
		"+n1  leader           up     0    0s     h1:16380  h1:6380  01234567\r\n" +
		"+n2  follower         up     2    7ms    h2:16380\r\n" +
		"+n3  learner (stays)  down   42   -      h3:16380\r\n")
	k.send("RAFT.NODES")
	node := func(role, suffrage, state, address, client, heard, index, lag, version, stays, disk string) string {
		out := "*24\r\n$2\r\nid\r\n$2\r\nn" + address[1:2] + "\r\n"
		for _, pair := range [][2]string{{"role", role}, {"suffrage", suffrage}, {"state", state},
			{"address", address}, {"client-address", client}, {"last-contact-ms", heard}, {"applied-index", index},
			{"lag", lag}, {"entry-version", version}, {"stays-nonvoter", stays}, {"disk-id", disk}} {
			out += fmt.Sprintf("$%d\r\n%s\r\n", len(pair[0]), pair[0])
			if strings.HasPrefix(pair[1], ":") {
				out += pair[1] + "\r\n"
			} else {
				out += fmt.Sprintf("$%d\r\n%s\r\n", len(pair[1]), pair[1])
			}
		}
		return out
	}
	k.exactly("*3\r\n" +
		node("leader", "voter", "up", "h1:16380", "h1:6380", ":0", ":42", ":0", ":2", ":0", "0123456789abcdef") +
		node("follower", "voter", "up", "h2:16380", "", ":7", ":40", ":2", ":2", ":0", "") +
		node("learner", "nonvoter", "down", "h3:16380", "", ":-1", ":0", ":42", ":0", ":1", ""))
	k.send("RAFT.STATUS")
	if got := k.read(len("*44\r\n")); got != "*44\r\n" {
		t.Fatalf("status is %q", got)
	}
	for _, pair := range []string{"node $2 n1", "cluster $2 c1", "address $8 h1:16380", "disk-id $2 d1", "incarnation :0",
		"role $6 leader", "leader $2 n1", "voters :2", "voters-up :2", "majority :2", "term :3", "commit-index :42",
		"applied-index :41", "last-index :0", "snapshot-index :9"} {
		words := strings.Fields(pair)
		k.want(fmt.Sprintf("$%d\r\n%s\r\n", len(words[0]), strings.Join(words, "\r\n")))
	}
}
