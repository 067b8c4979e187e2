package sandbox

import (
	"math/big"
	"reflect"
	"strconv"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/unistring"
)

// Names of the functions that rewritten code calls, and of its one variable. No
// source can spell them.
const (
	tickName   = "\x00tick"
	textName   = "\x00text"
	keyName    = "\x00index"
	lengthName = "\x00length"
	copyName   = "\x00copy"
	restName   = "\x00rest"
	caughtName = "\x00caught"
	targetName = "\x00target"
	protoName  = "\x00prototype"
)

// A rewriter changes a syntax tree so that the code counts what it allocates:
//
//	function f(a) { … }     becomes  function f(a) { tick(cost); … }
//	while (a) b             becomes  while (a) { tick(cost); b }
//	a + b, a += b, `x${a}`  become   text(a + b), text(a += b), text(`x${a}`)
//	a[i] = b                becomes  a[index(a, i)] = b
//	a.length = b            becomes  a.length = length(b)
//	{...a}                  becomes  {...copy(a)}
//	let {a, ...b} = c       becomes  let {a, ...b} = c; copy(b)
//	catch (e) { … }         becomes  catch (e) { caught(); … }
//	f.prototype = a         becomes  f.prototype = prototype(a)
//
// The cost given to tick is what the code up to the next tick may allocate.
type rewriter struct {
	cost  int      // of the function body or loop at hand
	rests []target // filled by the rest of an object pattern, not counted yet
	depth int

	source    string
	arrows    int  // functions between here and the one that has arguments
	arguments bool // is named in one of them

	patterns int // what compiling the regular expressions takes
}

type target struct {
	name unistring.String
	at   file.Idx
}

// meterProgram rewrites tree. It refuses syntax that nests too deep to compile (a
// chain of ifs or arrow functions has no brackets) and syntax whose memory cannot
// be counted. The tree is that of source.
func meterProgram(tree *ast.Program, source string) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *CompileError:
			err = p
		default:
			panic(p)
		}
	}()
	w := rewriter{source: source}
	w.statements(&tree.Body)
	if w.cost > 0 && len(tree.Body) > 0 {
		tree.Body = w.prepend(tree.Body, &ast.ExpressionStatement{Expression: w.tick(1)})
	}
	return nil
}

func refuse(format string, args ...any) { panic(compileErrorf(format, args...)) }

// walk rewrites what v, a part of the tree, holds.
func (w *rewriter) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		w.walk(v.Elem())
		if v.Type() == reflect.TypeFor[ast.Expression]() {
			e := v.Interface().(ast.Expression)
			if replaced := w.replace(e); replaced != e {
				v.Set(reflect.ValueOf(replaced))
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			w.node(v)
		}
	case reflect.Slice:
		if list, ok := v.Addr().Interface().(*[]ast.Statement); ok {
			w.statements(list)
			return
		}
		for i := range v.Len() {
			w.walk(v.Index(i))
		}
	case reflect.Struct:
		w.fields(v)
	}
}

// node rewrites what a pointer to a node points at.
func (w *rewriter) node(v reflect.Value) {
	if w.depth++; w.depth > maxTree {
		refuse("source nests too deep")
	}
	defer func() { w.depth-- }()
	w.cost += nodeCost(v.Interface())
	w.noteArguments(v)
	switch n := v.Interface().(type) {
	case *ast.BinaryExpression:
		w.fromLeft(n)
		w.fields(v.Elem())
	case *ast.FunctionLiteral:
		if n.Async || n.Generator {
			refuse("SyntaxError: generators and async functions are not supported")
		}
		w.function(n)
	case *ast.ArrowFunctionLiteral:
		if n.Async {
			refuse("SyntaxError: async functions are not supported")
		}
		w.arrow(n)
	case *ast.ForStatement, *ast.ForInStatement, *ast.ForOfStatement, *ast.WhileStatement, *ast.DoWhileStatement:
		w.loop(n.(ast.Statement))
	case *ast.ClassLiteral:
		w.class(n)
	case *ast.CatchStatement:
		w.catch(n)
	case *ast.WithStatement:
		refuse("SyntaxError: with is not supported")
	case *ast.NumberLiteral:
		if _, ok := n.Value.(*big.Int); ok {
			refuse("SyntaxError: BigInt is not supported")
		}
	case *ast.RegExpLiteral:
		// It is compiled with the source, once.
		if w.patterns += patternCost(n.Pattern); w.patterns > maxPatternCost {
			refuse("SyntaxError: the regular expressions are too large")
		}
	default:
		w.fields(v.Elem())
	}
}

