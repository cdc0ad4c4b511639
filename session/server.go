// Commands about the server as a whole: its role, how far writes have come, its memory and its end. Where
// the state is kept is in persistence.go, what is not here (yet) in absent.go.

package session

import (
	"runtime/debug"
	"slices"
	"strconv"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

func (h *Hub) serverCommands() []commands.Command {
	return slices.Concat(h.roleCommands(), h.persistenceCommands(), h.debugCommands(), h.memoryCommands(),
		absentCommands())
}

func (h *Hub) roleCommands() []commands.Command {
	const fast = commands.Loading | commands.Stale | commands.Fast
	connection := []string{"connection"}
	return []commands.Command{
		{
			Name: "role", Arity: 1, Flags: fast | commands.NoScript, Group: "server", Since: "2.8.12",
			Complexity: "O(1)", Categories: []string{"admin", "dangerous"}, Local: h.role,
			Summary: "Tell whether this node leads, and how far its log is committed.",
		},
		{
			Name: "wait", Arity: 3, Flags: commands.NoScript, Group: "generic", Since: "3.0.0",
			Syntax: "numreplicas timeout", Complexity: "O(1)", Categories: connection, Local: h.wait,
			Tips:    []string{"request_policy:all_shards", "response_policy:agg_min"},
			Summary: "Reply at once how many replicas have this connection's writes: what was answered is committed.",
		},
		{
			Name: "waitaof", Arity: 4, Flags: commands.NoScript, Group: "generic", Since: "7.2.0",
			Syntax: "numlocal numreplicas timeout", Complexity: "O(1)", Categories: connection, Local: h.waitAOF,
			Tips:    []string{"request_policy:all_shards", "response_policy:agg_min"},
			Summary: "Reply at once where this connection's writes are on disk: here, and on how many replicas.",
		},
		{
			Name: "readonly", Arity: 1, Flags: fast, Group: "connection", Since: "3.0.0", Complexity: "O(1)",
			Categories: connection, Local: readOnly, Summary: "Allow this connection stale reads.",
		},
		{
			Name: "readwrite", Arity: 1, Flags: fast, Group: "connection", Since: "3.0.0", Complexity: "O(1)",
			Categories: connection, Local: readWrite, Summary: "Let this connection's reads be linearizable again.",
		},
		{
			Name: "lolwut", Arity: -1, Flags: commands.ReadOnly | commands.Fast, Group: "server", Since: "5.0.0",
			Syntax: "[VERSION version]", Complexity: "O(1)", Local: h.lolwut,
			Summary: "Reply lockd's version, and no art.",
		},
	}
}

// role tells the truth of the moment: clients with a list of nodes look for the one that says master.
func (h *Hub) role(*commands.Conn, commands.Args) resp.Value {
	index, g := h.Node.Status().CommitIndex, h.group()
	if g.leads() {
		var list []resp.Value
		for _, p := range g.replicas(index) {
			list = append(list, resp.Array(resp.Bulk(p.Host), resp.Bulk(strconv.Itoa(p.Port)),
				resp.Bulk(strconv.FormatUint(p.Index, 10))))
		}
		return resp.Array(resp.Bulk("master"), resp.Int(int64(index)), resp.Array(list...))
	}
	link := "connected"
	if g.leader.ID == "" {
		link = "connect"
	}
	return resp.Array(resp.Bulk("slave"), resp.Bulk(g.leader.Host), resp.Int(int64(g.leader.Port)),
		resp.Bulk(link), resp.Int(int64(index)))
}

// wait need not wait: the writes before it on its connection were answered, so a majority has them on disk,
// and no failover loses them. That is what its callers want to know; how many they must be told is another
// matter. Redisson compares the reply with the connected_slaves of INFO, and asks INFO again each time they
// differ. So the leader counts the same nodes in both: voters that are up and in step, of which a majority
// has everything and the rest is being sent it. A follower cannot know that much, and replies the number
// that is sure.
func (h *Hub) wait(_ *commands.Conn, a commands.Args) resp.Value {
	if _, ok := a.Int(1); !ok {
		return errNotInt()
	}
	if problem := timeoutProblem(a, 2); problem.IsError() {
		return problem
	}
	return h.replicated()
}

// replicated is how many replicas have what was answered before.
func (h *Hub) replicated() resp.Value {
	g := h.group()
	if !g.leads() {
		return resp.Int(int64(g.holders()))
	}
	return resp.Int(int64(len(g.replicas(h.Node.Status().CommitIndex))))
}

// waitAOF need not wait either. The log is the append-only file, and it is always synced. The server that a
// client means by "local" is the leader, through whichever node it asks.
func (h *Hub) waitAOF(_ *commands.Conn, a commands.Args) resp.Value {
	if n, ok := a.Int(1); !ok || n < 0 || n > 1 {
		return resp.Error("ERR value is out of range, must be between 0 and 1")
	}
	if n, ok := a.Int(2); !ok || n < 0 {
		return resp.Error("ERR value is out of range, must be positive")
	}
	if problem := timeoutProblem(a, 3); problem.IsError() {
		return problem
	}
	return resp.Array(resp.Int(1), h.replicated())
}

func readOnly(c *commands.Conn, _ commands.Args) resp.Value {
	c.ReadOnly = true
	return resp.OK()
}

func readWrite(c *commands.Conn, _ commands.Args) resp.Value {
	c.ReadOnly = false
	return resp.OK()
}

func (h *Hub) lolwut(*commands.Conn, commands.Args) resp.Value {
	return resp.Verbatim("txt", "lockd ver. "+h.version+"\n")
}

// memoryCommands is the container of MEMORY: what is about the process is here, what is about keys comes
// from the command table's own families.
func (h *Hub) memoryCommands() []commands.Command {
	shards := "request_policy:all_shards"
	special := []string{"nondeterministic_output", shards, "response_policy:special"}
	subs := []commands.Command{
		{
			Name: "doctor", Arity: 2, Group: "server", Since: "4.0.0", Complexity: "O(1)", Tips: special,
			Local: h.memoryDoctor, Summary: "Say in words how the memory stands.",
		},
		{
			Name: "stats", Arity: 2, Group: "server", Since: "4.0.0", Complexity: "O(1)", Tips: special,
			Local: h.memoryStats, Summary: "Reply figures about memory.",
		},
		{
			Name: "malloc-stats", Arity: 2, Group: "server", Since: "4.0.0", Complexity: "O(1)", Tips: special,
			Local: memoryMalloc, Summary: "Reply the Go runtime's figures about memory.",
		},
		{
			Name: "purge", Arity: 2, Group: "server", Since: "4.0.0",
			Complexity: "Depends on how much memory is in use, could be slow.",
			Tips:       []string{shards, "response_policy:all_succeeded"}, Local: memoryPurge,
			Summary: "Collect garbage and give free memory back to the system.",
		},
		{
			Name: "help", Arity: 2, Flags: commands.Loading | commands.Stale, Group: "server", Since: "4.0.0",
			Complexity: "O(1)", Local: memoryHelp, Summary: "Show the subcommands.",
		},
	}
	return []commands.Command{{
		Name: "memory", Arity: -2, Group: "server", Since: "4.0.0", Complexity: "Depends on the subcommand.",
		Summary: "Look at what takes memory.", Sub: append(subs, commands.MemorySubcommands()...),
	}}
}

// memoryDoctor looks at the one limit that matters: nothing is evicted here, so a full state refuses writes.
func (h *Hub) memoryDoctor(*commands.Conn, commands.Args) resp.Value {
	m, s, limit := readMemory(), h.Node.Status(), h.policy.Load().MaxMemory
	text := "Keys count " + humanBytes(uint64(max(0, s.Bytes))) + ", the process takes " +
		humanBytes(m.resident) + ". "
	if limit > 0 && s.Bytes > limit/10*9 {
		return resp.Verbatim("txt", text+"That is more than nine tenths of max-memory ("+humanBytes(uint64(limit))+
			"): beyond it writes get -OOM, for nothing is ever evicted.\n")
	}
	return resp.Verbatim("txt", text+"That is well below max-memory.\n")
}

// memoryStats has those of Redis' fields that have a true value here.
func (h *Hub) memoryStats(*commands.Conn, commands.Args) resp.Value {
	m, s := readMemory(), h.Node.Status()
	keys := 0
	for _, n := range s.Keys {
		keys += n
	}
	perKey := int64(0)
	if keys > 0 {
		perKey = s.Bytes / int64(keys)
	}
	overhead := max(0, int64(m.used)-s.Bytes)
	pairs := []resp.Value{
		resp.Bulk("peak.allocated"), resp.Int(int64(m.peak)),
		resp.Bulk("total.allocated"), resp.Int(int64(m.used)),
		resp.Bulk("startup.allocated"), resp.Int(int64(h.startMemory)),
		resp.Bulk("clients.normal"), resp.Int(h.connectionBytes()),
		resp.Bulk("overhead.total"), resp.Int(overhead),
		resp.Bulk("keys.count"), resp.Int(int64(keys)),
		resp.Bulk("keys.bytes-per-key"), resp.Int(perKey),
		resp.Bulk("dataset.bytes"), resp.Int(s.Bytes),
		resp.Bulk("dataset.percentage"), resp.Double(percent(s.Bytes, int64(m.used))),
		resp.Bulk("peak.percentage"), resp.Double(percent(int64(m.used), int64(m.peak))),
		resp.Bulk("allocator.allocated"), resp.Int(int64(m.used)),
		resp.Bulk("allocator.active"), resp.Int(int64(m.mapped)),
		resp.Bulk("allocator.resident"), resp.Int(int64(m.resident)),
		resp.Bulk("fragmentation"), resp.Double(ratio(m.resident, m.used)),
		resp.Bulk("fragmentation.bytes"), resp.Int(int64(m.resident) - int64(m.used)),
	}
	return resp.Map(pairs...)
}

// connectionBytes is an estimate of what this node's connections take.
func (h *Hub) connectionBytes() (bytes int64) {
	for _, c := range h.all() {
		bytes += int64(c.wire.Buffers().Total)
	}
	return bytes
}

func memoryMalloc(*commands.Conn, commands.Args) resp.Value {
	return resp.Verbatim("txt", memoryReport())
}

func memoryPurge(*commands.Conn, commands.Args) resp.Value {
	debug.FreeOSMemory()
	return resp.OK()
}

func memoryHelp(*commands.Conn, commands.Args) resp.Value {
	return help("MEMORY",
		"DOCTOR", "    Return memory problems reports.",
		"MALLOC-STATS", "    Return internal statistics report from the memory allocator.",
		"PURGE", "    Attempt to purge dirty pages for reclamation by the allocator.",
		"STATS", "    Return information about the memory usage of the server.",
		"USAGE <key> [SAMPLES <count>]",
		"    Return memory in bytes used by <key> and its value. Nested values are",
		"    sampled up to <count> times (default: 5, 0 means sample all).")
}
