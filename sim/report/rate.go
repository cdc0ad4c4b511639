// The upper half of the picture: how many operations were answered in each moment.

package report

import (
	"fmt"
	"strings"
	"time"
)

const mostPoints = 400 // of the line; more would be less than two pixels each

// point is the throughput of a while, in operations per second.
type point struct {
	at             time.Duration // the middle of it
	low, mean, top float64
}

// points brings the counts down to as many as can be seen. The lowest and the highest of those that became
// one are kept: a stall of half a second is what one looks for in an hour.
func points(rate []int, step time.Duration) []point {
	each := (len(rate) + mostPoints - 1) / mostPoints
	var all []point
	for i := 0; i < len(rate); i += each {
		group := rate[i:min(i+each, len(rate))]
		p := point{at: step * time.Duration(2*i+len(group)) / 2}
		sum, low, top := 0, group[0], group[0]
		for _, n := range group {
			sum, low, top = sum+n, min(low, n), max(top, n)
		}
		second := step.Seconds()
		p.low, p.top = float64(low)/second, float64(top)/second
		p.mean = float64(sum) / second / float64(len(group))
		all = append(all, p)
	}
	return all
}

// rate draws the throughput.
func (t *timeline) rate() {
	t.put(`<text x="%d" y="%d" text-anchor="end" fill="#59636e">operations per second</text>`+"\n",
		left-10, rateTop-20)
	if t.run.Step <= 0 || len(t.run.Rate) == 0 {
		t.put(`<text x="%d" y="%d" fill="#59636e">not recorded</text>`+"\n", left+10, rateTop+rateHeight/2)
		return
	}
	all := points(t.run.Rate, t.run.Step)
	if each := (len(t.run.Rate) + mostPoints - 1) / mostPoints; each > 1 {
		t.put(`<text x="%d" y="%d" text-anchor="end" font-size="10.5" fill="#59636e">line: mean of %s, `+
			`band: least and most of each %s in it</text>`+"\n",
			right, rateTop-6, Span(t.run.Step*time.Duration(each)), Span(t.run.Step))
	}
	most := 1.0
	for _, p := range all {
		most = max(most, p.top)
	}
	y := func(v float64) float64 { return rateTop + rateHeight*(1-v/most) }
	step := niceStep(most, 4)
	for v := 0.0; v <= most; v += step {
		t.put(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#59636e" stroke-opacity="%.2f"/>`,
			left, y(v), right, y(v), map[bool]float64{true: 0.6, false: 0.18}[v == 0])
		t.put(`<text x="%d" y="%.1f" text-anchor="end" fill="#59636e">%s</text>`+"\n",
			left-8, y(v)+4, Count(int(v)))
	}
	var band, back, line strings.Builder
	for i, p := range all {
		verb := "L"
		if i == 0 {
			verb = "M"
		}
		fmt.Fprintf(&band, "%s%.1f %.1f", verb, t.x(p.at), y(p.top))
		fmt.Fprintf(&line, "%s%.1f %.1f", verb, t.x(p.at), y(p.mean))
		last := all[len(all)-1-i]
		fmt.Fprintf(&back, "L%.1f %.1f", t.x(last.at), y(last.low))
	}
	t.put(`<path d="%s%sZ" fill="#0969da" fill-opacity="0.22"/>`+"\n", band.String(), back.String())
	t.put(`<path d="%s" fill="none" stroke="#0a4a9e" stroke-width="1.5" stroke-linejoin="round"/>`+"\n",
		line.String())
}
