// INFO, its figures and MEMORY: tools parse them by name, so the tests do the same.

package session

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestInfoParses takes INFO apart the way tools do: headings, then name:value lines, CRLF everywhere.
func TestInfoParses(t *testing.T) {
	b := startBench(t)
	b.node.status.Keys[0], b.node.status.WithDeadline[0], b.node.status.Keys[5] = 3, 2, 1
	k := b.dial()
	k.send("GET a", "GET missing", "FOO", "CONFIG", "LOCK a", "DEBUG HELP")
	k.read(len("$6\r\na in 0\r\n"))
	for _, c := range []struct{ ask, sections string }{
		{"INFO", "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace Locks Raft Clock"},
		{"INFO default", "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace Locks Raft Clock"},
		{"INFO all", "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats Latencystats " +
			"Cluster Keyspace Locks Raft Clock"},
		{"INFO EVERYTHING", "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats " +
			"Latencystats Cluster Keyspace Locks Raft Clock"},
		{"INFO keyspace SERVER nosuch", "Server Keyspace"},
		{"INFO commandstats", "Commandstats"},
		{"INFO modules", "Modules"},
	} {
		other := b.dial()
		text := other.text(c.ask)
		var headings []string
		for i, part := range strings.Split(text, "\r\n\r\n") {
			lines := strings.Split(strings.TrimSuffix(part, "\r\n"), "\r\n")
			heading, ok := strings.CutPrefix(lines[0], "# ")
			if !ok {
				t.Fatalf("%s: part %d begins with %q", c.ask, i, lines[0])
			}
			headings = append(headings, heading)
			for _, line := range lines[1:] {
				if name, value, ok := strings.Cut(line, ":"); !ok || name == "" || strings.ContainsAny(name+value, "\r\n") {
					t.Errorf("%s: %q in %s", c.ask, line, heading)
				}
			}
		}
		if got := strings.Join(headings, " "); got != c.sections {
			t.Errorf("%s: got %s, want %s", c.ask, got, c.sections)
		}
	}
}

// TestInfoFields: what tools read is there and has the right form.
func TestInfoFields(t *testing.T) {
	b := startBench(t)
	b.node.status.Keys[0], b.node.status.WithDeadline[0] = 3, 2
	b.node.status.SyncLast, b.node.status.LogEntries = 1500*time.Microsecond, 12
	k := b.dial()
	k.send("GET a", "GET missing", "FOO", "LOCK a", "CLIENT ID")
	eventually(t, "all five are counted", func() bool { return b.hub.stats.errors.Load() == 1 && b.hub.stats.processed.Load() >= 4 })
	info := fields(b.dial().text("INFO everything"))
	for name, want := range map[string]string{
		"redis_version": "7.2.4", "redis_mode": "standalone", "lockd_version": "0.0.0", "arch_bits": "64",
		"role": "master", "master_repl_offset": "42", "connected_slaves": "0", "cluster_enabled": "0", "loading": "0",
		"aof_enabled": "1", "maxclients": "100", "blocked_clients": "0", "connected_clients": "2", "maxmemory": "1000",
		"keyspace_hits": "1", "keyspace_misses": "1", "evicted_keys": "0", "total_error_replies": "1",
		"errorstat_ERR": "count=1", "db0": "keys=3,expires=2,avg_ttl=0", "locks_held": "3", "locks_without_ttl": "1",
		"raft_role": "leader", "raft_fsync_usec_last": "1500", "rdb_changes_since_last_save": "12", "clock_frozen": "0",
		"tcp_port": b.addr[strings.LastIndex(b.addr, ":")+1:],
	} {
		if info[name] != want {
			t.Errorf("%s is %q, want %q", name, info[name], want)
		}
	}
	for _, name := range strings.Fields("uptime_in_seconds process_id used_memory used_memory_rss used_memory_peak " +
		"used_memory_dataset used_memory_startup mem_fragmentation_ratio rdb_last_save_time total_connections_received " +
		"total_commands_processed total_net_input_bytes total_net_output_bytes instantaneous_ops_per_sec used_cpu_sys " +
		"used_cpu_user rejected_connections expired_keys rdb_bgsave_in_progress aof_current_size") {
		if _, err := strconv.ParseFloat(info[name], 64); err != nil {
			t.Errorf("%s is %q", name, info[name])
		}
	}
	if len(info["run_id"]) != 40 || len(info["master_replid"]) != 40 {
		t.Errorf("run_id %q, master_replid %q", info["run_id"], info["master_replid"])
	}
	stat := info["cmdstat_get"]
	if !strings.HasPrefix(stat, "calls=2,usec=") || !strings.HasSuffix(stat, ",rejected_calls=0,failed_calls=0") {
		t.Errorf("cmdstat_get is %q", stat)
	}
	if !strings.Contains(info["latency_percentiles_usec_get"], "p50=") || info["cmdstat_client|id"] == "" {
		t.Errorf("%v", info)
	}
}

func TestResetStat(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	k.send("GET a", "FOO", "CONFIG RESETSTAT")
	k.exactly("$6\r\na in 0\r\n-ERR unknown command 'FOO', with args beginning with: \r\n+OK\r\n")
	info := fields(k.text("INFO everything"))
	for name, want := range map[string]string{
		"total_connections_received": "0", "total_error_replies": "0", "keyspace_hits": "0", "cmdstat_get": "",
		"errorstat_ERR": "", "latency_percentiles_usec_get": "", "connected_clients": "1",
	} {
		if info[name] != want {
			t.Errorf("%s is %q, want %q", name, info[name], want)
		}
	}
}

func TestMemory(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	if text := k.text("MEMORY DOCTOR"); !strings.Contains(text, "well below") {
		t.Error(text)
	}
	b.node.mu.Lock()
	b.node.status.Bytes, b.node.status.Keys[1] = 950, 10
	b.node.mu.Unlock()
	if text := k.text("MEMORY DOCTOR"); !strings.Contains(text, "nine tenths of max-memory (1000B)") {
		t.Error(text)
	}
	if text := k.text("MEMORY MALLOC-STATS"); !strings.Contains(text, "/memory/classes/total:bytes ") {
		t.Error(text)
	}
	k.send("MEMORY STATS")
	k.want("*30\r\n$14\r\npeak.allocated\r\n:")
}
