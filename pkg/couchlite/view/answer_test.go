package view

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// refusal is an error as a client sees it, in short.
func refusal(err error) string {
	if err == nil {
		return "none"
	}
	f := fault.As(err)
	return fmt.Sprintf("%d %s", f.Status, f)
}

// askMany asks several queries of a view at once, as POST _view/name/queries.
func (l *lab) askMany(t *testing.T, name, ddoc, view string, queries ...string) (answer string, err error) {
	t.Helper()
	l.with(t, name, func(db *store.Database) {
		var d *Design
		if d, err = viewsIn(db).Design(t.Context(), ddoc); err != nil {
			t.Fatal(err)
		}
		var list []Query
		for _, text := range queries {
			q := NewQuery()
			if err := q.SetAll(text); err != nil {
				t.Fatal(err)
			}
			list = append(list, q)
		}
		var out bytes.Buffer
		err = viewsIn(db).Answer(t.Context(), d, view, list, true, &out)
		answer = out.String()
	})
	return answer, err
}

// TestManyQueries answers several queries in one, each with rows of its own.
func TestManyQueries(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "q", "d", map[string]string{"v": "function(d){ emit(d._id, 1) }|_sum"})
	l.put(t, "q", "a", `{}`)
	l.put(t, "q", "b", `{}`)
	for _, tt := range []struct {
		queries []string
		want    string
	}{
		{nil, "{\"results\":[\r\n]}\n"},
		{[]string{"reduce=false&limit=1"}, "{\"results\":[\r\n{\"total_rows\":2,\"offset\":0,\"rows\":[\r\n{\"id\":\"a\",\"key\":\"a\",\"value\":1}\r\n]}\r\n]}\n"},
		{
			[]string{"reduce=false&key=%22x%22", "", "reduce=false&skip=1"},
			"{\"results\":[\r\n{\"total_rows\":2,\"offset\":2,\"rows\":[\r\n\r\n]},\r\n{\"rows\":[\r\n{\"key\":null,\"value\":2}\r\n]},\r\n{\"total_rows\":2,\"offset\":1,\"rows\":[\r\n{\"id\":\"b\",\"key\":\"b\",\"value\":1}\r\n]}\r\n]}\n",
		},
	} {
		if got, err := l.askMany(t, "q", "d", "v", tt.queries...); err != nil || got != tt.want {
			t.Errorf("%q: %q %v\nwant %q", tt.queries, got, err, tt.want)
		}
	}
	for _, queries := range [][]string{{"", "reduce=false&group=true"}, {"startkey=2&endkey=1"}} {
		if got, err := l.askMany(t, "q", "d", "v", queries...); refusal(err)[:21] != "400 query_parse_error" || got != "" {
			t.Errorf("%q: %q %v", queries, got, err)
		}
	}
}

// TestAnswerRefusals holds what is answered for views that are not there.
func TestAnswerRefusals(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "a", "d", map[string]string{"v": "function(d){ emit(1, 1) }"})
	l.put(t, "a", "_design/gone", `{}`)
	l.put(t, "a", "_design/gone", `{"_deleted":true}`)
	l.put(t, "a", "_design/erlang", `{"language":"erlang","views":{"v":{"map":"fun"}}}`)
	l.put(t, "a", "_design/odd", `{"views":7}`)
	l.put(t, "a", "doc", `{}`)
	l.put(t, "a", "_design/broken", `{"views":{"v":{"map":"function(d){"},"sum":{"map":"function(d){ emit(1, 1) }","reduce":"_median"}}}`)
	for path, want := range map[string]string{
		"a/d/none":    "404 not_found: missing_named_view",
		"a/never/v":   "404 not_found: missing",
		"a/gone/v":    "404 not_found: deleted",
		"a/erlang/v":  "404 not_found: missing_named_view",
		"a/odd/v":     "400 invalid_design_doc: The design document's views cannot be read.",
		"a/d/v":       "none",
		"a/d/v?key={": "400 bad_request: invalid UTF-8 JSON",
	} {
		if _, err := l.ask(t, path); refusal(err) != want {
			t.Errorf("%s: %s, want %s", path, refusal(err), want)
		}
	}
	if _, err := l.ask(t, "a/broken/v"); !strings.HasPrefix(refusal(err), "400 compilation_error: Compilation of the map function in the 'v' view failed: ") {
		t.Errorf("a function that does not compile: %v", err)
	}
	l.put(t, "a", "_design/sum", `{"views":{"v":{"map":"function(d){ emit(1, 1) }","reduce":"_median"},"w":{"map":"function(d){ emit(1, 1) }","reduce":"function("}}}`)
	for view, want := range map[string]string{"v": "400 invalid_design_doc: `_median` is not a supported reduce function.", "w": "400 compilation_error: Compilation of the reduce function"} {
		if _, err := l.ask(t, "a/sum/"+view); !strings.HasPrefix(refusal(err), want) {
			t.Errorf("%s: %s, want %s", view, refusal(err), want)
		}
		if got := l.answer(t, "a/sum/"+view+"?reduce=false&limit=0"); got != `{"total_rows":1,"offset":0,"rows":[]}` {
			t.Errorf("%s without its reduce: %s", view, got)
		}
	}
}

