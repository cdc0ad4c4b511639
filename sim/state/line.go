// A form becomes a command: its places are filled.

package state

import (
	"bytes"
	"strconv"

	"github.com/divtxt/lockd/fsm"
)

// line adds the command of a form to the entry.
func (g *generator) line(e *entry, c fsm.Command, f *form) {
	o := op{form: f}
	if f.verb != other && f.verb != open {
		g.aim(&o)
	}
	from := len(g.words)
	for _, w := range f.words {
		if len(w) >= 2 && w[0] == '%' {
			w = g.place(&o, w)
		} else if prefix, is := bytes.CutSuffix(w, []byte("%q")); is {
			w = g.join(prefix, strconv.AppendInt(nil, int64(g.clock)/perRequest+g.Int64N(2), 10))
		}
		g.words = append(g.words, w)
	}
	c.Words = g.words[from:]
	g.add(e, c, o)
}

// aim chooses which judged key is meant and by whom: often by the holder, or little would ever be released.
func (g *generator) aim(o *op) {
	switch o.form.verb {
	case count:
		o.lock = g.IntN(counters)
		return
	case pass, fence:
		o.lock = g.IntN(fences)
		o.ttl = max(1, int64(g.judge.fences[o.lock])+int64(g.IntN(6))-3)
		return
	}
	o.lock = g.IntN(judgedKeys)
	if o.lock >= judgedKeys/2 && g.one(2) {
		o.lock = g.IntN(4) // some are wanted by many
	}
	if len(o.form.words) < 3 {
		return // no owner is named
	}
	holder := &g.holders[o.lock]
	o.owner = *holder
	if o.owner == "" || g.one(2) {
		o.owner = string(g.names.owners[g.IntN(owners)])
	}
	switch v := o.form.verb; {
	case *holder == "" && (v == take || v == claim) || v == put:
		*holder = o.owner
	case *holder == o.owner && v == drop:
		*holder = ""
	}
}

// place returns the word for a place.
func (g *generator) place(o *op, w []byte) []byte {
	if key := g.key(o, w); key != nil {
		return key
	}
	switch w[1] {
	case 'i':
		return g.session()
	case 'f':
		return pick(g, g.names.scores...)
	case 'b':
		return g.join([]byte{'b'}, strconv.AppendInt(nil, int64(len(g.commands)), 10))
	case 'o':
		if o.form.verb == other {
			return g.names.owners[g.IntN(owners)]
		}
		return g.join([]byte(o.owner), nil)
	case 't':
		o.ttl = int64(pick(g, 1, 5, 20, 20, 100, 100, 500, 1000, 1000, 5000))
		return g.int(o.ttl)
	case 'w':
		o.wait = pick[int64](g, 0, 1, 50, 500, 500, 5000, 50000, forever)
		return g.int(o.wait)
	case 's':
		return g.int(int64(g.IntN(5)))
	case 'a':
		return g.int(g.wall.Millis() + int64(g.IntN(2000)) - 200)
	case 'd':
		return g.int(int64(1 + g.IntN(3)))
	}
	if o.form.verb == pass {
		return g.int(o.ttl)
	}
	return g.int(int64(g.IntN(100)))
}

// key returns the word for a place of a key, and nil for another.
func (g *generator) key(o *op, w []byte) []byte {
	switch w[1] {
	case 'k':
		return g.names.judged[o.lock]
	case 'c':
		return g.names.counters[o.lock]
	case 'r':
		return g.join([]byte("fence"), strconv.AppendInt(nil, int64(o.lock), 10))
	case 'x', 'y':
		return g.join(g.names.others[g.IntN(otherKeys)], w[2:])
	case 'h':
		return g.join([]byte{'h', byte('a' + g.IntN(busyKeys))}, w[2:])
	case 'v', 'l', 'e':
		return g.join([]byte{w[1], byte('a' + g.IntN(valueKeys))}, nil)
	case 'm':
		return g.join([]byte{'m', byte('0' + g.IntN(10))}, nil)
	}
	return nil
}

// session returns the id of one that was opened not long ago.
func (g *generator) session() []byte {
	if len(g.judge.opened) == 0 {
		return []byte("s1-1")
	}
	return []byte(g.judge.opened[g.IntN(len(g.judge.opened))])
}

// join puts a word together in the generator's memory.
func (g *generator) join(a, b []byte) []byte {
	if len(b) == 0 {
		return a
	}
	from := len(g.text)
	g.text = append(append(g.text, a...), b...)
	return g.text[from:]
}

func (g *generator) int(n int64) []byte {
	from := len(g.text)
	g.text = strconv.AppendInt(g.text, n, 10)
	return g.text[from:]
}
