// RAFT.*: who is in the cluster and how it is, and changing that. Any node takes these; the leader does what
// there is to do, and answers with a sentence where it refuses. docs/cluster.md says when to use which.

package session

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// Group changes who is in the cluster and who leads it. Its methods wait for the outcome, some seconds at
// most; their errors are sentences for people.
type Group interface {
	// Add takes in the node that waits at the address of its cluster port. noVote: it stays a learner.
	Add(id, address string, noVote bool) error
	// Promote gives a learner a vote.
	Promote(id string) error
	// Demote takes a vote away, Remove a node. force: also where the cluster then stands still.
	Demote(id string, force bool) error
	Remove(id string, force bool) error
	// Transfer makes a node lead, or any other for "", and returns who leads then.
	Transfer(id string) (leader string, err error)
	// Nodes returns the members in the order of their ids.
	Nodes() []GroupNode
	// Raft returns figures about this node's log.
	Raft() RaftFigures
}

// GroupNode is a member as RAFT.NODES shows it.
type GroupNode struct {
	Peer
	Address string // of its cluster port
	Disk    string // id of its data folder
	Version int    // the newest entry version that it knows, 0: it has not said
	NoVote  bool   // a learner that stays one until RAFT.PROMOTE
}

// RaftFigures are what RAFT.STATUS shows beside Status.
type RaftFigures struct {
	Cluster      string // the cluster's name
	Address      string // of this node's cluster port
	Term         uint64
	Applied      uint64 // index of the last entry applied, changes of the members included
	Snapshot     uint64 // index of the last snapshot
	EntryVersion int    // of the entries that the cluster writes
	NewestEntry  int    // the newest version that this node knows
}

func (h *Hub) raftCommands() []commands.Command {
	const (
		show = commands.Admin | commands.NoScript | commands.Loading | commands.Stale
		edit = show | commands.NoMulti | commands.Audit
	)
	list := []commands.Command{
		{Name: "raft.nodes", Arity: -1, Flags: show, Syntax: "[TABLE]", Local: h.raftNodes,
			Summary: "Describe the members of the cluster: their roles, and how they are. TABLE: in lines."},
		{Name: "raft.status", Arity: 1, Flags: show, Local: h.raftStatus,
			Summary: "Reply figures about this node's log, term and clock."},
		{Name: "raft.add", Arity: -3, Flags: edit, Syntax: "id host:port [NONVOTER]", Local: h.raftAdd,
			Summary: "Take in the node that was started with --join wait. It gets a vote once it has caught up."},
		{Name: "raft.promote", Arity: 2, Flags: edit, Syntax: "id", Local: h.raftPromote,
			Summary: "Give a learner a vote, waiting some seconds for it to catch up."},
		{Name: "raft.demote", Arity: -2, Flags: edit, Syntax: "id [FORCE]", Local: h.raftDemote,
			Summary: "Take a node's vote away. It stays a learner until RAFT.PROMOTE."},
		{Name: "raft.remove", Arity: -2, Flags: edit, Syntax: "id [FORCE]", Local: h.raftRemove,
			Summary: "Take a node out of the cluster for good; its data folder cannot come back."},
		{Name: "raft.transfer", Arity: -1, Flags: edit, Syntax: "[id]", Local: h.raftTransfer,
			Summary: "Make another voter lead, and reply which one does."},
		{Name: "raft.snapshot", Arity: 1, Flags: edit, Complexity: "O(N), N the number of keys", Local: h.save,
			Summary: "Take a snapshot on this node, and reply when it is on disk."},
		{Name: "raft.help", Arity: 1, Flags: commands.Loading | commands.Stale, Local: raftHelp,
			Summary: "Show the commands about the cluster."},
	}
	for i := range list {
		c := &list[i]
		c.Group, c.Since = "server", "1.0.0"
		if c.Complexity == "" {
			c.Complexity = "O(1)"
		}
	}
	return list
}

// changed is the reply to a change.
func changed(err error) resp.Value {
	if err != nil {
		return resp.Errorf("ERR %v", err)
	}
	return resp.OK()
}

// option reads a word that may stand behind the others.
func option(a commands.Args, at int, word string) (given, ok bool) {
	return len(a) == at+1 && a.Is(at, word), len(a) <= at || len(a) == at+1 && a.Is(at, word)
}

