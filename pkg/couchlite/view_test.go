package couchlite

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// putDesign saves a design document with the given views: map sources, or map
// and reduce apart by a bar.
func putDesign(t testing.TB, s *Server, path string, views map[string]string) {
	t.Helper()
	body := map[string]map[string]string{}
	for name, source := range views {
		m, reduce, ok := strings.Cut(source, "|")
		body[name] = map[string]string{"map": m}
		if ok {
			body[name]["reduce"] = reduce
		}
	}
	raw, err := json.Marshal(map[string]any{"views": body})
	if err != nil {
		t.Fatal(err)
	}
	if status, old := call(t, s, "GET", path, ""); status == 200 {
		var doc struct {
			Rev string `json:"_rev"`
		}
		if err := json.Unmarshal([]byte(old), &doc); err != nil {
			t.Fatal(err)
		}
		path += "?rev=" + doc.Rev
	}
	must(t, s, "PUT", path, string(raw))
}

// answer returns the body of a successful GET, lines joined.
func answer(t testing.TB, s *Server, path string) string {
	t.Helper()
	status, body := call(t, s, "GET", path, "")
	if status != 200 {
		t.Fatalf("GET %s: %d %s", path, status, body)
	}
	return strings.ReplaceAll(body, "\r\n", "")
}

// dropIndexes makes the next query of a database's views begin anew.
func dropIndexes(t testing.TB, s *Server, name string) {
	t.Helper()
	sl, err := s.acquire(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.release(sl)
	if err := sl.db.views.drop(); err != nil {
		t.Fatal(err)
	}
	sl.db.views = newViewSet(sl.db)
}

// TestIndexEqualsRebuilt holds that an index kept up to date edit by edit is
// the index one gets from scratch, offsets included.
func TestIndexEqualsRebuilt(t *testing.T) {
	s := newServer(t)
	must(t, s, "PUT", "/p", "")
	views := map[string]string{
		"k":     "function(d){ for (var i in d.k) emit(d.k[i], d.n) }|_sum",
		"first": "function(d){ if (d.k.length) emit([d.k[0], d.n], null) }|_count",
	}
	putDesign(t, s, "/p/_design/kept", views)
	queries := []string{
		"k?reduce=false", "k?reduce=false&descending=true", "k?reduce=false&startkey=%22b%22", "k?reduce=false&descending=true&startkey=%22b%22",
		"k?group=true", "first", "first?group_level=1", "first?startkey=[%22b%22]", "first?reduce=false&skip=2",
	}
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(1, 25).Draw(rt, "edits") {
			randomEdit(t, rt, s)
		}
		kept := make([]string, len(queries))
		for i, query := range queries {
			kept[i] = answer(t, s, "/p/_design/kept/_view/"+query)
		}
		dropIndexes(t, s, "p")
		for i, query := range queries {
			if anew := answer(t, s, "/p/_design/kept/_view/"+query); anew != kept[i] {
				rt.Errorf("%s\nkept %s\nanew %s", query, kept[i], anew)
			}
		}
	})
}

// randomEdit changes a random document of the database p, or reads a view.
func randomEdit(t *testing.T, rt *rapid.T, s *Server) {
	t.Helper()
	id := fmt.Sprintf("/p/d%d", rapid.IntRange(0, 7).Draw(rt, "id"))
	status, old := call(t, s, "GET", id, "")
	doc := map[string]any{}
	if status == 200 && json.Unmarshal([]byte(old), &doc) != nil {
		t.Fatal(old)
	}
	switch rapid.SampledFrom([]string{"put", "put", "delete", "read"}).Draw(rt, "edit") {
	case "put":
		doc["k"] = rapid.SliceOfN(rapid.SampledFrom([]string{"a", "A", "b", "é", "", "\u0001"}), 0, 5).Draw(rt, "k")
		doc["n"] = rapid.IntRange(0, 3).Draw(rt, "n")
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		must(t, s, "PUT", id, string(raw))
	case "delete":
		if status == 200 {
			must(t, s, "DELETE", id+"?rev="+fmt.Sprint(doc["_rev"]), "")
		}
	case "read":
		answer(t, s, "/p/_design/kept/_view/k")
	}
}

