// The judge against histories of the toy server: none that is right is blamed, and each flaw is found by the
// check that is made for it.

package history

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// usual is a world with enough going on for every flaw to show.
var usual = tuning{clients: 12, locks: 3, counters: 2, ops: 3000, lost: 40}

// TestRightHistories finds nothing wrong, also where much is lost and where keys are long enough to be cut.
func TestRightHistories(t *testing.T) {
	for seed := range uint64(36) {
		tune := usual
		tune.lost = []int{10, 40, 1000}[seed%3]
		tune.locks = []int{1, 3, 20}[seed/3%3]
		v := Judge(play(seed, "", tune), Options{})
		if len(v.Violations) > 0 || v.Inconclusive > 0 {
			t.Errorf("seed %d: %d keys inconclusive, %d violations:\n%s", seed, v.Inconclusive,
				len(v.Violations), strings.Join(v.Violations[:min(3, len(v.Violations))], "\n"))
		}
		for _, check := range []string{"linearizable", "intervals", "tokens", "counters", "fair"} {
			if v.Checked[check] == 0 {
				t.Errorf("seed %d: nothing was checked for %s", seed, check)
			}
		}
	}
}

// flaws are what the toy can do wrong, and words of what must be found.
var flaws = []struct{ flaw, found string }{
	{"double count", "counted twice"},
	{"lost count", "given twice"},
	{"stale count", "stale"},
	{"token again", "given twice"},
	{"token of an old backup", "given twice"},
	{"early end", "early end"},
	{"lost renewal", "early end"},
	{"taken while held", "two holders"},
	{"taken, but turned away", "no order of the operations on lock"},
	{"turned away early", "before its time"},
	{"last in, first out", "out of turn"},
	{"stale look", "after its release"},
	{"lost release", "after its release"},
}

func TestFlawsAreFound(t *testing.T) {
	for _, c := range flaws {
		for seed := range uint64(3) {
			tune := usual
			if c.flaw == "taken, but turned away" {
				tune.lost = 1e9 // once something was lost, a lock may be held by somebody who does not know it
			}
			v := Judge(play(seed, c.flaw, tune), Options{})
			if !slices.ContainsFunc(v.Violations, func(f string) bool { return strings.Contains(f, c.found) }) {
				t.Errorf("%s, seed %d: nothing says %q: %s", c.flaw, seed, c.found, strings.Join(v.Violations, "\n\t"))
			}
		}
	}
}

func TestPage(t *testing.T) {
	ops := play(7, "early end", usual)
	v := Judge(ops, Options{})
	path := filepath.Join(t.TempDir(), "page.html")
	if err := WritePage(path, ops, v.Worst, Options{}); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"held by o", "LOCK " + v.Worst} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page of %s shows no %q", v.Worst, want)
		}
	}
	if err := WritePage(path, ops, "nothing", Options{}); err == nil {
		t.Error("a page of a key that is not there")
	}
}

// cpu is the processor time that this process has used, which a busy machine does not stretch.
func cpu() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkJudge tells what an operation costs to judge; the history is made beforehand.
func BenchmarkJudge(b *testing.B) {
	for _, locks := range []int{8, 500} {
		ops := play(1, "", tuning{clients: 32, locks: locks, counters: 3, ops: 200_000, lost: 1000})
		b.Run(fmt.Sprintf("locks=%d", locks), func(b *testing.B) {
			began := cpu()
			for b.Loop() {
				if v := Judge(ops, Options{}); len(v.Violations) > 0 || v.Inconclusive > 0 {
					b.Fatalf("%d inconclusive, %v", v.Inconclusive, v.Violations)
				}
			}
			b.ReportMetric(float64((cpu()-began).Microseconds())/float64(b.N*len(ops)), "cpu-us/op")
		})
	}
}
