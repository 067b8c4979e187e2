package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// pieceSize is as many bytes as one row has at most.
const pieceSize = 256 << 10

// putLarge writes a document with an attachment of data over its winner.
func putLarge(t testing.TB, s *Store, db *Database, id, contentType string, data []byte) *Edit {
	t.Helper()
	e := &Edit{ID: id, Body: []byte(`{}`), Attachments: []Attachment{NewAttachment("x", contentType, false)}}
	t.Cleanup(e.Close)
	if winner, err := db.Winner(t.Context(), id); err == nil {
		if e.Base, err = revtree.ParseRev(winner.Rev); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Attachments[0].Receive(s.Spool(), bytes.NewReader(data), 1<<30); err != nil {
		t.Fatal(err)
	}
	if err := db.Save(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return e
}

// attached returns the one attachment of a document.
func attached(t testing.TB, db *Database, id string) Attachment {
	t.Helper()
	r, err := db.Winner(t.Context(), id)
	if err != nil || len(r.Attachments) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	return r.Attachments[0]
}

func checkRead(t testing.TB, db *Database, id string, want []byte) {
	t.Helper()
	if got, err := db.ReadAttachment(t.Context(), attached(t, db, id)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, want %d: %v", id, len(got), len(want), err)
	}
}

// TestPieces keeps large attachments in pieces, small ones in one row, and each
// content once.
func TestPieces(t *testing.T) {
	s := newStore(t)
	db := held(t, s, "db")
	large := bytes.Repeat([]byte("0123456789abcdef"), pieceSize/8)
	tests := []struct {
		id, kind string
		data     []byte
		rows     int // of pieces, all in all
	}{
		{"empty", "audio/mpeg", nil, -1},
		{"small", "audio/mpeg", large[:pieceSize], -1},
		{"more", "audio/mpeg", large[:pieceSize+1], 2},
		{"exact", "audio/mpeg", large[:2*pieceSize], 4},
		{"again", "audio/mpeg", large[:2*pieceSize], 4},
		{"text", "text/plain", large, 4},
	}
	for _, tt := range tests {
		putLarge(t, s, db, tt.id, tt.kind, tt.data)
		checkRead(t, db, tt.id, tt.data)
		if tt.rows < 0 {
			if n := count(t, db, `SELECT count(*) FROM sqlite_master WHERE name = 'pieces'`); n != 0 {
				t.Errorf("%s: there are pieces", tt.id)
			}
		} else if n := count(t, db, `SELECT count(*) FROM pieces`); n != tt.rows {
			t.Errorf("%s: %d pieces, want %d", tt.id, n, tt.rows)
		}
	}
	if n := count(t, db, `SELECT max(length(data)) FROM (SELECT data FROM pieces UNION ALL SELECT data FROM attachments)`); n > pieceSize {
		t.Errorf("a row of %d bytes", n)
	}
}

// TestCompactWhileRead leaves a content alone while it is read, and takes it
// after that.
func TestCompactWhileRead(t *testing.T) {
	s := newStore(t)
	db := held(t, s, "db")
	data := bytes.Repeat([]byte("abcdefgh"), pieceSize/2)
	putLarge(t, s, db, "a", "audio/mpeg", data)
	src, err := db.OpenAttachment(t.Context(), attached(t, db, "a"))
	if err != nil {
		t.Fatal(err)
	}
	begun := make([]byte, 1000)
	if _, err := io.ReadFull(src, begun); err != nil {
		t.Fatal(err)
	}
	put(t, db, "a", `{}`)
	if err := db.compact(s.stop); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(src); err != nil || !bytes.Equal(append(begun, rest...), data) {
		t.Errorf("%d bytes more: %v", len(rest), err)
	}
	src.Close()
	if err := db.compact(s.stop); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"attachments", "pieces"} {
		if n := count(t, db, `SELECT count(*) FROM `+table); n != 0 {
			t.Errorf("%d rows left in %s", n, table)
		}
	}
	if free := count(t, db, `PRAGMA freelist_count`); free != 0 {
		t.Errorf("%d free pages", free)
	}
}

// TestPurgeLarge frees the bytes of what was purged.
func TestPurgeLarge(t *testing.T) {
	s := newStore(t)
	db := held(t, s, "db")
	e := putLarge(t, s, db, "a", "audio/mpeg", make([]byte, 3*pieceSize))
	if _, err := db.Purge(t.Context(), []string{"a"}, map[string][]revtree.Rev{"a": {e.Rev}}); err != nil {
		t.Fatal(err)
	}
	if err := db.compact(s.stop); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, `SELECT count(*) FROM pieces`); n != 0 {
		t.Errorf("%d pieces left", n)
	}
}

