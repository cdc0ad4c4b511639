package session

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeTopology is a group that a test changes.
type fakeTopology struct {
	mu    sync.Mutex
	peers []Peer
}

func (f *fakeTopology) Peers() []Peer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Peer(nil), f.peers...)
}

func (f *fakeTopology) Watch() (<-chan struct{}, func()) { return nil, func() {} }

func (f *fakeTopology) change(id string, change func(*Peer)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.peers {
		if f.peers[i].ID == id {
			change(&f.peers[i])
		}
	}
}

// lead makes id the leader, or nobody.
func (f *fakeTopology) lead(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.peers {
		f.peers[i].Leader = f.peers[i].ID == id
	}
}

// three is a group of three whose first node asks and leads.
func three() *fakeTopology {
	peer := func(id string, port int) Peer {
		return Peer{ID: id, ClientAddress: ClientAddress{Host: "10.0.0." + id[1:], Port: port}, Voter: true, Up: true, Index: 40}
	}
	f := &fakeTopology{peers: []Peer{peer("n1", 6380), peer("n2", 6381), peer("n3", 6382)}}
	f.peers[0].Self, f.peers[0].Leader = true, true
	f.peers[1].SinceHeard = 1500 * time.Millisecond
	return f
}

func startGroup(t *testing.T) (*bench, *fakeTopology) {
	b, f := startBench(t), three()
	b.hub.Topology = f
	return b, f
}

func TestLeaderTellsItsReplicas(t *testing.T) {
	b, _ := startGroup(t)
	k := b.dial()
	if got := k.do("ROLE"); got != "master :42 10.0.0.2 6381 40 10.0.0.3 6382 40" {
		t.Error(got)
	}
	info := k.text("INFO replication")
	for _, line := range []string{
		"role:master\r\n", "connected_slaves:2\r\n",
		"slave0:ip=10.0.0.2,port=6381,state=online,offset=40,lag=1\r\n",
		"slave1:ip=10.0.0.3,port=6382,state=online,offset=40,lag=0\r\n",
	} {
		if !strings.Contains(info, line) {
			t.Errorf("%q is not in %s", line, info)
		}
	}
	if hello := k.do("HELLO"); !strings.Contains(hello, " role master ") {
		t.Error(hello)
	}
}

func TestFollowerTellsItsLeader(t *testing.T) {
	b, f := startGroup(t)
	f.lead("n2")
	k := b.dial()
	if got := k.do("ROLE"); got != "slave 10.0.0.2 :6381 connected :42" {
		t.Error(got)
	}
	info := fields(k.text("INFO replication"))
	for name, want := range map[string]string{
		"role": "slave", "master_host": "10.0.0.2", "master_port": "6381", "master_link_status": "up",
		"master_last_io_seconds_ago": "1", "slave_read_only": "0", "connected_slaves": "0",
	} {
		if info[name] != want {
			t.Errorf("%s is %q, want %q", name, info[name], want)
		}
	}
	f.lead("")
	if got := k.do("ROLE"); got != "slave  :0 connect :42" {
		t.Error(got)
	}
	if info := fields(k.text("INFO replication")); info["master_link_status"] != "down" || info["master_last_io_seconds_ago"] != "-1" {
		t.Error(info)
	}
	if hello := k.do("HELLO"); !strings.Contains(hello, " role replica ") {
		t.Error(hello)
	}
}

// TestWaitCounts: the leader's WAIT says the same number as its INFO, whatever the group looks like, and
// never counts who has no vote, is not heard, or is behind.
func TestWaitCounts(t *testing.T) {
	b, f := startGroup(t)
	k := b.dial()
	same := func(want string) {
		t.Helper()
		if got := k.do("WAIT 2 100000"); got != ":"+want {
			t.Errorf("WAIT replies %s, want %s", got, want)
		}
		if got := k.do("WAITAOF 1 2 100000"); got != ":1 :"+want {
			t.Errorf("WAITAOF replies %s, want %s", got, want)
		}
		if got := fields(k.text("INFO replication"))["connected_slaves"]; got != want {
			t.Errorf("connected_slaves is %s, want %s", got, want)
		}
	}
	same("2")
	f.change("n3", func(p *Peer) { p.Voter = false })
	same("1")
	f.change("n3", func(p *Peer) { p.Voter, p.Up = true, false })
	same("1")
	f.change("n3", func(p *Peer) { p.Up = true })
	b.node.mu.Lock()
	b.node.status.CommitIndex = 40 + stepEntries
	b.node.mu.Unlock()
	same("2")
	f.change("n2", func(p *Peer) { p.Index = 39 })
	same("1")
}

// A follower knows only that a majority has what was answered.
func TestWaitAtFollower(t *testing.T) {
	b, f := startGroup(t)
	f.lead("n3")
	k := b.dial()
	if got := k.do("WAIT 0 0"); got != ":1" {
		t.Error(got)
	}
	f.change("n2", func(p *Peer) { p.Voter = false })
	if got := k.do("WAIT 0 0"); got != ":1" {
		t.Error(got)
	}
	f.change("n3", func(p *Peer) { p.Voter = false })
	if got := k.do("WAIT 0 0"); got != ":0" {
		t.Error(got)
	}
}

func TestClientAddress(t *testing.T) {
	for text, want := range map[string]ClientAddress{
		"h:1":                                  {Host: "h", Port: 1},
		"h.example:6380;sentinel=26379":        {Host: "h.example", Port: 6380, SentinelPort: 26379},
		"[::1]:6380;sentinel=1;cluster=65535":  {Host: "::1", Port: 6380, SentinelPort: 1, ClusterViewPort: 65535},
		"10.0.0.1:6380;cluster=7000;newer=any": {Host: "10.0.0.1", Port: 6380, ClusterViewPort: 7000},
	} {
		got, err := ParseClient(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if back, err := FormatClient(got); err != nil || !strings.HasPrefix(text, back) {
			t.Errorf("%q becomes %q, %v", text, back, err)
		}
	}
	for _, text := range []string{
		"", "h", "h:", "h:0", "h:65536", "h:-1", ":1", "a b:1", "a,b:1", "a@b:1", "a\r\nb:1", "ä:1", "h:1;sentinel=", "h:1;sentinel=0",
		"h:1;cluster=x", "h:1;cluster=70000", strings.Repeat("h", longestClient) + ":1",
	} {
		if got, err := ParseClient(text); err == nil {
			t.Errorf("%q is taken as %+v", text, got)
		}
	}
	if text, err := FormatClient(ClientAddress{Host: "h"}); err == nil {
		t.Errorf("an address without a port becomes %q", text)
	}
}
