// The sections of INFO, in Redis' order; lockd's own come last.

package session

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
)

// infoServer says standalone on the data port: clients change their mode at any other word.
func (h *Hub) infoServer(p *infoPage) {
	program, _ := os.Executable()
	uptime := seconds(p.now.Sub(h.started))
	p.line("redis_version", RedisVersion)
	p.line("redis_git_sha1", "00000000")
	p.line("redis_git_dirty", 0)
	p.line("redis_build_id", identifier("build", h.version)[:16])
	p.line("redis_mode", p.asking.Mode)
	p.line("server_name", "lockd")
	p.line("lockd_version", h.version)
	p.line("os", operatingSystem())
	p.line("arch_bits", 32<<(^uint(0)>>63))
	p.line("go_version", runtime.Version())
	p.line("process_id", os.Getpid())
	p.line("run_id", identifier(p.node.DiskID, p.node.Node, fmt.Sprint(p.node.Incarnation)))
	p.line("node_id", p.node.Node)
	p.line("tcp_port", port(p.asking.LocalAddr))
	p.line("server_time_usec", p.now.UnixMicro())
	p.line("uptime_in_seconds", uptime)
	p.line("uptime_in_days", uptime/(24*60*60))
	p.line("executable", program)
}

// identifier makes 40 hexadecimal digits of parts, the form that tools know from Redis.
func identifier(parts ...string) string {
	sum := sha1.Sum([]byte(strings.Join(parts, "/")))
	return hex.EncodeToString(sum[:])
}

// port is the port that the one who asks came in by: the node may listen on several.
func port(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return "0"
	}
	return port
}

// operatingSystem is like uname's line.
func operatingSystem() string {
	name := strings.ToUpper(runtime.GOOS[:1]) + runtime.GOOS[1:]
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		name += " " + strings.TrimSpace(string(release))
	}
	return name + " " + runtime.GOARCH
}

// infoClients counts as blocked who waits for a lock, on any node: redis-cli --stat shows it.
func (h *Hub) infoClients(p *infoPage) {
	p.line("connected_clients", p.wire.Connected)
	p.line("cluster_connections", 0)
	p.line("maxclients", h.policy.Load().MaxClients)
	p.line("blocked_clients", p.node.Waiters)
	p.line("tracking_clients", h.trackers.active.Load())
	listening := 0
	for _, c := range h.all() {
		if c.listening().Any() {
			listening++
		}
	}
	p.line("pubsub_clients", listening)
}

// infoMemory has maxmemory bound the data set alone; the process takes more than that.
func (h *Hub) infoMemory(p *infoPage) {
	m, limit := readMemory(), uint64(max(0, h.policy.Load().MaxMemory))
	dataset := uint64(max(0, p.node.Bytes))
	overhead := m.used - min(m.used, dataset)
	p.bytes("used_memory", m.used)
	p.bytes("used_memory_rss", m.resident)
	p.bytes("used_memory_peak", m.peak)
	p.line("used_memory_peak_perc", fmt.Sprintf("%.2f%%", percent(int64(m.used), int64(m.peak))))
	p.line("used_memory_overhead", overhead)
	p.line("used_memory_startup", h.startMemory)
	p.line("used_memory_dataset", dataset)
	p.line("used_memory_dataset_perc", fmt.Sprintf("%.2f%%", percent(int64(dataset), int64(m.used))))
	p.bytes("total_system_memory", procBytes("/proc/meminfo", "MemTotal:"))
	p.bytes("used_memory_lua", 0)
	p.bytes("used_memory_scripts", uint64(p.node.Scripts.Bytes))
	p.line("number_of_cached_scripts", p.node.Scripts.Known)
	p.bytes("maxmemory", limit)
	p.line("maxmemory_policy", "noeviction")
	p.line("mem_fragmentation_ratio", fmt.Sprintf("%.2f", ratio(m.resident, m.used)))
	p.line("mem_fragmentation_bytes", int64(m.resident)-int64(m.used))
	p.line("mem_clients_normal", h.connectionBytes())
	p.line("mem_allocator", "go")
	p.line("active_defrag_running", 0)
}

