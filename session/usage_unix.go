//go:build unix

// What this process has used of the processors, for INFO: the system's own account, garbage collection
// included.

package session

import (
	"syscall"
	"time"
)

// processorTime is what this process has used of the processors.
func processorTime() (system, user time.Duration) {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0, 0
	}
	return time.Duration(use.Stime.Nano()), time.Duration(use.Utime.Nano())
}
