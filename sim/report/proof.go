// Adding runs up. A soak has tens of thousands of runs, so what comes in is counted and let go; only the few
// runs that the page draws or must explain are kept.

package report

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// About is what the runs of a proof have in common.
type About struct {
	Commit      string        `json:"commit"`      // with a word when there were changes on top of it
	Machine     string        `json:"machine"`     // processor, number of them, memory, kernel
	Go          string        `json:"go"`          // the version that built it
	Command     string        `json:"command"`     // that was typed
	Seed        uint64        `json:"seed"`        // the first; others follow it
	Began       time.Time     `json:"began"`       // of the real clock
	Took        time.Duration `json:"took"`        // nanoseconds of the real clock
	Interrupted bool          `json:"interrupted"` // it was stopped before it had done all that it was to do
	LeftOut     string        `json:"left_out"`    // what could not be done here, and why; a sentence
}

// Proof is the sum of all runs of all parts.
type Proof struct {
	About About
	parts map[string]*tally
	bad   []Run
}

// tally is the sum of the runs of one part.
type tally struct {
	runs, operations int
	took, spanned    time.Duration
	checked, faults  map[string]int
	settings         map[string]int // runs of each
	nodes            map[int]int    // runs of each number of them
	sizes            map[int]int    // runs with so many faults
	drawn            map[int]Run    // one whose events are known, by its number of faults
	slowest          Run            // the one with the longest recovery
	whole            []Run          // all of them, where they are few and long: those of real processes
}

// Add counts a run.
func (p *Proof) Add(r *Run) {
	if p.parts == nil {
		p.parts = map[string]*tally{}
	}
	t := p.parts[r.Part]
	if t == nil {
		t = &tally{checked: map[string]int{}, faults: map[string]int{}, settings: map[string]int{},
			nodes: map[int]int{}, sizes: map[int]int{}, drawn: map[int]Run{}}
		p.parts[r.Part] = t
	}
	t.add(r)
	if len(r.Violations) > 0 {
		p.bad = append(p.bad, *r)
	}
}

func (t *tally) add(r *Run) {
	t.runs++
	t.operations += r.Operations
	t.took += r.Took
	t.spanned += r.Spanned
	t.settings[r.Setting]++
	t.nodes[r.Nodes]++
	for name, n := range r.Checked {
		t.checked[name] += n
	}
	for kind, n := range r.Faults {
		t.faults[kind] += n
	}
	size := total(r.Faults)
	t.sizes[size]++
	if t.runs == 1 || r.Recovery > t.slowest.Recovery {
		t.slowest = *r
		t.slowest.Events, t.slowest.Rate = nil, nil
	}
	if len(r.Events) == 0 {
		return
	}
	if _, have := t.drawn[size]; !have {
		t.drawn[size] = *r
	}
	if r.Part == "real" {
		t.whole = append(t.whole, *r)
	}
}

// typical is a run with as many faults as the middle one of all has, or as near to it as there is one that
// can be drawn.
func (t *tally) typical() (Run, bool) {
	middle, below := 0, 0
	for _, size := range slices.Sorted(maps.Keys(t.sizes)) {
		if below += t.sizes[size]; 2*below >= t.runs {
			middle = size
			break
		}
	}
	return t.nearest(middle)
}

// eventful is the run with the most faults.
func (t *tally) eventful() (Run, bool) {
	if len(t.sizes) == 0 {
		return Run{}, false
	}
	return t.nearest(slices.Max(slices.Collect(maps.Keys(t.sizes))))
}

func (t *tally) nearest(size int) (Run, bool) {
	best, found := 0, false
	for _, have := range slices.Sorted(maps.Keys(t.drawn)) {
		if !found || distance(have, size) < distance(best, size) {
			best, found = have, true
		}
	}
	return t.drawn[best], found
}

func distance(a, b int) int { return max(a-b, b-a) }

// pictured are the runs that the page shows: those of real processes as if they were one, of schedules in
// virtual time a typical and the most eventful one.
func (p *Proof) pictured() []Run {
	var runs []Run
	for _, r := range p.Drawn() {
		if r.Part != "real" {
			runs = append(runs, r)
		}
	}
	if t := p.parts["real"]; t != nil && len(t.whole) > 0 {
		runs = append(runs, join(t.whole))
	}
	return runs
}

// join makes one run of several: one after the other as they began, without the time between them.
func join(runs []Run) Run {
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b Run) int { return a.Began.Compare(b.Began) })
	all := runs[0]
	all.Spanned, all.Took, all.Operations, all.Events, all.Rate = 0, 0, 0, nil, nil
	for i := range runs {
		r := &runs[i]
		for _, e := range r.Events {
			e.From, e.To = e.From+all.Spanned, e.To+all.Spanned
			all.Events = append(all.Events, e)
		}
		if all.Step > 0 && r.Step == all.Step {
			before := int(all.Spanned / all.Step)
			for len(all.Rate) < before {
				all.Rate = append(all.Rate, 0)
			}
			all.Rate = append(all.Rate[:before], r.Rate...)
		}
		all.Spanned += max(r.Spanned, time.Duration(len(r.Rate))*r.Step)
		all.Took += r.Took
		all.Operations += r.Operations
		all.Nodes = max(all.Nodes, r.Nodes)
		if i > 0 {
			all.Violations = append(slices.Clone(all.Violations), r.Violations...)
		}
	}
	return all
}

// Drawn are the runs whose events the page draws; those of all others may be forgotten.
func (p *Proof) Drawn() []Run {
	var runs []Run
	for _, part := range p.Parts() {
		t := p.parts[part]
		if part == "real" {
			runs = append(runs, t.whole...)
			continue
		}
		typical, some := t.typical()
		if eventful, _ := t.eventful(); some {
			runs = append(runs, typical)
			if eventful.Seed != typical.Seed {
				runs = append(runs, eventful)
			}
		}
	}
	return runs
}

// Parts are the names of the parts that ran: the known ones in the order in which they build on each other,
// then others.
func (p *Proof) Parts() []string {
	place := func(part string) int {
		if i := slices.Index(order, part); i >= 0 {
			return i
		}
		return len(order)
	}
	return slices.SortedFunc(maps.Keys(p.parts), func(a, b string) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
	})
}

// order is that of the known parts; it is not changed.
var order = []string{"state", "cluster", "real"}

// Sum is what has been counted in one part, or with an empty name in all.
type Sum struct {
	Runs, Operations, Faults, Kinds, Violations int
}

// Sum returns the numbers of a part, or of all for an empty name.
func (p *Proof) Sum(part string) Sum {
	return p.sum(func(name string) bool { return part == "" || part == name })
}

// Clusters returns the numbers of whole clusters: all but those of the state machine alone.
func (p *Proof) Clusters() Sum { return p.sum(func(name string) bool { return name != "state" }) }

func (p *Proof) sum(wanted func(part string) bool) Sum {
	var s Sum
	kinds := map[string]bool{}
	for name, t := range p.parts {
		if !wanted(name) {
			continue
		}
		s.Runs += t.runs
		s.Operations += t.operations
		s.Faults += total(t.faults)
		for kind := range t.faults {
			kinds[kind] = true
		}
	}
	for i := range p.bad {
		if wanted(p.bad[i].Part) {
			s.Violations += len(p.bad[i].Violations)
		}
	}
	s.Kinds = len(kinds)
	return s
}

// Bad are the runs with violations, in the order in which they were added.
func (p *Proof) Bad() []Run { return p.bad }

// total adds the numbers of a table up.
func total(numbers map[string]int) int {
	n := 0
	for _, v := range numbers {
		n += v
	}
	return n
}
