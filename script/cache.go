package script

// Compiled scripts are kept, so that a script which runs all the time is compiled once on each node. What is
// kept has no influence on what a script does, only on how long it takes.

import (
	"strings"
	"sync"
)

// cacheBytes is how much text of scripts is kept with what it was compiled to, which takes about ten times as
// much. Beyond it all is forgotten: the scripts that are in use come back at once.
const cacheBytes = 4 << 20

// cache finds programs by their text. It is safe for concurrent use.
type cache struct {
	mu    sync.RWMutex
	known map[string]*Program
	bytes int
}

// Load is Compile for a script that may have been compiled before.
func (e *Engine) Load(body string) (*Program, error) {
	c := &e.cache
	c.mu.RLock()
	p := c.known[body]
	c.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := e.Compile([]byte(body))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes += len(body); c.known == nil || c.bytes > cacheBytes {
		c.known, c.bytes = map[string]*Program{}, len(body)
	}
	c.known[strings.Clone(body)] = p
	return p, nil
}
