// This file is the table of settings itself: one entry a setting, under the heading that help shows.
// Whatever is said about a setting anywhere comes from here (see table.go).

package server

import (
	"math"
	"time"
)

// Limits of limits: beyond these a value is a slip of the hand, not a wish.
const (
	unlimited = math.MaxInt64
	kib       = 1 << 10
	mib       = 1 << 20
	gib       = 1 << 30
	day       = 24 * time.Hour
	databases = 16
	maxToken  = 1<<53 - 1 // the last number that JSON and Lua hold exactly
)

// allGroups returns the whole table.
func allGroups() []group {
	return []group{
		{"Network", networkSettings()},
		{"Cluster", clusterSettings()},
		{"Peer TLS", peerTLSSettings()},
		{"Discovery", discoverySettings()},
		{"Storage", storageSettings()},
		{"Security", securitySettings()},
		{"TLS", tlsSettings()},
		{"Limits", limitSettings()},
		{"Queues", queueSettings()},
		{"Pushes", pushSettings()},
		{"Timing", timingSettings()},
		{"Log", logSettings()},
	}
}

func networkSettings() []*setting {
	return []*setting{
		{name: "bind", def: "127.0.0.1",
			help:  "Addresses to listen on; * is all, a leading - skips one that this machine lacks.",
			field: func(c *Config) value { return listValue{&c.Network.Bind} }},
		{name: "port", def: "6380",
			help: "Port of the Redis protocol; 0 picks a free one (and a free cluster port), or none beside " +
				"tls-port.",
			field: func(c *Config) value { return portValue{intValue[int]{&c.Network.Port, 0, maxPort}} }},
		{name: "unix-socket", redis: "unixsocket",
			help:  "Path of a Unix socket to listen on too.",
			field: func(c *Config) value { return textValue{&c.Network.UnixSocket} }},
		{name: "unix-socket-perm", redis: "unixsocketperm", def: "0",
			help:  "Permissions of the Unix socket, as 770; 0 leaves them to the umask.",
			field: func(c *Config) value { return octalValue{&c.Network.UnixSocketPerm} }},
		{name: "protected-mode", def: "yes", live: true,
			help:  "Without a password, refuse connections from other machines.",
			field: func(c *Config) value { return boolValue{&c.Network.ProtectedMode} }},
		{name: "default-db", def: "0",
			help:  "Database that a connection starts in.",
			field: func(c *Config) value { return intValue[int]{&c.Network.DefaultDB, 0, databases - 1} }},
	}
}

func clusterSettings() []*setting {
	return []*setting{
		{name: "cluster",
			help: "Who forms the cluster at the first start, the same on each node: n1=host1:16380,n2=host2:16380,… " +
				`or a JSON file {"n1": "host1:16380", …}, or with expect a host:port that resolves to all nodes.`,
			field: func(c *Config) value { return membersValue{&c.Cluster.Members} }},
		{name: "expect", def: "0",
			help:  "How many nodes form the cluster at the first start; for a cluster that is a name.",
			field: func(c *Config) value { return intValue[int]{&c.Cluster.Expect, 0, maxMembers} }},
		{name: "join",
			help: "Members of a cluster, host:port each, that an empty node asks to be taken in; or the word wait, " +
				"to be added by RAFT.ADD.",
			field: func(c *Config) value { return joinValue{listValue{&c.Cluster.Join}} }},
		{name: "cluster-port", def: "0",
			help: "Port at which the nodes of a cluster talk with each other; 0 is this node's in the list of " +
				"cluster, or else port + 10000.",
			field: func(c *Config) value { return portValue{intValue[int]{&c.Network.ClusterPort, 0, maxPort}} }},
		{name: "cluster-bind",
			help: "Addresses at which the cluster port listens; by default those of bind. A node without a cluster " +
				"listens on loopback only, unless it has peer TLS or peer-insecure.",
			field: func(c *Config) value { return listValue{&c.Cluster.Bind} }},
		{name: "advertise",
			help: "host:port at which the other nodes reach the cluster port; by default what cluster lists for " +
				"this node, else this machine's name or address.",
			field: func(c *Config) value { return addressValue{&c.Cluster.Advertise} }},
	}
}

func peerTLSSettings() []*setting {
	return []*setting{
		{name: "peer-tls-cert-file",
			help:  "Certificate that this node shows to the other nodes, PEM; read again when it changes.",
			field: func(c *Config) value { return textValue{&c.Cluster.CertFile} }},
		{name: "peer-tls-key-file",
			help:  "Private key of it, PEM.",
			field: func(c *Config) value { return textValue{&c.Cluster.KeyFile} }},
		{name: "peer-tls-ca-cert-file",
			help:  "Certificates of the authorities that the other nodes' certificates must come from, PEM.",
			field: func(c *Config) value { return textValue{&c.Cluster.CACertFile} }},
		{name: "peer-insecure", def: "no",
			help: "Let the cluster port listen beyond loopback without TLS: whoever reaches it can then read and " +
				"change everything, so only in a network that nobody else can enter.",
			field: func(c *Config) value { return boolValue{&c.Cluster.Insecure} }},
	}
}

