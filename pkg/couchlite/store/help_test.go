package store

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// storeIn returns a store in dir, one in memory when dir is empty. The caller
// closes it.
func storeIn(t testing.TB, dir string, maxOpen int) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, Log: zap.NewNop(), MaxOpen: maxOpen})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newStore returns a store in memory that ends with the test.
func newStore(t testing.TB) *Store {
	t.Helper()
	s, err := Open(Options{Log: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)), MaxOpen: 200})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// held returns the open database of that name, made if it is not there, for
// the length of the test.
func held(t testing.TB, s *Store, name string) *Database {
	t.Helper()
	db := hold(t, s, name)
	t.Cleanup(func() { s.Release(db) })
	return db
}

// hold returns the open database of that name, made if it is not there. The
// caller releases it.
func hold(t testing.TB, s *Store, name string) *Database {
	t.Helper()
	db, err := s.Acquire(context.Background(), name)
	if isMissingDatabase(err) {
		db, err = s.Create(context.Background(), name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// eachRun checks a property on a new database in each run.
func eachRun(t *testing.T, property func(rt *rapid.T, db *Database)) {
	t.Helper()
	s, run := newStore(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		name := fmt.Sprintf("db%d", run)
		db := hold(t, s, name)
		defer func() {
			s.Release(db)
			if err := s.Destroy(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}()
		property(rt, db)
	})
}

func isMissingDatabase(err error) bool { return err != nil && fault.As(err).Status == 404 }

// put writes a document over its winner and returns the new revision.
func put(t testing.TB, db *Database, id, body string) string {
	t.Helper()
	e, err := ParseDocument([]byte(body), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	e.ID = id
	if winner, err := db.Winner(t.Context(), id); err == nil && !winner.Deleted && e.Base.IsZero() {
		if err := e.SetBase(winner.Rev); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Save(t.Context(), e); err != nil {
		t.Fatalf("put %s: %v", id, err)
	}
	return e.Rev.String()
}

// member returns a member of a document's winner.
func member(t testing.TB, db *Database, id, name string) any {
	t.Helper()
	raw, _, err := db.DocBody(t.Context(), id, "", DocOptions{RevsInfo: true})
	if err != nil {
		t.Fatalf("get %s: %v", id, err)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	return doc[name]
}

// rewrite writes each of a few documents n times over, in one transaction.
func rewrite(t *testing.T, db *Database, docs, n int) {
	t.Helper()
	err := db.writer.do(t.Context(), func(w *writer) error {
		for d := range docs {
			id := fmt.Sprintf("doc%d", d)
			_, _, tree, err := w.find(context.Background(), id)
			if err != nil {
				return err
			}
			base := revtree.Rev{}
			if winner, ok := tree.Winner(); ok {
				base = winner.Rev
			}
			for i := range n {
				e := &Edit{ID: id, Body: fmt.Appendf(nil, `{"i":%d}`, i), Base: base}
				if err := w.apply(context.Background(), e); err != nil {
					return err
				}
				base = e.Rev
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// count returns a number from the database's file.
func count(t testing.TB, db *Database, query string) (n int) {
	t.Helper()
	if err := db.file.R.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