// TestLayouts reads a large attachment that an earlier version stored in one row,
// and marks a file that has pieces, which that version cannot read.
func TestLayouts(t *testing.T) {
	dir := t.TempDir()
	s := storeIn(t, dir, 1)
	db := hold(t, s, "db")
	data := []byte(strings.Repeat("0123456789", pieceSize/5))
	sum := sha256.Sum256(data)
	e := &Edit{ID: "old", Body: []byte(`{}`), Attachments: []Attachment{{Name: "x", Type: "audio/mpeg"}}}
	e.Attachments[0].SetData(data)
	err := db.writer.do(t.Context(), func(w *writer) error {
		res, err := w.conn.ExecContext(t.Context(), `INSERT INTO attachments(sha, data) VALUES(?, ?)`, sum[:], data)
		if err == nil {
			e.Attachments[0].Num, err = res.LastInsertId()
		}
		if err != nil {
			return err
		}
		return w.apply(t.Context(), e)
	})
	if err != nil {
		t.Fatal(err)
	}
	checkRead(t, db, "old", data)
	if n := count(t, db, `SELECT version FROM state`); n != layoutVersion {
		t.Errorf("layout %d without pieces", n)
	}
	putLarge(t, s, db, "new", "audio/mpeg", append(data, 'x'))
	if n := count(t, db, `SELECT version FROM state`); n <= layoutVersion {
		t.Errorf("layout %d with pieces", n)
	}
	s.Release(db)
	closeStore(t, s)
	again := storeIn(t, dir, 1)
	t.Cleanup(func() { closeStore(t, again) })
	db = held(t, again, "db")
	checkRead(t, db, "old", data)
	checkRead(t, db, "new", append(data, 'x'))
}

// TestMissingPiece reports bytes that are not there, rather than fewer.
func TestMissingPiece(t *testing.T) {
	for name, damage := range map[string]string{
		"a piece": `DELETE FROM pieces WHERE n = 1`, "the row": `DELETE FROM attachments`, "a part of a piece": `UPDATE pieces SET data = x'00' WHERE n = 1`,
	} {
		s := newStore(t)
		db := held(t, s, "db")
		putLarge(t, s, db, "a", "audio/mpeg", make([]byte, 3*pieceSize))
		err := db.writer.do(t.Context(), func(w *writer) error {
			_, err := w.conn.ExecContext(t.Context(), damage)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := db.ReadAttachment(t.Context(), attached(t, db, "a")); err == nil {
			t.Errorf("without %s: %d bytes and no error", name, len(got))
		}
	}
}

// TestSeek reads a text from everywhere, forwards and backwards.
func TestSeek(t *testing.T) {
	s := newStore(t)
	db := held(t, s, "db")
	var text bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&text, "%d,%d;", i, i*7919%1009)
	}
	for _, kind := range []string{"text/plain", "audio/mpeg"} {
		putLarge(t, s, db, kind, kind, text.Bytes())
		a := attached(t, db, kind)
		stored, err := db.OpenAttachment(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		var src io.ReadSeeker = stored
		if a.Encoding != "" {
			src = stored.Unpacked(a.Length)
		}
		size := text.Len()
		for _, at := range []int{0, size - 10, 300_000, 300_010, 5, size, size + 10, pieceSize - 3} {
			if to, err := src.Seek(int64(at-size), io.SeekEnd); to != int64(at) || err != nil {
				t.Errorf("%s: sought %d, at %d: %v", kind, at, to, err)
			}
			got, err := io.ReadAll(io.LimitReader(src, 10))
			if want := text.Bytes()[min(at, size):min(at+10, size)]; !bytes.Equal(got, want) || err != nil {
				t.Errorf("%s at %d: %q %v, want %q", kind, at, got, err, want)
			}
		}
		if _, err := src.Seek(-1, io.SeekStart); err == nil {
			t.Errorf("%s: before the start", kind)
		}
		if stored.Err() != nil {
			t.Error(stored.Err())
		}
		stored.Close()
	}
}
