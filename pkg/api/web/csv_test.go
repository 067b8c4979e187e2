package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/problem"
)

func TestCells(t *testing.T) {
	for item, want := range map[string]string{
		`{"b":1,"a":{"y":true,"x":null},"c":"t"}`:        "b=1 a_y=true a_x= c=t",
		`{"l":["a","b"],"m":[1,2],"n":[{"a":1}],"o":[]}`: `l=a,b m=[1,2] n=[{"a":1}] o=`,
		`{"empty":{},"z":1.50}`:                          "z=1.50",
		`"text"`:                                         "=text",
		`{"broken":`:                                     "",
		strings.Repeat(`{"d":`, 34) + `1` + strings.Repeat(`}`, 34): strings.Repeat("d_", 31) + `d={"d":{"d":1}}`,
	} {
		var got []string
		eachCell("", json.RawMessage(item), tableDepth, func(column, text string) { got = append(got, column+"="+text) })
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", item, got, want)
		}
	}
}

func TestRowsReadBack(t *testing.T) {
	cell := rapid.StringOf(rapid.SampledFrom([]rune("ab,\"\n;é '=")))
	rapid.Check(t, func(rt *rapid.T) {
		row := append(rapid.SliceOfN(cell, 0, 5).Draw(rt, "row"), "end")
		var buf bytes.Buffer
		w := bufio.NewWriter(&buf)
		if err := errors.Join(writeCells(w, row), w.Flush()); err != nil {
			rt.Fatal(err)
		}
		got, err := csv.NewReader(&buf).Read()
		if err != nil || !slices.Equal(got, row) {
			rt.Fatalf("%q reads back as %q, %v", row, got, err)
		}
	})
}

func TestTableFailures(t *testing.T) {
	s := New(Config{Now: noon}, nil)
	calls := 0
	failing := func(context.Context) iter.Seq2[json.RawMessage, error] {
		return func(yield func(json.RawMessage, error) bool) {
			if calls++; yield(json.RawMessage(`{"a":1}`), nil) {
				yield(nil, &problem.Error{Code: problem.Unavailable})
			}
		}
	}
	c := s.newCall(httptest.NewRequest(http.MethodGet, "/", nil))
	c.format = asCSV
	rec := httptest.NewRecorder()
	if err := s.respond(rec, c, Streamed(failing)); !problem.Is(err, problem.Unavailable) || rec.Body.Len() > 0 || calls != 1 {
		t.Errorf("error %v after %d reads and %q", err, calls, rec.Body)
	}
}
