// Free disk space, looked at each second by a goroutine of its own: statfs can hang on a sick disk,
// and must then hang neither a command nor the watchdog.

package storage

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const diskTick = time.Second

// diskWatch remembers the last look, so that asking costs nothing on the way of a command.
type diskWatch struct {
	dir   string
	floor uint64
	free  atomic.Uint64
}

// look refreshes the figure. When statfs fails the last figure stands: a log write will tell
// better.
func (d *diskWatch) look() {
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err == nil {
		d.free.Store(uint64(st.Bavail) * uint64(st.Bsize)) //nolint:unconvert // their types differ between systems
	}
}

// read gives the last figure, and whether it is at or above the low-water mark.
func (d *diskWatch) read() (free uint64, ok bool) {
	free = d.free.Load()
	return free, free >= d.floor
}

// housekeep is the goroutine's body: the free space each second, a new window of sync times each
// minute.
func housekeep(d *diskWatch, h *histogram, stop <-chan struct{}) {
	tick := time.NewTicker(diskTick)
	defer tick.Stop()
	turned := time.Now()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			d.look()
			if now.Sub(turned) >= histWindow {
				h.turn()
				turned = now
			}
		}
	}
}
