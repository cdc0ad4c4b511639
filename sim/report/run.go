// Package report is what a run of the proof found, as lines of JSON that the parts write and as a page that
// people read: Markdown, a picture of the faults beside the throughput, and the way to see a failure again.
package report

import (
	"encoding/json"
	"errors"
	"io"
	"time"
)

// Run is what one run of one part found. Parts write each as a line of JSON, so that a long proof that is
// interrupted has lost nothing but the run it was at.
type Run struct {
	Part       string         `json:"part"`             // "state", "cluster" or "real"
	Seed       uint64         `json:"seed"`             // what it was made from
	Replay     string         `json:"replay"`           // the command line that does it again
	Nodes      int            `json:"nodes"`            // how many nodes, or replicas
	Setting    string         `json:"setting"`          // what is special about it, for people; may be empty
	Began      time.Time      `json:"began"`            // of the real clock
	Took       time.Duration  `json:"took"`             // nanoseconds of the real clock
	Spanned    time.Duration  `json:"spanned"`          // nanoseconds as the nodes saw it: virtual time, or Took
	Operations int            `json:"operations"`       // whose replies were checked
	Checked    map[string]int `json:"checked"`          // what each checker looked at, by its name
	Faults     map[string]int `json:"faults"`           // how many of each kind
	Events     []Event        `json:"events,omitempty"` // the schedule; left out where nobody will draw it
	Rate       []int          `json:"rate,omitempty"`   // operations answered in each Step, from the beginning
	Step       time.Duration  `json:"step,omitempty"`   // nanoseconds
	Recovery   time.Duration  `json:"recovery"`         // nanoseconds: the longest from healing to serving again
	Violations []string       `json:"violations"`       // a sentence each; none is a pass
	Page       string         `json:"page,omitempty"`   // the file of the interactive history of a failure
}

// Event is a fault: what was done to whom, and from when to when in nanoseconds since the run began. From
// and To are the same for what has no duration, such as a step of a clock.
type Event struct {
	Kind string        `json:"kind"`
	Node string        `json:"node"`
	From time.Duration `json:"from"`
	To   time.Duration `json:"to"`
}

// Write adds the run to a file of lines.
func (r *Run) Write(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// Read returns the runs of a file of lines. A last line that is not whole is left out: its writer was killed.
func Read(from io.Reader) ([]Run, error) {
	var runs []Run
	err := Each(from, func(r *Run) error { runs = append(runs, *r); return nil })
	return runs, err
}

// Each calls do with each run of a file of lines, until one fails, as Read for files of any size.
func Each(from io.Reader, do func(*Run) error) error {
	lines := json.NewDecoder(from)
	for {
		var r Run
		err := lines.Decode(&r)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err == nil {
			err = do(&r)
		}
		if err != nil {
			return err
		}
	}
}
