package view

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

// bring writes a document as replication brings it.
func (l *lab) bring(t *testing.T, name, body string) {
	t.Helper()
	l.with(t, name, func(db *store.Database) {
		e, err := store.ParseDocument([]byte(body), 1<<20)
		if err == nil {
			err = e.KeepRevision()
		}
		if err == nil {
			err = db.Save(t.Context(), e)
		}
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
	})
}

const strangers = `{"_id":"_design/d","_rev":"1-aa","views":{
	"known":{"map":"  function(d){ emit('known') }\n"},"strange":{"map":"function(d){ emit('strange') }"},"counted":{"map":"function(d){ emit('known') }","reduce":"_count"},
	"reduced":{"map":"function(d){ emit('known') }","reduce":"function(){ return 1 }"},"lib":{"x":"exports.x = 1"}},
	"filters":{"known":"function(d){ return false }","strange":"function(d){ return true }","none":7},"validate_doc_update":"function(){ throw({forbidden: 'strange'}) }"}`

// ownDesign is the design document as somebody saves it here.
func ownDesign(t *testing.T) string {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(strangers), &body); err != nil {
		t.Fatal(err)
	}
	delete(body, "_id")
	delete(body, "_rev")
	own, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(own)
}

// TestTrust runs of a design document that replication brought the functions
// that are trusted, and says of the others why they are not run. Those of one
// that was saved here all run.
func TestTrust(t *testing.T) {
	l := newLab(t)
	l.engine.trust = func(source string) bool {
		return source == "function(d){ emit('known') }" || source == "function(d){ return false }"
	}
	l.put(t, "t", "doc", `{}`)
	l.bring(t, "t", strangers)
	const notRun = "404 not_found: The design document _design/d came by replication and this function of it is not run. " +
		"Saving the document at this server allows it, or --run-replicated-designs allows all."
	check := func(strange, validates string, withheld ...string) {
		t.Helper()
		for path, want := range map[string]string{"known": "none", "counted": "none", "counted?reduce=false": "none", "strange": strange, "reduced": strange, "reduced?reduce=false": strange} {
			if _, err := l.ask(t, "t/d/"+path); refusal(err) != want {
				t.Errorf("view %s: %s, want %s", path, refusal(err), want)
			}
		}
		l.with(t, "t", func(db *store.Database) {
			s := viewsIn(db)
			for path, want := range map[string]string{"d/known": "none", "d/strange": strange} {
				f, err := s.FunctionFilter(t.Context(), path, []byte(`{}`))
				if err == nil {
					f.GiveBack()
				}
				if refusal(err) != want {
					t.Errorf("filter %s: %s, want %s", path, refusal(err), want)
				}
				if f, err = s.ViewFilter(t.Context(), path); err == nil {
					f.GiveBack()
				}
				if refusal(err) != want {
					t.Errorf("view %s as a filter: %s, want %s", path, refusal(err), want)
				}
			}
			if err := s.Check(t.Context(), &store.Edit{ID: "x", Body: []byte(`{}`)}); refusal(err) != validates {
				t.Errorf("a write: %s, want %s", refusal(err), validates)
			}
			all, err := s.Withheld(t.Context())
			if err != nil || !slices.Equal(all["_design/d"], withheld) || len(all) > 1 || len(withheld) == 0 && len(all) > 0 {
				t.Errorf("withheld %v %v, want %v", all, err, withheld)
			}
			used, err := s.usedDigests(t.Context())
			d, derr := s.Design(t.Context(), "d")
			if err != nil || derr != nil || !used[d.digest] {
				t.Errorf("its index is not in use: %v %v", err, derr)
			}
		})
	}
	check(notRun, "none", "views/reduced", "views/strange", "filters/strange", "validate_doc_update")
	l.put(t, "t", "_design/d", ownDesign(t))
	check("none", "403 forbidden: strange")
	l.bring(t, "t", `{"_id":"_design/odd","_rev":"1-aa","views":7}`)
	l.with(t, "t", func(db *store.Database) {
		if all, err := viewsIn(db).Withheld(t.Context()); err != nil || fmt.Sprint(all) != "map[_design/odd:[views]]" {
			t.Errorf("one that cannot be read: %v %v", all, err)
		}
	})
}

