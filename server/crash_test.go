// Crashes of a real process. What it acknowledged must be there after kill -9, whenever that comes; a torn
// end of the log is cut, and damage anywhere else is refused with the name of the file.

package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// binary builds lockd once for all tests of this package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lockd-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "lockd")
	out, err := exec.Command("go", "build", "-o", path, "github.com/divtxt/lockd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// TestMain removes the binary.
func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// process is a running lockd.
type process struct {
	cmd    *exec.Cmd
	addr   string
	output strings.Builder // stderr
	client *redis.Client
}

var listensOn = regexp.MustCompile(`listens on (\S+:\d+)`)

// launch starts lockd on dir and waits for its start line.
func launch(t *testing.T, dir string, flags ...string) *process {
	t.Helper()
	p, err := tryLaunch(t, dir, flags...)
	if err != nil {
		t.Fatalf("lockd did not start: %v\n%s", err, p.output.String())
	}
	return p
}

func tryLaunch(t *testing.T, dir string, flags ...string) (*process, error) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{}
	p.cmd = exec.Command(path, append([]string{"--port", "0", "--dir", dir, "--log-level", "warn"}, flags...)...)
	p.cmd.Stderr = &p.output
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return p, p.cmd.Wait()
	}
	found := listensOn.FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("start line %q", line)
	}
	p.addr = strings.TrimSuffix(found[1], ",")
	p.client = redis.NewClient(&redis.Options{Addr: p.addr, MaxRetries: -1})
	return p, nil
}

// kill is kill -9.
func (p *process) kill() {
	if p.client != nil {
		_ = p.client.Close()
		p.client = nil
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *process) do(words ...any) (any, error) {
	return p.client.Do(context.Background(), words...).Result()
}

// kills is how often the process is killed: LOCKD_KILLS, or few.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("LOCKD_KILLS")); err == nil {
		return n
	}
	return 10
}

// TestKilledAfterOK kills the process 0-200 ms after it acknowledged a lock, while others lock too, and looks
// for every acknowledged lock after the restart.
func TestKilledAfterOK(t *testing.T) {
	dir := t.TempDir()
	held := map[string]int64{} // acknowledged and never released
	highest := int64(0)
	for round := range kills() {
		p := launch(t, dir, "--snapshot-log-bytes", "1mb") // so that it also dies while it takes snapshots
		for key, token := range held {
			if got, err := p.do("LOCK.TOKEN", key, "o"); err != nil || got != token {
				t.Fatalf("round %d: %s was acknowledged with token %d, now: %v, %v", round, key, token, got, err)
			}
		}
		if _, err := p.do("FLUSHALL"); err != nil { // or restarts would take longer and longer
			t.Fatal(err)
		}
		held = map[string]int64{}
		highest = crowd(t, p, round, held, highest)
	}
}

// crowd has several clients take locks until the process is killed, and notes what was acknowledged.
func crowd(t *testing.T, p *process, round int, held map[string]int64, highest int64) int64 {
	var mu sync.Mutex
	var wait sync.WaitGroup
	before, client := highest, p.client
	p.client = nil // closed here, once nobody uses it
	first := make(chan struct{})
	var once sync.Once
	for c := range 4 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := 0; ; i++ {
				key := fmt.Sprintf("r%d:c%d:%d", round, c, i)
				got, err := client.Do(context.Background(), "LOCK", key, "o", 3_600_000).Result()
				if err != nil {
					return
				}
				token, ok := got.(int64)
				mu.Lock()
				if !ok || token <= before {
					t.Errorf("round %d: LOCK %s answered %v, tokens were given up to %d", round, key, got, before)
				}
				held[key] = token
				highest = max(highest, token)
				mu.Unlock()
				once.Do(func() { close(first) })
			}
		}()
	}
	<-first
	time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
	p.kill()
	wait.Wait()
	_ = client.Close()
	return highest
}

