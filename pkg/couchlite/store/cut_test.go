package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
)

// copies are the databases of a cut, opened as a store.
func copies(t *testing.T, c *Cut, between func(name string)) *Store {
	t.Helper()
	dir := t.TempDir()
	s := storeIn(t, dir, 0)
	closeStore(t, s)
	err := c.Each(t.Context(), func(one Copied) error {
		if one.Path != "" {
			write(t, filepath.Join(dir, "databases", one.File), read(t, one.Path))
		}
		between(one.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s = storeIn(t, dir, 0)
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func cutOf(t *testing.T, s *Store) *Cut {
	t.Helper()
	c, err := s.Cut()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func closeCut(t *testing.T, c *Cut) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// wantDocs checks how many documents a copied database has.
func wantDocs(t *testing.T, s *Store, name string, n int64) {
	t.Helper()
	db := hold(t, s, name)
	defer s.Release(db)
	if got := db.Current().Docs; got != n {
		t.Errorf("%s has %d documents, want %d", name, got, n)
	}
	checkCounts(t, db)
}

// TestCutWhileChanging: what is written, deleted, made and deleted with its
// documents while databases are copied is not in the cut.
func TestCutWhileChanging(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	t.Cleanup(func() { closeStore(t, s) })
	names := []string{"a", "b", "c", "d"}
	for i, name := range names {
		db := hold(t, s, name)
		for n := range 10 * (i + 1) {
			put(t, db, fmt.Sprint("doc", n), `{}`)
		}
		s.Release(db)
	}
	c := cutOf(t, s)
	t.Cleanup(func() { closeCut(t, c) })
	if _, err := s.Cut(); !errors.Is(err, ErrCutting) {
		t.Errorf("a second cut: %v", err)
	}
	change := func(string) {
		for _, name := range []string{"b", "d", "new"} {
			db := hold(t, s, name)
			for range 5 {
				put(t, db, RandomHex(8), `{}`)
			}
			s.Release(db)
		}
		if s.file("c") != "" {
			if err := s.Destroy(t.Context(), "c"); err != nil {
				t.Error(err)
			}
			put(t, held(t, s, "c"), "again", `{}`)
		}
	}
	change("")
	copied := copies(t, c, change)
	if got := copied.Names(); fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("names %v", got)
	}
	for i, name := range names {
		wantDocs(t, copied, name, int64(10*(i+1)))
	}
}

// TestCutIsOneMoment lets two writers write to two databases in turn, one
// after the other was acknowledged. In each cut the second database has as many
// documents as the first, or one less.
func TestCutIsOneMoment(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	t.Cleanup(func() { closeStore(t, s) })
	first, second := held(t, s, "first"), held(t, s, "second")
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for writer := range 3 {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("%d-%d", writer, n)
				for _, db := range []*Database{first, second} {
					if err := db.Save(context.WithoutCancel(ctx), &Edit{ID: id, Body: []byte(`{}`)}); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for range 10 {
		c := cutOf(t, s)
		seqs := map[string]int64{}
		err := c.Each(t.Context(), func(one Copied) error {
			seqs[one.Name] = one.Seq
			return nil
		})
		closeCut(t, c)
		if ahead := seqs["first"] - seqs["second"]; err != nil || ahead < 0 || ahead > 3 {
			t.Errorf("first is at %d, second at %d: %v", seqs["first"], seqs["second"], err)
		}
	}
	stop()
	group.Wait()
}

// TestCutOfMany writes to more databases than snapshots are kept.
func TestCutOfMany(t *testing.T) {
	s := newStore(t)
	const n = mostKept + 10
	for i := range n {
		db := hold(t, s, fmt.Sprint("db", i))
		put(t, db, "a", `{}`)
		s.Release(db)
	}
	c := cutOf(t, s)
	t.Cleanup(func() { closeCut(t, c) })
	for i := range n {
		db := hold(t, s, fmt.Sprint("db", i))
		put(t, db, "b", `{}`)
		s.Release(db)
	}
	copied := copies(t, c, func(string) {})
	for i := range n {
		wantDocs(t, copied, fmt.Sprint("db", i), 1)
	}
}

// TestCutGivenUp: after a cut that was not read to its end, everything goes on.
func TestCutGivenUp(t *testing.T) {
	s := newStore(t)
	db := held(t, s, "db")
	put(t, db, "a", `{}`)
	held(t, s, "other")
	c := cutOf(t, s)
	put(t, db, "b", `{}`)
	stopped := errors.New("stopped")
	if err := c.Each(t.Context(), func(Copied) error { return stopped }); !errors.Is(err, stopped) {
		t.Error(err)
	}
	closeCut(t, c)
	put(t, db, "c", `{}`)
	c = cutOf(t, s)
	t.Cleanup(func() { closeCut(t, c) })
	wantDocs(t, copies(t, c, func(string) {}), "db", 3)
}

// TestCutTellsOfDamage: a database that cannot be read does not end a cut.
func TestCutTellsOfDamage(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	t.Cleanup(func() { closeStore(t, s) })
	for _, name := range []string{"bad", "good"} {
		s.Release(hold(t, s, name))
		s.evict()
	}
	write(t, s.databasePath(s.file("bad")), []byte("no database"))
	c := cutOf(t, s)
	t.Cleanup(func() { closeCut(t, c) })
	why := map[string]string{}
	if err := c.Each(t.Context(), func(one Copied) error { why[one.Name] = one.Why; return nil }); err != nil {
		t.Fatal(err)
	}
	if why["bad"] == "" || why["good"] != "" {
		t.Errorf("why: %v", why)
	}
}

// TestRenew: a renewed file counts its changes anew for those who follow it.
func TestRenew(t *testing.T) {
	w := startWriting(t)
	before := w.db.EncodeSeq(5)
	w.close()
	if err := Renew(t.Context(), w.s.databasePath(w.s.file("db"))); err != nil {
		t.Fatal(err)
	}
	db := held(t, w.s, "db")
	if since, err := db.DecodeSeq(before); err != nil || since != 0 {
		t.Errorf("an old sequence is read as %d, %v", since, err)
	}
	w.wantAll(w.s)
}

// TestAccept goes on with what is left of a refused database.
func TestAccept(t *testing.T) {
	for _, tt := range mixtures() {
		if tt.why == "" {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			w := startWriting(t)
			tt.take(w)
			s := storeIn(t, w.copy, 0)
			docs, err := s.Accept(t.Context(), "db")
			closeStore(t, s)
			if err != nil {
				t.Skip("SQLite finds the mixture damaged:", err)
			}
			s = storeIn(t, w.copy, 0)
			t.Cleanup(func() { closeStore(t, s) })
			s.checks.Wait()
			if found := s.Damaged(); len(found) > 0 {
				t.Errorf("damaged: %v", found)
			}
			db := held(t, s, "db")
			put(t, db, "after", `{}`)
			if got := db.Current().Docs; got != docs+1 {
				t.Errorf("%d documents, %d were told of", got, docs)
			}
			checkCounts(t, db)
		})
	}
}
