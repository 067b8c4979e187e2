package sandbox

import (
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
)

// replace returns the replacement of an expression whose parts are rewritten.
func (w *rewriter) replace(e ast.Expression) ast.Expression {
	switch n := e.(type) {
	case *ast.BinaryExpression:
		if n.Operator == token.PLUS && !isNumber(n) {
			return w.call(textName, n.Idx0(), n)
		}
		return shortcut(n)
	case *ast.AssignExpression:
		return w.assignment(n)
	case *ast.UnaryExpression:
		if n.Operator == token.INCREMENT || n.Operator == token.DECREMENT {
			w.member(n.Operand)
		}
	case *ast.TemplateLiteral:
		if n.Tag == nil && len(n.Expressions) > 0 {
			return w.template(n)
		}
	case *ast.ObjectLiteral:
		w.object(n)
	}
	return e
}

func (w *rewriter) object(n *ast.ObjectLiteral) {
	for _, p := range n.Value {
		switch m := p.(type) {
		case *ast.SpreadElement:
			m.Expression = w.call(copyName, m.Expression.Idx0(), m.Expression)
		case *ast.PropertyKeyed:
			if name, ok := m.Key.(*ast.StringLiteral); ok && name.Value == "__proto__" && !m.Computed && m.Kind == ast.PropertyKindValue {
				m.Value = w.call(protoName, m.Value.Idx0(), m.Value)
			}
		}
	}
}

func (w *rewriter) assignment(n *ast.AssignExpression) ast.Expression {
	switch left := n.Left.(type) {
	case *ast.ObjectPattern, *ast.ArrayPattern:
		args := []ast.Expression{n}
		for _, r := range w.rests {
			args = append(args, &ast.Identifier{Name: r.name, Idx: r.at})
		}
		w.rests = nil
		if len(args) > 1 {
			return w.call(restName, n.Idx0(), args...)
		}
	case *ast.DotExpression:
		switch left.Identifier.Name {
		case "length":
			n.Right = w.call(lengthName, n.Right.Idx0(), n.Right)
		case "prototype":
			n.Right = w.call(protoName, n.Right.Idx0(), n.Right)
		}
	default:
		w.member(n.Left)
	}
	if n.Operator == token.PLUS {
		return w.call(textName, n.Idx0(), n)
	}
	return n
}

// member counts what writing to a[i] adds to an array. The array is evaluated
// once: it goes through a variable that is read before anything else runs.
func (w *rewriter) member(e ast.Expression) {
	n, ok := e.(*ast.BracketExpression)
	if !ok || isSmallIndex(n.Member) {
		return
	}
	at := n.Idx0()
	switch left := n.Left.(type) {
	case *ast.SuperExpression:
		w.cost += sparseCost
		return
	case *ast.Identifier:
		n.Member = w.call(keyName, at, &ast.Identifier{Name: left.Name, Idx: left.Idx}, n.Member)
	default:
		n.Left = &ast.AssignExpression{Operator: token.ASSIGN, Left: &ast.Identifier{Name: targetName, Idx: at}, Right: n.Left}
		n.Member = w.call(keyName, at, &ast.Identifier{Name: targetName, Idx: at}, n.Member)
	}
}

// template rewrites a template as a chain of additions, so that each step makes a
// string of two that were counted.
func (w *rewriter) template(n *ast.TemplateLiteral) ast.Expression {
	empty := &ast.TemplateElement{Idx: n.OpenQuote, Valid: true}
	piece := func(elements []*ast.TemplateElement, values ...ast.Expression) ast.Expression {
		t := &ast.TemplateLiteral{OpenQuote: n.OpenQuote, CloseQuote: n.CloseQuote, Elements: elements, Expressions: values}
		return w.call(textName, n.OpenQuote, t)
	}
	last := len(n.Expressions) - 1
	end := func(i int) *ast.TemplateElement {
		if i == last {
			return n.Elements[last+1]
		}
		return empty
	}
	out := piece([]*ast.TemplateElement{n.Elements[0], end(0)}, n.Expressions[0])
	for i := 1; i <= last; i++ {
		out = piece([]*ast.TemplateElement{empty, n.Elements[i], end(i)}, out, n.Expressions[i])
	}
	return out
}
