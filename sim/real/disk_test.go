// Disks that are empty, or of somebody else, or far behind.

package real

import (
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestWipedDisk starts a node again whose disk has been emptied. It has forgotten its votes, so it must not
// take part under its old name; once that is removed from the cluster it can come as a new member.
func TestWipedDisk(t *testing.T) {
	onRequest(t)
	s := begin(t, 3)
	kept := s.keep(20)
	lost := s.follower()
	s.excuse(lost, false)
	lost.Kill()
	s.must(lost.Wipe())
	s.must(lost.Start())
	s.refused(lost, "RAFT.REMOVE "+lost.ID)
	s.settle(lost)
	lost.Kill()

	say(s, s.leader(), "RAFT.REMOVE", lost.ID)
	s.must(lost.Wipe())
	s.joins(lost)
	s.must(lost.Start())
	s.must(lost.AwaitServing(patience))
	s.awaitVoter(lost)
	s.load.SetTargets(s.Targets())
	s.settle()
	// It counts: without it, the two that are left after this would be no majority.
	s.killAndRestart(s.leader())
	kept.verify(lost)
	s.finish()
}

// refused waits until a node that must not take part has said so, in a sentence that contains a text. It must
// not serve.
func (s *scenario) refused(n *Node, text string) {
	s.Helper()
	await(s.T, n.ID+" says "+text, func() bool { return n.Wrote(text) })
	if _, err := n.Ask(time.Second, "GET", "k"); err == nil {
		s.Errorf("%s was refused by its cluster and serves all the same", n.ID)
	}
}

// TestOtherClusterRefused starts a node with the name and the address of a member, but with the data of another
// cluster.
func TestOtherClusterRefused(t *testing.T) {
	onRequest(t)
	s := begin(t, 3)
	kept := s.keep(20)
	member := s.follower()
	foreign := &Node{
		ID: member.ID, Dir: member.Dir + "-foreign", Log: strings.TrimSuffix(member.Log, ".log") + "-foreign.log",
		Host: member.Host, Port: member.Port, Peers: member.Peers, bin: member.bin, Args: []string{"--node-id", member.ID},
	}
	back := s.excuse(member, false)
	_, err := member.Stop(patience)
	s.must(err)
	s.must(foreign.Start())
	defer foreign.Kill()
	s.must(foreign.AwaitServing(patience))
	if _, err := foreign.Ask(time.Second, "LOCK", "of another cluster", "o", "60000"); err != nil {
		s.Fatal(err)
	}
	_, err = foreign.Stop(patience)
	s.must(err)

	// A list is only for the first start, so it goes on alone with a warning; but it must not be taken for
	// the member, and told to join it must stop rather than forget its locks.
	leader := s.leader()
	foreign.Args = append(foreign.Args, "--join", leader.PeerAddr())
	s.must(foreign.Start())
	code, err := foreign.AwaitEnd(patience)
	s.must(err)
	if code == 0 || !foreign.Wrote("empty --dir") {
		s.Errorf("it ended with code %d\n%s", code, foreign.Tail(5))
	}
	s.settle(member)
	s.restart(member, back)
	s.settle()
	kept.verify(member)
	s.finish()
}

// TestSnapshotInstall lets a follower miss so much that the log no longer goes back to what it has. Then it
// must get a snapshot, and with that be as good as the others.
func TestSnapshotInstall(t *testing.T) {
	onRequest(t)
	s := begin(t, 3, "--snapshot-log-bytes", "1mb")
	kept := s.keep(20)
	behind := s.follower()
	back := s.excuse(behind, true)
	behind.Kill()
	leader, other := s.leader(), s.Nodes[0]
	for _, n := range s.Nodes {
		if n != leader && n != behind {
			other = n
		}
	}
	value := strings.Repeat("v", 60_000)
	conn, err := Dial(leader.Addr(), time.Second)
	s.must(err)
	defer conn.Close()
	// The log is cut by whole files, so it goes on until the one is gone that goes back to the first entry.
	round := 0
	for ; firstFile(leader) || firstFile(other); round++ {
		for i := range 50 { // 3 MB
			_, err := conn.Do(5*time.Second, "SET", "big:"+itoa(i), itoa(round)+value)
			s.must(err)
		}
	}
	s.must(behind.Start())
	taken := map[string]bool{}
	await(s.T, behind.ID+" is sent a snapshot", func() bool {
		maps.Copy(taken, snapshots(leader))
		maps.Copy(taken, snapshots(other))
		for which := range snapshots(behind) {
			if taken[which] {
				return true
			}
		}
		return false
	})
	s.must(behind.AwaitServing(patience))
	back()
	// Reads are linearizable: what the state of this node itself is, it shows when it leads.
	await(s.T, behind.ID+" catches up", func() bool { return applied(behind) >= applied(leader) })
	say(s, other, "RAFT.TRANSFER", behind.ID)
	await(s.T, behind.ID+" leads", func() bool { _, leads := behind.leads(); return leads })
	kept.verify(behind)
	for i := range 50 {
		if got := say(s, behind, "GET", "big:"+itoa(i)); got != itoa(round-1)+value {
			s.Fatalf("big:%d on %s is not what was written: %.20v", i, behind.ID, got)
		}
	}
	s.settle()
	s.finish()
}

// firstFile tells whether a node still has the file with the first entry of its log.
func firstFile(n *Node) bool {
	names, _ := filepath.Glob(filepath.Join(n.Dir, "raft", "wal", "00000000000000000001-*.wal"))
	return len(names) > 0
}

// snapshots is the terms and indexes of the snapshots in a node's folder. One that two nodes have was sent from
// one to the other: by themselves they take them at moments of their own.
func snapshots(n *Node) map[string]bool {
	found := map[string]bool{}
	names, _ := filepath.Glob(filepath.Join(n.Dir, "raft", "snapshots", "*-*-*"))
	for _, name := range names {
		parts := strings.Split(filepath.Base(name), "-")
		found[parts[0]+"-"+parts[1]] = true
	}
	return found
}

func applied(n *Node) int {
	i, err := strconv.Atoi(n.Info("raft")["raft_applied_index"])
	if err != nil {
		return 0
	}
	return i
}

func itoa(i int) string { return strconv.Itoa(i) }

// say sends a command that must be answered.
func say(s *scenario, n *Node, words ...string) any {
	s.Helper()
	reply, err := n.Ask(patience, words...)
	if err != nil {
		s.Fatalf("%s answers %s: %v\n%s", n.ID, strings.Join(words, " "), err, n.Tail(10))
	}
	return reply
}

// text writes a reply on one line.
func text(reply any) string {
	list, ok := reply.([]any)
	if !ok {
		return fmt.Sprint(reply)
	}
	var words []string
	for _, v := range list {
		words = append(words, text(v))
	}
	return "[" + strings.Join(words, " ") + "]"
}
