// Signs of life that come often go together. A client that pings its session waits for nothing, but each ping
// that comes alone costs an entry of the log. So where they come often, those of all connections of this node
// wait for its next beat, and share an entry then. The one who pings counts from when it was sent, so this
// takes a little of the time that a session lives; and where they are few nobody waits.

package session

import (
	"sync"
	"time"

	"github.com/divtxt/lockd/commands"
)

const (
	beatEvery = 40 * time.Millisecond
	beatFrom  = 4 // so many in a beat are often
)

// beat counts signs of life. It is safe for concurrent use.
type beat struct {
	mu           sync.Mutex
	number       int64 // since the start
	came, before int   // in this beat, and in the one before
}

// wait returns for how long a sign of life waits that comes so long after the start.
func (b *beat) wait(since time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if number := int64(since / beatEvery); number != b.number {
		if b.before = 0; number == b.number+1 {
			b.before = b.came
		}
		b.number, b.came = number, 0
	}
	b.came++
	if b.before < beatFrom {
		return 0
	}
	return time.Duration(b.number+1)*beatEvery - since
}

// patient tells whether a group is nothing but signs of life.
func (c *conn) patient() bool {
	for i := range c.slots {
		if s := &c.slots[i]; s.call >= 0 && !s.cmd.Has(commands.Patient) {
			return false
		}
	}
	return true
}
