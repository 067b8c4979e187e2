package couch_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// canned returns a client of a server that answers every request alike.
func canned(t *testing.T, status int, body string) *couch.Client {
	t.Helper()
	return serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("ETag", `"1-a"`)
		w.WriteHeader(status)
		io.WriteString(w, body) //nolint:errcheck // the client may be gone
	})
}

func serving(t *testing.T, handler http.HandlerFunc) *couch.Client {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return open(t, couch.Config{URL: srv.URL})
}

func open(t *testing.T, cfg couch.Config) *couch.Client {
	t.Helper()
	client, err := couch.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func wantCode(t *testing.T, err error, want problem.Code) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if got := problem.AsError(err).Code; got != want {
		t.Errorf("code %q, want %q (%v)", got, want, err)
	}
}

func TestDocumentErrors(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   problem.Code
	}{
		{"missing", 404, `{"error":"not_found","reason":"missing"}`, problem.BadIdentifier},
		{"deleted", 404, `{"error":"not_found","reason":"deleted"}`, problem.BadIdentifier},
		{"no database", 404, `{"error":"not_found","reason":"Database does not exist."}`, problem.MissingDatabase},
		{"no database, PouchDB", 404, `{"error":"not_found","reason":"no_db_file"}`, problem.MissingDatabase},
		{"conflict", 409, `{"error":"conflict","reason":"Document update conflict."}`, problem.Conflict},
		{"refused", 400, `{"error":"bad_request","reason":"invalid UTF-8 JSON"}`, problem.Invalid},
		{"too large", 413, `{"error":"document_too_large","reason":"x"}`, problem.TooLarge},
		{"unauthorized", 401, `{"error":"unauthorized","reason":"You are not authorized"}`, problem.DatastoreFault},
		{"forbidden", 403, `{"error":"forbidden","reason":"no"}`, problem.DatastoreFault},
		{"its own fault", 500, `{"error":"unknown_error","reason":"badmatch"}`, problem.DatastoreFault},
		{"a damaged file", 500, `{"error":"damaged_database","reason":"The file of the database accounts is not used: it is empty."}`, problem.DatastoreFault},
		{"overloaded", 503, `{"error":"maintenance"}`, problem.Unavailable},
		{"proxy without it", 502, `bad gateway`, problem.Unavailable},
		{"truncated", 200, `{"_id":"cf1","_rev":"1-a",`, problem.Unavailable},
		{"no JSON", 200, `<html>`, problem.Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := canned(t, tt.status, tt.body).DB("accounts")
			_, err := db.Get(t.Context(), "cf1")
			wantCode(t, err, tt.want)
			err = db.Put(t.Context(), document.Doc{"_id": "cf1"})
			if tt.status == http.StatusOK {
				return // an answer to a write has another form
			}
			wantCode(t, err, tt.want)
		})
	}
}

func TestViewErrors(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   problem.Code
	}{
		{"no view", 404, `{"error":"not_found","reason":"missing_named_view"}`, problem.MissingView},
		{"no design document", 404, `{"error":"not_found","reason":"missing"}`, problem.MissingView},
		{"no database", 404, `{"error":"not_found","reason":"Database does not exist."}`, problem.MissingDatabase},
		{"bad query", 400, `{"error":"query_parse_error","reason":"x"}`, problem.DatastoreFault},
		{"truncated", 200, `{"total_rows":1,"offset":0,"rows":[{"id":"a","key":"a","value":1},`, problem.Unavailable},
		{"cut after a row", 200, `{"total_rows":1,"offset":0,"rows":[{"id":"a","key":"a","value":1}`, problem.Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var last error
			for _, err := range canned(t, tt.status, tt.body).DB("accounts").View(t.Context(), "callflows", "x", couch.Query{}) {
				if last != nil {
					t.Error("the sequence goes on behind its error")
				}
				last = err
			}
			wantCode(t, last, tt.want)
		})
	}
}

func TestErrorsKeepSecrets(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	address := strings.Replace(srv.URL, "http://", "http://admin:hunter2@", 1)
	srv.Close() // connections are refused from here on
	client := open(t, couch.Config{URL: address})
	var texts []string
	for _, err := range client.DB("accounts").View(t.Context(), "accounts", "listing_by_api", couch.Query{Key: "hunter2"}) {
		wantCode(t, err, problem.Unavailable)
		texts = append(texts, err.Error())
	}
	_, err := client.DB("token_auth").Get(t.Context(), "hunter2")
	texts = append(texts, err.Error(), client.Up(t.Context()).Error())
	for _, bad := range []string{"admin:hunter2@localhost", "http://admin:hunter2@\x7f", "ftp://admin:hunter2@x"} {
		_, err := couch.Open(couch.Config{URL: bad})
		if err == nil {
			t.Errorf("%q: no error", bad)
			continue
		}
		texts = append(texts, err.Error())
	}
	for _, text := range texts {
		if strings.Contains(text, "hunter2") {
			t.Errorf("a secret is in %q", text)
		}
	}
}

