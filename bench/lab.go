//go:build linux

// A network of its own for each node, so that one can be cut off: a network namespace behind a port of a
// bridge. A port that is disabled drops what comes and goes without a word, like a switch that has failed; a
// link that is taken down would tell both ends. Needs root and iproute2.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// lab is the bridge and its namespaces; names have the process's id in them.
type lab struct {
	name  string
	size  int
	third int // of the bridge's addresses 10.231.third.x
}

// A name begins with labPrefix; the rest is the process's id. With a port's number that fits into 15 bytes.
const (
	labPrefix = "lkb"
	maxLab    = 9
)

// newLab makes the network for size nodes.
func newLab(size int) (*lab, error) {
	l := &lab{name: labPrefix + strconv.Itoa(os.Getpid()), third: os.Getpid() % 250}
	removeOldLabs()
	if err := l.ip("link add %s type bridge", l.name); err != nil {
		return nil, fmt.Errorf("cutting nodes off needs root and bridges: %w", err)
	}
	commands := []string{
		"link set " + l.name + " up", fmt.Sprintf("addr add 10.231.%d.1/24 dev %s", l.third, l.name),
	}
	for i := range size {
		l.size = i + 1
		space, port := l.space(i), l.port(i)
		commands = append(commands,
			"netns add "+space,
			"link add "+port+" type veth peer name eth0 netns "+space,
			"link set "+port+" master "+l.name+" up",
			fmt.Sprintf("-n %s addr add %s/24 dev eth0", space, l.address(i)),
			"-n "+space+" link set eth0 up",
			"-n "+space+" link set lo up")
	}
	for _, c := range commands {
		if err := l.ip("%s", c); err != nil {
			l.remove()
			return nil, err
		}
	}
	return l, nil
}

func (l *lab) space(i int) string   { return fmt.Sprintf("%s-%d", l.name, i) }
func (l *lab) port(i int) string    { return fmt.Sprintf("%sp%d", l.name, i) }
func (l *lab) address(i int) string { return fmt.Sprintf("10.231.%d.%d", l.third, i+10) }

// within is what a command line begins with to run in the namespace of a node; it keeps its process id.
func (l *lab) within(i int) []string { return []string{"ip", "netns", "exec", l.space(i)} }

// cut takes a node off the network, join brings it back: the states 0 (disabled) and 3 (forwarding) of its
// port.
func (l *lab) cut(i int) error {
	return execute("bridge", "link", "set", "dev", l.port(i), "state", "0")
}
func (l *lab) join(i int) error {
	return execute("bridge", "link", "set", "dev", l.port(i), "state", "3")
}

func (l *lab) remove() {
	for i := range l.size {
		_ = l.ip("netns del %s", l.space(i))
	}
	_ = l.ip("link del %s", l.name)
}

// removeOldLabs removes what earlier runs left that were killed: a lab is named after its process.
func removeOldLabs() {
	bridges, _ := filepath.Glob("/sys/class/net/" + labPrefix + "*/bridge")
	for _, b := range bridges {
		name := filepath.Base(filepath.Dir(b))
		pid := strings.TrimPrefix(name, labPrefix)
		if _, err := os.Stat("/proc/" + pid); err == nil {
			continue
		}
		(&lab{name: name, size: maxLab}).remove()
	}
}

func (l *lab) ip(format string, a ...any) error {
	return execute("ip", strings.Fields(fmt.Sprintf(format, a...))...)
}

func execute(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