// TestRanks holds offsets against counting, over many more rows than one rank
// counts.
func TestRanks(t *testing.T) {
	s := newServer(t)
	must(t, s, "PUT", "/r", "")
	putDesign(t, s, "/r/_design/d", map[string]string{"n": "function(d){ emit(d.n, null) }|_count"})
	const n = 3000
	docs := make([]string, n)
	for i := range docs {
		docs[i] = fmt.Sprintf(`{"_id":"%d","n":%d}`, i, i*7919%n)
	}
	must(t, s, "POST", "/r/_bulk_docs", `{"docs":[`+strings.Join(docs[:n/2], ",")+`]}`)
	answer(t, s, "/r/_design/d/_view/n")
	must(t, s, "POST", "/r/_bulk_docs", `{"docs":[`+strings.Join(docs[n/2:], ",")+`]}`)
	for _, k := range []int{0, 1, 255, 256, 257, 1500, n - 1, n} {
		if got, want := answer(t, s, fmt.Sprintf("/r/_design/d/_view/n?reduce=false&limit=1&startkey=%d", k)), fmt.Sprintf(`"total_rows":%d,"offset":%d,`, n, k); !strings.Contains(got, want) {
			t.Errorf("startkey %d: %.80s, want %s", k, got, want)
		}
		if got, want := answer(t, s, fmt.Sprintf("/r/_design/d/_view/n?endkey=%d&inclusive_end=false", k)), fmt.Sprintf(`"value":%d`, k); k > 0 && !strings.Contains(got, want) {
			t.Errorf("count below %d: %s", k, got)
		}
	}
}

func TestViewUpdate(t *testing.T) {
	s := newServer(t)
	must(t, s, "PUT", "/u", "")
	putDesign(t, s, "/u/_design/d", map[string]string{"v": "function(d){ emit(null, null) }"})
	must(t, s, "PUT", "/u/a", "{}")
	steps := []struct{ query, total string }{
		{"update=false", "0"}, {"stale=ok", "0"}, {"", "1"}, {"update=false", "1"},
	}
	for _, step := range steps {
		if got := answer(t, s, "/u/_design/d/_view/v?"+step.query); !strings.HasPrefix(got, `{"total_rows":`+step.total) {
			t.Errorf("%q: %s, want %s rows", step.query, got, step.total)
		}
	}
	must(t, s, "PUT", "/u/b", "{}")
	answer(t, s, "/u/_design/d/_view/v?update=lazy")
	for !strings.HasPrefix(answer(t, s, "/u/_design/d/_view/v?update=false"), `{"total_rows":2`) {
		if t.Context().Err() != nil {
			t.Fatal("lazy update never came")
		}
	}
	info := answer(t, s, "/u/_design/d/_info")
	if !strings.Contains(info, `"updater_running":false`) || !strings.Contains(info, `"language":"javascript"`) {
		t.Errorf("info %s", info)
	}
	if got := answer(t, s, "/u/_design/d/_view/v?update_seq=true&limit=0"); !strings.Contains(got, `"update_seq":"3-`) {
		t.Errorf("update_seq: %s", got)
	}
}

