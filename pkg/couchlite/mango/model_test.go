package mango

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// clause is a selector in a form that is easy to evaluate.
type clause struct {
	op    string // $and, $or, $nor, $not, or a comparison of a field
	parts []clause
	field string
	arg   any // int, []int or bool
}

func drawClause(t *rapid.T, depth int) clause {
	if depth > 0 && rapid.IntRange(0, 2).Draw(t, "combine") > 0 {
		c := clause{op: rapid.SampledFrom([]string{"$and", "$or", "$nor", "$not"}).Draw(t, "op")}
		most := 3
		if c.op == "$not" {
			most = 1
		}
		for range rapid.IntRange(1, most).Draw(t, "parts") {
			c.parts = append(c.parts, drawClause(t, depth-1))
		}
		return c
	}
	c := clause{
		op:    rapid.SampledFrom([]string{"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists"}).Draw(t, "op"),
		field: rapid.SampledFrom([]string{"a", "b", "o.x", "c"}).Draw(t, "field"),
	}
	switch c.op {
	case "$in", "$nin":
		c.arg = rapid.SliceOfN(rapid.IntRange(0, 3), 0, 3).Draw(t, "list")
	case "$exists":
		c.arg = rapid.Bool().Draw(t, "exists")
	default:
		c.arg = rapid.IntRange(0, 3).Draw(t, "arg")
	}
	return c
}

// selector is the clause as JSON would be decoded.
func (c clause) selector() map[string]any {
	switch c.op {
	case "$and", "$or", "$nor":
		list := []any{}
		for _, p := range c.parts {
			list = append(list, p.selector())
		}
		return map[string]any{c.op: list}
	case "$not":
		return map[string]any{"$not": c.parts[0].selector()}
	}
	return map[string]any{c.field: map[string]any{c.op: c.arg}}
}

// holds evaluates the clause, or its negation. A comparison of a field that is
// absent is false either way, except for $exists: CouchDB moves a negation down
// to the comparisons.
func (c clause) holds(fields map[string]int, not bool) bool {
	switch c.op {
	case "$not":
		return c.parts[0].holds(fields, !not)
	case "$and", "$or", "$nor":
		inner := not != (c.op == "$nor")
		test := func(p clause) bool { return p.holds(fields, inner) }
		if (c.op == "$or") != not { // one suffices
			return slices.ContainsFunc(c.parts, test)
		}
		return !slices.ContainsFunc(c.parts, func(p clause) bool { return !test(p) })
	}
	v, present := fields[c.field]
	if c.op == "$exists" {
		return (present == c.arg) != not
	}
	return present && c.compares(v) != not
}

func (c clause) compares(v int) bool {
	if list, ok := c.arg.([]int); ok {
		return slices.Contains(list, v) == (c.op == "$in")
	}
	arg, _ := c.arg.(int)
	switch c.op {
	case "$eq":
		return v == arg
	case "$ne":
		return v != arg
	case "$gt":
		return v > arg
	case "$gte":
		return v >= arg
	case "$lt":
		return v < arg
	}
	return v <= arg
}

// TestRandomSelectors compares random selectors with an evaluation of their
// clauses, negations and absent fields included.
func TestRandomSelectors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawClause(t, 3)
		raw, err := json.Marshal(c.selector())
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(raw)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		fields, doc := map[string]int{}, map[string]any{}
		for _, name := range []string{"a", "b", "o.x"} { // c is always absent
			if !rapid.Bool().Draw(t, name+" present") {
				continue
			}
			v := rapid.IntRange(0, 3).Draw(t, name)
			if fields[name] = v; name == "o.x" {
				doc["o"] = map[string]any{"x": v}
			} else {
				doc[name] = v
			}
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Match(text); err != nil || got != c.holds(fields, false) {
			t.Errorf("%s on %s: %t %v", raw, text, got, err)
		}
	})
}

// TestProject keeps the fields named, each at its place.
func TestProject(t *testing.T) {
	const doc = `{"_id":"d","a":1,"o":{"p":{"q":7,"r":8},"s":[1]},"dotted.key":2,"n":null}`
	tests := []struct {
		fields []string
		want   string
	}{
		{[]string{"a"}, `{"a":1}`},
		{[]string{"a", "_id"}, `{"_id":"d","a":1}`},
		{[]string{"o.p.q"}, `{"o":{"p":{"q":7}}}`},
		{[]string{"o.p.q", "o.p.r", "o.s"}, `{"o":{"p":{"q":7,"r":8},"s":[1]}}`},
		{[]string{"o"}, `{"o":{"p":{"q":7,"r":8},"s":[1]}}`},
		{[]string{`dotted\.key`}, `{"dotted.key":2}`},
		{[]string{"dotted.key"}, `{}`},
		{[]string{"n"}, `{"n":null}`},
		{[]string{"a.x", "none", "o.none"}, `{}`},
		{nil, `{}`},
	}
	for _, tt := range tests {
		if got := string(Project([]byte(doc), tt.fields)); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.fields, got, tt.want)
		}
	}
}
