// A made-up proof is written as a page, and the page is held against the numbers that went in: whoever reads
// it has nothing else to judge by.

package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// madeUp is a run with faults of some kinds and a throughput that dips while they last.
func madeUp(part string, seed uint64, span time.Duration, faults int) Run {
	rng := rand.New(rand.NewPCG(seed, 7))
	kinds := []string{"kill -9", "stop", "cut", "cut one way", "disk stall", "disk full", "torn tail", "clock step",
		"clock drift", "delay and loss", "member replaced", "leadership handed over", "snapshot"}
	r := Run{
		Part: part, Seed: seed, Nodes: 3 + 2*rng.IntN(2), Began: time.Unix(1e9, 0), Spanned: span, Took: span / 10,
		Replay: fmt.Sprintf("LOCKD_SEED=%d go test -run '^TestSchedules$' ./sim", seed), Operations: 1000 * int(seed),
		Checked: map[string]int{"exclusive": 100, "lock <model>": 900}, Faults: map[string]int{},
		Step: 100 * time.Millisecond, Recovery: time.Duration(seed) * time.Millisecond,
	}
	for range faults {
		kind := kinds[min(rng.IntN(len(kinds)), rng.IntN(len(kinds)))]
		e := Event{Kind: kind, Node: fmt.Sprint("n", 1+rng.IntN(r.Nodes)), From: time.Duration(rng.Int64N(int64(span)))}
		if kind == "cut" {
			e.Node += ">n9"
		}
		e.To = e.From
		if kind != "clock step" && kind != "snapshot" {
			e.To += time.Duration(rng.IntN(3000)) * time.Millisecond
		}
		r.Faults[kind]++
		r.Events = append(r.Events, e)
	}
	for at := time.Duration(0); at < span; at += r.Step {
		rate := 1500 + rng.IntN(300)
		for _, e := range r.Events {
			if e.From <= at && at < e.To && strings.HasPrefix(e.Kind, "kill") && at < e.From+600*time.Millisecond {
				rate = rng.IntN(40)
			}
		}
		r.Rate = append(r.Rate, rate)
	}
	return r
}

// proof is three schedules of clusters and a run of real processes, which has the given violations.
func proof(wrong ...string) *Proof {
	p := &Proof{About: About{Commit: "abc1234", Machine: "a machine", Go: "go1.26", Command: "prove", Seed: 1}}
	for seed, faults := range map[uint64]int{1: 3, 2: 5, 3: 9} {
		r := madeUp("cluster", seed, 14*time.Second, faults)
		p.Add(&r)
	}
	r := madeUp("real", 4, 90*time.Second, 40)
	r.Violations = wrong
	if len(wrong) > 0 {
		r.Page = "failures/real-4.html"
	}
	p.Add(&r)
	return p
}

// page writes the page into a new folder and returns both.
func page(t *testing.T, p *Proof) (dir, text string) {
	t.Helper()
	dir = t.TempDir()
	if err := p.WritePage(dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, PageFile))
	if err != nil {
		t.Fatal(err)
	}
	return dir, string(data)
}

