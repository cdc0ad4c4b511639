// This file watches a node from the inside and says in its log what an operator should know before clients
// complain: who lags, whose disk is slow, when time stands still for the locks. Each alarm says what it means
// and what to do. It is raised when something has been bad for some seconds, not at the first sign; while it
// lasts it is said again now and then, and once more when it is over. An alarm never does anything else.

package server

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/storage"
)

const (
	alarmEvery = time.Second
	alarmAgain = 5 * time.Minute // how often a lasting one is said
	alarmQuiet = 5 * time.Second // how long all must be well before it is over: less would be a flutter

	lagEntries = 10_000   // some seconds of load
	lagBytes   = 64 << 20 // what a snapshot is taken for: much more, and the node will need one
)

// reading is what the alarms look at.
type reading struct {
	now     time.Time
	node    cluster.Status
	members []cluster.Member
	sync    storage.SyncTimes
	behind  func(index uint64) uint64 // bytes of log after an entry
}

// alarms are the states of all alarms.
type alarms struct {
	log       *slog.Logger
	heartbeat time.Duration
	by        map[string]*alarm // by name, and by member where there is one for each
	slow      uint64            // slow applies that were told
	freezes   uint64            // as of the last look
	seen      bool              // there was a last look
}

// alarm is one thing that may be bad.
type alarm struct {
	bad  time.Time // since when; zero: it is well
	well time.Time // since when, after it was bad
	said time.Time // when it was last said; zero: not raised
}

func newAlarms(log *slog.Logger, heartbeat time.Duration) *alarms {
	return &alarms{log: log, heartbeat: heartbeat, by: map[string]*alarm{}}
}

// watch looks once a second until ctx ends.
func (a *alarms) watch(ctx context.Context, read func() reading) {
	tick := time.NewTicker(alarmEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.look(read())
		}
	}
}

// look judges one reading.
func (a *alarms) look(r reading) {
	a.members(r)
	a.leader(r)
	a.disk(r)
	a.clock(r)
	a.apply(r)
	a.seen = true
}

// judge keeps the state of the alarm called name. It is raised once it has been bad for after.
func (a *alarms) judge(name string, now time.Time, bad bool, after time.Duration) (raise, over bool) {
	s := a.by[name]
	if s == nil {
		if !bad {
			return false, false
		}
		s = &alarm{}
		a.by[name] = s
	}
	if !bad {
		if s.well.IsZero() {
			s.well = now
		}
		if s.said.IsZero() || now.Sub(s.well) >= alarmQuiet {
			delete(a.by, name)
			return false, !s.said.IsZero()
		}
		return false, false
	}
	if s.well = (time.Time{}); s.bad.IsZero() {
		s.bad = now
	}
	if now.Sub(s.bad) < after || !s.said.IsZero() && now.Sub(s.said) < alarmAgain {
		return false, false
	}
	s.said = now
	return true, false
}

// members looks, on the leader, for nodes that are away or behind. Learners are expected to be.
func (a *alarms) members(r reading) {
	if r.node.Role != "leader" {
		a.forget("lag ", "away ")
		return
	}
	here := map[string]bool{}
	for _, m := range r.members {
		if m.Self || !m.Voter {
			continue
		}
		here["lag "+m.ID], here["away "+m.ID] = true, true
		a.away(r.now, &m)
		a.lag(r, &m)
	}
	for name := range a.by { // one that was removed is no longer anybody's business
		if (strings.HasPrefix(name, "lag ") || strings.HasPrefix(name, "away ")) && !here[name] {
			delete(a.by, name)
		}
	}
}

func (a *alarms) away(now time.Time, m *cluster.Member) {
	switch raise, over := a.judge("away "+m.ID, now, !m.Up, 5*time.Second); {
	case raise:
		a.log.Warn("a node is not heard: it is down, or the network between is; while it is away fewer others may "+
			"fail: look at it, and at its log", "node", m.ID, "address", m.Address, "unheard", heard(m.SinceHeard))
	case over:
		a.log.Info("the node is heard again", "node", m.ID)
	}
}

func heard(since time.Duration) string {
	if since < 0 {
		return "never by this leader"
	}
	return since.Round(time.Millisecond).String()
}

