package sandbox_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// readLines decodes each line of a file of JSON lines.
func readLines[T any](t *testing.T, name string) []T {
	t.Helper()
	var out []T
	lines := bufio.NewScanner(bytes.NewReader(readFile(t, name)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("%s: %s: %v", name, lines.Text(), err)
		}
		out = append(out, v)
	}
	return out
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A question is an expression of JavaScript and its value in another engine, as
// testdata/show.js writes it.
type question struct{ Of, JS, Is string }

// otherwise are the values that are not as in the other engine. What is not the
// engine's fault is left open by the standard, or stands in the package comment.
var otherwise = map[string]string{
	// Digits that a number does not have: the standard leaves them open.
	`(1e21).toString(36)`:                        `'5v1j4f4ds79m9s'`,
	`(1e21).toString(7)`:                         `'5135235413265003022550266'`,
	`parseInt("123456789012345678901234567890")`: `1.2345678901234566e+29`,
	// The engine forgets the sign of zero, and that -0 is 0.
	`parseInt("-0")`:   `0`,
	`[-0].includes(0)`: `false`,
	// The engine writes a slash in a pattern by its number.
	`new RegExp("/").source`: `'\5c;u002f'`,
	`String(/[/]/)`:          `'/[\5c;u002f]/'`,
	// The engine takes patterns that the standard refuses.
	`new RegExp("(?<a>.)(?<a>.)")`: `RegExp '(?<a>.)(?<a>.)'`,
	`new RegExp("\\-","u")`:        `RegExp '\5c;-'u`,
	`new RegExp("{","u")`:          `RegExp '{'u`,
	// Half a character becomes U+FFFD in JSON and where the letters change: JSON
	// that CouchDB takes has none.
	`"\ud800".toUpperCase()`:                                            `'\fffd;'`,
	`JSON.stringify("\ud800")`:                                          `'"\fffd;"'`,
	`JSON.stringify("\udc00\ud800")`:                                    `'"\fffd;\fffd;"'`,
	`JSON.stringify({"\ud800":1})`:                                      `'{}'`,
	`JSON.parse("\"\\ud800\"")`:                                         `'\fffd;'`,
	`JSON.parse("\"\\ud800\\u0041\"")`:                                  `'\fffd;A'`,
	`JSON.parse("\"\ud800\"")`:                                          `'\fffd;'`,
	`(function(){{function g(){return 1}}return typeof g})()`:           `'undefined'`, // a function in a block stays there
	`(function(){try{(function f(){f()})()}catch(e){return e.name}})()`: `ends the call`,
}

// refusedSource are expressions that the engine does not compile. The view then
// has an error, no wrong rows.
var refusedSource = []string{
	`(function(){var e=1;try{throw 2}catch(e){e=3;var e=4}return e})()`,
	`(function(){label:function g(){}return 1})()`,
	`0 < /* ( */ 5 < 3`,
	`0 < // (
 5 < 3`,
	`0 < ("5") < 3`,
	`(function(a, b = () => arguments[0]) { return b() })(4)`,
}

// TestLanguage asks for the values of expressions and compares them with those
// that another engine gave. testdata/README.md says how they were made.
func TestLanguage(t *testing.T) {
	groups := map[string][]question{}
	for _, q := range readLines[question](t, "testdata/expressions.jsonl") {
		if otherwise[q.JS] == "ends the call" {
			continue
		}
		groups[q.Of] = append(groups[q.Of], q)
	}
	for of, questions := range groups {
		t.Run(of, func(t *testing.T) {
			for i, got := range answers(t, questions) {
				want := questions[i].Is
				if other, ok := otherwise[questions[i].JS]; ok {
					if got == want {
						t.Errorf("%s is now as elsewhere: %s", questions[i].JS, got)
					}
					want = other
				}
				if got != want {
					t.Errorf("%s\ngot  %s\nwant %s", questions[i].JS, got, want)
				}
			}
		})
	}
}

// answers evaluates the expressions, all in one call.
func answers(t *testing.T, questions []question) []string {
	t.Helper()
	var source strings.Builder
	source.Write(readFile(t, "testdata/show.js"))
	source.WriteString(";\n(function(doc) {\n")
	for i, q := range questions {
		fmt.Fprintf(&source, "emit(%d, (function() { try { return show(\n%s\n) } catch (e) { return 'throws ' + show(e) } })());\n", i, q.JS)
	}
	source.WriteString("})")
	f, err := sandbox.Compile("f", source.String())
	if err != nil {
		t.Fatalf("%.200s", err)
	}
	cfg := sandbox.Config{Functions: []*sandbox.Function{f}, Limits: sandbox.Limits{Time: never, Work: 1 << 40, Memory: 1 << 40}}
	m, err := sandbox.NewMachine(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%.200s", err)
	}
	results, err := m.Map(t.Context(), []byte(`{}`), nil)
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results[0].Err)
	}
	out := make([]string, len(questions))
	for _, row := range results[0].Rows {
		i, err := strconv.Atoi(string(row.Key))
		if err == nil {
			err = json.Unmarshal(row.Value, &out[i])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestSourceThatIsRefused(t *testing.T) {
	for _, source := range refusedSource {
		var refused *sandbox.CompileError
		if _, err := sandbox.Compile("f", "function(doc) { return "+source+" }"); !errors.As(err, &refused) {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// TestMapFunctions compares what map functions emit for one document with what
// they emitted in another engine.
func TestMapFunctions(t *testing.T) {
	document := readFile(t, "testdata/document.json")
	type function struct {
		Name, JS, Throws string
		Rows             []string
	}
	for _, f := range readLines[function](t, "testdata/functions.jsonl") {
		t.Run(f.Name, func(t *testing.T) {
			result := mapOne(t, f.JS, string(document))
			var exception *sandbox.ExceptionError
			switch {
			case f.Throws == "" && result.Err != nil:
				t.Error(result.Err)
			case f.Throws != "" && (!errors.As(result.Err, &exception) || !strings.HasPrefix(exception.Message, f.Throws)):
				t.Errorf("error %v, want %s", result.Err, f.Throws)
			case f.Throws != "" && len(result.Rows) > 0:
				t.Errorf("rows of a function that threw: %s", rows(result))
			}
			if got, want := rows(result), strings.Join(f.Rows, " "); f.Throws == "" && got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
