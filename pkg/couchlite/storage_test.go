package couchlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// held returns the open database db for the length of the test.
func held(t testing.TB, s *Server) *database {
	t.Helper()
	sl, err := s.acquire(t.Context(), "db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.release(sl) })
	return sl.db
}

// count returns a number from the database's file.
func count(t testing.TB, db *database, query string) (n int) {
	t.Helper()
	if err := db.file.r.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestNoTemporaryFiles: where callflowd runs there may be no directory for any.
func TestNoTemporaryFiles(t *testing.T) {
	const memory = 2
	file, err := openFile(t.Context(), filepath.Join(t.TempDir(), "f"), fileOptions{readers: 1, schema: "CREATE TABLE t (n)"})
	if err != nil {
		t.Fatal(err)
	}
	for name, pool := range map[string]*sql.DB{"writer": file.w, "reader": file.r} {
		var store int
		if err := pool.QueryRowContext(t.Context(), "PRAGMA temp_store").Scan(&store); err != nil || store != memory {
			t.Errorf("the %s keeps temporary tables in %d: %v", name, store, err)
		}
	}
	if err := file.close(); err != nil {
		t.Fatal(err)
	}
}

func TestCompact(t *testing.T) {
	s := newServer(t)
	fill(t, s)
	first, rev := "", ""
	for i := range 5 {
		body := fmt.Sprintf(`{"_rev":%q,"n":%d,"_attachments":{"a":{"data":"%s"}}}`, rev, i, strings.Repeat("QUJD", i+1))
		rev = fmt.Sprint(must(t, s, "PUT", "/db/a", strings.Replace(body, `"_rev":"",`, "", 1))["rev"])
		if first == "" {
			first = rev
		}
	}
	if got := must(t, s, "GET", "/db/a?rev="+first, "")["n"]; got != 0.0 {
		t.Errorf("before: %v", got)
	}
	db := held(t, s)
	if err := db.compact(s.stop); err != nil {
		t.Fatal(err)
	}
	if status, got := call(t, s, "GET", "/db/a?rev="+first, ""); status != 404 {
		t.Errorf("after: %d %s", status, got)
	}
	if _, got := call(t, s, "GET", "/db/a/a", ""); got != strings.Repeat("ABC", 5) {
		t.Errorf("attachment %q", got)
	}
	if _, got := call(t, s, "GET", "/db/a?revs_info=true", ""); strings.Count(got, `"missing"`) != 4 {
		t.Errorf("revisions %s", got)
	}
	if bodies, atts := count(t, db, `SELECT count(*) FROM bodies`), count(t, db, `SELECT count(*) FROM attachments`); bodies != 1 || atts != 1 {
		t.Errorf("%d bodies, %d attachments", bodies, atts)
	}
	if free := count(t, db, `PRAGMA freelist_count`); free != 0 {
		t.Errorf("%d free pages", free)
	}
}

func TestPurgeForgets(t *testing.T) {
	s := newServer(t)
	fill(t, s, "a", "b")
	before := held(t, s).state.Load()
	rev := must(t, s, "GET", "/db/a", "")["_rev"]
	must(t, s, "POST", "/db/_purge", fmt.Sprintf(`{"a":[%q]}`, rev))
	if status, got := call(t, s, "GET", "/db/a", ""); status != 404 || !strings.Contains(got, "missing") {
		t.Errorf("%d %s", status, got)
	}
	after := held(t, s).state.Load()
	if after.docs != 1 || after.purgeSeq != before.purgeSeq+1 || after.seq != before.seq+1 {
		t.Errorf("state %+v, was %+v", after, before)
	}
	if got := fmt.Sprint(must(t, s, "PUT", "/db/a", `{}`)["rev"]); !strings.HasPrefix(got, "1-") {
		t.Errorf("made anew as %s", got)
	}
}

// TestBrokenOperation lets operations fail beside good ones: only an error
// that is no failure undoes what shares its transaction.
func TestBrokenOperation(t *testing.T) {
	s := newServer(t)
	fill(t, s)
	db := held(t, s)
	oops := errors.New("oops")
	tests := []struct {
		name string
		run  func(*writer) error
		want error
	}{
		{"error", func(*writer) error { return oops }, oops},
		{"panic", func(*writer) error { panic("oops") }, nil},
		{"failure", func(*writer) error { return errConflict() }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := db.writer.do(t.Context(), func(w *writer) error {
				if tt.name != "failure" {
					w.st.docs += 100
				}
				return tt.run(w)
			})
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error %v", err)
			}
			must(t, s, "PUT", "/db/"+tt.name, `{}`)
		})
	}
	if got := db.state.Load().docs; got != 3 {
		t.Errorf("%d documents", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.writer.do(ctx, func(*writer) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestConcurrentEdits lets clients change one document: at each revision one
// of them wins, the others conflict, and no change is lost.
func TestConcurrentEdits(t *testing.T) {
	s := newServer(t)
	fill(t, s, "a")
	db := held(t, s)
	var wg sync.WaitGroup
	wins := make([]int, 4)
	for client := range wins {
		wg.Go(func() {
			for wins[client] < 25 {
				r, err := db.winner(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				e := &edit{id: "a", body: fmt.Appendf(nil, `{"client":%d}`, client)}
				if err := e.setBase(r.Rev); err != nil {
					t.Error(err)
					return
				}
				switch err := db.save(t.Context(), e); {
				case err == nil:
					wins[client]++
				case asFailure(err).Status != 409:
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got, err := db.winner(t.Context(), "a"); err != nil || !strings.HasPrefix(got.Rev, "101-") || got.Leaves != 1 {
		t.Errorf("%s with %d leaves: %v", got.Rev, got.Leaves, err)
	}
}

// TestNoMango names what is left out, in CouchDB's form of an error.
func TestNoMango(t *testing.T) {
	s := newServer(t)
	fill(t, s)
	for _, path := range []string{"/db/_find", "/db/_index", "/db/_explain"} {
		if status, got := call(t, s, "POST", path, `{"selector":{}}`); status != 501 || !strings.Contains(got, `{"error":"not_implemented","reason":"`) {
			t.Errorf("%s: %d %s", path, status, got)
		}
	}
}

func TestLimits(t *testing.T) {
	s, err := Open(Options{MaxBody: 1000, MaxDocument: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer closeServer(t, s)
	must(t, s, "PUT", "/db", "")
	big := `{"x":"` + strings.Repeat("x", 200) + `"}`
	for name, want := range map[string]string{
		big: `{"error":"document_too_large"`, strings.Repeat(" ", 2000): `{"error":"too_large"`,
	} {
		if status, got := call(t, s, "PUT", "/db/a", name); status != 413 || !strings.HasPrefix(got, want) {
			t.Errorf("%d %s", status, got)
		}
	}
	if _, got := call(t, s, "POST", "/db/_bulk_docs", `{"docs":[`+big+`]}`); !strings.Contains(got, "document_too_large") {
		t.Errorf("bulk: %s", got)
	}
}
