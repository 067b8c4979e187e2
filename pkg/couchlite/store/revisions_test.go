package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// modelRev is a revision in the model of a document.
type modelRev struct {
	rev     revtree.Rev
	parent  string // "" is none that is known
	deleted bool
	has     bool // its content is here
	n       int  // which is {"n":n}
}

// modelDoc is a document's revisions by their text: no tree, only parents.
type modelDoc map[string]*modelRev

// leaves are the revisions without children, the winner first.
func (d modelDoc) leaves() []*modelRev {
	parents := map[string]bool{}
	for _, r := range d {
		parents[r.parent] = true
	}
	var list []*modelRev
	for text, r := range d {
		if !parents[text] {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b *modelRev) int {
		alive := func(r *modelRev) int {
			if r.deleted {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(alive(b), alive(a)), cmp.Compare(b.rev.Gen, a.rev.Gen), strings.Compare(b.rev.Hash, a.rev.Hash))
	})
	return list
}

// path are a revision and its known ancestors, newest first.
func (d modelDoc) path(text string) (list []*modelRev) {
	for r := d[text]; r != nil; r = d[r.parent] {
		list = append(list, r)
	}
	return list
}

// keep forgets the revisions that are not among the first n of the path of any
// of these.
func (d modelDoc) keep(leaves []*modelRev, n int) {
	kept := map[*modelRev]bool{}
	for _, leaf := range leaves {
		for i, r := range d.path(leaf.rev.String()) {
			kept[r] = kept[r] || i < n
		}
	}
	maps.DeleteFunc(d, func(_ string, r *modelRev) bool { return !kept[r] })
	for _, r := range d {
		if d[r.parent] == nil {
			r.parent = ""
		}
	}
}

// revisionModel is what a database should hold.
type revisionModel struct {
	t     *testing.T
	rt    *rapid.T
	db    *Database
	docs  map[string]modelDoc
	last  map[string]int64 // sequence of a document's last change
	seq   int64
	purge int64
	limit int
	n     int // counts contents and hashes
}

// TestRevisions makes random edits, replicated paths, purges and compactions of
// a few documents and compares every revision with a model after each.
func TestRevisions(t *testing.T) {
	eachRun(t, func(rt *rapid.T, db *Database) {
		m := &revisionModel{t: t, rt: rt, db: db, docs: map[string]modelDoc{}, last: map[string]int64{}, limit: 1000}
		if rapid.Bool().Draw(rt, "limited") {
			m.limit = rapid.IntRange(1, 4).Draw(rt, "limit")
			if err := db.SetRevsLimit(t.Context(), int64(m.limit)); err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			m.step()
		}
		m.check()
	})
}

func (m *revisionModel) step() {
	id := rapid.SampledFrom([]string{"a", "a", "_design/b", "c"}).Draw(m.rt, "id")
	steps := map[string]func(id string){
		"edit": m.edit, "replicate": m.replicate, "again": m.again, "prepend": m.prepend, "fill": m.fill, "purge": m.purgeSome,
		"compact": func(string) { m.compact() }, "check": func(string) { m.check() },
	}
	steps[rapid.SampledFrom([]string{"edit", "edit", "edit", "replicate", "replicate", "again", "prepend", "fill", "purge", "compact", "check"}).Draw(m.rt, "step")](id)
}

// fresh is a revision that never was.
func (m *revisionModel) fresh(gen int) revtree.Rev {
	m.n++
	return revtree.Rev{Gen: gen, Hash: fmt.Sprintf("%032x", m.n*7919%1000003)}
}

// known draws one of a document's revisions, nil if it has none.
func (m *revisionModel) known(id string) *modelRev {
	texts := slices.Sorted(maps.Keys(m.docs[id]))
	if len(texts) == 0 {
		return nil
	}
	return m.docs[id][rapid.SampledFrom(texts).Draw(m.rt, "revision")]
}

// changed notes that a document got or lost revisions.
func (m *revisionModel) changed(id string) {
	m.seq++
	m.last[id] = m.seq
}

// add puts a revision with content into a document.
func (m *revisionModel) add(id string, r modelRev) {
	if m.docs[id] == nil {
		m.docs[id] = modelDoc{}
	}
	m.docs[id][r.rev.String()] = &r
	m.stem(id)
}

func (m *revisionModel) stem(id string) {
	m.docs[id].keep(m.docs[id].leaves(), m.limit)
	m.changed(id)
}

// edit saves a document over a revision that it has, over none, or over one that
// it never had.
func (m *revisionModel) edit(id string) {
	m.n++
	e := &Edit{ID: id, Body: fmt.Appendf(nil, `{"n":%d}`, m.n), Deleted: rapid.IntRange(0, 3).Draw(m.rt, "delete") == 0}
	n, leaves, old := m.n, m.docs[id].leaves(), m.known(id)
	switch kind := rapid.IntRange(0, 9).Draw(m.rt, "base"); {
	case kind < 7 && len(leaves) > 0 && !leaves[0].deleted:
		e.Base = leaves[min(kind, len(leaves)-1)].rev
	case kind == 8 && old != nil:
		e.Base = old.rev
	case kind == 9:
		e.Base = m.fresh(3)
	}
	follows, conflict := e.Base, false
	switch {
	case len(leaves) == 0:
		conflict = !e.Base.IsZero() && strings.HasPrefix(id, "_design/")
	case leaves[0].deleted:
		follows, conflict = leaves[0].rev, e.Deleted || !e.Base.IsZero()
	default:
		conflict = !slices.ContainsFunc(leaves, func(r *modelRev) bool { return r.rev == e.Base })
	}
	err := m.db.Save(m.t.Context(), e)
	if conflict {
		if err == nil || fault.As(err).Status != 409 {
			m.rt.Fatalf("edit of %s over %s: %v, want a conflict", id, e.Base, err)
		}
		return
	}
	if err != nil || e.Rev.Gen != follows.Gen+1 || m.docs[id][e.Rev.String()] != nil {
		m.rt.Fatalf("edit of %s over %s became %s: %v", id, follows, e.Rev, err)
	}
	if !follows.IsZero() && m.docs[id][follows.String()] == nil { // a new document that names a revision
		m.docs[id] = modelDoc{follows.String(): {rev: follows}}
	}
	r := modelRev{rev: e.Rev, deleted: e.Deleted, has: true, n: n}
	if !follows.IsZero() {
		r.parent = follows.String()
	}
	m.add(id, r)
}

// bring writes a replicated revision with its ancestors, newest first.
func (m *revisionModel) bring(id string, path []revtree.Rev, deleted bool, n int) {
	e := &Edit{ID: id, Body: fmt.Appendf(nil, `{"n":%d}`, n), Deleted: deleted, Path: revtree.Path{Gen: path[0].Gen}}
	for _, r := range path {
		e.Path.Hashes = append(e.Path.Hashes, r.Hash)
	}
	if err := e.KeepRevision(); err != nil {
		m.rt.Fatal(err)
	}
	if err := m.db.Save(m.t.Context(), e); err != nil || e.Rev != path[0] {
		m.rt.Fatalf("replicate %s %s: %s %v", id, path, e.Rev, err)
	}
}

// replicate brings one to four new revisions: below one that is known, sent with
// some of its ancestors, or as a new root.
func (m *revisionModel) replicate(id string) {
	on := m.known(id)
	if rapid.IntRange(0, 3).Draw(m.rt, "new root") == 0 {
		on = nil
	}
	gen, path := rapid.IntRange(0, 2).Draw(m.rt, "generation"), []revtree.Rev{}
	if on != nil {
		gen = on.rev.Gen
		above := m.docs[id].path(on.rev.String())
		for _, r := range above[:rapid.IntRange(1, len(above)).Draw(m.rt, "ancestors sent")] {
			path = append(path, r.rev)
		}
	}
	doc := m.docs[id]
	if doc == nil {
		doc = modelDoc{}
		m.docs[id] = doc
	}
	parent := ""
	if on != nil {
		parent = on.rev.String()
	}
	for range rapid.IntRange(1, 4).Draw(m.rt, "new") {
		gen++
		r := m.fresh(gen)
		path = slices.Insert(path, 0, r)
		doc[r.String()] = &modelRev{rev: r, parent: parent}
		parent = r.String()
	}
	m.n++
	newest := doc[parent]
	newest.deleted, newest.has, newest.n = rapid.IntRange(0, 3).Draw(m.rt, "deleted") == 0, true, m.n
	m.bring(id, path, newest.deleted, newest.n)
	m.stem(id)
}

// again brings a revision that is here with its content, under other content:
// nothing changes.
func (m *revisionModel) again(id string) {
	if r := m.known(id); r != nil && r.has {
		m.bring(id, []revtree.Rev{r.rev}, !r.deleted, r.n+1000)
	}
}

// prepend brings a known revision with an ancestor that was not known.
func (m *revisionModel) prepend(id string) {
	old := m.known(id)
	if old == nil || !old.has {
		return
	}
	path := m.docs[id].path(old.rev.String())
	root := path[len(path)-1]
	if root.rev.Gen == 1 {
		return
	}
	above := m.fresh(root.rev.Gen - 1)
	sent := []revtree.Rev{}
	for _, r := range path {
		sent = append(sent, r.rev)
	}
	m.bring(id, append(sent, above), old.deleted, old.n)
	m.docs[id][above.String()] = &modelRev{rev: above}
	root.parent = above.String()
	m.stem(id)
}

// fill brings the content of a revision that was known without.
func (m *revisionModel) fill(id string) {
	r := m.known(id)
	if r == nil || r.has {
		return
	}
	m.n++
	r.has, r.n = true, m.n
	m.bring(id, []revtree.Rev{r.rev}, r.deleted, r.n)
	m.stem(id)
}

// purgeSome names revisions to be purged, of which only leaves go.
func (m *revisionModel) purgeSome(id string) {
	var named, want []revtree.Rev
	var stay []*modelRev
	leaves := m.docs[id].leaves()
	for _, text := range slices.Sorted(maps.Keys(m.docs[id])) {
		if rapid.IntRange(0, 2).Draw(m.rt, "purged") == 0 {
			named = append(named, m.docs[id][text].rev)
		}
	}
	for _, leaf := range leaves {
		if slices.Contains(named, leaf.rev) {
			want = append(want, leaf.rev)
		} else {
			stay = append(stay, leaf)
		}
	}
	gone, err := m.db.Purge(m.t.Context(), []string{id}, map[string][]revtree.Rev{id: append(named, m.fresh(1))})
	byText := func(a, b revtree.Rev) int { return strings.Compare(a.String(), b.String()) }
	if err != nil || !slices.Equal(slices.SortedFunc(slices.Values(gone[id]), byText), slices.SortedFunc(slices.Values(want), byText)) {
		m.rt.Fatalf("purge %s of %s: %s went, want %s: %v", named, id, gone[id], want, err)
	}
	if len(want) == 0 {
		return
	}
	m.purge++
	m.docs[id].keep(stay, 1<<30)
	m.changed(id)
	if len(stay) == 0 {
		delete(m.docs, id)
		delete(m.last, id)
	}
}

func (m *revisionModel) compact() {
	if err := m.db.compact(make(chan struct{})); err != nil {
		m.rt.Fatal(err)
	}
	for _, doc := range m.docs {
		leaves := doc.leaves()
		for _, r := range doc {
			r.has = r.has && slices.Contains(leaves, r)
		}
	}
}

// check compares all that can be read, and that the file holds no more.
func (m *revisionModel) check() {
	var docs, deleted int64
	bodies := 0
	for id, doc := range m.docs {
		if doc.leaves()[0].deleted {
			deleted++
		} else {
			docs++
		}
		for _, r := range doc {
			if r.has {
				bodies++
			}
			m.checkRevision(id, r)
		}
		m.checkDocument(id)
	}
	if st := m.db.Current(); st.Docs != docs || st.Deleted != deleted || st.Seq != m.seq || st.PurgeSeq != m.purge {
		m.rt.Errorf("state %+v, want %d and %d documents, sequence %d, purges %d", st, docs, deleted, m.seq, m.purge)
	}
	if n := count(m.t, m.db, `SELECT count(*) FROM bodies`); n != bodies {
		m.rt.Errorf("%d contents are kept of %d", n, bodies)
	}
	m.checkChanges()
}

// checkRevision compares one revision as a client names it.
func (m *revisionModel) checkRevision(id string, r *modelRev) {
	raw, deleted, err := m.db.DocBody(m.t.Context(), id, r.rev.String(), DocOptions{Revs: true})
	if !r.has {
		if !fault.IsMissing(err) {
			m.rt.Errorf("%s %s without content: %s %v", id, r.rev, raw, err)
		}
		return
	}
	want := fmt.Sprintf(`{"_id":%q,"_rev":%q,"n":%d`, id, r.rev, r.n)
	if r.deleted {
		want += `,"_deleted":true`
	}
	var hashes []string
	for _, above := range m.docs[id].path(r.rev.String()) {
		hashes = append(hashes, above.rev.Hash)
	}
	ids, _ := json.Marshal(hashes)
	want += fmt.Sprintf(`,"_revisions":{"start":%d,"ids":%s}}`, r.rev.Gen, ids)
	if err != nil || string(raw) != want || deleted != r.deleted {
		m.rt.Errorf("%s %s: %s %t %v\nwant %s", id, r.rev, raw, deleted, err, want)
	}
}

// checkDocument compares a document's winner, conflicts and leaves.
func (m *revisionModel) checkDocument(id string) {
	doc := m.docs[id]
	leaves := doc.leaves()
	winner := leaves[0]
	want := fmt.Sprintf(`{"_id":%q,"_rev":%q,"n":%d`, id, winner.rev, winner.n)
	if winner.deleted {
		want += `,"_deleted":true`
	}
	var info []string
	for _, r := range doc.path(winner.rev.String()) {
		state := "available"
		if !r.has {
			state = "missing"
		} else if r.deleted {
			state = "deleted"
		}
		info = append(info, fmt.Sprintf(`{"rev":%q,"status":%q}`, r.rev, state))
	}
	want += `,"_revs_info":[` + strings.Join(info, ",") + `]`
	for _, deleted := range []bool{false, true} {
		var texts []string
		for _, leaf := range leaves[1:] {
			if leaf.deleted == deleted {
				texts = append(texts, leaf.rev.String())
			}
		}
		if list, _ := json.Marshal(texts); len(texts) > 0 {
			want += fmt.Sprintf(`,"%s":%s`, map[bool]string{false: "_conflicts", true: "_deleted_conflicts"}[deleted], list)
		}
	}
	want += fmt.Sprintf(`,"_local_seq":%d}`, m.last[id])
	raw, _, err := m.db.DocBody(m.t.Context(), id, "", DocOptions{RevsInfo: true, Conflicts: true, DeletedConflicts: true, LocalSeq: true})
	if string(raw) != want || err != nil {
		m.rt.Errorf("%s: %s %v\nwant %s", id, raw, err, want)
	}
	m.checkOpen(id, nil, false, leaves)
	for text, r := range doc {
		var below []*modelRev
		for _, leaf := range leaves {
			if slices.Contains(doc.path(leaf.rev.String()), r) {
				below = append(below, leaf)
			}
		}
		m.checkOpen(id, []revtree.Rev{r.rev}, true, below)
		m.checkOpen(id, []revtree.Rev{r.rev}, false, []*modelRev{doc[text]})
	}
}

func (m *revisionModel) checkOpen(id string, asked []revtree.Rev, latest bool, want []*modelRev) {
	found, err := m.db.OpenRevs(m.t.Context(), id, asked, latest)
	var got, texts []string
	for _, r := range found {
		got = append(got, fmt.Sprintf("%s %t %s", r.Rev, r.Missing, r.Body))
	}
	for _, r := range want {
		body := fmt.Sprintf(`{"n":%d}`, r.n)
		if !r.has {
			body = ""
		}
		texts = append(texts, fmt.Sprintf("%s %t %s", r.rev, !r.has, body))
	}
	if !slices.Equal(got, texts) || err != nil {
		m.rt.Errorf("%s, open %s, latest %t: %s %v\nwant %s", id, asked, latest, got, err, texts)
	}
}

// checkChanges compares the feed that view indexes read, and what map functions
// see.
func (m *revisionModel) checkChanges() {
	order := slices.SortedFunc(maps.Keys(m.last), func(a, b string) int { return cmp.Compare(m.last[a], m.last[b]) })
	var got []string
	last, err := m.db.ChangesSince(m.t.Context(), 0, func(c Change) error {
		got = append(got, c.ID)
		winner := m.docs[c.ID].leaves()[0]
		if c.Seq != m.last[c.ID] || c.Rev != winner.rev.String() || c.Deleted != winner.deleted || (c.Body == nil) != winner.deleted {
			m.rt.Errorf("change %+v, want %+v at %d", c, winner, m.last[c.ID])
		}
		mapped, err := m.db.Mapped(m.t.Context(), c.ID)
		if err != nil || mapped.Rev != c.Rev || string(mapped.Body) != string(c.Body) {
			m.rt.Errorf("mapped %s %v, changed %s", mapped.Body, err, c.Body)
		}
		return nil
	})
	if !slices.Equal(got, order) || last != m.seq || err != nil {
		m.rt.Errorf("changes of %v up to %d: %v, want %v up to %d", got, last, err, order, m.seq)
	}
	missing, err := m.db.Missing(m.t.Context(), []string{"a", "_design/b", "c", "never"})
	want := slices.DeleteFunc([]string{"a", "_design/b", "c", "never"}, func(id string) bool { return m.docs[id] != nil })
	if !slices.Equal(missing, want) || err != nil {
		m.rt.Errorf("missing %v %v, want %v", missing, err, want)
	}
}
