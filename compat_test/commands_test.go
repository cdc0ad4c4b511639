package compat_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// families are all cases, by the file they stand in.
func families() map[string][]group {
	return map[string][]group{
		"set":          setCases(),
		"strings":      stringCases(),
		"numbers":      numberCases(),
		"expiry":       expiryCases(),
		"keys":         keyCases(),
		"databases":    databaseCases(),
		"patterns":     patternCases(),
		"command":      commandCases(),
		"connection":   connectionCases(),
		"scripts":      scriptCases(),
		"transactions": transactionCases(),
		"types":        typeCases(),
		"hashes":       hashCases(),
		"lists":        listCases(),
		"sets":         setValueCases(),
		"sorted":       sortedCases(),
		"ranges":       rangeCases(),
		"blocking":     blockingCases(),
		"random":       nil, // made by randomScripts
	}
}

// oracle tells what Redis replies, live or from the record.
type oracle struct {
	addr   string // of a live one
	known  record
	update record // what to write, where it is asked for
}

var updateRecord = flag.Bool("update", false, "record anew what redis-server replies, and docs/differences.md")

func newOracle(t *testing.T) *oracle {
	if !*updateRecord && os.Getenv("LOCKD_COMPAT_LIVE") == "" {
		known, err := loadRecord()
		if err != nil {
			t.Fatalf("%v: record it with -update, which takes a redis-server 7.0.15", err)
		}
		return &oracle{known: known}
	}
	if out, err := exec.Command("redis-server", "--version").Output(); err != nil ||
		!strings.Contains(string(out), "v=7.0.15") {
		t.Fatalf("this takes a redis-server 7.0.15: %s %v", out, err)
	}
	o := &oracle{addr: startRedis(t)}
	if *updateRecord {
		o.update = record{}
	}
	return o
}

// TestCommands sends every case to lockd and holds the replies against those of Redis. RESP2 goes in
// pipelines, where commands share log entries, RESP3 one by one, where reads ride along with others.
func TestCommands(t *testing.T) {
	o := newOracle(t)
	addr := startLockd(t)
	count, ran, all := 0, 0, 2*len(families())+1
	seen := map[string]bool{}
	for name, groups := range families() {
		for _, proto := range []int{2, 3} {
			t.Run(fmt.Sprintf("%s/RESP%d", name, proto), func(t *testing.T) {
				r := &runner{t: t, oracle: o, proto: proto, lockd: connect(t, addr, proto), seen: seen}
				if o.addr != "" {
					r.redis = connect(t, o.addr, proto)
				}
				if groups == nil {
					r.scripts(randomScripts(t))
				}
				for _, g := range groups {
					scripts, err := g.scripts()
					if err != nil {
						t.Fatal(err)
					}
					r.scripts(scripts)
				}
				count += r.count
				ran++
			})
		}
	}
	t.Run("table", func(t *testing.T) {
		r := &runner{t: t, oracle: o, proto: 3, lockd: connect(t, addr, 3)}
		if o.addr != "" {
			r.redis = connect(t, o.addr, 3)
		}
		r.table()
		ran++
	})
	t.Logf("%d commands compared", count)
	if ran < all {
		return // a part of them was asked for, or one gave up: no record, and no word on what was not shown
	}
	if o.update != nil {
		if err := o.update.save(); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range differences() {
		if d.tested && !seen[d.id] {
			t.Errorf("no case shows the difference %q any more", d.id)
		}
	}
}

// runner runs the cases of a family in one protocol.
type runner struct {
	t      *testing.T
	oracle *oracle
	proto  int
	lockd  *peer
	redis  *peer // nil where the replies are recorded
	count  int
	seen   map[string]bool // differences that showed
	failed int
}

// enough is how many failures of a family are shown.
const enough = 30

func (r *runner) scripts(list []script) {
	for _, s := range list {
		if r.failed > enough {
			r.t.Fatal("and so on")
		}
		r.script(&s)
	}
}

// tries is how often a script runs whose replies depend on time, for a machine under load may stop a process
// for longer than near allows.
const tries = 3

func (r *runner) script(s *script) {
	timed := slices.ContainsFunc(s.steps, func(step step) bool { return step.rule.kind == "near" })
	for try := 1; ; try++ {
		problems := r.try(s)
		if len(problems) > 0 && timed && try < tries {
			continue
		}
		r.count += len(s.steps)
		for _, problem := range problems {
			r.failed++
			r.t.Errorf("%s\n   at %s", s.name, problem)
		}
		return
	}
}

// try runs s and returns what is wrong.
func (r *runner) try(s *script) (problems []string) {
	got, err := r.lockd.do(s.commands(), r.proto == 2)
	if err != nil {
		r.t.Fatalf("%s: lockd: %v", s.name, err)
	}
	want, age := r.wanted(s)
	for i, step := range s.steps {
		if step.rule.kind == "differs" {
			if !slices.ContainsFunc(differences(), func(d difference) bool { return d.id == step.rule.arg }) {
				r.t.Errorf("%s: the list of differences has no %q", s.name, step.rule.arg)
			}
			r.seen[step.rule.arg] = r.seen[step.rule.arg] || want[i] != got[i]
		}
		if problem := step.rule.compare(want[i], got[i], age); problem != "" {
			problems = append(problems, fmt.Sprintf("%q\n   %s", step.words, problem))
		}
	}
	return problems
}

// wanted returns what Redis replies to s, and how long ago it did.
func (r *runner) wanted(s *script) ([]string, time.Duration) {
	key := s.key(r.proto)
	if r.redis == nil {
		known, ok := r.oracle.known[key]
		want, err := known.unquoted()
		if !ok || err != nil {
			r.t.Fatalf("%s: not recorded yet: run with -update, which takes a redis-server 7.0.15 (%v)", s.name, err)
		}
		return want, time.Since(time.UnixMilli(known.At))
	}
	want, err := r.redis.do(s.commands(), r.proto == 2)
	if err != nil {
		r.t.Fatalf("%s: redis: %v", s.name, err)
	}
	if r.oracle.update != nil {
		r.oracle.update[key] = newRecorded(want)
	}
	return want, 0
}