// TestLinkedDocuments gives with a row the document that its value names.
func TestLinkedDocuments(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "k", "d", map[string]string{"v": "function(d){ if (d.v !== undefined) emit(d._id, d.v) }"})
	old := l.put(t, "k", "t", `{"n":1}`)
	now := l.put(t, "k", "t", `{"n":2}`)
	l.put(t, "k", "gone", `{}`)
	l.put(t, "k", "gone", `{"_deleted":true}`)
	for _, tt := range []struct{ value, want string }{
		{`1`, "itself"},
		{`"_id"`, "itself"},
		{`{"id":"t"}`, "itself"},
		{`{"x":{"_id":"t"}}`, "itself"},
		{`{"_id":"t"}`, `{"_id":"t","_rev":"` + now + `","n":2}`},
		{`{"_id":"t","_rev":"` + old + `"}`, `{"_id":"t","_rev":"` + old + `","n":1}`},
		{`{"_id":"t","_rev":"1-ff"}`, "null"},
		{`{"_id":"t","_rev":"nonsense"}`, "null"},
		{`{"_id":"gone"}`, "null"},
		{`{"_id":"never"}`, "null"},
		{`{"_id":7}`, "null"},
		{`{"_id":null}`, "null"},
	} {
		rev := l.put(t, "k", "a", `{"v":`+tt.value+`}`)
		want := tt.want
		if want == "itself" {
			want = `{"_id":"a","_rev":"` + rev + `","v":` + tt.value + `}`
		}
		got := l.answer(t, "k/d/v?include_docs=true")
		if full := `{"total_rows":1,"offset":0,"rows":[{"id":"a","key":"a","value":` + tt.value + `,"doc":` + want + `}]}`; got != full {
			t.Errorf("%s: %s\nwant %s", tt.value, got, full)
		}
	}
	l.put(t, "k", "a", `{"v":1,"_attachments":{"x":{"data":"QUJD","content_type":"audio/mpeg"}}}`)
	if got := l.answer(t, "k/d/v?include_docs=true&attachments=true"); !strings.Contains(got, `"data":"QUJD"`) {
		t.Errorf("with its attachment: %s", got)
	}
}

// TestUpdateSeq is that of the index that the answer is read from.
func TestUpdateSeq(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "s", "d", map[string]string{"v": "function(d){ emit(1, 1) }|_sum"})
	l.put(t, "s", "a", `{}`)
	for _, tt := range []struct{ query, want string }{
		{"update_seq=true", `{"update_seq":"2-`}, {"update_seq=true&reduce=false", `{"total_rows":1,"offset":0,"update_seq":"2-`}, {"update_seq=false", `{"rows":[`},
	} {
		if got := l.answer(t, "s/d/v?"+tt.query); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.query, got, tt.want)
		}
	}
	l.put(t, "s", "b", `{}`)
	if got := l.answer(t, "s/d/v?update_seq=true&update=false"); !strings.HasPrefix(got, `{"update_seq":"2-`) {
		t.Errorf("as it is: %s", got)
	}
}

