// A list of jobs, as a queue of work: some clients put jobs in, some take them out, and wait where there is
// none. What was put in for sure comes out, and nothing comes out twice, whatever happens to the nodes.

package sim

import (
	"fmt"
	"sync"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/sim/history"
)

// jobs is what is known of them.
type jobs struct {
	mu    sync.Mutex
	state map[string]jobState
	lost  int // takings of which nobody knows whether they took anything
}

type jobState byte

const (
	jobAsked jobState = iota + 1 // to be put in; it is not known whether it is
	jobIn
	jobOut
)

// job puts a job in, or takes one out.
func (c *client) job(n *cluster.Node) {
	if c.rng.IntN(2) == 0 {
		c.putJob(n)
		return
	}
	c.takeJob(n)
}

func (c *client) putJob(n *cluster.Node) {
	c.owners++
	id := fmt.Sprint(c.name, "/", c.owners)
	c.jobs.note(id, jobAsked)
	line := "RPUSH jobs " + id
	if c.rng.IntN(3) == 0 {
		line = c.evaluates("@push", 1, "jobs", id)
	}
	if got := c.do(n, 0, ask{line: line})[0]; got.Outcome == history.Yes {
		c.jobs.note(id, jobIn)
	}
}

func (c *client) takeJob(n *cluster.Node) {
	line, leave := "LPOP jobs", time.Duration(0)
	if c.rng.IntN(4) > 0 {
		line = fmt.Sprintf("BLPOP jobs no-jobs %.3f", c.upTo(1500*time.Millisecond).Seconds()+0.001)
		leave = patience // unless its node's clients hang up
		if c.rng.IntN(5) == 0 {
			leave = time.Millisecond + c.upTo(300*time.Millisecond)
		}
	}
	got := c.do(n, leave, ask{line: line})[0]
	switch list := got.List(); {
	case got.Outcome == history.Unknown:
		c.jobs.mu.Lock()
		c.jobs.lost++
		c.jobs.mu.Unlock()
	case got.Outcome != history.Yes:
	case len(list) == 2:
		c.tookJob(list[1])
	default:
		c.tookJob(got.Value)
	}
}

// note notes how far a job has come: never back, for it may be out before it is known to be in.
func (j *jobs) note(id string, s jobState) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state[id] = max(j.state[id], s)
}

func (c *client) tookJob(v resp.Value) {
	id := v.Str()
	c.jobs.mu.Lock()
	was := c.jobs.state[id]
	c.jobs.state[id] = jobOut
	c.jobs.mu.Unlock()
	if was == 0 || was == jobOut {
		c.problem("%s on %s: the job %q came out, which was put in by nobody or is out already",
			c.name, c.at.id, id)
	}
}

// drainJobs takes out what is left, and looks whether anything is missing.
func (c *client) drainJobs(n *cluster.Node) {
	for _, v := range c.do(n, 0, ask{line: "LPOP jobs 1000000"})[0].List() {
		c.tookJob(v)
	}
	c.jobs.mu.Lock()
	defer c.jobs.mu.Unlock()
	missing := 0
	for _, s := range c.jobs.state {
		if s == jobIn {
			missing++
		}
	}
	if missing > c.jobs.lost {
		c.problem("%d jobs were put in and never came out, and only %d takings are of unknown outcome",
			missing, c.jobs.lost)
	}
}