// infoPersistence tells of the Raft log under the names of the append-only file, and of snapshots under those
// of the RDB file.
func (h *Hub) infoPersistence(p *infoPage) {
	saving := 0
	if p.node.Snapshotting {
		saving = 1
	}
	p.line("loading", 0)
	p.line("async_loading", 0)
	p.line("rdb_changes_since_last_save", p.node.LogEntries)
	p.line("rdb_bgsave_in_progress", saving)
	p.line("rdb_last_save_time", max(p.node.LastSnapshot, h.started.Unix()))
	p.line("rdb_last_bgsave_status", "ok")
	p.line("aof_enabled", 1)
	p.line("aof_rewrite_in_progress", 0)
	p.line("aof_rewrite_scheduled", 0)
	p.line("aof_last_bgrewrite_status", "ok")
	p.line("aof_last_write_status", "ok") // a log that cannot be written stops the node
	p.line("aof_current_size", p.node.LogBytes)
}

// infoStats counts reads as hits and misses; whether a lock was granted is in the section Locks.
func (h *Hub) infoStats(p *infoPage) {
	s := h.stats
	r := s.rate.until(h.sampleNow(p.now))
	p.line("total_connections_received", p.wire.Connections)
	p.line("total_commands_processed", s.processed.Load())
	p.line("instantaneous_ops_per_sec", int64(r.ops))
	p.line("total_net_input_bytes", p.wire.Input)
	p.line("total_net_output_bytes", p.wire.Output)
	p.line("instantaneous_input_kbps", fmt.Sprintf("%.2f", r.input/1024))
	p.line("instantaneous_output_kbps", fmt.Sprintf("%.2f", r.output/1024))
	p.line("rejected_connections", p.wire.Rejected)
	p.line("expired_keys", p.node.Expired)
	p.line("evicted_keys", 0)
	p.line("evicted_clients", 0)
	p.line("keyspace_hits", s.hits.Load())
	p.line("keyspace_misses", s.misses.Load())
	p.line("pubsub_channels", p.node.Listened[fsm.ToChannel])
	p.line("pubsub_patterns", p.node.Listened[fsm.ToPattern])
	p.line("pubsubshard_channels", p.node.Listened[fsm.ToShard])
	keys, items, prefixes := h.trackers.sizes()
	p.line("tracking_total_keys", keys)
	p.line("tracking_total_items", items)
	p.line("tracking_total_prefixes", prefixes)
	p.line("latest_fork_usec", 0)
	p.line("total_forks", 0)
	p.line("unexpected_error_replies", p.node.Undone)
	p.line("total_error_replies", s.errors.Load())
	p.line("acl_access_denied_auth", s.badLogins.Load())
	p.line("acl_access_denied_cmd", 0)
	p.line("acl_access_denied_key", 0)
	p.line("acl_access_denied_channel", 0)
	for _, reason := range slices.Sorted(maps.Keys(p.wire.Refusals)) {
		p.line("closed_by_lockd_"+strings.ReplaceAll(reason, "-", "_"), p.wire.Refusals[reason])
	}
}

// infoReplication says slave where this node does not lead, the word that tools compare. Offsets are indexes
// of the Raft log. What connected_slaves counts, WAIT replies too.
func (h *Hub) infoReplication(p *infoPage) {
	g := h.group()
	p.line("role", g.role("slave"))
	if !g.leads() {
		infoLeader(p, &g.leader)
	}
	replicas := g.replicas(p.node.CommitIndex)
	p.line("connected_slaves", len(replicas))
	for i, r := range replicas {
		p.line(fmt.Sprintf("slave%d", i), fmt.Sprintf("ip=%s,port=%d,state=online,offset=%d,lag=%d",
			r.Host, r.Port, r.Index, seconds(r.SinceHeard)))
	}
	p.line("master_failover_state", "no-failover")
	p.line("master_replid", identifier("replication", p.node.DiskID))
	p.line("master_replid2", strings.Repeat("0", 40))
	p.line("master_repl_offset", p.node.CommitIndex)
	p.line("second_repl_offset", -1)
	p.line("repl_backlog_active", 0)
	p.line("repl_backlog_size", 0)
	p.line("repl_backlog_first_byte_offset", 0)
	p.line("repl_backlog_histlen", 0)
}

