// A client that is a process of its own, so that it can be killed, and can be put into a network of its own,
// so that it can be cut off. What it does it is told, line by line; it knows no timer and no retry.

package real

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// puppetAt names the address of the node that a puppet connects to. The program of a puppet is the one that
// uses this package, which calls Puppet where that is set.
const puppetAt = "LOCKD_PUPPET"

// Puppet is what a puppet's process does, for as long as there are lines to read: one connection, a command
// for each line, and a line for each reply.
func Puppet(addr string, lines io.Reader, replies io.Writer) error {
	conn, err := Dial(addr, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewScanner(lines)
	for in.Scan() {
		reply, err := conn.Do(time.Hour, strings.Fields(in.Text())...)
		if err != nil {
			reply = err
		}
		if _, err := fmt.Fprintln(replies, reply); err != nil {
			return err
		}
	}
	return in.Err()
}

// puppet is such a process.
type puppet struct {
	cmd     *exec.Cmd
	lines   io.WriteCloser
	replies chan string // closed when it is gone
}

// startPuppet starts one that uses a node. It lives in a network namespace, if one is named.
func startPuppet(n *Node, netns string) (*puppet, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	words := []string{self}
	if netns != "" { // which becomes the process, so that signals reach it
		words = append([]string{"ip", "netns", "exec", netns}, words...)
	}
	p := &puppet{cmd: exec.Command(words[0], words[1:]...), replies: make(chan string, 1)}
	p.cmd.Env = append(os.Environ(), puppetAt+"="+n.Addr())
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = dieWithParent()
	if p.lines, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.replies)
		for in := bufio.NewScanner(out); in.Scan(); {
			p.replies <- in.Text()
		}
		_ = p.cmd.Wait()
	}()
	return p, nil
}

// tell makes it send a command.
func (p *puppet) tell(words ...string) error {
	_, err := fmt.Fprintln(p.lines, strings.Join(words, " "))
	return err
}

// answer waits for the reply.
func (p *puppet) answer(most time.Duration) (string, error) {
	select {
	case reply, ok := <-p.replies:
		if !ok {
			return "", io.ErrUnexpectedEOF
		}
		return reply, nil
	case <-time.After(most):
		return "", fmt.Errorf("no reply after %v", most)
	}
}

// kill is kill -9. It does not wait for the end.
func (p *puppet) kill() { _ = p.cmd.Process.Kill() }
