package view

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// lab is a store whose databases have views.
type lab struct {
	store  *store.Store
	engine *Engine
}

// labIn opens a lab in dir, in memory when that is empty. The caller closes
// it.
func labIn(t testing.TB, dir string) *lab {
	t.Helper()
	l := &lab{engine: NewEngine(zap.NewNop(), nil)}
	var err error
	l.store, err = store.Open(store.Options{
		Dir: dir, Log: zap.NewNop(), MaxOpen: 200,
		Companion: func(db *store.Database) store.Companion { return l.engine.Of(db) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := labIn(t, "")
	t.Cleanup(func() { l.close(t) })
	return l
}

func (l *lab) close(t testing.TB) {
	t.Helper()
	if err := l.store.Close(); err != nil {
		t.Error(err)
	}
}

// with calls fn with a database, made if it is not there.
func (l *lab) with(t testing.TB, name string, fn func(*store.Database)) {
	t.Helper()
	db, err := l.store.Acquire(context.Background(), name)
	if err != nil && fault.As(err).Status == 404 {
		db, err = l.store.Create(context.Background(), name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.store.Release(db)
	fn(db)
}

// put writes a document over its winner and returns its revision.
func (l *lab) put(t testing.TB, name, id, body string) (rev string) {
	t.Helper()
	l.with(t, name, func(db *store.Database) {
		e, err := store.ParseDocument([]byte(body), 8<<20)
		if err != nil {
			t.Fatal(err)
		}
		e.ID = id
		if winner, err := db.Winner(t.Context(), id); err == nil && !(winner.Deleted && !e.Deleted) {
			if err := e.SetBase(winner.Rev); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Save(t.Context(), e); err != nil {
			t.Fatalf("put %s: %v", id, err)
		}
		rev = e.Rev.String()
	})
	return rev
}

// putDesign saves a design document with the given views: map sources, or map
// and reduce apart by a bar.
func (l *lab) putDesign(t testing.TB, name, ddoc string, views map[string]string) {
	t.Helper()
	body := map[string]map[string]string{}
	for view, source := range views {
		m, reduce, ok := strings.Cut(source, "|")
		body[view] = map[string]string{"map": m}
		if ok {
			body[view]["reduce"] = reduce
		}
	}
	raw, err := json.Marshal(map[string]any{"views": body})
	if err != nil {
		t.Fatal(err)
	}
	l.put(t, name, "_design/"+ddoc, string(raw))
}

func viewsIn(db *store.Database) *Set { return db.Beside().(*Set) }

// ask queries a view, named db/ddoc/view?query.
func (l *lab) ask(t testing.TB, path string) (answer string, err error) {
	t.Helper()
	path, rawQuery, _ := strings.Cut(path, "?")
	names := strings.SplitN(path, "/", 3)
	l.with(t, names[0], func(db *store.Database) {
		var d *Design
		if d, err = viewsIn(db).Design(t.Context(), names[1]); err != nil {
			return
		}
		query := NewQuery()
		if err = query.SetAll(rawQuery); err != nil {
			return
		}
		var out bytes.Buffer
		err = viewsIn(db).Answer(t.Context(), d, names[2], []Query{query}, false, &out)
		answer = strings.ReplaceAll(out.String(), "\r\n", "")
	})
	return strings.TrimSpace(answer), err
}

// answer queries a view, which has to succeed.
func (l *lab) answer(t testing.TB, path string) string {
	t.Helper()
	got, err := l.ask(t, path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return got
}

// dropIndexes makes the next query of a database's views begin anew.
func (l *lab) dropIndexes(t testing.TB, name string) {
	t.Helper()
	l.with(t, name, func(db *store.Database) {
		views := viewsIn(db)
		if err := views.Drop(); err != nil {
			t.Fatal(err)
		}
		anew := l.engine.Of(db)
		views.mu.Lock()
		defer views.mu.Unlock()
		views.ctx, views.cancel, views.closed, views.indexes, views.memory = anew.ctx, anew.cancel, false, anew.indexes, anew.memory
	})
}

// info describes a design document's index.
func (l *lab) info(t testing.TB, name, ddoc string) (info IndexInfo) {
	t.Helper()
	l.with(t, name, func(db *store.Database) {
		d, err := viewsIn(db).Design(t.Context(), ddoc)
		if err == nil {
			info, err = viewsIn(db).Info(t.Context(), d)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	return info
}

// postAll writes documents in one go.
func (l *lab) postAll(t testing.TB, name string, docs []string) {
	t.Helper()
	l.with(t, name, func(db *store.Database) {
		edits := make([]*store.Edit, len(docs))
		for i, doc := range docs {
			var err error
			if edits[i], err = store.ParseDocument([]byte(doc), 8<<20); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.SaveAll(t.Context(), edits, make([]error, len(edits))); err != nil {
			t.Fatal(err)
		}
	})
}
