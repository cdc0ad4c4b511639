// ZADD and ZINCRBY, and how scores are read.

package commands

import (
	"math"
	"strconv"
	"strings"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// parseScore reads a number as C's strtod does, and like Redis takes all of s or nothing: no blanks, no NaN,
// nothing too large or too small to tell from infinity or zero.
func parseScore(s string) (float64, bool) {
	f, ok, exact := readDouble(s)
	return f, ok && exact
}

// readDouble reads a number. It is not exact where it is infinite or zero only because nothing else can
// hold it.
func readDouble(s string) (f float64, ok, exact bool) {
	unsigned, sign := s, 1.0
	if s != "" && (s[0] == '+' || s[0] == '-') {
		unsigned = s[1:]
	}
	if s != unsigned && s[0] == '-' {
		sign = -1
	}
	switch strings.ToLower(unsigned) {
	case "inf", "infinity":
		return math.Inf(int(sign)), true, true
	}
	zero, ok := floatGrammar(unsigned)
	switch {
	case !ok:
		return 0, false, false
	case zero:
		return math.Copysign(0, sign), true, true
	case len(unsigned) > 1 && unsigned[1]|0x20 == 'x' && !strings.ContainsAny(unsigned, "pP"):
		unsigned += "p0" // Go insists on an exponent
	}
	f, err := strconv.ParseFloat(unsigned, 64)
	return math.Copysign(f, sign), true, err == nil && f != 0
}

// addOptions is what the options of ZADD said.
type addOptions struct{ nx, xx, gt, lt, ch, incr bool }

// read reads the options from word 2 on and returns the place of the first word that is none.
func (o *addOptions) read(a Args) (i int) {
	for i = 2; i < len(a); i++ {
		switch {
		case a.Is(i, "NX"):
			o.nx = true
		case a.Is(i, "XX"):
			o.xx = true
		case a.Is(i, "GT"):
			o.gt = true
		case a.Is(i, "LT"):
			o.lt = true
		case a.Is(i, "CH"):
			o.ch = true
		case a.Is(i, "INCR"):
			o.incr = true
		default:
			return i
		}
	}
	return i
}

// problem is what is wrong with the options for so many words behind them.
func (o *addOptions) problem(words int) resp.Value {
	switch {
	case words == 0 || words%2 != 0:
		return errSyntax()
	case o.nx && o.xx:
		return resp.Error("ERR XX and NX options at the same time are not compatible")
	case o.nx && (o.gt || o.lt), o.gt && o.lt:
		return resp.Error("ERR GT, LT, and/or NX options at the same time are not compatible")
	case o.incr && words > 2:
		return resp.Error("ERR INCR option supports a single increment-element pair")
	}
	return resp.Value{}
}

func zadd(tx *fsm.Tx, a Args) resp.Value {
	var o addOptions
	i := o.read(a)
	if problem := o.problem(len(a) - i); problem.IsError() {
		return problem
	}
	return o.add(tx, a, i)
}

func zincrBy(tx *fsm.Tx, a Args) resp.Value {
	o := addOptions{incr: true}
	return o.add(tx, a, 2)
}

// errNoScore is the error of adding infinities of opposite signs.
func errNoScore() resp.Value { return resp.Error("ERR resulting score is not a number (NaN)") }

// add sets the scores and members from word i on.
func (o *addOptions) add(tx *fsm.Tx, a Args, i int) resp.Value {
	scores := make([]float64, 0, (len(a)-i)/2)
	for j := i; j < len(a); j += 2 {
		score, ok := parseScore(a.Str(j))
		if !ok {
			return errNotFloat()
		}
		scores = append(scores, score)
	}
	it, s, problem := sortedAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	s = own(tx, it, s)
	added, changed := int64(0), int64(0)
	reply := resp.Null()
	for n, score := range scores {
		member := a.Str(i + 1 + 2*n)
		old, there := s.Score(member)
		score, allowed := o.score(score, old, there)
		switch {
		case math.IsNaN(score):
			return errNoScore() // INCR has one pair: nothing was changed
		case !allowed:
			continue
		case !there:
			added++
		case score != old:
			changed++
		}
		s.Set(member, score)
		reply = resp.Double(score)
	}
	tx.Spend(int64(2 * len(scores)))
	if added+changed > 0 {
		put(tx, it, a.Str(1), s, fsm.EventSorted, o.event())
	}
	switch {
	case o.incr:
		return reply
	case o.ch:
		return resp.Int(added + changed)
	}
	return resp.Int(added)
}

func (o *addOptions) event() string {
	if o.incr {
		return "zincr"
	}
	return "zadd"
}

// score returns the score that a member gets, and whether the options allow it.
func (o *addOptions) score(score, old float64, there bool) (float64, bool) {
	if !there {
		return score, !o.xx
	}
	if o.nx {
		return old, false
	}
	if o.incr {
		score += old
	}
	return score, !(o.gt && score <= old || o.lt && score >= old)
}