// TestIndexOutlivesServer opens a directory again: the index is not built anew,
// and one of another state of the database is.
func TestIndexOutlivesServer(t *testing.T) {
	dir := t.TempDir()
	open := func() *Server {
		s, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	must(t, s, "PUT", "/o", "")
	putDesign(t, s, "/o/_design/d", map[string]string{"v": "function(d){ emit(d._id, null) }"})
	must(t, s, "PUT", "/o/a", "{}")
	answer(t, s, "/o/_design/d/_view/v")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	if got := answer(t, s, "/o/_design/d/_view/v?update=false"); !strings.Contains(got, `"total_rows":1`) {
		t.Errorf("opened again: %s", got)
	}
	rev := must(t, s, "GET", "/o/a", "")["_rev"]
	must(t, s, "POST", "/o/_purge", fmt.Sprintf(`{"a":[%q]}`, rev))
	if got := answer(t, s, "/o/_design/d/_view/v"); !strings.Contains(got, `"total_rows":0`) {
		t.Errorf("purged: %s", got)
	}
	must(t, s, "DELETE", "/o", "")
	must(t, s, "PUT", "/o", "")
	putDesign(t, s, "/o/_design/d", map[string]string{"v": "function(d){ emit(d._id, null) }"})
	if got := answer(t, s, "/o/_design/d/_view/v?update=false"); !strings.Contains(got, `"total_rows":0`) {
		t.Errorf("made again: %s", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	indexes := indexFiles(t, dir)
	if len(indexes) != 1 {
		t.Fatalf("index files: %v", indexes)
	}
	if err := os.WriteFile(indexes[0], slices.Repeat([]byte("no index"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open()
	must(t, s, "PUT", "/o/b", "{}")
	if got := answer(t, s, "/o/_design/d/_view/v"); !strings.Contains(got, `"id":"b"`) {
		t.Errorf("from a broken file: %s", got)
	}
	putDesign(t, s, "/o/_design/d", map[string]string{"w": "function(d){ emit(1, null) }"})
	answer(t, s, "/o/_design/d/_view/w")
	must(t, s, "POST", "/o/_view_cleanup", "{}")
	if left := indexFiles(t, dir); len(left) != 1 || left[0] == indexes[0] {
		t.Errorf("after cleanup: %v", left)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// indexFiles lists the index files below a server's directory.
func indexFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "views", "*", "*"+fileSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestFailingFunctions has a view that loops, one that throws, one that loops
// the first time and one that is well in a design document.
func TestFailingFunctions(t *testing.T) {
	s := newServer(t)
	s.limits = sandbox.Limits{Time: 300 * time.Millisecond}
	must(t, s, "PUT", "/f", "")
	putDesign(t, s, "/f/_design/d", map[string]string{
		"once": "var n = 0; (function(d){ while (d.n == 2 && n == 0) try { n = 1; while (true) {} } finally {} emit(1, 1) })",
		"loop": "function(d){ while (d.n > 0) {} emit(1, 1) }", "throw": "function(d){ if (d.n > 3) throw 'x'; emit(1, 1) }", "well": "function(d){ emit(1, 1) }",
		"reduce": "function(d){ emit(1, 1) }|function(k, v, r) { while (true) {} }",
	})
	for i := range 8 {
		must(t, s, "PUT", fmt.Sprintf("/f/d%d", i), fmt.Sprintf(`{"n":%d}`, i))
	}
	tests := []struct {
		view   string
		status int
		want   string
	}{
		{"well", 200, `"total_rows":8`},
		{"throw", 200, `"total_rows":4`},
		{"once", 200, `"total_rows":8`},
		{"loop", 500, "exceeds its limit of time"},
		{"reduce", 500, "exceeded its limit of time"},
		{"reduce?reduce=false", 200, `"total_rows":8`},
	}
	for _, tt := range tests {
		if status, got := call(t, s, "GET", "/f/_design/d/_view/"+tt.view, ""); status != tt.status || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %d %s, want %d %s", tt.view, status, got, tt.status, tt.want)
		}
	}
}

// TestViewsWhileThingsChange reads views while their design document, the
// documents and the database change under them. Answers are whole or errors.
func TestViewsWhileThingsChange(t *testing.T) {
	s := newServer(t)
	must(t, s, "PUT", "/c", "")
	putDesign(t, s, "/c/_design/d", map[string]string{"v": "function(d){ emit(d._id, 0) }"})
	var wg sync.WaitGroup
	stop := make(chan struct{})
	defer wg.Wait()
	defer close(stop)
	work := func(fn func(i int)) {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					fn(i)
				}
			}
		})
	}
	for range 3 {
		work(func(int) {
			status, body := call(t, s, "GET", "/c/_design/d/_view/v?limit=20", "")
			var parsed struct{ Rows []any }
			if status == 200 && json.Unmarshal([]byte(body), &parsed) != nil || status >= 500 {
				t.Errorf("%d %.200s", status, body)
			}
		})
	}
	work(func(i int) { call(t, s, "PUT", fmt.Sprintf("/c/doc%d", i), "{}") })
	work(func(i int) { call(t, s, "POST", "/c/_view_cleanup", "{}") })
	for i := range 10 {
		putDesign(t, s, "/c/_design/d", map[string]string{"v": fmt.Sprintf("function(d){ emit(d._id, %d) }", i)})
		if got := answer(t, s, "/c/_design/d/_view/v?limit=1"); strings.Contains(got, `"rows":[{`) && !strings.Contains(got, fmt.Sprintf(`"value":%d`, i)) {
			t.Errorf("rows of an older design document: %s", got)
		}
	}
	for range 5 {
		must(t, s, "DELETE", "/c", "")
		must(t, s, "PUT", "/c", "")
		putDesign(t, s, "/c/_design/d", map[string]string{"v": "function(d){ emit(d._id, 0) }"})
	}
}

func TestLargeKeys(t *testing.T) {
	s := newServer(t)
	must(t, s, "PUT", "/l", "")
	putDesign(t, s, "/l/_design/d", map[string]string{
		"long": "function(d){ emit(d.s, null) }", "deep": "function(d){ var a = []; for (var i = 0; i < d.depth; i++) a = [a]; emit(a, null) }",
		"proto": `function(d){ emit(JSON.parse('{"__proto__":1}'), {["__proto__"]: 2}) }`,
	})
	must(t, s, "PUT", "/l/a", `{"s":"`+strings.Repeat("x", 1<<20)+`","depth":900}`)
	must(t, s, "PUT", "/l/b", `{"s":"`+strings.Repeat("x", 1<<20)+`y","depth":50000,"o":{"__proto__":{"polluted":true}}}`)
	for _, tt := range []struct{ query, want string }{
		{"long?limit=0", `"total_rows":2`},
		{"long?startkey=%22y%22", `"total_rows":2,"offset":2`},
		{"deep?limit=0", `"total_rows":1`},
		{"proto", `"key":{"__proto__":1},"value":{"__proto__":2}`},
		{"deep?key=" + url.QueryEscape(strings.Repeat("[", 100)+strings.Repeat("]", 100)), `"total_rows":1`},
	} {
		if got := answer(t, s, "/l/_design/d/_view/"+tt.query); !strings.Contains(got, tt.want) {
			t.Errorf("%.60s: %.200s, want %s", tt.query, got, tt.want)
		}
	}
}
