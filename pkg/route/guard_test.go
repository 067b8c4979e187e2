package route

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// post sends JSON to the server behind the proxy.
func (s *site) post(path string, body any) {
	s.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+path, bytes.NewReader(text))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		s.Fatalf("%s: %s", path, res.Status)
	}
}

// purge has the server forget a leaf as if it had never been.
func (s *site) purge(account, id, rev string) {
	s.Helper()
	s.post("/"+strings.ReplaceAll(couch.AccountDB(account), "/", "%2F")+"/_purge", map[string][]string{id: {rev}})
}

// leaf stores a revision as replication does: of a generation, on a parent.
func (s *site) leaf(db *couch.DB, id string, generation int, name, parent string, numbers ...string) string {
	s.Helper()
	ids := []any{name}
	if parent != "" {
		ids = append(ids, parent)
	}
	doc := document.Doc{
		"_id": id, "_rev": fmt.Sprintf("%d-%s", generation, name), "pvt_type": "callflow", "numbers": anys(numbers),
		"_revisions": map[string]any{"start": generation, "ids": ids},
	}
	if err := db.BulkRevisions(s.Context(), []document.Doc{doc}); err != nil {
		s.Fatal(err)
	}
	return doc.Rev()
}

// viewed is which callflows have which number, by the view.
func (s *site) viewed(db *couch.DB) map[string][]string {
	s.Helper()
	out := map[string][]string{}
	for row, err := range db.View(s.Context(), "callflows", "listing_by_number", couch.Query{}) {
		if err != nil {
			s.Fatal(err)
		}
		n := strings.Trim(string(row.Key), `"`)
		out[n] = append(out[n], row.ID)
	}
	return out
}

// agrees waits until the index says of some numbers what the view says.
func (s *site) agrees(x *Indexes, db *couch.DB, numbers []string) {
	s.Helper()
	want, got := map[string][]string{}, map[string][]string{}
	defer func() {
		if s.Failed() {
			s.Logf("index %v, view %v", got, want)
		}
	}()
	couchtest.Eventually(s, "the index agrees with the view", func() bool {
		want = s.viewed(db)
		got, _, _ = x.Holders(s.Context(), acct, numbers, nil)
		return maps.EqualFunc(got, want, slices.Equal)
	})
}

// A callflow with two leaves whose winner is removed for good lives on as the
// other leaf. The feed's row about it names an older revision than the removal
// did, and counts nevertheless.
func TestCallflowThatCameBackIsRouted(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	x := s.open(Config{guard: 50 * time.Millisecond})
	s.leaf(db, "cf", 1, "aaaa", "", "100")
	s.takes(x, "100", "cf")
	s.leaf(db, "cf", 2, "bbbb", "aaaa", "100")
	winner := s.leaf(db, "cf", 3, "cccc", "dddd", "200")
	s.takes(x, "200", "cf")
	removed := document.Doc{"_id": "cf", "_rev": winner, "_deleted": true}
	if err := db.Put(t.Context(), removed); err != nil {
		t.Fatal(err)
	}
	x.Apply(acct, removed)
	s.takes(x, "100", "cf")
	s.agrees(x, db, []string{"100", "200"})
}

// A write that the index is told of late does not outlive what replaced it.
func TestLateOwnWriteGivesWay(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	x := s.open(Config{guard: 50 * time.Millisecond})
	s.takes(x, "100", "")
	first := s.put(db, `{"_id":"cf","numbers":["100"]}`)
	second := first.Clone()
	second["numbers"] = []any{"200"}
	if err := db.Put(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	s.takes(x, "200", "cf")
	x.Apply(acct, first)
	s.agrees(x, db, []string{"100", "200"})
	x.Apply(acct, second)
	x.Apply(acct, first)
	if a, err := x.Lookup(t.Context(), acct, "200", Options{}); err != nil || !a.Found {
		t.Errorf("an earlier write replaced a later one: %+v, %v", a.Match, err)
	}
}

// Whatever others do to the revision trees of an account, with own writes in
// between, the index comes to say what the view says.
func TestIndexAgreesWithViewOfRandomTrees(t *testing.T) {
	couchtest.SkipPouchDB(t, "it purges otherwise")
	s := newSite(t)
	db := s.account(acct)
	x := s.open(Config{guard: 20 * time.Millisecond, wait: 50 * time.Millisecond})
	numbers := []string{"100", "200", "300"}
	s.takes(x, "100", "")
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			id := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "id")
			number := rapid.SampledFrom(numbers).Draw(t, "number")
			step(t, s, x, db, id, number)
		}
		s.agrees(x, db, numbers)
	})
}

func step(t *rapid.T, s *site, x *Indexes, db *couch.DB, id, number string) {
	leaves := s.leaves(db, id)
	pick := ""
	if len(leaves) > 0 {
		pick = rapid.SampledFrom(leaves).Draw(t, "leaf")
	}
	switch kind := rapid.SampledFrom([]string{"branch", "grow", "own", "own delete", "delete", "purge"}).Draw(t, "kind"); {
	case kind == "branch" || pick == "":
		s.leaf(db, id, rapid.IntRange(1, 4).Draw(t, "generation"), fmt.Sprintf("%032x", rapid.Uint32().Draw(t, "rev")), "", number)
	case kind == "grow":
		_, parent, _ := strings.Cut(pick, "-")
		s.leaf(db, id, document.Generation(pick)+1, fmt.Sprintf("%032x", rapid.Uint32().Draw(t, "rev")), parent, number)
	case kind == "own" || kind == "own delete" || kind == "delete":
		doc := document.Doc{"_id": id, "_rev": pick, "pvt_type": "callflow", "numbers": []any{number}}
		if kind != "own" {
			doc = document.Doc{"_id": id, "_rev": pick, "_deleted": true}
		}
		if err := db.Put(s.Context(), doc); err != nil {
			s.Fatal(err)
		}
		if kind != "delete" {
			x.Apply(acct, doc)
		}
	case kind == "purge":
		s.purge(acct, id, pick)
	}
}

// leaves are the leaf revisions of a document that are not deleted.
func (s *site) leaves(db *couch.DB, id string) []string {
	s.Helper()
	docs, err := db.Leaves(s.Context(), id)
	if err != nil && !isCode(err, problem.BadIdentifier, problem.NotFound) {
		s.Fatal(err)
	}
	var out []string
	for _, doc := range docs {
		if doc.Live() {
			out = append(out, doc.Rev())
		}
	}
	slices.Sort(out)
	return out
}