// TestTrustNobody: without a rule all functions run, and nothing is withheld.
func TestTrustNobody(t *testing.T) {
	l := newLab(t)
	l.put(t, "t", "doc", `{}`)
	l.bring(t, "t", strangers)
	if got := l.answer(t, "t/d/strange"); !strings.Contains(got, `"key":"strange"`) {
		t.Errorf("%s", got)
	}
	l.with(t, "t", func(db *store.Database) {
		if all, err := viewsIn(db).Withheld(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("withheld %v %v", all, err)
		}
	})
}

// TestValidationArguments shows a function all that it is given.
func TestValidationArguments(t *testing.T) {
	l := newLab(t)
	l.put(t, "v", "_design/a", `{"validate_doc_update":"function(n, o, u, s) { throw({forbidden: JSON.stringify([n, o, u, s])}) }"}`)
	rest := `,{"db":"v","name":null,"roles":["_admin"]},{"members":{"roles":["_admin"]},"admins":{"roles":["_admin"]}}]`
	first := l.put(t, "v", "a", `{"n":1}`)
	hash := first[2:]
	l.put(t, "v", "gone", `{}`)
	l.put(t, "v", "gone", `{"_deleted":true}`)
	base := revtree.Rev{Gen: 1, Hash: hash}
	stored := `{"_id":"a","_rev":"` + first + `","n":1,"_revisions":{"start":1,"ids":["` + hash + `"]}}`
	for _, tt := range []struct {
		edit store.Edit
		want string
	}{
		{store.Edit{ID: "new", Body: []byte(`{}`)}, `[{"_id":"new"},null`},
		{store.Edit{ID: "q\"\u00e9", Body: []byte(`{"n":2}`)}, `[{"_id":"q\"` + "\u00e9" + `","n":2},null`},
		{store.Edit{ID: "a", Base: base, Body: []byte(`{"n":2}`)}, `[{"_id":"a","_rev":"` + first + `","n":2},` + stored},
		{store.Edit{ID: "a", Base: base, Deleted: true, Body: []byte(`{}`)}, `[{"_id":"a","_rev":"` + first + `","_deleted":true},` + stored},
		{store.Edit{ID: "gone", Body: []byte(`{}`)}, `[{"_id":"gone"},null`},
		{store.Edit{ID: "b", Replicated: true, Path: revtree.Path{Gen: 3, Hashes: []string{"cc", "bb"}}, Body: []byte(`{}`)}, `[{"_id":"b","_rev":"3-cc"},null`},
	} {
		var err error
		l.with(t, "v", func(db *store.Database) { err = viewsIn(db).Check(t.Context(), &tt.edit) })
		if want := "403 forbidden: " + tt.want + rest; refusal(err) != want {
			t.Errorf("%s: %s\nwant %s", tt.edit.ID, refusal(err), want)
		}
	}
	l.put(t, "v", "_design/a", `{"validate_doc_update":"function("}`)
	l.with(t, "v", func(db *store.Database) {
		if err := viewsIn(db).Check(t.Context(), &store.Edit{ID: "x", Body: []byte(`{}`)}); !strings.HasPrefix(refusal(err), "500 os_process_error: ") {
			t.Errorf("a function that does not compile: %v", err)
		}
	})
}

