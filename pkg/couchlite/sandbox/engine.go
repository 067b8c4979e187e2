package sandbox

import (
	"reflect"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
)

// The engine reads or compiles a few things otherwise than the language has
// them. This file puts the tree right before it is compiled, or refuses it.

// isRelational says whether an operator is one of those that compare and of
// which several in a row are read from the left.
func isRelational(operator token.Token) bool {
	switch operator {
	case token.LESS, token.LESS_OR_EQUAL, token.GREATER, token.GREATER_OR_EQUAL, token.IN, token.INSTANCEOF:
		return true
	}
	return false
}

// fromLeft turns a < (b < c), as which the parser reads a < b < c, into
// (a < b) < c, unless the source has those parentheses.
func (w *rewriter) fromLeft(n *ast.BinaryExpression) {
	for isRelational(n.Operator) {
		right, ok := n.Right.(*ast.BinaryExpression)
		if !ok || !isRelational(right.Operator) || w.inParentheses(right) {
			return
		}
		n.Left = &ast.BinaryExpression{Operator: n.Operator, Left: n.Left, Right: right.Left, Comparison: n.Comparison}
		n.Operator, n.Right, n.Comparison = right.Operator, right.Right, right.Comparison
	}
}

// inParentheses says whether a comparison stands in parentheses: whether one of
// those that open before it is still open at its operator. It refuses source
// that does not tell without being read as a whole.
func (w *rewriter) inParentheses(n *ast.BinaryExpression) bool {
	begin, end := int(n.Left.Idx0())-1, int(n.Right.Idx0())-1
	if begin < 0 || begin > end || end > len(w.source) {
		refuse("SyntaxError: a chain of comparisons cannot be read")
	}
	before := strings.TrimRight(w.source[:begin], " \t\r\n(")
	open := strings.Count(w.source[len(before):begin], "(")
	if strings.HasSuffix(before, "*/") || strings.Contains(w.source[len(before):begin], "\n") && strings.Contains(before[strings.LastIndexByte(before, '\n')+1:], "//") {
		refuse("SyntaxError: a comment stands in a chain of comparisons")
	}
	if open == 0 {
		return false
	}
	for _, c := range w.source[begin:end] {
		switch c {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return false
			}
		case '"', '\'', '`', '/':
			refuse("SyntaxError: a chain of comparisons cannot be read")
		}
	}
	return true
}

// shortcut writes a && b as a ? b : a if a is a constant: the engine leaves
// the value of a where it is not wanted.
func shortcut(n *ast.BinaryExpression) ast.Expression {
	if n.Operator != token.LOGICAL_AND || !isConstant(n.Left) {
		return n
	}
	return &ast.ConditionalExpression{Test: n.Left, Consequent: n.Right, Alternate: n.Left}
}

// isConstant says whether the engine computes an expression when it compiles.
func isConstant(e ast.Expression) bool {
	switch n := e.(type) {
	case *ast.NumberLiteral, *ast.StringLiteral, *ast.BooleanLiteral, *ast.NullLiteral:
		return true
	case *ast.UnaryExpression:
		return isConstant(n.Operand)
	case *ast.BinaryExpression:
		switch n.Operator {
		case token.LOGICAL_AND, token.LOGICAL_OR, token.COALESCE: // the right one may never be needed
			return isConstant(n.Left)
		}
		return isConstant(n.Left) && isConstant(n.Right)
	}
	return false
}

// withArguments mentions arguments in a function whose arrow functions do: the
// engine then makes room for it.
func (w *rewriter) withArguments(n *ast.FunctionLiteral) []ast.Statement {
	if !w.arguments {
		return nil
	}
	return []ast.Statement{&ast.ExpressionStatement{Expression: &ast.Identifier{Name: "arguments", Idx: n.Function}}}
}

// noteArguments remembers that arguments was named in an arrow function.
func (w *rewriter) noteArguments(v reflect.Value) {
	if name, ok := v.Interface().(*ast.Identifier); ok && w.arrows > 0 && name.Name == "arguments" {
		w.arguments = true
	}
}
