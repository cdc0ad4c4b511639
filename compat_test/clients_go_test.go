// go-redis with its defaults, as a stand-in for all clients where only Go is at hand; those of other languages
// are in clients/. And what CONFIG SET changes on a node that runs, seen from its connections.
package compat_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestGoRedis(t *testing.T) {
	ctx := t.Context()
	client := redis.NewClient(&redis.Options{Addr: startLockd(t)})
	defer client.Close()
	t.Run("strings", func(t *testing.T) { goRedisStrings(ctx, t, client) })
	t.Run("locks", func(t *testing.T) { goRedisLocks(ctx, t, client) })
	t.Run("pipeline", func(t *testing.T) {
		cmds, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "p", "1", 0)
			p.Incr(ctx, "p")
			p.Get(ctx, "p")
			p.Del(ctx, "p")
			return nil
		})
		if err != nil || cmds[2].(*redis.StringCmd).Val() != "2" {
			t.Errorf("%v %v", cmds, err)
		}
	})
	t.Run("connection", func(t *testing.T) { goRedisConnection(ctx, t, client) })
	t.Run("other settings", func(t *testing.T) {
		for _, options := range []redis.Options{
			{Protocol: 2}, {DB: 5, ClientName: "named"}, {DisableIdentity: true}, {PoolSize: 1},
		} {
			options.Addr = client.Options().Addr
			other := redis.NewClient(&options)
			if err := other.Set(ctx, "k", "v", time.Minute).Err(); err != nil {
				t.Errorf("%+v: %v", options, err)
			}
			other.Close()
		}
	})
}

func goRedisStrings(ctx context.Context, t *testing.T, client *redis.Client) {
	first, err := client.SetNX(ctx, "k", "alice", 30*time.Second).Result()
	if err != nil || !first {
		t.Fatalf("SET NX: %v %v", first, err)
	}
	if second, err := client.SetNX(ctx, "k", "bob", 30*time.Second).Result(); err != nil || second {
		t.Errorf("SET NX of a held one: %v %v", second, err)
	}
	if err := client.SetArgs(ctx, "k", "bob", redis.SetArgs{Mode: "NX", TTL: time.Minute}).Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("SET NX EX of a held one: %v", err)
	}
	if owner, err := client.Get(ctx, "k").Result(); err != nil || owner != "alice" {
		t.Errorf("GET: %q %v", owner, err)
	}
	if left, err := client.PTTL(ctx, "k").Result(); err != nil || left <= 0 || left > 30*time.Second {
		t.Errorf("PTTL: %v %v", left, err)
	}
	if n, err := client.Del(ctx, "k").Result(); err != nil || n != 1 {
		t.Errorf("DEL: %v %v", n, err)
	}
	if err := client.Get(ctx, "k").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("GET of a free one: %v", err)
	}
}

func goRedisLocks(ctx context.Context, t *testing.T, client *redis.Client) {
	token, err := client.Do(ctx, "LOCK", "l", "alice", 30000).Int64()
	if err != nil || token < 1 {
		t.Fatalf("LOCK: %v %v", token, err)
	}
	if err := client.Do(ctx, "LOCK", "l", "bob", 30000).Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("LOCK of a held one: %v", err)
	}
	if n, err := client.Do(ctx, "UNLOCK", "l", "bob").Int(); err != nil || n != 0 {
		t.Errorf("UNLOCK by another: %v %v", n, err)
	}
	waiting := make(chan int64)
	go func() {
		token, err := client.Do(ctx, "LOCK", "l", "bob", 30000, "WAIT", 20000).Int64()
		if err != nil {
			t.Errorf("LOCK WAIT: %v", err)
		}
		waiting <- token
	}()
	for !strings.Contains(client.Info(ctx, "clients").Val(), "blocked_clients:1") {
		time.Sleep(time.Millisecond)
	}
	if n, err := client.Do(ctx, "UNLOCK", "l", "alice").Int(); err != nil || n != 1 {
		t.Errorf("UNLOCK: %v %v", n, err)
	}
	if later := <-waiting; later <= token {
		t.Errorf("tokens %d, then %d", token, later)
	}
}

func goRedisConnection(ctx context.Context, t *testing.T, client *redis.Client) {
	conn := client.Conn()
	defer conn.Close()
	id := conn.ClientID(ctx).Val()
	info, err := conn.ClientInfo(ctx).Result()
	if err != nil || info.ID != id || info.LibName == "" || info.Resp != 3 {
		t.Errorf("CLIENT INFO of connection %d: %+v %v", id, info, err)
	}
	if name, err := conn.ClientSetName(ctx, "me").Result(); err != nil || !name || conn.ClientGetName(ctx).Val() != "me" {
		t.Errorf("CLIENT SETNAME: %v", err)
	}
	all, err := conn.ConfigGet(ctx, "*").Result()
	if err != nil || all["maxclients"] == "" || all["databases"] != "16" {
		t.Errorf("CONFIG GET *: %v %v", all, err)
	}
	parts, err := conn.InfoMap(ctx, "server", "replication").Result()
	if err != nil || parts["Server"]["redis_mode"] != "standalone" || parts["Replication"]["role"] != "master" {
		t.Errorf("INFO: %v %v", parts, err)
	}
	if commands, err := conn.Command(ctx).Result(); err != nil || commands["lock"] == nil {
		t.Errorf("COMMAND: %v", err)
	}
	if err := conn.SlowLogGet(ctx, -1).Err(); err != nil {
		t.Errorf("SLOWLOG: %v", err)
	}
}

