package couchlite

import (
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
)

const (
	viewRequests = "testdata/view-requests.txt"
	viewAnswers  = "testdata/view-answers.txt"
)

// TestViewAnswers compares answers about views with those of CouchDB 3.5.0, as
// TestAnswers does for documents. Record with -update and COUCHDB_URL.
func TestViewAnswers(t *testing.T) {
	script, err := os.ReadFile(viewRequests)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(newServer(t))
	defer srv.Close()
	target := srv.URL
	record := *update && os.Getenv("COUCHDB_URL") != ""
	if record {
		target = os.Getenv("COUCHDB_URL")
	}
	got := play(t, target, string(script))
	references := regexp.MustCompile(`,"ref":\d+`)
	for i := range got {
		got[i] = references.ReplaceAllString(got[i], "")
	}
	if record {
		if err := os.WriteFile(viewAnswers, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	recorded, err := os.ReadFile(viewAnswers)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(recorded)), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d answers, %d recorded", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}
