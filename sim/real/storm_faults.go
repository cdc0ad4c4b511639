// What a storm can do to nodes: one line of a table for each kind, so that a new one is one line more.
//
// A fault says whom it can befall, what of a node it takes hold of (two of the same at once would undo each
// other), and what clients of the node may notice. Everything else, such as when and how long, is chance.

package real

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// pick is whom a fault befalls.
type pick int

const (
	anyNode pick = iota
	theLeader
	aFollower
	mostNodes // the fewest without which the others are no majority
	allNodes
	aClient // a program, not a node
)

// exitRemoved is the exit code of a node that has been taken out.
const exitRemoved = 5

// part is what a fault takes hold of.
type part uint

const (
	process part = 1 << iota
	network
	disk
	clock
	members // of the whole cluster: one such change at a time
	program
)

// notice is what may be noticed of a fault while it lasts.
type notice int

const (
	nothing  notice = iota // clients only wait
	vote                   // the same, but the node is of no use for a majority
	closing                // connections of the node may be closed or refused
	failures               // operations through the node may fail in any way
	disorder               // the same at all nodes
)

// fault is a kind of fault. Begin returns what ends it, or nil where it is over at once; an end that
// brings a member back belongs to members, and comes when all else has been healed.
type fault struct {
	name    string
	on      pick
	touches part
	noticed notice
	begin   begins
}

// begins is what begins a fault.
type begins func(*storm, *Node) (end func() error, err error)

// needsNet tells whether the nodes must be in namespaces of their own.
func (f *fault) needsNet() bool { return f.touches&network != 0 }

// faults is all kinds. The same thing done to the leader, to a follower and to all are different kinds: what
// the cluster must do then is not the same.
func faults() []fault {
	return []fault{
		{"kill the leader", theLeader, process, closing, kill},
		{"kill a follower", aFollower, process, closing, kill},
		{"kill a majority", mostNodes, process, failures, kill},
		{"kill all nodes", allNodes, process, failures, kill},
		{"stop the leader's process", theLeader, process, failures, freeze},
		{"stop a follower's process", aFollower, process, failures, freeze},
		{"stop all processes", allNodes, process, failures, freeze},
		{"end the leader in order", theLeader, process, closing, terminate},
		{"end a follower in order", aFollower, process, closing, terminate},
		{"end all in order", allNodes, process, failures, terminate},
		{"cut off the leader", theLeader, network, failures, cut(true, true)},
		{"cut off a follower", aFollower, network, failures, cut(true, true)},
		{"the leader does not hear", theLeader, network, failures, cut(true, false)},
		{"the leader is not heard", theLeader, network, failures, cut(false, true)},
		{"a follower does not hear", aFollower, network, failures, cut(true, false)},
		{"a follower is not heard", aFollower, network, failures, cut(false, true)},
		{"cut a link to the leader", aFollower, network, failures, cutLink},
		{"close all connections", anyNode, program, closing, hangUp},
		{"transfer leadership", theLeader, members, nothing, transfer},
		{"take a vote away", aFollower, members, vote, demote},
		{"remove and add a member", anyNode, members | process | disk, failures, remove},
		{"replace a lost disk", anyNode, members | process | disk, failures, loseDisk},
		{"run the previous build", anyNode, process | disk | clock, failures, downgrade},
		{"take a snapshot", anyNode, disk, nothing, snapshot},
		{"a crash tears the log", anyNode, process | disk, failures, tearLog},
		{"a bit flips in the log", anyNode, process | disk, failures, flipLog},
		{"a bit flips in a snapshot", anyNode, process | disk, failures, flipSnapshot},
		{"stop a client's process", aClient, program, nothing, freezeClient},
		{"the leader's packets are slow", theLeader, network, vote, delay(15 * time.Millisecond)},
		{"a follower's packets are slow", aFollower, network, vote, delay(40 * time.Millisecond)},
		{"packets get lost", anyNode, network, failures, weather(Weather{Loss: 0.1})},
		{"packets come twice", anyNode, network, failures, weather(Weather{Repeat: 0.2})},
		{"packets overtake others", anyNode, network, failures, weather(Weather{Overtake: 0.1})},
		{"the way is narrow", anyNode, network, failures, weather(Weather{Rate: 200_000})},
	}
}

