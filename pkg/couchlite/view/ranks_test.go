package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// withIndex calls fn with the index of a design document.
func (l *lab) withIndex(t testing.TB, name, ddoc string, fn func(x *viewIndex)) {
	t.Helper()
	l.with(t, name, func(db *store.Database) {
		d, err := viewsIn(db).Design(t.Context(), ddoc)
		if err != nil {
			t.Fatal(err)
		}
		x, err := viewsIn(db).index(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		defer viewsIn(db).leave(x)
		fn(x)
	})
}

// checkRanks holds that each row of ranks counts the entries from its key up to
// the next one's, that none counts too many, and none but a first one nothing.
func (l *lab) checkRanks(t testing.TB, name, ddoc string) {
	t.Helper()
	l.withIndex(t, name, ddoc, func(x *viewIndex) {
		rows, err := x.file.R.QueryContext(t.Context(), `WITH spans AS (SELECT view, lo, n, lead(lo) OVER w AS hi, row_number() OVER w AS nth FROM ranks WINDOW w AS (PARTITION BY view ORDER BY lo))
			SELECT view, nth, n, (SELECT count(*) FROM entries e WHERE e.view = s.view AND (nth = 1 OR e.k >= s.lo) AND (hi IS NULL OR e.k < hi)) FROM spans s`)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		counted := 0
		for rows.Next() {
			var view, nth, n, entries int
			if err := rows.Scan(&view, &nth, &n, &entries); err != nil {
				t.Fatal(err)
			}
			if counted += n; n != entries || n > rankSize || n == 0 && nth > 1 {
				t.Errorf("view %d, row %d counts %d of %d entries", view, nth, n, entries)
			}
		}
		var all int
		if err := x.file.R.QueryRowContext(t.Context(), `SELECT count(*) FROM entries`).Scan(&all); err != nil || counted != all || rows.Err() != nil {
			t.Errorf("%d of %d entries are counted: %v, %v", counted, all, err, rows.Err())
		}
	})
}

// TestRanksStayTrue adds and removes many rows at random, in views of one index,
// and compares ranks, offsets and counts with counting.
func TestRanksStayTrue(t *testing.T) {
	l := newLab(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		if run++; run > 25 { // each has thousands of rows
			return
		}
		name := fmt.Sprintf("r%d", run)
		l.putDesign(t, name, "d", map[string]string{
			"many": "function(d){ for (var i = 0; i < d.n; i++) emit(d.from + i, 1) }|_count", "few": "function(d){ emit(d.n, 1) }", "none": "function(d){}",
		})
		rowsOf := map[string][2]int{} // from, n
		for step := range rapid.IntRange(1, 6).Draw(rt, "steps") {
			for range rapid.IntRange(1, 4).Draw(rt, "documents") {
				id := fmt.Sprintf("d%d", rapid.IntRange(0, 5).Draw(rt, "id"))
				if rapid.IntRange(0, 3).Draw(rt, "delete") == 0 && rowsOf[id][1] > 0 {
					l.put(t, name, id, `{"_deleted":true}`)
					delete(rowsOf, id)
					continue
				}
				from, n := rapid.IntRange(0, 300).Draw(rt, "from"), rapid.SampledFrom([]int{1, 127, 128, 129, 255, 256, 257, 600}).Draw(rt, "rows")
				l.put(t, name, id, fmt.Sprintf(`{"from":%d,"n":%d,"step":%d}`, from, n, step))
				rowsOf[id] = [2]int{from, n}
			}
			l.answer(t, name+"/d/few?limit=0")
			l.checkRanks(t, name, "d")
		}
		for range 5 {
			at := rapid.IntRange(0, 900).Draw(rt, "at")
			below, all := 0, 0
			for _, r := range rowsOf {
				below += min(max(at-r[0], 0), r[1])
				all += r[1]
			}
			got := l.answer(t, fmt.Sprintf("%s/d/many?reduce=false&limit=1&startkey=%d", name, at))
			if want := fmt.Sprintf(`{"total_rows":%d,"offset":%d,`, all, below); !strings.HasPrefix(got, want) {
				rt.Errorf("from %d: %.80s, want %s", at, got, want)
			}
			got = l.answer(t, fmt.Sprintf("%s/d/many?reduce=false&limit=1&descending=true&startkey=%d", name, at-1))
			if want := fmt.Sprintf(`{"total_rows":%d,"offset":%d,`, all, all-below); !strings.HasPrefix(got, want) {
				rt.Errorf("down from %d: %.80s, want %s", at-1, got, want)
			}
			var counted struct{ Rows []struct{ Value int } }
			got = l.answer(t, fmt.Sprintf("%s/d/many?endkey=%d&inclusive_end=false", name, at))
			if err := json.Unmarshal([]byte(got), &counted); err != nil || below > 0 && (len(counted.Rows) != 1 || counted.Rows[0].Value != below) || below == 0 && len(counted.Rows) != 0 {
				rt.Errorf("below %d: %s, want %d", at, got, below)
			}
		}
	})
}
