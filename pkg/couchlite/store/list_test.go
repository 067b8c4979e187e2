package store

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestListings holds ranges of documents in SQL against [Listing.Cut], which
// goes through all names.
func TestListings(t *testing.T) {
	db := held(t, newStore(t), "db")
	names := []string{"A", "_design/a", "_design/b", "a", "aa", "b", "é", "\U0001F600"}
	for _, name := range names {
		put(t, db, name, `{}`)
	}
	slices.Sort(names)
	keys := []string{`"a"`, `"aaa"`, `"_design/a"`, `""`, `"zz"`, `null`, `{}`, `3`, `"\ufff0"`}
	rapid.Check(t, func(rt *rapid.T) {
		rq := Listing{
			ExclusiveEnd: rapid.Bool().Draw(rt, "exclusive"), Descending: rapid.Bool().Draw(rt, "descending"),
			Limit: rapid.IntRange(-1, 9).Draw(rt, "limit"), Skip: rapid.IntRange(0, 9).Draw(rt, "skip"), Design: rapid.Bool().Draw(rt, "design"),
		}
		if rapid.Bool().Draw(rt, "has start") {
			rq.Start = json.RawMessage(rapid.SampledFrom(keys).Draw(rt, "start"))
		}
		if rapid.Bool().Draw(rt, "has end") {
			rq.End = json.RawMessage(rapid.SampledFrom(keys).Draw(rt, "end"))
		}
		all := slices.Clone(names)
		if rq.Design {
			all = []string{"_design/a", "_design/b"}
		}
		want := rq.Cut(slices.Clone(all))
		got := []string{}
		if ids := rq.IDs(); !ids.Empty && rq.Limit != 0 {
			limit := rq.Limit
			if limit < 0 {
				limit = 100
			}
			rows, err := db.DocRows(t.Context(), ids, rq, limit, rq.Skip)
			if err != nil {
				rt.Fatal(err)
			}
			for _, r := range rows {
				got = append(got, r.ID)
			}
		}
		if !slices.Equal(got, want) {
			rt.Errorf("%+v: %v, want %v", rq, got, want)
		}
		checkOffset(t, rt, db, rq, all, want)
	})
}

// checkOffset holds that the first row of a listing has as many before it as
// its offset says.
func checkOffset(t *testing.T, rt *rapid.T, db *Database, rq Listing, all, listed []string) {
	total, err := db.Total(t.Context(), rq)
	if err != nil || total != int64(len(all)) {
		rt.Errorf("total %d, want %d: %v", total, len(all), err)
	}
	offset, err := db.Offset(t.Context(), rq.IDs(), rq, total)
	if err != nil {
		rt.Fatal(err)
	}
	if len(listed) == 0 || rq.Design { // how CouchDB counts there is not recorded
		return
	}
	at := slices.Index(all, listed[0])
	if rq.Descending {
		at = len(all) - 1 - at
	}
	if offset != int64(at) {
		rt.Errorf("%+v: offset %d, want %d", rq, offset, at)
	}
}

func TestAfter(t *testing.T) {
	db := held(t, newStore(t), "db")
	for i := range 7 {
		put(t, db, fmt.Sprintf("d%d", i), `{"i":1}`)
	}
	for _, descending := range []bool{false, true} {
		rq := Listing{Descending: descending, IncludeDocs: true}
		ids := rq.IDs()
		var got []string
		for {
			rows, err := db.DocRows(t.Context(), ids, rq, 2, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				if got = append(got, r.ID); string(r.Body) != `{"i":1}` {
					t.Errorf("%s: %s", r.ID, r.Body)
				}
			}
			if len(rows) < 2 {
				break
			}
			ids = ids.After(rows[1].ID)
		}
		if len(got) != 7 || slices.IsSorted(got) == descending {
			t.Errorf("descending %t: %v", descending, got)
		}
	}
}

func TestChangeSpans(t *testing.T) {
	db := held(t, newStore(t), "db")
	for i := range 6 {
		put(t, db, fmt.Sprintf("d%d", i), `{}`)
	}
	put(t, db, "d1", `{"again":1}`)
	tests := []struct {
		span ChangeSpan
		want string
	}{
		{ChangeSpan{Before: math.MaxInt64}, "[d0 d2 d3 d4 d5 d1]"},
		{ChangeSpan{After: 3, Before: math.MaxInt64}, "[d3 d4 d5 d1]"},
		{ChangeSpan{After: 3, Before: 6}, "[d3 d4]"},
		{ChangeSpan{Before: math.MaxInt64, Descending: true}, "[d1 d5 d4 d3 d2 d0]"},
		{ChangeSpan{Before: 4, Descending: true, Bodies: true}, "[d2 d0]"},
		{ChangeSpan{After: 7, Before: math.MaxInt64}, "[]"},
	}
	for _, tt := range tests {
		rows, err := db.ChangeRows(t.Context(), tt.span)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, r := range rows {
			if got = append(got, r.Rev.ID); (r.Rev.Body != nil) != tt.span.Bodies {
				t.Errorf("%+v: body %s", tt.span, r.Rev.Body)
			}
		}
		n, err := db.CountChanges(t.Context(), tt.span.After, tt.span.Before)
		if fmt.Sprint(got) != tt.want || n != int64(len(got)) || err != nil {
			t.Errorf("%+v: %v, %d counted, want %s: %v", tt.span, got, n, tt.want, err)
		}
	}
	var seen []string
	last, err := db.ChangesSince(t.Context(), 4, func(c Change) error {
		seen = append(seen, fmt.Sprintf("%d %s %s", c.Seq, c.ID, c.Body))
		return nil
	})
	if err != nil || last != 7 || len(seen) != 3 || seen[2][:5] != "7 d1 " {
		t.Errorf("since 4: %v up to %d: %v", seen, last, err)
	}
}

func TestSequences(t *testing.T) {
	db := held(t, newStore(t), "db")
	for i := range 3 {
		put(t, db, fmt.Sprint(i), `{}`)
	}
	own := db.EncodeSeq(2)
	for since, want := range map[string]int64{
		"": 0, "0": 0, "now": 3, "2": 2, own: 2, "3": 3, "4": 0, "2-0123456789abcdef": 0, db.EncodeSeq(9): 0,
	} {
		if got, err := db.DecodeSeq(since); err != nil || got != want {
			t.Errorf("%q: %d %v, want %d", since, got, err, want)
		}
	}
	for _, since := range []string{"x", "-1", "1.5", "-", own[:1] + "x-" + own} {
		if got, err := db.DecodeSeq(since); err == nil {
			t.Errorf("%q: %d", since, got)
		}
	}
	log := newUpdateLog([]string{"a", "b"})
	log.add("a", updateUpdated)
	if events, last := log.Since(0); len(events) != 2 || events[0].Name != "b" || events[1].Name != "a" || last != 3 {
		t.Errorf("events %v up to %d", events, last)
	}
	for since, want := range map[string]int64{"": 0, "now": 3, log.Encode(2): 2, log.Encode(9): 0, "2": 0, "2-x": 0} {
		if got, err := log.Decode(since); err != nil || got != want {
			t.Errorf("%q: %d %v, want %d", since, got, err, want)
		}
	}
	next := log.Next()
	log.add("c", updateCreated)
	select {
	case <-next:
	default:
		t.Error("nobody was told")
	}
}
