package discovery

// SENTINEL and its subcommands, and INFO. Fields and their order are those of Redis 7; a field about the
// inner life of a Sentinel that has no counterpart here has the value that it has while nothing goes on.

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/session"
)

func (s *Sentinel) sentinelCommands() []commands.Command {
	sub := func(name, syntax, summary string, arity int, run commands.Local) commands.Command {
		return commands.Command{
			Name: name, Arity: arity, Flags: commands.Admin, Group: "sentinel", Since: "2.8.4", Syntax: syntax,
			Complexity: "O(N), N the number of nodes", Local: run, Summary: summary,
		}
	}
	const name = "master-name"
	subs := []commands.Command{
		sub("masters", "", "Describe the group's leader, as a list of one.", 2, s.masters),
		sub("master", name, "Describe the group's leader.", 3, s.named(s.masterFields)),
		sub("get-master-addr-by-name", name, "Reply where the leader is.", 3, s.address),
		sub("sentinels", name, "Describe the other nodes as Sentinels.", 3, s.named(s.sentinels)),
		sub("replicas", name, "Describe the other nodes as replicas.", 3, s.named(s.replicas)),
		sub("slaves", name, "Describe the other nodes as replicas.", 3, s.named(s.replicas)),
		sub("ckquorum", name, "Tell whether enough nodes are up.", 3, s.named(quorum)),
		sub("myid", "", "Reply this Sentinel's id.", 2, s.myID),
		sub("is-master-down-by-addr", "ip port current-epoch runid", "Reply no: Raft elects the leader.", 6,
			notDown),
		sub("pending-scripts", "", "Reply no scripts.", 2, func(*commands.Conn, commands.Args) resp.Value {
			return resp.Array()
		}),
		sub("help", "", "Show the subcommands.", 2, sentinelHelp),
	}
	for _, word := range strings.Fields(
		"config debug failover flushconfig info-cache monitor remove reset set simulate-failure") {
		subs = append(subs, sub(word, "[argument [argument ...]]", "An error: there is nothing to order here.", -2,
			refused))
	}
	return []commands.Command{{
		Name: "sentinel", Arity: -2, Flags: commands.Admin, Group: "sentinel", Since: "2.8.4",
		Complexity: "Depends on the subcommand.", Sub: subs,
		Summary: "Tell who leads the group and who belongs to it.",
	}}
}

// refused answers what would change something.
func refused(_ *commands.Conn, a commands.Args) resp.Value {
	return resp.Errorf("ERR SENTINEL %s is not available here: this Sentinel is a view of a Raft group, which "+
		"elects its leader by itself. RAFT.TRANSFER, RAFT.ADD and RAFT.REMOVE on the data port change it",
		strings.ToUpper(string(a[1])))
}

func notDown(*commands.Conn, commands.Args) resp.Value {
	return resp.Array(resp.Int(0), resp.Bulk("*"), resp.Int(0))
}

func (s *Sentinel) myID(*commands.Conn, commands.Args) resp.Value {
	return resp.Bulk(sentinelID(s.group.latest.Load().self.ID))
}

// named makes a command of what is said about the group, if it is asked for by its name.
func (s *Sentinel) named(tell func(*snapshot) resp.Value) commands.Local {
	return func(_ *commands.Conn, a commands.Args) resp.Value {
		if a.Str(2) != s.name {
			return resp.Error("ERR No such master with that name")
		}
		return tell(s.group.look())
	}
}

// address is null while there is no leader: clients then ask the next Sentinel, or come back.
func (s *Sentinel) address(_ *commands.Conn, a commands.Args) resp.Value {
	g := s.group.look()
	if a.Str(2) != s.name || g.leader.ID == "" {
		return resp.NullArray()
	}
	return resp.Array(resp.Bulk(g.leader.Host), resp.Bulk(strconv.Itoa(g.leader.Port)))
}

func (s *Sentinel) masters(*commands.Conn, commands.Args) resp.Value {
	return resp.Array(s.masterFields(s.group.look()))
}