// TestSecondProcessIsRefused starts two on one folder.
func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := launch(t, dir)
	second, err := tryLaunch(t, dir)
	if err == nil {
		t.Fatal("a second process runs on the same folder")
	}
	if code := second.cmd.ProcessState.ExitCode(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	if said := second.output.String(); !strings.Contains(said, strconv.Itoa(first.cmd.Process.Pid)) {
		t.Errorf("it does not name the first process %d: %s", first.cmd.Process.Pid, said)
	}
	if got, err := first.do("PING"); err != nil || got != "PONG" {
		t.Errorf("the first one answers %v, %v", got, err)
	}
}

// fill writes locks and kills the process.
func fill(t *testing.T, dir string, n int) {
	t.Helper()
	p := launch(t, dir)
	for i := range n {
		if _, err := p.do("LOCK", fmt.Sprintf("k%d", i), "o", 3_600_000, "NOTE", strings.Repeat("x", 200)); err != nil {
			t.Fatal(err)
		}
	}
	p.kill()
}

// oldest and newest return the first and the last file that matches.
func oldest(t *testing.T, pattern string) string { return matching(t, pattern)[0] }

func newest(t *testing.T, pattern string) string {
	files := matching(t, pattern)
	return files[len(files)-1]
}

func matching(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v %v", pattern, files, err)
	}
	return files
}

// TestFlippedBitIsRefused changes one bit of an early entry.
func TestFlippedBitIsRefused(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 50)
	file := oldest(t, filepath.Join(dir, "raft", "wal", "*.wal"))
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(data), "k5")
	if at < 0 {
		t.Fatalf("%s does not hold the entry", file)
	}
	data[at] ^= 4
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := tryLaunch(t, dir)
	if err == nil {
		t.Fatal("it started on a damaged log")
	}
	if said := p.output.String(); !strings.Contains(said, filepath.Base(file)) || p.cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("exit code %d, said %s", p.cmd.ProcessState.ExitCode(), said)
	}
}

// TestTornTailIsCut cuts into the last entry, as a crash in the middle of a write does.
func TestTornTailIsCut(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 50)
	file := oldest(t, filepath.Join(dir, "raft", "wal", "*.wal"))
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.LastIndex(string(data), "k49")
	clear(data[at+1:])
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, dir)
	for i := range 49 {
		if got, err := p.do("ISLOCKED", fmt.Sprintf("k%d", i), "o"); err != nil || got != int64(1) {
			t.Fatalf("k%d is gone: %v, %v", i, got, err)
		}
	}
}

// TestDamagedSnapshotIsRefused changes one bit of a snapshot.
func TestDamagedSnapshotIsRefused(t *testing.T) {
	dir := t.TempDir()
	p := launch(t, dir)
	for i := range 50 {
		if _, err := p.do("LOCK", fmt.Sprintf("k%d", i), "o", 3_600_000); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := p.do("SAVE"); err != nil || got != "OK" {
		t.Fatalf("SAVE answers %v, %v", got, err)
	}
	p.kill()
	file := newest(t, filepath.Join(dir, "raft", "snapshots", "*", "state.bin"))
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err = tryLaunch(t, dir)
	if err == nil {
		t.Fatal("it started on a damaged snapshot")
	}
	if said := p.output.String(); !strings.Contains(said, filepath.Base(filepath.Dir(file))) ||
		p.cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("exit code %d, said %s", p.cmd.ProcessState.ExitCode(), said)
	}
}

// TestStopsCleanly ends it with SIGTERM while clients wait and work.
func TestStopsCleanly(t *testing.T) {
	dir := t.TempDir()
	p := launch(t, dir)
	if _, err := p.do("LOCK", "k", "o", 3_600_000); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := p.do("LOCK", "k", "p", 1000, "WAIT", 60_000)
		waiting <- err
	}()
	time.Sleep(100 * time.Millisecond)
	begun := time.Now()
	_ = p.cmd.Process.Signal(os.Interrupt)
	err := p.cmd.Wait()
	if err != nil || time.Since(begun) > 5*time.Second {
		t.Fatalf("after %v: %v\n%s", time.Since(begun), err, p.output.String())
	}
	if err := <-waiting; err == nil {
		t.Error("the waiter was told it has the lock")
	}
	q := launch(t, dir)
	if got, err := q.do("LOCK.TOKEN", "k", "o"); err != nil || got != int64(1) {
		t.Errorf("after the restart: %v, %v", got, err)
	}
}

