package callflow

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// kazooWrites replaces a callflow as Kazoo does: it keeps our trace, which it
// does not know, and leaves no history.
func kazooWrites(t *testing.T, s *Service, id string, change func(document.Doc)) document.Doc {
	t.Helper()
	db := s.Couch.Account(testAccount)
	stored, err := db.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	change(stored)
	stored["pvt_request_id"] = fmt.Sprintf("kazoo after %s", stored.Rev())
	stored["pvt_modified"] = document.GregorianNumber(s.now())
	if err := db.Put(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	return stored
}

func TestKazooOverwritesLoseNothing(t *testing.T) {
	couchtest.SkipPouchDB(t, "its memory adapter keeps no old revisions")
	s := newService(t)
	set := clock(s)
	start := s.now()
	var all []string
	later := func(rev string) {
		all = append([]string{rev}, all...)
		set(s.now().Add(time.Minute))
	}
	later(create(t, s, `{"id":"c","name":"0","numbers":["1"]}`).Rev())
	later(patch(t, s, "c", `{"name":"1"}`).Rev())
	for n := 2; n < 5; n++ {
		later(kazooWrites(t, s, "c", func(d document.Doc) { d["name"] = fmt.Sprint(n) }).Rev())
	}
	check := func(when string) {
		t.Helper()
		if got := revisions(history(t, s, "c")); !slices.Equal(got, all) {
			t.Errorf("%s: history %v, want %v", when, got, all)
		}
		for n := range all {
			at := start.Add(time.Duration(n)*time.Minute + 30*time.Second)
			got, uncertain, err := s.At(t.Context(), testAccount, "c", at)
			if got.String("name") != fmt.Sprint(n) || len(uncertain) > 0 {
				t.Errorf("%s: at minute %d %v, uncertain %v, %v", when, n, got, uncertain, err)
			}
			route, uncertain, err := s.LookupAt(t.Context(), testAccount, "1", at)
			if route.Callflow.String("name") != fmt.Sprint(n) || len(uncertain) > 0 {
				t.Errorf("%s: at minute %d 1 went to %v, uncertain %v, %v", when, n, route.Callflow, uncertain, err)
			}
		}
	}
	check("while the database remembers")
	later(patch(t, s, "c", `{"name":"5"}`).Rev())
	check("after our next write")
	other := newService(t)
	other.Now = s.Now
	copyDatabases(t, s, other) // nothing but leaves
	s = other
	check("at another site")
}

// TestDeletedByOthers brings back what was deleted with curl.
func TestDeletedByOthers(t *testing.T) {
	couchtest.SkipPouchDB(t, "its memory adapter keeps no old revisions")
	s := newService(t)
	stored := create(t, s, `{"id":"c","name":"n","numbers":["1"]}`)
	if _, err := s.Couch.Account(testAccount).Delete(t.Context(), "c", stored.Rev()); err != nil {
		t.Fatal(err)
	}
	if got := actions(history(t, s, "c")); got != "deleted created " {
		t.Errorf("history %s", got)
	}
	saved, err := s.Restore(t.Context(), write(t, "c", `{}`), "")
	if err != nil || saved.Doc.String("name") != "n" {
		t.Fatalf("%v, %v", saved.Doc, err)
	}
	if got := actions(history(t, s, "c")); got != "restored deleted created " {
		t.Errorf("history %s", got)
	}
}

func TestATombstoneIsNoVersionToGoBackTo(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"c","numbers":["1"]}`)
	gone, err := s.Delete(t.Context(), write(t, "c", `{}`), true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Restore(t.Context(), write(t, "c", `{}`), gone.Doc.Rev())
	wantError(t, err, problem.BadIdentifier, "")
}

// TestHistoryOfAFormerLife: an id that is used again keeps the history from
// before, whatever the month.
func TestHistoryOfAFormerLife(t *testing.T) {
	s := newService(t)
	set := clock(s)
	old := create(t, s, `{"id":"c","name":"old","numbers":["1"]}`)
	if _, err := s.Delete(t.Context(), write(t, "c", `{}`), true); err != nil {
		t.Fatal(err)
	}
	set(s.now().AddDate(3, 0, 0))
	create(t, s, `{"id":"c","name":"new","numbers":["1"]}`)
	if got := actions(history(t, s, "c")); got != "created deleted created " {
		t.Errorf("history %s", got)
	}
	if got, err := s.Version(t.Context(), testAccount, "c", old.Rev()); err != nil || got.String("name") != "old" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestEntriesOfAnotherCallflow: the id of one callflow's entry can be read as
// another's.
func TestEntriesOfAnotherCallflow(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"a","numbers":["1"]}`)
	replaced := create(t, s, `{"id":"a-1","numbers":["2"]}`)
	patch(t, s, "a-1", `{"name":"n"}`)
	_, err := s.Version(t.Context(), testAccount, "a", "1-"+replaced.Rev())
	wantError(t, err, problem.BadIdentifier, "")
	if got := actions(history(t, s, "a")); got != "created " {
		t.Errorf("history %s", got)
	}
}

