package sandbox

import (
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
)

// Bytes that constructs allocate, at the most. They are measured by
// TestCostsCover.
const (
	functionCost  = 192      // one call: its frame and variables
	loopCost      = 48       // one turn
	fieldCost     = 160      // a field of an object
	objectCost    = 576      // an object without fields
	arrayCost     = 640      // an empty array
	sparseCost    = 88 << 10 // an array that makes room for spareLength elements
	smallDefaults = 4 << 10  // the default values of the parameters of a function
	frameCost     = 128      // a call in the list that an error holds, and its text
)

// nodeCost returns what evaluating a node may allocate and keep, apart from its
// parts and from strings and copies, which are counted when they are made.
func nodeCost(node any) int {
	switch n := node.(type) {
	case *ast.FunctionLiteral, *ast.ArrowFunctionLiteral:
		return 896
	case *ast.Identifier:
		if n.Name == "arguments" {
			return 1024
		}
	case *ast.ClassLiteral:
		return 1536 + 256*len(n.Body)
	case *ast.ArrayLiteral:
		return arrayCost + 32*len(n.Value)
	case *ast.ObjectLiteral:
		return objectCost + fieldCost*len(n.Value)
	case *ast.RegExpLiteral:
		return 768
	case *ast.NewExpression:
		return objectCost + 48*len(n.ArgumentList)
	case *ast.CallExpression:
		return 32 + 48*len(n.ArgumentList)
	case *ast.TemplateLiteral:
		return 64 + 32*len(n.Expressions)
	case *ast.AssignExpression:
		return assignmentCost(n.Left)
	case *ast.UnaryExpression:
		if n.Operator == token.INCREMENT || n.Operator == token.DECREMENT {
			return assignmentCost(n.Operand)
		}
	case *ast.Binding:
		return 48
	case *ast.ObjectPattern, *ast.ArrayPattern:
		return 256
	case *ast.ForIntoExpression:
		return patternTargetCost(n.Expression)
	case *ast.SwitchStatement, *ast.BlockStatement:
		return 32
	}
	return 0
}

func assignmentCost(left ast.Expression) int {
	switch n := left.(type) {
	case *ast.DotExpression, *ast.PrivateDotExpression:
		return fieldCost
	case *ast.BracketExpression:
		if isSmallIndex(n.Member) {
			return fieldCost + 16*maxSmallIndex
		}
		return 2 * fieldCost
	case *ast.ObjectPattern:
		cost := 0
		for _, p := range n.Properties {
			if keyed, ok := p.(*ast.PropertyKeyed); ok {
				cost += patternTargetCost(keyed.Value)
			}
		}
		return cost
	case *ast.ArrayPattern:
		cost := patternTargetCost(n.Rest)
		for _, e := range n.Elements {
			cost += patternTargetCost(e)
		}
		return cost
	}
	return 16
}

// patternTargetCost is the cost of writing to a target of a destructuring
// pattern. If that is an element of an array, nothing else counts it.
func patternTargetCost(e ast.Expression) int {
	switch n := e.(type) {
	case *ast.AssignExpression:
		return patternTargetCost(n.Left)
	case *ast.BracketExpression:
		return sparseCost
	case *ast.DotExpression:
		switch n.Identifier.Name {
		case "length":
			return sparseCost
		case "prototype", "__proto__":
			refuse("SyntaxError: a pattern must not name a prototype")
		}
	case nil:
		return 0
	}
	return assignmentCost(e)
}

// maxSmallIndex is the highest index whose room in an array fieldCost pays for.
const maxSmallIndex = 8

// isName says whether a member is written as a name, and not as an index.
func isName(member ast.Expression) bool {
	n, ok := member.(*ast.StringLiteral)
	return ok && len(n.Value) > 0 && (n.Value[0] < '0' || n.Value[0] > '9') && n.Value != "length" && n.Value != "prototype"
}

// isSmallIndex says whether a member is written as a name or a small number.
func isSmallIndex(member ast.Expression) bool {
	switch n := member.(type) {
	case *ast.StringLiteral:
		return isName(n)
	case *ast.NumberLiteral:
		i, ok := n.Value.(int64)
		return ok && i >= 0 && i <= maxSmallIndex
	}
	return false
}

// isNumber says whether an expression can only be a number, so that adding to
// it makes no string.
func isNumber(e ast.Expression) bool {
	switch n := e.(type) {
	case *ast.NumberLiteral:
		return true
	case *ast.UnaryExpression:
		switch n.Operator {
		case token.PLUS, token.MINUS, token.BITWISE_NOT, token.INCREMENT, token.DECREMENT:
			return true
		}
	case *ast.BinaryExpression:
		switch n.Operator {
		case token.MINUS, token.MULTIPLY, token.SLASH, token.REMAINDER, token.EXPONENT, token.AND, token.OR, token.EXCLUSIVE_OR,
			token.SHIFT_LEFT, token.SHIFT_RIGHT, token.UNSIGNED_SHIFT_RIGHT:
			return true
		case token.PLUS:
			return isNumber(n.Left) && isNumber(n.Right)
		}
	}
	return false
}
