package pattern

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/document/vectortest"
)

type vector struct {
	ID       int
	Patterns []string
	Number   string
	Match    *struct {
		Pattern       string
		Index         int
		CaptureGroup  string            `json:"capture_group"`
		CaptureGroups map[string]string `json:"capture_groups"`
	}
	Crash bool
}

// vectorRows gives patterns the rows of a view in the order they come in.
func vectorRows(patterns []string) []*Row {
	rows := make([]*Row, len(patterns))
	for i, text := range patterns {
		re, _ := compile(text)
		rows[i] = &Row{ID: fmt.Sprint(i), Text: text, Pattern: re}
	}
	return rows
}

// kazoos drops what Kazoo leaves out of captures and this project keeps
// (contract 11.1).
func kazoos(text string) string {
	if slices.Contains([]string{"0", "NULL", "undefined"}, text) {
		return ""
	}
	return text
}

// different lists rows that contract 9 and 11 decide otherwise.
func different() map[int]string {
	return map[int]string{
		366:  `^\p{L}+$ sees one letter, not two bytes (contract 9.15)`,
		1566: `^[^0-9] takes the whole character (contract 9.15)`,
	}
}

func TestPatternVectors(t *testing.T) {
	other := different()
	for _, v := range vectortest.Read[vector](t, "patterns.jsonl") {
		if why, ok := other[v.ID]; ok {
			t.Logf("%d: %s", v.ID, why)
			continue
		}
		if v.Number == "no_match" {
			continue // it is looked up as a number only
		}
		got := Tally{Left: PerLookup}
		Scan(vectorRows(v.Patterns), v.Number, &got)
		if len(got.skipped) > 0 {
			t.Errorf("%d: skipped %v", v.ID, got.skipped)
		}
		switch {
		case v.Crash:
		case v.Match == nil:
			if got.Best.Row != nil {
				t.Errorf("%d: %q took %q, nothing should", v.ID, got.Best.Row.Text, v.Number)
			}
		case got.Best.Row == nil:
			t.Errorf("%d: nothing took %q, want %q", v.ID, v.Number, v.Match.Pattern)
		default:
			named := maps.Clone(got.Best.Named)
			maps.DeleteFunc(named, func(_, text string) bool { return kazoos(text) == "" })
			if got.Best.Row.ID != fmt.Sprint(v.Match.Index) || kazoos(got.Best.Text) != v.Match.CaptureGroup ||
				!maps.Equal(named, v.Match.CaptureGroups) {
				t.Errorf("%d: %q took %q (%q, %v), want %+v", v.ID, got.Best.Row.Text, v.Number, got.Best.Text, named, *v.Match)
			}
		}
	}
}