// narrow refuses documents in monthly databases that are larger than a limit.
type narrow struct{ limit int }

func (n narrow) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "-20") || r.Body == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if len(body) <= n.limit {
		r.Body = io.NopCloser(bytes.NewReader(body))
		return http.DefaultTransport.RoundTrip(r)
	}
	return &http.Response{
		StatusCode: http.StatusRequestEntityTooLarge, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"error":"document_too_large","reason":"c"}`)),
	}, nil
}

func TestVersionsTooLargeForHistory(t *testing.T) {
	tests := []struct {
		name     string
		limit    int
		warnings int
		whole    bool
	}{
		{"fits", 1 << 20, 0, true},
		{"fits compressed", 6500, 0, true},
		{"does not fit", 2000, 1, false},
	}
	random := make([]byte, 3500)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client, err := couch.Open(couch.Config{URL: couchtest.URL(t), Transport: narrow{tt.limit}})
			if err != nil {
				t.Fatal(err)
			}
			s := serviceOn(t, client)
			clock(s)
			old := create(t, s, `{"id":"c","name":"old","numbers":["1"],"text":"`+hex.EncodeToString(random)+`"}`)
			w := write(t, "c", `{"name":"new","text":null}`)
			saved, err := s.Patch(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			said := slices.DeleteFunc(saved.Warnings, func(w problem.Warning) bool { return w.Code != "history_incomplete" })
			if len(said) != tt.warnings {
				t.Errorf("warnings %+v", said)
			}
			other := newService(t)
			other.Now = s.Now
			copyDatabases(t, s, other) // the old revision is in history only
			items := history(t, other, "c")
			if got := actions(items); got != "updated created " || items[1].Incomplete == tt.whole || items[1].ClientIP == "" {
				t.Errorf("history %+v", items)
			}
			version, err := other.Version(t.Context(), testAccount, "c", old.Rev())
			if (err == nil) != tt.whole || tt.whole && len(version.String("text")) != 7000 {
				t.Errorf("a version of %d characters, %v", len(version.String("text")), err)
			}
			w = write(t, "c", `{"more":true}`)
			w.Base = old.Rev()
			if _, err := other.Patch(t.Context(), w); (err == nil) != tt.whole {
				t.Errorf("merging onto it: %v", err)
			}
		})
	}
}

func TestADamagedEntryIsIncomplete(t *testing.T) {
	for _, text := range []string{`"%"`, `"bm90IGd6aXA="`, `5`, `"H4sIAAAAAAAA/wEAAP//AAAAAAAAAAA="`} {
		entry := doc(t, `{"callflow_id":"c","revision":"1-a","compressed":`+text+`}`)
		if got := versionOf(entry); !incomplete(got) || got.Rev() != "1-a" || got.ID() != "c" {
			t.Errorf("%s: %v", text, got)
		}
	}
}
