// Raft's log, made fit for people. A member that is away fails some ten calls a second, and raft says so each
// time; that would bury the one line which matters.

package cluster

import (
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// sayAgainAfter is how long the same trouble with the same member is not told again.
const sayAgainAfter = 30 * time.Second

// raftLog passes on what was not said lately.
type raftLog struct {
	hclog.Logger
	mu   sync.Mutex
	said map[string]time.Time
}

// maxSaid bounds what is remembered; beyond it the memory begins anew.
const maxSaid = 1000

// Warn implements hclog.Logger.
func (l *raftLog) Warn(msg string, args ...any) {
	if l.first(msg, args) {
		l.Logger.Warn(msg, args...)
	}
}

// Error implements hclog.Logger. Trouble with another node is none of this one, so it is a warning here;
// what is wrong with this node's own disk comes from elsewhere, and ends it.
func (l *raftLog) Error(msg string, args ...any) {
	if l.first(msg, args) {
		l.Logger.Warn(msg, args...)
	}
}

// first tells whether this was not said of the same member lately. Raft names the member first.
func (l *raftLog) first(msg string, args []any) bool {
	key := msg
	if len(args) > 1 {
		key += fmt.Sprint(args[1])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if at, ok := l.said[key]; ok && now.Sub(at) < sayAgainAfter {
		return false
	}
	if l.said == nil || len(l.said) >= maxSaid {
		l.said = map[string]time.Time{}
	}
	l.said[key] = now
	return true
}
