// Waiting for company. Clients that have just been answered usually send their next command at once. An
// entry that is cut before they come carries the others alone, and from then on two halves of the clients
// take turns, each waiting for the other's entry. Where a lock goes from hand to hand, the release that
// hands it on waits for the entry of whoever stands in line again. So after an entry the proposer waits for
// those it has answered, for a part of the time that an entry takes, which is all that a late one can cost
// the others. Where they do not come back (clients that do other things between two commands) it stops
// waiting, and tries again now and then.

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
	answered int           // clients that the last entry has answered; 0 once they are not awaited any longer
	others   int64         // calls that had come while it was on its way, and so are none of theirs
	took     time.Duration // what the last entry took
	vain     int           // waits in a row in which few came
	rest     int           // entries until the next try
	timer    *time.Timer
}

// note tells of an entry that has answered so many clients: not those of its commands that wait in a queue
// now, but those who had waited there until now.
func (c *company) note(answered int, took time.Duration) {
	c.answered, c.others, c.took = answered, c.bell.count.Load(), took
	if c.rest > 0 {
		c.answered = 0
		c.rest--
	}
}

// await waits for those who were answered with the last entry, once there is something to wait beside: a
// call that came during the entry, or the first of theirs.
func (c *company) await(stop <-chan struct{}) {
	back := c.answered
	if back < 2 || c.bell.count.Load() == 0 {
		return // a lone client needs no company, and where nobody waits for an entry there is no hurry
	}
	c.answered = 0
	want := c.others + int64(back-back/8)
	c.bell.want.Store(want)
	c.wait(want, min(c.took/companyShare, companyLimit), stop)
	c.bell.want.Store(0)
	if came := c.bell.count.Load() - c.others; 2*came > int64(back) {
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
