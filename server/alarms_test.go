package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/divtxt/lockd/cluster"
)

// watched is alarms whose readings a test makes.
type watched struct {
	t   *testing.T
	a   *alarms
	r   reading
	out bytes.Buffer
}

// watchThree is the leader of three nodes, all well.
func watchThree(t *testing.T) *watched {
	w := &watched{t: t}
	w.a = newAlarms(slog.New(slog.NewTextHandler(&w.out, nil)), 400*time.Millisecond)
	w.r.now = time.Unix(1e9, 0)
	w.r.behind = func(index uint64) uint64 { return 10 * (w.r.node.CommitIndex - index) }
	w.r.node.Role, w.r.node.Leader, w.r.node.CommitIndex = "leader", "n1", 100_000
	w.r.members = []cluster.Member{
		{ID: "n1", Self: true, Leader: true, Voter: true, Up: true, Index: 100_000},
		{ID: "n2", Voter: true, Up: true, Index: 100_000},
		{ID: "n3", Voter: true, Up: true, Index: 99_000},
		{ID: "n4", Up: false, Index: 0}, // a learner on its way
	}
	w.pass(3)
	w.says()
	return w
}

// pass lets seconds pass.
func (w *watched) pass(seconds int) {
	for range seconds {
		w.r.now = w.r.now.Add(time.Second)
		w.a.look(w.r)
	}
}

// says compares what was logged since the last call: one line for each part, with that part in it.
func (w *watched) says(parts ...string) {
	w.t.Helper()
	lines := strings.Split(strings.TrimSuffix(w.out.String(), "\n"), "\n")
	if w.out.Len() == 0 {
		lines = nil
	}
	w.out.Reset()
	if len(lines) != len(parts) {
		w.t.Fatalf("said %q, want %q", lines, parts)
	}
	for i, part := range parts {
		if !strings.Contains(lines[i], part) {
			w.t.Fatalf("said %q, want %q", lines[i], part)
		}
	}
}

func TestAlarmOfLag(t *testing.T) {
	w := watchThree(t)
	w.r.node.CommitIndex += 50_000
	w.r.members[1].Index = w.r.node.CommitIndex
	w.pass(5)
	w.says() // not yet for long enough
	w.pass(10)
	w.says("a follower lags")
	w.pass(int(alarmAgain / time.Second))
	w.says("a follower lags")
	w.r.members[2].Index = w.r.node.CommitIndex
	w.pass(10)
	w.says("the follower has caught up")
	// Few entries, and many bytes.
	w.r.node.CommitIndex += 1000
	w.r.members[1].Index = w.r.node.CommitIndex
	w.r.behind = func(uint64) uint64 { return lagBytes + 1 }
	w.pass(6)
	w.says("node=n3 entries=1000")
	// Another node leads: it tells now.
	w.r.node.Role = "follower"
	w.pass(600)
	w.says()
}

// What comes and goes is not told, and what is told does not flutter.
func TestAlarmsDoNotFlutter(t *testing.T) {
	w := watchThree(t)
	for range 50 {
		w.r.members[2].Index = 0
		w.pass(3)
		w.r.members[2].Index = w.r.node.CommitIndex
		w.pass(1)
	}
	w.says()
	w.r.members[2].Index = 0
	w.pass(6)
	w.says("a follower lags")
	for range 50 {
		w.r.members[2].Index = w.r.node.CommitIndex
		w.pass(3)
		w.r.members[2].Index = 0
		w.pass(1)
	}
	w.says()
}

func TestAlarmOfMembers(t *testing.T) {
	w := watchThree(t)
	w.r.members[1].Up, w.r.members[1].SinceHeard = false, 7*time.Second
	w.r.members[1].Index = 0 // it is not said to lag as well
	w.pass(20)
	w.says("a node is not heard")
	w.r.members[1].Up, w.r.members[1].Index = true, w.r.node.CommitIndex
	w.pass(6)
	w.says("the node is heard again")
	w.r.members[2].Up = false
	w.pass(6)
	w.says("node=n3")
	w.r.members = w.r.members[:2] // it was removed
	w.pass(600)
	w.says()
}

func TestAlarmOfLeader(t *testing.T) {
	w := watchThree(t)
	w.r.node.Role, w.r.node.Leader = "follower", ""
	w.pass(2)
	w.says() // an election
	w.pass(3)
	w.says("there is no leader")
	w.r.node.Leader = "n2"
	w.pass(6)
	w.says("there is a leader again")
}

func TestAlarmOfDisk(t *testing.T) {
	w := watchThree(t)
	w.r.sync.P99 = 100 * time.Millisecond // as much as a quarter
	w.pass(60)
	w.says()
	w.r.sync.P99++
	w.pass(9)
	w.says()
	w.pass(2)
	w.says("the disk is slow")
	w.r.sync.P99 = time.Millisecond
	w.pass(6)
	w.says("fast enough")
}

func TestAlarmOfClock(t *testing.T) {
	w := watchThree(t)
	w.r.node.Freezes = 3 // some were between two looks
	w.pass(5)
	w.says()
	for range 20 { // each look meets another freeze
		w.r.node.Freezes++
		w.r.node.Frozen = true
		w.pass(1)
	}
	w.says()
	w.pass(3)
	w.says("the cluster clock stands still")
	w.r.node.Frozen = false
	w.pass(6)
	w.says("the cluster clock runs again")
}

func TestAlarmOfApply(t *testing.T) {
	w := watchThree(t)
	w.r.node.SlowApplies, w.r.node.SlowLast = 1, 300*time.Millisecond
	w.pass(1)
	w.says("took=300ms")
	for range 100 {
		w.r.node.SlowApplies++
		w.pass(1)
	}
	w.says()
	w.pass(int(alarmAgain / time.Second))
	w.says("times=100")
	// What was slow before this node was watched (the log that is applied at the start) is no news.
	fresh := &watched{t: t, a: newAlarms(slog.New(slog.NewTextHandler(&w.out, nil)), time.Second), r: w.r}
	fresh.pass(5)
	w.says()
}
