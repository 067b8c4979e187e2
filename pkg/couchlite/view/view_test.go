package view

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// TestIndexEqualsRebuilt holds that an index kept up to date edit by edit is
// the index one gets from scratch, offsets included.
func TestIndexEqualsRebuilt(t *testing.T) {
	l := newLab(t)
	views := map[string]string{
		"k":     "function(d){ for (var i in d.k) emit(d.k[i], d.n) }|_sum",
		"first": "function(d){ if (d.k.length) emit([d.k[0], d.n], null) }|_count",
	}
	l.putDesign(t, "p", "kept", views)
	queries := []string{
		"k?reduce=false", "k?reduce=false&descending=true", "k?reduce=false&startkey=%22b%22", "k?reduce=false&descending=true&startkey=%22b%22",
		"k?group=true", "first", "first?group_level=1", "first?startkey=[%22b%22]", "first?reduce=false&skip=2",
	}
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(1, 25).Draw(rt, "edits") {
			randomEdit(t, rt, l)
		}
		kept := make([]string, len(queries))
		for i, query := range queries {
			kept[i] = l.answer(t, "p/kept/"+query)
		}
		l.dropIndexes(t, "p")
		for i, query := range queries {
			if anew := l.answer(t, "p/kept/"+query); anew != kept[i] {
				rt.Errorf("%s\nkept %s\nanew %s", query, kept[i], anew)
			}
		}
	})
}

// randomEdit changes a random document of the database p, or reads a view.
func randomEdit(t *testing.T, rt *rapid.T, l *lab) {
	t.Helper()
	id := fmt.Sprintf("d%d", rapid.IntRange(0, 7).Draw(rt, "id"))
	switch rapid.SampledFrom([]string{"put", "put", "delete", "read"}).Draw(rt, "edit") {
	case "put":
		raw, err := json.Marshal(map[string]any{
			"k": rapid.SliceOfN(rapid.SampledFrom([]string{"a", "A", "b", "é", "", "\u0001"}), 0, 5).Draw(rt, "k"),
			"n": rapid.IntRange(0, 3).Draw(rt, "n"),
		})
		if err != nil {
			t.Fatal(err)
		}
		l.put(t, "p", id, string(raw))
	case "delete":
		l.with(t, "p", func(db *store.Database) {
			if winner, err := db.Winner(t.Context(), id); err == nil && !winner.Deleted {
				l.put(t, "p", id, `{"_deleted":true}`)
			}
		})
	case "read":
		l.answer(t, "p/kept/k")
	}
}

// TestIndexThatCannotGrow lets the file of an index be full: queries are
// answered from memory, and from the file again when it takes more.
func TestIndexThatCannotGrow(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "g", "d", map[string]string{"v": "function(d){ emit(d._id, d.x) }"})
	l.put(t, "g", "a", `{"x":1}`)
	l.answer(t, "g/d/v")
	limit := func(pages int) {
		l.with(t, "g", func(db *store.Database) {
			d, err := viewsIn(db).Design(t.Context(), "d")
			if err != nil {
				t.Fatal(err)
			}
			x, err := viewsIn(db).index(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			defer viewsIn(db).leave(x)
			if _, err := x.file.W.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
				t.Fatal(err)
			}
		})
	}
	inMemory := func() (n int) {
		l.with(t, "g", func(db *store.Database) { n = len(viewsIn(db).memory) })
		return n
	}
	limit(1) // which is as many as there are
	large := strings.Repeat("x", 100_000)
	for i := range 3 {
		l.put(t, "g", fmt.Sprintf("b%d", i), `{"x":"`+large+`"}`)
		for range 2 {
			if got := l.answer(t, "g/d/v?limit=0"); !strings.Contains(got, fmt.Sprintf(`"total_rows":%d`, i+2)) {
				t.Errorf("full: %s", got)
			}
		}
	}
	if inMemory() != 1 {
		t.Errorf("%d indexes in memory", inMemory())
	}
	limit(1 << 30)
	l.put(t, "g", "c", `{"x":1}`)
	if got := l.answer(t, "g/d/v?startkey=%22c%22"); !strings.Contains(got, `"total_rows":5,"offset":4`) || inMemory() != 0 {
		t.Errorf("%s with %d indexes in memory", got, inMemory())
	}
}

