// Real lock libraries, as their users use them: locks/run.sh asks each for all that it can do, first of a
// redis-server, then of lockd as one node, as three nodes whose address is that of a follower, and as three nodes
// whose leader is killed meanwhile. docs/compatibility.md is written from what they say.
//
// It needs six languages and takes minutes, so it runs on request only (`make compat`, `make libraries`):
//
//	LOCKD_LIBRARIES=all go test ./compat_test -run Libraries -v [-update]
//	LOCKD_LIBRARIES=python,go …  only these languages; the page is then left alone
package compat_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// In a failover the libraries compete for so many seconds; the leader is killed some seconds after the last of them
// had its lock for the first time.
const (
	competeSeconds = 24
	untilKill      = 3 * time.Second
)

// setup is something that libraries are tried with. start gives the address that they are told and, where a leader
// is to be killed, what kills it.
type setup struct {
	title string
	start func(t *testing.T) (addr string, kill func() error)
}

// redisTitle is the set-up that all must pass that can be asked of lockd.
const redisTitle = "redis-server 7.0.15"

func setups() []setup {
	return []setup{
		{redisTitle, func(t *testing.T) (string, func() error) { return startRedis(t), nil }},
		{"one node", func(t *testing.T) (string, func() error) { return startLockd(t), nil }},
		{"three nodes", func(t *testing.T) (string, func() error) {
			addr, _ := startThree(t).follower()
			return addr, nil
		}},
		{"leader killed", func(t *testing.T) (string, func() error) { return startThree(t).follower() }},
	}
}

func TestLibraries(t *testing.T) {
	asked := os.Getenv("LOCKD_LIBRARIES")
	if asked == "" {
		t.Skip("set LOCKD_LIBRARIES=all: this installs the libraries of six languages and takes minutes")
	}
	var languages []string
	if asked != "all" {
		languages = strings.Split(asked, ",")
	}
	locks(t, append([]string{"prepare"}, languages...), nil)
	p := &page{}
	for _, s := range setups() {
		t.Run(s.title, func(t *testing.T) {
			addr, kill := s.start(t)
			words := []string{"once", addr}
			if kill != nil {
				words = []string{"failover", addr, strconv.Itoa(competeSeconds)}
			}
			for _, failed := range p.add(s.title, locks(t, append(words, languages...), kill)) {
				t.Error(failed)
			}
		})
	}
	if len(languages) > 0 {
		return
	}
	t.Run("redlock", redlockOnNodes)
	p.compare(t)
}

// locks runs run.sh and gives what it printed. A failed library is no failure of the run: it has said so. kill is
// called a while after the libraries have begun to compete.
func locks(t *testing.T, words []string, kill func() error) (said []string) {
	t.Helper()
	cmd := exec.Command("bash", append([]string{filepath.Join("locks", "run.sh")}, words...)...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		if line == "begin" {
			time.Sleep(untilKill)
			if err := kill(); err != nil {
				t.Error(err)
			}
			continue
		}
		t.Log(line)
		said = append(said, line)
	}
	_, _ = io.Copy(io.Discard, out) // a line that is too long ends the loop, and would hold up the program
	err = cmd.Wait()
	if complaints.Len() > 0 {
		t.Logf("run.sh %s complained:\n%s", strings.Join(words, " "), complaints.String())
	}
	if err != nil && len(said) == 0 {
		t.Fatalf("run.sh %s: %v", strings.Join(words, " "), err)
	}
	return said
}

// redlockOnNodes shows what docs/discovery.md says of Redlock: three nodes are no three servers, unless each starts
// its connections in a database of its own.
func redlockOnNodes(t *testing.T) {
	for _, c := range []struct {
		works bool
		flags func(node int) []string
	}{
		{false, func(int) []string { return nil }},
		{true, func(node int) []string { return []string{"--default-db", strconv.Itoa(node)} }},
	} {
		g := startTrio(t, c.flags)
		out, err := exec.Command("bash", append([]string{filepath.Join("locks", "run.sh"), "redlock"}, g.addrs()...)...).CombinedOutput()
		if works := err == nil; works != c.works {
			t.Errorf("flags %q: a majority: %v, want %v\n%s", c.flags(1), works, c.works, out)
		}
	}
}
