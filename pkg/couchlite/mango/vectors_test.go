package mango

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// otherwise are the answers that are not CouchDB's, by selector.
var otherwise = map[string]string{
	`{"m":{"$eq":{"k2":2,"k1":1}}}`: "true",  // objects are equal whatever the order of their members
	`{"w":{"$regex":"^...$"}}`:      "true",  // a pattern matches characters, not bytes
	`{"n":{"$mod":[0,1]}}`:          "error", // CouchDB divides by zero
	`{"$text":"x"}`:                 "error", // there are no text indexes
}

// TestAsCouchDB compares the answers with those of CouchDB's own code.
func TestAsCouchDB(t *testing.T) {
	file, err := os.Open("testdata/selectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); n++ {
		var row struct{ Selector, Doc, Answer string }
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		want := row.Answer
		if other, ok := otherwise[row.Selector]; ok {
			want = other
		}
		if got := answer(row.Selector, row.Doc); got != want {
			t.Errorf("%s on %s: %s, want %s", row.Selector, row.Doc, got, want)
		}
	}
	if n < 500 {
		t.Errorf("%d rows", n)
	}
}

func answer(selector, doc string) string {
	s, err := New([]byte(selector))
	if errors.Is(err, ErrArgument) || errors.Is(err, ErrOperator) {
		return "error"
	}
	if err != nil {
		return err.Error()
	}
	match, err := s.Match([]byte(doc))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(match)
}

// TestIDsCompareByBytes holds that ids are ordered as _all_docs orders them.
func TestIDsCompareByBytes(t *testing.T) {
	const doc = `{"_id":"a","x":{"_id":"a"},"s":"a"}`
	tests := []struct{ selector, want string }{
		{`{"_id":{"$gt":"B"}}`, "true"},
		{`{"_id":{"$lt":"B"}}`, "false"},
		{`{"_id":{"$not":{"$lt":"B"}}}`, "true"},
		{`{"_id":"a","s":{"$lt":"B"}}`, "true"},
		{`{"x._id":{"$lt":"B"}}`, "true"},
		{`{"_id":{"$gt":5}}`, "true"},
	}
	for _, tt := range tests {
		if got := answer(tt.selector, doc); got != tt.want {
			t.Errorf("%s: %s", tt.selector, got)
		}
	}
}

// TestRefusalsNameTheOperator holds that the client is told which operator it
// used wrongly.
func TestRefusalsNameTheOperator(t *testing.T) {
	for operator, arg := range map[string]string{
		"$in": `1`, "$nin": `{}`, "$all": `"x"`, "$exists": `"yes"`, "$type": `1`, "$regex": `[]`, "$beginsWith": `5`, "$size": `1.5`, "$mod": `[2]`, "$bogus": `1`,
	} {
		for _, selector := range []string{
			`{"a":{"` + operator + `":` + arg + `}}`,
			`{"$not":{"a":{"` + operator + `":` + arg + `}}}`,
			`{"$or":[{"b":1},{"a":{"$elemMatch":{"` + operator + `":` + arg + `}}}]}`,
		} {
			if _, err := New([]byte(selector)); err == nil || !strings.Contains(err.Error(), operator) {
				t.Errorf("%s: %v", selector, err)
			}
		}
	}
	for operator, arg := range map[string]string{"$and": `{}`, "$or": `1`, "$nor": `"x"`, "$not": `[]`} {
		if _, err := New([]byte(`{"` + operator + `":` + arg + `}`)); !errors.Is(err, ErrArgument) || !strings.Contains(err.Error(), operator) {
			t.Errorf("%s: %v", operator, err)
		}
	}
}

