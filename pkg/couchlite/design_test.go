package couchlite

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
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