func (a *alarms) lag(r reading, m *cluster.Member) {
	entries := r.node.CommitIndex - min(m.Index, r.node.CommitIndex)
	bytes := uint64(0)
	if entries > 0 && m.Index > 0 {
		bytes = r.behind(m.Index)
	}
	bad := m.Up && (entries > lagEntries || bytes > lagBytes)
	switch raise, over := a.judge("lag "+m.ID, r.now, bad, 5*time.Second); {
	case raise:
		a.log.Warn("a follower lags: its disk, processor or network is slower than the load; until it has caught "+
			"up it can take no other's place, and its clients wait longer: look at its fsync times (INFO raft) and "+
			"at what else runs there", "node", m.ID, "entries", entries, "bytes", bytes)
	case over && m.Up:
		a.log.Info("the follower has caught up", "node", m.ID, "entries", entries)
	}
}

// forget drops the alarms whose names begin so: another node tells now.
func (a *alarms) forget(prefixes ...string) {
	for name := range a.by {
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				delete(a.by, name)
			}
		}
	}
}

func (a *alarms) leader(r reading) {
	switch raise, over := a.judge("leader", r.now, r.node.Leader == "", 2*time.Second); {
	case raise:
		a.log.Warn("there is no leader: commands wait and no lock expires until most of the nodes reach each "+
			"other; start those that are down, look at the network between them", "members", memberList(r.members),
			"waiting-commands", r.node.Queued)
	case over:
		a.log.Info("there is a leader again", "leader", r.node.Leader, "term", r.node.Term)
	}
}

func memberList(members []cluster.Member) string {
	var ids []string
	for _, m := range members {
		ids = append(ids, fmt.Sprintf("%s at %s", m.ID, m.Address))
	}
	return strings.Join(ids, ", ")
}

func (a *alarms) disk(r reading) {
	limit := a.heartbeat / 4
	switch raise, over := a.judge("disk", r.now, r.sync.P99 > limit, 10*time.Second); {
	case raise:
		a.log.Warn("the disk is slow: one sync of the log in a hundred takes more than a quarter of the "+
			"heartbeat; every command waits for it, and at four times as much the leader is replaced: give the data "+
			"folder a faster disk, move other writers off it, or raise heartbeat on all nodes",
			"p99", r.sync.P99, "p50", r.sync.P50, "limit", limit)
	case over:
		a.log.Info("the disk is fast enough again", "p99", r.sync.P99)
	}
}

// clock tells of freezes that last longer than a second. Shorter ones are in INFO.
func (a *alarms) clock(r reading) {
	same := a.seen && r.node.Freezes == a.freezes // else the one that was seen has ended since
	a.freezes = r.node.Freezes
	if s := a.by["clock"]; s != nil && !same && s.said.IsZero() {
		delete(a.by, "clock")
	}
	switch raise, over := a.judge("clock", r.now, r.node.Frozen, time.Second); {
	case raise:
		a.log.Warn("the cluster clock stands still: an entry of the log has not been committed for longer than a "+
			"heartbeat, so no lock expires, and commands wait; the disk stalls, or most other nodes are not reached: "+
			"look at fsync times and at the other nodes", "freezes", r.node.Freezes, "clock-ms", int64(r.node.Clock))
	case over:
		a.log.Info("the cluster clock runs again: locks last longer by the time that it stood still",
			"clock-ms", int64(r.node.Clock))
	}
}

func (a *alarms) apply(r reading) {
	bad := a.seen && r.node.SlowApplies > a.slow
	times := r.node.SlowApplies - a.slow
	raise, _ := a.judge("apply", r.now, bad, 0)
	if !a.seen || raise {
		a.slow = r.node.SlowApplies
	}
	if raise {
		a.log.Warn("an entry took long to apply: everything waits meanwhile; a command touched very many keys or "+
			"bytes, or this machine has no processor to spare: look at SLOWLOG and at what else runs here",
			"took", r.node.SlowLast, "limit", cluster.SlowApply, "times", times)
	}
}

// openAlarms begins to watch this node.
func (s *Server) openAlarms() {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-s.closing
		cancel()
	}()
	go newAlarms(s.log, s.cfg.Timing.Heartbeat).watch(ctx, func() reading {
		return reading{
			now: time.Now(), node: s.node.Status(), members: s.node.Members(), sync: s.store.SyncTimes(),
			behind: s.store.LogBytesAfter,
		}
	})
}
