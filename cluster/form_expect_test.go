// Forming of as many nodes as a name leads to.

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
)

// names is a DNS.
type names struct {
	mu sync.Mutex
	at []string
}

func (d *names) add(addresses ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = append(d.at, addresses...)
}

func (d *names) lookup(context.Context, string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.at) == 0 {
		return nil, errors.New("no such host")
	}
	return slices.Clone(d.at), nil
}

func expecting(n *memnet.Net, dns *names, count int) []*host {
	var hosts []*host
	for i := range count {
		plan := cluster.Plan{Expect: 3, Name: "lockd:1", Lookup: dns.lookup}
		hosts = append(hosts, newHost(n, fmt.Sprintf("random%d", i), fmt.Sprintf("pod%d:1", i), plan))
	}
	return hosts
}

// TestExpect: the name leads to the nodes one after the other.
func TestExpect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, dns := memnet.New(), &names{}
		hosts := expecting(n, dns, 3)
		defer killAll(hosts)
		for _, h := range hosts {
			h.start()
			time.Sleep(5 * time.Second)
			if !h.lives() {
				t.Fatalf("%s is done, and the name leads nowhere: %v", h.id, h.err)
			}
		}
		if log := hosts[0].log.String(); !strings.Contains(log, "no such host") ||
			!strings.Contains(log, "3 nodes under the name lockd:1, there is only random0 at pod0:1") {
			t.Errorf("the log does not say what is missing:\n%s", log)
		}
		for _, h := range hosts {
			dns.add(h.at)
			dns.add(h.at) // twice, as with IPv4 and IPv6
		}
		wantOne(t, hosts)
		late := newHost(n, "random9", "pod9:1", hosts[0].plan)
		dns.add("pod9:1")
		late.start()
		defer late.kill()
		late.wantError(t, "this node, random9, is not in it", "--join pod0:1")
	})
}

// TestExpectCrash: nodes die in the middle, and one comes back at another address of the name.
func TestExpectCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, dns := memnet.New(), &names{}
		hosts := expecting(n, dns, 3)
		defer func() { killAll(hosts) }()
		for i, h := range hosts {
			dns.add(h.at)
			h.store.after = i % 2
			h.start()
		}
		revive(hosts, func(h *host) {
			if h == hosts[2] {
				dns.add("elsewhere:1")
				h.at = "elsewhere:1"
			}
		})
		wantOne(t, hosts)
	})
}

// TestExpectTooMany: four nodes under the name of three.
func TestExpectTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, dns := memnet.New(), &names{}
		hosts := expecting(n, dns, 4)
		defer killAll(hosts)
		for _, h := range hosts {
			h.start()
		}
		dns.add("pod0:1", "pod1:1", "pod2:1", "pod3:1")
		hosts[0].wantError(t, "4 nodes were found under the name lockd:1, and --expect says 3", "random3 at pod3:1")
	})
	synctest.Test(t, func(t *testing.T) {
		n, dns := memnet.New(), &names{}
		hosts := expecting(n, dns, 3)
		defer killAll(hosts)
		hosts[1].id = hosts[0].id
		hosts[2].at = "127.0.0.1:1"
		for _, h := range hosts {
			dns.add(h.at)
			h.start()
		}
		hosts[2].wantError(t, "two nodes say that they are random0")
	})
	synctest.Test(t, func(t *testing.T) {
		n, dns := memnet.New(), &names{}
		hosts := expecting(n, dns, 3)
		defer killAll(hosts)
		hosts[2].at = "127.0.0.1:1"
		for _, h := range hosts {
			dns.add(h.at)
			h.start()
		}
		hosts[0].wantError(t, "node random2 at 127.0.0.1:1 is reached by its own machine alone", "--advertise")
	})
}
