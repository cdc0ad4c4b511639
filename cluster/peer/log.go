// A log that repeats itself at most once a minute: a node that is refused comes back each second, and a
// stranger may come as often as he likes.

package peer

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// logPause is how long the same is not said again about the same machine.
	logPause = time.Minute
	// maxRemembered is about how many different things are remembered as said.
	maxRemembered = 256
)

// limitedLog logs what happens on the port.
type limitedLog struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[string]*repetition
}

type repetition struct {
	at      time.Time
	omitted int
}

func newLimitedLog(log *slog.Logger) *limitedLog {
	return &limitedLog{log: log, said: map[string]*repetition{}}
}

// warn logs text, where from is the machine that it is about, if it is about one. Machines count apart; what
// differs between two lines about the same one does not, as a stranger could vary that.
func (l *limitedLog) warn(from, text string, args ...any) {
	if from != "" {
		args = append([]any{"from", from}, args...)
	}
	l.mu.Lock()
	last := l.said[from+" "+text]
	if last != nil && time.Since(last.at) < logPause {
		last.omitted++
		l.mu.Unlock()
		return
	}
	if last != nil && last.omitted > 0 {
		args = append(args, "times_since_last_said", last.omitted)
	}
	if len(l.said) >= maxRemembered {
		clear(l.said)
	}
	l.said[from+" "+text] = &repetition{at: time.Now()}
	l.mu.Unlock()
	l.log.Warn(text, args...)
}
