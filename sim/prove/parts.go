// The parts of the proof, and how the work is cut into jobs: a job is one process of a part's test binary.

package main

import (
	"fmt"
	"strings"
	"time"
)

const (
	seedsAJob    = 25      // of clusters: some seconds of work, so that progress is seen
	commandsAJob = 250_000 // of the state machine
	seedsAStorm  = 10_000  // of real processes: one job takes as many as it comes to, this is room for them
	patience     = 4 * time.Minute
	round        = time.Hour // of a soak, in which each part has its turn
)

// part is one of the three ways in which lockd is tried.
type part struct {
	name, folder, test string
	share              int  // of a soak, in per cent
	alone              bool // one process at a time: it has the machine to itself
	one                bool // goroutines of a process take turns on one processor: less time in virtual time
}

// parts returns all, in the order in which they run: what is quickest to tell that all is broken comes first.
func parts() []part {
	return []part{
		{name: "state", folder: "sim/state", test: "TestState", share: 10, one: true},
		{name: "cluster", folder: "sim", test: "TestSchedules", share: 60, one: true},
		{name: "real", folder: "sim/real", test: "TestStorm", share: 30, alone: true},
	}
}

// job is one process: seeds runs, the first of which has the given seed.
type job struct {
	part  *part
	seed  uint64
	seeds int
	env   []string // besides the seeds
	limit time.Duration
}

// replay is the line that does runs of the job again.
func (j *job) replay(seed uint64, seeds int) string {
	env := fmt.Sprintf("LOCKD_SEED=%d", seed)
	if seeds > 1 {
		env += fmt.Sprintf(" LOCKD_SEEDS=%d", seeds)
	}
	return strings.Join(append([]string{env}, j.env...), " ") +
		fmt.Sprintf(" go test -count=1 -timeout 0 -v -run '^%s$' ./%s", j.part.test, j.part.folder)
}

// name tells jobs apart in names of files.
func (j *job) name() string { return fmt.Sprintf("%s-%d", j.part.name, j.seed) }

// source gives the jobs of a part one after the other, until there is none.
type source func() (job, bool)

// jobs cuts the asked number of runs into jobs. Done is where in the seeds the part is; it is moved on.
func (o *options) jobs(p *part, done *uint64) source {
	left := map[string]int{"state": o.commands, "cluster": o.schedules, "real": int(o.real)}[p.name]
	return func() (job, bool) {
		if left <= 0 {
			return job{}, false
		}
		j := job{part: p, seed: o.seed + *done, seeds: 1, limit: patience}
		switch p.name {
		case "state":
			commands := min(left, commandsAJob)
			j.env = []string{fmt.Sprintf("LOCKD_COMMANDS=%d", commands)}
			left -= commands
		case "cluster":
			j.seeds = min(left, seedsAJob)
			left -= j.seeds
		case "real":
			j.env = []string{fmt.Sprint("LOCKD_STORM=", o.real)}
			j.limit += o.real
			left = 0
			*done += seedsAStorm
		}
		*done += uint64(j.seeds)
		return j, true
	}
}

// until is a source that goes on until a moment. What is begun by then is done to its end.
func (o *options) until(end time.Time, p *part, done *uint64) source {
	endless := *o
	endless.commands, endless.schedules, endless.real = 1<<62, 1<<62, time.Until(end).Round(time.Second)
	next := endless.jobs(p, done)
	return func() (job, bool) {
		if time.Now().After(end) {
			return job{}, false
		}
		return next()
	}
}
