package route

import (
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/route/analysis"
	"github.com/callflowd/callflowd/pkg/route/index"
)

// What a save is told concerns the callflow as it would be, at its own paths,
// whether the finding begins with it or with another.
func TestAdvise(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"wide","patterns":["^2(\\d+)$"]}`)
	s.put(db, `{"_id":"desk","numbers":["300"]}`)
	s.put(db, `{"_id":"mine","patterns":["^9$"]}`)
	x := s.open(Config{Emergency: []string{"999"}})
	doc := document.Doc{"numbers": []any{"100", "200"}, "patterns": []any{`^(\d)00$`, `^9+$`}}
	warnings, err := x.Advise(t.Context(), acct, "mine", doc)
	if err != nil {
		t.Fatal(err)
	}
	type told struct{ path, code, from, witness string }
	got := map[told]bool{}
	for _, w := range warnings {
		witness, _ := w.Members["witness"].(string)
		got[told{w.Path, w.Code, w.Members["callflow_id"].(string), witness}] = true
		if w.Message == "" || w.Members["severity"] == "" {
			t.Errorf("%+v", w)
		}
	}
	for _, want := range []told{
		{"numbers.1", analysis.TakesNumber, "wide", "200"},
		{"patterns.0", analysis.TakesNumber, "mine", "300"},
		{"patterns.0", analysis.Overlap, "mine", "200"},
		{"patterns.1", analysis.Emergency, "mine", "999"},
	} {
		if !got[want] && want.code != analysis.Overlap {
			t.Errorf("not told: %+v; told %v", want, got)
		}
		if mirrored := (told{want.path, want.code, "wide", want.witness}); want.code == analysis.Overlap && !got[want] && !got[mirrored] {
			t.Errorf("not told: %+v; told %v", want, got)
		}
	}
	if e, _ := mustIndex(t, x).Entry("mine"); len(e.Patterns) != 1 || e.Patterns[0] != "^9$" {
		t.Errorf("advice changed the index: %+v", e)
	}
}

// Numbers that a save takes from another callflow, or leaves to one, are told by
// the impact of the save; its own numbers and what nobody had are no news.
func TestAdviseOfReroutes(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"wide","patterns":["^2(\\d{2})$"]}`)
	s.put(db, `{"_id":"mine","numbers":["250"],"patterns":["^7\\d$"]}`)
	x := s.open(Config{})
	tests := []struct {
		name string
		doc  document.Doc
		want []string
	}{
		{"as it is", document.Doc{"numbers": []any{"250"}, "patterns": []any{`^7\d$`}}, nil},
		{"one more number", document.Doc{"numbers": []any{"250", "251"}, "patterns": []any{`^7\d$`}}, nil},
		{"numbers that nobody has", document.Doc{"numbers": []any{"250"}, "patterns": []any{`^[78]\d$`}}, nil},
		{
			"a pattern that comes first",
			document.Doc{"numbers": []any{"250"}, "patterns": []any{`^7\d$`, `^(21\d)$`}},
			[]string{"numbers of callflow wide would go to this one: 210 211 212 213 214 215 216 217 218 219"},
		},
		{
			"a number given up",
			document.Doc{"numbers": []any{}, "patterns": []any{`^7\d$`}},
			[]string{"numbers of this callflow would go to callflow wide: 250"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			warnings, err := x.Advise(t.Context(), acct, "mine", tt.doc)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range warnings {
				if w.Code == "rerouted" {
					got = append(got, w.Message)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
}

// The numbers of a save are normalised already: the account's dial plan does not
// rewrite them a second time.
func TestAdviseWithDialPlan(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"`+acct+`","pvt_type":"account","dial_plan":{"^(\\d{2,3})$":{"prefix":"9"}}}`)
	s.put(db, `{"_id":"wide","patterns":["^9(\\d+)$"]}`)
	s.put(db, `{"_id":"mine","numbers":["950"],"patterns":["^7\\d{5}$"]}`)
	warnings, err := s.open(Config{}).Advise(t.Context(), acct, "mine", document.Doc{"numbers": []any{"950"}, "patterns": []any{`^[78]\d{5}$`}})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		if w.Code == "rerouted" {
			t.Errorf("nothing goes elsewhere, but it says %s", w.Message)
		}
	}
}

// Syntax that is not analysed is one fact and one warning.
func TestAdviseTellsOnce(t *testing.T) {
	s := newSite(t)
	s.account(acct)
	x := s.open(Config{})
	warnings, err := x.Advise(t.Context(), acct, "mine", document.Doc{"patterns": []any{"^(?<!1)2"}})
	if err != nil || len(warnings) != 1 || warnings[0].Code != analysis.ExtendedSyntax || warnings[0].Path != "patterns.0" {
		t.Errorf("%+v, %v", warnings, err)
	}
}

// A callflow without numbers or patterns in common with others is told nothing.
func TestAdviseIsSilent(t *testing.T) {
	s := newSite(t)
	s.put(s.account(acct), `{"_id":"other","numbers":["1"],"patterns":["^2$"]}`)
	x := s.open(Config{})
	warnings, err := x.Advise(t.Context(), acct, "mine", document.Doc{"numbers": []any{"3"}, "patterns": []any{"^4$"}})
	if err != nil || len(warnings) > 0 {
		t.Errorf("%+v, %v", warnings, err)
	}
}

func mustIndex(t *testing.T, x *Indexes) *index.Index {
	t.Helper()
	index, err := x.Index(t.Context(), acct)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func TestTotalsCountPatterns(t *testing.T) {
	s := newSite(t)
	s.put(s.account(acct), `{"_id":"a","numbers":["1","2"],"patterns":["^3$","^(?=4)4$","((("]}`)
	x := s.open(Config{})
	s.takes(x, "1", "a")
	if got := x.Totals(); got.Numbers != 2 || got.Patterns != 3 || got.Extended != 1 || got.Invalid != 1 {
		t.Errorf("%+v", got)
	}
	x.Apply(acct, document.Doc{"_id": "b", "_rev": "1-b", "pvt_type": "callflow", "numbers": []any{"5"}})
	if got := x.Totals(); got.Numbers != 3 {
		t.Errorf("after a write: %+v", got)
	}
}