// TestRanks holds offsets against counting, over many more rows than one rank
// counts.
func TestRanks(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "r", "d", map[string]string{"n": "function(d){ emit(d.n, null) }|_count"})
	const n = 3000
	docs := make([]string, n)
	for i := range docs {
		docs[i] = fmt.Sprintf(`{"_id":"%d","n":%d}`, i, i*7919%n)
	}
	l.postAll(t, "r", docs[:n/2])
	l.answer(t, "r/d/n")
	l.postAll(t, "r", docs[n/2:])
	for _, k := range []int{0, 1, 255, 256, 257, 1500, n - 1, n} {
		if got, want := l.answer(t, fmt.Sprintf("r/d/n?reduce=false&limit=1&startkey=%d", k)), fmt.Sprintf(`"total_rows":%d,"offset":%d,`, n, k); !strings.Contains(got, want) {
			t.Errorf("startkey %d: %.80s, want %s", k, got, want)
		}
		if got, want := l.answer(t, fmt.Sprintf("r/d/n?endkey=%d&inclusive_end=false", k)), fmt.Sprintf(`"value":%d`, k); k > 0 && !strings.Contains(got, want) {
			t.Errorf("count below %d: %s", k, got)
		}
	}
}

func TestViewUpdate(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "u", "d", map[string]string{"v": "function(d){ emit(null, null) }"})
	l.put(t, "u", "a", "{}")
	steps := []struct{ query, total string }{
		{"update=false", "0"}, {"stale=ok", "0"}, {"", "1"}, {"update=false", "1"},
	}
	for _, step := range steps {
		if got := l.answer(t, "u/d/v?"+step.query); !strings.HasPrefix(got, `{"total_rows":`+step.total) {
			t.Errorf("%q: %s, want %s rows", step.query, got, step.total)
		}
	}
	l.put(t, "u", "b", "{}")
	l.answer(t, "u/d/v?update=lazy")
	for !strings.HasPrefix(l.answer(t, "u/d/v?update=false"), `{"total_rows":2`) {
		if t.Context().Err() != nil {
			t.Fatal("lazy update never came")
		}
	}
	if info := l.info(t, "u", "d"); info.Running || info.Language != "javascript" || info.Pending != 0 {
		t.Errorf("info %+v", info)
	}
	if got := l.answer(t, "u/d/v?update_seq=true&limit=0"); !strings.Contains(got, `"update_seq":"3-`) {
		t.Errorf("update_seq: %s", got)
	}
}

