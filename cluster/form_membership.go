// What a node durably knows of the cluster it belongs to. It stands in the store of term and vote: who loses
// the one loses the other, and a node without its vote must not be taken for a member.

package cluster

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/raft"
)

// Membership is what a node durably knows of the cluster it belongs to, since its first start.
type Membership struct {
	// Cluster is the cluster's name, never used by another.
	Cluster string `json:"cluster"`
	// Members are those with whom the cluster was formed, this node included, by id: raft's first
	// configuration. For a node that joined later they are the members at that time, to whom it can turn.
	Members []Founder `json:"members"`
	// Joined tells that the cluster was there before this node, which must not bootstrap raft.
	Joined bool `json:"joined,omitempty"`
	// Complete tells that all members have stored this, so raft may start.
	Complete bool `json:"complete"`
	// IncarnationFloor is the highest incarnation that the cluster has seen of a node of this name. This
	// node's own must be higher.
	IncarnationFloor uint64 `json:"incarnation_floor,omitempty"`
	// Removed says, for people, that the cluster has removed this node, which must not start any more.
	Removed string `json:"removed,omitempty"`
}

// Founder is a member with its disk.
type Founder struct {
	ID      string `json:"id"`
	Address string `json:"address"` // host:port of its cluster port
	Disk    string `json:"disk"`
}

// Alone tells whether the cluster was begun by this node for itself. Others may have joined it since.
func (m *Membership) Alone() bool { return m != nil && !m.Joined && len(m.Members) == 1 }

// AddressOf returns the address under which a member was known at first, "" if it is none of them.
func (m *Membership) AddressOf(id string) string {
	if m == nil {
		return ""
	}
	member, _ := m.find(id)
	return member.Address
}

// find returns the member of that id.
func (m *Membership) find(id string) (Founder, bool) {
	for _, member := range m.Members {
		if member.ID == id {
			return member, true
		}
	}
	return Founder{}, false
}

// ids are the names of the members, for messages.
func (m *Membership) ids() string {
	var ids []string
	for _, member := range m.Members {
		ids = append(ids, member.ID)
	}
	return strings.Join(ids, ", ")
}

func (m *Membership) peers() []Peer {
	var peers []Peer
	for _, member := range m.Members {
		peers = append(peers, Peer{member.ID, member.Address})
	}
	return peers
}

// membershipKey is its place in the stable store.
const membershipKey = "lockd/membership"

// ReadMembership returns what a node has stored, nil if it has never begun to belong to a cluster.
func ReadMembership(s raft.StableStore) (*Membership, error) {
	text, err := s.Get([]byte(membershipKey))
	// raft's stores have no common error for this; raft itself compares the text (api.go, HasExistingState).
	if err != nil && err.Error() == "not found" || err == nil && len(text) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the membership: %w", err)
	}
	m := new(Membership)
	if err := json.Unmarshal(text, m); err != nil || m.Cluster == "" {
		return nil, fmt.Errorf("the membership in the data folder is damaged: %q (%w)", text, err)
	}
	return m, nil
}

// write makes the membership durable.
func (m *Membership) write(s raft.StableStore) error {
	text, err := json.Marshal(m)
	if err == nil {
		err = s.Set([]byte(membershipKey), text)
	}
	if err != nil {
		return fmt.Errorf("storing the membership: %w", err)
	}
	return nil
}

// newMembership is that of a cluster which is being formed. Whoever makes one of the same members with the
// same disks and addresses gets the same name of the cluster, and nobody else does.
func newMembership(members []Founder) *Membership {
	slices.SortFunc(members, func(a, b Founder) int { return cmp.Compare(a.ID, b.ID) })
	hash := sha256.New()
	for _, m := range members {
		fmt.Fprintf(hash, "%q=%q@%q\n", m.ID, m.Disk, m.Address)
	}
	return &Membership{Cluster: clusterName(hash.Sum(nil)), Members: members}
}

// completed is m with the mark of a complete one.
func (m *Membership) completed() *Membership {
	c := *m
	c.Complete = true
	return &c
}

// randomCluster is the name of a cluster that begins with one node.
func randomCluster() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return clusterName(b[:])
}

// clusterName makes a name of random bytes: long enough to be met once, short enough to be read out.
func clusterName(b []byte) string { return hex.EncodeToString(b[:8]) }
