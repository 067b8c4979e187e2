package couchlite

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// storeIn returns a store in dir, one in memory when dir is empty. The caller
// closes it.
func storeIn(t testing.TB, dir string, maxOpen int) *dbStore {
	t.Helper()
	s, err := openStore(storeOptions{Dir: dir, Log: zap.NewNop(), MaxOpen: maxOpen})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newStore returns a store in memory that ends with the test.
func newStore(t testing.TB) *dbStore {
	t.Helper()
	s, err := openStore(storeOptions{Log: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)), MaxOpen: 200})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *dbStore) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// held returns the open database of that name, made if it is not there, for
// the length of the test.
func held(t testing.TB, s *dbStore, name string) *database {
	t.Helper()
	db := hold(t, s, name)
	t.Cleanup(func() { s.release(db) })
	return db
}

// hold returns the open database of that name, made if it is not there. The
// caller releases it.
func hold(t testing.TB, s *dbStore, name string) *database {
	t.Helper()
	db, err := s.acquire(context.Background(), name)
	if isMissingDatabase(err) {
		db, err = s.create(context.Background(), name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func isMissingDatabase(err error) bool { return err != nil && asFailure(err).Status == 404 }

// put writes a document over its winner and returns the new revision.
func put(t testing.TB, db *database, id, body string) string {
	t.Helper()
	e, err := parseDocument([]byte(body), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	e.id = id
	if winner, err := db.winner(t.Context(), id); err == nil && !winner.Deleted && e.base.IsZero() {
		if err := e.setBase(winner.Rev); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.save(t.Context(), e); err != nil {
		t.Fatalf("put %s: %v", id, err)
	}
	return e.rev.String()
}

// member returns a member of a document's winner.
func member(t testing.TB, db *database, id, name string) any {
	t.Helper()
	raw, _, err := db.docBody(t.Context(), id, "", docOptions{RevsInfo: true})
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
func rewrite(t *testing.T, db *database, docs, n int) {
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
				e := &edit{id: id, body: fmt.Appendf(nil, `{"i":%d}`, i), base: base}
				if err := w.apply(context.Background(), e); err != nil {
					return err
				}
				base = e.rev
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// count returns a number from the database's file.
func count(t testing.TB, db *database, query string) (n int) {
	t.Helper()
	if err := db.file.r.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
