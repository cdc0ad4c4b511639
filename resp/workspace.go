package resp

// This file lends connections the memory they work in. Ten thousand connections wait most of the time and
// only a few have something to say, so a connection owns no buffer while it waits: it borrows a workspace
// when bytes arrive and gives it back when they are answered. A command parked for minutes keeps its
// workspace, hence the small size; a busy pipeline gets the large one.

import "sync"

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
	const wordsPerByte = 8 // of a large buffer; the arrays of a small one are kept smaller by its size
	switch size := cap(ws.in); {
	case size == smallBuffer && cap(ws.args) <= 64 && cap(ws.cmds) <= 64 && cap(ws.out) <= smallBuffer:
		p.small.Put(ws)
	case size == largeBuffer && cap(ws.args) <= largeBuffer/wordsPerByte && cap(ws.out) <= 4*largeBuffer:
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
	first := len(ws.args)
	for _, w := range words {
		ws.args = append(ws.args, b[w.from:w.to:w.to])
	}
	ws.cmds = append(ws.cmds, Command(ws.args[first:len(ws.args):len(ws.args)]))
}
