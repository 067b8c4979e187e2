package sandbox

import (
	"regexp"
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"
)

const (
	maxSource   = 128 << 10 // bytes; parser and compiler recurse over the source
	maxNesting  = 1000      // brackets
	maxTree     = 3000      // nodes of the syntax tree from its root
	maxLabels   = 200       // the parser takes quadratic time and memory for them
	compileTime = 3 * time.Second
	// maxPatternCost bounds what the regular expressions of a source take, in bytes.
	maxPatternCost = 32 << 20
)

var labels = regexp.MustCompile(`[\w$]\s*:\s*(for|while|do|if|switch|try|with|[\w$]+\s*:)`)

// A Function is compiled source. It may be used by many machines at once.
type Function struct {
	program *goja.Program
	literal bool
}

// Literal reports whether the source is a function expression alone, so that
// evaluating it cannot fail.
func (f *Function) Literal() bool { return f.literal }

// Compile compiles the source of one function: an ES5 or ES6 function
// expression, or a script whose last expression is one. Only [NewMachine] finds
// out whether a script evaluates to a function. The error is a *[CompileError].
func Compile(name, source string) (*Function, error) {
	if strings.TrimSpace(source) == "" {
		return nil, compileErrorf("missing function")
	}
	expression := strings.TrimRight(source, "; \t\r\n")
	f, err := compile(name, "("+expression+"\n)")
	if err == nil {
		return f, nil
	}
	if f, scriptErr := compile(name, source); scriptErr == nil {
		return f, nil
	}
	return nil, compileErrorf("%s (%s)", err, source)
}

// compile refuses sources on which parsing, compiling or running could recurse
// or compute without bound.
func compile(name, source string) (*Function, error) {
	if len(source) > maxSource {
		return nil, compileErrorf("source is longer than %d bytes", maxSource)
	}
	if nesting([]byte(source)) > maxNesting {
		return nil, compileErrorf("source nests deeper than %d brackets", maxNesting)
	}
	if len(labels.FindAllStringIndex(source, maxLabels+1)) > maxLabels {
		return nil, compileErrorf("source has too many labels")
	}
	type outcome struct {
		function *Function
		err      error
	}
	// Some sources take the parser quadratic time. It is not waited for.
	done := make(chan outcome, 1)
	go func() {
		f, err := parseAndCompile(name, source)
		done <- outcome{f, err}
	}()
	watch := time.NewTicker(watchPeriod)
	defer watch.Stop()
	for m := (meter{last: now()}); m.seen < compileTime; {
		select {
		case o := <-done:
			return o.function, o.err
		case <-watch.C:
			m.add(now())
		}
	}
	return nil, compileErrorf("source takes too long to compile")
}

func parseAndCompile(name, source string) (f *Function, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = compileErrorf("%v", p)
		}
	}()
	tree, err := parser.ParseFile(nil, name, source, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, compileErrorf("SyntaxError: %s", err)
	}
	literal := isLiteral(tree)
	if err := meterProgram(tree, source); err != nil {
		return nil, err
	}
	program, err := goja.CompileAST(tree, false)
	if err != nil {
		return nil, compileErrorf("%s", err)
	}
	return &Function{program: program, literal: literal}, nil
}

func isLiteral(tree *ast.Program) bool {
	if len(tree.Body) != 1 {
		return false
	}
	statement, ok := tree.Body[0].(*ast.ExpressionStatement)
	if !ok {
		return false
	}
	switch statement.Expression.(type) {
	case *ast.FunctionLiteral, *ast.ArrowFunctionLiteral:
		return true
	}
	return false
}

// nesting returns how deep brackets nest at most, in strings and comments too.
func nesting(source []byte) int {
	depth, deepest := 0, 0
	for _, b := range source {
		switch b {
		case '(', '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ')', ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return deepest
}
