// Command prove runs the proof and writes a page of what it found: the state machine alone, whole clusters in
// virtual time, and real processes, all under random faults from seeds, with every answer checked.
//
//	go run ./sim/prove                     some minutes; the page is in ./proof-<date>
//	go run ./sim/prove -soak 8h            all parts for eight hours
//	go run ./sim/prove -again proof-1      the page of a finished proof anew
//
// It ends with 0 if there was no violation, with 1 if there was one, and with 2 if it could not run. Ctrl-C
// ends it early, with the page of what was done until then.
//
// Each part is a test binary (see parts.go), built once and run as many processes, each with a few seeds:
// a crash costs a few runs and is itself something found, and memory is fresh for each.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/divtxt/lockd/sim/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(prove(ctx, os.Args[1:], os.Stdout)) //nolint:forbidigo // the one place that ends this process
}

// options are what is typed.
type options struct {
	schedules, commands int
	real, soak          time.Duration
	seed                uint64
	out, again          string
	workers, least      int
	race                bool
	parts               string
}

// prove is the whole program; it returns the exit code.
func prove(ctx context.Context, args []string, to io.Writer) int {
	o, err := parse(args, to)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		_, _ = fmt.Fprintln(to, err)
		return 2
	case o.again != "":
		err = again(o.again, to)
	default:
		var proof *report.Proof
		if proof, err = newProving(o, args, to).run(ctx); err == nil {
			return conclude(proof, o, to)
		}
	}
	if err != nil {
		_, _ = fmt.Fprintln(to, err)
		return 2
	}
	return 0
}

func parse(args []string, to io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("prove", flag.ContinueOnError)
	flags.SetOutput(to)
	flags.IntVar(&o.schedules, "schedules", 3000, "simulated clusters, each with faults of its own")
	flags.IntVar(&o.commands, "commands", 10e6, "commands through the state machine")
	flags.DurationVar(&o.real, "real", 90*time.Second, "time for real processes; needs root")
	flags.DurationVar(&o.soak, "soak", 0, "run all parts in turns for so long, instead of those numbers")
	flags.Uint64Var(&o.seed, "seed", 0, "the first seed (from the time, and printed)")
	flags.StringVar(&o.out, "out", "", "folder for the page (./proof-<date>)")
	flags.StringVar(&o.again, "again", "", "only write the page of this folder anew")
	flags.IntVar(&o.workers, "workers", runtime.NumCPU(), "processes side by side")
	flags.IntVar(&o.least, "least", 0, "fail if fewer operations of clusters were checked")
	flags.BoolVar(&o.race, "race", false, "build with the race detector; much slower")
	flags.StringVar(&o.parts, "parts", "state,cluster,real", "which parts")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("what is %q?", flags.Arg(0))
	}
	for _, name := range strings.Split(o.parts, ",") {
		if !slices.ContainsFunc(parts(), func(p part) bool { return p.name == name }) {
			return nil, fmt.Errorf("there is no part %q", name)
		}
	}
	if o.workers < 1 || o.schedules < 0 || o.commands < 0 || o.real < 0 || o.soak < 0 {
		return nil, errors.New("numbers must be positive")
	}
	now := time.Now()
	if o.seed == 0 {
		// Small enough to be typed, far enough apart that a proof of tomorrow has other seeds.
		o.seed = uint64(now.Unix()%1e6) * 1e6
	}
	if o.out == "" {
		o.out = now.Format("proof-2006-01-02-150405")
	}
	return o, nil
}

// again writes the page of a folder from its files.
func again(dir string, to io.Writer) error {
	proof, err := report.Load(dir)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(to, filepath.Join(dir, report.PageFile))
	return proof.WritePage(dir)
}

// conclude says in the end what came of it, and how to see the first failure again.
func conclude(proof *report.Proof, o *options, to io.Writer) int {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(to, format+"\n", args...) }
	say("\n%s\npage: %s", proof.Sentence(), filepath.Join(o.out, report.PageFile))
	for i, r := range proof.Bad() {
		if i == 10 {
			say("and %d more runs", len(proof.Bad())-i)
			break
		}
		say("\n%s %d: %s\n  %s", r.Part, r.Seed, r.Violations[0], r.Replay)
	}
	if checked := proof.Clusters().Operations; checked < o.least && !proof.About.Interrupted {
		say("only %s operations were checked, not %s", report.Count(checked), report.Count(o.least))
		return 1
	}
	if !proof.Held() {
		return 1
	}
	return 0
}
