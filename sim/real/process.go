// One lockd process: its folder, its addresses, and what can be done to it.

package real

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Node is a lockd that can be started again and again on the same folder.
type Node struct {
	ID    string
	Dir   string // its data folder
	Log   string // what all its processes wrote, one after the other
	Host  string
	Port  int // for clients
	Peers int // for the other nodes
	Netns string
	Args  []string
	hand  string // the socket of its LOCKD_TEST_CONTROL, if it has one

	bin    string
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process is gone
	frozen bool          // by SIGSTOP
}

// Addr is where clients connect.
func (n *Node) Addr() string { return n.Host + ":" + strconv.Itoa(n.Port) }

// PeerAddr is where the other nodes connect.
func (n *Node) PeerAddr() string { return n.Host + ":" + strconv.Itoa(n.Peers) }

// Target is the node as clients see it.
func (n *Node) Target() Target { return Target{n.ID, n.Addr()} }

// Running tells whether its process is there, stopped by SIGSTOP or not.
func (n *Node) Running() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.ended:
		return false
	default:
		return true
	}
}

// Start starts its process and does not wait until that serves.
func (n *Node) Start() error {
	if n.Running() {
		return fmt.Errorf("%s runs already", n.ID)
	}
	log, err := os.OpenFile(n.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own
	words := append([]string{n.bin, "--dir", n.Dir, "--port", strconv.Itoa(n.Port),
		"--cluster-port", strconv.Itoa(n.Peers)}, n.Args...)
	if n.Netns != "" { // it becomes the process, so that signals reach it
		words = append([]string{"ip", "netns", "exec", n.Netns}, words...)
	}
	fmt.Fprintf(log, "=== %s starts: %s\n", time.Now().Format("15:04:05.000"), strings.Join(words, " "))
	n.cmd = exec.Command(words[0], words[1:]...)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	n.cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "LOCKD_") })
	if n.hand != "" {
		n.cmd.Env = append(n.cmd.Env, "LOCKD_TEST_CONTROL="+n.hand)
	}
	// A test that is killed must not leave servers behind. The signal comes when the thread that started
	// the process ends, which threads of Go do not do of themselves.
	n.cmd.SysProcAttr = dieWithParent()
	if err := n.cmd.Start(); err != nil {
		return err
	}
	n.frozen = false
	ended := make(chan struct{})
	n.ended = ended
	cmd := n.cmd
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	return nil
}

// Ask sends one command to it.
func (n *Node) Ask(timeout time.Duration, words ...string) (any, error) {
	return Ask(n.Addr(), timeout, words...)
}

// AwaitServing waits until it answers a linearizable read, which it can do only as part of its cluster.
func (n *Node) AwaitServing(most time.Duration) error {
	last := errors.New("it was never asked")
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if !n.Running() {
			return fmt.Errorf("%s ended with code %d\n%s", n.ID, n.cmd.ProcessState.ExitCode(), n.Tail(15))
		}
		if _, last = n.Ask(time.Second, "GET", "are-you-there"); last == nil {
			return nil
		}
	}
	return fmt.Errorf("%s does not serve after %v: %w\n%s", n.ID, most, last, n.Tail(15))
}

// Signal sends it a signal.
func (n *Node) Signal(s syscall.Signal) error {
	if !n.Running() {
		return fmt.Errorf("%s does not run", n.ID)
	}
	switch s {
	case syscall.SIGSTOP:
		n.frozen = true
	case syscall.SIGCONT:
		n.frozen = false
	}
	return n.cmd.Process.Signal(s)
}

// Kill is kill -9. It returns when the process is gone.
func (n *Node) Kill() {
	if n.Running() {
		_ = n.cmd.Process.Kill()
		<-n.ended
	}
}

// Stop is SIGTERM. It returns the process' exit code.
func (n *Node) Stop(most time.Duration) (int, error) {
	if err := n.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	return n.AwaitEnd(most)
}

// AwaitEnd waits until the process ends by itself, and returns its exit code.
func (n *Node) AwaitEnd(most time.Duration) (int, error) {
	select {
	case <-n.ended:
		return n.cmd.ProcessState.ExitCode(), nil
	case <-time.After(most):
		return 0, fmt.Errorf("%s still runs after %v\n%s", n.ID, most, n.Tail(15))
	}
}

// Wipe empties its folder, as a new disk does.
func (n *Node) Wipe() error {
	if n.Running() {
		return fmt.Errorf("%s runs", n.ID)
	}
	return os.RemoveAll(n.Dir)
}

// Tail is the last lines of its log.
func (n *Node) Tail(lines int) string {
	b, err := os.ReadFile(n.Log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return filepath.Base(n.Log) + ":\n\t" + strings.Join(all[max(0, len(all)-lines):], "\n\t")
}

// Wrote tells whether its log contains a text.
func (n *Node) Wrote(text string) bool { return n.wrote(text) > 0 }

// wrote counts how often it does.
func (n *Node) wrote(text string) int {
	b, err := os.ReadFile(n.Log)
	if err != nil {
		return 0
	}
	return bytes.Count(b, []byte(text))
}
