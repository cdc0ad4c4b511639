//go:build linux

// Starting and stopping the two servers, and asking the kernel what they cost.

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is one running process.
type server struct {
	name string
	addr string
	dir  string
	args []string
	cmd  *exec.Cmd
	dialect
}

// bed is where servers are started: the programs, and a folder on the disk to be measured.
type bed struct {
	lockd, redis string
	versus       string
	dir          string
	lockdArgs    []string
}

// newBed finds the programs; lockd is built from this module unless a binary is named.
func newBed(o options) (*bed, error) {
	dir, err := os.MkdirTemp(o.dir, "lockd-bench-")
	if err != nil {
		return nil, err
	}
	b := &bed{lockd: o.lockd, redis: o.redis, versus: o.versus, dir: dir, lockdArgs: strings.Fields(o.lockdArgs)}
	if b.lockd != "" {
		return b, nil
	}
	b.lockd = filepath.Join(dir, "lockd-built") // its folder is called lockd
	build := exec.Command("go", "build", "-o", b.lockd, "github.com/divtxt/lockd")
	build.Stderr = os.Stderr
	return b, build.Run()
}

func (b *bed) remove() { _ = os.RemoveAll(b.dir) }

// startRedis starts Redis with every command synced to disk before its reply.
func (b *bed) startRedis() (*server, error) {
	s := &server{name: "redis", dir: filepath.Join(b.dir, "redis")}
	port := freePort()
	s.addr = "127.0.0.1:" + port
	s.args = []string{b.redis, "--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always"}
	if err := s.start(); err != nil {
		return nil, err
	}
	sha, err := s.ask("SCRIPT", "LOAD", releaseScript)
	s.sha = sha
	return s, err
}

// startLockd starts lockd as it is shipped.
func (b *bed) startLockd() (*server, error) { return b.start("lockd", b.lockd) }

// startPeer starts what lockd is compared with: Redis, or another build of lockd.
func (b *bed) startPeer() (*server, error) {
	if b.versus == "" {
		return b.startRedis()
	}
	return b.start("other", b.versus)
}

func (b *bed) start(name, program string) (*server, error) {
	s := &server{name: name, dir: filepath.Join(b.dir, name)}
	port := freePort()
	s.addr = "127.0.0.1:" + port
	s.args = append([]string{program, "--port", port, "--dir", filepath.Join(s.dir, "data")}, b.lockdArgs...)
	return s, s.start()
}

func freePort() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

// start runs the process and waits until it answers.
func (s *server) start() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(filepath.Join(s.dir, "output"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if answer, err := s.ask("PING"); err == nil && answer == "PONG" {
			return nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return fmt.Errorf("%s does not answer, see %s", s.name, out.Name())
}

// kill ends the process without warning, stop in an orderly way.
func (s *server) kill() { s.end(syscall.SIGKILL) }
func (s *server) stop() { s.end(syscall.SIGTERM) }

func (s *server) end(sig syscall.Signal) {
	_ = s.cmd.Process.Signal(sig)
	_ = s.cmd.Wait()
}

// ask sends one command on a connection of its own and returns its reply as text; only the first line
// that is no header of a longer reply.
func (s *server) ask(words ...string) (string, error) {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.Write(appendCommand(nil, words...)); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(line, "$") && line[1] != '-' {
		n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
		body := make([]byte, n)
		for got := 0; got < n; {
			m, err := r.Read(body[got:])
			if err != nil {
				return "", err
			}
			got += m
		}
		return string(body), nil
	}
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "-") {
		return "", errors.New(line[1:])
	}
	return line[1:], nil
}

// cpu is the processor time used so far.
func (s *server) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), ") ")
	words := strings.Fields(after)
	user, _ := strconv.Atoi(words[11])
	system, _ := strconv.Atoi(words[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
}

// rss is the resident memory in bytes.
func (s *server) rss() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	kb, _ := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	return kb << 10
}

// ownCPU is the processor time that this process used so far.
func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
