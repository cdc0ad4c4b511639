// Waiting for company. Clients that have just been answered usually send their next command at once. An
// entry that is cut before they come carries the others alone, and from then on two halves of the clients
// take turns, each waiting for the other's entry. So after an entry the proposer waits for those it has
// answered, for a part of the time that an entry takes, which is all that a late one can cost the
// others. Where they do not come back (clients that do other things between two commands) it stops waiting,
// and tries again now and then.

package cluster

import "time"

const (
	companyShare = 2                    // of the time that an entry took, at most one in so many parts is waited
	companyLimit = 3 * time.Millisecond // and never longer than this
	companyTries = 3                    // in vain, in a row: then it is not worth it
	companyRest  = 100                  // entries until it is tried again
)

// company is used by the proposer alone.
type company struct {
	bell     *bell
	answered int           // calls of the last entry
	took     time.Duration // what the last entry took
	vain     int           // waits in a row in which few came
	rest     int           // entries until the next try
	timer    *time.Timer
}

// note tells of an entry that was answered.
func (c *company) note(calls int, took time.Duration) { c.answered, c.took = calls, took }

// await waits for those who were answered with the last entry, if there is something to wait beside.
func (c *company) await(stop <-chan struct{}) {
	back := c.answered
	c.answered = 0
	have := c.bell.count.Load()
	if c.rest > 0 {
		c.rest--
		return
	}
	if back < 2 || have == 0 {
		return // a lone client needs no company, and who finds nobody does not wait for somebody
	}
	want := have + int64(back-back/8)
	c.bell.want.Store(want)
	c.wait(want, min(c.took/companyShare, companyLimit), stop)
	c.bell.want.Store(0)
	if c.bell.count.Load()-have >= int64(back/2) {
		c.vain = 0
		return
	}
	if c.vain++; c.vain >= companyTries {
		c.vain, c.rest = 0, companyRest
	}
}

func (c *company) wait(want int64, limit time.Duration, stop <-chan struct{}) {
	if c.timer == nil {
		c.timer = time.NewTimer(limit)
	} else {
		c.timer.Reset(limit)
	}
	for c.bell.count.Load() < want {
		select {
		case <-c.bell.ring:
		case <-c.timer.C:
			return
		case <-stop:
			return
		}
	}
}
