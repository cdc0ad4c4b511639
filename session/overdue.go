// Commands whose outcome is not known in time (command-timeout). A timer for each command would cost as much
// as the rest of its way through this package, so one look at all connections, a few times within the limit,
// finds those that have waited too long; it goes on only while somebody waits.

package session

import (
	"sync/atomic"
	"time"

	"github.com/divtxt/lockd/resp"
)

// waiting says since when a connection waits for the outcome of its group: nanoseconds since the hub began,
// 0 while it does not wait, overdue when it has been told to stop waiting.
type waiting struct{ atomic.Int64 }

const overdue = -1

const msgOutcome = "UNKNOWN the outcome of this command was not known within command-timeout: it may have " +
	"taken effect or still do so; look before you send it again"

// await waits for a group that cannot park, submitted at begun. It returns false where the outcome was not
// known in time: the client has been told so, and its connection ends.
func (h *Hub) await(c *conn, begun time.Time) bool {
	limit := h.policy.Load().CommandTimeout
	if limit <= 0 {
		<-c.done
		return true
	}
	c.waiting.Store(int64(begun.Sub(h.started)) + 1)
	h.watchWaiting(limit)
	<-c.done
	if c.waiting.Swap(0) != overdue {
		return true
	}
	for i := range c.slots {
		v := c.slots[i].value
		if c.slots[i].call >= 0 {
			v = resp.Error(msgOutcome)
		}
		h.write(c, v)
	}
	_ = c.wire.Flush() // the connection ends in any case
	c.wire.CloseAfterReply()
	<-c.done // the node still needs the commands' words
	clear(c.slots)
	clear(c.calls)
	c.slots, c.calls = c.slots[:0], c.calls[:0]
	return false
}

// watchWaiting sees to it that somebody looks at those who wait.
func (h *Hub) watchWaiting(limit time.Duration) {
	if !h.watching.Load() && h.watching.CompareAndSwap(false, true) {
		time.AfterFunc(min(limit/8, maxLook), h.endOverdue)
	}
}

// maxLook is the longest time between two looks.
const maxLook = 250 * time.Millisecond

// endOverdue ends the waiting of those who have waited too long. It says that nobody looks before it looks:
// who begins to wait meanwhile is either seen here or arms the timer himself.
func (h *Hub) endOverdue() {
	limit := h.policy.Load().CommandTimeout
	h.watching.Store(false)
	if limit <= 0 {
		return
	}
	// What was never sent to a leader was surely not done, and its connection can go on.
	h.Node.Withdraw(limit)
	now, anybody := time.Since(h.started), false
	h.mu.Lock()
	for _, c := range h.conns {
		since := c.waiting.Load()
		if since <= 0 {
			continue
		}
		anybody = true
		if now-time.Duration(since) >= limit+min(limit/8, maxLook) && c.waiting.CompareAndSwap(since, overdue) {
			c.done <- struct{}{} // has room for this value beside the node's
		}
	}
	h.mu.Unlock()
	if anybody {
		h.watchWaiting(limit)
	}
}
