// The storm as a test.
//
//	LOCKD_STORM=1h       how long it goes on; without it, one short epoch of two rounds
//	LOCKD_SEED=n         the seed of its first epoch; the next ones follow from it
//	LOCKD_RUNS=file      each epoch adds a line of JSON to it: a report.Run
//	LOCKD_STORM_DIR=dir  what a violation leaves behind is kept in here; without it, where the logs are
//	LOCKD_STORM_CLIENTS  "go" leaves out the clients that need Python and Node.js
//	LOCKD_NO_NETNS=1     leaves out what needs root and network namespaces

package real

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"
)

// rounds is how many rounds an epoch has, and epochs how many epochs a cluster sees, at most.
const (
	rounds = 6
	epochs = 10
)

// seedStep is from the seed of an epoch to that of the next one: seeds with the same rest have the same
// cluster.
const seedStep = 4

// TestStorm lets faults befall real clusters under load, for as long as LOCKD_STORM says.
func TestStorm(t *testing.T) {
	logging.Disable()           // go-redis tells of every connection that is refused
	seed := rand.Uint64() >> 11 // JSON keeps it whole
	if n, err := strconv.ParseUint(os.Getenv("LOCKD_SEED"), 10, 64); err == nil {
		seed = n
	}
	if os.Getenv("LOCKD_STORM") == "" {
		stormOn(t, seed, 2, 1, time.Time{})
		return
	}
	lasting, err := time.ParseDuration(os.Getenv("LOCKD_STORM"))
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(lasting)
	for failed := 0; time.Now().Before(until) && failed < 5; {
		next := seed + seedStep*epochs + 1 // where it fails
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { next = stormOn(t, seed, rounds, epochs, until) }) {
			failed++ // what is wrong with all of them needs no more of them
		}
		seed = next
	}
}

// stormOn lets some epochs pass over one cluster, and returns the next seed. What cluster it is follows from
// the seed, too: the epochs' seeds are so far apart that it is the same for each alone.
func stormOn(t *testing.T, seed uint64, rounds, epochs int, until time.Time) uint64 {
	long := !until.IsZero()
	args := []string{"--command-timeout", "5s", "--node-timeout", "2s", "--snapshot-log-bytes", "4mb"}
	var c *Cluster
	if long && os.Getenv("LOCKD_NO_NETNS") != "1" {
		c = withNetwork(t, args...)
	} else {
		c = newCluster(t, args...)
	}
	c.Control = true
	if c.Net != nil && seed%seedStep%2 == 1 { // not for all: disks in memory sync in no time
		c.DiskBytes = 400 << 20
	}
	size := 3
	if long && seed%seedStep == 3 {
		size = 5
	}
	if err := c.Form(size); err != nil {
		t.Fatal(err)
	}
	s := &storm{Cluster: c, library: dialGoRedis, rounds: rounds}
	if dir := os.Getenv("LOCKD_STORM_DIR"); dir != "" {
		s.keepIn = dir
	}
	if long {
		var err error
		if s.previous, err = Previous(); err != nil {
			t.Fatal(err)
		}
	}
	if long && os.Getenv("LOCKD_STORM_CLIENTS") != "go" {
		s.clients = startClients(t, c.Dir)
		for _, program := range s.clients {
			defer program.close()
		}
	}
	results := &results{T: t}
	s.judged = results.take
	for i := range epochs {
		if long && !time.Now().Before(until) {
			break
		}
		if err := s.pass(i, seed); err != nil {
			t.Fatalf("epoch %d, seed %d: %v", i, seed, err)
		}
		seed += seedStep
	}
	return seed + 1
}

// startClients starts the programs of other languages.
func startClients(t *testing.T, dir string) []*clientProgram {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var list []*clientProgram
	for _, name := range []string{"redis-py", "ioredis"} {
		c, err := startClient(name, root, dir)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// results judges epochs, each before the next one begins: judging takes processors, and servers that get none
// seem to be slow.
type results struct {
	*testing.T
	token int64 // the highest of the epochs judged
	took  time.Duration
}

func (r *results) take(e *epoch, batches []batch) {
	began := time.Now()
	r.token = e.rising(batches, r.token)
	e.judge(batches)
	r.took = time.Since(began)
	r.tell(e)
}

// tell writes an epoch's report.
func (r *results) tell(e *epoch) {
	run := &e.run
	setting := fmt.Sprintf("LOCKD_STORM=1m LOCKD_SEED=%d", run.Seed)
	run.Replay = setting + " go test -count=1 -timeout 0 -run TestStorm -v ./sim/real"
	run.Setting = "own client, go-redis, redis-py and ioredis"
	faults := 0
	for _, n := range run.Faults {
		faults += n
	}
	r.Logf("%s epoch %d seed %d: %d nodes, %d faults of %d kinds, %d operations in %v, "+
		"all serve after %v at most, %d wrong, %d undecided, judged in %v",
		time.Now().Format("15:04:05"), e.number, run.Seed, run.Nodes, faults, len(run.Faults), run.Operations,
		run.Took.Round(time.Millisecond), run.Recovery.Round(time.Millisecond), len(run.Violations),
		run.Checked["inconclusive"], r.took.Round(time.Millisecond))
	for i, w := range run.Violations {
		if i == 12 {
			r.Errorf("and %d more findings", len(run.Violations)-i)
			break
		}
		r.Error(w)
	}
	if len(run.Violations) > 0 {
		r.Errorf("again: %s", run.Replay)
	}
	if path := os.Getenv("LOCKD_RUNS"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			err = run.Write(f)
			f.Close()
		}
		if err != nil {
			r.Error(err)
		}
	}
}
