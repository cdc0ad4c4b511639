package commands

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/divtxt/lockd/fsm"
)

// A read of very many elements is given up and runs on a copy of the state; in the log and in a script it runs
// where it is.
func TestLongReads(t *testing.T) {
	d := newDriver(t)
	const size = 60_000
	for from := 0; from < size; from += 1000 {
		line := []string{"SADD", "t"}
		for i := range 1000 {
			line = append(line, fmt.Sprint(from+i))
		}
		d.words(line...)
	}
	d.expect(`
		SCARD t -> 60000
		SISMEMBER t 59999 -> 1`)
	if d.long > 0 {
		t.Errorf("%d short reads were taken for long ones", d.long)
	}
	if got := len(d.value("SMEMBERS", "t").List()); got != size || d.long != 1 {
		t.Errorf("%d members, %d long reads", got, d.long)
	}
	if got := d.value("EVAL_RO", "return #redis.call('smembers', KEYS[1])", "1", "t").Num(); got != size || d.long != 1 {
		t.Errorf("%d members in a script, %d long reads", got, d.long)
	}
	d.logged = true
	if got := len(d.value("SUNION", "t", "none").List()); got != size || d.long != 1 {
		t.Errorf("%d members in the log, %d long reads", got, d.long)
	}
}

// Cursors of large values lead through all of them, also where the node that gave them is another one now, and
// while others come and go.
func TestScanValues(t *testing.T) {
	for _, c := range []struct {
		add, scan, remove string
		step              int
	}{{"HSET v %s 1", "HSCAN", "HDEL", 2}, {"SADD v %s", "SSCAN", "SREM", 1}, {"ZADD v 1 %s", "ZSCAN", "ZREM", 2}} {
		for _, logged := range []bool{false, true} {
			t.Run(fmt.Sprint(c.scan, " logged ", logged), func(t *testing.T) {
				d := newDriver(t)
				d.logged = logged
				for i := range 1000 {
					d.do(fmt.Sprintf(c.add, fmt.Sprintf("m%03d", i)))
				}
				seen := map[string]bool{}
				cursor := "0"
				for pages := 0; ; pages++ {
					page := d.value(c.scan, "v", cursor, "COUNT", "50").List()
					list := page[1].List()
					for i := 0; i < len(list); i += c.step {
						seen[list[i].Str()] = true
					}
					if cursor = page[0].Str(); cursor == "0" {
						break
					}
					d.do(fmt.Sprintf("%s v m%03d", c.remove, pages*7+1)) // odd ones may come or not
					d.do(fmt.Sprintf(c.add, fmt.Sprintf("n%03d", pages)))
					if pages > 200 {
						t.Fatal("it goes on for ever")
					}
				}
				for i := range 1000 {
					if i%7 != 1 && !seen[fmt.Sprintf("m%03d", i)] {
						t.Errorf("m%03d was not listed", i)
					}
				}
			})
		}
	}
}

// TestCopiesSpendAlike: after COPY two keys hold the same value on a node that ran it, and equal ones on a node
// that was restored from a snapshot. What a command spends on them, of which choices are made, must not tell.
func TestCopiesSpendAlike(t *testing.T) {
	for _, command := range []string{
		"SUNIONSTORE to a b", "SINTERSTORE to a b", "SDIFFSTORE to a b", "SMOVE a b m1", "ZUNIONSTORE to 2 a b",
		"ZINTERSTORE to 2 a b", "ZDIFFSTORE to 2 za zb", "ZUNIONSTORE to 2 za zb", "LMOVE la lb LEFT LEFT",
		"LREM la 0 e1", "HDEL ha f1", "SINTERCARD 2 a b",
	} {
		d := newDriver(t)
		for i := range 40 {
			d.do(fmt.Sprintf("SET key%d v", i))
		}
		d.do("SADD a m1 m2 m3")
		d.do("ZADD za 1 m1 2 m2 3 m3")
		d.do("RPUSH la e1 e2 e3")
		d.do("HSET ha f1 1 f2 2 f3 3")
		for _, pair := range []string{"a b", "za zb", "la lb", "ha hb"} {
			d.do("COPY " + pair)
		}
		twin := newDriver(t)
		var snapshot bytes.Buffer
		if err := d.m.View().Write(&snapshot); err != nil {
			t.Fatal(err)
		}
		if err := twin.m.Restore(&snapshot); err != nil {
			t.Fatal(err)
		}
		twin.index, twin.seq = d.index, d.seq
		queued := []fsm.Queued{{Words: fields(command)}}
		for range 8 {
			queued = append(queued, fsm.Queued{Words: fields("RANDOMKEY")})
		}
		c := fsm.Command{Kind: fsm.KindExec, Conn: 1, Words: fsm.ExecWords(nil, queued)}
		seq := d.apply(c, false)
		if twin.apply(c, false); show(d.answers[seq]) != show(twin.answers[seq]) {
			t.Errorf("%s: %s, and after a restore %s", command, show(d.answers[seq]), show(twin.answers[seq]))
		}
	}
}

func fields(line string) [][]byte { return bytes.Fields([]byte(line)) }
