// The driver is tried with a part that does what it is told: TestFake, in this test's own binary. What a real
// part says in words, and what it says by crashing, hanging or keeping silent, must end up on the page.

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/divtxt/lockd/sim/report"
)

// TestFake is the part. Without LOCKD_FAKE it is run as a test of its own and has nothing to do. Its first seed
// is always 10, and what it is told happens at seed 12.
func TestFake(t *testing.T) {
	what := os.Getenv("LOCKD_FAKE")
	if what == "" {
		return
	}
	first, _ := strconv.Atoi(os.Getenv("LOCKD_SEED"))
	seeds, _ := strconv.Atoi(os.Getenv("LOCKD_SEEDS"))
	lines, err := os.OpenFile(os.Getenv("LOCKD_RUNS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	for seed := first; seed < first+seeds; seed++ {
		r := report.Run{Part: "cluster", Seed: uint64(seed), Nodes: 3, Operations: 100, Replay: "again",
			Faults: map[string]int{"kill": 2}, Events: []report.Event{{Kind: "kill", Node: "n1"}}}
		if seed == 12 {
			misbehave(t, what, &r)
		}
		if what != "silent" || seed < 12 {
			_ = r.Write(lines)
		}
	}
}

func misbehave(t *testing.T, what string, r *report.Run) {
	switch what {
	case "violation":
		r.Violations = []string{"two holders"}
		t.Error("two holders")
	case "unsaid":
		t.Error("it is not so")
	case "panic":
		panic("out of order")
	case "exit":
		os.Exit(3)
	case "empty":
		r.Operations = 0
	case "hang":
		time.Sleep(time.Hour) // not for ever: the runtime would notice
	case "wait": // for the end, which is asked for
		end := make(chan os.Signal, 1)
		signal.Notify(end, syscall.SIGTERM)
		if err := os.WriteFile("waiting", nil, 0o644); err != nil {
			t.Fatal(err)
		}
		<-end
	}
}

// fake is a proving whose only part is TestFake, which is told to do something.
func fake(t *testing.T, what string) (*proving, part, *bytes.Buffer) {
	t.Helper()
	t.Setenv("LOCKD_FAKE", what)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	o := &options{schedules: 6, seed: 10, out: t.TempDir(), workers: 1, parts: "cluster"}
	p := newProving(o, nil, &said)
	p.out, p.root = o.out, t.TempDir()
	if err = os.MkdirAll(filepath.Join(p.out, failures), 0o755); err != nil {
		t.Fatal(err)
	}
	if p.lines, err = os.Create(filepath.Join(p.out, "runs.jsonl")); err != nil {
		t.Fatal(err)
	}
	p.binaries["cluster"] = self
	return p, part{name: "cluster", folder: ".", test: "TestFake", one: true}, &said
}

func TestProving(t *testing.T) {
	again := "LOCKD_SEED=%d%s go test -count=1 -timeout 0 -v -run '^TestFake$' ./."
	for _, test := range []struct {
		what, wrong, replay string
		runs                int // 6 of the part, and one that stands for a crash
	}{
		{"nothing", "", "", 6},
		{"violation", "two holders", "again", 6},
		{"unsaid", `seeds 10 to 15: the process ended with "exit status 1": --- FAIL: TestFake`,
			fmt.Sprintf(again, 10, " LOCKD_SEEDS=6"), 7},
		{"panic", `seeds 10 to 15: the process ended with "exit status 2": panic: out of order`,
			fmt.Sprintf(again, 12, ""), 6},
		{"exit", `seeds 10 to 15: the process ended with "exit status 3"`, fmt.Sprintf(again, 12, ""), 6},
		{"empty", "nothing was checked in this run", "again", 6},
		{"silent", "seeds 10 to 15: the process ended well but did not tell of all runs",
			fmt.Sprintf(again, 12, ""), 3},
	} {
		t.Run(test.what, func(t *testing.T) {
			p, pt, said := fake(t, test.what)
			p.part(t.Context(), &pt, 0)
			if err := p.finish(); err != nil {
				t.Fatal(err)
			}
			if s := p.proof.Sum(""); s.Runs < test.runs || test.what != "silent" && s.Runs != test.runs {
				t.Errorf("%d runs, not %d", s.Runs, test.runs)
			}
			code := conclude(&p.proof, p.options, said)
			page, err := os.ReadFile(filepath.Join(p.out, report.PageFile))
			if err != nil {
				t.Fatal(err)
			}
			kept, _ := filepath.Glob(filepath.Join(p.out, failures, "*"))
			if test.wrong == "" {
				if code != 0 || len(p.proof.Bad()) != 0 || len(kept) != 0 {
					t.Errorf("code %d, %v, kept %v", code, p.proof.Bad(), kept)
				}
				return
			}
			if code != 1 || len(kept) == 0 || !strings.HasSuffix(kept[0], ".log") {
				t.Errorf("code %d, kept %v", code, kept)
			}
			for where, text := range map[string]string{"page": string(page), "terminal": said.String()} {
				if !strings.Contains(text, test.wrong) || !strings.Contains(text, test.replay) {
					t.Errorf("the %s does not say %q and %q:\n%s", where, test.wrong, test.replay, text)
				}
			}
			if link := "](" + failures + "/" + filepath.Base(kept[0]) + ")"; !strings.Contains(string(page), link) {
				t.Errorf("the page has no link %s:\n%s", link, page)
			}
		})
	}
}

// TestHang: a process that does not end is ended, what its goroutines did is kept, and its other seeds are run.
func TestHang(t *testing.T) {
	p, pt, _ := fake(t, "hang")
	c := child{job: job{part: &pt, seed: 10, seeds: 6, limit: 2 * time.Second}, binary: p.binaries["cluster"],
		root: p.root, out: p.out}
	runs, rest := c.run(t.Context())
	if len(runs) != 3 || !strings.Contains(runs[2].Violations[0], "hangs") || runs[2].Seed != 12 {
		t.Errorf("%+v", runs)
	}
	if rest.seed != 13 || rest.seeds != 3 {
		t.Errorf("the rest is %+v", rest)
	}
	log, _ := os.ReadFile(filepath.Join(p.out, runs[2].Page))
	if !strings.Contains(string(log), "misbehave") {
		t.Errorf("the log does not tell where it hangs:\n%s", log)
	}
}

// TestInterrupted: what was done until Ctrl-C is on the page, and what Ctrl-C ended is no finding.
func TestInterrupted(t *testing.T) {
	p, pt, _ := fake(t, "wait")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(p.root, "waiting")); err == nil {
				return
			}
			time.Sleep(10 * time.Millisecond) // another process writes it
		}
	}()
	p.part(ctx, &pt, 0)
	if err := p.finish(); err != nil {
		t.Fatal(err)
	}
	if s := p.proof.Sum(""); s.Runs < 2 || s.Violations != 0 {
		t.Errorf("%+v", s)
	}
}