// TestListingOfQuery is a query as one of _all_docs.
func TestListingOfQuery(t *testing.T) {
	for _, tt := range []struct{ query, want string }{
		{"", ".. limit -1 skip 0"},
		{"startkey=%22a%22&endkey=%22b%22&limit=3&skip=2&descending=true&inclusive_end=false", `"a".."b" limit 3 skip 2 descending exclusive`},
		{"startkey_docid=a&endkey_docid=b%22", `"a".."b\"" limit -1 skip 0`},
		{"startkey=1&startkey_docid=a", `1.. limit -1 skip 0`},
		{`keys=["a","b"]`, `.. limit -1 skip 0 keys ["a" "b"]`},
		{"include_docs=true&update_seq=true&conflicts=true", ".. limit -1 skip 0 documents sequence conflicts"},
		{"keys=7", "400 bad_request: `keys` parameter must be an array."},
		{"partition=x", "400 query_parse_error: `partition` parameter is not supported on this db"},
		{"group=true", "400 query_parse_error: Invalid use of grouping on a map view."},
		{"reduce=true&partition=x", "400 query_parse_error: Reduce is invalid for map-only views."},
	} {
		q := NewQuery()
		if err := q.SetAll(tt.query); err != nil {
			t.Fatal(err)
		}
		rq, err := q.Listing()
		got := fmt.Sprintf("%s..%s limit %d skip %d", rq.Start, rq.End, rq.Limit, rq.Skip)
		for _, word := range []struct {
			is   bool
			text string
		}{{rq.Descending, " descending"}, {rq.ExclusiveEnd, " exclusive"}, {rq.IncludeDocs, " documents"}, {rq.UpdateSeq, " sequence"}, {rq.Docs.Conflicts, " conflicts"}} {
			if word.is {
				got += word.text
			}
		}
		if rq.Keys != nil {
			got += fmt.Sprintf(" keys %s", rq.Keys)
		}
		if err != nil {
			got = refusal(err)
		}
		if got != tt.want || q.Keys() != len(rq.Keys) && err == nil {
			t.Errorf("%s: %s, want %s", tt.query, got, tt.want)
		}
	}
}

// TestKeyLimit takes as many keys as there may be.
func TestKeyLimit(t *testing.T) {
	q := NewQuery()
	if err := q.SetAll("keys=" + url.QueryEscape(many(MaxKeys))); err != nil || q.Keys() != MaxKeys {
		t.Errorf("%d keys: %v", q.Keys(), err)
	}
}

// TestClosedSet answers 404 once the database goes.
func TestClosedSet(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "c", "d", map[string]string{"v": "function(d){ emit(1, 1) }"})
	l.put(t, "c", "a", `{}`)
	l.answer(t, "c/d/v")
	l.with(t, "c", func(db *store.Database) {
		s := viewsIn(db)
		d, err := s.Design(t.Context(), "d")
		if err != nil {
			t.Fatal(err)
		}
		x, err := s.index(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		const gone = "404 not_found: Database does not exist."
		_, index := s.index(t.Context(), d)
		_, memory := s.inMemory(t.Context(), d)
		_, info := s.Info(t.Context(), d)
		for what, err := range map[string]error{"an index": index, "one in memory": memory, "info": info, "cleanup": s.Cleanup(t.Context()), "a build": x.catchUp(t.Context(), 1<<40)} {
			if refusal(err) != gone {
				t.Errorf("%s: %v", what, err)
			}
		}
		if s.begin() || s.ctx.Err() == nil {
			t.Error("builds go on")
		}
	})
}

// TestWaiterGoes: one that waits for a build can leave, and the build goes on.
func TestWaiterGoes(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "w", "d", map[string]string{"v": "function(d){ emit(1, 1) }"})
	l.put(t, "w", "a", `{}`)
	l.with(t, "w", func(db *store.Database) {
		s := viewsIn(db)
		d, err := s.Design(t.Context(), "d")
		if err != nil {
			t.Fatal(err)
		}
		x, err := s.index(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		defer s.leave(x)
		running := &build{done: make(chan struct{})}
		x.mu.Lock()
		x.building = running
		x.mu.Unlock()
		l.engine.building.Store(x, nil)
		l.engine.building.Store("something else", nil)
		if builds, behind := l.engine.Building(); builds != 1 || behind != 2 {
			t.Errorf("%d builds, %d changes behind", builds, behind)
		}
		if info := l.info(t, "w", "d"); !info.Running || info.Pending != 2 || info.Seq != 0 || info.Signature != d.digest || info.Size == 0 {
			t.Errorf("info %+v", info)
		}
		if !x.busy() || x.start(2) != running {
			t.Error("a second build was begun")
		}
		left := make(chan error)
		ctx, leave := contextOf(t)
		go func() { left <- x.catchUp(ctx, 2) }()
		leave()
		if err := <-left; err == nil || !strings.Contains(err.Error(), "canceled") {
			t.Errorf("one that leaves: %v", err)
		}
		oops := errors.New("oops")
		go func() { left <- x.catchUp(t.Context(), 2) }()
		x.mu.Lock()
		x.building = nil
		x.mu.Unlock()
		running.err = oops
		close(running.done)
		if err := <-left; err != nil && !errors.Is(err, oops) {
			t.Errorf("one that stays: %v", err)
		}
		l.engine.building.Clear()
	})
	if got := l.answer(t, "w/d/v"); !strings.Contains(got, `"total_rows":1`) {
		t.Errorf("%s", got)
	}
	if builds, behind := l.engine.Building(); builds != 0 || behind != 0 {
		t.Errorf("%d builds, %d changes behind", builds, behind)
	}
}
