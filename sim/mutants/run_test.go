//go:build mutants

// Building and running the mutants.

package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/divtxt/lockd/sim/report"
)

// check is a test that takes seeds and writes what it finds as lines of report.Run.
type check struct {
	pkg, test string
	env       []string
	seeds     int // for each start of the test
}

func (m *mutant) checked() check {
	if m.check == "state" {
		return check{"./sim/state", "^TestState$", []string{"LOCKD_COMMANDS=50000"}, 1}
	}
	return check{"./sim", "^TestSchedules$", nil, 8}
}

// verdict is what came of a mutant.
type verdict struct {
	*mutant
	caught     bool
	by         string // the first thing that was wrong
	seed       uint64 // from which it was
	seeds      int    // more than one where it is not known which
	runs       int    // schedules, or histories of a state
	operations int
	took       time.Duration
}

// healthy is for how long the program without a mistake is held against each check: it must pass.
const healthy = 45 * time.Second

// TestMutants runs them, as many at a time as -parallel says.
func TestMutants(t *testing.T) {
	list, err := all()
	if err != nil {
		t.Fatal(err)
	}
	clean := map[string]string{}
	for _, name := range []string{"schedules", "state"} {
		m := mutant{name: "none-" + name, breaks: "nothing", check: name, within: healthy}
		clean[name] = m.build(t)
		list = append(list, m)
	}
	var mu sync.Mutex
	var verdicts []verdict
	t.Run("each", func(t *testing.T) {
		for _, m := range list {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				v := m.run(t, clean[m.check])
				mu.Lock()
				defer mu.Unlock()
				verdicts = append(verdicts, v)
			})
		}
	})
	text := table(verdicts)
	t.Log("\n" + text)
	if name := os.Getenv("LOCKD_MUTANTS"); name != "" {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// build makes the check's test with the mutant in it, and returns the program.
func (m *mutant) build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	overlay, err := m.overlay(root(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "check.test")
	build := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", program, m.checked().pkg)
	build.Dir = root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("it does not compile: %v\n%s", err, out)
	}
	return program
}

// overlay writes what go build -overlay takes into dir, and returns the name of its list.
func (m *mutant) overlay(root, dir string) (string, error) {
	changed, err := m.mutated(root)
	if err != nil {
		return "", err
	}
	var list struct{ Replace map[string]string }
	list.Replace = map[string]string{}
	for path, text := range changed {
		copied := filepath.Join(dir, strings.ReplaceAll(path, "/", "-"))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			return "", err
		}
		list.Replace[filepath.Join(root, filepath.FromSlash(path))] = copied
	}
	b, err := json.Marshal(list)
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, b, 0o600)
}

// run lets a mutant's check look at it until it is caught, or its time is over. What caught it must not happen
// to clean, the program without a mistake: a check that cries at anything proves as little as one that sleeps.
func (m *mutant) run(t *testing.T, clean string) verdict {
	c, mistaken := m.checked(), len(m.edits) > 0
	program := clean
	if mistaken {
		program = m.build(t)
	}
	v := verdict{mutant: m}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), m.within)
	defer cancel()
	for seed := 1; ctx.Err() == nil && !v.caught; seed += c.seeds {
		v.look(ctx, t, program, uint64(seed), c.seeds)
	}
	v.took = time.Since(begun)
	switch {
	case v.caught && !mistaken:
		t.Errorf("a false alarm from seed %d: %s", v.seed, v.by)
	case !v.caught && mistaken:
		t.Errorf("not caught in %v, by %d runs of %d operations", m.within, v.runs, v.operations)
	case v.runs == 0:
		t.Errorf("no run ended in %v", m.within)
	case v.caught:
		again := verdict{mutant: m}
		again.look(t.Context(), t, clean, v.seed, v.seeds)
		if again.caught {
			t.Errorf("seed %d, which caught it (%s), fails without it too: %s", v.seed, v.by, again.by)
		}
	}
	return v
}

// look runs the check once, and notes what it found.
func (v *verdict) look(ctx context.Context, t *testing.T, program string, seed uint64, seeds int) {
	c, lines := v.checked(), filepath.Join(t.TempDir(), "runs")
	test := exec.CommandContext(ctx, program, "-test.run", c.test, "-test.failfast")
	test.Dir = filepath.Join(root(t), c.pkg)
	test.Env = append(os.Environ(), fmt.Sprint("LOCKD_SEED=", seed), fmt.Sprint("LOCKD_SEEDS=", seeds),
		"LOCKD_RUNS="+lines)
	test.Env = append(test.Env, c.env...)
	var out bytes.Buffer
	test.Stdout, test.Stderr = &out, &out
	err := test.Run()
	if file, none := os.Open(lines); none == nil {
		defer file.Close()
		v.read(t, file)
	}
	var exit *exec.ExitError
	if v.caught || err == nil || ctx.Err() != nil {
		return
	}
	if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	// It ended in another way than by what the check found: a panic, a deadlock.
	v.caught, v.by, v.seed, v.seeds = true, ending(out.String()), seed, seeds
}

// read takes in what the runs found.
func (v *verdict) read(t *testing.T, file *os.File) {
	runs, err := report.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		v.runs++
		v.operations += r.Operations
		if len(r.Violations) > 0 && !v.caught {
			v.caught, v.by, v.seed, v.seeds = true, r.Violations[0], r.Seed, 1
		}
	}
}

// ending is the line of a test's output that says most.
func ending(out string) string {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(out)
}

// table is what came of all, as Markdown.
func table(all []verdict) string {
	slices.SortFunc(all, func(a, b verdict) int { return strings.Compare(a.check+a.name, b.check+b.name) })
	var b strings.Builder
	fmt.Fprintln(&b, "| mutant | what it breaks | check | caught by | seed | runs | operations | seconds |")
	fmt.Fprintln(&b, "|---|---|---|---|---:|---:|---:|---:|")
	for _, v := range all {
		by, seed := "**not caught**", ""
		if v.caught {
			seed = fmt.Sprint(v.seed)
			by = strings.ReplaceAll(short(v.by), "|", "\\|")
		} else if len(v.edits) == 0 {
			by = "nothing, as it must be"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %d | %d | %.1f |\n", v.name, v.breaks, v.check, by, seed, v.runs,
			v.operations, v.took.Seconds())
	}
	return b.String()
}

// short is the beginning of the first line.
func short(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	const most = 160
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