// TestConfigSetWorks changes settings of a node that runs and looks at what its connections feel.
func TestConfigSetWorks(t *testing.T) {
	addr := startLockd(t)
	admin := connect(t, addr, 2)
	ask := func(p *peer, words ...string) string {
		t.Helper()
		replies, err := p.do([][]string{words}, true)
		if err != nil {
			t.Fatalf("%q: %v", words, err)
		}
		return replies[0]
	}
	want := func(p *peer, part string, words ...string) {
		t.Helper()
		if got := ask(p, words...); !strings.Contains(got, part) {
			t.Errorf("%q: got %q, want %q in it", words, got, part)
		}
	}

	want(admin, "+OK", "CONFIG", "SET", "requirepass", "sesame", "slowlog-max-len", "5")
	want(admin, "sesame", "CONFIG", "GET", "requirepass")
	want(admin, "+PONG", "PING")
	stranger := connect(t, addr, 2)
	want(stranger, "-NOAUTH", "GET", "a")
	want(stranger, "-WRONGPASS", "AUTH", "simsim")
	want(stranger, "+OK", "AUTH", "sesame")
	want(stranger, "$-1", "GET", "a")
	late := connect(t, addr, 2)
	want(admin, "+OK", "CONFIG", "SET", "requirepass", "")
	want(late, "$-1", "GET", "a")

	want(admin, "+OK", "CONFIG", "SET", "slowlog-log-slower-than", "0")
	for range 9 {
		want(admin, "$-1", "GET", "slow")
	}
	want(admin, ":5", "SLOWLOG", "LEN")
	want(admin, "+OK", "CONFIG", "SET", "slowlog-log-slower-than", "-1")

	want(admin, "+OK", "CONFIG", "SET", "maxclients", "3")
	refused := connect(t, addr, 2)
	_ = refused.conn.SetReadDeadline(time.Now().Add(patience))
	if line, _ := refused.in.ReadString('\n'); line != "-ERR max number of clients reached\r\n" {
		t.Errorf("one connection too many got %q", line)
	}
	want(admin, "+OK", "CONFIG", "SET", "max-clients", "10000")

	want(admin, "+OK", "CONFIG", "SET", "protected-mode", "no", "timeout", "0")
	want(admin, "$2\r\nno\r\n", "CONFIG", "GET", "protected-mode")
	want(admin, "-ERR CONFIG SET failed (possibly related to argument 'timeout')", "CONFIG", "SET", "protected-mode", "yes", "timeout", "x")
	want(admin, "$2\r\nno\r\n", "CONFIG", "GET", "protected-mode") // all or none
	want(admin, "-ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable config", "CONFIG", "SET", "port", "1")

	want(admin, "+OK", "CONFIG", "SET", "timeout", "1")
	idle := connect(t, addr, 2)
	want(idle, "+PONG", "PING")
	_ = idle.conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := idle.in.ReadByte(); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("an idle connection is not closed: %v", err)
	}
}

// TestManyWaiters parks a thousand connections for one lock and passes it through all of them, while some of
// them leave or are sent away.
func TestManyWaiters(t *testing.T) {
	const many = 1000
	addr := startLockd(t)
	admin := connect(t, addr, 2)
	if replies, err := admin.do([][]string{{"LOCK", "hot", "admin", "60000"}}, true); err != nil || replies[0] != ":1\r\n" {
		t.Fatal(replies, err)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	got := map[byte]int{}
	for i := range many {
		p := connect(t, addr, 2)
		owner := fmt.Sprintf("w%d", i)
		if _, err := p.conn.Write(appendCommand(nil, []string{"LOCK", "hot", owner, "60000", "WAIT", "60000"})); err != nil {
			t.Fatal(err)
		}
		if i%10 == 3 {
			wait.Go(func() { time.Sleep(5 * time.Millisecond); p.conn.Close() })
			continue
		}
		wait.Go(func() {
			reply := passOn(p, owner)
			mu.Lock()
			defer mu.Unlock()
			got[reply]++
		})
	}
	waiters := func() string {
		replies, err := admin.do([][]string{{"INFO", "clients"}}, true)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(replies[0], "blocked_clients:")
		return rest[:strings.Index(rest, "\r")]
	}
	// Some come while others leave: the number passes through 900 before it stays there.
	steady, n := 0, ""
	for end := time.Now().Add(patience); steady < 20 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if n = waiters(); n == "900" {
			steady++
		} else {
			steady = 0
		}
	}
	if steady < 20 {
		t.Fatalf("%s wait, want 900: who has left must have left the queue", n)
	}
	begun := time.Now()
	if _, err := admin.do([][]string{{"UNLOCK", "hot", "admin"}}, true); err != nil {
		t.Fatal(err)
	}
	wait.Wait()
	t.Logf("%v for %d hand-overs", time.Since(begun), 900)
	if got[':'] != 900 {
		t.Errorf("replies by kind: %v", got)
	}
}

// passOn waits for a parked LOCK's reply and releases the lock.
func passOn(p *peer, owner string) byte {
	_ = p.conn.SetDeadline(time.Now().Add(patience))
	p.in = bufio.NewReader(p.conn)
	reply, err := p.reply(nil)
	if err != nil {
		return '!'
	}
	if released, err := p.do([][]string{{"UNLOCK", "hot", owner}}, true); err != nil || released[0] != ":1\r\n" {
		return '?'
	}
	return reply[0]
}