// watched is the node that is shown as the master: the leader, the last one while there is none, and this
// node if there never was one. down tells which: only a leader is up.
func (g *snapshot) watched() (p session.Peer, down bool) {
	if g.last.ID == "" {
		return g.self, true
	}
	return g.last, g.leader.ID == ""
}

func (s *Sentinel) masterFields(g *snapshot) resp.Value {
	p, down := g.watched()
	f := fields{}
	f.begin(s.name, p.Host, p.Port, runID(p.ID))
	flags := "master"
	if down {
		flags = "s_down,o_down,master,disconnected"
	}
	f.link(flags, &p)
	if down {
		f.add("s-down-time", age(g.since))
		f.add("o-down-time", age(g.since))
	}
	all, _ := g.voters()
	f.add("down-after-milliseconds", lookEvery.Milliseconds())
	f.add("info-refresh", p.SinceHeard.Milliseconds())
	f.add("role-reported", "master")
	f.add("role-reported-time", age(g.since))
	f.add("config-epoch", g.epoch)
	f.add("num-slaves", len(g.without(p.ID)))
	f.add("num-other-sentinels", len(g.otherSentinels()))
	f.add("quorum", all/2+1)
	f.add("failover-timeout", lookEvery.Milliseconds())
	f.add("parallel-syncs", 1)
	return f.reply()
}

// otherSentinels are the other members that show this view.
func (g *snapshot) otherSentinels() []session.Peer {
	var list []session.Peer
	for _, p := range g.without(g.self.ID) {
		if p.SentinelPort != 0 {
			list = append(list, p)
		}
	}
	return list
}

func (s *Sentinel) sentinels(g *snapshot) resp.Value {
	var list []resp.Value
	for _, p := range g.otherSentinels() {
		f, id := fields{}, sentinelID(p.ID)
		f.begin(id, p.Host, p.SentinelPort, id)
		f.state("sentinel", &p)
		f.add("last-hello-message", p.SinceHeard.Milliseconds())
		f.add("voted-leader", "?")
		f.add("voted-leader-epoch", 0)
		list = append(list, f.reply())
	}
	return resp.Array(list...)
}

func (s *Sentinel) replicas(g *snapshot) resp.Value {
	master, down := g.watched()
	var list []resp.Value
	for _, p := range g.without(master.ID) {
		f := fields{}
		f.begin(hostPort(p.Host, p.Port), p.Host, p.Port, runID(p.ID))
		f.state("slave", &p)
		status, host, port := "ok", master.Host, master.Port
		if down || !p.Up {
			status, host, port = "err", "?", 0
		}
		f.add("info-refresh", p.SinceHeard.Milliseconds())
		f.add("role-reported", "slave")
		f.add("role-reported-time", age(g.since))
		f.add("master-link-down-time", 0)
		f.add("master-link-status", status)
		f.add("master-host", host)
		f.add("master-port", port)
		f.add("slave-priority", 100)
		f.add("slave-repl-offset", p.Index)
		f.add("replica-announced", 1)
		list = append(list, f.reply())
	}
	return resp.Array(list...)
}

// runID is what a node is called as a Redis server.
func runID(node string) string { return identifier("run", node) }

// quorum counts as usable Sentinels the nodes that have a vote and are up: these elect the leader.
func quorum(g *snapshot) resp.Value {
	all, up := g.voters()
	if up <= all/2 {
		return resp.Errorf("NOQUORUM %d usable Sentinels. Not enough available Sentinels to reach the majority "+
			"and authorize a failover", up)
	}
	return resp.Simple(fmt.Sprintf("OK %d usable Sentinels. Quorum and failover authorization can be reached",
		up))
}

// fields is a description that is being written: names and values in turn, all of them text.
type fields struct{ pairs []resp.Value }

func (f *fields) add(name string, value any) {
	f.pairs = append(f.pairs, resp.Bulk(name), resp.Bulk(fmt.Sprint(value)))
}

func (f *fields) reply() resp.Value { return resp.Map(f.pairs...) }

