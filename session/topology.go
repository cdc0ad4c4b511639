// Who is in the group, as clients see it. A node is known to clients by the address of its data port, and by
// the ports at which it shows itself as a Redis Sentinel and as a node of a Redis Cluster; this is not the
// address by which the nodes know each other. Each node announces its own, in the text that FormatClient
// makes, and the replicated state carries it to all others.

package session

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Peer is a member of the group.
type Peer struct {
	ID string
	ClientAddress
	Leader     bool
	Self       bool
	Voter      bool          // it has a vote; a learner has none yet
	Up         bool          // heard within the time that makes a node suspect
	Index      uint64        // how far it has applied the log, as far as known here
	SinceHeard time.Duration // 0 for the node itself, negative where nothing is known
}

// ClientAddress is where clients reach a node: one host, several ports.
type ClientAddress struct {
	Host            string
	Port            int // of the data port
	SentinelPort    int // 0: the node shows no Sentinel
	ClusterViewPort int // 0: the node shows no Redis Cluster
}

// Topology tells who is in the group. Its methods may be called from any goroutine, and return at once.
type Topology interface {
	// Peers returns the members in the order of their ids, this node among them. At most one leads. What is
	// returned belongs to the caller.
	Peers() []Peer
	// Watch gives a channel that has a value after each change of the leader or of the members; several
	// changes may be one value. stop ends it.
	Watch() (changes <-chan struct{}, stop func())
}

// longestClient bounds the text of a ClientAddress: every node keeps those of all, and they are in the log.
const longestClient = 512

// FormatClient returns an address as one text, "host:port;sentinel=26379;cluster=7000", without the ports
// that are 0.
func FormatClient(a ClientAddress) (string, error) {
	text := net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	if a.SentinelPort != 0 {
		text += ";sentinel=" + strconv.Itoa(a.SentinelPort)
	}
	if a.ClusterViewPort != 0 {
		text += ";cluster=" + strconv.Itoa(a.ClusterViewPort)
	}
	_, err := ParseClient(text)
	return text, err
}

// ParseClient reads what FormatClient wrote. Names that it does not know are left aside: they are of a newer
// version.
func ParseClient(text string) (ClientAddress, error) {
	if len(text) > longestClient {
		return ClientAddress{}, fmt.Errorf("the address for clients has %d bytes, at most %d are allowed",
			len(text), longestClient)
	}
	parts := strings.Split(text, ";")
	host, port, err := net.SplitHostPort(parts[0])
	if err != nil {
		return ClientAddress{}, fmt.Errorf("the address for clients %q is no host:port: %w", parts[0], err)
	}
	// Clients get the host inside lines of fields (INFO, CLUSTER NODES), which it must not break.
	unfit := func(r rune) bool { return r <= ' ' || r > '~' || r == ',' || r == '@' }
	if host == "" || strings.ContainsFunc(host, unfit) {
		return ClientAddress{}, fmt.Errorf("the address for clients %q has no host that can be shown", parts[0])
	}
	a := ClientAddress{Host: host}
	if a.Port, err = parsePort(port); err != nil {
		return ClientAddress{}, err
	}
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "sentinel":
			a.SentinelPort, err = parsePort(value)
		case "cluster":
			a.ClusterViewPort, err = parsePort(value)
		}
		if err != nil {
			return ClientAddress{}, err
		}
	}
	return a, nil
}

func parsePort(text string) (int, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("the address for clients has a port %q: ports are 1 to 65535", text)
	}
	return int(port), nil
}

// Alone returns the Topology of a node that is its whole group, and reached by clients at own.
func Alone(node Node, own ClientAddress) Topology { return &alone{node, own} }

type alone struct {
	node Node
	own  ClientAddress
}

// Peers returns the node itself.
func (a *alone) Peers() []Peer {
	peers := peersOf(a.node.Status())
	for i := range peers {
		if peers[i].Self {
			peers[i].ClientAddress = a.own
		}
	}
	return peers
}

// Watch never has anything to tell.
func (*alone) Watch() (<-chan struct{}, func()) { return nil, func() {} }

// group is what a node knows of the group at one moment.
type group struct {
	peers  []Peer
	self   Peer
	leader Peer // without an ID while there is none
}

// group asks once, so that everything in one reply fits together.
func (h *Hub) group() group {
	var g group
	if h.Topology == nil {
		g.peers = peersOf(h.Node.Status())
	} else {
		g.peers = h.Topology.Peers()
	}
	for _, p := range g.peers {
		if p.Self {
			g.self = p
		}
		if p.Leader {
			g.leader = p
		}
	}
	return g
}

// peersOf is what a node knows without a Topology: itself, and what the leader is called.
func peersOf(s Status) []Peer {
	peers := []Peer{{ID: s.Node, Self: true, Leader: s.Role == "leader", Voter: true, Up: true, Index: s.Index}}
	if s.Leader != "" && s.Leader != s.Node {
		address := ClientAddress{Host: s.Leader}
		peers = append(peers, Peer{ID: s.Leader, ClientAddress: address, Leader: true, Voter: true, Up: true})
	}
	slices.SortFunc(peers, func(a, b Peer) int { return cmp.Compare(a.ID, b.ID) })
	return peers
}

// leads tells whether this node leads: the role that clients look for.
func (g *group) leads() bool { return g.self.Leader }

// role is HELLO's word for it, and that of INFO and ROLE for a node that does not lead.
func (g *group) role(replica string) string {
	if g.leads() {
		return "master"
	}
	return replica
}

// stepEntries is how many log entries a node may be behind and still be in step: about a second under load,
// which is how old the figures may be. One that is farther behind is being sent a snapshot, or stands still.
const stepEntries = 4096

// replicas are the other voters that are up and in step with a log that is committed up to index: what INFO
// calls connected_slaves and WAIT replies, the same number by design. Learners are not counted, for they are
// part of no majority; nor is anyone by a node that does not lead, as it does not know.
func (g *group) replicas(index uint64) []Peer {
	var list []Peer
	for _, p := range g.peers {
		if g.leads() && !p.Self && p.Voter && p.Up && p.Index+stepEntries >= index {
			list = append(list, p)
		}
	}
	return list
}

// holders is how many replicas of the leader have on disk whatever was answered: a majority without the
// leader.
func (g *group) holders() int {
	voters := 0
	for _, p := range g.peers {
		if p.Voter {
			voters++
		}
	}
	return voters / 2
}
