package store

import (
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// TestSaveAllIsOneByOne gives each edit an outcome of its own: refused edits do
// not keep the others from being written, and those refused before are skipped.
func TestSaveAllIsOneByOne(t *testing.T) {
	db := held(t, newStore(t), "db")
	rev := put(t, db, "a", `{"n":1}`)
	parse := func(body string) *Edit {
		e, err := ParseAny([]byte(body), 1000)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	edits := []*Edit{
		parse(`{"_id":"a","n":2}`),                      // a conflict: names no revision
		parse(`{"_id":"a","_rev":"` + rev + `","n":3}`), // follows
		parse(`{"_id":"b","n":4}`),                      // refused before
		parse(`{"_id":"c","n":5}`),
		parse(`{"_id":"_local/l","n":6}`),
		parse(`{"_id":"a","_rev":"` + rev + `","n":7}`), // overtaken by the second
	}
	before := fault.New(403, "forbidden", "no")
	outcomes := []error{nil, nil, before, nil, nil, nil}
	if err := db.SaveAll(t.Context(), edits, outcomes); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{409, 0, 403, 0, 0, 409} {
		got := 0
		if outcomes[i] != nil {
			got = fault.As(outcomes[i]).Status
		}
		if got != want {
			t.Errorf("edit %d: %v, want status %d", i, outcomes[i], want)
		}
	}
	if r, err := db.Winner(t.Context(), "a"); err != nil || string(r.Body) != `{"n":3}` || r.Leaves != 1 {
		t.Errorf("a is %+v %v", r, err)
	}
	if _, err := db.Winner(t.Context(), "b"); !fault.IsMissing(err) {
		t.Errorf("b was written: %v", err)
	}
	if r, err := db.Local(t.Context(), "_local/l"); err != nil || string(r.Body) != `{"n":6}` || r.Rev != "0-1" {
		t.Errorf("the local document is %+v %v", r, err)
	}
	if st := db.Current(); st.Docs != 2 || st.Seq != 3 {
		t.Errorf("%d documents at sequence %d, want 2 at 3: local documents do not count", st.Docs, st.Seq)
	}
}

// TestParent is CouchDB's rule on which revision an edit may follow.
func TestParent(t *testing.T) {
	rev := func(gen int, hash string) revtree.Rev { return revtree.Rev{Gen: gen, Hash: strings.Repeat(hash, 32)} }
	tree := func(deleted bool, conflict bool) *revtree.Tree {
		var tree revtree.Tree
		tree.Insert(revtree.Path{Gen: 2, Hashes: []string{rev(2, "b").Hash, rev(1, "a").Hash}}, deleted, 1)
		if conflict {
			tree.Insert(revtree.Path{Gen: 2, Hashes: []string{rev(2, "a").Hash, rev(1, "a").Hash}}, deleted, 2)
		}
		return &tree
	}
	var zero revtree.Rev
	tests := []struct {
		name string
		tree *revtree.Tree
		edit Edit
		want string // "conflict", or the revision followed
	}{
		{"new", new(revtree.Tree), Edit{}, zero.String()},
		{"new, with a revision", new(revtree.Tree), Edit{Base: rev(7, "f")}, rev(7, "f").String()},
		{"new, with a revision and an attachment", new(revtree.Tree), Edit{Base: rev(7, "f"), Attachments: make([]Attachment, 1)}, "conflict"},
		{"new design document with a revision", new(revtree.Tree), Edit{ID: "_design/a", Base: rev(7, "f")}, "conflict"},
		{"the winner", tree(false, false), Edit{Base: rev(2, "b")}, rev(2, "b").String()},
		{"another leaf", tree(false, true), Edit{Base: rev(2, "a")}, rev(2, "a").String()},
		{"an ancestor", tree(false, false), Edit{Base: rev(1, "a")}, "conflict"},
		{"no revision", tree(false, false), Edit{}, "conflict"},
		{"unknown revision", tree(false, false), Edit{Base: rev(2, "f")}, "conflict"},
		{"deleted, made anew", tree(true, false), Edit{}, rev(2, "b").String()},
		{"deleted, named", tree(true, false), Edit{Base: rev(2, "b")}, "conflict"},
		{"deleted, deleted again", tree(true, false), Edit{Deleted: true}, "conflict"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.edit.parent(tt.tree)
			text := got.String()
			if err != nil {
				text = fault.As(err).Code
			}
			if text != tt.want {
				t.Errorf("%s, want %s", text, tt.want)
			}
		})
	}
}

// TestInherit gives an edit of an attachment the content it goes on from.
func TestInherit(t *testing.T) {
	db := held(t, newStore(t), "db")
	first := put(t, db, "a", `{"n":1,"_attachments":{"x":{"data":"QQ=="}}}`)
	put(t, db, "a", `{"n":2}`)
	put(t, db, "gone", `{}`)
	put(t, db, "gone", `{"_deleted":true}`)
	tests := []struct {
		name, id, base string
		create         bool
		want           string
		status         int
	}{
		{"a revision", "a", first, false, `{"n":1} 1`, 0},
		{"no revision", "a", "", false, ` 0`, 0},
		{"a new document", "b", "", true, ` 0`, 0},
		{"a missing document", "b", "", false, "", 404},
		{"a deleted document", "gone", "", false, "", 404},
		{"an unknown revision", "a", "9-" + strings.Repeat("9", 32), false, "", 409},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &Edit{ID: tt.id}
			if tt.base != "" {
				e.Base = mustRev(t, tt.base)
			}
			err := db.Inherit(t.Context(), e, tt.create)
			if tt.status > 0 {
				if err == nil || fault.As(err).Status != tt.status {
					t.Errorf("%v, want status %d", err, tt.status)
				}
				return
			}
			if got := string(e.Body) + " " + string(rune('0'+len(e.Attachments))); err != nil || got != tt.want {
				t.Errorf("%s %v, want %s", got, err, tt.want)
			}
		})
	}
}