// TestIndexOutlivesServer opens a directory again: the index is not built anew,
// and one of another state of the database is.
func TestIndexOutlivesServer(t *testing.T) {
	dir := t.TempDir()
	l := labIn(t, dir)
	l.putDesign(t, "o", "d", map[string]string{"v": "function(d){ emit(d._id, null) }"})
	l.put(t, "o", "a", "{}")
	l.answer(t, "o/d/v")
	l.close(t)
	l = labIn(t, dir)
	if got := l.answer(t, "o/d/v?update=false"); !strings.Contains(got, `"total_rows":1`) {
		t.Errorf("opened again: %s", got)
	}
	l.with(t, "o", func(db *store.Database) {
		winner, err := db.Winner(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		rev, _ := revtree.ParseRev(winner.Rev)
		if _, err := db.Purge(t.Context(), []string{"a"}, map[string][]revtree.Rev{"a": {rev}}); err != nil {
			t.Fatal(err)
		}
	})
	if got := l.answer(t, "o/d/v"); !strings.Contains(got, `"total_rows":0`) {
		t.Errorf("purged: %s", got)
	}
	if err := l.store.Destroy(t.Context(), "o"); err != nil {
		t.Fatal(err)
	}
	l.putDesign(t, "o", "d", map[string]string{"v": "function(d){ emit(d._id, null) }"})
	if got := l.answer(t, "o/d/v?update=false"); !strings.Contains(got, `"total_rows":0`) {
		t.Errorf("made again: %s", got)
	}
	l.close(t)
	indexes := indexFiles(t, dir)
	if len(indexes) != 1 {
		t.Fatalf("index files: %v", indexes)
	}
	if err := os.WriteFile(indexes[0], slices.Repeat([]byte("no index"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	l = labIn(t, dir)
	l.put(t, "o", "b", "{}")
	if got := l.answer(t, "o/d/v"); !strings.Contains(got, `"id":"b"`) {
		t.Errorf("from a broken file: %s", got)
	}
	l.putDesign(t, "o", "d", map[string]string{"w": "function(d){ emit(1, null) }"})
	l.answer(t, "o/d/w")
	l.with(t, "o", func(db *store.Database) {
		if err := viewsIn(db).Cleanup(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if left := indexFiles(t, dir); len(left) != 1 || left[0] == indexes[0] {
		t.Errorf("after cleanup: %v", left)
	}
	l.close(t)
}

// indexFiles lists the index files below a server's directory.
func indexFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "views", "*", "*"+store.FileSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestFailingFunctions has a view that loops, one that throws and one that is
// well in a design document.
func TestFailingFunctions(t *testing.T) {
	l := newLab(t)
	l.engine.limits = sandbox.Limits{Work: 100_000}
	l.putDesign(t, "f", "d", map[string]string{
		"loop": "function(d){ while (d.n > 0) {} emit(1, 1) }", "throw": "function(d){ if (d.n > 3) throw 'x'; emit(1, 1) }", "well": "function(d){ emit(1, 1) }",
		"reduce": "function(d){ emit(1, 1) }|function(k, v, r) { while (true) {} }",
	})
	for i := range 8 {
		l.put(t, "f", fmt.Sprintf("d%d", i), fmt.Sprintf(`{"n":%d}`, i))
	}
	tests := []struct {
		view   string
		status int
		want   string
	}{
		{"well", 200, `"total_rows":8`},
		{"throw", 200, `"total_rows":4`},
		{"loop", 500, "exceeds its limit of work"},
		{"reduce", 500, "exceeded its limit of work"},
		{"reduce?reduce=false", 200, `"total_rows":8`},
	}
	for _, tt := range tests {
		got, err := l.ask(t, "f/d/"+tt.view)
		status := 200
		if err != nil {
			f := fault.As(err)
			status, got = f.Status, f.Reason
		}
		if status != tt.status || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %d %s, want %d %s", tt.view, status, got, tt.status, tt.want)
		}
	}
}

// TestClocksLoseNoRows has a map function that a clock ends: the query fails, and
// the next one finds every row.
func TestClocksLoseNoRows(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "c", "d", map[string]string{"v": "function(d){ for (var i = 0; i < 1e6 && d.slow; i++); emit(d.slow, 1) }"})
	for i := range 4 {
		l.put(t, "c", fmt.Sprintf("d%d", i), fmt.Sprintf(`{"slow":%t}`, i == 2))
	}
	l.engine.limits = sandbox.Limits{Time: 1}
	if got, err := l.ask(t, "c/d/v"); err == nil || fault.As(err).Reason != "function exceeded its limit of time" {
		t.Fatalf("%s, %v", got, err)
	}
	l.engine.limits = sandbox.Limits{}
	l.engine.machines = newMachinePool() // whose limits are the new ones
	if got, err := l.ask(t, "c/d/v"); err != nil || !strings.Contains(got, `"total_rows":4`) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestLargeKeys(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "l", "d", map[string]string{
		"long": "function(d){ emit(d.s, null) }", "deep": "function(d){ var a = []; for (var i = 0; i < d.depth; i++) a = [a]; emit(a, null) }",
		"proto": `function(d){ emit(JSON.parse('{"__proto__":1}'), {["__proto__"]: 2}) }`,
	})
	l.put(t, "l", "a", `{"s":"`+strings.Repeat("x", 1<<20)+`","depth":900}`)
	l.put(t, "l", "b", `{"s":"`+strings.Repeat("x", 1<<20)+`y","depth":50000,"o":{"__proto__":{"polluted":true}}}`)
	for _, tt := range []struct{ query, want string }{
		{"long?limit=0", `"total_rows":2`},
		{"long?startkey=%22y%22", `"total_rows":2,"offset":2`},
		{"deep?limit=0", `"total_rows":1`},
		{"proto", `"key":{"__proto__":1},"value":{"__proto__":2}`},
		{"deep?key=" + url.QueryEscape(strings.Repeat("[", 100)+strings.Repeat("]", 100)), `"total_rows":1`},
	} {
		if got := l.answer(t, "l/d/"+tt.query); !strings.Contains(got, tt.want) {
			t.Errorf("%.60s: %.200s, want %s", tt.query, got, tt.want)
		}
	}
}