// handFaults is those that need lockd's hand for tests (Cluster.Control).
func handFaults() []fault {
	return []fault{
		{"the leader's disk is slow", theLeader, disk, nothing, slowDisk(20 * time.Millisecond)},
		{"a follower's disk is slow", aFollower, disk, vote, slowDisk(100 * time.Millisecond)},
		{"the leader's disk hangs", theLeader, process | disk, failures, hangDisk},
		{"a follower's disk hangs", aFollower, process | disk, failures, hangDisk},
		{"a disk hangs for good", anyNode, process | disk, failures, hangForGood},
		{"a write fails before the disk has it", anyNode, process | disk, failures, failDisk(false)},
		{"a write fails after the disk has it", anyNode, process | disk, failures, failDisk(true)},
		{"the date jumps an hour ahead", theLeader, clock, nothing, stepWall(time.Hour)},
		{"the date jumps an hour back", theLeader, clock, nothing, stepWall(-time.Hour)},
		{"the raw clock is fast", theLeader, clock, nothing, drift(500)},
		{"the raw clock is slow", theLeader, clock, nothing, drift(-500)},
		{"the raw clock jumps back", theLeader, clock, nothing, func(_ *storm, n *Node) (func() error, error) {
			return n.JumpRaw(-10 * time.Minute)
		}},
	}
}

// smallFaults is those that need disks of a size (Cluster.DiskBytes).
func smallFaults() []fault {
	return []fault{
		{"the leader's disk is almost full", theLeader, disk, disorder, fillDisk(20 << 20)},
		{"a follower's disk is almost full", aFollower, disk, failures, fillDisk(20 << 20)},
		{"a follower's disk is full", aFollower, process | disk, failures, fillDisk(0)},
	}
}

// kill is kill -9.
func kill(_ *storm, n *Node) (func() error, error) {
	n.Kill()
	return n.Start, nil
}

// freeze is SIGSTOP until SIGCONT.
func freeze(_ *storm, n *Node) (func() error, error) {
	return func() error { return n.Signal(syscall.SIGCONT) }, n.Signal(syscall.SIGSTOP)
}

// terminate is SIGTERM, upon which a node hands over what it leads and ends with 0.
func terminate(_ *storm, n *Node) (func() error, error) {
	return func() error { return errors.Join(n.endsInOrder(), n.Start()) }, n.Signal(syscall.SIGTERM)
}

// endsInOrder waits for the end of a node that was asked to stop. One that had not yet begun to serve may end
// with any code: the signal may have killed it before it listened to signals.
func (n *Node) endsInOrder() error {
	code, err := n.AwaitEnd(patience)
	if err != nil || code == 0 {
		return err
	}
	log, err := os.ReadFile(n.Log)
	begun := max(bytes.LastIndex(log, []byte("=== ")), 0)
	if err == nil && !bytes.Contains(log[begun:], []byte(" listens on ")) {
		return nil
	}
	return fmt.Errorf("%s was asked to stop and ended with code %d\n%s", n.ID, code, n.Tail(5))
}

// cut drops what the others send to a node, what it sends to them, or both.
func cut(to, from bool) begins {
	return func(s *storm, n *Node) (func() error, error) {
		ways := func(change func(a, b *Node) error) (err error) {
			for _, other := range s.Nodes {
				if other != n && to {
					err = errors.Join(err, change(other, n))
				}
				if other != n && from {
					err = errors.Join(err, change(n, other))
				}
			}
			return err
		}
		return func() error { return ways(s.Net.Heal) }, ways(s.Net.Cut)
	}
}

// cutLink cuts the way between a node and the leader only; the third still reaches both.
func cutLink(s *storm, n *Node) (func() error, error) {
	leader := s.leadsNow()
	if leader == nil || leader == n {
		return nil, errUnsuited
	}
	both := func(change func(a, b *Node) error) error {
		return errors.Join(change(leader, n), change(n, leader))
	}
	return func() error { return both(s.Net.Heal) }, both(s.Net.Cut)
}

