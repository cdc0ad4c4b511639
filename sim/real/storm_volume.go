// Many operations for little work: clients that count and read counters, many commands in one write. Each
// reply is judged like any other; that so many are under way whenever something happens is what shows a
// command that was lost or done twice.

package real

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/divtxt/lockd/sim/history"
)

// volume is such clients, one for each node.
type volume struct {
	history *history.Recorder
	counts  []string
	stop    chan struct{}
	wait    sync.WaitGroup
}

// Each client sends so many commands at once, and then pauses; both together bound what the checks must hold
// in memory. The more counters there are, the fewer commands are under way at each, and the easier it is to
// find their order.
const (
	volumeCounts = 32
	volumeBatch  = 64
	volumePause  = 25 * time.Millisecond
)

func startVolume(h *history.Recorder, prefix string, seed uint64, targets []Target) *volume {
	v := &volume{history: h, stop: make(chan struct{})}
	for i := range volumeCounts {
		v.counts = append(v.counts, fmt.Sprintf("%smuch:%d", prefix, i))
	}
	for i, target := range targets {
		dice := rand.New(rand.NewPCG(seed, uint64(1000+i)))
		v.wait.Go(func() { v.run(target, dice) })
	}
	return v
}

// end returns when all clients have.
func (v *volume) end() {
	close(v.stop)
	v.wait.Wait()
}

func (v *volume) run(target Target, dice *rand.Rand) {
	var conn *Conn
	var dialed time.Duration
	pause := time.NewTicker(volumePause)
	defer pause.Stop()
	for {
		select {
		case <-v.stop:
			if conn != nil {
				conn.Close()
			}
			return
		case <-pause.C:
		}
		if conn == nil {
			dialed = v.history.Now()
			var err error
			if conn, err = Dial(target.Addr, time.Second); err != nil {
				continue
			}
		}
		if !v.batch(conn, target, dialed, dice) {
			conn.Close()
			conn = nil
		}
	}
}

// batch sends commands at once and reads their replies. It is false after an error.
func (v *volume) batch(conn *Conn, target Target, dialed time.Duration, dice *rand.Rand) bool {
	ops := make([]history.Op, volumeBatch)
	var bytes []byte
	for i := range ops {
		op := history.Op{
			Kind: history.Read, Key: v.counts[dice.IntN(len(v.counts))], Node: target.ID, Command: "GET",
			Dialed: dialed,
		}
		if dice.IntN(2) == 0 {
			op.Kind, op.Command = history.Count, "INCR"
		}
		ops[i] = op
		bytes = append(bytes, command([]string{op.Command, op.Key})...)
	}
	sent := v.history.Now()
	err := conn.net.SetDeadline(time.Now().Add(opTimeout))
	if err == nil {
		_, err = conn.net.Write(bytes)
	}
	well := true
	for i := range ops {
		op := &ops[i]
		op.Sent = sent
		err = v.receive(conn, op, err)
		op.Done = v.history.Now()
		v.history.Add(*op)
		well = well && op.Known()
	}
	return well
}

// receive reads one reply, unless the connection has failed before.
func (v *volume) receive(conn *Conn, op *history.Op, failed error) error {
	if failed == nil {
		var reply any
		if reply, failed = conn.read(0); failed == nil {
			if said, ok := reply.(Said); ok {
				op.Outcome, op.Said = classify(said)
			} else {
				understand(op, reply)
			}
			return nil
		}
	}
	op.Outcome, op.Said = classify(failed)
	return failed
}
