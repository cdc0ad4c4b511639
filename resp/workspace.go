package resp

// This file lends connections the memory they work in. Ten thousand connections wait most of the time and
// only a few have something to say, so a connection owns no buffer while it waits: it borrows a workspace
// when bytes arrive and gives it back when they are answered. A command parked for minutes keeps its
// workspace, hence the small size; a busy pipeline gets the large one.

import (
	"slices"
	"sync"
)

const (
	smallBuffer = 4 << 10
	largeBuffer = 64 << 10
)

// workspace is what one batch of commands needs.
type workspace struct {
	in   []byte    // bytes received and not yet answered
	args [][]byte  // words of the batch, the backing of cmds
	cmds []Command // the batch
	out  []byte    // replies not yet written
}

// workspaces lends out workspaces of two sizes. What grew beyond the large size is left to the garbage
// collector, so that one big command does not stay in memory for good.
type workspaces struct{ small, large sync.Pool }

// take returns a workspace with room for at least n bytes of input, if n is not above largeBuffer.
func (p *workspaces) take(n int) *workspace {
	pool, size := &p.small, smallBuffer
	if n > smallBuffer {
		pool, size = &p.large, largeBuffer
	}
	if ws, ok := pool.Get().(*workspace); ok {
		return ws
	}
	return &workspace{in: make([]byte, 0, size)}
}

// give takes a workspace back. Nobody may hold a Command of it any more.
func (p *workspaces) give(ws *workspace) {
	ws.reset()
	ws.in, ws.out = ws.in[:0], ws.out[:0]
	switch size := cap(ws.in); {
	case size == smallBuffer && cap(ws.args) <= 256 && cap(ws.cmds) <= 128 && cap(ws.out) <= smallBuffer:
		p.small.Put(ws)
	case size == largeBuffer && cap(ws.args) <= 8192 && cap(ws.out) <= 2*largeBuffer:
		p.large.Put(ws)
	}
}

// reset forgets the batch, and lets go of buffers that its words were the last to point to.
func (ws *workspace) reset() {
	clear(ws.args)
	ws.args, ws.cmds = ws.args[:0], ws.cmds[:0]
}

// add appends the command whose words lie in b.
func (ws *workspace) add(b []byte, words []span) {
	ws.args = slices.Grow(ws.args, len(words))
	first := len(ws.args)
	for _, w := range words {
		ws.args = append(ws.args, b[w.from:w.to:w.to])
	}
	ws.cmds = append(ws.cmds, Command(ws.args[first:len(ws.args):len(ws.args)]))
}
