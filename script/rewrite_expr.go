package script

// Expressions of the walk in rewrite.go.

import (
	"github.com/yuin/gopher-lua/ast"
)

func (r *rewriter) exprs(list []ast.Expr) {
	for i := range list {
		r.expr(&list[i])
	}
}

// expr walks an expression and replaces it where it must be another.
func (r *rewriter) expr(e *ast.Expr) {
	r.enter(*e)
	switch x := (*e).(type) {
	case *ast.NumberExpr:
		r.constant(x)
		lit, err := literal(x)
		if err != nil {
			r.fail(x, err.Error())
		}
		*e = lit
	case *ast.StringExpr:
		r.constant(x)
	case *ast.IdentExpr:
		if !r.isLocal(x.Value) {
			r.constant(x)
		}
	case *ast.Comma3Expr:
		r.varargs = r.varargs || !x.AdjustRet
	case *ast.TableExpr:
		*e = r.table(x)
	case *ast.FunctionExpr:
		r.function(x)
	case *ast.FuncCallExpr:
		r.call(x)
	case *ast.StringConcatOpExpr:
		*e = r.concat(x)
	case *ast.UnaryLenOpExpr:
		r.expr(&x.Expr)
		*e = hidden(nameLen, x, single(x.Expr))
	default:
		r.operator(x)
	}
	r.depth--
}

// operator walks the operators that stay what they are.
func (r *rewriter) operator(e ast.Expr) {
	switch x := e.(type) {
	case *ast.AttrGetExpr:
		r.expr(&x.Object)
		r.expr(&x.Key)
	case *ast.LogicalOpExpr:
		r.expr(&x.Lhs)
		r.expr(&x.Rhs)
	case *ast.RelationalOpExpr:
		r.expr(&x.Lhs)
		r.expr(&x.Rhs)
	case *ast.ArithmeticOpExpr:
		r.expr(&x.Lhs)
		r.expr(&x.Rhs)
	case *ast.UnaryMinusOpExpr:
		r.expr(&x.Expr)
	case *ast.UnaryNotOpExpr:
		r.expr(&x.Expr)
	}
}

func (r *rewriter) call(x *ast.FuncCallExpr) {
	if x.Func != nil {
		r.expr(&x.Func)
	}
	if x.Receiver != nil {
		r.expr(&x.Receiver)
		r.constant(x)
	}
	r.exprs(x.Args)
}

// function walks a function's body; making the function costs by what it captures.
func (r *rewriter) function(x *ast.FunctionExpr) {
	cost, varargs := r.cost, r.varargs
	r.cost, r.varargs = 0, false
	r.fn = &function{outer: r.fn}
	x.Stmts = r.block(x.Stmts, x.ParList.Names...)
	upvalues := r.fn.upvalues
	r.fn = r.fn.outer
	r.cost, r.varargs = cost+closureCost+upvalueCost*min(upvalues, maxChain), varargs
}

// concat gathers a chain of `..`, which the parser nests, into calls of some operands each.
func (r *rewriter) concat(x *ast.StringConcatOpExpr) ast.Expr {
	var operands []ast.Expr
	var e ast.Expr = x
	for {
		pair, ok := e.(*ast.StringConcatOpExpr)
		if !ok {
			break
		}
		r.expr(&pair.Lhs)
		operands = append(operands, single(pair.Lhs))
		e = pair.Rhs
	}
	r.expr(&e)
	operands = append(operands, single(e))
	for len(operands) > maxChain {
		rest := len(operands) - maxChain
		last := hidden(nameConcat, x, operands[rest:]...)
		operands = append(operands[:rest:rest], last)
	}
	return hidden(nameConcat, x, operands...)
}

// table leaves to the machine what it can bound: positions and names. Computed keys are set by a call,
// and so is counted what a last `f()` or `...` brings.
func (r *rewriter) table(x *ast.TableExpr) ast.Expr {
	var plain []*ast.Field
	var computed []ast.Expr
	named, open := 0, false
	for i, field := range x.Fields {
		r.expr(&field.Value)
		switch {
		case field.Key == nil:
			last := i == len(x.Fields)-1
			open = last && isOpen(field.Value)
			plain = append(plain, field)
			r.cost += 16
			continue
		case isString(field.Key):
			r.expr(&field.Key)
			named++
			plain = append(plain, field)
			continue
		}
		r.expr(&field.Key)
		computed = append(computed, single(field.Key), single(field.Value))
	}
	r.cost += tableCost + fieldCost*named
	if named > 0 {
		r.cost += mapCost
	}
	if !open && len(computed) == 0 {
		return x
	}
	if len(computed) > 0 && !open && len(plain) > 0 {
		single(plain[len(plain)-1].Value) // it was not the last one, and must not become open
	}
	x.Fields = plain
	var out ast.Expr = x
	for first := true; first || len(computed) > 0; first = false {
		n := min(len(computed), maxChain)
		out = hidden(nameTable, x, append([]ast.Expr{out}, computed[:n]...)...)
		computed = computed[n:]
	}
	return out
}

func isString(e ast.Expr) bool {
	_, ok := e.(*ast.StringExpr)
	return ok
}

// isOpen tells whether an expression may have more than one value.
func isOpen(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		return !e.AdjustRet
	case *ast.Comma3Expr:
		return !e.AdjustRet
	}
	return false
}
