// Who is in the cluster, and how the others are. The leader knows from their streams who lives and how far it
// has come, and tells the others now and then, so that every node can show it.

package cluster

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Member is one member of the cluster as this node knows it.
type Member struct {
	ID         string
	Address    string // of its cluster port
	Client     string // where clients reach it, as it said itself; empty before it said so
	Disk       string
	Version    int // the newest entry version that it understands
	Voter      bool
	Leader     bool
	Self       bool
	Up         bool          // heard within suspectAfter
	Index      uint64        // the last entry applied there, as far as known
	SinceHeard time.Duration // 0 for this node itself, negative where nothing is known
	NoVote     bool          // a learner that stays one until somebody says otherwise
}

// suspectAfter is how long a node may be unheard before it is shown as down.
const suspectAfter = time.Second

// health is what the leader tells about the members, by id.
type health map[string]memberHealth

type memberHealth struct {
	Index uint64 `json:"index"`
	Heard int64  `json:"heard"` // milliseconds ago; negative: not in this leadership
}

// roster is what a node has been told, and who wants to know of changes.
type roster struct {
	mu       sync.Mutex
	told     health
	at       time.Time // when
	watchers map[chan struct{}]bool
	shown    string // of the last look, to notice changes
}

// Members returns the members in the order of their ids, learners included.
func (n *Node) Members() []Member {
	at := n.leads.Load()
	told, since := n.health(at)
	about := map[string]Member{}
	for _, m := range n.replica.members() {
		about[m.Node] = Member{Client: m.Client, Disk: m.Disk, Version: m.Version, NoVote: m.NoVote}
	}
	var list []Member
	for _, s := range n.configuration().Servers {
		m := about[string(s.ID)]
		m.ID, m.Address, m.Voter = string(s.ID), string(s.Address), s.Suffrage == raft.Voter
		m.Self = m.ID == n.opts.NodeID
		m.Leader = s.ID == at.leader
		h, known := told[m.ID]
		m.Index = h.Index
		m.SinceHeard = time.Duration(h.Heard)*time.Millisecond + since
		if !known || h.Heard < 0 {
			m.SinceHeard = -time.Millisecond
		}
		m.Up = m.SinceHeard >= 0 && m.SinceHeard < suspectAfter
		if m.Self {
			m.Up, m.SinceHeard, m.Index = true, 0, n.raft.AppliedIndex()
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// health is what the leader knows now, or has told how long ago.
func (n *Node) health(at *leadership) (told health, since time.Duration) {
	if at.leading {
		return n.ownHealth(), 0
	}
	n.roster.mu.Lock()
	defer n.roster.mu.Unlock()
	return n.roster.told, time.Since(n.roster.at)
}

// ownHealth collects what this leader knows of the others' health.
func (n *Node) ownHealth() health {
	now, h := n.opts.Raw(), health{}
	for _, s := range n.configuration().Servers {
		id := string(s.ID)
		if id == n.opts.NodeID {
			h[id] = memberHealth{Index: n.raft.AppliedIndex()}
			continue
		}
		r := n.remotes.get(id)
		if r == nil {
			h[id] = memberHealth{Heard: -1}
			continue
		}
		r.mu.Lock()
		index := r.progress.applied
		r.mu.Unlock()
		h[id] = memberHealth{Index: index, Heard: (now - r.heard.Load()) / int64(time.Millisecond)}
	}
	return h
}

// tellHealth sends what this leader knows to all others.
func (n *Node) tellHealth() {
	text, err := json.Marshal(n.ownHealth())
	if err != nil {
		return // no value of these types fails
	}
	for _, r := range n.remotes.all() {
		r.tell(append([]byte{frameHealth}, text...))
	}
}

// hearHealth takes in what the leader tells.
func (n *Node) hearHealth(text []byte) {
	var told health
	if json.Unmarshal(text, &told) != nil {
		return // of a newer version; it is for show only
	}
	n.roster.mu.Lock()
	n.roster.told, n.roster.at = told, time.Now()
	n.roster.mu.Unlock()
}

// Watch gives a channel that has a value after each change of the leader or of the members; several changes
// may be one value. stop ends it.
func (n *Node) Watch() (changes <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	n.roster.mu.Lock()
	defer n.roster.mu.Unlock()
	if n.roster.watchers == nil {
		n.roster.watchers = map[chan struct{}]bool{}
	}
	n.roster.watchers[c] = true
	return c, func() {
		n.roster.mu.Lock()
		defer n.roster.mu.Unlock()
		delete(n.roster.watchers, c)
	}
}

// tellWatchers tells those who watch that something has changed.
func (n *Node) tellWatchers() {
	n.roster.mu.Lock()
	defer n.roster.mu.Unlock()
	for c := range n.roster.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// noticeMembers tells those who watch when the members are others than at the last look, or up or down.
func (n *Node) noticeMembers() {
	var b strings.Builder
	for _, m := range n.Members() {
		b.WriteString(m.ID + " " + m.Address + " " + m.Client)
		for _, is := range [...]bool{m.Voter, m.Leader, m.Up} {
			if is {
				b.WriteByte('+')
			} else {
				b.WriteByte('-')
			}
		}
	}
	n.roster.mu.Lock()
	changed := n.roster.shown != b.String()
	n.roster.shown = b.String()
	n.roster.mu.Unlock()
	if changed {
		n.tellWatchers()
	}
}