func TestPageOfAProofThatHeld(t *testing.T) {
	p := proof()
	kinds := p.Sum("").Kinds
	sentence := fmt.Sprintf("4 schedules with 57 faults of %d kinds, 10,000 checked operations, no violation", kinds)
	if p.Sentence() != sentence || !p.Held() {
		t.Errorf("it says %q and held %v", p.Sentence(), p.Held())
	}
	dir, text := page(t, p)
	for _, want := range []string{
		"# The proof of lockd: no violation", sentence, "abc1234", "a machine", "go1.26",
		"| Simulated clusters | 3 | 17 |", "| Real processes | 1 | 40 |",
		"| Simulated clusters | lock <model> | 2,700 |", // what the checkers looked at
		"](cluster-2.svg)", "](cluster-3.svg)", "](real-4.svg)", // typical, most eventful, real
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(text, "went wrong") || strings.Contains(text, "cluster-1.svg") {
		t.Error("the page says too much")
	}
	for _, name := range []string{"cluster-2.svg", "cluster-3.svg", "real-4.svg"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestPageOfAViolation(t *testing.T) {
	p := proof("two clients held k1 at once", "a token\nfell")
	if p.Held() || !strings.HasSuffix(p.Sentence(), "2 VIOLATIONS") {
		t.Errorf("it says %q and held %v", p.Sentence(), p.Held())
	}
	_, text := page(t, p)
	for _, want := range []string{
		"# The proof of lockd: promises broken", "- two clients held k1 at once\n", "- a token fell\n",
		"    LOCKD_SEED=4 go test -run '^TestSchedules$' ./sim\n", "](failures/real-4.html)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestNothingIsNoProof: a proof in which nothing was checked must not look like one that held.
func TestNothingIsNoProof(t *testing.T) {
	for _, p := range []*Proof{{}, {}} {
		if p.Held() || !strings.Contains(p.Sentence(), "nothing") {
			t.Errorf("held %v, %q", p.Held(), p.Sentence())
		}
		if _, text := page(t, p); !strings.Contains(text, "nothing checked") {
			t.Error("the page of nothing does not say so")
		}
		p.Add(&Run{Part: "cluster", Faults: map[string]int{"kill": 1}}) // faults but no operations
		if p.Held() {
			t.Error("faults without operations count as a proof")
		}
	}
}

// TestSentenceTellsThePartsApart: the many commands of the state machine alone do not adorn the rest.
func TestSentenceTellsThePartsApart(t *testing.T) {
	p := &Proof{}
	alone := Run{Part: "state", Operations: 5_000_000, Faults: map[string]int{"restore": 7}}
	p.Add(&alone)
	if got := p.Sentence(); got != "5.0 M replies of the state machine alone, no violation" {
		t.Error(got)
	}
	r := Run{Part: "cluster", Operations: 10, Faults: map[string]int{"kill": 1}}
	p.Add(&r)
	want := "1 schedule with 1 fault of 1 kind, 10 checked operations, 5.0 M replies of the state machine alone, " +
		"no violation"
	if got := p.Sentence(); got != want {
		t.Error(got)
	}
}

// TestKeep: what is kept gives the same page again, and has no events of runs that are not drawn.
func TestKeep(t *testing.T) {
	p, dir := proof("wrong"), t.TempDir()
	lines := filepath.Join(dir, "lines")
	file, err := os.Create(lines)
	if err != nil {
		t.Fatal(err)
	}
	for seed, faults := range map[uint64]int{1: 3, 2: 5, 3: 9} {
		r := madeUp("cluster", seed, 14*time.Second, faults)
		_ = r.Write(file)
	}
	r := madeUp("real", 4, 90*time.Second, 40)
	r.Violations, r.Page = []string{"wrong"}, "failures/real-4.html"
	_ = r.Write(file)
	_, _ = io.WriteString(file, `{"part":"real","se`) // of a writer that was killed
	file.Close()
	if err = p.Keep(dir, lines); err != nil {
		t.Fatal(err)
	}
	again, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, before := page(t, p)
	if _, after := page(t, again); before != after {
		t.Errorf("the page was\n%s\nand is\n%s", before, after)
	}
	if n := len(again.parts["cluster"].drawn); n != 2 {
		t.Errorf("%d runs of clusters still have events, not 2", n)
	}
}

// TestTimeline parses the picture: it has each fault as a bar, each kind as a lane, and stays in its frame.
func TestTimeline(t *testing.T) {
	for _, faults := range []int{0, 1, 30, 700} {
		r := madeUp("real", 11, 5*time.Minute, faults)
		r.Events = append(r.Events, Event{Kind: `odd <&"> kind`, Node: "a&b", From: time.Hour, To: time.Hour})
		var b bytes.Buffer
		if err := Timeline(&b, &r, `a "title" & more`); err != nil {
			t.Fatal(err)
		}
		bars, text := 0, ""
		for d := xml.NewDecoder(&b); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch e := token.(type) {
			case xml.StartElement:
				var x, width float64
				for _, a := range e.Attr {
					switch a.Name.Local {
					case "x":
						_, _ = fmt.Sscan(a.Value, &x)
					case "width":
						_, _ = fmt.Sscan(a.Value, &width)
					case "fill-opacity":
						if a.Value == "0.9" {
							bars++
						}
					}
				}
				if x < 0 || x+width > wide {
					t.Errorf("%v is outside", e)
				}
			case xml.CharData:
				text += string(e)
			}
		}
		if bars != faults+1 {
			t.Errorf("%d bars of %d faults", bars, faults+1)
		}
		for kind := range r.Faults {
			if !strings.Contains(text, shorten(kind, mostLetters)) {
				t.Errorf("no lane %q", kind)
			}
		}
	}
}

// TestPoints: a stall is seen in the picture of an hour.
func TestPoints(t *testing.T) {
	rate := make([]int, 36000)
	for i := range rate {
		rate[i] = 100
	}
	rate[20000] = 0
	all := points(rate, 100*time.Millisecond)
	stalls := 0
	for _, p := range all {
		if p.low == 0 {
			stalls++
		}
		if p.top != 1000 || p.mean < 900 || p.mean > 1000 {
			t.Fatalf("%+v", p)
		}
	}
	if len(all) > mostPoints || stalls != 1 {
		t.Errorf("%d points, %d with the stall", len(all), stalls)
	}
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(1000): "1,000", Count(14900): "14,900", Count(-1234567): "-1,234,567",
		Count(-123): "-123", Short(999_999): "999,999", Short(5_399_999): "5.3 M", Short(1_250_000_000): "1,250.0 M",
		Span(0): "0 ms", Span(310 * time.Millisecond): "310 ms", Span(12440 * time.Millisecond): "12.4 s",
		Span(200 * time.Second): "3 min 20 s", Span(125 * time.Minute): "2 h 05 min", Span(time.Microsecond): "under 1 ms",
		fmt.Sprint(niceStep(1700, 4)): "500", fmt.Sprint(timeStep(time.Minute, 14)): "5s",
		fmt.Sprint(timeStep(20*time.Hour, 14)): "2h0m0s", mark(90*time.Second, 30*time.Second): "90 s",
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// TestJoin: runs of real processes are one picture, in the order of time.
func TestJoin(t *testing.T) {
	run := func(began int, kind string) Run {
		return Run{
			Part: "real", Seed: uint64(began), Began: time.Unix(int64(began), 0), Nodes: began, Operations: 10,
			Spanned: 3 * time.Second, Step: time.Second, Rate: []int{began, began, began, began}, // a moment too long
			Events: []Event{{Kind: kind, From: time.Second, To: 2 * time.Second}}, Violations: []string{kind},
		}
	}
	all := join([]Run{run(5, "late"), run(3, "early")})
	if all.Seed != 3 || all.Nodes != 5 || all.Operations != 20 || all.Spanned != 8*time.Second {
		t.Errorf("%+v", all)
	}
	if got := fmt.Sprint(all.Rate, all.Violations); got != "[3 3 3 3 5 5 5 5] [early late]" {
		t.Error(got)
	}
	want := []Event{{"early", "", time.Second, 2 * time.Second}, {"late", "", 5 * time.Second, 6 * time.Second}}
	if fmt.Sprint(all.Events) != fmt.Sprint(want) {
		t.Error(all.Events)
	}
}
