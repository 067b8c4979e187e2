package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/content"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// TestRevisionIDs holds revisions to those that CouchDB computes: replicas that
// make the same edit must agree. The first ones are CouchDB's own; the rest
// were computed from its rule when these were right.
func TestRevisionIDs(t *testing.T) {
	const first = "1-967a00dff5e02add41819138abb3284d"
	withText := Attachment{Name: "a.txt", Type: "text/plain"}
	withText.SetData([]byte("hello"))
	withSound := Attachment{Name: "b.mp3", Type: "audio/mpeg"}
	withSound.SetData([]byte{1, 2, 3})
	for _, tt := range []struct {
		name, body, base string
		deleted          bool
		attachments      []Attachment
		want             string
	}{
		{name: "an empty document", body: `{}`, want: first},
		{name: "with members", body: `{"type":"t1","n":1}`, want: "1-91b90131ef7893f1a4567c95b22ff3fd"},
		{name: "the next one", body: `{}`, base: first, want: "2-7051cbe5c8faecd085a3fa619e6e6337"},
		{name: "its tombstone", body: `{}`, base: first, deleted: true, want: "2-eec205a9d413992850a6e32678485900"},
	} {
		e := &Edit{ID: "a", Body: []byte(tt.body), Deleted: tt.deleted, Attachments: tt.attachments}
		var base revtree.Rev
		if tt.base != "" {
			base = mustRev(t, tt.base)
		}
		if got := fmt.Sprintf("%d-%s", base.Gen+1, e.hash(base)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	// What decides about a revision: each of these makes another one.
	seen := map[string]string{}
	for name, e := range map[string]struct {
		edit Edit
		base revtree.Rev
	}{
		"new":                        {Edit{Body: []byte(`{}`)}, revtree.Rev{}},
		"deleted":                    {Edit{Body: []byte(`{}`), Deleted: true}, revtree.Rev{}},
		"of a generation":            {Edit{Body: []byte(`{}`)}, revtree.Rev{Gen: 1, Hash: strings.Repeat("0", 32)}},
		"of the next":                {Edit{Body: []byte(`{}`)}, revtree.Rev{Gen: 2, Hash: strings.Repeat("0", 32)}},
		"of another hash":            {Edit{Body: []byte(`{}`)}, revtree.Rev{Gen: 1, Hash: strings.Repeat("1", 32)}},
		"of a hash that is no MD5":   {Edit{Body: []byte(`{}`)}, revtree.Rev{Gen: 1, Hash: "00"}},
		"of another that is none":    {Edit{Body: []byte(`{}`)}, revtree.Rev{Gen: 1, Hash: "xyz"}},
		"with an integer":            {Edit{Body: []byte(`{"n":1}`)}, revtree.Rev{}},
		"with a float":               {Edit{Body: []byte(`{"n":1.0}`)}, revtree.Rev{}},
		"with an attachment":         {Edit{Body: []byte(`{}`), Attachments: []Attachment{withText}}, revtree.Rev{}},
		"with another":               {Edit{Body: []byte(`{}`), Attachments: []Attachment{withSound}}, revtree.Rev{}},
		"with both":                  {Edit{Body: []byte(`{}`), Attachments: []Attachment{withText, withSound}}, revtree.Rev{}},
		"with both in another order": {Edit{Body: []byte(`{}`), Attachments: []Attachment{withSound, withText}}, revtree.Rev{}},
	} {
		hash := e.edit.hash(e.base)
		if other, taken := seen[hash]; taken || len(hash) != 32 {
			t.Errorf("%s has the revision %s, as %s", name, hash, other)
		}
		seen[hash] = name
	}
}

// TestSaveWaitsForFiles: an edit whose attachment is in a file is not given up
// with its request, since the file goes then; one without is.
func TestSaveWaitsForFiles(t *testing.T) {
	s := newStore(t)
	db := held(t, s, "db")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Save(canceled, &Edit{ID: "plain", Body: []byte(`{}`)}); !errors.Is(err, context.Canceled) {
		t.Errorf("without a file: %v", err)
	}
	for size, inFile := range map[int]bool{10: false, pieceSize + 1: true} {
		e := &Edit{ID: fmt.Sprint("d", size), Body: []byte(`{}`), Attachments: []Attachment{NewAttachment("x", "audio/mpeg", false)}}
		if err := e.Attachments[0].Receive(s.Spool(), bytes.NewReader(make([]byte, size)), 1<<30); err != nil {
			t.Fatal(err)
		}
		if err := db.Save(canceled, e); e.Attachments[0].inFile() != inFile || inFile && err != nil || !inFile && !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes, in a file %t: %v", size, inFile, err)
		}
		e.Close()
		if e.Attachments[0].inFile() {
			t.Error("the file stays")
		}
	}
}

// TestRevPos is the generation that an attachment came with: a client's own word
// counts only where it is replicated.
func TestRevPos(t *testing.T) {
	db := held(t, newStore(t), "db")
	first := put(t, db, "a", `{"_attachments":{"x":{"data":"QUJD","revpos":7}}}`)
	if err := db.Save(t.Context(), replicated(t, `{"_id":"b","_rev":"9-aa","_attachments":{"x":{"data":"QUJD","revpos":7},"y":{"data":"QUJE"}}}`)); err != nil {
		t.Fatal(err)
	}
	e := &Edit{ID: "a", Body: []byte(`{}`)}
	if err := errors.Join(e.SetBase(first), db.Inherit(t.Context(), e, false)); err != nil {
		t.Fatal(err)
	}
	e.Attachments = append(e.Attachments, NewAttachment("y", "audio/mpeg", false))
	if err := errors.Join(e.Attachments[1].Receive(s0(t), strings.NewReader("y"), 10), db.Save(t.Context(), e)); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"a": "x 1 y 2", "b": "x 7 y 9"} {
		r, err := db.Winner(t.Context(), id)
		if err != nil || len(r.Attachments) != 2 {
			t.Fatalf("%+v %v", r, err)
		}
		x, y := r.Attachments[FindAttachment(r.Attachments, "x")], r.Attachments[FindAttachment(r.Attachments, "y")]
		if got := fmt.Sprintf("x %d y %d", x.RevPos, y.RevPos); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}

func s0(t testing.TB) *content.Spool { return content.NewSpool(t.TempDir()) }

// TestShowsTree tells whether an answer depends on more than the revision, at
// two leaves, one of them a tombstone.
func TestShowsTree(t *testing.T) {
	db := held(t, newStore(t), "db")
	for _, body := range []string{`{"_id":"a","_rev":"1-aa"}`, `{"_id":"a","_rev":"1-bb"}`, `{"_id":"b","_rev":"1-aa"}`, `{"_id":"b","_rev":"1-bb","_deleted":true}`, `{"_id":"c","_rev":"1-aa"}`} {
		if err := db.Save(t.Context(), replicated(t, body)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		id   string
		o    DocOptions
		want bool
	}{
		{"a", DocOptions{Conflicts: true}, true},
		{"a", DocOptions{DeletedConflicts: true}, false},
		{"a", DocOptions{Revs: true}, false},
		{"a", DocOptions{}, false},
		{"b", DocOptions{Conflicts: true}, false},
		{"b", DocOptions{DeletedConflicts: true}, true},
		{"b", DocOptions{Conflicts: true, DeletedConflicts: true}, true},
		{"c", DocOptions{Conflicts: true, DeletedConflicts: true}, false},
		{"c", DocOptions{RevsInfo: true}, true},
		{"c", DocOptions{LocalSeq: true}, true},
	} {
		r, err := db.Winner(t.Context(), tt.id)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := db.ShowsTree(t.Context(), r, tt.o); got != tt.want || err != nil {
			t.Errorf("%s %+v: %t %v", tt.id, tt.o, got, err)
		}
	}
}

// TestForeignFirstVersion refuses files without a header that are not of the
// first version either.
func TestForeignFirstVersion(t *testing.T) {
	for name, statements := range map[string]string{
		"a version that had a header": `UPDATE state SET version = 2`,
		"other documents":             `UPDATE state SET version = 1; ALTER TABLE docs RENAME COLUMN leaves TO others`,
		"no state":                    `ALTER TABLE state RENAME TO other`,
	} {
		dir := t.TempDir()
		s := storeIn(t, dir, 0)
		db := hold(t, s, "db")
		path := s.databasePath(db.base)
		s.Release(db)
		closeStore(t, s)
		execIn(t, path, `PRAGMA application_id = 0; `+statements)
		s = storeIn(t, dir, 0)
		_, err := s.Acquire(t.Context(), "db")
		wantRefusal(t, name, err, "500 damaged_database: The file of the database db is not used: another program made it.")
		closeStore(t, s)
	}
}