// TestSelectorsOfEverySize has selectors at the ends of what is taken.
func TestSelectorsOfEverySize(t *testing.T) {
	list := func(n int) string { return `{"a":{"$in":[0` + strings.Repeat(",1", n-3) + `]}}` } // a, $in and the elements
	deep := func(n int) string { return strings.Repeat(`{"$not":`, n) + `{"a":1}` + strings.Repeat(`}`, n) }
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + `1` + strings.Repeat(`}`, n) }
	tests := []struct {
		name, selector string
		taken          bool
	}{
		{"as many parts as may be", list(maxSize), true},
		{"one more", list(maxSize + 1), false},
		{"parts of parts", `{"$and":[` + strings.Repeat(`{"a":{"$eq":1}},`, maxSize/3) + `{}]}`, false},
		{"half of them", `{"$and":[` + strings.Repeat(`{"a":{"$eq":1}},`, maxSize/6) + `{}]}`, true},
		{"as deep as may be", deep(maxDepth), true},
		{"one deeper", deep(maxDepth + 1), false},
		{"fields as deep as may be", nested(maxDepth + 1), true},
		{"fields one deeper", nested(maxDepth + 2), false},
	}
	for _, tt := range tests {
		_, err := New([]byte(tt.selector))
		if (err == nil) != tt.taken || err != nil && !errors.Is(err, ErrArgument) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestPath(t *testing.T) {
	tests := []struct {
		name string
		want []string
	}{
		{"", []string{""}},
		{"a", []string{"a"}},
		{"a.b.c", []string{"a", "b", "c"}},
		{".a", []string{"", "a"}},
		{"a.", []string{"a", ""}},
		{"a..b", []string{"a", "", "b"}},
		{`a\.b`, []string{"a.b"}},
		{`a\.b.c\.`, []string{"a.b", "c."}},
		{`\.`, []string{"."}},
		{`a\`, []string{`a\`}},
		{`a\b`, []string{`a\b`}},
		{`é.ü`, []string{"é", "ü"}},
	}
	for _, tt := range tests {
		if got := path(tt.name); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
			t.Errorf("%q: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestDocumentsOfAnyKind matches what is no object, and what is no JSON.
func TestDocumentsOfAnyKind(t *testing.T) {
	tests := []struct{ selector, doc, want string }{
		{`{"a":1}`, `[1]`, "false"},
		{`{"a":1}`, `null`, "false"},
		{`{"a":{"$exists":false}}`, `5`, "false"},
		{`{"n":{"$or":[5,6]}}`, `{"n":5}`, "true"},
		{`{"n":{"$not":{}}}`, `{"n":5}`, "true"},
		{`{"a.1":2}`, `{"a":[1,2]}`, "true"},
		{`{"a.2":2}`, `{"a":[1,2]}`, "false"},
		{`{"a.-1":2}`, `{"a":[1,2]}`, "false"},
		{`{"a":{"$all":[[1],2]}}`, `{"a":[1]}`, "false"},
		{`{"a":{"$elemMatch":{}}}`, `{"a":[1,{}]}`, "true"},
		{`{}`, `"x"`, "true"},
		{`{"a":1}`, `{"a":1}  `, "true"},
	}
	for _, tt := range tests {
		if got := answer(tt.selector, tt.doc); got != tt.want {
			t.Errorf("%s on %s: %s", tt.selector, tt.doc, got)
		}
	}
	for _, doc := range []string{``, `{"a":`, `{"a":tru}`, `x`} {
		if got := answer(`{"a":1}`, doc); got == "true" || got == "false" || got == "error" {
			t.Errorf("%q: %s", doc, got)
		}
	}
}

// TestProjectOverlaps names fields within each other, in both orders.
func TestProjectOverlaps(t *testing.T) {
	const doc = `{"o":{"p":{"q":7,"r":8}},"a":1,"":{"":2},"l":[{"x":1}]}`
	tests := []struct {
		fields []string
		want   string
	}{
		{[]string{"o.p.q", "o"}, `{"o":{"p":{"q":7,"r":8}}}`},
		{[]string{"o.p.q", "o.p.q"}, `{"o":{"p":{"q":7}}}`},
		{[]string{"a.b", "a"}, `{"a":1}`},
		{[]string{"."}, `{"":{"":2}}`},
		{[]string{""}, `{"":{"":2}}`},
		{[]string{"l.x"}, `{}`},
		{[]string{"l"}, `{"l":[{"x":1}]}`},
	}
	for _, tt := range tests {
		if got := string(Project([]byte(doc), tt.fields)); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.fields, got, tt.want)
		}
	}
	for _, broken := range []string{``, `[1]`, `{"a":`, `null`} {
		if got := string(Project([]byte(broken), []string{"a"})); got != `{}` {
			t.Errorf("%q: %s", broken, got)
		}
	}
}
