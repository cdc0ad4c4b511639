// The figures that the design rests on: the scan at start, an append, and an append beside a
// snapshot.

package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"path/filepath"
	"sort"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func benchOptions(dir string, kind string) Options {
	return Options{Dir: dir, LogStore: kind, Check: checkCRC, Log: slog.New(slog.DiscardHandler)}
}

// crcPayload and checkCRC are as costly as the check of lockd's entries: one checksum.
func crcPayload(size int) []byte {
	b := make([]byte, size-4)
	for i := range b {
		b[i] = byte(i * 31)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

func checkCRC(b []byte) error {
	n := len(b) - 4
	if n < 0 || crc32.Checksum(b[:n], castagnoli()) != binary.LittleEndian.Uint32(b[n:]) {
		return errors.New("checksum mismatch")
	}
	return nil
}

func BenchmarkScan(b *testing.B) {
	for _, kind := range []string{LogWAL, LogBolt} {
		for _, size := range []struct {
			name   string
			count  int
			bytes  int
			atOnce int
		}{{"1M-100B", 1_000_000, 100, 500}, {"256MB-64KiB", 4096, 64 << 10, 8}} {
			b.Run(kind+"-"+size.name, func(b *testing.B) {
				dir := filepath.Join(b.TempDir(), "d")
				s := mustOpen(b, benchOptions(dir, kind))
				_ = s.Stable.SetUint64([]byte("CurrentTerm"), 1)
				data := crcPayload(size.bytes)
				for i := 0; i < size.count; i += size.atOnce {
					var logs []*raft.Log
					for n := i + 1; n <= min(i+size.atOnce, size.count); n++ {
						logs = append(logs, &raft.Log{Index: uint64(n), Term: 1, Data: data, AppendedAt: time.Unix(1, 0)})
					}
					if err := s.Log.StoreLogs(logs); err != nil {
						b.Fatal(err)
					}
				}
				mustClose(b, s)
				for b.Loop() {
					s := mustOpen(b, benchOptions(dir, kind))
					mustClose(b, s)
				}
			})
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, kind := range []string{LogWAL, LogBolt} {
		for _, size := range []int{256, 4 << 10, 16 << 10, 256 << 10} {
			b.Run(fmt.Sprintf("%s-%dB", kind, size), func(b *testing.B) {
				s := mustOpen(b, benchOptions(b.TempDir(), kind))
				time.Sleep(100 * time.Millisecond) // the spare segment
				data := make([]byte, size)
				var took []time.Duration
				index := uint64(0)
				for b.Loop() {
					index++
					begin := time.Now()
					if err := s.Log.StoreLog(&raft.Log{Index: index, Term: 1, Data: data}); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(begin))
				}
				report(b, took)
			})
		}
	}
}

func report(b *testing.B, took []time.Duration) {
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) }
	b.ReportMetric(at(0.5), "p50-us")
	b.ReportMetric(at(0.99), "p99-us")
	b.ReportMetric(at(1), "max-us")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAppendBesideSnapshot writes 100 MB of snapshot while the log is appended to.
func BenchmarkAppendBesideSnapshot(b *testing.B) {
	for _, name := range []string{"plain", "spread", "spread-100MB-s"} {
		b.Run(name, func(b *testing.B) {
			o := benchOptions(b.TempDir(), LogWAL)
			if name == "spread-100MB-s" {
				o.SnapshotRate = 100 << 20
			}
			s := mustOpen(b, o)
			time.Sleep(100 * time.Millisecond)
			store := s.Snapshots
			if name == "plain" {
				store = s.Snapshots.(*snapshotStore).inner
			}
			var took []time.Duration
			var snapshot time.Duration
			index := uint64(0)
			for b.Loop() {
				done := make(chan time.Duration)
				go writeSnapshot(b, store, done)
				for running := true; running; {
					index++
					begin := time.Now()
					if err := s.Log.StoreLog(&raft.Log{Index: index, Term: 1, Data: make([]byte, 256)}); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(begin))
					select {
					case snapshot = <-done:
						running = false
					default:
					}
				}
			}
			report(b, took)
			b.ReportMetric(float64(snapshot.Milliseconds()), "snapshot-ms")
		})
	}
}

func writeSnapshot(b *testing.B, store raft.SnapshotStore, done chan<- time.Duration) {
	begin := time.Now()
	_, trans := raft.NewInmemTransport("n1")
	sink, err := store.Create(1, 1, 1, raft.Configuration{}, 1, trans)
	if err == nil {
		block := crcPayload(64 << 10)
		for n := 0; n < 100<<20 && err == nil; n += len(block) {
			_, err = sink.Write(block)
		}
		if err == nil {
			err = sink.Close()
		}
	}
	if err != nil {
		b.Error(err)
	}
	done <- time.Since(begin)
}
