//go:build linux

// Command bench measures lockd, next to a Redis that syncs each command to disk, in the same run and on the
// same disk. See README.md for what each mode does and how to read it.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	mode      string
	rounds    int
	during    time.Duration
	conns     int
	locks     int
	out       string
	lockd     string
	redis     string
	dir       string
	lockdArgs string
	versus    string
	held      int
	probes    int
	pace      time.Duration
	settle    time.Duration
	cluster   clusterOptions
}

// clusterOptions are the flags of the modes with three nodes.
type clusterOptions struct {
	only      string
	peers     string
	syncDelay time.Duration
	faults    string
	runs      int
	watchers  int
	callers   int
	kills     int
	nodes     int
	sessions  int
	every     time.Duration
	batch     int
}

func (o *clusterOptions) parse() {
	flag.StringVar(&o.only, "only", "lockd,etcd,nats,redis", "cluster, failover: the systems that take part")
	flag.StringVar(&o.peers, "peers", "", "cluster, failover: the program of bench/peers; else it is built")
	flag.DurationVar(&o.syncDelay, "sync-delay", 0, "cluster: lockd alone, with so much added to each sync")
	flag.StringVar(&o.faults, "faults", "kill,stop,term,cut", "failover: what happens to the leader")
	flag.IntVar(&o.runs, "runs", 30, "failover: how often each")
	flag.IntVar(&o.watchers, "watchers", 1, "failover: clients on each surviving node")
	flag.IntVar(&o.callers, "callers", 16, "exactly-once: clients")
	flag.IntVar(&o.kills, "kills", 20, "exactly-once: how often the leader is killed")
	flag.IntVar(&o.nodes, "nodes", 3, "grow: how many nodes there are before")
	flag.IntVar(&o.sessions, "sessions", 100_000, "sessions: how many")
	flag.DurationVar(&o.every, "every", 10*time.Second, "sessions: how often each is pinged")
	flag.IntVar(&o.batch, "batch", 100, "sessions: how many pings a client sends in one write")
}

// systems are those that take part; with -versus, two builds of lockd alone.
func (o options) systems() []string {
	if o.versus != "" {
		return []string{"lockd", "other"}
	}
	return strings.Split(o.cluster.only, ",")
}

func (o *options) parse() {
	flag.StringVar(&o.mode, "mode", "pairs", "pairs, quick, memory, expire, snapshot, restart or pipeline; of "+
		"three nodes cluster, cluster-quick, contention, sessions, locks-quick, failover, exactly-once or grow")
	flag.IntVar(&o.rounds, "rounds", 5, "of most modes: rounds, of which the medians count")
	flag.DurationVar(&o.during, "during", 2*time.Second, "pairs, cluster: time of one round on one server")
	flag.IntVar(&o.conns, "conns", 0, "pairs, cluster: only this number of connections (1, 16, 64 or 256)")
	flag.IntVar(&o.locks, "locks", 1_000_000, "memory, expire, snapshot, restart, grow: how many locks")
	flag.StringVar(&o.out, "out", "", "write the report to this file too")
	flag.StringVar(&o.lockd, "lockd", "", "a lockd binary; without it one is built from this module")
	flag.StringVar(&o.redis, "redis", "redis-server", "the redis-server binary")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "where the servers' folders are made: a real disk, not tmpfs")
	flag.StringVar(&o.lockdArgs, "lockd-args", "", "more flags for lockd, separated by blanks")
	flag.IntVar(&o.held, "held", 0, "pairs: so many locks are held on both servers meanwhile")
	flag.StringVar(&o.versus, "versus", "", "a second lockd binary to compare with instead of Redis")
	flag.IntVar(&o.probes, "probes", 8, "expire, snapshot, grow: probing connections")
	flag.DurationVar(&o.pace, "pace", 4*time.Millisecond,
		"expire, snapshot, grow: time between the commands of a probe")
	flag.DurationVar(&o.settle, "settle", time.Minute, "memory: time between loading and the second look")
	o.cluster.parse()
	flag.Parse()
}

// peer is the name of what lockd is compared with.
func (o options) peer() string {
	if o.versus != "" {
		return "other"
	}
	return "redis"
}

func main() {
	var o options
	o.parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	b, err := newBed(o)
	if err != nil {
		return err
	}
	defer b.remove()
	removeAtSignal(b)
	out := &report{}
	out.head("lockd bench: "+o.mode, b)
	modes := map[string]func(*bed, options, *report) error{
		"pairs": pairsMode, "quick": quickMode, "memory": memoryMode, "expire": expireMode,
		"snapshot": snapshotMode, "restart": restartMode, "pipeline": pipelineMode,
		"cluster": clusterMode, "cluster-quick": clusterQuickMode, "failover": failoverMode,
		"exactly-once": exactlyOnceMode, "grow": growMode, "contention": contentionMode,
		"sessions": sessionsMode, "locks-quick": locksQuickMode,
	}
	do, ok := modes[o.mode]
	if !ok {
		return fmt.Errorf("no mode %q", o.mode)
	}
	err = do(b, o, out)
	if failed := out.write(o.out); failed != nil {
		return failed
	}
	return err
}

// removeAtSignal leaves nothing behind when somebody gives up waiting. The servers end with this process.
func removeAtSignal(b *bed) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-asked
		b.remove()
		os.Exit(1)
	}()
}

func pairsMode(b *bed, o options, out *report) error {
	duels, err := runPairs(b, o)
	if err != nil {
		return err
	}
	reportPairs(out, duels, o.peer(), 1)
	return nil
}

// quickMode is the guard for CI: it fails only where a figure is worse than half its target, twice. A shared
// machine's figures differ by a third from one minute to the next, and a guard that cries wolf is switched
// off; what it is to catch (a second sync, a lost batch, a lock held over a system call) costs a factor of 2
// and more.
func quickMode(b *bed, o options, out *report) error {
	o.rounds, o.during = 5, 400*time.Millisecond
	var missed []string
	for range 2 {
		duels, err := runPairs(b, o)
		if err != nil {
			return err
		}
		if missed = reportPairs(out, duels, o.peer(), .5); len(missed) == 0 {
			return nil
		}
		progress("again: %s", strings.Join(missed, "; "))
	}
	return fmt.Errorf("gross regression: %s", strings.Join(missed, "; "))
}
