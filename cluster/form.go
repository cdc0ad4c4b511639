package cluster

import "context"

// Plan says how an empty node comes to belong to a cluster. At most one of Members, Expect, Join and Wait is
// set; none means: alone.
type Plan struct {
	Members []Peer   // form a cluster of these, all of which must be there and empty
	Expect  int      // form a cluster of so many nodes, which Lookup finds under Name
	Name    string   // host:port
	Join    []string // ask these members, host:port each, to be taken in
	Wait    bool     // wait until a leader adds this node
	// Lookup resolves Name to the addresses of all nodes, host:port each.
	Lookup func(ctx context.Context, name string) ([]string, error)
}

// Peer is a node of a list, this one included.
type Peer struct {
	ID      string `json:"id"`
	Address string `json:"address"` // host:port of its cluster port
}
