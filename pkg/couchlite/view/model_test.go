package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/collation"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// leaf is a leaf of a document in the model.
type leaf struct {
	rev     revtree.Rev
	deleted bool
	body    string
	keys    []string // that it emits
}

// lagging are a database, and its index as it was when a query last asked for
// it to be brought up to date.
type lagging struct {
	t    *testing.T
	rt   *rapid.T
	l    *lab
	name string
	docs map[string][]leaf
	n    int

	indexed *naive         // what the index has
	rivals  map[string]int // how many conflicts each document in it has
}

const laggingViews = "function(d){ for (var i in d.k) emit(d.k[i], d.k.length) }"

// TestStaleness edits, conflicts, deletes and purges random documents, and asks
// views with and without an update. Without, the answers are those of the last
// update, though documents that come with the rows are those of now; an index
// that is made anew says the same.
func TestStaleness(t *testing.T) {
	l := newLab(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		m := &lagging{
			t: t, rt: rt, l: l, name: fmt.Sprintf("m%d", run), docs: map[string][]leaf{}, rivals: map[string]int{},
			indexed: &naive{t: t, c: collation.New(), docs: map[string][]string{}},
		}
		l.putDesign(t, m.name, "d", map[string]string{
			"sum": laggingViews + "|_sum", "count": laggingViews + "|_count", "script": laggingViews + "|function(k, v, again){ return again ? sum(v) : v.length }",
			"rivals": "function(d){ emit(null, d._conflicts ? d._conflicts.length : 0) }",
		})
		steps := map[string]func(){
			"put": m.put, "delete": m.remove, "conflict": m.conflict, "purge": m.purge, "ask": m.ask, "ask as it is": m.askStale, "lazily": m.askLazily, "documents": m.askDocuments, "anew": m.anew,
		}
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			steps[rapid.SampledFrom([]string{"put", "put", "put", "delete", "conflict", "purge", "ask", "ask", "ask as it is", "lazily", "documents", "anew"}).Draw(rt, "step")]()
		}
		m.ask()
		m.askDocuments()
		l.checkRanks(t, m.name, "d")
		if err := l.store.Destroy(t.Context(), m.name); err != nil {
			t.Fatal(err)
		}
	})
}

// leaves are those of a document, the winner first.
func (m *lagging) leaves(id string) []leaf {
	return slices.SortedFunc(slices.Values(m.docs[id]), func(a, b leaf) int {
		switch {
		case a.deleted && !b.deleted:
			return 1
		case b.deleted && !a.deleted:
			return -1
		}
		return cmp.Or(cmp.Compare(b.rev.Gen, a.rev.Gen), strings.Compare(b.rev.Hash, a.rev.Hash))
	})
}

func (m *lagging) id() string {
	return fmt.Sprintf("d%d", rapid.IntRange(0, 4).Draw(m.rt, "id"))
}

// write saves an edit with keys to emit and puts it in the place of a leaf.
func (m *lagging) write(e *store.Edit, old revtree.Rev) {
	m.n++
	keys := rapid.SliceOfN(rapid.SampledFrom(naiveKeys), 0, 4).Draw(m.rt, "emitted")
	body := fmt.Sprintf(`{"k":[%s],"n":%d}`, strings.Join(keys, ","), m.n)
	e.Body = []byte(body)
	m.l.with(m.t, m.name, func(db *store.Database) {
		if err := db.Save(m.t.Context(), e); err != nil {
			m.rt.Fatalf("save %s: %v", e.ID, err)
		}
	})
	m.docs[e.ID] = slices.DeleteFunc(m.docs[e.ID], func(l leaf) bool { return l.rev == old })
	m.docs[e.ID] = append(m.docs[e.ID], leaf{e.Rev, e.Deleted, body, keys})
}

func (m *lagging) put() {
	id := m.id()
	e := &store.Edit{ID: id}
	var old revtree.Rev
	if leaves := m.leaves(id); len(leaves) > 0 {
		if old = leaves[0].rev; !leaves[0].deleted {
			e.Base = old
		}
	}
	m.write(e, old)
}

func (m *lagging) remove() {
	id := m.id()
	if leaves := m.leaves(id); len(leaves) > 0 && !leaves[0].deleted {
		m.write(&store.Edit{ID: id, Base: leaves[0].rev, Deleted: true}, leaves[0].rev)
	}
}

func (m *lagging) conflict() {
	e := &store.Edit{ID: m.id(), Base: revtree.Rev{Gen: rapid.IntRange(1, 3).Draw(m.rt, "generation"), Hash: fmt.Sprintf("%032x", m.n)}, Deleted: rapid.IntRange(0, 3).Draw(m.rt, "deleted") == 0}
	if err := e.KeepRevision(); err != nil {
		m.rt.Fatal(err)
	}
	m.write(e, revtree.Rev{})
}

