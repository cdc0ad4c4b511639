package session

import (
	"net"
	"strings"
	"testing"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// oddView answers GET and ASKING by itself.
type oddView struct{}

func (oddView) Instead(_ *commands.Conn, cmd *commands.Command, words resp.Command) (resp.Value, bool) {
	switch cmd.Name {
	case "get":
		return resp.Errorf("MOVED 1 %s", words[1]), true
	case "asking":
		return resp.OK(), true
	}
	return resp.Value{}, false
}

// TestView: a port of its own kind answers some commands by itself, in order with the others, and says what
// it is; the data port beside it stays as it is.
func TestView(t *testing.T) {
	b := startBench(t)
	b.policy(func(p *Policy) { p.DefaultDB = 3 })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = b.hub.Server.ServeAs(ln, nil, b.hub.As(ModeCluster, oddView{})) }()
	k := dial(t, ln.Addr().String())
	k.send("SET a b", "GET a", "ASKING", "CLUSTER MYID", "SET a b")
	k.exactly("+OK\r\n-MOVED 1 a\r\n+OK\r\n-ERR This instance has cluster support disabled\r\n+OK\r\n")
	if hello := k.do("HELLO"); !strings.Contains(hello, " mode cluster ") {
		t.Error(hello)
	}
	if info := fields(k.text("INFO everything")); info["redis_mode"] != "cluster" || info["cluster_enabled"] != "1" ||
		info["errorstat_MOVED"] != "count=1" || !strings.HasPrefix(info["cmdstat_asking"], "calls=1,") ||
		!strings.HasSuffix(info["cmdstat_get"], "rejected_calls=1,failed_calls=0") {
		t.Error(info)
	}
	k.send("RESET")
	if k.want("+RESET\r\n"); !strings.Contains(k.text("CLIENT INFO"), " db=0 ") {
		t.Error("a Redis Cluster has database 0 only")
	}
	data := b.dial()
	data.send("GET a")
	data.exactly("$6\r\na in 3\r\n")
	if info := fields(data.text("INFO")); info["redis_mode"] != "standalone" || info["connected_clients"] != "2" {
		t.Error(info)
	}
}
