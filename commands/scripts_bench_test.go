package commands

import (
	"testing"

	"github.com/divtxt/lockd/fsm"
)

// BenchmarkRelease compares two ways to release a lock: DELIFEQ, and the script that every library has. An
// operation is a SET and the release; "taken" is the SET alone.
func BenchmarkRelease(b *testing.B) {
	const (
		body  = `if redis.call("get",KEYS[1])==ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end`
		batch = 100 // commands of each kind in an entry
	)
	d := newDriver(b)
	sha := d.value("SCRIPT", "LOAD", body).Str()
	take := commandOf("SET", "k", "owner", "PX", "30000")
	for _, way := range []struct {
		name    string
		release []string
	}{
		{"taken", nil}, {"DELIFEQ", []string{"DELIFEQ", "k", "owner"}}, {"EVALSHA", []string{"EVALSHA", sha, "1", "k", "owner"}},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			var commands []fsm.Command
			for range batch {
				if commands = append(commands, take); way.release != nil {
					commands = append(commands, commandOf(way.release...))
				}
			}
			e := fsm.Entry{Version: fsm.EntryVersion, Term: 1, Clock: d.clock, Runs: []fsm.Run{{
				Origin: fsm.Origin{Node: "n1", Incarnation: 1}, Commands: commands,
			}}}
			var data []byte
			for n := 0; n < b.N; n += batch {
				e.Runs[0].First = d.seq + 1
				data = e.Append(data[:0])
				d.index++
				d.seq += uint64(len(commands))
				if err := d.m.Apply(d.index, 1, data, nil, d); err != nil {
					b.Fatal(err)
				}
				clear(d.answers)
			}
		})
	}
}