// TestStopsCleanlyBeforeItServes ends a node with SIGTERM that waits for others.
func TestStopsCleanlyBeforeItServes(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--port", "0", "--cluster-port", "0", "--advertise", "127.0.0.1:1",
		"--dir", t.TempDir(), "--join", "wait")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		fmt.Fprintln(&log, lines.Text())
		if strings.Contains(lines.Text(), "waiting to be added") {
			_ = cmd.Process.Signal(os.Interrupt)
		}
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(log.String(), "waiting to be added") {
		t.Errorf("%v\n%s", err, log.String())
	}
}

// TestNobodyIsCutOffInTheMiddle ends it with SIGTERM while clients work: what was acknowledged is there
// afterwards, and a command whose connection ended without a reply was not done.
func TestNobodyIsCutOffInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	p := launch(t, dir)
	var wait sync.WaitGroup
	var mu sync.Mutex
	var acknowledged, unanswered []string
	for c := range 8 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := 0; ; i++ {
				key := fmt.Sprintf("c%d:%d", c, i)
				_, err := p.do("LOCK", key, "o", 3_600_000)
				mu.Lock()
				if err == nil {
					acknowledged = append(acknowledged, key)
				} else {
					unanswered = append(unanswered, key)
				}
				mu.Unlock()
				var broken net.Error
				if err != nil {
					if !errors.Is(err, io.EOF) && !errors.As(err, &broken) {
						t.Errorf("client %d was told: %v", c, err)
					}
					return
				}
			}
		}()
	}
	time.Sleep(100 * time.Millisecond)
	_ = p.cmd.Process.Signal(os.Interrupt)
	wait.Wait()
	if err := p.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	q := launch(t, dir)
	for _, key := range acknowledged {
		if got, err := q.do("ISLOCKED", key, "o"); err != nil || got != int64(1) {
			t.Fatalf("%s was acknowledged and is gone: %v, %v", key, got, err)
		}
	}
	for _, key := range unanswered {
		if got, err := q.do("ISLOCKED", key); err != nil || got != int64(0) {
			t.Errorf("%s was not answered and is locked: %v, %v", key, got, err)
		}
	}
}

// TestDiskBelowLowWater refuses what grows and serves the rest, with Redis' code for it.
func TestDiskBelowLowWater(t *testing.T) {
	dir := t.TempDir()
	p := launch(t, dir)
	if _, err := p.do("LOCK", "k", "o", 3_600_000); err != nil {
		t.Fatal(err)
	}
	p.kill()
	p = launch(t, dir, "--min-free-disk", "1000000gb")
	_, err := p.do("SET", "x", "1")
	if err == nil || !strings.HasPrefix(err.Error(), "OOM disk full") {
		t.Errorf("SET answers %v", err)
	}
	if got, err := p.do("GET", "k"); err != nil || got != "o" {
		t.Errorf("GET answers %v, %v", got, err)
	}
	if got, err := p.do("UNLOCK", "k", "o"); err != nil || got != int64(1) {
		t.Errorf("UNLOCK answers %v, %v", got, err)
	}
}

// TestPortInUse says so before anything is written, with exit code 1.
func TestPortInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	p, err := tryLaunch(t, t.TempDir(), "--port", port, "--cluster-port", "1")
	if err == nil {
		t.Fatal("it started")
	}
	if said := p.output.String(); !strings.Contains(said, port) || p.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("exit code %d, said %s", p.cmd.ProcessState.ExitCode(), said)
	}
}
