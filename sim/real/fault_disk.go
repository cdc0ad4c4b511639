// Disks that are slow, hang, fail, or are full.
//
// The first three are done by lockd's hand for tests, for not every kernel has a device mapper (dmsetup),
// and none can be asked in a container. A full disk is a true one: each node's folder is on a small file
// system of its own.

package real

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// exitIO is the exit code of a node that does not trust its disk any more.
const exitIO = 4

// stallLimit is how long lockd lets an append hang before it stops.
const stallLimit = 3 * time.Second

// SlowDisk makes each append to a node's log take so much longer until end is called. It needs
// Cluster.Control.
func (n *Node) SlowDisk(by time.Duration) (end func() error, err error) {
	return n.until("delay "+by.String(), "delay 0s")
}

// HangDisk lets the appends to a node's log hang for a time. Beyond three seconds the node stops; end starts
// it again then. It needs Cluster.Control.
func (n *Node) HangDisk(d time.Duration) (end func() error, err error) {
	release, err := n.until("stall "+d.String(), "stall 0s")
	begun := time.Now()
	return func() error {
		// It may have stopped, or be about to: one that hung for long is given the time to.
		if d > stallLimit && time.Since(begun) > stallLimit {
			if err := n.stopped(stallLimit); err == nil {
				return n.Start()
			}
		}
		if err := release(); err != nil {
			return err
		}
		if n.Running() {
			return nil
		}
		return errors.Join(n.stopped(time.Second), n.Start())
	}, err
}

// FailDisk makes the next append to a node's log fail with an I/O error, before the disk has it or, what is
// worse, after. The node must stop; end waits for that and starts it again. It needs Cluster.Control.
func (n *Node) FailDisk(written bool) (end func() error, err error) {
	when := "before"
	if written {
		when = "after"
	}
	_, err = n.Control("fail " + when)
	if err != nil && !errors.Is(err, errNoControl) {
		err = n.stopped(time.Second) // it was quicker to stop than to answer
	}
	return func() error { return errors.Join(n.stopped(patience), n.Start()) }, err
}

// stopped waits until a node has stopped because of its disk.
func (n *Node) stopped(most time.Duration) error {
	code, err := n.AwaitEnd(most)
	if err == nil && code != exitIO {
		err = fmt.Errorf("%s did not stop because of its disk, but with code %d\n%s", n.ID, code, n.Tail(5))
	}
	return err
}

// mount gives a node a disk of its own, where the cluster wants that. The node's folder is one in it, so
// that it can be wiped.
func (c *Cluster) mount(n *Node) error {
	if c.DiskBytes == 0 {
		return nil
	}
	at := filepath.Join(c.Dir, n.ID+".disk")
	if err := os.Mkdir(at, 0o700); err != nil {
		return err
	}
	size := fmt.Sprintf("size=%d", c.DiskBytes)
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", size, "lockd-test", at).CombinedOutput()
	if err != nil {
		return fmt.Errorf("a disk for %s: mount needs root: %w: %s", n.ID, err, out)
	}
	n.Dir = filepath.Join(at, "data")
	return nil
}

// unmount removes what mount made. A disk that is still in use goes once it no longer is.
func (n *Node) unmount() {
	if at := filepath.Dir(n.Dir); strings.HasSuffix(at, ".disk") {
		_ = exec.Command("umount", "-l", at).Run()
	}
}

// FillDisk fills the disk of a node until so many bytes are left. Below --min-free-disk the node must refuse
// what grows; with nothing left it must stop once its log needs another file. End makes room again, and
// starts the node if it has stopped. It needs Cluster.DiskBytes.
func (n *Node) FillDisk(left int64) (end func() error, err error) {
	if !strings.HasSuffix(filepath.Dir(n.Dir), ".disk") {
		return nil, fmt.Errorf("%s has no disk of its own: Cluster.DiskBytes", n.ID)
	}
	ballast := filepath.Join(filepath.Dir(n.Dir), "ballast")
	process := n.ended
	end = func() error {
		if err := os.Remove(ballast); err != nil {
			return err
		}
		select {
		case <-process:
			if n.Running() {
				return nil
			}
			return errors.Join(n.stopped(time.Second), n.Start())
		case <-time.After(300 * time.Millisecond): // a failed write may have been on its way to the exit
			return nil
		}
	}
	return end, n.fill(ballast, left)
}

// fill takes what is free but for what is to be left, again while the node frees some: its spare file, say.
func (n *Node) fill(ballast string, left int64) error {
	f, err := os.Create(ballast)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for {
		free, err := n.DiskFree()
		if err != nil || free <= left {
			return err
		}
		_, err = f.Write(block[:min(free-left, int64(len(block)))])
		if err != nil && !errors.Is(err, unix.ENOSPC) { // the node was quicker
			return err
		}
	}
}

// DiskFree is how many bytes are left on the disk of the node's folder.
func (n *Node) DiskFree() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(n.Dir), &st); err != nil {
		return 0, os.NewSyscallError("statfs", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // their types differ between systems
}
