package web

import (
	"net/http"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

func TestCondition(t *testing.T) {
	const rev = "2-b"
	tests := []struct {
		name             string
		match, noneMatch []string
		stored           string
		ok               bool
	}{
		{"none", nil, nil, rev, true},
		{"same", []string{`"2-b"`}, nil, rev, true},
		{"another", []string{`"1-a"`}, nil, rev, false},
		{"list", []string{`"1-a", "2-b"`}, nil, rev, true},
		{"two lines", []string{`"1-a"`, `"2-b"`}, nil, rev, true},
		{"weak never matches strongly", []string{`W/"2-b"`}, nil, rev, false},
		{"without quotes", []string{`2-b`}, nil, rev, true},
		{"star", []string{`*`}, nil, rev, true},
		{"star on nothing", []string{`*`}, nil, "", false},
		{"quoted star is a tag", []string{`"*"`}, nil, rev, false},
		{"empty header", []string{``}, nil, rev, true},
		{"open quote", []string{`"2-b`}, nil, rev, true},
		{"none-match same", nil, []string{`"2-b"`}, rev, false},
		{"none-match weak", nil, []string{`W/"2-b"`}, rev, false},
		{"none-match another", nil, []string{`"1-a"`}, rev, true},
		{"none-match star", nil, []string{`*`}, rev, false},
		{"none-match star on nothing", nil, []string{`*`}, "", true},
		{"both, first fails", []string{`"1-a"`}, []string{`"1-a"`}, rev, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := conditionOf(http.Header{"If-Match": tt.match, "If-None-Match": tt.noneMatch})
			err := c.check(tt.stored)
			if (err == nil) != tt.ok {
				t.Fatalf("check gave %v", err)
			}
			if err != nil && !problem.Is(err, problem.PreconditionFailed) {
				t.Errorf("wrong class: %v", err)
			}
			if err != nil && tt.stored != "" && problem.AsError(err).Data["revision"] != tt.stored {
				t.Errorf("the current revision is not told: %v", problem.AsError(err).Data)
			}
		})
	}
}

func TestConditionOnCreate(t *testing.T) {
	if err := conditionOf(http.Header{"If-Match": {"*"}}).checkCreate(""); err == nil {
		t.Error("If-Match on a create passed")
	}
	if err := conditionOf(http.Header{"If-None-Match": {"*"}}).checkCreate(""); err != nil {
		t.Errorf("If-None-Match: * refused a create: %v", err)
	}
}

func FuzzParseTags(f *testing.F) {
	f.Add(`"a", W/"b"`, "a")
	f.Add(`W/`, "")
	f.Fuzz(func(t *testing.T, header, etag string) {
		c := conditionOf(http.Header{"If-Match": {header}, "If-None-Match": {header}})
		_ = c.check(etag)
		_ = c.unchanged(etag)
	})
}
