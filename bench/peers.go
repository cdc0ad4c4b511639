//go:build linux

// etcd and NATS: three servers each, started as child processes of the program in bench/peers, which has the
// clients too.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// trio is three servers of one system.
type trio struct {
	name    string // what the clients know it by
	program string
	servers []*server
}

// buildPeers builds the program; the first time downloads what it needs from the Go proxy.
func (b *bed) buildPeers() (string, error) {
	if b.peers != "" {
		return b.peers, nil
	}
	where, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/divtxt/lockd").Output()
	if err != nil {
		return "", fmt.Errorf("the harness is run from its checkout: %w", err)
	}
	b.peers = filepath.Join(b.dir, "peers-built")
	build := exec.Command("go", "build", "-o", b.peers, ".")
	build.Dir = filepath.Join(strings.TrimSpace(string(where)), "bench", "peers")
	build.Stderr = os.Stderr
	progress("building etcd and NATS")
	return b.peers, build.Run()
}

// startTrio starts three servers; args gives each its command line.
func (b *bed) startTrio(name string, args func(i int, dir string, clients, peers []string) ([]string, error),
) (*trio, error) {
	program, err := b.buildPeers()
	if err != nil {
		return nil, err
	}
	t := &trio{name: name, program: program}
	var clients, links []string
	for range 3 {
		clients = append(clients, "127.0.0.1:"+freePort())
		links = append(links, "127.0.0.1:"+freePort())
	}
	for i := range 3 {
		s := &server{name: name, addr: clients[i], dir: filepath.Join(b.dir, fmt.Sprintf("%s-%d", name, i+1))}
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return nil, err
		}
		more, err := args(i, s.dir, clients, links)
		if err != nil {
			return nil, err
		}
		s.args = append([]string{program, name}, more...)
		t.servers = append(t.servers, s)
		if err := s.launch(); err != nil {
			t.stop()
			return nil, err
		}
	}
	if err := t.ready(); err != nil {
		t.stop()
		return nil, fmt.Errorf("%w; the end of what it wrote:\n%s", err, tail(t.servers[0].output()))
	}
	return t, nil
}

// startEtcd starts etcd with nothing set but names and addresses.
func (b *bed) startEtcd() (*trio, error) {
	return b.startTrio("etcd", func(i int, dir string, clients, peers []string) ([]string, error) {
		var all []string
		for j, p := range peers {
			all = append(all, fmt.Sprintf("n%d=http://%s", j+1, p))
		}
		return []string{
			"--name", fmt.Sprintf("n%d", i+1), "--data-dir", filepath.Join(dir, "data"), "--log-level", "error",
			"--listen-client-urls", "http://" + clients[i], "--advertise-client-urls", "http://" + clients[i],
			"--listen-peer-urls", "http://" + peers[i], "--initial-advertise-peer-urls", "http://" + peers[i],
			"--initial-cluster", strings.Join(all, ","),
		}, nil
	})
}

// natsFile makes NATS sync before it acknowledges. Each server is named by its address: that is how the
// client finds the one that leads.
const natsFile = `server_name: "%[1]s"
listen: "%[1]s"
jetstream { store_dir: "%[2]s", sync_interval: always }
cluster { name: bench, listen: "%[3]s", routes: [%[4]s] }
`

func (b *bed) startNATS() (*trio, error) {
	return b.startTrio("nats", func(i int, dir string, clients, peers []string) ([]string, error) {
		file := filepath.Join(dir, "nats.conf")
		text := fmt.Sprintf(natsFile, clients[i], filepath.Join(dir, "data"), peers[i],
			`"nats://`+strings.Join(peers, `", "nats://`)+`"`)
		return []string{"-c", file}, os.WriteFile(file, []byte(text), 0o600)
	})
}

func (t *trio) stop() {
	for _, s := range t.servers {
		if s.cmd.Process != nil {
			s.kill()
		}
	}
}

func (t *trio) addrs() string {
	var all []string
	for _, s := range t.servers {
		all = append(all, s.addr)
	}
	return strings.Join(all, ",")
}

func (t *trio) cpu() (sum time.Duration) {
	for _, s := range t.servers {
		sum += s.cpu()
	}
	return sum
}

// client is a command line of the program in bench/peers.
func (t *trio) client(what, addrs string, more ...string) *exec.Cmd {
	args := append([]string{what, "-backend", t.name, "-addrs", addrs}, more...)
	c := exec.Command(t.program, args...)
	c.Stderr = os.Stderr
	return c
}

// ready waits until a lock can be taken.
func (t *trio) ready() error { return t.client("ready", t.addrs()).Run() }

// leader is the server that leads.
func (t *trio) leader() (*server, error) {
	out, err := t.client("leader", t.addrs()).Output()
	if err != nil {
		return nil, err
	}
	for _, s := range t.servers {
		if s.addr == strings.TrimSpace(string(out)) {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s is led by %q, which is none of %s", t.name, out, t.addrs())
}

// onLeader runs one round with all clients on the leader, where these systems are fastest.
func (t *trio) onLeader(conns int, during time.Duration) (sample, error) {
	return t.measure(false, conns, during)
}

// onAll runs one round with clients that know all three servers, as their manuals have it.
func (t *trio) onAll(conns int, during time.Duration) (sample, error) {
	return t.measure(true, conns, during)
}

// failuresBorne is the share of failures that does not end the run: what others do under load is theirs.
const failuresBorne = .001

func (t *trio) measure(all bool, conns int, during time.Duration) (sample, error) {
	c := t.client("load", t.addrs(), "-all="+strconv.FormatBool(all), "-clients", strconv.Itoa(conns),
		"-warm", (during / 4).String(), "-for", during.String())
	served, begun := t.cpu(), time.Now()
	out, err := c.Output()
	if err != nil {
		return sample{}, err
	}
	took := time.Since(begun).Seconds()
	var r struct {
		Ops, P50, P99, P999, Cores float64
		Failed                     int
		Wrong                      string
	}
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&r); err != nil {
		return sample{}, fmt.Errorf("%s: %w in %q", t.name, err, out)
	}
	us := func(n float64) time.Duration { return time.Duration(n * float64(time.Microsecond)) }
	s := sample{
		ops: r.Ops, p50: us(r.P50), p99: us(r.P99), p999: us(r.P999),
		server: (t.cpu() - served).Seconds() / took, client: r.Cores,
	}
	if r.Failed > 0 {
		err = fmt.Errorf("%s: %d operations failed, the first: %s", t.name, r.Failed, r.Wrong)
	}
	if err != nil && float64(r.Failed) < r.Ops*during.Seconds()*failuresBorne {
		progress("%v", err)
		err = nil
	}
	return s, err
}
