// Clocks that are wrong. Locks live by the leader's raw clock, which may be as wrong as --clock-drift-ppm
// says; the date must not matter to them.

package real

import (
	"fmt"
	"time"
)

// StepWall sets a node's date forward, or back, until end is called. It needs Cluster.Control.
func (n *Node) StepWall(by time.Duration) (end func() error, err error) {
	return n.until("wall "+by.String(), "wall 0s")
}

// DriftRaw makes a node's raw clock run fast by so many millionths, or slow, until end is called; by what it
// has gained until then it stays ahead. It needs Cluster.Control.
func (n *Node) DriftRaw(ppm int) (end func() error, err error) {
	return n.until(fmt.Sprintf("rate %d", ppm), "rate 0")
}

// JumpRaw makes a node's raw clock jump once, as that of a virtual machine may that is moved to another
// host. It needs Cluster.Control.
func (n *Node) JumpRaw(by time.Duration) (end func() error, err error) {
	_, err = n.Control("jump " + by.String())
	return func() error { return nil }, err
}
