// This file has the words of redis.conf that are no settings here. A user who comes with the file of years
// must not have to thin it out first, yet must not be misled either: what is harmless is ignored with a
// reason, and what would leave the node less safe than the file says (ACL users, renamed commands) is
// refused. CONFIG GET answers those that clients and tools ask for.

package server

import (
	"strings"
)

// foreignWord is a word of redis.conf that is no setting here.
type foreignWord struct {
	value   string // what lockd does, in Redis' terms; a file that says so is right, and not warned
	shown   bool   // CONFIG GET answers it with value
	refused bool   // any other value is an error; else it is ignored with a warning
	why     string
}

// foreignGroup is words with one reason. Words are apart by spaces; what follows = is the value.
type foreignGroup struct {
	refused bool
	why     string
	words   string
}

// foreignGroups returns all of them by their reasons.
func foreignGroups() []foreignGroup {
	return []foreignGroup{
		{why: "every acknowledged command is on disk in the Raft log, and snapshots make themselves",
			words: `save= appendonly=yes appendfsync=always dbfilename appendfilename appenddirname
				no-appendfsync-on-rewrite=no auto-aof-rewrite-percentage auto-aof-rewrite-min-size
				aof-load-truncated=yes aof-use-rdb-preamble=yes aof-timestamp-enabled
				stop-writes-on-bgsave-error=yes rdbcompression rdbchecksum=yes rdb-save-incremental-fsync
				rdb-del-sync-files aof-rewrite-incremental-fsync sanitize-dump-payload shutdown-timeout
				shutdown-on-sigint shutdown-on-sigterm`},
		{why: "locks are never evicted to make room",
			words: `maxmemory-policy=noeviction maxmemory-samples maxmemory-eviction-tenacity lfu-log-factor
				lfu-decay-time maxmemory-clients=0 replica-ignore-maxmemory`},
		{why: "the Go runtime does it",
			words: `io-threads io-threads-do-reads hz dynamic-hz activerehashing activedefrag=no jemalloc-bg-thread
				active-defrag-ignore-bytes active-defrag-threshold-lower active-defrag-threshold-upper
				active-defrag-cycle-min active-defrag-cycle-max active-defrag-max-scan-fields
				active-expire-effort lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-server-del
				lazyfree-lazy-user-del lazyfree-lazy-user-flush replica-lazy-flush tcp-backlog
				disable-thp oom-score-adj oom-score-adj-values server_cpulist bio_cpulist aof_rewrite_cpulist
				bgsave_cpulist ignore-warnings set-proc-title proc-title-template crash-log-enabled
				crash-memcheck-enabled always-show-logo locale-collate`},
		{why: "lockd keeps its values in one way",
			words: `hash-max-listpack-entries hash-max-listpack-value hash-max-ziplist-entries hash-max-ziplist-value
				list-max-listpack-size list-max-ziplist-size list-compress-depth set-max-intset-entries
				set-max-listpack-entries set-max-listpack-value zset-max-listpack-entries
				zset-max-listpack-value zset-max-ziplist-entries zset-max-ziplist-value
				hll-sparse-max-bytes stream-node-max-bytes stream-node-max-entries`},
		{why: "lockd has its own: output-queue-bytes, max-command-bytes, the script budget",
			words: `client-output-buffer-limit client-query-buffer-limit proto-max-bulk-len lua-time-limit
				busy-reply-threshold`},
		{why: "the service manager does it: lockd stays in the foreground and logs to standard error",
			words: `supervised pidfile syslog-enabled=no syslog-ident syslog-facility`},
		{why: "Go's TLS has no such choice",
			words: `tls-ciphersuites tls-prefer-server-ciphers tls-session-caching tls-session-cache-size
				tls-session-cache-timeout tls-dh-params-file tls-client-cert-file tls-client-key-file
				tls-client-key-file-pass`},
		{why: "replicas are members of the Raft group",
			words: `replica-serve-stale-data replica-read-only=yes repl-diskless-sync repl-diskless-sync-delay
				repl-diskless-sync-max-replicas repl-diskless-load repl-disable-tcp-nodelay
				repl-ping-replica-period repl-timeout repl-backlog-size repl-backlog-ttl replica-priority
				propagation-error-behavior replica-ignore-disk-write-errors replica-announced
				min-replicas-to-write=0 min-replicas-max-lag cluster-enabled=no cluster-node-timeout
				slave-serve-stale-data slave-read-only=yes slave-priority bind-source-addr`},
		{why: "lockd keeps its own figures and bounds",
			words: `latency-tracking latency-tracking-info-percentiles acllog-max-len`},
		{refused: true, why: "there are 16 databases, always",
			words: `databases=16`},
		{refused: true, why: "lockd stays in the foreground; let the service manager start it",
			words: `daemonize=no`},
		{refused: true, why: "lockd has no such protection, and must not run as if it had",
			words: `user aclfile rename-command enable-module-command=no enable-protected-configs=no masteruser
				masterauth acl-pubsub-default tls-replication=no tls-cluster=no`},
		{refused: true, why: "lockd's nodes replicate through Raft, not from a Redis",
			words: `replicaof slaveof loadmodule`},
	}
}

// newForeign returns the words by their names.
func newForeign() map[string]foreignWord {
	words := map[string]foreignWord{}
	for _, g := range foreignGroups() {
		for _, word := range strings.Fields(g.words) {
			name, value, shown := strings.Cut(word, "=")
			words[name] = foreignWord{value: value, shown: shown, refused: g.refused, why: g.why}
		}
	}
	return words
}

// agrees tells whether the words say what lockd does anyhow.
func (f foreignWord) agrees(words []string) bool {
	return f.shown && strings.EqualFold(strings.Join(words, " "), f.value)
}
