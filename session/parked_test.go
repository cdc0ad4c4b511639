// Connections that wait: how they are shown, answered, sent away, and how they leave by themselves.

package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/divtxt/lockd/resp"
)

const park = "LOCK k o 1000 WAIT 60000"

func TestParked(t *testing.T) {
	b := startBench(t)
	k, admin := b.dial(), b.dial()
	id := k.id()
	k.send("GET a", park, "GET b")
	k.want("$6\r\na in 0\r\n") // what is before does not wait with it
	eventually(t, "parked", func() bool { return b.node.waiting() == 1 })
	k.silent() // what is after does
	eventually(t, "shown as blocked", func() bool {
		return strings.Contains(admin.text(fmt.Sprintf("CLIENT LIST ID %d", id)), " flags=b ")
	})
	if list := admin.text(fmt.Sprintf("CLIENT LIST ID %d", id)); !strings.Contains(list, " cmd=lock ") {
		t.Error(list)
	}
	if info := admin.text("INFO clients"); !strings.Contains(info, "blocked_clients:1\r\n") {
		t.Error(info)
	}
	b.node.answer(id, resp.Int(9))
	k.exactly(":9\r\n$6\r\nb in 0\r\n")
	if list := admin.text(fmt.Sprintf("CLIENT LIST ID %d", id)); !strings.Contains(list, " flags=N ") {
		t.Error(list)
	}
}

// TestClientLeaves: a client that goes while it waits frees its place at once, and its grant is unread.
func TestClientLeaves(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	id := k.id()
	k.send(park)
	eventually(t, "parked", func() bool { return b.node.waiting() == 1 })
	time.Sleep(2 * parkAfter)
	gone := time.Now()
	k.conn.Close()
	eventually(t, "its place is free", func() bool { return b.node.waiting() == 0 })
	if took := time.Since(gone); took > time.Second {
		t.Errorf("that took %v", took)
	}
	if !b.node.hasLeft(fmt.Sprintf("%d true", id)) {
		t.Errorf("left: %v", b.node.left)
	}
}

// TestClientLeavesAtOnce goes before anybody watches.
func TestClientLeavesAtOnce(t *testing.T) {
	b := startBench(t)
	for range 20 {
		k := b.dial()
		k.send(park)
		k.conn.Close()
	}
	eventually(t, "all have gone", func() bool { return len(b.hub.all()) == 0 && b.node.waiting() == 0 })
}

// TestLeaveAfterGrant: the state is told of the end of a connection whose grant was read, and not of one that
// has sent a numbered command since.
func TestLeaveAfterGrant(t *testing.T) {
	b := startBench(t)
	k, other := b.dial(), b.dial()
	id, otherID := k.id(), other.id()
	for _, c := range []struct {
		*client
		id uint64
	}{{k, id}, {other, otherID}} {
		c.send(park)
		eventually(t, "parked", func() bool { return b.node.waiting() == 1 })
		b.node.answer(c.id, resp.Int(9))
		c.exactly(":9\r\n")
	}
	other.send("SET a 1")
	other.exactly("+OK\r\n")
	k.conn.Close()
	other.conn.Close()
	eventually(t, "both have gone", func() bool { return len(b.hub.all()) == 0 && b.node.hasLeft(fmt.Sprintf("%d false", id)) })
	if b.node.hasLeft(fmt.Sprintf("%d false", otherID)) || b.node.hasLeft(fmt.Sprintf("%d true", otherID)) {
		t.Errorf("left: %v", b.node.left)
	}
}

func TestUnblock(t *testing.T) {
	b := startBench(t)
	k, admin := b.dial(), b.dial()
	id := k.id()
	for how, want := range map[string]string{
		"": "$-1\r\n", " TIMEOUT": "$-1\r\n", " error": "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n",
	} {
		k.send(park)
		eventually(t, "parked", func() bool { return b.node.waiting() == 1 })
		unblock := fmt.Sprintf("CLIENT UNBLOCK %d%s", id, how)
		admin.send(unblock, unblock)
		admin.exactly(":1\r\n:0\r\n")
		k.exactly(want)
	}
}

func TestKillParked(t *testing.T) {
	b := startBench(t)
	k, admin := b.dial(), b.dial()
	id := k.id()
	k.send(park)
	eventually(t, "parked", func() bool { return b.node.waiting() == 1 })
	admin.send(fmt.Sprintf("CLIENT KILL ID %d", id))
	admin.exactly(":1\r\n")
	k.ends("")
	eventually(t, "its place is free", func() bool { return b.node.waiting() == 0 && b.node.hasLeft(fmt.Sprintf("%d true", id)) })
}

// TestParkedInReplyOff: a grant that nobody wants to read is a grant all the same.
func TestParkedInReplyOff(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	id := k.id()
	k.send("CLIENT REPLY OFF", park, "CLIENT REPLY ON", "PING")
	eventually(t, "parked", func() bool { return b.node.waiting() == 1 })
	b.node.answer(id, resp.Int(9))
	k.exactly("+OK\r\n+PONG\r\n")
}

// TestQuickGrant: one that need not wait is answered at once.
func TestQuickGrant(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	id := k.id()
	go func() {
		for !b.node.answer(id, resp.Int(3)) {
			time.Sleep(100 * time.Microsecond)
		}
	}()
	k.send(park, "GET a")
	k.exactly(":3\r\n$6\r\na in 0\r\n")
}