func TestRequestsOnTheWire(t *testing.T) {
	var uri, auth string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uri = r.RequestURI
		auth, _, _ = r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"_id":"x","_rev":"1-a"}`) //nolint:errcheck // checked by what arrives
	}))
	t.Cleanup(srv.Close)
	address := strings.Replace(srv.URL, "http://", "http://ann:pw@", 1) + "/couch/"
	client := open(t, couch.Config{URL: address})
	tests := []struct{ db, id, want string }{
		{"account/ab/cd/ef", "x", "/couch/account%2Fab%2Fcd%2Fef/x"},
		{"numbers/+1415", "+14158867900", "/couch/numbers%2F%2B1415/%2B14158867900"},
		{"accounts", "_design/accounts", "/couch/accounts/_design/accounts"},
		{"accounts", "a/b c", "/couch/accounts/a%2Fb%20c"},
	}
	for _, tt := range tests {
		if _, err := client.DB(tt.db).Get(t.Context(), tt.id); err != nil {
			t.Errorf("%s: %v", tt.want, err)
		}
		if uri != tt.want || auth != "ann" {
			t.Errorf("asked %s as %q, want %s", uri, auth, tt.want)
		}
	}
}

func TestOtherEndpointsAreNoDocuments(t *testing.T) {
	db := serving(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") }).DB("accounts")
	for _, id := range []string{"", "_changes", "_all_docs", "_security", "_design"} {
		_, err := db.Get(t.Context(), id)
		wantCode(t, err, problem.BadIdentifier)
		_, err = db.Leaves(t.Context(), id)
		wantCode(t, err, problem.BadIdentifier)
		wantCode(t, db.Put(t.Context(), document.Doc{"_id": id}), problem.Internal)
	}
	_, err := db.GetRev(t.Context(), "x", "no revision")
	wantCode(t, err, problem.BadIdentifier)
	_, err = db.Delete(t.Context(), "x", "")
	wantCode(t, err, problem.BadIdentifier)
}

// TestTimeLimit has a server that never answers; the client's limit ends the
// call although the caller's context has none.
func TestTimeLimit(t *testing.T) {
	stop := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(stop) })
	db := open(t, couch.Config{URL: srv.URL, Timeout: 20 * time.Millisecond}).DB("accounts")
	_, err := db.Get(context.Background(), "x")
	wantCode(t, err, problem.Unavailable)
	for _, err := range db.AllDocs(context.Background(), couch.Query{}) {
		wantCode(t, err, problem.Unavailable)
		if !strings.Contains(err.Error(), "time limit") {
			t.Errorf("the limit is not named: %v", err)
		}
	}
}

func TestUpAsksTheServer(t *testing.T) {
	tests := []struct {
		name, banner string
		up           int
		ok           bool
	}{
		{"up", `{"couchdb":"Welcome"}`, 200, true},
		{"maintenance", `{"couchdb":"Welcome"}`, 404, false},
		{"without _up", `{"express-pouchdb":"Welcome!"}`, 404, true},
		{"failing", `{}`, 500, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := serving(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if r.URL.Path == "/_up" {
					w.WriteHeader(tt.up)
				}
				io.WriteString(w, tt.banner) //nolint:errcheck // the client may be gone
			})
			if err := client.Up(t.Context()); (err == nil) != tt.ok {
				t.Errorf("up: %v", err)
			}
		})
	}
}

func TestNoDBUpdates(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 405, 501} {
		client := canned(t, status, `{"error":"x","reason":"y"}`)
		err := client.DBUpdates(t.Context(), "", func(couch.DBUpdate) error { return nil })
		if !isNoUpdates(err) {
			t.Errorf("%d: %v", status, err)
		}
		if _, err := client.UpdatesSeq(t.Context()); !isNoUpdates(err) {
			t.Errorf("%d: %v", status, err)
		}
	}
	err := canned(t, 500, `{"error":"x","reason":"y"}`).DBUpdates(t.Context(), "", func(couch.DBUpdate) error { return nil })
	if isNoUpdates(err) || err == nil {
		t.Errorf("500: %v", err)
	}
}

// TestFeedThatEnds has the answer that makes kivik panic: a continuous feed
// that ends in good order.
func TestFeedThatEnds(t *testing.T) {
	client := canned(t, 200, "{\"db_name\":\"a\",\"type\":\"updated\",\"seq\":\"1-x\"}\n{\"last_seq\":\"1-x\"}\n")
	var seen []couch.DBUpdate
	err := client.DBUpdates(t.Context(), "0", func(u couch.DBUpdate) error {
		seen = append(seen, u)
		return nil
	})
	wantCode(t, err, problem.Unavailable)
	if len(seen) != 1 || seen[0] != (couch.DBUpdate{DB: "a", Type: "updated", Seq: "1-x"}) {
		t.Errorf("updates %v", seen)
	}
}

// Callers that create one database at once may be told 412 or 500; the
// database may take a moment to show.
func TestCreateDBAtOnce(t *testing.T) {
	tests := []struct {
		name   string
		status int
		reason string
		after  int // how often it is looked for before it is there
		want   problem.Code
	}{
		{"created", 201, "", 0, ""},
		{"there", 412, "file_exists", 0, ""},
		{"somebody else's", 500, "conflict", 0, ""},
		{"somebody else's, later", 500, "conflict", 2, ""},
		{"somebody else's, much later", 500, "conflict", 1000, problem.Unavailable},
		{"refused", 401, "unauthorized", 0, problem.DatastoreFault},
		{"broken", 500, "badmatch", 1000, problem.DatastoreFault},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			looked := 0
			client := serving(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				switch {
				case r.Method == http.MethodPut:
					w.WriteHeader(tt.status)
					fmt.Fprintf(w, `{"error":"error","reason":%q}`, tt.reason) //nolint:errcheck // the client may be gone
				case looked < tt.after:
					looked++
					w.WriteHeader(http.StatusNotFound)
				}
			})
			err := client.CreateDB(t.Context(), dbName)
			if tt.want == "" {
				check(t, err)
				return
			}
			wantCode(t, err, tt.want)
		})
	}
}