func discoverySettings() []*setting {
	return []*setting{
		{name: "sentinel-port", def: "0",
			help: "Port at which this node shows itself as a Redis Sentinel, by custom 26379; 0 is none. Sentinels " +
				"ask for no password.",
			field: func(c *Config) value { return portValue{intValue[int]{&c.Discovery.SentinelPort, 0, maxPort}} }},
		{name: "sentinel-master-name", def: "mymaster",
			help:  "Name that clients ask the Sentinels for; the same on all nodes.",
			field: func(c *Config) value { return textValue{&c.Discovery.MasterName} }},
		{name: "cluster-view-port", def: "0",
			help:  "Port at which this node shows itself as one of a Redis Cluster; 0 is none.",
			field: func(c *Config) value { return portValue{intValue[int]{&c.Discovery.ClusterPort, 0, maxPort}} }},
		{name: "announce-host",
			help: "Name or address at which clients reach this node, told by all nodes; by default the one of bind, " +
				"else this machine's name or address.",
			field: func(c *Config) value { return textValue{&c.Discovery.Host} }},
		{name: "announce-port", def: "0",
			help:  "Port at which clients reach the data port, where that is mapped; 0 is the port itself.",
			field: func(c *Config) value { return portValue{intValue[int]{&c.Discovery.Port, 0, maxPort}} }},
	}
}

func storageSettings() []*setting {
	return []*setting{
		{name: "dir", def: "./lockd-data",
			help:  "Data folder; made if it is missing.",
			field: func(c *Config) value { return textValue{&c.Storage.Dir} }},
		{name: "node-id", also: "id",
			help: "Name of this node, one of those that cluster lists; without a list it is by default one that is " +
				"made and kept in the data folder at the first start.",
			field: func(c *Config) value { return nodeIDValue{&c.Storage.NodeID} }},
		{name: "log-store", def: LogStoreWAL,
			help: "Where the Raft log is kept; memory forgets everything when the node stops.",
			field: func(c *Config) value {
				return choiceValue{at: &c.Storage.LogStore, words: []string{LogStoreWAL, LogStoreBolt, LogStoreMemory}}
			}},
		{name: "snapshot-log-bytes", def: "256mb",
			help:  "Log written since the last snapshot that makes the next one due.",
			field: func(c *Config) value { return sizeValue{&c.Storage.SnapshotLogBytes, mib, gib} }},
		{name: "min-free-disk", def: "64mb", live: true,
			help:  "Free space on the data folder's disk below which writes are refused.",
			field: func(c *Config) value { return sizeValue{&c.Storage.MinFreeDisk, 0, unlimited} }},
		{name: "token-floor", def: "0",
			help:  "Fencing tokens given after a restore are above this, beside all that the backup knows of.",
			field: func(c *Config) value { return intValue[int64]{&c.Storage.TokenFloor, 0, maxToken} }},
	}
}

func securitySettings() []*setting {
	return []*setting{
		{name: "requirepass", live: true,
			help:  "Password that clients must give; better kept in the file or the environment than in a flag.",
			field: func(c *Config) value { return secretValue{&c.Security.RequirePass} }},
		{name: "enable-debug-command", def: DebugNo,
			help: "Who may use DEBUG: nobody, peers on this machine, or everybody.",
			field: func(c *Config) value {
				return choiceValue{at: &c.Security.EnableDebugCommand, words: []string{DebugNo, DebugLocal, DebugYes}}
			}},
		{name: "enable-flush", def: "yes",
			help:  "Allow FLUSHALL and FLUSHDB.",
			field: func(c *Config) value { return boolValue{&c.Security.EnableFlush} }},
	}
}