// TestManyParked parks thousands, answers some, drops the others, and ends.
func TestManyParked(t *testing.T) {
	const many = 2000
	b := startBench(t)
	clients := make([]*client, many)
	for i := range clients {
		clients[i] = b.dial()
		clients[i].send(park)
	}
	eventually(t, "all are parked", func() bool { return b.node.waiting() == many })
	admin := b.dial()
	if info := admin.text("INFO clients"); !strings.Contains(info, fmt.Sprintf("blocked_clients:%d\r\n", many)) {
		t.Error(info)
	}
	for _, c := range b.hub.all()[:many/2] {
		b.node.answer(c.ID, resp.Int(int64(c.ID)))
	}
	eventually(t, "half of them are answered", func() bool { return b.node.waiting() == many/2 })
	for _, c := range clients {
		c.conn.Close()
	}
	eventually(t, "all have gone", func() bool { return b.node.waiting() == 0 && len(b.hub.all()) == 1 })
}

// TestShutdown with a connection that waits: the reply is the end of the connection.
func TestShutdown(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	k.send("GET a", "SHUTDOWN NOSAVE NOW", "PING")
	k.ends("$6\r\na in 0\r\n")
	<-b.stopped
	if b.node.saves != 0 {
		t.Error("NOSAVE took a snapshot")
	}
	waiting := b.dial()
	waiting.send(park)
	eventually(t, "parked", func() bool { return b.node.waiting() == 1 })
	k = b.dial()
	k.send("SHUTDOWN SAVE")
	k.ends("")
	<-b.stopped
	if b.node.saves != 1 {
		t.Error("SAVE took no snapshot")
	}
	if err := b.hub.Server.Close(); err != nil {
		t.Error(err)
	}
	waiting.ends("")
}

func TestShutdownThatFails(t *testing.T) {
	b := startBench(t)
	b.node.saveErr = fmt.Errorf("disk on fire")
	k := b.dial()
	k.send("SHUTDOWN SAVE", "SAVE", "PING")
	k.exactly("-ERR Errors trying to SHUTDOWN. Check logs.\r\n-ERR could not take a snapshot: disk on fire\r\n+PONG\r\n")
	k.send("SHUTDOWN SAVE FORCE")
	k.ends("")
	<-b.stopped
}

func TestSave(t *testing.T) {
	b := startBench(t)
	b.node.slow = make(chan struct{})
	b.node.status.LastSnapshot = 1 << 40
	k := b.dial()
	k.send("BGSAVE", "BGSAVE", "BGSAVE SCHEDULE", "LASTSAVE")
	k.exactly("+Background saving started\r\n-ERR Background save already in progress\r\n" +
		"-ERR Background save already in progress\r\n:1099511627776\r\n")
	close(b.node.slow)
	eventually(t, "it is saved", func() bool { return !b.hub.saving.Load() })
	b.node.mu.Lock()
	b.node.status.Snapshotting, b.node.status.LastSnapshot = true, 0
	b.node.mu.Unlock()
	k.send("SAVE", "LASTSAVE")
	k.exactly(fmt.Sprintf("-ERR Background save already in progress\r\n:%d\r\n", b.hub.started.Unix()))
}

func TestFollower(t *testing.T) {
	b := startBench(t)
	b.node.status.Role, b.node.status.Leader = "follower", "n2"
	k := b.dial()
	k.send("ROLE")
	k.exactly("*5\r\n$5\r\nslave\r\n$2\r\nn2\r\n:0\r\n$9\r\nconnected\r\n:42\r\n")
	info := fields(k.text("INFO replication"))
	if info["role"] != "slave" || info["master_link_status"] != "up" || info["master_host"] != "n2" {
		t.Errorf("%v", info)
	}
	b.node.mu.Lock()
	b.node.status.Leader = ""
	b.node.mu.Unlock()
	k.send("ROLE")
	k.exactly("*5\r\n$5\r\nslave\r\n$0\r\n\r\n:0\r\n$7\r\nconnect\r\n:42\r\n")
	if info = fields(k.text("INFO replication")); info["master_link_status"] != "down" {
		t.Errorf("%v", info)
	}
}

// fields takes a text of name:value lines apart.
func fields(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.SplitSeq(text, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			all[name] = value
		}
	}
	return all
}

// TestAudit: LOCK.FORCE leaves a line that says who, without the owner.
func TestAudit(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	k.send("CLIENT SETNAME ops", "LOCK.FORCE db:1 REASON stuck", "LOCK.FORCE db:2",
		"LOCK.REVOKE db:3 OWNER secret GRACE 10 reason disk DRYRUN", "LOCK.FREEZE db:* FOR 500 REASON move",
		"LOCK.THAW db:*")
	k.exactly(strings.Repeat("+OK\r\n", 6))
	lines := strings.Split(b.logged.String(), "\n")
	for _, want := range [][]string{
		{"command=lock.force", "key=db:1", "reason=stuck"}, {"command=lock.force", "key=db:2", `reason=""`},
		{"command=lock.revoke", "key=db:3", "reason=disk"},
		{"command=lock.freeze", `arguments="db:* FOR 500 REASON move"`}, {"command=lock.thaw", "arguments=db:*"},
	} {
		if !slices.ContainsFunc(lines, func(line string) bool {
			return strings.Contains(line, "audit") && strings.Contains(line, "client-name=ops") &&
				!slices.ContainsFunc(want, func(part string) bool { return !strings.Contains(line, part) })
		}) {
			t.Errorf("no line with %q in\n%s", want, b.logged)
		}
	}
	if strings.Contains(b.logged.String(), "secret") {
		t.Error("an owner is in the log")
	}
}
