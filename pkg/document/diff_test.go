package document

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestDiff(t *testing.T) {
	tests := []struct {
		name, from, to string
		want           []Change
	}{
		{"nothing", `{"a":1,"b":[1]}`, `{"b":[1],"a":1.0}`, nil},
		{"add", `{}`, `{"a":"x"}`, []Change{{Path: "a", Op: "add", To: "x"}}},
		{"remove", `{"a":"x"}`, `{}`, []Change{{Path: "a", Op: "remove", From: "x"}}},
		{"replace", `{"a":{"b":"x"}}`, `{"a":{"b":"y"}}`, []Change{{Path: "a.b", Op: "replace", From: "x", To: "y"}}},
		{"kinds", `{"a":{}}`, `{"a":[]}`, []Change{{Path: "a", Op: "replace", From: map[string]any{}, To: []any{}}}},
		{"arrays", `{"n":["1"]}`, `{"n":["1","2"]}`, []Change{{Path: "n", Op: "replace", From: []any{"1"}, To: []any{"1", "2"}}}},
		{"null is a value", `{"a":null}`, `{}`, []Change{{Path: "a", Op: "remove"}}},
		{"dots in keys, in order", `{"c":1,"a":{"x.y":"p"}}`, `{"a":{"x.y":"q"}}`, []Change{
			{Path: "a.x%2Ey", Op: "replace", From: "p", To: "q"}, {Path: "c", Op: "remove", From: json.Number("1")},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Diff(parse(t, tt.from), parse(t, tt.to)); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestDiffIsEmptyForEqualDocuments(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := object(3).Draw(rt, "a"), object(3).Draw(rt, "b")
		if got := len(Diff(a, b)) == 0; got != Equal(a, b) {
			rt.Fatalf("no changes: %v, equal: %v", got, !got)
		}
	})
}

func TestEqual(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{`1`, `1.0`, true},
		{`1e2`, `100`, true},
		{`1`, `"1"`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`null`, `false`, false},
		{`null`, `null`, true},
		{`{"a":null}`, `{"b":null}`, false},
		{`[1,2]`, `[2,1]`, false},
		{`[]`, `{}`, false},
		{`"x"`, `[]`, false},
	}
	for _, tt := range tests {
		a, b := parse(t, `{"v":`+tt.a+`}`), parse(t, `{"v":`+tt.b+`}`)
		if got := Equal(a["v"], b["v"]); got != tt.want {
			t.Errorf("%s and %s: %v", tt.a, tt.b, got)
		}
		if got := Equal(b["v"], a["v"]); got != tt.want {
			t.Errorf("%s and %s: %v", tt.b, tt.a, got)
		}
	}
}
