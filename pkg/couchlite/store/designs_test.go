package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// designsIn lists what [Database.EachDesign] gives.
func designsIn(t testing.TB, db *Database) string {
	t.Helper()
	var list []string
	err := db.EachDesign(t.Context(), func(r Revision) {
		list = append(list, fmt.Sprintf("%s %s %s", strings.TrimPrefix(r.ID, "_design/"), r.Rev[:1], r.Body))
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// TestDesigns gives the winners of design documents that are not deleted, and a
// state that changes with each change to one, and with no other.
func TestDesigns(t *testing.T) {
	db := held(t, newStore(t), "db")
	state := func() string {
		seq, n, err := db.DesignState(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		total, err := db.Total(t.Context(), Listing{Design: true})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d %d of %d", seq, n, total)
	}
	steps := []struct{ id, body, designs, state string }{
		{"a", `{}`, "", "0 0 of 0"},
		{"_design/v", `{"n":1}`, `v 1 {"n":1}`, "2 1 of 1"},
		{"_design0", `{}`, `v 1 {"n":1}`, "2 1 of 1"},
		{"_desigm/", `{}`, `v 1 {"n":1}`, "2 1 of 1"},
		{"_design/\U0010FFFF", `{}`, "v 1 {\"n\":1}, \U0010FFFF 1 {}", "5 2 of 2"},
		{"_design/v", `{"n":2}`, "v 2 {\"n\":2}, \U0010FFFF 1 {}", "6 2 of 2"},
		{"_design/v", `{"_deleted":true}`, "\U0010FFFF 1 {}", "7 2 of 1"},
		{"b", `{}`, "\U0010FFFF 1 {}", "7 2 of 1"},
	}
	for _, step := range steps {
		put(t, db, step.id, step.body)
		if got := designsIn(t, db); got != step.designs {
			t.Errorf("after %s: %s, want %s", step.id, got, step.designs)
		}
		if got := state(); got != step.state {
			t.Errorf("after %s: state %s, want %s", step.id, got, step.state)
		}
	}
}

// TestOutside remembers, also over a restart, which revisions of design
// documents replication brought. Those saved here are not among them, nor are
// tombstones and other documents.
func TestOutside(t *testing.T) {
	dir := t.TempDir()
	s := storeIn(t, dir, 0)
	db := hold(t, s, "db")
	outside := func() string {
		all, err := db.Outside(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, id := range slices.Sorted(maps.Keys(all)) {
			list = append(list, id+" "+strings.Join(slices.Sorted(slices.Values(all[id])), " "))
		}
		return strings.Join(list, ", ")
	}
	put(t, db, "_design/own", `{}`)
	if got := outside(); got != "" {
		t.Errorf("nothing came: %s", got)
	}
	for _, body := range []string{
		`{"_id":"_design/a","_rev":"1-aa"}`, `{"_id":"_design/a","_rev":"1-aa"}`, `{"_id":"_design/a","_rev":"2-bb"}`, `{"_id":"plain","_rev":"1-aa"}`,
		`{"_id":"_design/gone","_rev":"1-aa","_deleted":true}`, `{"_id":"_design/own","_rev":"1-cc"}`,
	} {
		if err := db.Save(t.Context(), replicated(t, body)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if got, want := outside(), "_design/a 1-aa 2-bb, _design/own 1-cc"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		s.Release(db)
		closeStore(t, s)
		s = storeIn(t, dir, 0)
		db = hold(t, s, "db")
	}
	s.Release(db)
	closeStore(t, s)
}

// TestChangeRows shows of a change what filters and feeds need: its conflicts
// and, if asked, its content, at most a chunk at a time.
func TestChangeRows(t *testing.T) {
	db := held(t, newStore(t), "db")
	twoBranches(t, db)
	put(t, db, "b", `{"x":1,"_attachments":{"t":{"data":""}}}`)
	put(t, db, "c", `{}`)
	put(t, db, "c", `{"_deleted":true,"why":1}`)
	var got []string
	rows, err := db.ChangeRows(t.Context(), ChangeSpan{Before: 100, Bodies: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		got = append(got, string(row.Body(DocOptions{Conflicts: true, DeletedConflicts: true})))
	}
	c := rows[2].Rev.Rev
	want := []string{
		`{"_id":"a","_rev":"3-cc","n":3,"_conflicts":["2-dd"],"_deleted_conflicts":["2-ee"]}`,
		`{"_id":"b","_rev":"` + rows[1].Rev.Rev + `","x":1,"_attachments":{"t":{"content_type":"application/octet-stream","revpos":1,"digest":"md5-1B2M2Y8AsgTpgAmY7PhCfg==","length":0,"stub":true}}}`,
		`{"_id":"c","_rev":"` + c + `","why":1,"_deleted":true}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant %s", got, want)
	}
	if rows[0].Rev.Leaves != 3 || rows[0].Tree == nil || rows[1].Tree != nil {
		t.Errorf("trees: %+v", rows)
	}

	rewrite(t, db, 0, 0)
	for n := range Chunk {
		e := &Edit{ID: fmt.Sprint("many", n), Body: []byte(`{}`)}
		if err := db.Save(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for descending, ends := range map[bool][2]string{false: {"a", "many496"}, true: {"many499", "many0"}} {
		rows, err := db.ChangeRows(t.Context(), ChangeSpan{Before: 10_000, Descending: descending})
		if err != nil || len(rows) != Chunk || rows[0].Rev.ID != ends[0] || rows[Chunk-1].Rev.ID != ends[1] {
			t.Errorf("descending %t: %d rows from %s to %s: %v", descending, len(rows), rows[0].Rev.ID, rows[len(rows)-1].Rev.ID, err)
		}
	}
}
