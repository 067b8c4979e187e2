package couch_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// rivalling behaves as a cluster on which somebody else edits the document at
// the same time through another node: the first edit is answered with 202, and
// the other edit is there too.
type rivalling struct {
	next  http.RoundTripper
	rival func() // stores the other edit
	gone  func() // withdraws it when ours was, if set
	armed bool
}

func (v *rivalling) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	res, err := v.next.RoundTrip(r)
	if v.gone != nil && strings.Contains(string(body), "pvt_callflowd_withdrawn") {
		v.gone()
		v.gone = nil
	}
	if err != nil || !v.armed || res.StatusCode >= http.StatusMultipleChoices || r.Method == http.MethodGet {
		return res, err
	}
	v.armed = false
	v.rival()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	var rows []map[string]any
	if json.Unmarshal(text, &rows) == nil {
		rows[0]["accepted"] = true
		text, _ = json.Marshal(rows)
	}
	res.StatusCode, res.Status = http.StatusAccepted, "202 Accepted"
	res.Header.Del("Content-Length")
	res.ContentLength, res.Body = int64(len(text)), io.NopCloser(bytes.NewReader(text))
	return res, nil
}

// contested is a database with a document "kept", a client whose first edit
// has a rival, and one that has none. The rival is greater or less than ours.
func contested(t *testing.T, id string, greater bool) (theirs, ours *couch.DB, kept document.Doc, v *rivalling) {
	t.Helper()
	couchtest.SkipPouchDB(t, "it is one node, answers no write with 202, and its _bulk_get shows the winner alone")
	address := couchtest.URL(t)
	client := open(t, couch.Config{URL: address})
	check(t, client.CreateDB(t.Context(), dbName))
	theirs = client.DB(dbName)
	kept = document.Doc{"_id": "kept", "n": 0.0}
	check(t, theirs.Put(t.Context(), kept))
	hash := strings.Repeat("0", 32)
	if greater {
		hash = strings.Repeat("f", 32)
	}
	rival := document.Doc{"_id": id, "_rev": "1-" + hash, "n": 2.0}
	if id == "kept" {
		_, parent, _ := strings.Cut(kept.Rev(), "-")
		rival["_rev"], rival["_revisions"] = "2-"+hash, map[string]any{"start": 2, "ids": []any{hash, parent}}
	}
	v = &rivalling{next: http.DefaultTransport, armed: true, rival: func() {
		check(t, theirs.BulkRevisions(t.Context(), []document.Doc{rival}))
	}}
	ours = open(t, couch.Config{URL: address, Transport: v}).DB(dbName)
	return theirs, ours, kept, v
}

// rivalWrites are the edits of one document that may meet another.
var rivalWrites = map[string]struct {
	id    string
	write func(t *testing.T, db *couch.DB, kept document.Doc) error
}{
	"create": {"new", func(t *testing.T, db *couch.DB, _ document.Doc) error {
		return db.Put(t.Context(), document.Doc{"_id": "new", "n": 1.0})
	}},
	"attachment": {"new", func(t *testing.T, db *couch.DB, _ document.Doc) error {
		file := map[string]any{"content_type": "text/plain", "data": "aGFsbG8="}
		return db.Put(t.Context(), document.Doc{"_id": "new", "n": 1.0, "_attachments": map[string]any{"a": file}})
	}},
	"put": {"kept", func(t *testing.T, db *couch.DB, kept document.Doc) error {
		return db.Put(t.Context(), document.Doc{"_id": "kept", "_rev": kept.Rev(), "n": 1.0})
	}},
	"delete": {"kept", func(t *testing.T, db *couch.DB, kept document.Doc) error {
		_, err := db.Delete(t.Context(), "kept", kept.Rev())
		return err
	}},
	"bulk": {"kept", func(t *testing.T, db *couch.DB, kept document.Doc) error {
		results, err := db.Bulk(t.Context(), []document.Doc{{"_id": "kept", "_rev": kept.Rev(), "n": 1.0}, {"_id": "other"}})
		check(t, err)
		check(t, results[1].Err)
		return results[0].Err
	}},
}

// An edit that most nodes refused in favour of another is a conflict, and
// leaves nothing behind that could win over the other.
func TestARivalIsAConflict(t *testing.T) {
	for name, tt := range rivalWrites {
		for _, greater := range []bool{true, false} {
			t.Run(fmt.Sprint(name, greater), func(t *testing.T) {
				theirs, ours, kept, _ := contested(t, tt.id, greater)
				wantCode(t, tt.write(t, ours, kept), problem.Conflict)
				doc, err := theirs.Get(t.Context(), tt.id)
				if err != nil || fmt.Sprint(doc["n"]) != "2" {
					t.Errorf("the winner is %v, %v", doc, err)
				}
				if n := living(t, theirs, tt.id); n != 1 {
					t.Errorf("%d living leaves", n)
				}
			})
		}
	}
}

// Where both writers give way, one of the edits is written all the same: the
// document is not gone.
func TestTwoWhoGiveWay(t *testing.T) {
	for name, tt := range rivalWrites {
		for _, greater := range []bool{true, false} {
			t.Run(fmt.Sprint(name, greater), func(t *testing.T) {
				theirs, ours, kept, v := contested(t, tt.id, greater)
				v.gone = func() { withdrawRival(t, theirs, tt.id, greater) }
				check(t, tt.write(t, ours, kept))
				want := 1
				if name == "delete" {
					want = 0
				}
				if n := living(t, theirs, tt.id); n != want {
					t.Errorf("%d living leaves, want %d", n, want)
				}
				if doc, err := theirs.Get(t.Context(), tt.id); want == 1 && (err != nil || fmt.Sprint(doc["n"]) != "1") {
					t.Errorf("the document is %v, %v", doc, err)
				}
			})
		}
	}
}

// withdrawRival does what the rival's writer does when it gives way.
func withdrawRival(t *testing.T, db *couch.DB, id string, greater bool) {
	t.Helper()
	leaves, err := db.Leaves(t.Context(), id)
	check(t, err)
	for _, leaf := range leaves {
		if fmt.Sprint(leaf["n"]) != "2" {
			continue
		}
		number, hash, _ := strings.Cut(leaf.Rev(), "-")
		next := map[string]string{"1": "2-", "2": "3-"}[number]
		check(t, db.BulkRevisions(t.Context(), []document.Doc{{
			"_id": id, "_rev": next + "withdrawn", "_deleted": true, "pvt_callflowd_withdrawn": true,
			"_revisions": map[string]any{"start": int(next[0] - '0'), "ids": []any{"withdrawn", hash}},
		}}))
	}
}

func living(t *testing.T, db *couch.DB, id string) (n int) {
	t.Helper()
	leaves, err := db.Leaves(t.Context(), id)
	check(t, err)
	for _, leaf := range leaves {
		if !document.Truthy(leaf["_deleted"]) {
			n++
		}
	}
	return n
}
