// The members of the cluster, as far as the state needs to know them: which nodes there are, where they are
// reached, and the last number that each has used. All nodes learn it in the same entry, and a node that is
// down keeps its place.
//
// Where a node may vote is raft's business, not ours. But a node that was removed must not go on writing
// through a leader that has not heard of it, and a node that nobody hears must not keep a place in a queue;
// both are decided here, by an entry, so that no two nodes can see it differently.

package fsm

import (
	"strconv"

	"github.com/tidwall/btree"

	"github.com/divtxt/lockd/resp"
)

// What a node may say of itself, in bytes.
const (
	MaxNodeID  = 128 // the ids of a node and of its disk
	MaxAddress = 512
)

// About is what a node says of itself when it registers, and what the cluster has decided about it.
type About struct {
	Client  string // host:port for clients
	Address string // host:port of its cluster port
	Disk    string // the id of its data folder
	Version int    // the newest entry version that it knows; 0: it has not said
	Removed bool   // its runs are refused until it is admitted again
	NoVote  bool   // it stays a learner until somebody says otherwise; raft knows who has a vote now
}

// Member is a node that is or was in the cluster. One that was removed stays: its numbers must not be used
// again.
type Member struct {
	Node        string
	Incarnation uint64 // 0: it was admitted and has not come yet
	Last        uint64 // the last number that ran
	About
}

// nodes is what the state knows of the nodes.
type nodes struct {
	origins *btree.Map[string, *origin] // by node id
	members *btree.Map[string, *About]  // by node id; only those that version 2 has told about
	level   byte                        // the newest entry version ever applied; never falls
	sum     uint64                      // of the origins' weights

	// ordinals counts the small numbers that nodes were given, each once and for good, so that a node can make
	// numbers that are unique in the cluster. Where an older state has forgotten the order in which they came,
	// all are given new ones: see renumber.
	ordinals uint64

	bytes int64  // of the members' cost
	told  uint64 // how often anything was said of a member; derived
}

func newNodes() nodes {
	return nodes{
		origins: btree.NewMap[string, *origin](0),
		members: btree.NewMap[string, *About](0),
		level:   EntryVersionFirst,
	}
}

// copy returns a copy for reading only, in constant time.
func (n *nodes) copy() nodes {
	c := *n
	c.origins, c.members = n.origins.Copy(), n.members.Copy()
	return c
}

// setOrigin puts o in the place of what is known of a node's numbers. node must not point into the entry.
func (n *nodes) setOrigin(node string, o *origin) {
	if old, had := n.origins.Get(node); had {
		o.ordinal = old.ordinal
		n.sum -= old.weight()
	} else {
		o.ordinal = n.ordinals
		n.ordinals++
	}
	n.origins.Set(node, o)
	n.sum += o.weight()
}

// renumber gives all nodes new ordinals, in the order of their ids. It runs with the first entry of
// VersionData: snapshots from before it have no ordinals, so they may differ between the nodes until then.
// One node is number 0 in any case.
func (n *nodes) renumber() {
	if n.origins.Len() < 2 {
		return
	}
	renumbered := btree.NewMap[string, *origin](0)
	n.origins.Scan(func(node string, o *origin) bool {
		changed := *o
		changed.ordinal = n.ordinals
		n.ordinals++
		renumbered.Set(node, &changed)
		return true
	})
	n.origins = renumbered
}

// Ordinal returns the small number of a node, which no other node has or will have.
func (m *Machine) Ordinal(node string) (ordinal uint64, known bool) {
	if o, ok := m.nodes.origins.Get(node); ok {
		return o.ordinal, true
	}
	return 0, false
}

// ordinalShift is where the ordinal of its node begins in the id of a client. It leaves room for as many
// connections, and for as many nodes as clients can count exactly that keep numbers as floating point.
const ordinalShift = 40

// ClientID returns the id of the client whose number is n among those of the node with an ordinal, which no
// other client of the cluster has.
func ClientID(ordinal, n uint64) uint64 { return ordinal<<ordinalShift | n }

// nodeOf returns the node of a client, if it is known.
func (m *Machine) nodeOf(client uint64) (node string, known bool) {
	if client == 0 {
		return "", false
	}
	m.nodes.origins.Scan(func(id string, o *origin) bool {
		if known = o.ordinal == client>>ordinalShift; known {
			node = id
		}
		return !known
	})
	return node, known
}

// weight is a number that differs, almost surely, for different origins, to be summed up.
func (o *origin) weight() uint64 {
	h := o.incarnation*0x9e3779b97f4a7c15 + o.last
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	return h ^ h>>32
}

// setMember puts a in the place of what is known about a node, which has numbers from then on. node must not
// point into the entry.
func (n *nodes) setMember(node string, a *About) {
	n.told++
	if old, had := n.members.Set(node, a); had {
		n.bytes -= old.cost(node)
	}
	n.bytes += a.cost(node)
	if _, ok := n.origins.Get(node); !ok {
		n.setOrigin(node, &origin{})
	}
}

