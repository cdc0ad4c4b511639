// HSCAN, SSCAN and ZSCAN: the names in a value, page by page. Their cursors are those of SCAN.

package commands

import (
	"strings"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// wholePage is up to how many names a value is replied whole, whatever COUNT says, as Redis does with
// small ones.
const wholePage = 128

// values scans the names of a value. each calls f with the names from one on and what belongs to each:
// nothing for the members of a set.
func (p *scanPoints) values(tx *fsm.Tx, a Args, q sequence,
	each func(from string, f func(name string, belongs ...resp.Value) bool)) resp.Value {
	cursor, o, problem := scanWords(a)
	if problem.IsError() {
		return problem
	}
	q.of, q.again = scanned{tx.DB(), a.Str(1)}, !tx.Writes()
	q.each = func(from string, f func(string) bool) {
		each(from, func(name string, _ ...resp.Value) bool { return f(name) })
	}
	if q.length <= wholePage {
		cursor, o.count = 0, wholePage
	}
	after, fromStart := p.resume(&q, cursor)
	g := glob{pattern: o.pattern, steps: scanSteps}
	prefix := g.prefix()
	var list []resp.Value
	visited, last, end := 0, "", true
	each(max(after, prefix), func(name string, belongs ...resp.Value) bool {
		switch {
		case !fromStart && name <= after:
			return true
		case !strings.HasPrefix(name, prefix):
			return false
		case visited >= o.count || g.spent():
			end = false
			return false
		}
		visited++
		last = name
		if g.all() || g.match(name) {
			list = append(append(list, resp.Bulk(name)), belongs...)
		}
		return true
	})
	tx.Spend(int64(visited))
	if end {
		return scanReply(0, list)
	}
	return scanReply(p.remember(&q, last), list)
}

// scanWords reads the cursor at word 2 and the options behind it.
func scanWords(a Args) (cursor uint64, o scanOptions, problem resp.Value) {
	cursor, ok := parseCursor(a.Str(2))
	if !ok {
		return 0, o, errCursor()
	}
	o, problem = readScanOptions(a, 3, false)
	return cursor, o, problem
}

// nothingToScan is the reply where there is no value of the right type: in Redis a wrong cursor comes
// before that, and a wrong option behind it.
func nothingToScan(a Args, problem resp.Value) resp.Value {
	if _, ok := parseCursor(a.Str(2)); !ok {
		return errCursor()
	}
	if problem.IsError() {
		return problem
	}
	return scanReply(0, nil)
}

func (p *scanPoints) hscan(tx *fsm.Tx, a Args) resp.Value {
	it, h, problem := hashAt(tx, a.Str(1))
	if problem.IsError() || it == nil {
		return nothingToScan(a, problem)
	}
	at := func(i int) (string, bool) {
		if i >= h.Len() {
			return "", false
		}
		field, _ := h.At(i)
		return field, true
	}
	return p.values(tx, a, sequence{length: h.Len(), at: at},
		func(from string, f func(string, ...resp.Value) bool) {
			h.Each(from, func(field, value string) bool { return f(field, resp.Bulk(value)) })
		})
}

func (p *scanPoints) sscan(tx *fsm.Tx, a Args) resp.Value {
	it, s, problem := setAt(tx, a.Str(1))
	if problem.IsError() || it == nil {
		return nothingToScan(a, problem)
	}
	at := func(i int) (string, bool) {
		if i >= s.Len() {
			return "", false
		}
		return s.At(i), true
	}
	return p.values(tx, a, sequence{length: s.Len(), at: at},
		func(from string, f func(string, ...resp.Value) bool) {
			s.Each(from, func(member string) bool { return f(member) })
		})
}

func (p *scanPoints) zscan(tx *fsm.Tx, a Args) resp.Value {
	it, s, problem := sortedAt(tx, a.Str(1))
	if problem.IsError() || it == nil {
		return nothingToScan(a, problem)
	}
	at := func(i int) (string, bool) {
		if i >= s.Len() {
			return "", false
		}
		return s.NameAt(i), true
	}
	return p.values(tx, a, sequence{length: s.Len(), at: at},
		func(from string, f func(string, ...resp.Value) bool) {
			s.EachByName(from, func(v fsm.Scored) bool {
				return f(v.Member, resp.Bulk(resp.FormatDouble(v.Score)))
			})
		})
}