// begin writes the fields that come first everywhere.
func (f *fields) begin(name, host string, port int, run string) {
	f.add("name", name)
	f.add("ip", host)
	f.add("port", port)
	f.add("runid", run)
}

// link writes the flags of a node and when it was heard.
func (f *fields) link(flags string, p *session.Peer) {
	heard := p.SinceHeard.Milliseconds()
	f.add("flags", flags)
	f.add("link-pending-commands", 0)
	f.add("link-refcount", 1)
	f.add("last-ping-sent", 0)
	f.add("last-ok-ping-reply", heard)
	f.add("last-ping-reply", heard)
}

// state is link for a node that is no master, with whether it is down.
func (f *fields) state(role string, p *session.Peer) {
	if p.Up {
		f.link(role, p)
	} else {
		f.link("s_down,"+role+",disconnected", p)
		f.add("s-down-time", p.SinceHeard.Milliseconds())
	}
	f.add("down-after-milliseconds", lookEvery.Milliseconds())
}

func sentinelHelp(*commands.Conn, commands.Args) resp.Value {
	return helpReply("SENTINEL",
		"CKQUORUM <master-name>", "    Tell whether enough nodes are up to elect a leader.",
		"GET-MASTER-ADDR-BY-NAME <master-name>", "    Return the ip and port number of the leader.",
		"MASTER <master-name>", "    Show the leader.",
		"MASTERS", "    Show the leader, as a list.",
		"MYID", "    Return the ID of this Sentinel.",
		"REPLICAS <master-name>", "    Show the other nodes as replicas.",
		"SENTINELS <master-name>", "    Show the other nodes as Sentinels.")
}

// info has the sections of a Sentinel's INFO that have true values. Clients look for redis_mode and the line
// of the master.
func (s *Sentinel) info(c *commands.Conn, a commands.Args) resp.Value {
	g := s.group.look()
	sections := []struct{ name, text string }{
		{"Server", s.serverInfo(c, g)},
		{"Clients", fmt.Sprintf("connected_clients:%d\r\n", s.server.Stats().Connected)},
		{"Sentinel", s.sentinelInfo(g)},
	}
	var page strings.Builder
	for _, section := range sections {
		if !asked(a, section.name) {
			continue
		}
		if page.Len() > 0 {
			page.WriteString("\r\n")
		}
		page.WriteString("# " + section.name + "\r\n" + section.text)
	}
	return resp.Bulk(page.String()) // in RESP3 too, as a Sentinel
}

func asked(a commands.Args, section string) bool {
	for i := 1; i < len(a); i++ {
		switch word := strings.ToLower(a.Str(i)); word {
		case "all", "everything", "default", strings.ToLower(section):
			return true
		}
	}
	return len(a) == 1
}

func (s *Sentinel) serverInfo(c *commands.Conn, g *snapshot) string {
	uptime := time.Since(s.group.started)
	port := c.LocalAddr[strings.LastIndex(c.LocalAddr, ":")+1:]
	return fmt.Sprintf("redis_version:%s\r\nredis_mode:sentinel\r\nserver_name:lockd\r\nlockd_version:%s\r\n"+
		"process_id:%d\r\nrun_id:%s\r\ntcp_port:%s\r\nuptime_in_seconds:%d\r\nuptime_in_days:%d\r\n",
		session.RedisVersion, s.version, os.Getpid(), sentinelID(g.self.ID), port,
		int(uptime.Seconds()), int(uptime.Hours())/24)
}

func (s *Sentinel) sentinelInfo(g *snapshot) string {
	p, down := g.watched()
	status := "ok"
	if down {
		status = "odown"
	}
	return fmt.Sprintf("sentinel_masters:1\r\nsentinel_tilt:0\r\nsentinel_tilt_since_seconds:-1\r\n"+
		"sentinel_running_scripts:0\r\nsentinel_scripts_queue_length:0\r\nsentinel_simulate_failure_flags:0\r\n"+
		"master0:name=%s,status=%s,address=%s,slaves=%d,sentinels=%d\r\n",
		s.name, status, hostPort(p.Host, p.Port), len(g.without(p.ID)), len(g.otherSentinels())+1)
}
