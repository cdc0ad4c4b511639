//go:build linux || darwin

package history

import (
	"time"

	"golang.org/x/sys/unix"
)

// Shared begins a history now that processes of other languages take part in: it reads the clock that they
// read, CLOCK_MONOTONIC, instead of Go's. In a bubble of virtual time use New.
func Shared() *Recorder {
	zero := monotonic()
	return &Recorder{zero: zero, now: func() time.Duration { return monotonic() - zero }}
}

func monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("history: no CLOCK_MONOTONIC: " + err.Error())
	}
	return time.Duration(ts.Nano())
}