func tlsSettings() []*setting {
	return []*setting{
		{name: "tls-port", def: "0",
			help:  "Port for TLS connections; 0 is none.",
			field: func(c *Config) value { return portValue{intValue[int]{&c.TLS.Port, 0, maxPort}} }},
		{name: "tls-cert-file",
			help:  "Certificate of this node, PEM, with its chain.",
			field: func(c *Config) value { return textValue{&c.TLS.CertFile} }},
		{name: "tls-key-file",
			help:  "Private key of the certificate, PEM.",
			field: func(c *Config) value { return textValue{&c.TLS.KeyFile} }},
		{name: "tls-key-file-pass",
			help:  "Passphrase of the private key.",
			field: func(c *Config) value { return secretValue{&c.TLS.KeyFilePass} }},
		{name: "tls-ca-cert-file",
			help:  "Certificates of the authorities that clients' certificates must come from, PEM.",
			field: func(c *Config) value { return textValue{&c.TLS.CACertFile} }},
		{name: "tls-ca-cert-dir",
			help:  "Folder of such certificates.",
			field: func(c *Config) value { return textValue{&c.TLS.CACertDir} }},
		{name: "tls-auth-clients", def: "yes",
			help: "Whether clients need a certificate of their own.",
			field: func(c *Config) value {
				return choiceValue{at: &c.TLS.AuthClients, words: []string{"no", "yes", "optional"}}
			}},
		{name: "tls-protocols",
			help:  "Versions to offer, of TLSv1.2 and TLSv1.3; by default both.",
			field: func(c *Config) value { return protocolsValue{listValue{&c.TLS.Protocols}} }},
		{name: "tls-ciphers",
			help:  "Cipher suites of TLS 1.2, by OpenSSL's or the standard's names; by default Go's choice.",
			field: func(c *Config) value { return ciphersValue{listValue{&c.TLS.Ciphers}} }},
	}
}

func limitSettings() []*setting {
	return []*setting{
		{name: "max-clients", redis: "maxclients", def: "10000", live: true,
			help:  "Connections at one time.",
			field: func(c *Config) value { return intValue[int]{&c.Limits.MaxClients, 1, math.MaxUint32} }},
		{name: "timeout", def: "0", live: true,
			help:  "Close a connection that is idle for so many seconds; 0 never does.",
			field: func(c *Config) value { return seconds(&c.Limits.IdleTimeout) }},
		{name: "max-command-bytes", def: "1mb",
			help:  "One command with all its arguments.",
			field: func(c *Config) value { return sizeValue{&c.Limits.MaxCommandBytes, kib, 512 * mib} }},
		{name: "max-args", def: "16384",
			help:  "Arguments of one command.",
			field: func(c *Config) value { return intValue[int]{&c.Limits.MaxArgs, 16, mib} }},
		{name: "max-inline-bytes", def: "64kb",
			help:  "One inline command (a line typed by hand).",
			field: func(c *Config) value { return sizeValue{&c.Limits.MaxInlineBytes, 64, mib} }},
		{name: "max-key-bytes", def: "1kb",
			help:  "A key's length.",
			field: func(c *Config) value { return sizeValue{&c.Limits.MaxKeyBytes, 1, mib} }},
		{name: "max-owner-bytes", def: "64kb",
			help:  "A lock's owner; a longer value is a plain string without a fencing token.",
			field: func(c *Config) value { return sizeValue{&c.Limits.MaxOwnerBytes, 1, mib} }},
		{name: "preauth-max-args", def: "16",
			help:  "Arguments of a command before AUTH.",
			field: func(c *Config) value { return intValue[int]{&c.Limits.PreauthArgs, 8, mib} }},
		{name: "preauth-max-bytes", def: "4kb",
			help:  "One argument of a command before AUTH.",
			field: func(c *Config) value { return sizeValue{&c.Limits.PreauthBytes, 64, 512 * mib} }},
		{name: "preauth-timeout", def: "30",
			help:  "Seconds that a client has for AUTH, where a password is asked for; 0 is no limit.",
			field: func(c *Config) value { return seconds(&c.Limits.PreauthTimeout) }},
		{name: "tcp-keepalive", def: "60",
			help: "Seconds between probes that find out whether a silent client is still there; 0 leaves it to " +
				"the system.",
			field: func(c *Config) value { return seconds(&c.Limits.TCPKeepAlive) }},
		{name: "write-timeout", def: "10s",
			help: "Close a connection that takes none of its replies for so long.",
			field: func(c *Config) value {
				return timeValue{at: &c.Limits.WriteTimeout, unit: time.Second, low: 10 * time.Millisecond, top: day}
			}},
		{name: "max-memory", redis: "maxmemory", def: "0",
			help: "Bytes that keys may take before writes get -OOM, for nothing is ever evicted; " +
				"0 is half of the machine's memory.",
			field: func(c *Config) value { return sizeValue{&c.Limits.MaxMemory, 0, unlimited} }},
	}
}