// hangUp ends the connections of one node's clients: CLIENT KILL is about all nodes, so its address is named.
func hangUp(_ *storm, n *Node) (func() error, error) {
	return nil, unsuited(n.Ask(time.Second, "CLIENT", "KILL", "LADDR", n.Addr(), "SKIPME", "yes"))
}

func transfer(_ *storm, n *Node) (func() error, error) {
	return nil, unsuited(n.Ask(time.Second, "RAFT.TRANSFER"))
}

func snapshot(_ *storm, n *Node) (func() error, error) {
	return nil, unsuited(n.Ask(time.Second, "RAFT.SNAPSHOT"))
}

// demote takes a node's vote and gives it back.
func demote(s *storm, n *Node) (func() error, error) {
	back := func() error {
		if err := s.insist(n, "RAFT.PROMOTE", n.ID); err != nil {
			return err
		}
		return s.awaitVoter(n)
	}
	leader := s.leadsNow()
	if leader == nil || leader == n {
		return nil, errUnsuited
	}
	// It may have been done though it was not answered, so it is taken back in any case.
	_, _ = leader.Ask(2*time.Second, "RAFT.DEMOTE", n.ID)
	return back, nil
}

// remove takes a member out, which then ends by itself, and adds it again with an empty disk.
func remove(s *storm, n *Node) (func() error, error) {
	asked := s.another(n)
	if asked == nil {
		return nil, errUnsuited
	}
	_, refused := asked.Ask(2*time.Second, "RAFT.REMOVE", n.ID)
	return func() error {
		if refused != nil { // it may be out, or may be a member still
			n.Kill()
			return s.replace(n)
		}
		code, err := n.AwaitEnd(patience)
		if err == nil && code != exitRemoved {
			err = fmt.Errorf("%s was removed and ended with code %d\n%s", n.ID, code, n.Tail(5))
		}
		n.Kill()
		return errors.Join(err, s.replace(n))
	}, nil
}

// loseDisk kills a node whose disk is lost; one with a new disk takes its place.
func loseDisk(s *storm, n *Node) (func() error, error) {
	n.Kill()
	return func() error { return s.replace(n) }, n.Wipe()
}

// freezeClient stops one of the clients that are processes of their own.
func freezeClient(s *storm, _ *Node) (func() error, error) {
	if len(s.clients) == 0 {
		return nil, errUnsuited
	}
	c := s.clients[s.dice.IntN(len(s.clients))]
	from := s.epoch.history.Now()
	return func() error {
		err := c.resume()
		c.paused = append(c.paused, span{from, s.epoch.history.Now()})
		return err
	}, c.pause()
}

// errUnsuited says that a fault cannot happen now; something else happens instead.
var errUnsuited = errors.New("it cannot happen now")

func unsuited(_ any, err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", errUnsuited, err)
	}
	return nil
}

// replace brings a node that does not run back with an empty disk: the old member leaves first, so that the
// new one is not counted beside it.
func (s *storm) replace(n *Node) error {
	if err := s.insist(n, "RAFT.REMOVE", n.ID); err != nil {
		return err
	}
	if err := n.Wipe(); err != nil {
		return err
	}
	var others []string
	for _, other := range s.Nodes {
		if other != n {
			others = append(others, other.PeerAddr())
		}
	}
	n.Args = append(without(n.Args, "--cluster", "--join", "--advertise"),
		"--join", strings.Join(others, ","), "--advertise", n.PeerAddr())
	if err := n.Start(); err != nil {
		return err
	}
	if err := n.AwaitServing(patience); err != nil {
		return err
	}
	return s.awaitVoter(n)
}

// without drops some flags and their values.
func without(args []string, flags ...string) []string {
	var rest []string
	for i := 0; i+1 < len(args); i += 2 {
		if !slices.Contains(flags, args[i]) {
			rest = append(rest, args[i], args[i+1])
		}
	}
	return rest
}
