// One process of a part: how it is run, and what is made of the way in which it ended. A test that fails has
// written down why; one that crashed, hangs, or says less than it should is a finding of its own.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/divtxt/lockd/sim/report"
)

// failures is the folder beside the page with what is kept of runs that failed.
const failures = "failures"

// child is a process of a job.
type child struct {
	job
	binary, root, out string // root of the repository; out is the folder of the page, absolute

	log, lines string // files: what it prints, and its runs
	timedOut   bool
	err        error // how it ended
}

// run runs it and returns what it found. The rest is what must be done again because the process did not come
// so far; it has no seeds if there is none.
func (c *child) run(ctx context.Context) (runs []report.Run, rest job) {
	c.log = filepath.Join(c.out, failures, c.name()+".log")
	c.lines = filepath.Join(c.out, failures, c.name()+".jsonl")
	_ = os.Remove(c.lines) // of a proof before in the same folder; the process appends
	c.err = c.execute(ctx)
	runs, err := c.read()
	if ctx.Err() == nil {
		rest = c.judge(&runs, err)
	}
	if !slices.ContainsFunc(runs, func(r report.Run) bool { return len(r.Violations) > 0 }) {
		_ = os.Remove(c.log)
	}
	_ = os.Remove(c.lines)
	for i := range runs {
		c.link(&runs[i])
	}
	return runs, rest
}

// execute starts the process and waits for its end. At the time limit it is asked for the stacks of its
// goroutines, which end up in its log.
func (c *child) execute(outer context.Context) error {
	ctx, cancel := context.WithTimeout(outer, c.limit)
	defer cancel()
	log, err := os.Create(c.log)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, c.binary, "-test.run", "^"+c.part.test+"$", "-test.count=1")
	cmd.Dir = filepath.Join(c.root, c.part.folder)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), fmt.Sprintf("LOCKD_SEED=%d", c.seed), fmt.Sprintf("LOCKD_SEEDS=%d", c.seeds),
		"LOCKD_RUNS="+c.lines,
		"LOCKD_FAILURES="+filepath.Dir(c.log), "LOCKD_STORM_DIR="+filepath.Dir(c.log))
	cmd.Env = append(cmd.Env, c.env...)
	if c.part.one {
		cmd.Env = append(cmd.Env, "GOMAXPROCS=1")
	}
	ownGroup(cmd)
	cmd.Cancel = func() error {
		if outer.Err() != nil {
			return cmd.Process.Signal(syscall.SIGTERM)
		}
		c.timedOut = true
		return cmd.Process.Signal(syscall.SIGQUIT)
	}
	cmd.WaitDelay = 15 * time.Second
	err = cmd.Run()
	endGroup(cmd)
	return err
}

// read returns the runs that were written down.
func (c *child) read() ([]report.Run, error) {
	file, err := os.Open(c.lines)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return report.Read(file)
}

// judge adds what the process itself says without words.
func (c *child) judge(runs *[]report.Run, unread error) (rest job) {
	told, last := 0, c.seed
	seen := map[uint64]bool{}
	for i := range *runs {
		r := &(*runs)[i]
		if r.Operations == 0 && len(r.Violations) == 0 {
			r.Violations = append(r.Violations, "nothing was checked in this run")
		}
		told += len(r.Violations)
		seen[r.Seed] = true
	}
	missing := c.seed
	for missing < c.seed+uint64(c.seeds) && seen[missing] {
		missing++
	}
	for seed := range seen {
		last = max(last, seed)
	}
	whole := missing == c.seed+uint64(c.seeds)
	why := c.why(unread, told > 0, whole)
	if why == "" {
		return rest
	}
	lost := report.Run{
		Part: c.part.name, Seed: missing, Nodes: 0, Setting: "ended before its time", Began: time.Now(),
		Replay: c.replay(missing, 1), Violations: []string{why},
	}
	if whole { // it cannot be told in which
		lost.Seed, lost.Replay = c.seed, c.replay(c.seed, c.seeds)
	}
	*runs = append(*runs, lost)
	if !whole {
		rest = c.job
		rest.seed = max(missing, last) + 1
		rest.seeds = int(c.seed) + c.seeds - int(rest.seed)
	}
	return rest
}

// why says in a sentence what is wrong with how the process ended, or nothing. Told is whether one of its
// runs has said so, whole whether all its runs are there.
func (c *child) why(unread error, told, whole bool) string {
	var exit *exec.ExitError
	failed := errors.As(c.err, &exit) && exit.ExitCode() == 1 // what a test does that fails
	from := fmt.Sprintf("seeds %d to %d", c.seed, c.seed+uint64(c.seeds)-1)
	switch {
	case c.timedOut:
		return fmt.Sprintf("%s: the process hangs: it did not end within %v", from, c.limit)
	case c.err != nil && !(failed && told):
		return fmt.Sprintf("%s: the process ended with %q: %s", from, c.err, c.complaint())
	case !whole && unread != nil:
		return fmt.Sprintf("%s: the process wrote no runs: %v", from, unread)
	case !whole:
		return from + ": the process ended well but did not tell of all runs"
	}
	return ""
}

// complaint is the line of the log that most likely says what happened.
func (c *child) complaint() string {
	data, _ := os.ReadFile(c.log)
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	for _, sign := range []string{"panic:", "fatal error:", "DATA RACE", "deadlock", "--- FAIL"} {
		for i, line := range lines {
			if bytes.Contains(line, []byte(sign)) {
				return clip(string(bytes.Join(lines[i:min(i+2, len(lines))], []byte(" "))))
			}
		}
	}
	return clip(string(lines[len(lines)-1]))
}

func clip(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if letters := []rune(text); len(letters) > 300 {
		return string(letters[:300]) + "…"
	}
	return text
}

// link makes the page of a run relative to the proof's; where it has none, what was printed stands for it.
func (c *child) link(r *report.Run) {
	if len(r.Violations) > 0 && r.Page == "" {
		r.Page = c.log
	}
	if rel, err := filepath.Rel(c.out, r.Page); err == nil && filepath.IsAbs(r.Page) {
		r.Page = rel
	}
	if r.Replay == "" {
		r.Replay = c.replay(r.Seed, 1)
	}
}