// infoLeader is what a follower says of its leader, whose port is that for clients. It is not read-only: any
// node takes any command.
func infoLeader(p *infoPage, leader *Peer) {
	up, heard := "up", seconds(leader.SinceHeard)
	if leader.ID == "" {
		up, heard = "down", -1
	}
	p.line("master_host", leader.Host)
	p.line("master_port", leader.Port)
	p.line("master_link_status", up)
	p.line("master_last_io_seconds_ago", heard)
	p.line("master_sync_in_progress", 0)
	p.line("slave_read_repl_offset", p.node.CommitIndex)
	p.line("slave_repl_offset", p.node.Index)
	p.line("slave_priority", 100)
	p.line("slave_read_only", 0)
	p.line("replica_announced", 1)
}

func infoCluster(p *infoPage) {
	enabled := 0
	if p.asking.Mode == ModeCluster {
		enabled = 1
	}
	p.line("cluster_enabled", enabled)
}

func infoCPU(p *infoPage) {
	system, user := processorTime()
	p.line("used_cpu_sys", fmt.Sprintf("%.6f", system.Seconds()))
	p.line("used_cpu_user", fmt.Sprintf("%.6f", user.Seconds()))
	p.line("used_cpu_sys_children", "0.000000")
	p.line("used_cpu_user_children", "0.000000")
}

// infoCommandStats leaves out what was never called, as Redis does: some two hundred lines less.
func (h *Hub) infoCommandStats(p *infoPage) {
	h.stats.each(func(c *commands.Command, s *commandStats) {
		calls, us, rejected := s.calls.Load(), s.micros.Load(), s.rejected.Load()
		if calls == 0 && rejected == 0 {
			return
		}
		p.line("cmdstat_"+c.FullName(), fmt.Sprintf(
			"calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
			calls, us, ratio(us, calls), rejected, s.failed.Load()))
	})
}

func (h *Hub) infoErrorStats(p *infoPage) {
	counts := h.stats.errorCounts()
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		p.line("errorstat_"+code, fmt.Sprintf("count=%d", counts[code]))
	}
}

func (h *Hub) infoLatencyStats(p *infoPage) {
	h.stats.each(func(c *commands.Command, s *commandStats) {
		if s.calls.Load() == 0 {
			return
		}
		t := s.times()
		p.line("latency_percentiles_usec_"+c.FullName(), fmt.Sprintf("p50=%d.000,p99=%d.000,p99.9=%d.000",
			t.percentile(0.5).Microseconds(), t.percentile(0.99).Microseconds(), t.percentile(0.999).Microseconds()))
	})
}

// infoKeyspace knows no average time to live: to compute it would take a walk over all keys.
func infoKeyspace(p *infoPage) {
	for db, keys := range p.node.Keys {
		if keys > 0 {
			p.line(fmt.Sprintf("db%d", db), fmt.Sprintf("keys=%d,expires=%d,avg_ttl=0", keys, p.node.WithDeadline[db]))
		}
	}
}

// infoLocks counts every string as a held lock, as it is one.
func infoLocks(p *infoPage) {
	held, withTTL := 0, 0
	for db, keys := range p.node.Keys {
		held += keys
		withTTL += p.node.WithDeadline[db]
	}
	p.line("locks_held", held)
	p.line("locks_without_ttl", held-withTTL)
	p.line("waiters", p.node.Waiters)
	p.line("grants_total", p.node.Grants)
	p.line("expired_total", p.node.Expired)
	p.line("forced_total", p.node.Forced)
	p.line("last_token", p.node.Token)
	p.line("state_bytes", p.node.Bytes)
}
