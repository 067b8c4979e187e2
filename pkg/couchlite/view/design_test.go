package view

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

func TestCheckDesign(t *testing.T) {
	for body, want := range map[string]string{
		`{}`: "",
		`{"views":{"v":{"map":"function(d){}"}}}`:                             "",
		`{"views":{"v":{"map":"function(d){}","reduce":"_sum"}}}`:             "",
		`{"views":{"v":{"map":"function(d){}","reduce":"function(k,v){}"}}}`:  "",
		`{"views":{"lib":{"x":"exports.a = 1"},"v":{"map":"function(d){}"}}}`: "",
		`{"language":"erlang","views":{"v":{"map":"fun"}}}`:                   "",
		`{"language":"query","views":{"v":{"map":{"fields":{}}}}}`:            "",
		`{"rewrites":"function(){}"}`:                                         "",
		`{"rewrites":[]}`:                                                     "",
		`{"views":[]}`:                                                        "`views` field must have object type",
		`{"views":{"v":1}}`:                                                   "`views.v` field must have object type",
		`{"views":{"v":{}}}`:                                                  "View `v` must contain map function",
		`{"views":{"v":{"map":1}}}`:                                           "`views.v.map` field must have string type",
		`{"views":{"v":{"map":"function(d){}","reduce":{}}}}`:                 "`views.v.reduce` field must have string type",
		`{"language":"query","views":{"v":{"map":"x"}}}`:                      "`views.v.map` field must have object type",
		`{"views":{"v":{"map":"function(d){"}}}`:                              "Compilation of the map function in the 'v' view failed",
		`{"views":{"v":{"map":"nonsense"}}}`:                                  "Compilation of the map function in the 'v' view failed",
		`{"views":{"v":{"map":"function(d){}","reduce":"function("}}}`:        "Compilation of the reduce function in the 'v' view failed",
		`{"views":{"v":{"map":"function(d){}","reduce":"_nope"}}}`:            "`_nope` is not a supported reduce function.",
		`{"filters":1}`:                               "`filters` field must have object type",
		`{"filters":{"f":1}}`:                         "`filters.f` field must have string or object type",
		`{"language":1}`:                              "`language` field must have string type",
		`{"options":[]}`:                              "`options` field must have object type",
		`{"rewrites":1}`:                              "`rewrites` field must have array or string type",
		`{"validate_doc_update":{}}`:                  "`validate_doc_update` field must have string type",
		`{"updates":{"u":[]}}`:                        "`updates.u` field must have string or object type",
		`{"shows":"s"}`:                               "`shows` field must have object type",
		`{"lists":{"l":null}}`:                        "`lists.l` field must have string or object type",
		`{"options":{"include_design":1},"views":{}}`: "The design document's views cannot be read.",
	} {
		err := checkDesign([]byte(body))
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(got, want) || fault.As(err).Status != 400) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

// TestDigests holds what makes an index another one.
func TestDigests(t *testing.T) {
	digest := func(body string) string {
		d, err := parseDesign("d", []byte(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		return d.digest
	}
	base := digest(`{"views":{"v":{"map":"m"},"w":{"map":"n","reduce":"_count"}}}`)
	for _, same := range []string{
		`{"views":{"v":{"map":"m","reduce":"_sum"},"w":{"map":"n"}}}`, `{"views":{"v":{"map":"m"},"w":{"map":"n"}},"filters":{"f":"x"}}`,
		`{"language":"javascript","views":{"v":{"map":"m"},"w":{"map":"n"},"x":{"map":"m"}}}`, `{"views":{"v":{"map":"m"},"w":{"map":"n"},"no view":3}}`,
	} {
		if digest(same) != base {
			t.Errorf("%s is another index", same)
		}
	}
	for _, other := range []string{
		`{"views":{"v":{"map":"m "},"w":{"map":"n"}}}`, `{"views":{"v":{"map":"m"}}}`, `{"views":{"v":{"map":"m"},"w":{"map":"n"},"lib":{"a":"x"}}}`,
		`{"options":{"include_design":true},"views":{"v":{"map":"m"},"w":{"map":"n"}}}`,
	} {
		if digest(other) == base {
			t.Errorf("%s is the same index", other)
		}
	}
}

// TestValidation lets functions of design documents judge edits.
func TestValidation(t *testing.T) {
	l := newLab(t)
	l.put(t, "v", "old", `{"n":1}`)
	l.put(t, "v", "_design/a", strings.NewReplacer("\n", " ", "\t", "").Replace(`{"validate_doc_update":"function(doc, old, user, security) {
		if (doc.n === 2) throw({forbidden: 'n is ' + doc.n + ', was ' + (old && old.n) + ', by ' + user.roles[0]});
		if (doc.n === 3) throw({unauthorized: 'who?'});
		if (doc.n === 4) throw('odd');
		if (doc.n === 5) nothing.there();
		if (doc._deleted && old && old.n === 1) throw({forbidden: 'stays'});
		if (typeof security.admins !== 'object') throw({forbidden: 'no security'});
	}"}`))
	l.put(t, "v", "_design/b", `{"language":"erlang","validate_doc_update":"not asked"}`)
	check := func(e *store.Edit) (err error) {
		l.with(t, "v", func(db *store.Database) { err = viewsIn(db).Check(context.Background(), e) })
		return err
	}
	tests := []struct {
		edit   store.Edit
		status int
		want   string
	}{
		{store.Edit{ID: "x", Body: []byte(`{"n":1}`)}, 0, ""},
		{store.Edit{ID: "x", Body: []byte(`{"n":2}`)}, 403, "forbidden: n is 2, was null, by _admin"},
		{store.Edit{ID: "old", Body: []byte(`{"n":2}`)}, 403, "forbidden: n is 2, was 1, by _admin"},
		{store.Edit{ID: "x", Body: []byte(`{"n":3}`)}, 401, "unauthorized: who?"},
		{store.Edit{ID: "x", Body: []byte(`{"n":4}`)}, 500, ""},
		{store.Edit{ID: "x", Body: []byte(`{"n":5}`)}, 500, ""},
		{store.Edit{ID: "old", Body: []byte(`{}`), Deleted: true}, 403, "forbidden: stays"},
		{store.Edit{ID: "x", Body: []byte(`{"n":2}`), Replicated: true, Path: revtree.Path{Gen: 1, Hashes: []string{"aa"}}}, 403, "forbidden: n is 2"},
		{store.Edit{ID: "_local/x", Body: []byte(`{"n":2}`)}, 0, ""},
		{store.Edit{ID: "_design/x", Body: []byte(`{"n":2}`)}, 0, ""},
		{store.Edit{ID: "_design/x", Body: []byte(`{"views":1}`)}, 400, "invalid_design_doc"},
		{store.Edit{ID: "_design/x", Body: []byte(`{"views":1}`), Replicated: true}, 0, ""},
		{store.Edit{ID: "_design/x", Body: []byte(`{"views":1}`), Deleted: true}, 0, ""},
	}
	for _, tt := range tests {
		err := check(&tt.edit)
		var f *fault.Error
		if tt.status == 0 && err != nil || tt.status != 0 && (!errors.As(err, &f) || f.Status != tt.status || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s %s: %v, want %d %s", tt.edit.ID, tt.edit.Body, err, tt.status, tt.want)
		}
	}
	l.put(t, "v", "_design/a", `{}`)
	if err := check(&store.Edit{ID: "x", Body: []byte(`{"n":2}`)}); err != nil {
		t.Errorf("a function that is gone: %v", err)
	}
}

func TestFilters(t *testing.T) {
	l := newLab(t)
	l.put(t, "f", "_design/d", `{"filters":{"odd":"function(doc, req) { return doc.n % 2 == req.query.rest }","breaks":"function(){ throw 'x' }","no":"function(" },
		"views":{"v":{"map":"function(doc) { if (doc.n > 1) emit(doc.n) }"}}}`)
	test := func(kind, path string, body string, deleted bool) (passes bool, err error) {
		l.with(t, "f", func(db *store.Database) {
			var f *Filter
			if kind == "view" {
				f, err = viewsIn(db).ViewFilter(t.Context(), path)
			} else {
				f, err = viewsIn(db).FunctionFilter(t.Context(), path, []byte(`{"query":{"rest":1}}`))
			}
			if err == nil {
				defer f.GiveBack()
				passes, err = f.Test([]byte(body), deleted)
			}
		})
		return passes, err
	}
	tests := []struct {
		kind, path, body string
		deleted, want    bool
		status           int
	}{
		{"function", "d/odd", `{"n":3}`, false, true, 0},
		{"function", "d/odd", `{"n":4}`, false, false, 0},
		{"function", "d/odd", `{"n":3,"_deleted":true}`, true, true, 0},
		{"function", "d/breaks", `{}`, false, false, 500},
		{"function", "d/no", `{}`, false, false, 500},
		{"function", "d/none", `{}`, false, false, 404},
		{"function", "nope/odd", `{}`, false, false, 404},
		{"function", "odd", `{}`, false, false, 400},
		{"view", "d/v", `{"n":3}`, false, true, 0},
		{"view", "d/v", `{"n":1}`, false, false, 0},
		{"view", "d/v", `{"n":3}`, true, false, 0},
		{"view", "d/none", `{}`, false, false, 404},
		{"view", "v", `{}`, false, false, 400},
	}
	for _, tt := range tests {
		got, err := test(tt.kind, tt.path, tt.body, tt.deleted)
		if got != tt.want || (err != nil) != (tt.status != 0) || err != nil && fault.As(err).Status != tt.status {
			t.Errorf("%s %s of %s: %t %v", tt.kind, tt.path, tt.body, got, err)
		}
	}
}
