//go:build !unix

package session

import "time"

// processorTime is not known here.
func processorTime() (system, user time.Duration) { return 0, 0 }
