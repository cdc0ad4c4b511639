// The hand on a node's disk and clocks that lockd offers to tests (server/testcontrol.go), where
// Cluster.Control asks for it. A process that is started again has a sound disk and true clocks again.

package real

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// errNoControl says that a node was started without the hand.
var errNoControl = errors.New("it was started without Cluster.Control")

// Control sends one line to the node's hand, and returns what it tells of itself: how many appends to the
// log there were, how many of them were delayed and how many hung, and by how many microseconds the date
// (wall) and the raw clock (raw) are off.
func (n *Node) Control(line string) (map[string]int64, error) {
	if n.hand == "" {
		return nil, fmt.Errorf("%s: %w", n.ID, errNoControl)
	}
	conn, err := net.DialTimeout("unix", n.hand, time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return nil, err
	}
	reply, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return nil, err
	}
	words := strings.Fields(reply)
	if len(words) == 0 || words[0] != "ok" {
		return nil, fmt.Errorf("%s answers %q: %s", n.ID, line, reply)
	}
	told := map[string]int64{}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		if told[name], err = strconv.ParseInt(value, 10, 64); err != nil {
			return nil, fmt.Errorf("%s answers %q: %s", n.ID, line, reply)
		}
	}
	return told, nil
}

// until does a line now, and gives a function for the one that takes it back. There is nothing to take back
// from a process that has ended meanwhile.
func (n *Node) until(begin, end string) (func() error, error) {
	_, err := n.Control(begin)
	process := n.ended
	return func() error {
		select {
		case <-process:
			return nil
		default:
		}
		if _, err := n.Control(end); err != nil && n.Running() && n.ended == process {
			return err
		}
		return nil
	}, err
}