func (h *Hub) raftAdd(_ *commands.Conn, a commands.Args) resp.Value {
	noVote, ok := option(a, 3, "NONVOTER")
	if !ok {
		return errSyntax()
	}
	if _, port, err := net.SplitHostPort(a.Str(2)); err != nil || port == "" {
		return resp.Errorf("ERR %q is no host:port: give the address of the node's cluster port (its log tells it)",
			a.Str(2))
	}
	return changed(h.Group.Add(a.Str(1), a.Str(2), noVote))
}

func (h *Hub) raftPromote(_ *commands.Conn, a commands.Args) resp.Value {
	return changed(h.Group.Promote(a.Str(1)))
}

func (h *Hub) raftDemote(_ *commands.Conn, a commands.Args) resp.Value {
	force, ok := option(a, 2, "FORCE")
	if !ok {
		return errSyntax()
	}
	return changed(h.Group.Demote(a.Str(1), force))
}

func (h *Hub) raftRemove(_ *commands.Conn, a commands.Args) resp.Value {
	force, ok := option(a, 2, "FORCE")
	if !ok {
		return errSyntax()
	}
	return changed(h.Group.Remove(a.Str(1), force))
}

func (h *Hub) raftTransfer(_ *commands.Conn, a commands.Args) resp.Value {
	id := ""
	switch {
	case len(a) > 2:
		return errSyntax()
	case len(a) == 2:
		id = a.Str(1)
	}
	leader, err := h.Group.Transfer(id)
	if err != nil {
		return changed(err)
	}
	return resp.Bulk(leader)
}

// role is what a member is now; suffrage beside it is whether it has a vote.
func (n *GroupNode) role() string {
	switch {
	case n.Leader:
		return "leader"
	case n.Voter:
		return "follower"
	}
	return "learner"
}

func (n *GroupNode) suffrage() string {
	if n.Voter {
		return "voter"
	}
	return "nonvoter"
}

func (n *GroupNode) state() string {
	if n.Up {
		return "up"
	}
	return "down"
}

// client is where clients reach it, empty while it has not said.
func (n *GroupNode) client() string {
	if n.Host == "" {
		return ""
	}
	return net.JoinHostPort(n.Host, fmt.Sprint(n.Port))
}

// lag is how many entries it is behind what this node knows to be committed.
func (n *GroupNode) lag(commit uint64) int64 { return max(0, int64(commit)-int64(n.Index)) }

// heard is how many milliseconds ago something was heard of it, -1 where that is not known.
func (n *GroupNode) heard() int64 {
	return max(-1, n.SinceHeard.Milliseconds())
}

func (h *Hub) raftNodes(_ *commands.Conn, a commands.Args) resp.Value {
	table, ok := option(a, 1, "TABLE")
	if !ok {
		return errSyntax()
	}
	commit, nodes := h.Node.Status().CommitIndex, h.Group.Nodes()
	if table {
		return nodesTable(nodes, commit)
	}
	var list []resp.Value
	for i := range nodes {
		n := &nodes[i]
		list = append(list, resp.Map(
			resp.Bulk("id"), resp.Bulk(n.ID),
			resp.Bulk("role"), resp.Bulk(n.role()),
			resp.Bulk("suffrage"), resp.Bulk(n.suffrage()),
			resp.Bulk("state"), resp.Bulk(n.state()),
			resp.Bulk("address"), resp.Bulk(n.Address),
			resp.Bulk("client-address"), resp.Bulk(n.client()),
			resp.Bulk("last-contact-ms"), resp.Int(n.heard()),
			resp.Bulk("applied-index"), resp.Int(int64(n.Index)),
			resp.Bulk("lag"), resp.Int(n.lag(commit)),
			resp.Bulk("entry-version"), resp.Int(int64(n.Version)),
			resp.Bulk("stays-nonvoter"), resp.Bool(n.NoVote),
			resp.Bulk("disk-id"), resp.Bulk(n.Disk),
		))
	}
	return resp.Array(list...)
}