// fields rewrites the fields of a node.
func (w *rewriter) fields(v reflect.Value) {
	if v.Kind() != reflect.Struct || v.Type().PkgPath() != reflect.TypeFor[ast.Program]().PkgPath() {
		return
	}
	for i := range v.NumField() {
		// The declaration list repeats what the body holds.
		if f := v.Type().Field(i); f.IsExported() && f.Name != "DeclarationList" {
			w.walk(v.Field(i))
		}
	}
	if p, ok := v.Addr().Interface().(*ast.ObjectPattern); ok && p.Rest != nil {
		name, ok := p.Rest.(*ast.Identifier)
		if !ok {
			refuse("SyntaxError: the rest of an object must go to a variable")
		}
		w.rests = append(w.rests, target{name.Name, name.Idx})
	}
}

// statements rewrites a list. What a declaration copied is counted after it.
func (w *rewriter) statements(list *[]ast.Statement) {
	out := make([]ast.Statement, 0, len(*list)+1)
	for i := range *list {
		outer := w.rests
		w.rests = nil
		w.walk(reflect.ValueOf(list).Elem().Index(i))
		out = append(append(out, (*list)[i]), w.copied()...)
		w.rests = outer
	}
	*list = out
}

// copied counts the objects in rests.
func (w *rewriter) copied() []ast.Statement {
	var out []ast.Statement
	for _, r := range w.rests {
		out = append(out, &ast.ExpressionStatement{Expression: w.call(copyName, r.at, &ast.Identifier{Name: r.name, Idx: r.at})})
	}
	w.rests = nil
	return out
}

// inside calls f to rewrite a body that gets a tick of its own, and returns the
// statements to put at its start.
func (w *rewriter) inside(base int, at file.Idx, f func()) []ast.Statement {
	outer := *w
	w.cost, w.rests = base, nil
	f()
	first := append([]ast.Statement{&ast.ExpressionStatement{Expression: w.tick(at)}}, w.copied()...)
	w.cost, w.rests = outer.cost, outer.rests
	return first
}

func (w *rewriter) function(n *ast.FunctionLiteral) {
	outer := *w
	w.arrows, w.arguments = 0, false
	first := w.inside(functionCost, n.Function, func() {
		w.parameters(n.ParameterList)
		if w.arguments {
			refuse("SyntaxError: an arrow function among the parameters must not use arguments")
		}
		w.walk(reflect.ValueOf(n.Body))
	})
	n.Body.List = w.prepend(n.Body.List, append(first, w.withArguments(n)...)...)
	w.arrows, w.arguments = outer.arrows, outer.arguments
}

func (w *rewriter) arrow(n *ast.ArrowFunctionLiteral) {
	w.arrows++
	defer func() { w.arrows-- }()
	var body *ast.BlockStatement
	first := w.inside(functionCost, n.Start, func() {
		w.parameters(n.ParameterList)
		switch b := n.Body.(type) {
		case *ast.BlockStatement:
			w.walk(reflect.ValueOf(b))
			body = b
		case *ast.ExpressionBody:
			w.walk(reflect.ValueOf(b).Elem())
			result := &ast.ReturnStatement{Return: b.Expression.Idx0(), Argument: b.Expression}
			body = &ast.BlockStatement{LeftBrace: n.Start, RightBrace: n.Start, List: []ast.Statement{result}}
		}
	})
	body.List = w.prepend(body.List, first...)
	n.Body = body
}