// twoBranches is a document with a deleted and a living conflict of its winner.
func twoBranches(t testing.TB, db *Database) {
	t.Helper()
	for _, body := range []string{
		`{"_id":"a","n":3,"_revisions":{"start":3,"ids":["cc","bb","aa"]}}`,
		`{"_id":"a","n":2,"_revisions":{"start":2,"ids":["dd","aa"]}}`,
		`{"_id":"a","_deleted":true,"_revisions":{"start":2,"ids":["ee","aa"]}}`,
	} {
		if err := db.Save(t.Context(), replicated(t, body)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRender shows of a document what the options ask for.
func TestRender(t *testing.T) {
	db := held(t, newStore(t), "db")
	twoBranches(t, db)
	tests := []struct {
		name  string
		o     DocOptions
		want  string
		shows bool
	}{
		{"nothing", DocOptions{}, `"n":3`, false},
		{"ancestors", DocOptions{Revs: true}, `"n":3,"_revisions":{"start":3,"ids":["cc","bb","aa"]}`, false},
		{"their state", DocOptions{RevsInfo: true}, `"n":3,"_revs_info":[{"rev":"3-cc","status":"available"},{"rev":"2-bb","status":"missing"},{"rev":"1-aa","status":"missing"}]`, true},
		{"conflicts", DocOptions{Conflicts: true}, `"n":3,"_conflicts":["2-dd"]`, true},
		{"deleted conflicts", DocOptions{DeletedConflicts: true}, `"n":3,"_deleted_conflicts":["2-ee"]`, true},
		{"the sequence", DocOptions{LocalSeq: true}, `"n":3,"_local_seq":3`, true},
		{"of one revision", DocOptions{Revs: true, RevsInfo: true, Conflicts: true, LocalSeq: true}.OfRevision(), `"n":3,"_revisions":{"start":3,"ids":["cc","bb","aa"]}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := db.Winner(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			got, err := db.Render(t.Context(), r, tt.o)
			if want := `{"_id":"a","_rev":"3-cc",` + tt.want + `}`; string(got) != want || err != nil {
				t.Errorf("%s %v\nwant %s", got, err, want)
			}
			if shows, err := db.ShowsTree(t.Context(), r, tt.o); shows != tt.shows || err != nil {
				t.Errorf("depends on the tree: %t %v", shows, err)
			}
		})
	}
}

// TestOpenRevs finds leaves, named revisions, and those that follow them.
func TestOpenRevs(t *testing.T) {
	db := held(t, newStore(t), "db")
	twoBranches(t, db)
	named := func(texts ...string) []revtree.Rev {
		revs := []revtree.Rev{}
		for _, text := range texts {
			revs = append(revs, mustRev(t, text))
		}
		return revs
	}
	tests := []struct {
		name   string
		id     string
		asked  []revtree.Rev
		latest bool
		want   string
	}{
		{"all leaves", "a", nil, false, "3-cc 2-dd 2-ee"},
		{"none", "a", named(), false, ""},
		{"a leaf", "a", named("2-dd"), false, "2-dd"},
		{"an inner one without content", "a", named("2-bb"), false, "2-bb?"},
		{"an unknown one", "a", named("5-ff"), false, "5-ff?"},
		{"twice", "a", named("2-dd", "2-dd"), false, "2-dd"},
		{"the latest of an inner one", "a", named("2-bb"), true, "3-cc"},
		{"the latest of the root", "a", named("1-aa"), true, "3-cc 2-dd 2-ee"},
		{"the latest of an unknown one", "a", named("5-ff"), true, "5-ff?"},
		{"no document", "b", named("1-aa"), false, "1-aa?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			revs, err := db.OpenRevs(t.Context(), tt.id, tt.asked, tt.latest)
			var got []string
			for _, r := range revs {
				text := r.Rev
				if r.Missing {
					text += "?"
				}
				got = append(got, text)
			}
			if text := strings.Join(got, " "); text != tt.want || err != nil {
				t.Errorf("%q %v, want %q", text, err, tt.want)
			}
		})
	}
}
