// A log that does not repeat itself: a node that is refused comes back each second, and a stranger may
// come as often as he likes and say something else each time.

package peer

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// logPause is how long the same is not said again about the same machine.
	logPause = time.Minute
	// maxSaid is how many lines that takes in logPause. What comes beyond is not said at all.
	maxSaid = 200
)

// limitedLog logs what happens on the port.
type limitedLog struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[string]*repetition
}

// repetition is a line, and how often it was left out since.
type repetition struct {
	at      time.Time
	omitted int
}

func newLimitedLog(log *slog.Logger) *limitedLog {
	return &limitedLog{log: log, said: map[string]*repetition{}}
}

// warn logs a line and its reason, with the machine that it is about, if it is about one.
func (l *limitedLog) warn(text, from string, reason error) {
	if omitted, say := l.say(fmt.Sprint(text, from, reason)); say {
		args := []any{"error", reason}
		if from != "" {
			args = append(args, "from", from)
		}
		if omitted > 0 {
			args = append(args, "omitted", omitted)
		}
		l.log.Warn(text, args...)
	}
}

// say tells whether to say a line now, and how often it was left out before.
func (l *limitedLog) say(line string) (omitted int, say bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	last := l.said[line]
	if last != nil && now.Sub(last.at) < logPause {
		last.omitted++
		return 0, false
	}
	if last == nil && len(l.said) >= maxSaid {
		for other, r := range l.said {
			if now.Sub(r.at) >= logPause {
				delete(l.said, other)
			}
		}
		if len(l.said) >= maxSaid {
			return 0, false
		}
	}
	if last != nil {
		omitted = last.omitted
	}
	l.said[line] = &repetition{at: now}
	return omitted, true
}