// nodesTable is for people: a line for each node, which every version of redis-cli shows as it is.
func nodesTable(nodes []GroupNode, commit uint64) resp.Value {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tROLE\tSTATE\tLAG\tHEARD\tADDRESS\tCLIENTS\tDISK")
	for i := range nodes {
		n := &nodes[i]
		heard := "-"
		if ms := n.heard(); ms >= 0 {
			heard = (time.Duration(ms) * time.Millisecond).String()
		}
		role := n.role()
		if n.NoVote {
			role += " (stays)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%.8s\n", n.ID, role, n.state(), n.lag(commit), heard, n.Address,
			n.client(), n.Disk)
	}
	_ = w.Flush() // a buffer takes everything
	var lines []resp.Value
	for line := range strings.Lines(b.String()) {
		lines = append(lines, resp.Simple(strings.TrimRight(line, " \n")))
	}
	return resp.Array(lines...)
}

func (h *Hub) raftStatus(*commands.Conn, commands.Args) resp.Value {
	s, r := h.Node.Status(), h.Group.Raft()
	voters, up := 0, 0
	for _, n := range h.Group.Nodes() {
		if n.Voter {
			voters++
			if n.Up {
				up++
			}
		}
	}
	return resp.Map(
		resp.Bulk("node"), resp.Bulk(s.Node),
		resp.Bulk("cluster"), resp.Bulk(r.Cluster),
		resp.Bulk("address"), resp.Bulk(r.Address),
		resp.Bulk("disk-id"), resp.Bulk(s.DiskID),
		resp.Bulk("incarnation"), resp.Int(int64(s.Incarnation)),
		resp.Bulk("role"), resp.Bulk(s.Role),
		resp.Bulk("leader"), resp.Bulk(s.Leader),
		resp.Bulk("voters"), resp.Int(int64(voters)),
		resp.Bulk("voters-up"), resp.Int(int64(up)),
		resp.Bulk("majority"), resp.Int(int64(voters/2+1)),
		resp.Bulk("term"), resp.Int(int64(r.Term)),
		resp.Bulk("commit-index"), resp.Int(int64(s.CommitIndex)),
		resp.Bulk("applied-index"), resp.Int(int64(r.Applied)),
		resp.Bulk("last-index"), resp.Int(int64(s.LastIndex)),
		resp.Bulk("snapshot-index"), resp.Int(int64(r.Snapshot)),
		resp.Bulk("log-bytes-since-snapshot"), resp.Int(s.LogBytes),
		resp.Bulk("queued-commands"), resp.Int(int64(s.Queued)),
		resp.Bulk("entry-version"), resp.Int(int64(r.EntryVersion)),
		resp.Bulk("newest-entry-version"), resp.Int(int64(r.NewestEntry)),
		resp.Bulk("clock-ms"), resp.Int(int64(s.Clock)),
		resp.Bulk("clock-freezes"), resp.Int(int64(s.Freezes)),
		resp.Bulk("clock-frozen"), resp.Bool(s.Frozen),
	)
}

func raftHelp(*commands.Conn, commands.Args) resp.Value {
	var list []resp.Value
	for _, line := range []string{
		"Any node takes these. See docs/cluster.md for what to do when.",
		"RAFT.NODES [TABLE]", "    The members, their roles and how far they are. TABLE: a line for each.",
		"RAFT.STATUS", "    Figures about the node that is asked.",
		"RAFT.ADD <id> <host:port> [NONVOTER]",
		"    Take in a node that was started with an empty --dir and --join wait. It gets a vote by",
		"    itself once it has caught up, with NONVOTER only by RAFT.PROMOTE.",
		"RAFT.PROMOTE <id>", "    Give a learner a vote.",
		"RAFT.DEMOTE <id> [FORCE]", "    Take a node's vote away.",
		"RAFT.REMOVE <id> [FORCE]",
		"    Take a node out for good. FORCE: even if the voters that are left and up are no majority,",
		"    so that the cluster stands still until more are back.",
		"RAFT.TRANSFER [<id>]", "    Make another node lead, and reply which one does.",
		"RAFT.SNAPSHOT", "    Write the state of this node to disk and cut its log.",
		"RAFT.BACKUP BEGIN | READ | END", "    What lockd backup uses.",
	} {
		list = append(list, resp.Simple(line))
	}
	return resp.Array(list...)
}
