package server

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/divtxt/lockd/cluster"
)

// said turns "--name value" pairs into flags of a Source.
func said(words ...string) Source {
	flags := map[string][]string{}
	for i := 0; i < len(words); i += 2 {
		flags[words[i]] = append(flags[words[i]], words[i+1])
	}
	return Source{Flags: flags}
}

// clusterFile writes a cluster file and returns its path.
func clusterFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestClusterPlans(t *testing.T) {
	three := []cluster.Peer{
		{ID: "n1", Address: "127.0.0.1:16381"}, {ID: "n2", Address: "127.0.0.1:16382"},
		{ID: "n3", Address: "127.0.0.1:16383"},
	}
	const list = "n3=127.0.0.1:16383,n1=127.0.0.1:16381,n2=127.0.0.1:16382"
	seed := `{"101": "127.0.0.1:9101", "102": "127.0.0.1:9102"}`
	seeds := []cluster.Peer{{ID: "101", Address: "127.0.0.1:9101"}, {ID: "102", Address: "127.0.0.1:9102"}}
	for _, c := range []struct {
		name string
		said Source
		want cluster.Plan
		peer int // the cluster port
	}{
		{"alone", said(), cluster.Plan{}, 16380},
		{"id of a lone node", said("node-id", "x"), cluster.Plan{}, 16380},
		{"list", said("node-id", "n2", "cluster", list), cluster.Plan{Members: three}, 16382},
		{"a flag a node", said("node-id", "n2", "cluster", "n1=127.0.0.1:16381", "cluster", "n2=127.0.0.1:16382",
			"cluster", "n3=127.0.0.1:16383"), cluster.Plan{Members: three}, 16382},
		{"list and port", said("node-id", "n2", "cluster", list, "cluster-port", "7"), cluster.Plan{Members: three}, 7},
		{"file", said("node-id", "101", "cluster", clusterFile(t, "config.json", seed)), cluster.Plan{Members: seeds}, 9101},
		{"file of any name", said("node-id", "101", "cluster", clusterFile(t, "nodes", seed)), cluster.Plan{Members: seeds}, 9101},
		{"join", said("join", "localhost:1,localhost:2"), cluster.Plan{Join: []string{"localhost:1", "localhost:2"}}, 16380},
		{"join by several flags", said("join", "localhost:1", "join", "localhost:2"),
			cluster.Plan{Join: []string{"localhost:1", "localhost:2"}}, 16380},
		{"wait", said("join", "WAIT"), cluster.Plan{Wait: true}, 16380},
		{"expect", said("cluster", "localhost:5", "expect", "3"), cluster.Plan{Expect: 3, Name: "localhost:5"}, 16380},
		{"several machines", said("cluster", "lockd:5", "expect", "3", "bind", "*", "peer-insecure", "yes"),
			cluster.Plan{Expect: 3, Name: "lockd:5"}, 16380},
		{"its own bind", said("join", "host:5", "cluster-bind", "*", "peer-insecure", "yes"),
			cluster.Plan{Join: []string{"host:5"}}, 16380},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings, warnings, err := Load(c.said)
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			plan := settings.Config().Cluster.Plan()
			if (plan.Lookup != nil) != (plan.Expect > 0) {
				t.Error("a name and nothing that resolves it, or the reverse")
			}
			plan.Lookup = nil
			if !reflect.DeepEqual(plan, c.want) {
				t.Errorf("the plan is %+v, want %+v", plan, c.want)
			}
			if got := settings.Config().PeerPort(); got != c.peer {
				t.Errorf("the cluster port is %d, want %d", got, c.peer)
			}
		})
	}
}

