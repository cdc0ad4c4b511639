package script

// The syntax tree before it is compiled. What allocates or writes becomes a call of a hidden function, whose
// name no script can spell: `a .. b` is (concat)(a, b), `t[k] = v` is (set)(t, k, v), `#t` is (len)(t), and a
// statement that makes tables or functions is preceded by (charge)(bytes). So every byte passes by the
// budget, and library tables cannot be written. Numbers are read by Lua's rules, not by Go's.
//
// The walk also bounds what the compiler is given: nesting (the compiler recurses, and a Go stack that
// overflows cannot be caught) and constants (the compiler searches their list for each one).

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// The hidden functions.
const (
	nameConcat = "(concat)"
	nameSet    = "(set)"
	nameLen    = "(len)"
	nameTable  = "(table)"
	nameCharge = "(charge)"
	nameGlobal = "(global)"
)

const (
	maxNesting   = 250  // syntax levels
	maxConstants = 4000 // numbers, strings and names in a script
	maxChain     = 60   // operands of one hidden call: registers are few
	tableCost    = 200  // bytes of an empty table
	fieldCost    = 160  // bytes of a named field
	mapCost      = 2500 // bytes of a table's first named field: gopher-lua makes maps of 32
	closureCost  = 150  // bytes of a function value
	upvalueCost  = 80   // bytes of each variable that it captures
)

// rewriter walks one script.
type rewriter struct {
	fn        *function // being walked
	depth     int
	constants int
	cost      int  // bytes that the statement being walked makes
	varargs   bool // whether it uses `...` for all its values
}

// function is what is known of a function while it is walked: its variables by block.
type function struct {
	outer    *function
	blocks   []map[string]bool
	upvalues int
}

// limitError is what the walk panics with: it carries an error up to rewrite.
type limitError struct{ err error }

func rewrite(chunk []ast.Stmt) (out []ast.Stmt, err error) {
	defer func() {
		if r := recover(); r != nil {
			limit, ok := r.(limitError)
			if !ok {
				panic(r)
			}
			err = limit.err
		}
	}()
	r := &rewriter{fn: &function{}}
	return r.block(chunk), nil
}

func (r *rewriter) fail(at ast.PositionHolder, text string) {
	panic(limitError{fmt.Errorf("%d: %s", max(at.Line(), 1), text)})
}

func (r *rewriter) enter(at ast.PositionHolder) {
	if r.depth++; r.depth > maxNesting {
		r.fail(at, "chunk has too many syntax levels")
	}
}

func (r *rewriter) constant(at ast.PositionHolder) {
	if r.constants++; r.constants > maxConstants {
		r.fail(at, "constant table overflow")
	}
}

// declare adds local variables to the innermost block.
func (r *rewriter) declare(names ...string) {
	block := r.fn.blocks[len(r.fn.blocks)-1]
	for _, name := range names {
		block[name] = true
	}
}

// isLocal tells whether a name is a local variable, and counts it where it is one of an outer function.
func (r *rewriter) isLocal(name string) bool {
	for fn := r.fn; fn != nil; fn = fn.outer {
		for _, block := range fn.blocks {
			if !block[name] {
				continue
			}
			for inner := r.fn; inner != fn; inner = inner.outer {
				inner.upvalues++
			}
			return true
		}
	}
	return false
}

// block walks statements in a scope of their own; first are declared in it.
func (r *rewriter) block(stmts []ast.Stmt, first ...string) []ast.Stmt {
	r.fn.blocks = append(r.fn.blocks, map[string]bool{})
	r.declare(first...)
	out := r.stmts(stmts)
	r.fn.blocks = r.fn.blocks[:len(r.fn.blocks)-1]
	return out
}

// stmts walks statements in the scope that is open, and puts before each what it is charged.
func (r *rewriter) stmts(stmts []ast.Stmt) []ast.Stmt {
	out := make([]ast.Stmt, 0, len(stmts))
	cost, varargs := r.cost, r.varargs
	for _, st := range stmts {
		r.cost, r.varargs = 0, false
		r.enter(st)
		st = r.stmt(st)
		r.depth--
		if charge := r.charge(st); charge != nil {
			out = append(out, charge)
		}
		out = append(out, st)
	}
	r.cost, r.varargs = cost, varargs
	return out
}

// charge returns the statement that pays for what was walked since the cost was last set to nothing.
func (r *rewriter) charge(at ast.PositionHolder) ast.Stmt {
	if r.cost == 0 && !r.varargs {
		return nil
	}
	args := []ast.Expr{number(r.cost, at)}
	if r.varargs {
		args = append(args, place(&ast.Comma3Expr{}, at))
	}
	r.cost, r.varargs = 0, false
	return place(&ast.FuncCallStmt{Expr: hidden(nameCharge, at, args...)}, at)
}

// loop walks a condition that is met on each round, and the body; the body pays for both.
func (r *rewriter) loop(body func() []ast.Stmt, condition *ast.Expr, at ast.PositionHolder) []ast.Stmt {
	cost, varargs := r.cost, r.varargs
	r.cost, r.varargs = 0, false
	out := body()
	r.expr(condition)
	if charge := r.charge(at); charge != nil {
		out = append([]ast.Stmt{charge}, out...)
	}
	r.cost, r.varargs = cost, varargs
	return out
}

// positioned is a node whose lines can be set.
type positioned interface {
	SetLine(int)
	SetLastLine(int)
}

// place gives a new node the lines of an old one.
func place[N positioned](n N, at ast.PositionHolder) N {
	n.SetLine(at.Line())
	n.SetLastLine(at.LastLine())
	return n
}

func number(n int, at ast.PositionHolder) ast.Expr {
	return place(&ast.NumberExpr{Value: strconv.Itoa(n)}, at)
}

func ident(name string, at ast.PositionHolder) *ast.IdentExpr {
	return place(&ast.IdentExpr{Value: name}, at)
}

// hidden is the call of a hidden function, for one value.
func hidden(name string, at ast.PositionHolder, args ...ast.Expr) *ast.FuncCallExpr {
	return place(&ast.FuncCallExpr{Func: ident(name, at), Args: args, AdjustRet: true}, at)
}

// single cuts an expression to one value, as parentheses do.
func single(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}

// literal returns the text of a number that the compiler reads as Lua reads the given one.
func literal(e *ast.NumberExpr) (ast.Expr, error) {
	f, ok := parseNumber(e.Value)
	switch {
	case !ok:
		return nil, errors.New("malformed number near '" + e.Value + "'")
	case math.IsInf(f, 0):
		// There is no literal of it: 1/0.
		zero, one := number(0, e), number(1, e)
		return place(&ast.ArithmeticOpExpr{Operator: "/", Lhs: one, Rhs: zero}, e), nil
	}
	e.Value = strconv.FormatFloat(f, 'g', 17, 64)
	if f == math.Trunc(f) && f < 1<<53 {
		e.Value = strconv.FormatFloat(f, 'f', 0, 64)
	}
	return e, nil
}
