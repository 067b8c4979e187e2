package store

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/content"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

func packed(t testing.TB, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func digestOf(data []byte) string {
	sum := md5.Sum(data)
	return "md5-" + base64.StdEncoding.EncodeToString(sum[:])
}

// announcedIn parses a document with one attachment that follows it.
func announcedIn(t testing.TB, members string) *Attachment {
	t.Helper()
	e, err := ParseDocument([]byte(`{"_attachments":{"a":{"follows":true,`+members+`}}}`), 1000)
	if err != nil {
		t.Fatalf("%s: %v", members, err)
	}
	if !e.Attachments[0].Follows {
		t.Fatalf("%s: does not follow", members)
	}
	return &e.Attachments[0]
}

// TestReceive holds bytes that follow a document to what it announced.
func TestReceive(t *testing.T) {
	good, zipped := []byte("hello"), packed(t, "hello")
	plain := `"content_type":"audio/mpeg"`
	tests := []struct {
		name, members string
		data          []byte
		want          string // the error, or what Plain returns
	}{
		{"as announced", plain + `,"length":5`, good, "hello"},
		{"nothing announced", plain, good, "hello"},
		{"with its digest", plain + `,"length":5,"digest":"` + digestOf(good) + `"`, good, "hello"},
		{"an empty one", plain + `,"length":0`, nil, ""},
		{"more than nothing", plain + `,"length":0`, good, "bad_request: attachment longer than expected"},
		{"one byte short", plain + `,"length":6`, good, "bad_request: attachment shorter than expected"},
		{"one byte long", plain + `,"length":4`, good, "bad_request: attachment longer than expected"},
		{"of another digest", plain + `,"length":5,"digest":"` + digestOf([]byte("hallo")) + `"`, good, "content_md5_mismatch: Possible message corruption."},
		{"compressed", `"content_type":"text/plain","encoding":"gzip","encoded_length":` + fmt.Sprint(len(zipped)), zipped, "hello"},
		{"not compressed as it says", `"content_type":"text/plain","encoding":"gzip"`, good, "bad_request: Invalid attachment data for a"},
		{"unpacks to more than the limit", `"content_type":"text/plain","encoding":"gzip"`, packed(t, strings.Repeat("x", 101)), "bad_request: Invalid attachment data for a"},
		{"unpacks to the limit", `"content_type":"text/plain","encoding":"gzip"`, packed(t, strings.Repeat("x", 100)), strings.Repeat("x", 100)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := announcedIn(t, tt.members)
			in := content.NewSpool(t.TempDir())
			if err := a.Receive(in, bytes.NewReader(tt.data), 100); err != nil {
				if err.Error() != tt.want {
					t.Errorf("%v, want %s", err, tt.want)
				}
				return
			}
			if a.Follows || a.Length != int64(len(tt.want)) {
				t.Errorf("follows %t, length %d, want %q", a.Follows, a.Length, tt.want)
			}
			stored, err := io.ReadAll(in.Reader())
			if a.Encoding == "" && string(stored) != tt.want || err != nil {
				t.Errorf("stored %q %v, want %q", stored, err, tt.want)
			}
			if a.digest() != digestOf(stored) {
				t.Errorf("digest %s of the stored bytes, want %s", a.digest(), digestOf(stored))
			}
		})
	}
}

// TestStubs resolves stubs with the attachments of the revision an edit follows.
func TestStubs(t *testing.T) {
	db := held(t, newStore(t), "db")
	first := put(t, db, "a", `{"_attachments":{"x":{"data":"QUJD"},"y":{"data":"QUI="}}}`)
	put(t, db, "a", `{"_attachments":{"x":{"stub":true},"z":{"data":"Wg=="}}}`)
	r, err := db.Winner(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, a := range r.Attachments {
		got[a.Name] = a.RevPos
	}
	if want := map[string]int{"x": 1, "z": 2}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("attachments and the generations they came with: %v, want %v", got, want)
	}

	e, err := ParseDocument([]byte(`{"_id":"a","_attachments":{"y":{"stub":true}}}`), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.SetBase(r.Rev); err != nil {
		t.Fatal(err)
	}
	if err := db.Save(t.Context(), e); fault.As(err).Status != 412 {
		t.Errorf("a stub of an attachment that the revision lost: %v", err)
	}
	if i := FindAttachment(r.Attachments, "z"); i < 0 || r.Attachments[i].Name != "z" || FindAttachment(r.Attachments, "y") != -1 {
		t.Errorf("found z at %d, y at %d", i, FindAttachment(r.Attachments, "y"))
	}
	if old, err := db.At(t.Context(), "a", mustRev(t, first)); err != nil || len(old.Attachments) != 2 {
		t.Errorf("the first revision: %+v %v", old.Attachments, err)
	}
}

func mustRev(t testing.TB, text string) revtree.Rev {
	t.Helper()
	rev, err := revtree.ParseRev(text)
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// replicated parses a document as replication brings it.
func replicated(t testing.TB, body string) *Edit {
	t.Helper()
	e, err := ParseDocument([]byte(body), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.KeepRevision(); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestReplicatedStubs refuses all replicated documents for one stub whose
// attachment is not here, and none for a stub of a revision that is.
func TestReplicatedStubs(t *testing.T) {
	db := held(t, newStore(t), "db")
	base := put(t, db, "a", `{"_attachments":{"x":{"data":"QUJD"}}}`)
	hash := mustRev(t, base).Hash
	child := `{"_id":"a","n":2,"_revisions":{"start":2,"ids":["` + strings.Repeat("b", 32) + `","` + hash + `"]},"_attachments":{"x":{"stub":true}}}`
	lost := `{"_id":"c","_rev":"1-` + strings.Repeat("c", 32) + `","_attachments":{"x":{"stub":true}}}`
	good := `{"_id":"b","_rev":"1-` + strings.Repeat("d", 32) + `"}`

	edits := []*Edit{replicated(t, good), replicated(t, lost)}
	if err := db.SaveAll(t.Context(), edits, make([]error, 2)); fault.As(err).Status != 412 {
		t.Errorf("a stub of nothing: %v", err)
	}
	if _, err := db.Winner(t.Context(), "b"); !fault.IsMissing(err) {
		t.Errorf("the document beside it was written: %v", err)
	}
	for range 2 { // the second time the revision is here already
		edits = []*Edit{replicated(t, good), replicated(t, child)}
		outcomes := make([]error, 2)
		if err := db.SaveAll(t.Context(), edits, outcomes); err != nil || outcomes[0] != nil || outcomes[1] != nil {
			t.Fatalf("%v %v", err, outcomes)
		}
	}
	r, err := db.Winner(t.Context(), "a")
	if err != nil || r.Rev != "2-"+strings.Repeat("b", 32) || len(r.Attachments) != 1 || r.Attachments[0].RevPos != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if data, err := db.ReadAttachment(t.Context(), r.Attachments[0]); err != nil || string(data) != "ABC" {
		t.Errorf("%q %v", data, err)
	}
}
