// Clients that are programs of their own, in other languages, with the libraries that people use there.
//
// They are told by lines of JSON when an epoch begins and ends, and write what they did into a file, as
// sim/history/lines.go explains. Their libraries are fetched by compat_test/clients/run.sh, which pins them.

package real

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/divtxt/lockd/sim/history"
)

// clientProgram is such a program, running.
type clientProgram struct {
	name   string
	cmd    *exec.Cmd
	tell   io.WriteCloser
	said   chan int // how many operations it had done when it ended an epoch; closed when the program is gone
	log    *os.File
	file   string // of the epoch that it is in
	paused []span // in this epoch
}

// span is a time of a history.
type span struct{ from, to time.Duration }

// startClient fetches a library, once, and starts the program that uses it.
func startClient(name, root, dir string) (*clientProgram, error) {
	fetch := exec.Command("bash", filepath.Join(root, "compat_test/clients/run.sh"), "prepare", name)
	fetch.Stderr = os.Stderr
	out, err := fetch.Output()
	if err != nil {
		return nil, fmt.Errorf("%s cannot be fetched: %w", name, err)
	}
	folder := strings.TrimSpace(string(out))
	programs := filepath.Join(root, "sim/real/clients")
	c := &clientProgram{name: name, said: make(chan int, 1)}
	switch name {
	case "redis-py":
		c.cmd = exec.Command(filepath.Join(folder, "venv/bin/python"), filepath.Join(programs, "redis_py.py"))
	case "ioredis":
		c.cmd = exec.Command("node", filepath.Join(programs, "ioredis.cjs"))
		c.cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(folder, "node_modules"))
	default:
		return nil, fmt.Errorf("there is no client %s", name)
	}
	if c.log, err = os.Create(filepath.Join(dir, name+".client.log")); err != nil {
		return nil, err
	}
	c.cmd.Stderr = c.log
	c.cmd.SysProcAttr = dieWithParent()
	if c.tell, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go c.listen(stdout)
	return c, nil
}

func (c *clientProgram) listen(stdout io.Reader) {
	defer close(c.said)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var ended struct{ Ended int }
		if json.Unmarshal(lines.Bytes(), &ended) == nil {
			c.said <- ended.Ended
		}
	}
}

// told is a target as the programs read it.
type told struct {
	ID   string `json:"id"`
	Addr string `json:"addr"`
}

// begin lets it work on an epoch's keys.
func (c *clientProgram) begin(e *epoch, counts []string, targets []Target) error {
	c.paused = nil
	c.file = filepath.Join(e.dir, fmt.Sprintf("%s-%d.jsonl", c.name, e.number))
	begin := map[string]any{
		"seed": e.seed % 1_000_000, "owner": c.name, "file": c.file, "keys": e.load.keys, "counts": counts,
		"targets": tell(targets),
	}
	return json.NewEncoder(c.tell).Encode(map[string]any{"begin": begin})
}

func tell(targets []Target) []told {
	var list []told
	for _, t := range targets {
		list = append(list, told(t))
	}
	return list
}

// end lets it finish what it is at, and returns what it did since begin.
func (c *clientProgram) end(zero time.Duration) ([]history.Op, error) {
	if _, err := io.WriteString(c.tell, `{"end":true}`+"\n"); err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	select {
	case want, ok := <-c.said:
		if !ok {
			return nil, fmt.Errorf("%s is gone; see %s", c.name, c.log.Name())
		}
		f, err := os.Open(c.file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		ops, err := history.ReadOps(f)
		if err == nil && len(ops) != want {
			err = fmt.Errorf("it wrote %d operations of %d", len(ops), want)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.file, err)
		}
		return history.Shift(ops, -zero), os.Remove(c.file)
	case <-time.After(3 * patience):
		return nil, fmt.Errorf("%s does not end its epoch in %v; see %s", c.name, 3*patience, c.log.Name())
	}
}

// pause is SIGSTOP.
func (c *clientProgram) pause() error { return c.cmd.Process.Signal(syscall.SIGSTOP) }

// resume is SIGCONT.
func (c *clientProgram) resume() error { return c.cmd.Process.Signal(syscall.SIGCONT) }

// close ends it.
func (c *clientProgram) close() {
	c.tell.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	c.log.Close()
}
