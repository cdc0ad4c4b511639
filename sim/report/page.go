// The page: first the verdict in one sentence, then what it rests on, so that somebody who has never seen the
// project can judge how much to believe.

package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// PageFile is the name of the page in its folder; its pictures lie beside it.
const PageFile = "report.md"

const mostFailures = 50 // that the page lists; the file of runs has all

// WritePage writes the page and its pictures into a folder that exists.
func (p *Proof) WritePage(dir string) error {
	var pictures []picture
	for _, r := range p.pictured() {
		var drawing bytes.Buffer
		pic := p.picture(&r)
		if err := Timeline(&drawing, &r, pic.title); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, pic.file), drawing.Bytes(), 0o644); err != nil {
			return err
		}
		pictures = append(pictures, pic)
	}
	var page bytes.Buffer
	p.write(&page, pictures)
	return os.WriteFile(filepath.Join(dir, PageFile), page.Bytes(), 0o644)
}

// picture is a run that is drawn, and how the page speaks of it.
type picture struct{ file, title, replay string }

func (p *Proof) picture(r *Run) picture {
	t := p.parts[r.Part]
	title := fmt.Sprintf("%s, a typical run", partName(r.Part))
	if eventful, _ := t.eventful(); eventful.Seed == r.Seed {
		title = fmt.Sprintf("%s, the run with the most faults", partName(r.Part))
	}
	if r.Part == "real" || t.runs == 1 {
		title = partName(r.Part)
	}
	return picture{fmt.Sprintf("%s-%d.svg", r.Part, r.Seed), title, r.Replay}
}

// partName is what people call a part.
func partName(part string) string {
	switch part {
	case "state":
		return "State machine"
	case "cluster":
		return "Simulated clusters"
	case "real":
		return "Real processes"
	}
	return part
}

// Sentence is the verdict: what was done in numbers, and what came of it. The state machine alone is counted
// for itself: it costs little to put millions of commands through it, and what befalls it are no faults of
// machines.
func (p *Proof) Sentence() string {
	s := p.Sum("")
	if s.Runs == 0 || s.Operations == 0 {
		return "nothing was checked, so nothing is shown"
	}
	var said []string
	if c := p.Clusters(); c.Runs > 0 {
		schedules, faults := Of(c.Runs, "schedule", "schedules"), Of(c.Faults, "fault", "faults")
		said = append(said, fmt.Sprintf("%s with %s of %s, %s checked operations", schedules, faults,
			Of(c.Kinds, "kind", "kinds"), Short(c.Operations)))
	}
	if alone := p.Sum("state"); alone.Runs > 0 {
		said = append(said, Short(alone.Operations)+" replies of the state machine alone")
	}
	return strings.Join(append(said, violations(s.Violations)), ", ")
}

func violations(n int) string {
	if n == 0 {
		return "no violation"
	}
	return Of(n, "VIOLATION", "VIOLATIONS")
}

// Held tells whether something was checked and nothing was found.
func (p *Proof) Held() bool {
	s := p.Sum("")
	return s.Operations > 0 && s.Violations == 0
}

func (p *Proof) write(w io.Writer, pictures []picture) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	title := "no violation"
	if !p.Held() {
		title = "promises broken"
		if len(p.bad) == 0 {
			title = "nothing checked"
		}
	}
	say("# The proof of lockd: %s\n\n**%s.**\n\n", title, strings.ToUpper(p.Sentence()[:1])+p.Sentence()[1:])
	if p.About.Interrupted {
		say("It was stopped before it had done all that it was asked for: " +
			"this page tells of what was done until then.\n\n")
	}
	if p.About.LeftOut != "" {
		say("%s\n\n", p.About.LeftOut)
	}
	p.failures(say)
	p.summary(say)
	say("%s\n", strangers)
	for _, pic := range pictures {
		say("## %s\n\n![%s: throughput, and each fault in the lane of its kind](%s)\n\n",
			pic.title, pic.title, pic.file)
		if pic.replay != "" {
			say("The same faults again:\n\n    %s\n\n", pic.replay)
		}
	}
	p.faultTable(say)
	p.checkTable(say)
	p.slowest(say)
	p.about(say)
}

// say writes to the page.
type say func(format string, args ...any)

// failures lists what was found, each with the way to see it again.
func (p *Proof) failures(say say) {
	if len(p.bad) == 0 {
		return
	}
	say("## What went wrong\n\n")
	for i := range p.bad {
		if i == mostFailures {
			say("And %s more; the file of runs has them all.\n\n", Of(len(p.bad)-i, "run", "runs"))
			break
		}
		r := &p.bad[i]
		say("### %s, seed %d\n\n", partName(r.Part), r.Seed)
		for _, v := range r.Violations {
			say("- %s\n", strings.Join(strings.Fields(v), " "))
		}
		say("\nTo see it again:\n\n    %s\n\n", r.Replay)
		if r.Page != "" {
			say("[What led to it](%s)\n\n", filepath.ToSlash(r.Page))
		}
	}
}

