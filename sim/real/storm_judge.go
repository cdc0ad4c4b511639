// What is looked at when an epoch is over: that nothing is left of it in the nodes, and its history.

package real

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/divtxt/lockd/sim/history"
)

// busy is what INFO says of a node to which clients are connected beside the one that asks, or that has
// something to do for them.
func busy(n *Node, info map[string]string) (found []string) {
	for name, want := range map[string]string{
		"connected_clients": "1", "blocked_clients": "0", "waiters": "0", "raft_queued_commands": "0",
		"raft_forwarded_queued": "0",
	} {
		if got := info[name]; got != want {
			found = append(found, fmt.Sprintf("%s of %s is %q", name, n.ID, got))
		}
	}
	return found
}

// nothingLeft waits until no node has anything left of the clients that are gone, and until all have applied
// the same. That their states are equal they see to themselves: entries carry a digest of the leader's state,
// and a node that differs stops.
func (s *storm) nothingLeft() {
	var left []string
	for end := time.Now().Add(2 * serveWithin); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		left = nil
		applied := map[string]bool{}
		for _, n := range s.Nodes {
			info := n.Info("everything")
			left = append(left, busy(n, info)...)
			applied[info["raft_applied_index"]] = true
		}
		if len(applied) > 1 {
			left = append(left, fmt.Sprintf("nodes have applied different entries: %v", applied))
		}
		if len(left) == 0 {
			return
		}
	}
	slices.Sort(left)
	for _, what := range left {
		s.epoch.wrong("something is left after all clients are gone: %s", what)
	}
}

// rateStep is how finely the rate of answers is noted.
const rateStep = 250 * time.Millisecond

// batch is what one program's clients did.
type batch struct {
	name   string // the client's
	ops    []history.Op
	paused []span // when the program did not run: how long its operations took says nothing of lockd
}

// judge runs all checks on an epoch's history, and completes its report.
func (e *epoch) judge(batches []batch) []history.Op {
	run := &e.run
	var excuses []history.Excuse
	for _, x := range e.excuses {
		excuses = append(excuses, *x)
	}
	var ops []history.Op
	for _, b := range batches {
		ops = append(ops, b.ops...)
		run.Checked["by "+b.name] += len(b.ops)
		awake := slices.DeleteFunc(slices.Clone(b.ops), b.slept)
		run.Violations = append(run.Violations, history.CheckErrors(awake, excuses)...)
		run.Violations = append(run.Violations, history.CheckSlow(awake, excuses, serveWithin)...)
		run.Checked["errors"] += strict(awake, excuses)
	}
	ops = history.Merge(ops)
	verdict := history.Judge(ops, history.Options{})
	run.Violations = append(run.Violations, verdict.Violations...)
	for name, n := range verdict.Checked {
		run.Checked[name] += n
	}
	run.Checked["inconclusive"] += verdict.Inconclusive
	run.Operations = len(ops)
	run.Step = rateStep
	run.Rate = make([]int, int(run.Took/rateStep)+1)
	for i := range ops {
		if at := int(ops[i].Done / rateStep); ops[i].Known() && at >= 0 && at < len(run.Rate) {
			run.Rate[at]++
		}
	}
	if len(run.Violations) > 0 {
		e.keep(ops, verdict.Worst)
	}
	return ops
}

// strict counts the operations for which an error would have been a finding.
func strict(ops []history.Op, excuses []history.Excuse) (n int) {
	for i := range ops {
		excused := func(x history.Excuse) bool { return !x.ClosedOnly && x.Covers(&ops[i]) }
		if !slices.ContainsFunc(excuses, excused) {
			n++
		}
	}
	return n
}

// slept tells whether the program of an operation was stopped meanwhile.
func (b *batch) slept(op history.Op) bool {
	return slices.ContainsFunc(b.paused, func(p span) bool { return op.Done >= p.from && op.Sent <= p.to })
}

// most is how many findings of an epoch are reported: one mistake can be found in thousands of operations.
const most = 50

// keep writes the history, the page of the key that is worst, and the logs into a folder.
func (e *epoch) keep(ops []history.Op, worst string) {
	if found := &e.run.Violations; len(*found) > most {
		*found = append((*found)[:most:most], fmt.Sprintf("and %d more findings", len(*found)-most))
	}
	name := filepath.Join(e.keepIn, fmt.Sprintf("storm-%d", e.seed))
	err := os.MkdirAll(name, 0o755)
	logs, _ := filepath.Glob(filepath.Join(e.dir, "*.log"))
	for _, log := range logs {
		b, failed := os.ReadFile(log)
		err = errors.Join(err, failed, os.WriteFile(filepath.Join(name, filepath.Base(log)), b, 0o644))
	}
	f, failed := os.Create(filepath.Join(name, "history.jsonl"))
	if err = errors.Join(err, failed); err == nil {
		err = errors.Join(history.WriteOps(f, ops), f.Close())
	}
	if err == nil && worst != "" {
		e.run.Page = filepath.Join(name, "page.html")
		err = history.WritePage(e.run.Page, ops, worst, history.Options{})
	}
	if err != nil {
		e.wrong("the history could not be kept: %v", err)
	}
}

// rising checks that an epoch's tokens are above those of the epochs before, which were over when it began.
// It returns the highest of all.
func (e *epoch) rising(batches []batch, before int64) (highest int64) {
	highest = before
	for _, b := range batches {
		for i := range b.ops {
			op := &b.ops[i]
			if op.Kind != history.Take || op.Outcome != history.Yes || op.Number == 0 {
				continue
			}
			if op.Number <= before {
				e.wrong("%v has a token that is not above %d, which was given in an epoch before", op, before)
			}
			highest = max(highest, op.Number)
		}
	}
	return highest
}
