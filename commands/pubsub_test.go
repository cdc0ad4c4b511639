package commands

import (
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
)

// pushed makes the driver note what connections are told.
func (d *driver) Push(node string, conn uint64, v fsm.Reply) {
	d.pushed = append(d.pushed, string(rune('0'+conn))+": "+strings.Join(strings.Fields(show(v)), " "))
}

// told runs a command on a connection and returns what all connections were told by it.
func (d *driver) told(conn uint64, line string) string {
	d.t.Helper()
	d.pushed = nil
	seq := d.send(conn, strings.Fields(line)...)
	if v, ok := d.answers[seq]; ok && v.IsError() {
		return show(v)
	}
	return strings.Join(d.pushed, "; ")
}

func TestPubSub(t *testing.T) {
	d := newDriver(t)
	for _, c := range []struct {
		conn       uint64
		line, want string
	}{
		{1, "SUBSCRIBE a b a", "1: [subscribe a 1]; 1: [subscribe b 2]; 1: [subscribe a 2]"},
		{1, "PSUBSCRIBE a*", "1: [psubscribe a* 3]"},
		{1, "SSUBSCRIBE a", "1: [ssubscribe a 1]"},
		{2, "SUBSCRIBE a", "2: [subscribe a 1]"},
		{3, "PUBLISH a hi", "1: [message a hi]; 2: [message a hi]; 1: [pmessage a* a hi]"},
		{3, "PUBLISH abc hi", "1: [pmessage a* abc hi]"},
		{3, "SPUBLISH a hi", "1: [smessage a hi]"},
		{3, "PUBLISH c hi", ""},
		{1, "UNSUBSCRIBE b x", "1: [unsubscribe b 2]; 1: [unsubscribe x 2]"},
		{1, "UNSUBSCRIBE", "1: [unsubscribe a 1]"},
		{1, "UNSUBSCRIBE", "1: [unsubscribe (nil) 1]"},
		{1, "PUNSUBSCRIBE", "1: [punsubscribe a* 0]"},
		{1, "SUNSUBSCRIBE a", "1: [sunsubscribe a 0]"},
		{1, "SUNSUBSCRIBE", "1: [sunsubscribe (nil) 0]"},
		{3, "PUBLISH a hi", "2: [message a hi]"},
	} {
		if got := d.told(c.conn, c.line); got != c.want {
			t.Errorf("%s: %q, want %q", c.line, got, c.want)
		}
	}
}

func TestPubSubCounts(t *testing.T) {
	d := newDriver(t)
	d.told(1, "SUBSCRIBE a b")
	d.told(2, "SUBSCRIBE b")
	d.told(2, "PSUBSCRIBE a* b*")
	d.told(3, "PSUBSCRIBE a*")
	d.told(3, "SSUBSCRIBE s")
	for line, want := range map[string]string{
		"PUBLISH b x":            "3",
		"SPUBLISH s x":           "1",
		"PUBSUB CHANNELS":        "[a b]",
		"PUBSUB CHANNELS b*":     "[b]",
		"PUBSUB CHANNELS a b":    "ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.",
		"PUBSUB NUMSUB":          "[]",
		"PUBSUB NUMSUB a b c a":  "[a 1 b 2 c 0 a 1]",
		"PUBSUB NUMPAT":          "2",
		"PUBSUB SHARDCHANNELS":   "[s]",
		"PUBSUB SHARDNUMSUB s t": "[s 1 t 0]",
	} {
		if got := d.do(line); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}
