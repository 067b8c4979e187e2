package store

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// modelLeaf is a leaf of a document in the model.
type modelLeaf struct {
	rev     revtree.Rev
	deleted bool
	body    string
}

// model is what a database should hold, kept in the simplest way.
type model struct {
	leaves map[string][]modelLeaf // by document
	last   map[string]int64       // sequence of a document's last change
	seq    int64
}

// winner is CouchDB's: of the leaves that live, or of all, the one with the
// most ancestors, and then with the greatest hash.
func (m *model) winner(id string) (modelLeaf, bool) {
	leaves := m.leaves[id]
	if len(leaves) == 0 {
		return modelLeaf{}, false
	}
	return slices.MaxFunc(leaves, func(a, b modelLeaf) int {
		if a.deleted != b.deleted {
			if a.deleted {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.rev.Gen, b.rev.Gen), cmp.Compare(a.rev.Hash, b.rev.Hash))
	}), true
}

// replace puts a leaf in the place of the one that it follows, if any.
func (m *model) replace(id string, old revtree.Rev, leaf modelLeaf) {
	m.leaves[id] = slices.DeleteFunc(m.leaves[id], func(l modelLeaf) bool { return l.rev == old })
	m.leaves[id] = append(m.leaves[id], leaf)
	m.seq++
	m.last[id] = m.seq
}

// TestModel makes random edits of every sort and compares the database with a
// model after each.
func TestModel(t *testing.T) {
	eachRun(t, func(rt *rapid.T, db *Database) {
		m := &model{leaves: map[string][]modelLeaf{}, last: map[string]int64{}}
		for step := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			modelStep(t, rt, db, m, step)
		}
		checkModel(t, rt, db, m)
	})
}

// TestModelSurvivesReopening closes the store now and then between random edits:
// what was acknowledged is there when it is opened again, sequences, local
// documents and attachments included.
func TestModelSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	s := storeIn(t, dir, 0)
	defer func() { closeStore(t, s) }()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		name := fmt.Sprintf("db%d", n)
		db := hold(t, s, name)
		m := &model{leaves: map[string][]modelLeaf{}, last: map[string]int64{}}
		local, attached := "", ""
		for step := range rapid.IntRange(1, 8).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"edit", "edit", "local", "attach", "reopen"}).Draw(rt, "step") {
			case "edit":
				modelStep(t, rt, db, m, step)
			case "local":
				local = fmt.Sprintf(`{"step":%d}`, step)
				if err := db.SaveLocal(t.Context(), &Edit{ID: "_local/l", Body: []byte(local)}); err != nil {
					rt.Fatal(err)
				}
			case "attach":
				attached = fmt.Sprintf("text of step %d", step)
				attach(t, rt, db, m, attached)
			case "reopen":
				s.Release(db)
				closeStore(t, s)
				s = storeIn(t, dir, 0)
				db = hold(t, s, name)
			}
		}
		checkModel(t, rt, db, m)
		if r, err := db.Local(t.Context(), "_local/l"); string(r.Body) != local || (err == nil) != (local != "") {
			rt.Errorf("local document %s %v, want %s", r.Body, err, local)
		}
		if attached != "" {
			checkAttached(t, rt, db, attached)
		}
		s.Release(db)
		if err := s.Destroy(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	})
}

// attach writes the document "e", which modelStep does not touch, with text as
// its attachment.
func attach(t *testing.T, rt *rapid.T, db *Database, m *model, text string) {
	e := &Edit{ID: "e", Body: []byte(`{}`), Attachments: []Attachment{{Name: "x", Type: "text/plain"}}}
	e.Attachments[0].SetData([]byte(text))
	if winner, ok := m.winner("e"); ok {
		e.Base = winner.rev
	}
	if err := db.Save(t.Context(), e); err != nil {
		rt.Fatal(err)
	}
	m.replace("e", e.Base, modelLeaf{e.Rev, false, `{}`})
}

func checkAttached(t *testing.T, rt *rapid.T, db *Database, want string) {
	r, err := db.Winner(t.Context(), "e")
	if err != nil || len(r.Attachments) != 1 {
		rt.Fatalf("%+v %v", r, err)
	}
	if text, err := db.ReadAttachment(t.Context(), r.Attachments[0]); string(text) != want || err != nil {
		rt.Errorf("attachment %q %v, want %q", text, err, want)
	}
}

