// Writing a large file beside a log. Left alone, the kernel collects tens of megabytes of it and writes them
// out in one go, and a log sync that comes meanwhile waits for all of it (measured: 14-27 ms beside 100 MB on
// a disk that syncs in 0.1 ms; several times that on a slow one). So each megabyte is written out before the
// next, and the log gets as much time in between as that took.

package storage

import (
	"os"
	"time"
)

const (
	paceStep = 1 << 20
	// paceRest bounds a pause, so that a disk in trouble does not make a file last for ever.
	paceRest = 50 * time.Millisecond
)

// pace follows the writing of one file.
type pace struct {
	out     *os.File // any descriptor of the file
	rate    int      // bytes a second; 0: no bound
	begun   time.Time
	written int64
	synced  int64
}

// wrote counts n bytes that were written, at most paceStep, and makes the writer wait where it is time to.
func (p *pace) wrote(n int) error {
	p.written += int64(n)
	if p.written-p.synced < paceStep {
		return nil
	}
	begin := time.Now()
	if err := writeOut(p.out, p.synced, p.written-p.synced); err != nil {
		return err
	}
	p.synced = p.written
	rest := min(time.Since(begin), paceRest)
	if p.rate > 0 {
		due := time.Duration(float64(p.written) / float64(p.rate) * float64(time.Second))
		rest = max(rest, due-time.Since(p.begun))
	}
	time.Sleep(rest)
	return nil
}

// Paced writes a file, from its beginning, at most rate bytes a second and so that a log on the same disk is
// not held up by it. It does not make the file durable.
type Paced struct {
	file *os.File
	pace pace
}

// NewPaced returns a writer to file; a rate of 0 is no bound.
func NewPaced(file *os.File, rate int) *Paced {
	return &Paced{file, pace{out: file, rate: rate, begun: time.Now()}}
}

// Write implements io.Writer.
func (w *Paced) Write(p []byte) (done int, err error) {
	for len(p) > 0 {
		n, err := w.file.Write(p[:min(len(p), paceStep)])
		done += n
		if err == nil {
			err = w.pace.wrote(n)
		}
		if err != nil {
			return done, err
		}
		p = p[n:]
	}
	return done, nil
}