// memberCost is what a member counts against the memory limit beside its strings, in bytes.
const memberCost = 160

func (a *About) cost(node string) int64 {
	return int64(memberCost + len(node) + len(a.Client) + len(a.Address) + len(a.Disk))
}

// about returns a copy of what is known about a node.
func (n *nodes) about(node string) About {
	if a, ok := n.members.Get(node); ok {
		return *a
	}
	return About{}
}

func (n *nodes) removed(node string) bool {
	if n.members.Len() == 0 {
		return false
	}
	a, ok := n.members.Get(node)
	return ok && a.Removed
}

// Members returns the nodes that are or were in the cluster, in the order of their ids.
func (m *Machine) Members() []Member {
	list := make([]Member, 0, m.nodes.origins.Len())
	m.nodes.origins.Scan(func(node string, o *origin) bool {
		list = append(list, Member{node, o.incarnation, o.last, m.nodes.about(node)})
		return true
	})
	return list
}

// MembersTold returns a number that rises when anything about the members has changed.
func (m *Machine) MembersTold() uint64 { return m.nodes.told }

// Members returns the nodes as they were when the view was made.
func (v *View) Members() []Member { return v.m.Members() }

// badWords answers an order whose words are not what they should be. The leader does not write such.
func badWords(order string) Reply {
	return resp.Errorf("ERR %s was not done: words are missing, too long or no numbers", order)
}

// fits tells whether a word is there and has at most limit bytes.
func fits(word []byte, limit int) bool { return len(word) > 0 && len(word) <= limit }

// describe keeps what a node that registers says of itself: client address, cluster address, disk, newest
// entry version. What stands after these is of a later version. It is kept whatever the version of the
// entry: it is how the leader learns which version all know, and a program that knew no words here had no
// other nodes.
func (m *Machine) describe(node string, words [][]byte) Reply {
	if len(words) == 0 {
		return resp.OK()
	}
	if len(words) < 4 || len(node) > MaxNodeID || len(words[0]) > MaxAddress ||
		len(words[1]) > MaxAddress || len(words[2]) > MaxNodeID {
		return badWords("registering")
	}
	version, err := strconv.ParseUint(string(words[3]), 10, 31)
	if err != nil {
		return badWords("registering")
	}
	m.nodes.setMember(node, &About{
		Client: string(words[0]), Address: string(words[1]), Disk: string(words[2]), Version: int(version),
		NoVote: m.nodes.about(node).NoVote,
	})
	return resp.OK()
}

// AdmitNoVote is the word of an admission for a node that is to stay without a vote.
const AdmitNoVote = "NONVOTER"

// admitNode lets a node with this disk register, and replies the incarnation above which it must start. What
// another disk has said under the same id does not count for this one. A member is admitted again to change
// whether it may get a vote.
func (m *Machine) admitNode(words [][]byte) Reply {
	if len(words) < 3 || !fits(words[0], MaxNodeID) || len(words[1]) > MaxNodeID || len(words[2]) > MaxAddress {
		return badWords("admitting a node")
	}
	node, disk := string(words[0]), string(words[1])
	a := m.nodes.about(node)
	if a.Disk != disk {
		a = About{Disk: disk}
	}
	a.Address, a.Removed = string(words[2]), false
	a.NoVote = len(words) > 3 && string(words[3]) == AdmitNoVote
	m.nodes.setMember(node, &a)
	o, _ := m.nodes.origins.Get(node)
	return resp.Int(int64(o.incarnation))
}

// forgetNode removes a node: who waits there leaves the queue, and nothing that it sends runs any longer.
// Its numbers stay, or what is on its way from it could run twice after it was admitted again.
func (m *Machine) forgetNode(words [][]byte, sink Sink) Reply {
	if len(words) < 1 || !fits(words[0], MaxNodeID) {
		return badWords("removing a node")
	}
	node := string(words[0])
	a := m.nodes.about(node)
	a.Removed = true
	m.nodes.setMember(node, &a)
	m.dropNode(node, sink)
	if o, _ := m.nodes.origins.Get(node); o.last > 0 {
		sink.Silenced(Origin{node, o.incarnation})
	}
	return resp.OK()
}

// silence drops who waits on a node that the leader has not heard for too long, and replies how many there
// were. The incarnation that was not heard must be the registered one: a node that has started anew since
// is heard again. Notes of grants stay, as the same node may still say that a reply was never written.
func (m *Machine) silence(words [][]byte, sink Sink) Reply {
	if len(words) < 2 {
		return badWords("silencing a node")
	}
	incarnation, err := strconv.ParseUint(string(words[1]), 10, 64)
	if err != nil {
		return badWords("silencing a node")
	}
	who := Origin{string(words[0]), incarnation}
	if m.Ran(who) == 0 {
		return resp.Int(0)
	}
	m.counters.silenced++
	dropped := m.dropWaiters(who.Node, sink)
	m.subs.endNode(who.Node)
	m.lostNode(who.Node)
	m.serve(0)
	sink.Silenced(who)
	return resp.Int(int64(dropped))
}