// summary is the table of the parts.
func (p *Proof) summary(say say) {
	say("| part | runs | faults | kinds | checked operations | time of the nodes | time it took " +
		"| slowest recovery | violations |\n")
	say("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, part := range p.Parts() {
		s, t := p.Sum(part), p.parts[part]
		recovery := "–"
		if t.slowest.Recovery > 0 {
			recovery = Span(t.slowest.Recovery)
		}
		say("| %s | %s | %s | %d | %s | %s | %s | %s | %d |\n", partName(part), Count(s.Runs), Count(s.Faults),
			s.Kinds, Count(s.Operations), Span(t.spanned), Span(t.took), recovery, s.Violations)
	}
	say("\n\"Time of the nodes\" is virtual for simulated clusters, whose clocks run as fast as the machine " +
		"can follow. \"Time it took\" adds up what ran side by side.\n\n")
}

// faultTable tells how many faults of each kind there were in each part.
func (p *Proof) faultTable(say say) {
	parts, kinds := p.Parts(), map[string]int{}
	for _, part := range parts {
		for kind, n := range p.parts[part].faults {
			kinds[kind] += n
		}
	}
	parts = slices.DeleteFunc(parts, func(part string) bool { return len(p.parts[part].faults) == 0 })
	if len(kinds) == 0 {
		return
	}
	say("## Faults by kind\n\n| kind |")
	for _, part := range parts {
		say(" %s |", strings.ToLower(partName(part)))
	}
	say("\n|---|%s\n", strings.Repeat("---:|", len(parts)))
	for _, kind := range sortedByNumber(kinds) {
		say("| %s |", kind)
		for _, part := range parts {
			if n := p.parts[part].faults[kind]; n > 0 {
				say(" %s |", Count(n))
			} else {
				say(" |")
			}
		}
		say("\n")
	}
	say("\n")
}

// checkTable tells what each checker looked at: one that saw nothing has shown nothing.
func (p *Proof) checkTable(say say) {
	say("## What each checker looked at\n\n| part | checker | looked at |\n|---|---|---:|\n")
	for _, part := range p.Parts() {
		for _, name := range sortedByNumber(p.parts[part].checked) {
			say("| %s | %s | %s |\n", partName(part), name, Count(p.parts[part].checked[name]))
		}
	}
	say("\n")
}

// slowest names the runs that took longest to recover, and what kinds of runs there were.
func (p *Proof) slowest(say say) {
	say("## Runs\n\n| part | nodes | what is special | runs |\n|---|---|---|---:|\n")
	for _, part := range p.Parts() {
		t := p.parts[part]
		var nodes []string
		for _, n := range slices.Sorted(maps.Keys(t.nodes)) {
			nodes = append(nodes, fmt.Sprint(n))
		}
		settings := sortedByNumber(t.settings)
		for i, setting := range settings {
			if i == 12 {
				say("| %s | %s | %s |\n", partName(part), strings.Join(nodes, " or "),
					fmt.Sprintf("%d other settings | %s", len(settings)-i, Count(others(t.settings, settings[i:]))))
				break
			}
			say("| %s | %s | %s | %s |\n", partName(part), strings.Join(nodes, " or "), cmp.Or(setting, "–"),
				Count(t.settings[setting]))
		}
	}
	say("\n")
	for _, part := range p.Parts() {
		if r := p.parts[part].slowest; r.Recovery > 0 {
			say("%s: the slowest recovery, from the end of the last fault to serving again on every node, took %s, "+
				"in seed %d:\n\n    %s\n\n", partName(part), Span(r.Recovery), r.Seed, r.Replay)
		}
	}
}

func others(numbers map[string]int, names []string) int {
	n := 0
	for _, name := range names {
		n += numbers[name]
	}
	return n
}

func (p *Proof) about(say say) {
	a := &p.About
	say("## Where and how\n\n| | |\n|---|---|\n")
	for _, row := range [][2]string{
		{"commit", a.Commit}, {"command", "`" + a.Command + "`"}, {"first seed", fmt.Sprint(a.Seed)},
		{"machine", a.Machine}, {"Go", a.Go}, {"began", a.Began.UTC().Format(time.RFC3339)}, {"took", Span(a.Took)},
	} {
		say("| %s | %s |\n", row[0], row[1])
	}
	say("\nEvery run is a line of JSON in `%s` beside this page, with its seed and the command that repeats "+
		"it. A seed repeats the schedule and the clients' inputs; in clusters goroutines still run in the order "+
		"they like, so a rare failure may need several tries.\n", RunsFile)
}

func sortedByNumber(numbers map[string]int) []string {
	return slices.SortedFunc(maps.Keys(numbers), func(a, b string) int {
		return cmp.Or(cmp.Compare(numbers[b], numbers[a]), cmp.Compare(a, b))
	})
}