// TestValidatorsAreReadAnew when a design document changes, and only then.
func TestValidatorsAreReadAnew(t *testing.T) {
	l := newLab(t)
	l.put(t, "v", "_design/a", `{"validate_doc_update":"function(n) { if (n.x) throw({forbidden: 'a'}) }"}`)
	read := func() (v *validators) {
		l.with(t, "v", func(db *store.Database) {
			var err error
			if v, err = viewsIn(db).validators(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
		return v
	}
	first := read()
	l.put(t, "v", "doc", `{}`)
	if read() != first || len(first.list) != 1 {
		t.Errorf("read again for another document: %d functions", len(first.list))
	}
	l.put(t, "v", "_design/b", `{"language":"javascript","validate_doc_update":"function(n) {}"}`)
	if second := read(); second == first || len(second.list) != 2 {
		t.Errorf("%d functions", len(second.list))
	}
	l.put(t, "v", "_design/a", `{"_deleted":true}`)
	if third := read(); len(third.list) != 1 {
		t.Errorf("%d functions after one was deleted", len(third.list))
	}
	l.put(t, "v", "_design/c", `{"language":"erlang","validate_doc_update":"fun"}`)
	l.purge(t, "v", "_design/b")
	if last := read(); len(last.list) != 0 {
		t.Errorf("%d functions after the other was purged", len(last.list))
	}
}

// TestCleanup removes the files of indexes that no design document names, those
// that nobody has opened too, but none that is being read.
func TestCleanup(t *testing.T) {
	dir := t.TempDir()
	l := labIn(t, dir)
	defer l.close(t)
	l.putDesign(t, "c", "one", map[string]string{"v": "function(d){ emit(1, 1) }"})
	l.putDesign(t, "c", "same", map[string]string{"w": "function(d){ emit(1, 1) }"})
	l.putDesign(t, "c", "two", map[string]string{"v": "function(d){ emit(2, 2) }"})
	l.put(t, "c", "a", `{}`)
	cleanup := func() (files int) {
		l.with(t, "c", func(db *store.Database) {
			if err := viewsIn(db).Cleanup(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
		return len(indexFiles(t, dir))
	}
	if n := cleanup(); n != 0 {
		t.Errorf("%d files before any index", n)
	}
	for _, view := range []string{"one/v", "same/w", "two/v"} {
		l.answer(t, "c/"+view)
	}
	if n := cleanup(); n != 2 {
		t.Errorf("%d files of two indexes, that are three views", n)
	}
	stray := filepath.Join(filepath.Dir(indexFiles(t, dir)[0]), "0123.db")
	if err := os.WriteFile(stray, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.put(t, "c", "_design/one", `{}`)
	if n := cleanup(); n != 2 {
		t.Errorf("%d files while another one has the same views", n)
	}
	var d *Design
	var x *viewIndex
	l.with(t, "c", func(db *store.Database) {
		var err error
		if d, err = viewsIn(db).Design(t.Context(), "two"); err == nil {
			x, err = viewsIn(db).index(t.Context(), d)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	l.put(t, "c", "_design/two", `{}`)
	if n := cleanup(); n != 2 {
		t.Errorf("%d files while one is read", n)
	}
	l.with(t, "c", func(db *store.Database) { viewsIn(db).leave(x) })
	if n := cleanup(); n != 1 {
		t.Errorf("%d files in the end", n)
	}
	if got := l.answer(t, "c/same/w"); !strings.Contains(got, `"total_rows":1`) {
		t.Errorf("%s", got)
	}
}

// TestDesignsAreKept reads a design document once for each of its revisions, and
// keeps a bounded number.
func TestDesignsAreKept(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "k", "d", map[string]string{"v": "function(d){ emit(1, 1) }"})
	l.with(t, "k", func(db *store.Database) {
		s := viewsIn(db)
		read := func(name string) *Design {
			d, err := s.Design(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		first := read("d")
		if read("d") != first {
			t.Error("read twice")
		}
		l.put(t, "k", "_design/d", `{"views":{}}`)
		if second := read("d"); second == first || len(second.viewNames()) != 0 {
			t.Error("a change was not seen")
		}
		for n := range maxCachedDesigns + 10 {
			name := fmt.Sprint("n", n)
			l.put(t, "k", "_design/"+name, `{}`)
			read(name)
			if len(s.designs) > maxCachedDesigns {
				t.Fatalf("%d are kept", len(s.designs))
			}
		}
		if read(fmt.Sprint("n", maxCachedDesigns+9)) == nil || len(s.designs) != 11 {
			t.Errorf("%v are kept", len(slices.Collect(maps.Keys(s.designs))))
		}
	})
}
