// What is seen while the proof runs: on a terminal one line that changes, elsewhere a line each ten seconds.

package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/divtxt/lockd/sim/report"
)

// stage is a part that runs now, and when it is done: after so many runs, or after a time.
type stage struct {
	name  string
	began time.Time
	runs  int
	span  time.Duration
}

// progress counts what comes in.
type progress struct {
	to    io.Writer
	every time.Duration
	live  bool // lines are written over

	mu         sync.Mutex
	stage      stage
	runs       int // of the stage
	faults     int // of all, as are the others
	operations int
	violations int
	stop       chan struct{}
	stopped    sync.WaitGroup
}

func newProgress(to io.Writer) *progress {
	p := &progress{to: to, every: 10 * time.Second}
	if file, ok := to.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.every, p.live = time.Second, true
		}
	}
	return p
}

// say writes a line of its own.
func (p *progress) say(format string, args ...any) { _, _ = fmt.Fprintf(p.to, format+"\n", args...) }

// begin begins to tell of a stage, until end.
func (p *progress) begin(s stage) {
	p.mu.Lock()
	p.stage, p.runs, p.stop = s, 0, make(chan struct{})
	p.mu.Unlock()
	p.stopped.Go(func() {
		tick := time.NewTicker(p.every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.show(false)
			case <-p.stop:
				p.show(true)
				return
			}
		}
	})
}

func (p *progress) end() {
	close(p.stop)
	p.stopped.Wait()
}

func (p *progress) add(r *report.Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs++
	p.operations += r.Operations
	p.violations += len(r.Violations)
	for _, n := range r.Faults {
		p.faults += n
	}
}

func (p *progress) show(last bool) {
	line := p.line(time.Since(p.stage.began), last)
	switch {
	case !p.live:
		_, _ = fmt.Fprintln(p.to, line)
	case last:
		_, _ = fmt.Fprintf(p.to, "\r\x1b[K%s\n", line)
	default:
		_, _ = fmt.Fprintf(p.to, "\r\x1b[K%s", line)
	}
}

// line says how far it is, and if there is more to do, how long that will take.
func (p *progress) line(since time.Duration, last bool) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stage.name + ": " + report.Count(p.runs)
	if p.stage.runs > 0 {
		s += " of " + report.Count(p.stage.runs)
	}
	s += fmt.Sprintf(" runs in %s; in all %s, %s operations, %s", report.Span(since),
		report.Of(p.faults, "fault", "faults"), report.Short(p.operations),
		report.Of(p.violations, "violation", "violations"))
	var left time.Duration
	switch {
	case last:
		return s
	case p.stage.span > 0:
		left = max(0, p.stage.span-since)
	case p.runs > 0 && p.stage.runs >= p.runs:
		left = time.Duration(float64(since) / float64(p.runs) * float64(p.stage.runs-p.runs))
	default:
		return s
	}
	if left < time.Second {
		return s + "; finishing"
	}
	return s + fmt.Sprintf("; about %s left of this part", report.Span(left.Round(time.Second)))
}
