// The files that a proof keeps: all runs as lines of JSON, and what they have in common. A page can be
// written anew from them.

package report

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
)

// RunsFile is the name of the file of runs, compressed; aboutFile of what they have in common.
const (
	RunsFile  = "runs.jsonl.gz"
	aboutFile = "about.json"
)

// Keep writes the files of a finished proof into a folder: the runs of a file of lines, without the events of
// those that are not drawn, which would be most of it.
func (p *Proof) Keep(dir, lines string) error {
	about, err := json.MarshalIndent(&p.About, "", "  ")
	if err != nil {
		return err
	}
	if err = os.WriteFile(filepath.Join(dir, aboutFile), append(about, '\n'), 0o644); err != nil {
		return err
	}
	from, err := os.Open(lines)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(filepath.Join(dir, RunsFile))
	if err != nil {
		return err
	}
	defer to.Close()
	zip := gzip.NewWriter(to)
	type name struct {
		part string
		seed uint64
	}
	drawn := map[name]bool{}
	for _, r := range p.Drawn() {
		drawn[name{r.Part, r.Seed}] = true
	}
	err = Each(bufio.NewReader(from), func(r *Run) error {
		if !drawn[name{r.Part, r.Seed}] {
			r.Events, r.Rate = nil, nil
		}
		return r.Write(zip)
	})
	return errors.Join(err, zip.Close(), to.Close())
}

// Load reads the files of a folder again.
func Load(dir string) (*Proof, error) {
	p := &Proof{}
	about, err := os.ReadFile(filepath.Join(dir, aboutFile))
	if err != nil {
		return nil, err
	}
	if err = json.Unmarshal(about, &p.About); err != nil {
		return nil, err
	}
	from, err := os.Open(filepath.Join(dir, RunsFile))
	if err != nil {
		return nil, err
	}
	defer from.Close()
	unzip, err := gzip.NewReader(from)
	if err != nil {
		return nil, err
	}
	return p, Each(unzip, func(r *Run) error { p.Add(r); return nil })
}
