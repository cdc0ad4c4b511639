package script

import (
	"syscall"
	"testing"
	"time"
)

// worked is the time that the processor has spent on this goroutine's thread, whatever else the machine does.
func worked(t *testing.T) time.Duration {
	t.Helper()
	const ofThread = 1
	var u syscall.Rusage
	if err := syscall.Getrusage(ofThread, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
