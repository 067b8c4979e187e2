package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

func quiet(testing.TB) *zap.Logger { return zap.NewNop() }

func ofLength(n int) string { return strings.Repeat("x", n) }

// revisionsOf is a document with so many ancestors.
func revisionsOf(n int) string {
	return fmt.Sprintf(`{"_revisions":{"start":%d,"ids":[%s"a"]}}`, n, strings.Repeat(`"a",`, n-1))
}

// TestLimits holds each limit of a document at its edge.
func TestLimits(t *testing.T) {
	const tooLong = "400 illegal_docid: Document id is too long"
	tests := []struct {
		name, in string
		parse    func([]byte, int64) (*Edit, error)
		want     string
	}{
		{"the longest id", `{"_id":"` + ofLength(7168) + `"}`, ParseDocument, "none"},
		{"a longer one", `{"_id":"` + ofLength(7169) + `"}`, ParseDocument, tooLong},
		{"a longer local one", `{"_id":"_local/` + ofLength(7162) + `"}`, ParseAny, tooLong},
		{"the largest body", `{"_id":"d","a":"` + ofLength(92) + `"}`, ParseDocument, "none"},
		{"a larger one", `{"_id":"d","a":"` + ofLength(93) + `"}`, ParseDocument, "413 document_too_large: d"},
		{"the largest local body", `{"_id":"_local/d","a":"` + ofLength(92) + `"}`, ParseAny, "none"},
		{"a larger one", `{"_id":"_local/d","a":"` + ofLength(93) + `"}`, ParseLocal, "413 document_too_large: _local/d"},
		{"members beside the body do not count", `{"_id":"` + ofLength(500) + `","_conflicts":["` + ofLength(500) + `"]}`, ParseDocument, "none"},
		{"what a replicator keeps does", `{"_id":"d","_replication_stats":"` + ofLength(100) + `"}`, ParseDocument, "413 document_too_large: d"},
		{"as many ancestors as there may be", revisionsOf(10_000), ParseDocument, "none"},
		{"one more", revisionsOf(10_001), ParseDocument, "400 doc_validation: _revisions.ids isn't a array."},
		{"a hash that is none", `{"_revisions":{"start":1,"ids":["x y"]}}`, ParseDocument, "400 doc_validation: RevId isn't a valid hexadecimal"},
		{"an id that is not UTF-8", "{\"_id\":\"\xff\"}", ParseDocument, "400 bad_request: invalid UTF-8 JSON"},
		{"a local document that is none", `[]`, ParseLocal, "400 bad_request: invalid UTF-8 JSON"},
		{"a local id that is none", `{"_id":"_local/"}`, ParseAny, "400 illegal_docid: Illegal document id `_local/`"},
		{"a local revision that is none", `{"_id":"_local/a","_rev":"1-a"}`, ParseLocal, "400 bad_request: Invalid rev format"},
		{"a local number that is none", `{"_id":"_local/a","_rev":"0--1"}`, ParseLocal, "400 bad_request: Invalid rev format"},
		{"a local number too large", `{"_id":"_local/a","_rev":"0-2305843009213693952"}`, ParseLocal, "400 bad_request: Invalid rev format"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.parse([]byte(tt.in), 100)
			wantRefusal(t, tt.name, err, tt.want)
		})
	}
	if err := CheckID("a\xff"); refusal(err) != "400 illegal_docid: Document id must be valid UTF-8" {
		t.Errorf("%v", err)
	}
}

// TestParseAny tells local documents from others by their id alone.
func TestParseAny(t *testing.T) {
	for in, local := range map[string]bool{
		`{"_id":"_local/a","_rev":"0-3"}`:           true,
		`{"_id":"a","_rev":"1-b"}`:                  false,
		`{"_id":"a","see":"_local/b","_rev":"1-b"}`: false,
		`{"_id":"a","_attachments":{"_local/":{}}}`: false,
		`{"_id":"_local/a","_attachments":{}}`:      true,
		`{"see":"_local/b"}`:                        false,
	} {
		e, err := ParseAny([]byte(in), 1000)
		if err == nil && e.Local() != local || err != nil && (local || refusal(err) == "500") {
			t.Errorf("%s: %+v %v", in, e, err)
		}
	}
}

// TestParseRevs reads lists of revisions, as open_revs and purge have them.
func TestParseRevs(t *testing.T) {
	const noList, noRev = "400 bad_request: Invalid list of revisions", "400 bad_request: Invalid rev format"
	for in, want := range map[string]string{
		`["2-b","1-a"]`: "[2-b 1-a]", `[]`: "[]",
		`[`: "400 bad_request: invalid UTF-8 JSON", `x`: "400 bad_request: invalid UTF-8 JSON",
		`null`: noList, `{}`: noList, `"1-a"`: noList,
		`[1]`: noRev, `["x"]`: noRev, `[null]`: noRev, `["0-a"]`: noRev,
		`[` + strings.Repeat(`"1-a",`, 10_000) + `"1-a"]`: noList,
	} {
		revs, err := ParseRevs(in)
		got := fmt.Sprint(revs)
		if err != nil {
			got = refusal(err)
		}
		if got != want {
			t.Errorf("%.40s: %s, want %s", in, got, want)
		}
	}
	if revs, err := ParseRevs(`[` + strings.Repeat(`"1-a",`, 9_999) + `"1-a"]`); len(revs) != 10_000 || err != nil {
		t.Errorf("%d revisions: %v", len(revs), err)
	}
}

