// This file decides how much garbage may gather before it is collected.
//
// Go's default lets the heap grow to twice of what lives in it. That is wrong at both ends here. A node with
// few locks has a few MiB alive and would collect ten times a second under load: 4-6 % of its throughput. A
// node with a million locks would keep their memory twice: 190 bytes of a lock live, 400 would be resident.
// So garbage may take a fixed amount where little lives, and about a third where much does: collecting more
// often than that costs more processor time than the memory is worth (each time, all that lives is looked
// at).
//
// What was freed goes back to the system by Go's own scavenger, a little at a time. debug.FreeOSMemory would
// do it at once, but collects and returns everything while commands wait for the processor; there is too
// little to win where garbage is a third at most.

package server

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	leastGarbage   = 32 << 20 // bytes of garbage that are always allowed
	garbagePercent = 35       // of what lives, where that is more
	mostPercent    = 2000
	memoryTick     = 200 * time.Millisecond
)

// gcPercent is how much garbage may gather, in percent of live, the bytes that the last collection left.
func gcPercent(live uint64) int {
	garbage := max(leastGarbage, live/100*garbagePercent)
	return int(min(mostPercent, garbage*100/max(live, 1)))
}

// tuneMemory follows the size of the heap until stop is closed. It does nothing where the user has said what
// he wants in GOGC, as every Go program understands it. The setting is the whole process', and nodes in one
// process come to the same one.
func tuneMemory(stop <-chan struct{}) {
	if os.Getenv("GOGC") != "" {
		return
	}
	tick := time.NewTicker(memoryTick)
	defer tick.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	last := 100
	for {
		metrics.Read(live)
		// A change stops the world for a moment, so small ones are left.
		if percent := gcPercent(live[0].Value.Uint64()); percent < last-last/8 || percent > last+last/8 {
			debug.SetGCPercent(percent)
			last = percent
		}
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}
