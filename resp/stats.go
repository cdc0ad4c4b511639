package resp

// This file counts. Counters of the whole server are touched once for each read, write or refusal, never
// for each command, so that connections on different cores do not fight over them.

import "sync/atomic"

// Stats is the server's counters since it began, for INFO and metrics.
type Stats struct {
	Connections uint64            // accepted, refused ones among them
	Connected   int               // now
	Rejected    uint64            // above MaxClients
	Input       uint64            // bytes read
	Output      uint64            // bytes written
	Refusals    map[string]uint64 // connections ended by us, by reason; reasons that did not occur are left out
}

// Buffers is what a connection occupies, under the names that CLIENT LIST has for it.
type Buffers struct {
	Query      int // qbuf: bytes received and not yet served
	QueryFree  int // qbuf-free
	Output     int // obl: always 0, replies are written at the end of a batch
	OutputList int // oll: pushes waiting
	OutputMem  int // omem: their bytes
	Total      int // tot-mem, an estimate
}

// connBytes is what a connection costs while it waits: redcon's three buffers of 4 KiB, a stack and the
// structs.
const connBytes = 18 << 10

// counters is Stats while it is counted.
type counters struct {
	accepted, input, output atomic.Uint64
	active                  atomic.Int64
	refused                 [reasons]atomic.Uint64
}

func (n *counters) refuse(why reason) { n.refused[why].Add(1) }

// Stats returns the counters as they are now.
func (s *Server) Stats() Stats {
	st := Stats{
		Connections: s.counts.accepted.Load(),
		Connected:   int(s.counts.active.Load()),
		Rejected:    s.counts.refused[tooManyClients].Load(),
		Input:       s.counts.input.Load(),
		Output:      s.counts.output.Load(),
		Refusals:    map[string]uint64{},
	}
	for why := range s.counts.refused {
		if n := s.counts.refused[why].Load(); n > 0 {
			st.Refusals[refusals[why].name] = n
		}
	}
	return st
}

// Bytes returns what was read from and written to the peer. Any goroutine may call it.
func (c *Conn) Bytes() (in, out uint64) { return c.received.Load(), c.out.sent.Load() }

// Buffers returns what the connection occupies now. Any goroutine may call it.
func (c *Conn) Buffers() Buffers {
	q := &c.out.queue
	q.mu.Lock()
	b := Buffers{OutputList: q.count, OutputMem: len(q.b) + q.flying}
	q.mu.Unlock()
	b.Query = int(c.query.Load())
	b.QueryFree = int(c.queryCap.Load()) - b.Query
	b.Total = connBytes + b.Query + b.QueryFree + b.OutputMem
	return b
}

// measure publishes the size of the input buffer for Buffers.
func (c *Conn) measure() {
	var used, size int
	if ws := c.in.ws; ws != nil {
		used, size = len(ws.in)-c.in.start, cap(ws.in)
	}
	c.query.Store(uint64(used))
	c.queryCap.Store(uint64(size))
}