func queueSettings() []*setting {
	return []*setting{
		{name: "output-queue-bytes", def: "1mb",
			help:  "Replies and pushes that a connection has not read; beyond it the connection is closed.",
			field: func(c *Config) value { return sizeValue{&c.Queues.OutputBytes, 16 * kib, gib} }},
		{name: "max-waiters-per-key", def: "10000",
			help:  "Clients that may wait for one key.",
			field: func(c *Config) value { return intValue[int]{&c.Queues.MaxWaitersPerKey, 1, math.MaxInt32} }},
		{name: "max-waiters", def: "100000",
			help:  "Clients that may wait for any key.",
			field: func(c *Config) value { return intValue[int]{&c.Queues.MaxWaiters, 1, math.MaxInt32} }},
		{name: "max-pending", def: "65536",
			help:  "Commands that this node has taken and not answered; beyond it a command gets -TRYAGAIN.",
			field: func(c *Config) value { return intValue[int]{&c.Queues.MaxPending, 1, math.MaxInt32} }},
		{name: "max-pending-bytes", def: "64mb",
			help:  "The same, in bytes.",
			field: func(c *Config) value { return sizeValue{&c.Queues.MaxPendingBytes, mib, unlimited} }},
		{name: "entry-bytes", def: "256kb",
			help:  "Commands that go into one Raft entry; a larger command goes alone.",
			field: func(c *Config) value { return sizeValue{&c.Queues.EntryBytes, kib, 64 * mib} }},
	}
}

func pushSettings() []*setting {
	return []*setting{
		{name: "notify-keyspace-events", live: true,
			help: "Which events of keys are published, in Redis' letters: K and E for the channels " +
				"__keyspace@db__:key and __keyevent@db__:event, and g$lshzxn for the classes, A for all but n; empty " +
				"publishes none. It holds for the clients of this node.",
			field: func(c *Config) value { return eventsValue{&c.Pushes.Events} }},
		{name: "tracking-table-max-keys", def: "1000000", live: true,
			help:  "Keys that this node remembers for client-side caches (CLIENT TRACKING); 0 is no limit.",
			field: func(c *Config) value { return intValue[int]{&c.Pushes.MaxTracked, 0, math.MaxInt32} }},
	}
}

func timingSettings() []*setting {
	return []*setting{
		{name: "command-timeout", def: "30s", live: true,
			help: "How long a command may stay without a known outcome before it is answered -UNKNOWN.",
			field: func(c *Config) value {
				return timeValue{at: &c.Timing.CommandTimeout, unit: time.Second, low: 100 * time.Millisecond, top: day}
			}},
		{name: "clock-drift-ppm", def: "500",
			help:  "How wrong a machine's oscillator may be, in millionths; locks are kept longer by as much.",
			field: func(c *Config) value { return intValue[int]{&c.Timing.ClockDriftPPM, 0, 100000} }},
		{name: "heartbeat", def: "250ms",
			help: "Raft's heartbeat and election timeout: a leader unheard of for so long is replaced. Also the age " +
				"of an unanswered log entry at which time stops for all locks, until the disk answers.",
			field: func(c *Config) value {
				at := &c.Timing.Heartbeat
				return timeValue{at: at, unit: time.Millisecond, low: 50 * time.Millisecond, top: 10 * time.Second}
			}},
		{name: "node-timeout", def: "15s",
			help: "How long a node may be unheard of before its waiting clients lose their places and what is bound " +
				"to their connections is freed.",
			field: func(c *Config) value {
				at := &c.Timing.NodeTimeout
				return timeValue{at: at, unit: time.Second, low: time.Second, top: time.Hour}
			}},
		{name: "slowlog-log-slower-than", def: "10000", live: true,
			help:  "Microseconds from which a command is noted in SLOWLOG; -1 notes none, 0 all.",
			field: func(c *Config) value { return intValue[int64]{&c.Timing.SlowlogThan, -1, unlimited} }},
		{name: "slowlog-max-len", def: "128", live: true,
			help:  "Commands that SLOWLOG keeps.",
			field: func(c *Config) value { return intValue[int]{&c.Timing.SlowlogMaxLen, 0, mib} }},
		{name: "latency-monitor-threshold", def: "0", live: true,
			help:  "Milliseconds from which an event is noted in LATENCY; 0 notes none.",
			field: func(c *Config) value { return intValue[int64]{&c.Timing.LatencyThreshold, 0, unlimited} }},
	}
}

func logSettings() []*setting {
	return []*setting{
		{name: "log-level", redis: "loglevel", def: "info", live: true,
			help: "The least that is logged; redis.conf's words are taken too.",
			field: func(c *Config) value {
				return choiceValue{at: &c.Log.Level, words: []string{"debug", "info", "warn", "error"},
					also: map[string]string{"verbose": "debug", "notice": "info", "warning": "warn"}}
			}},
		{name: "log-format", def: LogText,
			help: "How it is logged.",
			field: func(c *Config) value {
				return choiceValue{at: &c.Log.Format, words: []string{LogText, LogJSON}}
			}},
		{name: "log-file", redis: "logfile",
			help:  "File to log to; by default standard error.",
			field: func(c *Config) value { return textValue{&c.Log.File} }},
	}
}

// seconds is a time that redis.conf counts in whole seconds, 0 for off.
func seconds(at *time.Duration) value {
	return timeValue{at: at, unit: time.Second, bare: true, low: 0, top: 366 * day}
}