func (m *lagging) purge() {
	id := m.id()
	leaves := m.leaves(id)
	if len(leaves) == 0 {
		return
	}
	gone := rapid.SampledFrom(leaves).Draw(m.rt, "purged").rev
	m.l.with(m.t, m.name, func(db *store.Database) {
		if _, err := db.Purge(m.t.Context(), []string{id}, map[string][]revtree.Rev{id: {gone}}); err != nil {
			m.rt.Fatal(err)
		}
	})
	if m.docs[id] = slices.DeleteFunc(m.docs[id], func(l leaf) bool { return l.rev == gone }); len(m.docs[id]) == 0 {
		delete(m.docs, id)
	}
}

// updated takes the documents as they are now into the model of the index.
func (m *lagging) updated() {
	m.indexed.docs, m.rivals = map[string][]string{}, map[string]int{}
	for id := range m.docs {
		leaves := m.leaves(id)
		if leaves[0].deleted {
			continue
		}
		m.indexed.docs[id], m.rivals[id] = leaves[0].keys, 0
		for _, other := range leaves[1:] {
			if !other.deleted {
				m.rivals[id]++
			}
		}
	}
}

// compare asks a random query and the model of the index.
func (m *lagging) compare(how string) {
	q := drawQuery(m.rt)
	view := rapid.SampledFrom([]string{"sum", "count", "script"}).Draw(m.rt, "view")
	got, err := m.l.ask(m.t, m.name+"/d/"+view+"?"+q.String()+how)
	if q.keys != nil {
		got = withoutOffset(got)
	}
	switch against := m.indexed.against(q); {
	case (err != nil) != against:
		m.rt.Fatalf("%s: %s %v, against its direction: %t", q, got, err, against)
	case against:
	case got != m.indexed.answer(q, view):
		m.rt.Errorf("%s?%s%s of %v\n got %s\nwant %s", view, q, how, m.indexed.docs, got, m.indexed.answer(q, view))
	}
	var lines []string
	for _, id := range slices.Sorted(maps.Keys(m.rivals)) {
		lines = append(lines, fmt.Sprintf(`{"id":"%s","key":null,"value":%d}`, id, m.rivals[id]))
	}
	got = m.l.answer(m.t, m.name+"/d/rivals?"+strings.TrimPrefix(how, "&"))
	if want := fmt.Sprintf(`{"total_rows":%d,"offset":0,"rows":[%s]}`, len(lines), strings.Join(lines, ",")); got != want {
		m.rt.Errorf("conflicts%s: %s, want %s", how, got, want)
	}
}

func (m *lagging) ask() {
	m.updated()
	m.compare(rapid.SampledFrom([]string{"", "&update=true", "&stable=true", "&stable=false&update=true"}).Draw(m.rt, "freshness"))
}

func (m *lagging) askStale() {
	m.compare(rapid.SampledFrom([]string{"&update=false", "&stale=ok"}).Draw(m.rt, "freshness"))
}

// askLazily asks without an update, which then comes by itself.
func (m *lagging) askLazily() {
	how := rapid.SampledFrom([]string{"update=lazy", "stale=update_after"}).Draw(m.rt, "freshness")
	m.l.answer(m.t, m.name+"/d/sum?limit=0&"+how)
	var seq int64
	m.l.with(m.t, m.name, func(db *store.Database) { seq = db.Current().Seq })
	for {
		info := m.l.info(m.t, m.name, "d")
		if info.Seq >= seq && !info.Running {
			break
		}
		if m.t.Context().Err() != nil {
			m.rt.Fatalf("the update never came: %+v", info)
		}
		runtime.Gosched()
	}
	if info := m.l.info(m.t, m.name, "d"); info.Pending != 0 {
		m.rt.Errorf("%+v", info)
	}
	m.updated()
	m.askStale()
}

// askDocuments asks for the documents of rows that the index has from before.
func (m *lagging) askDocuments() {
	got := m.l.answer(m.t, m.name+"/d/rivals?update=false&include_docs=true&conflicts=true")
	var answer struct {
		Rows []struct {
			ID  string
			Doc json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(got), &answer); err != nil {
		m.rt.Fatal(err)
	}
	for _, row := range answer.Rows {
		want := "null"
		if leaves := m.leaves(row.ID); len(leaves) > 0 && !leaves[0].deleted {
			want = fmt.Sprintf(`{"_id":%q,"_rev":%q,%s`, row.ID, leaves[0].rev, strings.TrimSuffix(leaves[0].body[1:], "}"))
			var rivals []string
			for _, other := range leaves[1:] {
				if !other.deleted {
					rivals = append(rivals, fmt.Sprintf("%q", other.rev))
				}
			}
			if rivals != nil {
				want += `,"_conflicts":[` + strings.Join(rivals, ",") + "]"
			}
			want += "}"
		}
		if string(row.Doc) != want {
			m.rt.Errorf("%s: %s, want %s", row.ID, row.Doc, want)
		}
	}
}

// anew throws the index away.
func (m *lagging) anew() {
	m.l.dropIndexes(m.t, m.name)
	m.ask()
}
