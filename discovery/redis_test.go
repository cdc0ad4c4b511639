package discovery

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// recorded is what a real Redis 7.0.15 replied, see testdata/record.py.
//
//go:embed testdata/redis.json
var recorded []byte

// different are replies that differ on purpose.
var different = map[string]string{
	"CLUSTER INFO": "fewer counters, for there is no cluster bus; see TestClusterInfo",
}

// TestLikeRedis: the views reply as a real Sentinel and real nodes of a Redis Cluster do: to the letter where
// the reply is an error, and else with the same fields in the same order and of the same kinds.
func TestLikeRedis(t *testing.T) {
	var said map[string][][2]string
	if err := json.Unmarshal(recorded, &said); err != nil || len(said) != 6 {
		t.Fatal(len(said), err)
	}
	for name, exchange := range said {
		t.Run(name, func(t *testing.T) {
			_, nodes := startGroup(t, 2)
			role, proto := name[:len(name)-1], name[len(name)-1:]
			ports := map[string]int{"sentinel": nodes[0].own.SentinelPort, "master": nodes[0].own.ClusterViewPort,
				"replica": nodes[1].own.ClusterViewPort}
			k := dial(t, ports[role])
			if proto == "3" {
				k.send("HELLO 3")
				k.reply()
				exchange = exchange[1:]
			}
			dial(t, ports["master"]).want("SET foo bar", "OK")
			names := strings.NewReplacer("(master)", clusterID("n1"), "(replica)", clusterID("n2"))
			for _, e := range exchange {
				compare(t, k, e[0], names.Replace(e[0]), readAll(e[1]))
			}
		})
	}
}

func compare(t *testing.T, k *client, line, sent string, want []value) {
	t.Helper()
	if len(want) == 0 {
		t.Fatalf("nothing is recorded for %s", line)
	}
	k.send(sent)
	for _, w := range want {
		got := k.reply()
		if different[line] != "" {
			continue
		}
		if got.kind == '-' && w.kind == '-' && got.text != w.text && !strings.HasPrefix(w.text, "MOVED ") {
			t.Errorf("%s\ngot  %s\nwant %s", line, got.text, w.text)
		}
		if fit(line, got.shape()) != fit(line, w.shape()) {
			t.Errorf("%s\ngot  %s\nwant %s", line, fit(line, got.shape()), fit(line, w.shape()))
		}
	}
}

// fit takes out what Redis may say in several ways: the end of a section of INFO, and the order of nodes.
func fit(line, shape string) string {
	lines := strings.Split(strings.TrimSpace(shape), "\n")
	if line == "CLUSTER NODES" {
		slices.Sort(lines)
	}
	return strings.Join(lines, "\n")
}