// TestLeast: a proof with fewer operations than asked for fails.
func TestLeast(t *testing.T) {
	p, pt, said := fake(t, "nothing")
	p.part(t.Context(), &pt, 0)
	if p.least = 600; conclude(&p.proof, p.options, said) != 0 {
		t.Error("600 operations are not 600")
	}
	if p.least = 601; conclude(&p.proof, p.options, said) != 1 || !strings.Contains(said.String(), "not 601") {
		t.Error("600 operations are 601")
	}
}

// TestJobs: the jobs of a part have every seed once.
func TestJobs(t *testing.T) {
	o := &options{schedules: 60, commands: 600_000, real: time.Minute, seed: 7}
	for i, want := range map[int]string{
		0: "7+1[LOCKD_COMMANDS=250000] 8+1[LOCKD_COMMANDS=250000] 9+1[LOCKD_COMMANDS=100000]",
		1: "7+25[] 32+25[] 57+10[]",
		2: "7+1[LOCKD_STORM=1m0s]",
	} {
		var done uint64
		var got []string
		next := o.jobs(&parts()[i], &done)
		for j, some := next(); some; j, some = next() {
			got = append(got, fmt.Sprintf("%d+%d%v", j.seed, j.seeds, j.env))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%v, not %s", got, want)
		}
	}
	past := o.until(time.Now().Add(-time.Second), &parts()[1], new(uint64))
	if j, some := past(); some {
		t.Errorf("%+v after the end", j)
	}
}

func TestArguments(t *testing.T) {
	for _, args := range []string{"-parts nothing", "-workers 0", "what", "-x"} {
		var said bytes.Buffer
		if code := prove(t.Context(), strings.Fields(args), &said); code != 2 || said.Len() == 0 {
			t.Errorf("%s: code %d, %q", args, code, said.String())
		}
	}
}

// TestProgress: the line tells how far a part is, and how long it will take.
func TestProgress(t *testing.T) {
	p := newProgress(&bytes.Buffer{})
	p.stage = stage{name: "cluster", runs: 3000}
	for range 1000 {
		p.add(&report.Run{Operations: 3000, Faults: map[string]int{"kill": 2}})
	}
	p.add(&report.Run{Operations: 1, Violations: []string{"wrong"}})
	want := "cluster: 1,001 of 3,000 runs in 1 min 00 s; in all 2,000 faults, 3.0 M operations, 1 violation"
	if got := p.line(time.Minute, true); got != want {
		t.Error(got)
	}
	if got := p.line(time.Minute, false); got != want+"; about 2 min 00 s left of this part" {
		t.Error(got)
	}
	p.stage = stage{name: "real", span: time.Minute}
	if got := p.line(time.Minute, false); !strings.HasSuffix(got, "; finishing") {
		t.Error(got)
	}
}
