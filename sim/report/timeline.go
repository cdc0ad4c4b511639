// The picture of one run: how many operations were answered over its time, and below, on the same axis, each
// fault as a bar in the lane of its kind. It is SVG written by hand, which a browser and a code host show
// without any program, with a background of its own so that it reads the same on dark pages.

package report

import (
	"bufio"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Sizes in pixels of a picture that is 1000 wide.
const (
	wide       = 1000
	left       = 262 // of the plot; the names of kinds stand before it
	right      = 964
	rateTop    = 92
	rateHeight = 130
	laneTop    = rateTop + rateHeight + 22
	rowHeight  = 13
	laneGap    = 5
	mostRows   = 3 // of bars above each other in one lane
	letter     = 6.1
	// mostLetters of a kind stand before its lane.
	mostLetters = 37
	// mostShades is how many faults can be marked behind the throughput before all of it is marked.
	mostShades = 60
)

// colours of nodes, which people who see fewer colours can tell apart too; the last is for several at once.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#b3559a", "#b88700", "#3d9bd1", "#6b4fa0", "#7a828c"}

// timeline is a picture that is being drawn.
type timeline struct {
	*bufio.Writer
	run    *Run
	span   time.Duration
	colour map[string]string
	nodes  []string // that have a colour of their own
	mixed  bool     // some bars are not of one node
	lanes  []lane
}

// lane is the faults of one kind, in rows such that bars of one row do not cover each other.
type lane struct {
	kind string
	rows [][]Event
}

// Timeline writes the picture of a run.
func Timeline(w io.Writer, r *Run, title string) error {
	t := &timeline{Writer: bufio.NewWriter(w), run: r}
	t.span = max(r.Spanned, time.Duration(len(r.Rate))*r.Step, time.Second)
	for _, e := range r.Events {
		t.span = max(t.span, e.To)
	}
	t.paint()
	rows := 0
	for _, kind := range kindsByNumber(r.Events) {
		l := t.lane(kind)
		rows += len(l.rows)
		t.lanes = append(t.lanes, l)
	}
	height := laneTop + rows*rowHeight + len(t.lanes)*laneGap + 40
	t.begin(height, title)
	t.shade()
	t.rate()
	t.bars()
	t.axis(height - 30)
	t.put("</svg>\n")
	return t.Flush()
}

func (t *timeline) put(format string, args ...any) { _, _ = fmt.Fprintf(t, format, args...) }

// x is where a moment is.
func (t *timeline) x(d time.Duration) float64 {
	return left + (right-left)*float64(min(max(d, 0), t.span))/float64(t.span)
}

// kindsByNumber are the kinds of faults, those that happened most first.
func kindsByNumber(events []Event) []string {
	number := map[string]int{}
	for _, e := range events {
		number[e.Kind]++
	}
	return slices.SortedFunc(maps.Keys(number), func(a, b string) int {
		return cmp.Or(cmp.Compare(number[b], number[a]), cmp.Compare(a, b))
	})
}

// paint gives each node a colour. Names that are no single word, such as "n1>n2", share one.
func (t *timeline) paint() {
	names := map[string]bool{}
	for _, e := range t.run.Events {
		names[e.Node] = true
	}
	single := func(name string) bool {
		odd := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
		return name != "" && name != "all" && strings.IndexFunc(name, odd) < 0
	}
	t.colour = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if single(name) && len(t.nodes) < len(colours)-1 {
			t.colour[name] = colours[len(t.nodes)]
			t.nodes = append(t.nodes, name)
			continue
		}
		t.colour[name] = colours[len(colours)-1]
		t.mixed = true
	}
}

// lane puts the bars of a kind into rows: each into the first row that is free there, and where all are
// taken, as in a long run whose bars are narrow, into the row that is free soonest.
func (t *timeline) lane(kind string) lane {
	events := slices.Clone(t.run.Events)
	events = slices.DeleteFunc(events, func(e Event) bool { return e.Kind != kind })
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.From, b.From) })
	l := lane{kind: kind}
	var ends []float64
	for _, e := range events {
		row := 0
		for i := range ends {
			if ends[i] < ends[row] {
				row = i
			}
		}
		if first := slices.IndexFunc(ends, func(end float64) bool { return end <= t.x(e.From) }); first >= 0 {
			row = first
		} else if len(ends) < mostRows {
			row = len(ends)
			ends, l.rows = append(ends, 0), append(l.rows, nil)
		}
		ends[row] = t.x(e.From) + t.width(&e)
		l.rows[row] = append(l.rows[row], e)
	}
	return l
}

// width of a bar: what has no duration is seen too.
func (t *timeline) width(e *Event) float64 { return max(t.x(e.To)-t.x(e.From), 3) }