// TestKeptMembers appends what a replicator keeps in its documents to the body.
func TestKeptMembers(t *testing.T) {
	e, err := ParseDocument([]byte(`{"_id":"r","_replication_id":"1","a":2,"_replication_state":"x","_replication_stats":{"n":3}}`), 1000)
	if want := `{"a":2,"_replication_id":"1","_replication_state":"x","_replication_stats":{"n":3}}`; err != nil || string(e.Body) != want {
		t.Errorf("%s %v", e.Body, err)
	}
	if e, err = ParseDocument([]byte(`{"_replication_id":"1"}`), 1000); err != nil || string(e.Body) != `{"_replication_id":"1"}` {
		t.Errorf("%s %v", e.Body, err)
	}
}

// TestKeepRevision refuses a replicated document without a revision.
func TestKeepRevision(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:             "400 bad_request: When `new_edits: false`, the document needs `_rev` or `_revisions` specified",
		`{"_rev":"2-b"}`: "2 [b]",
		`{"_revisions":{"start":2,"ids":["b","a"]}}`:              "2 [b a]",
		`{"_rev":"9-f","_revisions":{"start":2,"ids":["b","a"]}}`: "2 [b a]",
	} {
		e, err := ParseDocument([]byte(in), 1000)
		if err != nil {
			t.Fatal(err)
		}
		err = e.KeepRevision()
		got := fmt.Sprintf("%d %v", e.Path.Gen, e.Path.Hashes)
		if err != nil {
			got = refusal(err)
		}
		if got != want || e.Replicated != (err == nil) {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// TestUnwritable tells what says that the disk cannot be written.
func TestUnwritable(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	t.Cleanup(func() { closeStore(t, s) })
	db := held(t, s, "db")
	_, readOnly := db.file.R.ExecContext(t.Context(), `DELETE FROM docs`)
	_, syntax := db.file.R.ExecContext(t.Context(), `nonsense`)
	_, missing := s.OpenReadOnly(t.Context(), filepath.Join(s.Dir(), "no", "such.db"))
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"a read-only connection", readOnly, true},
		{"a statement that is none", syntax, false},
		{"a file that is missing", missing, true},
		{"no space", fmt.Errorf("x: %w", syscall.ENOSPC), true},
		{"over quota", syscall.EDQUOT, true},
		{"a read-only file system", syscall.EROFS, true},
		{"a broken disk", syscall.EIO, true},
		{"no permission", syscall.EACCES, false},
		{"a refusal", fault.Conflict(), false},
	} {
		if got := Unwritable(tt.err); got != tt.want {
			t.Errorf("%s (%v): %t", tt.name, tt.err, got)
		}
	}
	wantRefusal(t, "a write", db.writer.do(t.Context(), func(*writer) error { return syscall.ENOSPC }), "503 service_unavailable: The disk cannot be written: it is full, or fails.")
}

// TestPassingTroubles: what the process has too little of is no damage of a file.
func TestPassingTroubles(t *testing.T) {
	for err, passes := range map[error]bool{syscall.EMFILE: true, syscall.ENFILE: true, syscall.ENOMEM: true, syscall.EINTR: true, syscall.EACCES: false, syscall.EIO: false} {
		got := unreadable("db", &os.PathError{Op: "open", Path: "x", Err: err})
		var damage *DamageError
		if errors.As(got, &damage) == passes || !passes && (damage.Torn || damage.Name != "db") {
			t.Errorf("%v: %v", err, got)
		}
	}
	for err, many := range map[error]bool{nil: false, syscall.EMFILE: true, syscall.ENFILE: true, syscall.EACCES: false, context.Canceled: false} {
		if got := tooManyFiles("x", err); got != many {
			t.Errorf("%v means too many files: %t", err, got)
		}
	}
}

