//go:build linux

// Starting and stopping the two servers, and asking the kernel what they cost.

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	env  []string // more than this process has
	cmd  *exec.Cmd
	dialect
}

// bed is where servers are started: the programs, and a folder on the disk to be measured.
type bed struct {
	lockd, redis string
	versus       string
	peers        string // the program of bench/peers, "" until it is built
	dir          string
	lockdArgs    []string
	env          []string // more for lockd
}

// newBed finds the programs; lockd is built from this module unless a binary is named.
func newBed(o options) (*bed, error) {
	dir, err := os.MkdirTemp(o.dir, "lockd-bench-")
	if err != nil {
		return nil, err
	}
	b := &bed{
		lockd: o.lockd, redis: o.redis, versus: o.versus, peers: o.cluster.peers, dir: dir,
		lockdArgs: strings.Fields(o.lockdArgs),
	}
	if b.lockd != "" {
		return b, nil
	}
	b.lockd = filepath.Join(dir, "lockd-built") // its folder is called lockd
	build := exec.Command("go", "build", "-o", b.lockd, "github.com/divtxt/lockd")
	build.Stderr = os.Stderr
	return b, build.Run()
}

// in is the same with a folder of its own, for a second cluster in one run.
func (b *bed) in(folder string) *bed {
	other := *b
	other.dir = filepath.Join(b.dir, folder)
	return &other
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

// freePort finds a port below those that the kernel gives to connections: a server that is started again must
// not find that a client sits on its port.
func freePort() string {
	for {
		port := strconv.Itoa(10_000 + rand.IntN(20_000))
		if ln, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			ln.Close()
			return port
		}
	}
}

// start runs the process and waits until it answers.
func (s *server) start() error {
	if err := s.launch(); err != nil {
		return err
	}
	return s.await()
}

// launch runs the process.
func (s *server) launch() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(s.output(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return s.cmd.Start()
}

// output is the file with what the process writes.
func (s *server) output() string { return filepath.Join(s.dir, "output") }

// await waits until the server answers.
func (s *server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if answer, err := s.ask("PING"); err == nil && answer == "PONG" {
			return nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return fmt.Errorf("%s does not answer; the end of what it wrote:\n%s", s.name, tail(s.output()))
}

// kill ends the process without warning, stop in an orderly way.
func (s *server) kill() { s.end(syscall.SIGKILL) }
func (s *server) stop() { s.end(syscall.SIGTERM) }

func (s *server) end(sig syscall.Signal) {
	_ = s.cmd.Process.Signal(sig)
	_ = s.cmd.Wait()
}

// tail is the last lines of a file: the folder it is in is gone when somebody could look.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// askWithin is how long a server has for a single question: a stopped process never answers.
const askWithin = 5 * time.Second

// ask sends one command on a connection of its own and returns its reply as text; only the first line
// that is no header of a longer reply.
func (s *server) ask(words ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", s.addr, askWithin)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(askWithin))
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
