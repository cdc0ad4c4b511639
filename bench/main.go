//go:build linux

// Command bench measures lockd, next to a Redis that syncs each command to disk, in the same run and on the
// same disk. See README.md for what each mode does and how to read it.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
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
}

func (o *options) parse() {
	flag.StringVar(&o.mode, "mode", "pairs", "pairs, quick, memory, expire, snapshot, restart or pipeline")
	flag.IntVar(&o.rounds, "rounds", 5, "pairs, pipeline: rounds, of which the medians count")
	flag.DurationVar(&o.during, "during", 2*time.Second, "pairs: time of one round on one server")
	flag.IntVar(&o.conns, "conns", 0, "pairs: only this number of connections (1, 16, 64 or 256)")
	flag.IntVar(&o.locks, "locks", 1_000_000, "memory, expire, snapshot, restart: how many locks")
	flag.StringVar(&o.out, "out", "", "write the report to this file too")
	flag.StringVar(&o.lockd, "lockd", "", "a lockd binary; without it one is built from this module")
	flag.StringVar(&o.redis, "redis", "redis-server", "the redis-server binary")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "where the servers' folders are made: a real disk, not tmpfs")
	flag.StringVar(&o.lockdArgs, "lockd-args", "", "more flags for lockd, separated by blanks")
	flag.IntVar(&o.held, "held", 0, "pairs: so many locks are held on both servers meanwhile")
	flag.StringVar(&o.versus, "versus", "", "a second lockd binary to compare with instead of Redis")
	flag.IntVar(&o.probes, "probes", 8, "expire, snapshot: probing connections")
	flag.DurationVar(&o.pace, "pace", 4*time.Millisecond,
		"expire, snapshot: time between the commands of a probe")
	flag.DurationVar(&o.settle, "settle", time.Minute, "memory: time between loading and the second look")
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
	out := &report{}
	out.head("lockd bench: "+o.mode, b)
	modes := map[string]func(*bed, options, *report) error{
		"pairs": pairsMode, "quick": quickMode, "memory": memoryMode, "expire": expireMode,
		"snapshot": snapshotMode, "restart": restartMode, "pipeline": pipelineMode,
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
