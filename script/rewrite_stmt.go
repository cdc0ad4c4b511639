package script

// Statements of the walk in rewrite.go.

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

func (r *rewriter) stmt(st ast.Stmt) ast.Stmt {
	switch st := st.(type) {
	case *ast.AssignStmt:
		return r.assign(st)
	case *ast.LocalAssignStmt:
		return r.local(st)
	case *ast.FuncCallStmt:
		r.expr(&st.Expr)
	case *ast.DoBlockStmt:
		st.Stmts = r.block(st.Stmts)
	case *ast.WhileStmt:
		st.Stmts = r.loop(func() []ast.Stmt { return r.block(st.Stmts) }, &st.Condition, st)
	case *ast.RepeatStmt:
		r.repeat(st)
	case *ast.IfStmt:
		r.expr(&st.Condition)
		st.Then = r.block(st.Then)
		st.Else = r.block(st.Else)
	case *ast.NumberForStmt:
		r.expr(&st.Init)
		r.expr(&st.Limit)
		if st.Step != nil {
			r.expr(&st.Step)
		}
		st.Stmts = r.block(st.Stmts, st.Name)
	case *ast.GenericForStmt:
		r.exprs(st.Exprs)
		st.Stmts = r.block(st.Stmts, st.Names...)
	case *ast.FuncDefStmt:
		return r.define(st)
	case *ast.ReturnStmt:
		r.exprs(st.Exprs)
	case *ast.LabelStmt:
		r.fail(st, "unexpected symbol near ':'")
	case *ast.GotoStmt:
		r.fail(st, "'=' expected near '"+st.Label+"'")
	}
	return st
}

// repeat keeps the body's scope open for the condition, which sees its variables.
func (r *rewriter) repeat(st *ast.RepeatStmt) {
	r.fn.blocks = append(r.fn.blocks, map[string]bool{})
	st.Stmts = r.loop(func() []ast.Stmt { return r.stmts(st.Stmts) }, &st.Condition, st)
	r.fn.blocks = r.fn.blocks[:len(r.fn.blocks)-1]
}

func (r *rewriter) local(st *ast.LocalAssignStmt) ast.Stmt {
	if len(st.Names) == 1 && len(st.Exprs) == 1 {
		if _, ok := st.Exprs[0].(*ast.FunctionExpr); ok {
			r.declare(st.Names[0]) // gopher-lua lets a function see its own name here
		}
	}
	r.exprs(st.Exprs)
	r.declare(st.Names...)
	return st
}

// assign turns writes of fields and globals into calls.
func (r *rewriter) assign(st *ast.AssignStmt) ast.Stmt {
	plain := len(st.Lhs) == 1 // gopher-lua gets `a, b = b, a` wrong where both are local
	for i, target := range st.Lhs {
		switch target := target.(type) {
		case *ast.IdentExpr:
			plain = plain && r.isLocal(target.Value)
		case *ast.AttrGetExpr:
			r.expr(&target.Object)
			r.expr(&target.Key)
			plain = false
		default:
			r.expr(&st.Lhs[i])
		}
	}
	r.exprs(st.Rhs)
	if plain {
		return st
	}
	if len(st.Lhs) == 1 && len(st.Rhs) == 1 {
		return r.store(st.Lhs[0], single(st.Rhs[0]), st)
	}
	return r.assignMany(st)
}

// assignMany keeps Lua's order: all targets and values are evaluated before the first is written.
func (r *rewriter) assignMany(st *ast.AssignStmt) ast.Stmt {
	var body []ast.Stmt
	temp := func(names []string, values []ast.Expr) {
		body = append(body, place(&ast.LocalAssignStmt{Names: names, Exprs: values}, st))
	}
	var values []string
	for i, target := range st.Lhs {
		n := strconv.Itoa(i)
		values = append(values, "(v"+n+")")
		if field, ok := target.(*ast.AttrGetExpr); ok {
			temp([]string{"(o" + n + ")", "(k" + n + ")"}, []ast.Expr{single(field.Object), single(field.Key)})
			field.Object, field.Key = ident("(o"+n+")", st), ident("(k"+n+")", st)
		}
	}
	temp(values, st.Rhs)
	for i := len(st.Lhs) - 1; i >= 0; i-- {
		body = append(body, r.store(st.Lhs[i], ident(values[i], st), st))
	}
	return place(&ast.DoBlockStmt{Stmts: body}, st)
}

// store writes one value to one target, both walked already.
func (r *rewriter) store(target, value ast.Expr, at ast.PositionHolder) ast.Stmt {
	switch target := target.(type) {
	case *ast.AttrGetExpr:
		call := hidden(nameSet, at, single(target.Object), single(target.Key), value)
		return place(&ast.FuncCallStmt{Expr: call}, at)
	case *ast.IdentExpr:
		if !r.isLocal(target.Value) {
			return place(&ast.FuncCallStmt{Expr: hidden(nameGlobal, at, value)}, at)
		}
	}
	return place(&ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{value}}, at)
}

// define turns `function a.b:c() … end` into an assignment.
func (r *rewriter) define(st *ast.FuncDefStmt) ast.Stmt {
	target := st.Name.Func
	if st.Name.Receiver != nil {
		key := place(&ast.StringExpr{Value: st.Name.Method}, st)
		target = place(&ast.AttrGetExpr{Object: st.Name.Receiver, Key: key}, st)
		st.Func.ParList.Names = append([]string{"self"}, st.Func.ParList.Names...)
	}
	assign := &ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{st.Func}}
	return r.assign(place(assign, st))
}
