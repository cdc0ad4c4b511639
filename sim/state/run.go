// One run, from a seed.

package state

import (
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/divtxt/lockd/sim/report"
)

// Run applies entries of at least so many commands in all, made from the seed, to three replicas, and returns
// what it found. It stops at the first violation. The same arguments give the same entries and faults.
func Run(seed uint64, commands int) report.Run {
	r := report.Run{
		Part: "state", Seed: seed, Nodes: replicas, Began: time.Now(),
		Checked: map[string]int{}, Faults: map[string]int{},
		Replay: fmt.Sprintf("LOCKD_SEED=%d LOCKD_COMMANDS=%d go test ./sim/state -run TestState -count=1", seed,
			commands),
	}
	w, err := newWorld(seed, commands, r.Checked, r.Faults)
	if err != nil {
		r.Violations = append(r.Violations, err.Error())
	} else if wrong := w.run(); wrong != "" {
		r.Violations = append(r.Violations, wrong)
	}
	r.Took = time.Since(r.Began)
	r.Spanned = time.Duration(w.judge.clock) * time.Millisecond
	r.Operations = w.replies
	r.Checked["judged"], r.Checked["grants"] = w.judge.judged, w.judge.grants
	return r
}

// run makes all steps and returns what went wrong, in a sentence.
func (w *world) run() (wrong string) {
	defer func() {
		if cause := recover(); cause != nil {
			at, _, _ := strings.Cut(string(debug.Stack()), "\n\n")
			wrong = fmt.Sprintf("entry %d: panic: %v\n%s", w.index, cause, at)
		}
	}()
	for w.commands < w.total {
		if err := w.step(); err != nil {
			return fmt.Sprintf("entry %d, about command %d: %v", w.index, w.commands, err)
		}
	}
	for len(w.views) > 0 {
		w.dropView()
	}
	if w.judge.wrong != "" {
		return w.judge.wrong
	}
	if err := w.audit(); err != nil {
		return err.Error()
	}
	for i := range w.replicas {
		if w.replicas[i].behind == 0 {
			continue
		}
		if err := w.install(i); err != nil {
			return err.Error()
		}
		w.replicas[i].behind = 0
	}
	if err := w.compare(); err != nil {
		return err.Error()
	}
	return ""
}
