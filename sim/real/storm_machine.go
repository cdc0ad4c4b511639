// What a storm does to packets, disks and clocks.

package real

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

func weather(how Weather) begins {
	return func(s *storm, n *Node) (func() error, error) { return s.Weather(n, true, true, how) }
}

func delay(by time.Duration) begins { return weather(Weather{Delay: by, Jitter: by / 2}) }

func slowDisk(by time.Duration) begins {
	return func(_ *storm, n *Node) (func() error, error) { return n.SlowDisk(by) }
}

// hangDisk lets a disk hang for less than the node would wait for it.
func hangDisk(s *storm, n *Node) (func() error, error) { return n.HangDisk(s.upTo(2 * stallLimit / 3)) }

// hangForGood lets a disk hang for good: the node must stop.
func hangForGood(_ *storm, n *Node) (func() error, error) {
	_, err := n.HangDisk(time.Hour)
	return func() error { return n.replaced(stallLimit + time.Second) }, err
}

// failDisk lets the next append fail: the node must stop.
func failDisk(written bool) begins {
	return func(_ *storm, n *Node) (func() error, error) {
		_, err := n.FailDisk(written)
		return func() error { return n.replaced(time.Second) }, err
	}
}

// replaced starts a node again whose disk has failed, as if on another one with the same data. A node that
// has not noticed is killed: while there is no majority, nobody writes.
func (n *Node) replaced(most time.Duration) error {
	code, err := n.AwaitEnd(most)
	if err == nil && code != exitIO {
		return fmt.Errorf("%s has a failing disk and ended with code %d\n%s", n.ID, code, n.Tail(5))
	}
	n.Kill()
	return n.Start()
}

// downgrade lets a node be of the previous build for a while, as in an update that is half done.
func downgrade(s *storm, n *Node) (func() error, error) {
	if s.previous == "" {
		return nil, errUnsuited
	}
	as := func(program string) error {
		err := errors.Join(n.Signal(syscall.SIGTERM), n.endsInOrder())
		n.bin = program
		return errors.Join(err, n.Start())
	}
	return func() error { return as(s.Bin) }, as(s.previous)
}

func tearLog(_ *storm, n *Node) (func() error, error) { return n.TearLog() }

func flipLog(_ *storm, n *Node) (func() error, error) { return n.FlipLog() }

func flipSnapshot(_ *storm, n *Node) (func() error, error) {
	if _, err := n.snapshotFiles(); err != nil {
		return nil, errUnsuited
	}
	return n.FlipSnapshot()
}

func stepWall(by time.Duration) begins {
	return func(_ *storm, n *Node) (func() error, error) { return n.StepWall(by) }
}

func drift(ppm int) begins {
	return func(_ *storm, n *Node) (func() error, error) { return n.DriftRaw(ppm) }
}

func fillDisk(left int64) begins {
	return func(_ *storm, n *Node) (func() error, error) {
		end, err := n.FillDisk(left)
		if err != nil && end != nil {
			err = errors.Join(err, end())
		}
		return end, err
	}
}