// parameters rewrites a list of parameters. A default value may throw before the
// tick of the body, so one that allocates gets a tick of its own.
func (w *rewriter) parameters(list *ast.ParameterList) {
	if list == nil {
		return
	}
	w.cost += 32 * len(list.List)
	if list.Rest != nil { // a builtin that calls the function counts no array
		w.cost += arrayCost
	}
	before := w.cost
	w.walk(reflect.ValueOf(&list.List).Elem())
	w.walk(reflect.ValueOf(&list.Rest).Elem())
	if w.cost-before > smallDefaults {
		refuse("SyntaxError: the default values of parameters are too large")
	}
}

func (w *rewriter) loop(n ast.Statement) {
	v := reflect.ValueOf(n).Elem()
	for _, once := range []string{"Initializer", "Source"} {
		if f := v.FieldByName(once); f.IsValid() {
			w.walk(f)
		}
	}
	header := w.rests
	first := w.inside(loopCost, n.Idx0(), func() {
		w.rests = header
		for _, each := range []string{"Into", "Test", "Update", "Body"} {
			if f := v.FieldByName(each); f.IsValid() {
				w.walk(f)
			}
		}
	})
	w.rests = nil
	body := v.FieldByName("Body")
	block := &ast.BlockStatement{LeftBrace: n.Idx0(), RightBrace: n.Idx0()}
	block.List = append(first, body.Interface().(ast.Statement))
	body.Set(reflect.ValueOf(block))
}

// class rewrites a class. The values of its fields are made with each object: a
// private field before them counts for them all.
func (w *rewriter) class(n *ast.ClassLiteral) {
	w.walk(reflect.ValueOf(&n.SuperClass).Elem())
	if n.SuperClass != nil {
		n.SuperClass = w.call(protoName, n.SuperClass.Idx0(), n.SuperClass)
	}
	fields := 0
	for i := range n.Body {
		before := w.cost
		w.walk(reflect.ValueOf(n.Body).Index(i))
		if f, ok := n.Body[i].(*ast.FieldDefinition); ok && !f.Static {
			fields += w.cost - before + fieldCost
			if _, named := f.Key.(*ast.PrivateIdentifier); !named && !isName(f.Key) {
				fields += sparseCost // of a class of arrays it may be an index
			}
		}
	}
	if fields == 0 {
		return
	}
	outer := w.cost
	w.cost = fields
	first := &ast.FieldDefinition{Idx: n.Class, Key: &ast.PrivateIdentifier{Identifier: ast.Identifier{Name: tickName, Idx: n.Class}}, Initializer: w.tick(n.Class)}
	n.Body = append([]ast.ClassElement{first}, n.Body...)
	w.cost = outer
}

func (w *rewriter) catch(n *ast.CatchStatement) {
	first := w.inside(0, n.Catch, func() {
		if n.Parameter != nil {
			w.walk(reflect.ValueOf(&n.Parameter).Elem())
		}
		w.walk(reflect.ValueOf(n.Body))
	})
	n.Body.List = append(append(first, &ast.ExpressionStatement{Expression: w.call(caughtName, n.Catch)}), n.Body.List...)
}

// prepend puts statements before a list, but after its directives.
func (w *rewriter) prepend(list []ast.Statement, first ...ast.Statement) []ast.Statement {
	i := 0
	for i < len(list) && isDirective(list[i]) {
		i++
	}
	out := append(append([]ast.Statement{}, list[:i]...), first...)
	return append(out, list[i:]...)
}

func isDirective(s ast.Statement) bool {
	e, ok := s.(*ast.ExpressionStatement)
	if !ok {
		return false
	}
	_, ok = e.Expression.(*ast.StringLiteral)
	return ok
}

// tick returns the call that counts the cost at hand.
func (w *rewriter) tick(at file.Idx) ast.Expression {
	return w.call(tickName, at, &ast.NumberLiteral{Idx: at, Literal: strconv.Itoa(w.cost), Value: int64(w.cost)})
}

func (w *rewriter) call(name unistring.String, at file.Idx, args ...ast.Expression) ast.Expression {
	return &ast.CallExpression{Callee: &ast.Identifier{Name: name, Idx: at}, LeftParenthesis: at, ArgumentList: args, RightParenthesis: at}
}