func (t *timeline) begin(height int, title string) {
	t.put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" `+
		`font-family="system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif" font-size="12" `+
		`role="img">`+"\n", wide, height, wide, height)
	t.put("<title>%s</title>\n", escape(title))
	t.put(`<rect x="0.5" y="0.5" width="%d" height="%d" rx="6" fill="#fcfcfd" stroke="#d0d7de"/>`+"\n",
		wide-1, height-1)
	t.put(`<text x="20" y="30" font-size="17" font-weight="600" fill="#1f2328">%s</text>`+"\n", escape(title))
	t.put(`<text x="20" y="51" fill="#59636e">%s</text>`+"\n", escape(t.caption()))
	at := float64(left)
	names := slices.Clone(t.nodes)
	if t.mixed {
		names = append(names, "links, or several nodes")
	}
	for i, name := range names {
		colour := colours[len(colours)-1]
		if i < len(t.nodes) {
			colour = t.colour[name]
		}
		t.put(`<rect x="%.1f" y="62" width="11" height="11" rx="2" fill="%s"/>`, at, colour)
		t.put(`<text x="%.1f" y="72" fill="#1f2328">%s</text>`+"\n", at+16, escape(name))
		at += 36 + letter*float64(len(name))
	}
}

// caption is the line below the title.
func (t *timeline) caption() string {
	r := t.run
	text := fmt.Sprintf("from seed %d: %s of %s, %s on %s in %s", r.Seed, Of(len(r.Events), "fault", "faults"),
		Of(len(kindsByNumber(r.Events)), "kind", "kinds"), Of(r.Operations, "operation", "operations"),
		Of(r.Nodes, "node", "nodes"), Span(r.Spanned))
	if r.Spanned > 2*r.Took && r.Took > 0 {
		text += fmt.Sprintf(" of virtual time (%s of real time)", Span(r.Took))
	}
	if len(r.Violations) > 0 {
		return text + ": a promise was broken"
	}
	return text + ": no violation"
}

// shade marks behind the throughput when any fault was going on, so that the eye finds what a dip belongs to.
func (t *timeline) shade() {
	if len(t.run.Events) > mostShades {
		return
	}
	events := slices.Clone(t.run.Events)
	slices.SortFunc(events, func(a, b Event) int { return cmp.Compare(a.From, b.From) })
	for i := 0; i < len(events); {
		from, to := events[i].From, events[i].To
		for i++; i < len(events) && events[i].From <= to; i++ {
			to = max(to, events[i].To)
		}
		t.put(`<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#d1242f" fill-opacity="0.07"/>`+"\n",
			t.x(from), rateTop, max(t.x(to)-t.x(from), 1), rateHeight)
	}
}

// bars draws the lanes.
func (t *timeline) bars() {
	y := laneTop
	for i, l := range t.lanes {
		tall := len(l.rows)*rowHeight + laneGap
		if i%2 == 0 {
			t.put(`<rect x="1" y="%d" width="%d" height="%d" fill="#eef1f4"/>`+"\n", y, wide-2, tall)
		}
		number := 0
		for _, row := range l.rows {
			number += len(row)
		}
		t.put(`<text x="%d" y="%d" text-anchor="end" fill="#1f2328">%s <tspan fill="#59636e">%d</tspan></text>`+
			"\n", left-10, y+tall/2+4, escape(shorten(l.kind, mostLetters)), number)
		for j, row := range l.rows {
			for _, e := range row {
				t.bar(&e, y+laneGap/2+1+j*rowHeight)
			}
		}
		y += tall
	}
}

func (t *timeline) bar(e *Event, y int) {
	width := t.width(e)
	t.put(`<rect x="%.1f" y="%d" width="%.1f" height="%d" rx="1.5" fill="%s" fill-opacity="0.9">`+
		`<title>%s</title></rect>`, t.x(e.From), y, width, rowHeight-2, t.colour[e.Node],
		escape(fmt.Sprintf("%s %s, %s to %s", e.Kind, e.Node, Span(e.From), Span(e.To))))
	if width > letter*float64(len(e.Node))+4 {
		t.put(`<text x="%.1f" y="%d" font-size="10" fill="#fff">%s</text>`, t.x(e.From)+3, y+9, escape(e.Node))
	}
	t.put("\n")
}

// axis draws the time below the lanes, with lines up to the throughput.
func (t *timeline) axis(y int) {
	step := timeStep(t.span, 14)
	for d := time.Duration(0); d <= t.span; d += step {
		t.put(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#59636e" stroke-opacity="0.18"/>`,
			t.x(d), rateTop, t.x(d), y)
		t.put(`<text x="%.1f" y="%d" text-anchor="middle" fill="#59636e">%s</text>`+"\n",
			t.x(d), y+16, mark(d, step))
	}
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}

func shorten(text string, most int) string {
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}