// modelStep makes one edit in both.
func modelStep(t *testing.T, rt *rapid.T, db *Database, m *model, step int) {
	id := rapid.SampledFrom([]string{"a", "b", "_design/c", "d"}).Draw(rt, "id")
	body := fmt.Sprintf(`{"n":%d}`, step)
	winner, exists := m.winner(id)
	switch rapid.SampledFrom([]string{"put", "put", "delete", "replicate", "stale", "purge", "compact"}).Draw(rt, "edit") {
	case "put", "delete":
		e := &Edit{ID: id, Body: []byte(body)}
		if exists && !winner.deleted {
			e.Base = winner.rev
			e.Deleted = step%3 == 0
		}
		if err := db.Save(t.Context(), e); err != nil {
			rt.Fatalf("save %s: %v", id, err)
		}
		old := e.Base
		if exists && winner.deleted {
			old = winner.rev
		}
		m.replace(id, old, modelLeaf{e.Rev, e.Deleted, body})
	case "replicate":
		rev, _ := revtree.ParseRev(fmt.Sprintf("%d-%032x", 1+step%4, step))
		e := &Edit{ID: id, Body: []byte(body), Base: rev, Deleted: step%5 == 0}
		if err := e.KeepRevision(); err != nil {
			rt.Fatal(err)
		}
		if err := db.Save(t.Context(), e); err != nil {
			rt.Fatalf("replicate %s: %v", id, err)
		}
		m.replace(id, revtree.Rev{}, modelLeaf{rev, e.Deleted, body})
	case "stale":
		stale, _ := revtree.ParseRev("1-ffffffffffffffffffffffffffffffff")
		if err := db.Save(t.Context(), &Edit{ID: id, Body: []byte(body), Base: stale}); exists && fault.As(err).Status != 409 {
			rt.Fatalf("a stale edit of %s: %v", id, err)
		} else if !exists && err == nil {
			e, _ := db.Winner(t.Context(), id)
			rev, _ := revtree.ParseRev(e.Rev)
			m.replace(id, revtree.Rev{}, modelLeaf{rev, false, body})
		}
	case "purge":
		if exists {
			if _, err := db.Purge(t.Context(), []string{id}, map[string][]revtree.Rev{id: {winner.rev}}); err != nil {
				rt.Fatal(err)
			}
			m.seq++
			m.last[id] = m.seq
			m.leaves[id] = slices.DeleteFunc(m.leaves[id], func(l modelLeaf) bool { return l.rev == winner.rev })
			if len(m.leaves[id]) == 0 {
				delete(m.leaves, id)
				delete(m.last, id)
			}
		}
	case "compact":
		if err := db.compact(make(chan struct{})); err != nil {
			rt.Fatal(err)
		}
	}
}

// checkModel compares what can be read.
func checkModel(t *testing.T, rt *rapid.T, db *Database, m *model) {
	var docs, deleted int64
	var live []string
	for id := range m.leaves {
		want, _ := m.winner(id)
		got, err := db.Winner(t.Context(), id)
		if err != nil || got.Rev != want.rev.String() || got.Deleted != want.deleted || string(got.Body) != want.body || got.Leaves != len(m.leaves[id]) {
			rt.Errorf("%s: %+v %v, want %+v of %d", id, got, err, want, len(m.leaves[id]))
		}
		if want.deleted {
			deleted++
		} else {
			docs++
			live = append(live, id)
		}
		revs, err := db.OpenRevs(t.Context(), id, nil, false)
		if err != nil || len(revs) != len(m.leaves[id]) {
			rt.Errorf("%s: %d leaves, want %d: %v", id, len(revs), len(m.leaves[id]), err)
		}
		for _, leaf := range m.leaves[id] {
			if raw, _, err := db.DocBody(t.Context(), id, leaf.rev.String(), DocOptions{}); err != nil || !strings.Contains(string(raw), leaf.body[1:len(leaf.body)-1]) {
				rt.Errorf("%s %s: %s %v", id, leaf.rev, raw, err)
			}
		}
	}
	if st := db.Current(); st.Docs != docs || st.Deleted != deleted || st.Seq != m.seq {
		rt.Errorf("state %+v, want %d and %d documents, sequence %d", st, docs, deleted, m.seq)
	}
	var changed []string
	found, err := db.ChangeRows(t.Context(), ChangeSpan{Before: math.MaxInt64})
	for _, row := range found {
		changed = append(changed, row.Rev.ID)
		if row.Seq != m.last[row.Rev.ID] {
			rt.Errorf("%s changed at %d, want %d", row.Rev.ID, row.Seq, m.last[row.Rev.ID])
		}
	}
	slices.Sort(changed)
	if len(changed) != len(m.leaves) || len(slices.Compact(changed)) != len(changed) || err != nil {
		rt.Errorf("changes %v of %d documents: %v", changed, len(m.leaves), err)
	}
	slices.Sort(live)
	listed, err := db.DocRows(t.Context(), Listing{}.IDs(), Listing{}, 100, 0)
	var ids []string
	for _, r := range listed {
		ids = append(ids, r.ID)
	}
	if !slices.Equal(ids, live) || err != nil {
		rt.Errorf("listed %v, want %v: %v", ids, live, err)
	}
}
