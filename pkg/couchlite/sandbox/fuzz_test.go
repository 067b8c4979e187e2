package sandbox_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// FuzzMap runs any source on any document: it comes back by what was counted,
// without a panic, and what it emits is JSON.
func FuzzMap(f *testing.F) {
	for _, source := range []string{
		benchMap, `(doc) => emit(doc, [1, undefined, NaN, "\ud800"])`, `function(doc) { for (var i in doc) emit(i, doc[i]) }`,
		`function(doc) { emit(JSON.parse(doc.s), new Date()) }`, `function(doc) { while (true) emit(doc) }`,
		`function(doc) { throw doc }`, `function(doc) { emit({toJSON: function() { return this.x }}, {get a() { return emit }}) }`,
		`function(doc) { "use strict"; class A { #x = 1; get x() { return this.#x } } emit(new A().x, [...doc.list].reverse().join()) }`,
	} {
		f.Add(source, []byte(`{"_id":"a","s":"{}","list":[1,"é"],"1":{}}`))
	}
	f.Fuzz(func(t *testing.T, source string, document []byte) {
		function, err := sandbox.Compile("fuzz", source)
		if err != nil {
			return
		}
		limits := sandbox.Limits{Time: never, Work: 100_000, Memory: 16 << 20, Rows: 100, Output: 1 << 20}
		m, err := sandbox.NewMachine(t.Context(), sandbox.Config{Functions: []*sandbox.Function{function}, Limits: limits})
		if err != nil {
			return
		}
		results, err := m.Map(t.Context(), document, nil)
		if err != nil {
			return
		}
		var exception *sandbox.ExceptionError
		var limit *sandbox.LimitError
		if err := results[0].Err; err != nil && !errors.As(err, &exception) && (!errors.As(err, &limit) || limit.Measured()) {
			t.Errorf("ended with %v", err)
		}
		for _, row := range results[0].Rows {
			if !json.Valid(row.Key) || !json.Valid(row.Value) {
				t.Errorf("emitted %s, %s", row.Key, row.Value)
			}
		}
	})
}

// FuzzParse holds that a document that passes through a function unchanged is
// the same JSON.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"b":1,"1":2,"a":[true,null,"\u00e9\n"],"b":3}`))
	m := newMachine(f, `function(doc) { emit(null, doc) }`)
	f.Fuzz(func(t *testing.T, document []byte) {
		results, err := m.Map(t.Context(), document, nil)
		if !json.Valid(document) {
			if err == nil {
				t.Errorf("took %q", document)
			}
			return
		}
		if err != nil || results[0].Err != nil {
			return
		}
		var in, out any
		if json.Unmarshal(document, &in) != nil || bytes.Contains(document, []byte("-0")) { // minus zero is 0 to JSON.stringify
			return
		}
		value := results[0].Rows[0].Value
		if err := json.Unmarshal(value, &out); err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		a, _ := json.Marshal(in)
		b, _ := json.Marshal(out)
		if string(a) != string(b) {
			t.Errorf("%s became %s", a, b)
		}
	})
}
