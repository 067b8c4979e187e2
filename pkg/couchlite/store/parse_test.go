package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

func TestParseDocument(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", `{"a":1,"_id":"x"}`, `x {"a":1} base 0- path 0[] deleted false`},
		{"no id", `{"b":[]}`, ` {"b":[]} base 0- path 0[] deleted false`},
		{"a revision", `{"_rev":"2-b"}`, ` {} base 2-b path 0[] deleted false`},
		{"deleted", `{"_deleted":true,"_rev":"1-a"}`, ` {} base 1-a path 0[] deleted true`},
		{"not deleted", `{"_deleted":false}`, ` {} base 0- path 0[] deleted false`},
		{"ancestors count for more", `{"_rev":"1-z","_revisions":{"start":3,"ids":["c","b"]}}`, ` {} base 3-c path 3[c b] deleted false`},
		{"ancestors below the first", `{"_revisions":{"start":1,"ids":["c","b"]}}`, ` {} base 1-c path 1[c] deleted false`},
		{"what CouchDB shows", `{"_revs_info":1,"_local_seq":2,"_conflicts":[],"_deleted_conflicts":0}`, ` {} base 0- path 0[] deleted false`},
		{"what a replicator keeps", `{"a":1,"_replication_state":"x"}`, ` {"a":1,"_replication_state":"x"} base 0- path 0[] deleted false`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := ParseDocument([]byte(tt.in), 100)
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%s %s base %s path %d%v deleted %t", e.ID, e.Body, e.Base, e.Path.Gen, e.Path.Hashes, e.Deleted)
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestParseDocumentRefuses(t *testing.T) {
	for in, want := range map[string]string{
		`[]`:                 "400 bad_request: Document must be a JSON object",
		`{"a":}`:             "400 bad_request: invalid UTF-8 JSON",
		`{"_id":1}`:          "400 illegal_docid: Document id must be a string",
		`{"_id":null}`:       "400 illegal_docid: Document id must be a string",
		`{"_rev":null}`:      "400 bad_request: Invalid rev format",
		`{"_id":""}`:         "400 illegal_docid: Document id must not be empty",
		`{"_id":"_x"}`:       "400 illegal_docid: Only reserved document ids may start with underscore.",
		`{"_id":"_design/"}`: "400 illegal_docid: Illegal document id `_design/`",
		`{"_id":"` + strings.Repeat("x", 7169) + `"}`: "400 illegal_docid: Document id is too long",
		`{"_rev":1}`:                                            "400 bad_request: Invalid rev format",
		`{"_rev":"x"}`:                                          "400 bad_request: Invalid rev format",
		`{"_deleted":1}`:                                        "400 doc_validation: Bad special document member: _deleted",
		`{"_more":1}`:                                           "400 doc_validation: Bad special document member: _more",
		`{"_revisions":[]}`:                                     "400 doc_validation: Bad special document member: _revisions",
		`{"_revisions":{"ids":["a"]}}`:                          "400 doc_validation: _revisions.start isn't an integer.",
		`{"_revisions":{"start":1,"ids":1}}`:                    "400 doc_validation: _revisions.ids isn't a array.",
		`{"_revisions":{"start":1,"ids":[1]}}`:                  "400 doc_validation: RevId isn't a string",
		`{"_attachments":3}`:                                    "400 doc_validation: Bad special document member: _attachments",
		`{"_attachments":{"a":{}}}`:                             "400 bad_request: Invalid attachment data for a",
		`{"_attachments":{"a":{"data":"!"}}}`:                   "400 bad_request: Invalid attachment data for a",
		`{"_attachments":{"_a":{"stub":true}}}`:                 "400 bad_request: Attachment name '_a' starts with prohibited character '_'",
		`{"_id":"big","a":"` + strings.Repeat("x", 7200) + `"}`: "413 document_too_large: big",
	} {
		_, err := ParseDocument([]byte(in), 7200)
		var f *fault.Error
		if !errors.As(err, &f) || fmt.Sprintf("%d %s", f.Status, f) != want {
			t.Errorf("%.60s: %v, want %s", in, err, want)
		}
	}
}

func TestParseAttachments(t *testing.T) {
	e, err := ParseDocument([]byte(`{"_attachments":{
		"plain":{"data":"QUJD","content_type":"audio/mpeg"}, "text":{"data":"QU\nJD","content_type":"text/plain"}, "none":{"data":""}, "no object":3,
		"stub":{"stub":true,"revpos":2}, "later":{"follows":true,"length":3}}}`), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range e.Attachments {
		got = append(got, fmt.Sprintf("%s %s %d %s %t %t %d", a.Name, a.Type, a.Length, a.Encoding, a.stub, a.Follows, a.RevPos))
	}
	want := []string{
		"plain audio/mpeg 3  false false 0", "text text/plain 3 gzip false false 0", "none application/octet-stream 0  false false 0",
		"stub application/octet-stream 0  true false 2", "later application/octet-stream 0  false true 0",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestCompressible(t *testing.T) {
	for kind, want := range map[string]bool{
		"text/plain": true, "TEXT/HTML; charset=utf-8": true, "application/json": true, "application/json;x=y": true, " application/xml ": true,
		"application/javascript": true, "application/jsonx": false, "application/octet-stream": false, "audio/mpeg": false, "x-text/plain": false, "": false,
	} {
		if compressible.MatchString(kind) != want {
			t.Errorf("%q: %t", kind, !want)
		}
	}
}

// TestAttachmentsAreShared stores equal bytes once, and forgets them with the
// last revision that has them.
func TestAttachmentsAreShared(t *testing.T) {
	db := held(t, newStore(t), "db")
	put(t, db, "a", `{"_attachments":{"x":{"data":"QUJD"},"y":{"data":"QUJD"}}}`)
	put(t, db, "b", `{"_attachments":{"z":{"data":"QUJD"},"other":{"data":"QUI="}}}`)
	if n := count(t, db, `SELECT count(*) FROM attachments`); n != 2 {
		t.Errorf("%d rows for two contents", n)
	}
	put(t, db, "b", `{}`)
	put(t, db, "a", `{"_attachments":{"x":{"stub":true}}}`)
	if err := db.compact(make(chan struct{})); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, `SELECT count(*) FROM attachments`); n != 1 {
		t.Errorf("%d rows for one content", n)
	}
	r, err := db.Winner(t.Context(), "a")
	if err != nil || len(r.Attachments) != 1 || r.Attachments[0].RevPos != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if data, err := db.ReadAttachment(t.Context(), r.Attachments[0]); err != nil || string(data) != "ABC" {
		t.Errorf("%q %v", data, err)
	}
}

func TestLocalDocuments(t *testing.T) {
	db := held(t, newStore(t), "db")
	save := func(body string) string {
		e, err := ParseLocal([]byte(body), 1000)
		if err != nil {
			t.Fatal(err)
		}
		e.ID = "_local/x"
		if err := db.SaveLocal(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		return e.Rev.String()
	}
	steps := []struct{ body, want string }{
		{`{"n":1}`, "0-1"},
		{`{"n":2,"_rev":"0-1"}`, "0-2"},
		{`{"n":3,"_rev":"0-41"}`, "0-42"},
		{`{"n":4}`, "0-1"},
		{`{"n":5,"_rev":"0-1","_revisions":{"start":0,"ids":["1"]}}`, "0-2"},
		{`{"_deleted":true}`, "0-0"},
		{`{}`, "0-1"},
	}
	for _, step := range steps {
		if got := save(step.body); got != step.want {
			t.Errorf("%s: %s, want %s", step.body, got, step.want)
		}
	}
	if rows, err := db.LocalRows(t.Context(), Listing{Limit: -1}); err != nil || len(rows) != 1 || rows[0].Rev != "0-1" {
		t.Errorf("%v %v", rows, err)
	}
	if st := db.Current(); st.Seq != 0 || st.Docs != 0 {
		t.Errorf("state %+v: local documents are no changes", st)
	}
	for _, body := range []string{`{"_rev":"1-a"}`, `{"_rev":"0-x"}`, `{"_rev":"0--1"}`, `[]`, `{"a":"` + strings.Repeat("x", 2000) + `"}`} {
		if _, err := ParseLocal([]byte(body), 1000); err == nil {
			t.Errorf("%.40s is taken", body)
		}
	}
}
