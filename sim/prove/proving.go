// The proof as it goes: build, run the parts one after the other, count what comes in, write the page.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/divtxt/lockd/sim/report"
)

// proving is a proof under way.
type proving struct {
	*options
	root, out string // folders, absolute
	began     time.Time
	progress  *progress
	binaries  map[string]string // of each part
	done      map[string]*uint64

	mu    sync.Mutex
	proof report.Proof
	lines *os.File // all runs, as they come
	err   error    // of writing them
}

func newProving(o *options, args []string, to io.Writer) *proving {
	p := &proving{options: o, began: time.Now(), binaries: map[string]string{}, done: map[string]*uint64{}}
	p.progress = newProgress(to)
	p.proof.About = about(args, o.seed, p.began)
	return p
}

// run runs all of it. An error means that it could not run; what it found is in the proof.
func (p *proving) run(ctx context.Context) (*report.Proof, error) {
	if err := p.prepare(ctx); err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(filepath.Join(p.out, "bin")) }()
	p.progress.say("seed %d, page in %s", p.seed, p.options.out)
	for _, turn := range p.turns() {
		for i := range parts() {
			if pt := &parts()[i]; p.wants(pt) && ctx.Err() == nil {
				p.part(ctx, pt, turn)
			}
		}
	}
	p.proof.About.Took = time.Since(p.began)
	p.proof.About.Interrupted = ctx.Err() != nil
	return &p.proof, errors.Join(p.err, p.finish())
}

// wants tells whether a part is to run here.
func (p *proving) wants(pt *part) bool {
	return slices.Contains(strings.Split(p.parts, ","), pt.name) && p.binaries[pt.name] != ""
}

// prepare makes the folder and builds the parts.
func (p *proving) prepare(ctx context.Context) (err error) {
	if p.out, err = filepath.Abs(p.options.out); err != nil {
		return err
	}
	if p.root, err = root(ctx); err != nil {
		return err
	}
	if err = os.MkdirAll(filepath.Join(p.out, failures), 0o755); err != nil {
		return err
	}
	if p.lines, err = os.Create(filepath.Join(p.out, "runs.jsonl")); err != nil {
		return err
	}
	for _, pt := range parts() {
		if !slices.Contains(strings.Split(p.parts, ","), pt.name) {
			continue
		}
		if pt.name == "real" && os.Geteuid() != 0 {
			p.proof.About.LeftOut = "The part with real processes was left out: it needs root, to cut networks and " +
				"fill disks."
			p.progress.say("%s", p.proof.About.LeftOut)
			continue
		}
		if err = p.build(ctx, &pt); err != nil {
			return err
		}
	}
	return nil
}

func (p *proving) build(ctx context.Context, pt *part) error {
	binary := filepath.Join(p.out, "bin", pt.name)
	args := []string{"test", "-c", "-o", binary}
	if p.race {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+pt.folder)...)
	cmd.Dir = p.root
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s cannot be built: %w\n%s", pt.folder, err, said)
	}
	p.binaries[pt.name] = binary
	return nil
}

// turns are when each turn of all parts is over; zero is when the asked numbers are reached.
func (p *proving) turns() []time.Duration {
	if p.soak == 0 {
		return []time.Duration{0}
	}
	number := (p.soak + round - 1) / round
	return slices.Repeat([]time.Duration{p.soak / number}, int(number))
}

// part runs one part, for its share of a turn or until its number is reached.
func (p *proving) part(ctx context.Context, pt *part, turn time.Duration) {
	done := p.done[pt.name]
	if done == nil {
		done = new(uint64)
		p.done[pt.name] = done
	}
	goal := stage{name: pt.name, began: time.Now()}
	next := p.jobs(pt, done)
	if turn > 0 {
		shares := 0
		for _, other := range parts() {
			if p.wants(&other) {
				shares += other.share
			}
		}
		goal.span = turn * time.Duration(pt.share) / time.Duration(shares)
		next = p.until(goal.began.Add(goal.span), pt, done)
	} else {
		states := (p.commands + commandsAJob - 1) / commandsAJob
		goal.runs = map[string]int{"state": states, "cluster": p.schedules}[pt.name]
		goal.span = map[string]time.Duration{"real": p.real}[pt.name]
	}
	p.progress.begin(goal)
	defer p.progress.end()
	workers := p.workers
	if pt.alone {
		workers = 1
	}
	var all sync.WaitGroup
	var taking sync.Mutex
	for range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				taking.Lock()
				j, some := next()
				taking.Unlock()
				if !some {
					return
				}
				p.job(ctx, j)
			}
		})
	}
	all.Wait()
}

// job runs a job, and what is left of it after each crash.
func (p *proving) job(ctx context.Context, j job) {
	for j.seeds > 0 && ctx.Err() == nil {
		c := child{job: j, binary: p.binaries[j.part.name], root: p.root, out: p.out}
		var runs []report.Run
		runs, j = c.run(ctx)
		p.add(runs)
	}
}

// add counts runs and writes them down.
func (p *proving) add(runs []report.Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range runs {
		p.proof.Add(&runs[i])
		p.err = errors.Join(p.err, runs[i].Write(p.lines))
		p.progress.add(&runs[i])
	}
}

// finish writes the page and the files beside it.
func (p *proving) finish() error {
	if err := p.lines.Close(); err != nil {
		return err
	}
	if err := p.proof.Keep(p.out, p.lines.Name()); err != nil {
		return err
	}
	_ = os.Remove(p.lines.Name())
	_ = os.Remove(filepath.Join(p.out, failures)) // stays if it is not empty
	return p.proof.WritePage(p.out)
}
