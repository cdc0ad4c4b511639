//go:build !linux

package cluster

import "time"

// RawClock reads the monotonic clock in nanoseconds. Where the system offers no raw one, Go's has to do.
func RawClock() int64 { return int64(time.Since(processStart)) }

var processStart = time.Now()