// TestHeaderDamage looks at the first bytes of a file, at the edges of what they
// say.
func TestHeaderDamage(t *testing.T) {
	header := func(change func(h []byte)) []byte {
		h := make([]byte, 100)
		copy(h, "SQLite format 3\x00")
		h[18] = 2
		binary.BigEndian.PutUint32(h[68:], applicationID)
		change(h)
		return h
	}
	for _, tt := range []struct {
		name   string
		change func(h []byte)
		size   int64
		want   string
	}{
		{"a database's", func([]byte) {}, 4096, ""},
		{"of the least size", func([]byte) {}, 100, ""},
		{"shorter", func([]byte) {}, 99, "it is no database file"},
		{"empty", func([]byte) {}, 0, "it is empty"},
		{"another magic", func(h []byte) { h[15] = '4' }, 4096, "it is no database file"},
		{"of the first version", func(h []byte) { clear(h[68:72]) }, 4096, ""},
		{"of the first version without a log", func(h []byte) { clear(h[68:72]); h[18] = 1 }, 4096, "another program made it"},
		{"another program's", func(h []byte) { h[71]++ }, 4096, "another program made it"},
		{"without a log", func(h []byte) { h[18] = 1 }, 4096, ""},
	} {
		got := ""
		if err := headerDamage("db", header(tt.change), tt.size); err != nil {
			got = err.(*DamageError).Why
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	for raw, want := range map[uint16]int64{1: 65536, 512: 512, 4096: 4096, 32768: 32768} {
		h := make([]byte, 100)
		binary.BigEndian.PutUint16(h[16:], raw)
		if got := pageSize(h); got != want {
			t.Errorf("page size %d reads as %d", raw, got)
		}
	}
}

// TestCutOffAtAnyPage refuses a file that has lost its last page, by the size that
// its header tells.
func TestCutOffAtAnyPage(t *testing.T) {
	path := filled(t, t.TempDir())
	whole := read(t, path)
	for _, left := range []int{len(whole), len(whole) - 1, len(whole) - 4096, 4096} {
		write(t, path, whole[:left])
		err := checkHeader("db", path)
		want := fmt.Sprintf("The file of the database db is not used: it is cut off at %d of %d bytes.", left, len(whole))
		if left == len(whole) && err != nil || left < len(whole) && (err == nil || err.Error() != want) {
			t.Errorf("%d of %d bytes: %v", left, len(whole), err)
		}
	}
}

// TestDescriptorBudget leaves half of the descriptors to sockets.
func TestDescriptorBudget(t *testing.T) {
	if n, limit := descriptorBudget(), int64(min(descriptorLimit()/2, 4096)); n != max(limit, 20) {
		t.Errorf("%d of %d", n, descriptorLimit())
	}
	s := storeIn(t, t.TempDir(), 0)
	defer closeStore(t, s)
	s.budget = 3 * (perFile + 2*perConnection)
	for i := range 6 {
		s.Release(hold(t, s, fmt.Sprint("db", i)))
		if st := s.Stats(); st.Descriptors > s.budget+perFile+5*perConnection {
			t.Errorf("%d descriptors of %d", st.Descriptors, s.budget)
		}
	}
	if st := s.Stats(); st.Open == 6 {
		t.Error("nothing was closed")
	}
}

// TestLocalRows lists local documents by range, apart from others.
func TestLocalRows(t *testing.T) {
	db := held(t, newStore(t), "db")
	put(t, db, "a", `{}`)
	for _, name := range []string{"a", "b", "c", "d"} {
		if err := db.SaveLocal(t.Context(), &Edit{ID: "_local/" + name, Body: []byte(`{"n":"` + name + `"}`)}); err != nil {
			t.Fatal(err)
		}
	}
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	for _, tt := range []struct {
		name string
		rq   Listing
		want string
	}{
		{"all", Listing{Limit: -1}, "a b c d"},
		{"backwards", Listing{Limit: -1, Descending: true}, "d c b a"},
		{"a page", Listing{Limit: 2, Skip: 1}, "b c"},
		{"none", Listing{Limit: 0}, ""},
		{"more than there may be", Listing{Limit: maxLocals + 1}, "a b c d"},
		{"a range", Listing{Limit: -1, Start: raw(`"_local/b"`), End: raw(`"_local/c"`)}, "b c"},
		{"without its end", Listing{Limit: -1, Start: raw(`"_local/b"`), End: raw(`"_local/c"`), ExclusiveEnd: true}, "b"},
		{"backwards from", Listing{Limit: -1, Start: raw(`"_local/b"`), Descending: true}, "b a"},
		{"before every id", Listing{Limit: -1, Start: raw(`null`), Descending: true}, ""},
	} {
		rows, err := db.LocalRows(t.Context(), tt.rq)
		var got []string
		for _, r := range rows {
			if got = append(got, strings.TrimPrefix(r.ID, "_local/")); r.Rev != "0-1" || string(r.Body) != `{"n":"`+got[len(got)-1]+`"}` {
				t.Errorf("%s: %+v", tt.name, r)
			}
		}
		if text := strings.Join(got, " "); text != tt.want || err != nil {
			t.Errorf("%s: %q %v, want %q", tt.name, text, err, tt.want)
		}
	}
	if _, err := db.Local(t.Context(), "_local/e"); refusal(err) != "404 not_found: missing" {
		t.Errorf("one that is not there: %v", err)
	}
}
