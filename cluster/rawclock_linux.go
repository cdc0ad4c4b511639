package cluster

import "golang.org/x/sys/unix"

// RawClock reads CLOCK_MONOTONIC_RAW in nanoseconds: unlike Go's own clock it is not slewed by NTP, which
// may run a clock up to 8 % fast.
func RawClock() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &ts); err != nil {
		panic("cluster: no CLOCK_MONOTONIC_RAW: " + err.Error())
	}
	return ts.Nano()
}