// TestSeedsCommandLine is the command line of the lockd that was there before this one.
func TestSeedsCommandLine(t *testing.T) {
	file := clusterFile(t, "config.json", `{"101": "127.0.0.1:9101", "102": "127.0.0.1:9102"}`)
	for _, id := range [][]string{{"--id", "102"}, {"--node-id", "102"}} {
		code, _, stderr := call(t, nil, func(c *Config, _ *slog.Logger) error {
			if c.Storage.NodeID != "102" || len(c.Cluster.Members.List) != 2 || c.PeerPort() != 9102 {
				t.Errorf("not as said:\n%v", c)
			}
			return nil
		}, append([]string{"--cluster", file}, id...)...)
		if code != ExitOK {
			t.Errorf("exit code %d: %s", code, stderr)
		}
	}
	settings, _, err := Load(Source{Environ: []string{"LOCKD_ID=102"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := settings.Get("id"); got != "102" {
		t.Errorf("id is %q", got)
	}
}

func TestClusterRefusals(t *testing.T) {
	const local = "n1=127.0.0.1:1001,n2=127.0.0.1:1002"
	many := strings.Repeat("x", maxClusterFile)
	for _, c := range []struct {
		name string
		said Source
		want string
	}{
		{"nothing", said("cluster", "frob"), "argument must be n1=host1:port"},
		{"no such file", said("cluster", "none.json"), "cluster file: open none.json"},
		{"no JSON", said("cluster", clusterFile(t, "c.json", "x")), "does not begin with {"},
		{"array", said("cluster", clusterFile(t, "c.json", `["a:1"]`)), "does not begin with {"},
		{"number", said("cluster", clusterFile(t, "c.json", `{"1": 1}`)), "node 1: "},
		{"cut off", said("cluster", clusterFile(t, "c.json", `{"1": "a:1"`)), "c.json is not"},
		{"two values", said("cluster", clusterFile(t, "c.json", `{"1": "a:1"} x`)), "c.json is not"},
		{"empty file", said("cluster", clusterFile(t, "c.json", `{}`)), "it names no node"},
		{"node twice in a file", said("cluster", clusterFile(t, "c.json", `{"1":"a:1","1":"a:2"}`)), "node 1 twice"},
		{"long file", said("cluster", clusterFile(t, "c.json", many+"x")), "longer than 65536 bytes"},
		{"node twice", said("cluster", "a=h:1,a=h:2"), "the list names node a twice"},
		{"address twice", said("cluster", "a=h:1,b=h:1"), "nodes a and b the same address h:1"},
		{"no id", said("cluster", "a=h:1,h:2"), `"h:2" in the list is no id=host:port`},
		{"bad id", said("cluster", "-a=h:1"), `"-a" in the list is no node's name`},
		{"no port", said("cluster", "a=h"), `"h" is no host:port`},
		{"port 0", said("cluster", "a=h:0"), "has no port between 1 and 65535"},
		{"any address", said("cluster", "a=0.0.0.0:1"), `0.0.0.0:1 means "this machine"`},
		{"any address of IPv6", said("cluster", "a=[::]:1"), `[::]:1 means "this machine"`},
		{"too many", said("cluster", strings.Repeat("a=h:1,", 33)), "names 33 nodes, and 32 are the most"},
		{"advertised any", said("advertise", "0.0.0.0:1"), `means "this machine"`},
		{"advertised nothing", said("advertise", "host"), `"host" is no host:port`},
		{"joins nothing", said("join", "host"), "or the word wait: "},
		{"joins and waits", said("join", "wait,h:1"), `"wait" is no host:port`},
		{"both ways", said("node-id", "n1", "cluster", local, "join", "h:1"), "join: a node either forms"},
		{"expect without a name", said("expect", "3"), "expect: it counts"},
		{"expect with a list", said("node-id", "n1", "cluster", local, "expect", "2"), "expect: it counts"},
		{"name without expect", said("cluster", "localhost:1"), "say with --expect how many"},
		{"no id of a list", said("cluster", local), "node-id: cluster lists n1, n2: say by --node-id"},
		{"id that is not listed", said("cluster", local, "node-id", "n3"), "node-id: n3 is none of the nodes that cluster lists (n1, n2)"},
		{"two addresses", said("cluster", local, "node-id", "n1", "advertise", "127.0.0.1:5"), "advertise: is 127.0.0.1:5, and cluster lists this node at 127.0.0.1:1001"},
		{"loopback among others", said("cluster", "n1=localhost:1,n2=host:1", "node-id", "n2"), "cluster: localhost:1 is reached by its own machine alone, and host:1"},
		{"loopback advertised", said("join", "host:1", "advertise", "127.0.0.1:1"), "advertise: 127.0.0.1:1 is reached by this machine alone, and host:1"},
		{"listens on loopback", said("cluster", "n1=a:1,n2=b:1", "node-id", "n2"), "cluster-bind: the cluster port would listen on 127.0.0.1, where other machines"},
		{"no TLS", said("cluster", "n1=a:1,n2=b:1", "node-id", "n2", "bind", "*"), "cluster-bind: the cluster port would listen on * without TLS"},
		{"no TLS while waiting", said("join", "wait", "cluster-bind", "10.0.0.1"), "cluster-bind: the cluster port would listen on 10.0.0.1 without TLS"},
		{"half of TLS", said("peer-tls-cert-file", "x"), "peer-tls-*: the nodes show certificates"},
		{"no such certificate", said("peer-tls-cert-file", "/none", "peer-tls-key-file", "/none", "peer-tls-ca-cert-file", "/none"),
			"peer-tls-cert-file /none, peer-tls-key-file /none: open /none"},
		{"times", said("heartbeat", "9s"), "node-timeout: is less than two heartbeats (18s)"},
		{"a minute's heartbeat", said("heartbeat", "1m"), "must be between 50ms and 10s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := Load(c.said)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if ExitCode(err) != ExitUsage {
				t.Errorf("exit code %d", ExitCode(err))
			}
		})
	}
}

func TestClusterBindAndAdvertised(t *testing.T) {
	const anyAddress = "some address of this machine that is not loopback"
	for _, c := range []struct {
		name             string
		said             Source
		alone            bool
		bind, advertised string
	}{
		{"alone", said(), true, "127.0.0.1", "127.0.0.1:7"},
		{"alone and reachable by clients", said("bind", "*"), true, "127.0.0.1", "127.0.0.1:7"},
		{"alone and insecure", said("bind", "*", "peer-insecure", "yes"), true, "*", "127.0.0.1:7"},
		{"on loopback", said("join", "127.0.0.1:5"), false, "127.0.0.1", "127.0.0.1:7"},
		{"on loopback of IPv6", said("join", "[::1]:5", "cluster-bind", "-::1"), false, "-::1", "[::1]:7"},
		{"listed", said("cluster", "a=h:1", "node-id", "a", "bind", "*", "peer-insecure", "yes"), false, "*", "h:1"},
		{"said", said("join", "h:1", "advertise", "me:9", "bind", "*", "peer-insecure", "yes"), false, "*", "me:9"},
		{"one address", said("join", "h:1", "cluster-bind", "127.0.0.1 10.0.0.1", "peer-insecure", "yes"), false,
			"127.0.0.1 10.0.0.1", "10.0.0.1:7"},
		{"found out", said("join", "h:1", "bind", "*", "peer-insecure", "yes"), false, "*", anyAddress},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings, _, err := Load(c.said)
			if err != nil {
				t.Fatal(err)
			}
			cfg := settings.Config()
			bind, err := cfg.ClusterBind(c.alone)
			if err != nil || strings.Join(bind, " ") != c.bind {
				t.Errorf("listens on %q %v, want %s", bind, err, c.bind)
			}
			advertised, err := cfg.Advertised(t.Context(), 7, c.alone)
			if c.advertised == anyAddress {
				host, port, errSplit := net.SplitHostPort(advertised)
				if err == nil && (errSplit != nil || host == "" || port != "7" || cluster.OnLoopback(advertised)) {
					t.Errorf("advertises %q", advertised)
				}
				if err != nil && !strings.Contains(err.Error(), "give --advertise") { // a machine without a network
					t.Error(err)
				}
				return
			}
			if err != nil || advertised != c.advertised {
				t.Errorf("advertises %q %v, want %s", advertised, err, c.advertised)
			}
		})
	}
	cfg := Defaults()
	cfg.Network.Bind = []string{"*"}
	if _, err := cfg.ClusterBind(false); err == nil || !strings.Contains(err.Error(), "without TLS") {
		t.Errorf("a node with others listens everywhere: %v", err)
	}
}

func TestLookup(t *testing.T) {
	for name, want := range map[string]string{"127.0.0.1:5": "127.0.0.1:5", "[::1]:5": "[::1]:5"} {
		if got, err := lookup(t.Context(), name); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s resolves to %q %v", name, got, err)
		}
	}
	if got, err := lookup(t.Context(), "no-port"); err == nil {
		t.Errorf("no-port resolves to %q", got)
	}
}

func TestClusterDefaults(t *testing.T) {
	c := Defaults()
	if c.Timing.Heartbeat != 250*time.Millisecond || c.Timing.NodeTimeout != 15*time.Second ||
		c.Storage.TokenFloor != 0 || c.Cluster.Insecure || c.Cluster.Planned() {
		t.Errorf("not the defaults:\n%v", c)
	}
}

func FuzzClusterFile(f *testing.F) {
	f.Add(`{"101": "host:1", "102": "host:2"}`)
	f.Add(`{"101": {"x": [1]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseClusterFile(text)
		if err == nil && len(list) == 0 {
			t.Error("an empty list is taken")
		}
	})
}
