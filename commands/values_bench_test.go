package commands

import (
	"fmt"
	"testing"

	"github.com/divtxt/lockd/fsm"
)

// BenchmarkValues measures writes to values of few and of a million elements, beside a SET of one key of
// many. Each operation is another key, or another element of the one large value.
func BenchmarkValues(b *testing.B) {
	const keys, large = 1000, 1_000_000
	for _, way := range []struct {
		name  string
		size  int // elements that the value has before
		words func(i int) []string
	}{
		{"SET", 0, func(i int) []string { return []string{"SET", fmt.Sprint("s", i%keys), fmt.Sprint("v", i)} }},
		{"HSET/small", 0, func(i int) []string {
			return []string{"HSET", fmt.Sprint("h", i%keys), fmt.Sprint("f", i/keys%5), fmt.Sprint("v", i)}
		}},
		{"LPUSH+RPOP/small", 0, func(i int) []string {
			if i/keys%2 == 0 {
				return []string{"LPUSH", fmt.Sprint("l", i%keys), fmt.Sprint("v", i)}
			}
			return []string{"RPOP", fmt.Sprint("l", i%keys)}
		}},
		{"SADD/small", 0, func(i int) []string {
			return []string{"SADD", fmt.Sprint("t", i%keys), fmt.Sprint("m", i/keys%8)}
		}},
		{"ZADD/small", 0, func(i int) []string {
			return []string{"ZADD", fmt.Sprint("z", i%keys), fmt.Sprint(i), fmt.Sprint("m", i/keys%5)}
		}},
		{"HSET/large", large, func(i int) []string { return []string{"HSET", "H", number(i, large), "value"} }},
		{"RPUSH/large", large, func(i int) []string { return []string{"RPUSH", "L", number(i, large)} }},
		{"ZADD/large", large, func(i int) []string { return []string{"ZADD", "Z", fmt.Sprint(i), number(i, large)} }},
	} {
		b.Run(way.name, func(b *testing.B) {
			d := newDriver(b)
			run := func(from, n int) {
				const batch = 100
				var data []byte
				for ; n > 0; n -= batch {
					e := fsm.Entry{Version: fsm.EntryVersion, Term: 1, Clock: d.clock, Runs: []fsm.Run{{
						Origin: fsm.Origin{Node: "n1", Incarnation: 1}, First: d.seq + 1,
					}}}
					b.StopTimer()
					for range min(batch, n) {
						e.Runs[0].Commands = append(e.Runs[0].Commands, commandOf(way.words(from)...))
						from++
					}
					data = e.Append(data[:0])
					d.index++
					d.seq += uint64(len(e.Runs[0].Commands))
					b.StartTimer()
					if err := d.m.Apply(d.index, 1, data, nil, d); err != nil {
						b.Fatal(err)
					}
					clear(d.answers)
				}
			}
			run(0, way.size)
			b.ResetTimer()
			b.ReportAllocs()
			run(way.size, b.N)
		})
	}
}

// number spreads the numbers below n, so that they do not come in order.
func number(i, n int) string { return fmt.Sprintf("%08d", i*7_919%(2*n)) }
