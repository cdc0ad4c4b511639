// Backup, restore and recovery with real processes.

package server_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// lockd runs a command line to its end.
func lockd(t *testing.T, args ...string) (output string, code int) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// must is lockd that must succeed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, code := lockd(t, args...)
	if code != 0 {
		t.Fatalf("lockd %s ends with %d: %s", strings.Join(args, " "), code, out)
	}
	return out
}

// freePorts are ports that nobody listens on at the moment.
func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ports = append(ports, port)
	}
	return ports
}

// three starts a cluster of three; flags gives the flags of each node for another start.
func three(t *testing.T) (nodes [3]*process, dirs [3]string, flags [3][]string) {
	t.Helper()
	var members []string
	for i, port := range freePorts(t, 3) {
		members = append(members, fmt.Sprintf("n%d=127.0.0.1:%s", i+1, port))
		dirs[i] = t.TempDir()
	}
	var all sync.WaitGroup
	for i := range nodes {
		flags[i] = []string{"--node-id", fmt.Sprintf("n%d", i+1), "--cluster", strings.Join(members, ",")}
		all.Go(func() {
			var err error
			if nodes[i], err = tryLaunch(t, dirs[i], flags[i]...); err != nil {
				t.Errorf("node %d: %v %s", i+1, err, nodes[i].output.String())
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return nodes, dirs, flags
}

// A backup that is pulled from each node in turn, under load, has every lock that was acknowledged before it
// began; a node on the restored folder has them with owner, note of their end and token, and its own tokens
// are higher than any before.
func TestBackupAndRestore(t *testing.T) {
	nodes, _, _ := three(t)
	if got, err := nodes[0].do("LOCK", "short", "s", 700); err != nil {
		t.Fatal(got, err)
	}
	var acknowledged [3]atomic.Int64
	var highest atomic.Int64
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i, n := range nodes {
		clients.Go(func() {
			for k := int64(1); ; k++ {
				select {
				case <-stop:
					return
				default:
				}
				got, err := n.do("LOCK", fmt.Sprintf("%d-%d", i, k), fmt.Sprintf("o%d", k), 3_600_000)
				token, ok := got.(int64)
				if err != nil || !ok {
					t.Errorf("LOCK: %v %v", got, err)
					return
				}
				acknowledged[i].Store(k)
				for old := highest.Load(); token > old && !highest.CompareAndSwap(old, token); old = highest.Load() {
				}
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	file := filepath.Join(t.TempDir(), "b.backup")
	var before [3]int64
	for _, n := range nodes {
		for i := range before {
			before[i] = acknowledged[i].Load()
		}
		if out := must(t, "backup", "--addr", n.addr, "--output", file); !strings.Contains(out, "keys up to log entry") {
			t.Error(out)
		}
		if out := must(t, "restore", "--check", file); !strings.Contains(out, "is a whole backup") {
			t.Error(out)
		}
	}
	close(stop)
	clients.Wait()
	out, _ := lockd(t, "backup", "--addr", nodes[1].addr, "--output", "-")
	if !strings.HasPrefix(out, "lockd backup 1\n") {
		t.Errorf("%.80q", out)
	}
	for _, n := range nodes {
		n.kill()
	}

	dir := filepath.Join(t.TempDir(), "new")
	said := must(t, "restore", file, "--dir", dir, "--node-id", "m1", "--cluster-port", freePorts(t, 1)[0])
	for _, want := range []string{"node m1", "Fencing tokens go on above", "--join 127.0.0.1:"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said in %s", want, said)
		}
	}
	time.Sleep(time.Second) // longer than "short" had: no time passes for a lock while nobody runs
	p := launch(t, dir)
	if got, err := p.do("PTTL", "short"); err != nil || got.(int64) > 700 || got.(int64) <= 0 {
		t.Errorf("the short lock has %v left, %v", got, err)
	}
	for i, last := range before {
		for k := int64(1); k <= last; k++ {
			key := fmt.Sprintf("%d-%d", i, k)
			if got, err := p.do("GET", key); err != nil || got != fmt.Sprintf("o%d", k) {
				t.Fatalf("%s was acknowledged before the backup, now: %v, %v", key, got, err)
			}
		}
	}
	if got, err := p.do("PTTL", "0-1"); err != nil || got.(int64) < 3_500_000 || got.(int64) > 3_600_000 {
		t.Errorf("PTTL %v, %v", got, err)
	}
	if got, err := p.do("LOCK", "0-1", "o1", 3_600_000); err != nil || got.(int64) > highest.Load() {
		t.Errorf("a holder's renewal gets another token: %v, %v", got, err)
	}
	if got, err := p.do("LOCK", "fresh", "x", 60_000); err != nil || got.(int64) <= max(highest.Load(), time.Now().UnixMilli()*500) {
		t.Errorf("LOCK gets token %v after %d, %v", got, highest.Load(), err)
	}
}

// A broken file, a folder in use, a password: each is refused, and leaves nothing behind.
func TestBackupRefusals(t *testing.T) {
	dir := t.TempDir()
	p := launch(t, dir, "--requirepass", "sesame")
	file := filepath.Join(t.TempDir(), "b.backup")
	if out, code := lockd(t, "backup", "--addr", p.addr, "--output", file); code != 1 || !strings.Contains(out, "NOAUTH") {
		t.Error(code, out)
	}
	if left, _ := filepath.Glob(file + "*"); len(left) > 0 {
		t.Error(left)
	}
	must(t, "backup", "--addr", p.addr, "--password", "sesame", "--output", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bad := file + ".bad"
	if err := os.WriteFile(bad, text[:len(text)-100], 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if out, code := lockd(t, "restore", bad, "--dir", empty); code != 3 || !strings.Contains(out, "cut short") {
		t.Error(code, out)
	}
	if _, err := os.Stat(empty); !os.IsNotExist(err) {
		t.Error("a folder was made of a broken backup")
	}
	if out, code := lockd(t, "restore", file, "--dir", dir); code != 3 || !strings.Contains(out, "not empty") {
		t.Error(code, out)
	}
	if out, code := lockd(t, "recover", "--dir", dir); code != 3 || !strings.Contains(out, "in use") {
		t.Error(code, out)
	}
	if out, code := lockd(t, "restore", "--dir", empty); code != 2 {
		t.Error(code, out)
	}
	p.client = nil
}

// Two of three nodes are lost: the third goes on alone with what it had, under a new name, and one of the
// lost that comes back is refused. A new node joins.
func TestRecover(t *testing.T) {
	nodes, dirs, flags := three(t)
	token, err := nodes[0].do("LOCK", "a", "o", 3_600_000)
	if err != nil {
		t.Fatal(err)
	}
	// What was acknowledged is on each node once a backup of it has it.
	must(t, "backup", "--addr", nodes[2].addr, "--output", filepath.Join(t.TempDir(), "b"))
	for _, n := range nodes {
		n.kill()
	}
	if out, code := lockd(t, "recover", "--dir", dirs[2]); code != 1 || !strings.Contains(out, "WHAT MAY BE LOST") || !strings.Contains(out, "of 3 voting nodes") {
		t.Fatal(code, out)
	}
	ports := freePorts(t, 2)
	out := must(t, "recover", "--dir", dirs[2], "--cluster-port", ports[0], "--yes")
	if !strings.Contains(out, "Done: node n3 is now the new cluster") {
		t.Error(out)
	}
	p := launch(t, dirs[2], "--cluster-port", ports[0])
	if got, err := p.do("GET", "a"); got != "o" || err != nil {
		t.Error(got, err)
	}
	if got, err := p.do("LOCK", "b", "o", 60_000); err != nil || got.(int64) <= token.(int64) {
		t.Error(got, err)
	}
	// The old ones among themselves are still a majority of the old cluster: only a person can see to that.
	// But they do not take the recovered one for theirs.
	old := [2]*process{}
	var all sync.WaitGroup
	for i := range old {
		all.Go(func() { old[i], _ = tryLaunch(t, dirs[i], flags[i]...) })
	}
	all.Wait()
	if got, err := p.do("DBSIZE"); err != nil || got != int64(2) {
		t.Errorf("the recovered node has %v keys, %v", got, err)
	}
	joined := launch(t, t.TempDir(), "--node-id", "n9", "--cluster-port", ports[1], "--join", "127.0.0.1:"+ports[0])
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got, err := redis.NewClient(&redis.Options{Addr: joined.addr}).Get(ctx, "a").Result(); err != nil || got != "o" {
		t.Errorf("a node that joined has %v, %v", got, err)
	}
}
