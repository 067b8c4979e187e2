package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// access is one way into a database, and the tables that it needs.
type access struct {
	name, tables string
	run          func(t *testing.T, db *Database) error
}

// accesses are ways into a database with the documents "a", which has an
// attachment and a superseded revision, and "_local/l".
func accesses(old string) []access {
	ignore := func(_ any, err error) error { return err }
	all := Listing{IncludeDocs: true}
	return []access{
		{"the winner", "docs bodies", func(t *testing.T, db *Database) error { return ignore(db.Winner(t.Context(), "a")) }},
		{"its tree", "docs", func(t *testing.T, db *Database) error { _, _, err := db.Tree(t.Context(), "a"); return err }},
		{"an old revision", "docs bodies", func(t *testing.T, db *Database) error {
			_, _, err := db.DocBody(t.Context(), "a", old, DocOptions{})
			return err
		}},
		{"all leaves", "docs bodies", func(t *testing.T, db *Database) error { return ignore(db.OpenRevs(t.Context(), "a", nil, false)) }},
		{"its attachment", "docs bodies attachments", func(t *testing.T, db *Database) error {
			_, _, err := db.DocBody(t.Context(), "a", "", DocOptions{Attachments: true})
			return err
		}},
		{"a listing", "docs bodies", func(t *testing.T, db *Database) error { return ignore(db.DocRows(t.Context(), all.IDs(), all, 9, 0)) }},
		{"its offset", "docs", func(t *testing.T, db *Database) error {
			rq := Listing{Start: []byte(`"a"`)}
			return ignore(db.Offset(t.Context(), rq.IDs(), rq, 1))
		}},
		{"the number of design documents", "docs", func(t *testing.T, db *Database) error { return ignore(db.Total(t.Context(), Listing{Design: true})) }},
		{"design documents", "docs bodies", func(t *testing.T, db *Database) error { return db.EachDesign(t.Context(), func(Revision) {}) }},
		{"their state", "docs", func(t *testing.T, db *Database) error { _, _, err := db.DesignState(t.Context()); return err }},
		{"changes", "docs bodies", func(t *testing.T, db *Database) error {
			return ignore(db.ChangeRows(t.Context(), ChangeSpan{Before: 99, Bodies: true}))
		}},
		{"their number", "docs", func(t *testing.T, db *Database) error { return ignore(db.CountChanges(t.Context(), 0, 99)) }},
		{"changes for an index", "docs bodies state", func(t *testing.T, db *Database) error {
			return ignore(db.ChangesSince(t.Context(), 0, func(Change) error { return nil }))
		}},
		{"one for an index", "docs bodies", func(t *testing.T, db *Database) error { return ignore(db.Mapped(t.Context(), "a")) }},
		{"what is missing", "docs", func(t *testing.T, db *Database) error { return ignore(db.Missing(t.Context(), []string{"a"})) }},
		{"a local document", "locals", func(t *testing.T, db *Database) error { return ignore(db.Local(t.Context(), "_local/l")) }},
		{"local documents", "locals", func(t *testing.T, db *Database) error { return ignore(db.LocalRows(t.Context(), Listing{Limit: -1})) }},
		{"a snapshot", "state", func(t *testing.T, db *Database) error {
			snap, err := db.snapshot(t.Context())
			if err == nil {
				snap.close()
			}
			return err
		}},
	}
}

// edits are the ways to change it.
func edits(old string) []access {
	save := func(t *testing.T, db *Database, body string) error {
		e, err := ParseAny([]byte(body), 1000)
		if err != nil {
			t.Fatal(err)
		}
		return db.SaveAll(t.Context(), []*Edit{e}, make([]error, 1))
	}
	return []access{
		{"a new document", "docs bodies state", func(t *testing.T, db *Database) error { return save(t, db, `{"_id":"b"}`) }},
		{"one with an attachment", "docs bodies attachments state", func(t *testing.T, db *Database) error {
			return save(t, db, `{"_id":"c","_attachments":{"x":{"data":"QUJE"}}}`)
		}},
		{"one that goes on", "docs bodies state", func(t *testing.T, db *Database) error {
			e := replicated(t, `{"_id":"a","_revisions":{"start":2,"ids":["cc","`+strings.TrimPrefix(old, "1-")+`"]},"_attachments":{"x":{"stub":true}}}`)
			return db.SaveAll(t.Context(), []*Edit{e}, make([]error, 1))
		}},
		{"another local document", "locals state", func(t *testing.T, db *Database) error { return save(t, db, `{"_id":"_local/m"}`) }},
		{"one that goes", "locals state", func(t *testing.T, db *Database) error { return save(t, db, `{"_id":"_local/m","_deleted":true}`) }},
		{"a setting", "state", func(t *testing.T, db *Database) error {
			return db.SetSecurity(t.Context(), fmt.Sprintf(`{"x":%q}`, RandomHex(4)))
		}},
		{"a compaction", "docs bodies attachments state", func(t *testing.T, db *Database) error { return db.compact(make(chan struct{})) }},
		{"a purge", "docs bodies state", func(t *testing.T, db *Database) error {
			r, err := db.Winner(t.Context(), "a")
			if err != nil {
				return err
			}
			_, err = db.Purge(t.Context(), []string{"a"}, map[string][]revtree.Rev{"a": {mustRev(t, r.Rev)}})
			return err
		}},
	}
}

// TestEveryFailureIsTold takes one table after the other away: what needs it
// fails with an error that is no refusal, and what was written before that in
// the same transaction is undone; the rest works.
func TestEveryFailureIsTold(t *testing.T) {
	for _, table := range []string{"docs", "bodies", "attachments", "locals", "state", "none"} {
		t.Run(table, func(t *testing.T) {
			db := held(t, newStore(t), "db")
			old := put(t, db, "a", `{"_attachments":{"x":{"data":"QUJD"}}}`)
			put(t, db, "a", `{"_attachments":{"x":{"stub":true}}}`)
			if err := db.SaveLocal(t.Context(), &Edit{ID: "_local/l", Body: []byte(`{}`)}); err != nil {
				t.Fatal(err)
			}
			if table != "none" {
				if _, err := db.writer.conn.ExecContext(t.Context(), `ALTER TABLE `+table+` RENAME TO aside`); err != nil {
					t.Fatal(err)
				}
			}
			for _, one := range append(accesses(old), edits(old)...) {
				before := *db.Current()
				err := one.run(t, db)
				if needs := strings.Contains(one.tables, table); (err != nil) != needs || needs && fault.As(err).Code != "internal_server_error" {
					t.Errorf("%s without %s: %v", one.name, table, err)
				}
				if err != nil && *db.Current() != before && one.name != "a compaction" {
					t.Errorf("%s without %s failed and left %+v, was %+v", one.name, table, *db.Current(), before)
				}
			}
		})
	}
}
