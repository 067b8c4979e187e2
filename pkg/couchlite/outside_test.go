package couchlite

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// guardedServer trusts one map function and one filter.
func guardedServer(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Open(Options{Dir: dir, Trust: func(source string) bool {
		return source == "function(d){ emit('known') }" || source == "function(d){ return false }"
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// strangersDesign has functions of every kind, of which "known" is ours too.
const strangersDesign = `{"docs":[{"_id":"_design/d","_rev":"1-aa",
	"views":{"known":{"map":"function(d){ emit('known') }"},"strange":{"map":"function(d){ emit('strange') }"},
		"counted":{"map":"function(d){ emit('known') }","reduce":"_count"},"reduced":{"map":"function(d){ emit('known') }","reduce":"function(){ return 1 }"}},
	"filters":{"known":"function(d){ return false }","strange":"function(d){ return true }"},
	"validate_doc_update":"function(){ throw({forbidden: 'strange'}) }"}],"new_edits":false}`

// Functions of a design document that replication brought are not run, unless
// they are known or the document is saved here.
func TestStrangersFunctionsAreNotRun(t *testing.T) {
	dir := t.TempDir()
	s := guardedServer(t, dir)
	must(t, s, "PUT", "/db", "")
	must(t, s, "PUT", "/db/doc", "{}")
	must(t, s, "POST", "/db/_bulk_docs", strangersDesign)
	check := func(runs bool) {
		t.Helper()
		strange := map[bool]int{true: 200, false: 404}[runs]
		for path, want := range map[string]int{
			"_design/d/_view/known": 200, "_design/d/_view/counted": 200, "_changes?filter=d/known": 200, "_changes?filter=_view&view=d/known": 200,
			"_design/d/_view/strange": strange, "_design/d/_view/reduced": strange, "_changes?filter=d/strange": strange,
			"_changes?filter=_view&view=d/strange": strange,
		} {
			status, body := call(t, s, "GET", "/db/"+path, "")
			if status != want || status == 404 && !strings.Contains(body, "--run-replicated-designs") {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
		status, body := call(t, s, "PUT", "/db/other", "{}")
		if runs != (status == 403) {
			t.Errorf("a write beside the stranger's validate_doc_update: %d %s", status, body)
		}
		withheld, err := s.Withheld(t.Context(), "db")
		if err != nil || runs != (len(withheld) == 0) {
			t.Errorf("withheld %v: %v", withheld, err)
		}
		if list := withheld["_design/d"]; !runs && !slices.Equal(list, []string{"views/reduced", "views/strange", "filters/strange", "validate_doc_update"}) {
			t.Errorf("withheld %v", list)
		}
	}
	check(false)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = guardedServer(t, dir) // it is not forgotten
	defer func() { _ = s.Close() }()
	check(false)
	must(t, s, "DELETE", "/db/other?rev=1-967a00dff5e02add41819138abb3284d", "")
	_, body := call(t, s, "GET", "/db/_design/d", "")
	must(t, s, "PUT", "/db/_design/d", body)
	check(true)
}

// What is saved here runs although replication brings the same revision.
func TestOwnDesignsStayOwn(t *testing.T) {
	s := guardedServer(t, t.TempDir())
	defer func() { _ = s.Close() }()
	must(t, s, "PUT", "/a", "")
	must(t, s, "PUT", "/db", "")
	const mine = `{"views":{"mine":{"map":"function(d){ emit('mine') }"}}}`
	must(t, s, "PUT", "/a/_design/d", mine)
	must(t, s, "PUT", "/db/_design/d", mine)
	_, doc := call(t, s, "GET", "/a/_design/d?revs=true", "")
	must(t, s, "POST", "/db/_bulk_docs", `{"docs":[`+doc+`],"new_edits":false}`)
	answer(t, s, "/db/_design/d/_view/mine")
	withheld, err := s.Withheld(t.Context(), "db")
	if err != nil || len(slices.Collect(maps.Keys(withheld))) != 0 {
		t.Errorf("withheld %v: %v", withheld, err)
	}
}
