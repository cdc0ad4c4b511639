package discovery

// CLUSTER and its subcommands. Fields and their order are those of Redis 7, since clients take them apart.

import (
	"fmt"
	"strings"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/session"
)

// cutName takes a full name apart: cluster|slots.
func cutName(full string) (container, sub string, both bool) { return strings.Cut(full, "|") }

// describe answers CLUSTER sub.
func (v *Cluster) describe(sub string, a commands.Args) resp.Value {
	g := v.group.latest.Load()
	switch sub {
	case "slots":
		return g.slots()
	case "shards":
		return g.shards()
	case "nodes":
		return resp.Verbatim("txt", strings.Join(g.lines(g.members()), ""))
	case "replicas", "slaves":
		return g.replicaLines(string(a[2]))
	case "info":
		return resp.Verbatim("txt", v.info(g))
	case "myid":
		return resp.Bulk(clusterID(g.self.ID))
	case "myshardid":
		return resp.Bulk(identifier("shard", ""))
	case "keyslot":
		return resp.Int(int64(keySlot(a[2])))
	case "links":
		return resp.Array()
	case "count-failure-reports":
		if _, known := g.byClusterID(string(a[2])); !known {
			return errUnknownNode(a[2])
		}
		return resp.Int(0)
	case "help":
		return clusterHelp()
	case "countkeysinslot", "getkeysinslot":
		return resp.Errorf("ERR CLUSTER %s is not available here: keys are not kept by slot, and never move "+
			"from node to node", strings.ToUpper(sub))
	}
	return resp.Errorf("ERR CLUSTER %s is not available here: all slots are the leader's, and the group is "+
		"changed by RAFT.ADD, RAFT.REMOVE and RAFT.TRANSFER", strings.ToUpper(sub))
}

// clusterID is what a node is called as one of a Redis Cluster.
func clusterID(node string) string { return identifier("node", node) }

func errUnknownNode(id []byte) resp.Value {
	return resp.Errorf("ERR Unknown node %s", id[:min(len(id), 64)])
}

// members are the nodes that show this view: the master, and then the others.
func (s *snapshot) members() []session.Peer {
	master := s.master()
	list := []session.Peer{master}
	for _, p := range s.without(master.ID) {
		if p.ClusterViewPort != 0 {
			list = append(list, p)
		}
	}
	return list
}

func (s *snapshot) byClusterID(id string) (session.Peer, bool) {
	for _, p := range s.members() {
		if clusterID(p.ID) == id {
			return p, true
		}
	}
	return session.Peer{}, false
}

// slots is one range and who has it. Replicas that are down are left out, as Redis does.
func (s *snapshot) slots() resp.Value {
	list := []resp.Value{resp.Int(0), resp.Int(slots - 1)}
	for i, p := range s.members() {
		if i == 0 || p.Up {
			list = append(list, resp.Array(resp.Bulk(p.Host), resp.Int(int64(p.ClusterViewPort)),
				resp.Bulk(clusterID(p.ID)), resp.Map()))
		}
	}
	return resp.Array(resp.Array(list...))
}

func (s *snapshot) shards() resp.Value {
	var nodes []resp.Value
	for i, p := range s.members() {
		role, health := "replica", "online"
		if i == 0 {
			role = "master"
		}
		if !p.Up {
			health = "failed"
		}
		nodes = append(nodes, resp.Map(
			resp.Bulk("id"), resp.Bulk(clusterID(p.ID)),
			resp.Bulk("port"), resp.Int(int64(p.ClusterViewPort)),
			resp.Bulk("ip"), resp.Bulk(p.Host),
			resp.Bulk("endpoint"), resp.Bulk(p.Host),
			resp.Bulk("role"), resp.Bulk(role),
			resp.Bulk("replication-offset"), resp.Int(int64(p.Index)),
			resp.Bulk("health"), resp.Bulk(health),
		))
	}
	return resp.Array(resp.Map(
		resp.Bulk("slots"), resp.Array(resp.Int(0), resp.Int(slots-1)),
		resp.Bulk("nodes"), resp.Array(nodes...),
	))
}

// lines describe members, one a line. There is no cluster bus, so its port is 0.
func (s *snapshot) lines(members []session.Peer) []string {
	master, now := s.master(), time.Now()
	var list []string
	for _, p := range members {
		flags, of, owned, link := "slave", clusterID(master.ID), "", "connected"
		if p.ID == master.ID {
			flags, of, owned = "master", "-", fmt.Sprintf(" 0-%d", slots-1)
		}
		pong := now.Add(-p.SinceHeard).UnixMilli()
		if p.Self {
			flags, pong = "myself,"+flags, 0
		}
		if !p.Up {
			flags, link = flags+",fail", "disconnected"
		}
		list = append(list, fmt.Sprintf("%s %s@0 %s %s 0 %d %d %s%s\n", clusterID(p.ID),
			hostPort(p.Host, p.ClusterViewPort), flags, of, pong, s.epoch, link, owned))
	}
	return list
}

func (s *snapshot) replicaLines(id string) resp.Value {
	p, known := s.byClusterID(id)
	switch {
	case !known:
		return errUnknownNode([]byte(id))
	case p.ID != s.master().ID:
		return resp.Error("ERR The specified node is not a master")
	}
	var list []resp.Value
	for _, line := range s.lines(s.members()[1:]) {
		list = append(list, resp.Bulk(strings.TrimSuffix(line, "\n")))
	}
	return resp.Array(list...)
}

func (v *Cluster) info(g *snapshot) string {
	state, ok := "ok", slots
	if v.down(g) {
		state, ok = "fail", 0
	}
	var page strings.Builder
	line := func(name string, value any) { fmt.Fprintf(&page, "cluster_%s:%v\r\n", name, value) }
	line("state", state)
	line("slots_assigned", slots)
	line("slots_ok", ok)
	line("slots_pfail", 0)
	line("slots_fail", slots-ok)
	line("known_nodes", len(g.members()))
	line("size", 1)
	line("current_epoch", g.epoch)
	line("my_epoch", g.epoch)
	line("stats_messages_sent", 0)
	line("stats_messages_received", 0)
	return page.String()
}

func clusterHelp() resp.Value {
	return helpReply("CLUSTER",
		"COUNT-FAILURE-REPORTS <node-id>", "    Return 0: who is down is not put to the vote.",
		"INFO", "    Return information about the group.",
		"KEYSLOT <key>", "    Return the hash slot for <key>.",
		"LINKS", "    Return no links: there is no cluster bus.",
		"MYID", "    Return the node id.",
		"MYSHARDID", "    Return the id of the one shard.",
		"NODES", "    Return the nodes of the group. Output format:",
		"    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...",
		"REPLICAS <node-id>", "    Return the replicas of <node-id>.",
		"SHARDS", "    Return the one shard and its nodes.",
		"SLOTS", "    Return the one range of slots and its nodes.")
}

// helpReply has the shape of the replies to HELP of Redis.
func helpReply(name string, lines ...string) resp.Value {
	list := []resp.Value{resp.Simple(name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")}
	for _, line := range append(lines, "HELP", "    Prints this help.") {
		list = append(list, resp.Simple(line))
	}
	return resp.Array(list...)
}
