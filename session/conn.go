// One connection's state.

package session

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// conn belongs to its own goroutine, but for shown, which CLIENT LIST reads.
type conn struct {
	commands.Conn
	wire    *resp.Conn
	calls   []fsm.Call    // of the pipeline being submitted
	slots   []slot        // its replies, in order
	done    chan struct{} // the node's word that all have replies; see also overdue.go
	waiting waiting
	view    View // nil on the data port
	quiet   replyMode
	tx      transaction
	// What the state still knows of the connection: a grant that it waited for and has been told of
	// (noted), or was not told of (unread).
	noted, unread bool
	pushed

	mu    sync.Mutex
	shown shown
}

// pushed is what a connection gets without asking. Who applies entries reads it.
type pushed struct {
	listens        atomic.Pointer[fsm.Listens] // nil: it never did
	tracking       atomic.Pointer[tracking]    // nil: off
	brokenRedirect atomic.Bool
	binds          atomic.Bool // it has sent a command that may have bound a lock or a session to it
	caching        bool        // CLIENT CACHING was sent, for the next command
	hangs          bool        // it has sent a command that may have left in the state what ends with it
}

// shown is what others may see of a connection.
type shown struct {
	commands.Conn
	last    string // the last command's full name
	at      time.Time
	blocked bool
}

// replyMode is CLIENT REPLY's.
type replyMode int

const (
	replyOn replyMode = iota
	replyOff
	replySkipNext // the command after CLIENT REPLY SKIP gets none
	replySkip
)

// slot is the place of one reply of a pipeline.
type slot struct {
	call  int // index into calls, -1 where value is already there
	cmd   *commands.Command
	value resp.Value
}

// touch publishes the connection's state after a command.
func (c *conn) touch(last string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown.Conn, c.shown.at = c.Conn, time.Now()
	if last != "" {
		c.shown.last = last
	}
}

// setBlocked publishes that the connection waits in a command, or does so no more.
func (c *conn) setBlocked(in *commands.Command) {
	if in != nil {
		c.touch(in.FullName())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown.blocked = in != nil
}

func (c *conn) look() shown {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown
}
