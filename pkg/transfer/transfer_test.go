package transfer

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

// store puts documents into a database of their own.
func store(t *testing.T, docs ...string) *couch.DB {
	t.Helper()
	client := couchtest.New(t)
	if err := client.CreateDB(t.Context(), "transfer"); err != nil {
		t.Fatal(err)
	}
	db := client.DB("transfer")
	for _, text := range docs {
		var doc document.Doc
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		if err := db.Put(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func lines(t *testing.T, db *couch.DB, o Options) []string {
	t.Helper()
	o.Account, o.At = "acc", time.Unix(0, 0)
	var out []string
	for line, err := range Export(t.Context(), db, o) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(line))
	}
	return out
}

const header = `{"callflowd_export":1,"account":"acc","at":"1970-01-01T00:00:00Z"}`

func TestExport(t *testing.T) {
	couchtest.SkipPouchDB(t, "integers beyond 2^53 lose digits there")
	db := store(t,
		`{"_id":"b","pvt_type":"callflow","pvt_created":1,"numbers":["2"],"flow":{"module":"user","data":{"id":"u1"}},"big":12345678901234567890}`,
		`{"_id":"a","pvt_type":"callflow","numbers":["1"],"flow":{"module":"callflow","data":{"id":"b"}}}`,
		`{"_id":"gone","pvt_type":"callflow","pvt_deleted":true,"numbers":["3"]}`,
		`{"_id":"u1","pvt_type":"user","pvt_md5_auth":"secret","media":"m1"}`,
		`{"_id":"m1","pvt_type":"media","name":"hello"}`,
		`{"_id":"u2","pvt_type":"user"}`,
	)
	plain := []string{
		header,
		`{"id":"a","type":"callflow","data":{"flow":{"data":{"id":"b"},"module":"callflow"},"numbers":["1"]}}`,
		`{"id":"b","type":"callflow","data":{"big":12345678901234567890,"flow":{"data":{"id":"u1"},"module":"user"},"numbers":["2"]}}`,
	}
	if got := lines(t, db, Options{}); !slices.Equal(got, plain) {
		t.Errorf("got %s", strings.Join(got, "\n"))
	}
	whole := append(slices.Clone(plain), `{"id":"u1","type":"user","data":{"media":"m1"}}`, `{"id":"m1","type":"media","data":{"name":"hello"}}`)
	if got := lines(t, db, Options{Dependencies: []string{"user", "media"}}); !slices.Equal(got, whole) {
		t.Errorf("with dependencies %s", strings.Join(got, "\n"))
	}
	if got := lines(t, db, Options{Revisions: true}); !strings.Contains(got[1], `"revision":"1-`) {
		t.Errorf("no revision: %s", got[1])
	}
}

func TestExportOfNothingAndOfNoDatabase(t *testing.T) {
	db := store(t)
	if got := lines(t, db, Options{}); !slices.Equal(got, []string{header}) {
		t.Errorf("got %q", got)
	}
	failed := false
	for _, err := range Export(t.Context(), couchtest.New(t).DB("nowhere"), Options{}) {
		failed = failed || err != nil
	}
	if !failed {
		t.Error("a missing database is an empty export")
	}
}
