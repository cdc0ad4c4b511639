package cluster

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// The same trouble with the same member is said once, with another member it is news.
func TestRaftLogSaysItOnce(t *testing.T) {
	var out bytes.Buffer
	l := &raftLog{Logger: hclog.New(&hclog.LoggerOptions{Output: &out})}
	for range 100 {
		l.Error("failed to heartbeat to", "peer", "host2:1", "error", "refused")
		l.Error("failed to heartbeat to", "peer", "host3:1", "error", "refused")
		l.Warn("failed to contact", "server-id", "n2", "time", "1s")
	}
	if got := strings.Count(out.String(), "\n"); got != 3 {
		t.Errorf("%d lines:\n%s", got, out.String())
	}
}
