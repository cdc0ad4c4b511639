package session

import (
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// infoOf is a reply of LOCK.INFO with one holder and one waiter for each client.
func infoOf(holder, waiter uint64) resp.Value {
	row := func(owner string, conn uint64) resp.Value {
		return resp.Map(resp.Bulk("owner"), resp.Bulk(owner), resp.Bulk("conn"), resp.Int(int64(conn)))
	}
	return resp.Map(
		resp.Bulk("key"), resp.Bulk("k"), resp.Bulk("waiters"), resp.Int(1),
		resp.Bulk("queue"), resp.Array(row("w", waiter)), resp.Bulk("holders"), resp.Array(row("h", holder)),
	)
}

func TestLockWho(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	k.send("CLIENT SETNAME boss", "CLIENT SETINFO LIB-NAME jedis", "CLIENT SETINFO LIB-VER 5.1")
	k.exactly("+OK\r\n+OK\r\n+OK\r\n")
	id, far := k.id(), uint64(99)
	asked := ""
	reply := infoOf(id, far)
	b.node.on = func(call *fsm.Call) bool {
		var words []string
		for _, w := range call.Command.Words {
			words = append(words, string(w))
		}
		asked, call.Reply = strings.Join(words, " "), reply
		return true
	}
	who := func() string {
		t.Helper()
		k.send("LOCK.WHO k")
		return strings.Join(k.flat(nil), " ")
	}
	addr := k.conn.LocalAddr().String()
	waits := "key k waiters :1 queue owner w conn :99 "
	holds := "holders owner h conn :" + string(rune('0'+id)) + " addr " + addr +
		" name boss lib-name jedis lib-ver 5.1"
	if got, want := who(), waits+"addr $-1 name $-1 lib-name $-1 lib-ver $-1 "+holds; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if asked != "lock.info k" {
		t.Errorf("asked the state for %q", asked)
	}
	others := &neighbours{text: `{"lines":[{"id":99,"text":"id=99 addr=10.0.0.7:5 laddr=x name= lib-name=redis-py lib-ver=5.0\n"}]}`}
	b.hub.Others = others
	if got, want := who(), waits+"addr 10.0.0.7:5 name  lib-name redis-py lib-ver 5.0 "+holds; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(others.asked) != 1 || !strings.Contains(others.asked[0], `"ids":[99,`) {
		t.Errorf("asked the others %q", others.asked)
	}
	reply = resp.Map(resp.Bulk("key"), resp.Bulk("k"), resp.Bulk("queue"), resp.Array())
	if got := who(); got != "key k queue" || len(others.asked) != 1 {
		t.Errorf("nobody holds it: %s, asked %q", got, others.asked)
	}
	reply = resp.Error("WRONGTYPE k holds a list, which is no lock")
	if got := who(); got != "-WRONGTYPE k holds a list, which is no lock" {
		t.Error(got)
	}
}
