package callflow

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// copyDatabases replicates all databases of one server to another: every leaf
// with its ancestry, as CouchDB's replicator does.
func copyDatabases(t *testing.T, from, to *Service) {
	t.Helper()
	names, err := from.Couch.AllDBs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "account/") {
			continue
		}
		if err := to.Couch.CreateDB(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		copyDatabase(t, from.Couch.DB(name), to.Couch.DB(name))
	}
}

func copyDatabase(t *testing.T, from, to *couch.DB) {
	t.Helper()
	page, err := from.Changes(t.Context(), couch.ChangesOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range page.Changes {
		if strings.HasPrefix(change.ID, "_") {
			continue
		}
		leaves, err := from.Leaves(t.Context(), change.ID)
		if err != nil {
			t.Fatal(err)
		}
		ancestry, err := from.Ancestry(t.Context(), change.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, leaf := range leaves {
			leaf["_revisions"] = revisionsOf(t, ancestry[leaf.Rev()])
		}
		if err := to.BulkRevisions(t.Context(), leaves); err != nil {
			t.Fatal(err)
		}
	}
}

func revisionsOf(t *testing.T, path []string) map[string]any {
	t.Helper()
	generation, _, _ := strings.Cut(path[0], "-")
	start, err := strconv.Atoi(generation)
	if err != nil {
		t.Fatal(err)
	}
	hashes := make([]string, len(path))
	for i, rev := range path {
		_, hashes[i], _ = strings.Cut(rev, "-")
	}
	return map[string]any{"start": start, "ids": hashes}
}

// sites are two servers with the same callflow, edited apart and replicated.
func sites(t *testing.T, here, there string) (a, b *Service) {
	t.Helper()
	a, b = newService(t), newService(t)
	create(t, a, `{"id":"c","name":"n","numbers":["1"]}`)
	copyDatabases(t, a, b)
	patch(t, a, "c", here)
	patch(t, b, "c", there)
	exchange(t, a, b)
	return a, b
}

func exchange(t *testing.T, a, b *Service) {
	t.Helper()
	copyDatabases(t, a, b)
	copyDatabases(t, b, a)
}

func conflicts(t *testing.T, s *Service) Conflicts {
	t.Helper()
	c, err := s.Conflicts(t.Context(), testAccount)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func revisions(items []HistoryItem) []string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = item.Revision
	}
	return out
}

func TestSitesConvergeByMerging(t *testing.T) {
	a, b := sites(t, `{"numbers":["1","2"]}`, `{"name":"there"}`)
	before := conflicts(t, a)
	sameJSON(t, conflicts(t, b), mustJSON(t, before))
	if len(before.Documents) != 1 || !before.Documents[0].Mergeable || before.Documents[0].Type != Type || len(before.Documents[0].Losers) != 1 {
		t.Fatalf("conflicts %+v", before)
	}
	saved, err := a.Resolve(t.Context(), write(t, "c", `{}`), Resolution{Merge: true})
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, a, b)
	for _, s := range []*Service{a, b} {
		sameJSON(t, conflicts(t, s), `{"documents":[],"numbers":[],"patterns":[]}`)
		got, err := s.Get(t.Context(), testAccount, "c")
		if err != nil || got.Rev() != saved.Doc.Rev() {
			t.Fatalf("%v, %v", got, err)
		}
		sameJSON(t, publicOf(got), `{"name":"there","numbers":["1","2"],"patterns":[]}`)
		revs := revisions(history(t, s, "c"))
		for _, rev := range append(before.Documents[0].Losers, before.Documents[0].Winner) {
			if !slices.Contains(revs, rev) {
				t.Errorf("version %s is lost from history %v", rev, revs)
			}
		}
	}
}

func TestOverlappingSitesAreResolvedByChoosing(t *testing.T) {
	a, b := sites(t, `{"name":"here"}`, `{"name":"there"}`)
	found := conflicts(t, a).Documents[0]
	if found.Mergeable {
		t.Fatalf("overlapping edits are mergeable: %+v", found)
	}
	_, err := a.Resolve(t.Context(), write(t, "c", `{}`), Resolution{Merge: true})
	wantError(t, err, problem.Conflict, "")
	_, err = a.Resolve(t.Context(), write(t, "c", `{}`), Resolution{Keep: "1-x"})
	wantError(t, err, problem.Invalid, "")
	for _, keep := range []string{found.Losers[0]} {
		kept, err := a.Version(t.Context(), testAccount, "c", keep)
		if err != nil {
			t.Fatal(err)
		}
		saved, err := a.Resolve(t.Context(), write(t, "c", `{}`), Resolution{Keep: keep})
		if err != nil || saved.Doc.String("name") != kept.String("name") {
			t.Fatalf("kept %v, %v", saved.Doc, err)
		}
	}
	exchange(t, a, b)
	if got := conflicts(t, b).Documents; len(got) != 0 {
		t.Errorf("still in conflict: %+v", got)
	}
	_, err = b.Resolve(t.Context(), write(t, "c", `{}`), Resolution{Merge: true})
	wantError(t, err, problem.BadIdentifier, "")
}

func TestKeepingTheWinnerWritesNothingNew(t *testing.T) {
	a, _ := sites(t, `{"name":"here"}`, `{"name":"there"}`)
	winner := conflicts(t, a).Documents[0].Winner
	saved, err := a.Resolve(t.Context(), write(t, "c", `{}`), Resolution{Keep: winner})
	if err != nil || saved.Doc.Rev() != winner || len(conflicts(t, a).Documents) != 0 {
		t.Errorf("%v, %v", saved.Doc, err)
	}
}

func TestDeletedThereEditedHere(t *testing.T) {
	a, b := newService(t), newService(t)
	create(t, a, `{"id":"c","name":"n","numbers":["1"]}`)
	copyDatabases(t, a, b)
	patch(t, a, "c", `{"name":"here"}`)
	deleted := remove(t, b, "c")
	exchange(t, a, b)
	if got := conflicts(t, a).Documents; len(got) != 1 || got[0].Mergeable {
		t.Fatalf("conflicts %+v", got)
	}
	if _, err := a.Resolve(t.Context(), write(t, "c", `{}`), Resolution{Keep: deleted.Rev()}); err != nil {
		t.Fatal(err)
	}
	_, err := a.Get(t.Context(), testAccount, "c")
	wantError(t, err, problem.BadIdentifier, "")
}

// TestDeletedLeavesNameTheirEdits merges a soft-deleted leaf with an edited one.
func TestDeletedLeavesNameTheirEdits(t *testing.T) {
	s := newService(t)
	fork(t, s, "c", `{"pvt_type":"callflow","numbers":["1"],"name":"n"}`,
		`{"pvt_type":"callflow","numbers":["1"],"name":"n","pvt_deleted":true}`, `{"pvt_type":"callflow","numbers":["1"],"name":"edited"}`)
	_, err := s.Resolve(t.Context(), write(t, "c", `{}`), Resolution{Merge: true})
	if !problem.Is(err, problem.Conflict) {
		t.Fatal(err)
	}
	list, _ := problem.AsError(err).Data["conflicts"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["path"] != "name" {
		t.Errorf("conflicts %v", problem.AsError(err).Data)
	}
}

// TestRemovalLeavesNoLeaf: the other leaf of a conflict does not come back, and
// history has both.
func TestRemovalLeavesNoLeaf(t *testing.T) {
	s := newService(t)
	fork(t, s, "c", `{"pvt_type":"callflow","numbers":["1"],"name":"n"}`,
		`{"pvt_type":"callflow","numbers":["1"],"name":"one"}`, `{"pvt_type":"callflow","numbers":["1"],"name":"two"}`)
	saved, err := s.Delete(t.Context(), write(t, "c", `{}`), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range saved.Warnings {
		if w.Code == "not_removed" {
			t.Errorf("%+v", w)
		}
	}
	_, err = s.Get(t.Context(), testAccount, "c")
	wantError(t, err, problem.BadIdentifier, "")
	known := revisions(history(t, s, "c"))
	for _, rev := range []string{"2-b", "2-c"} {
		if !slices.Contains(known, rev) {
			t.Errorf("history lacks %s: %v", rev, known)
		}
	}
	create(t, s, `{"id":"d","numbers":["1"]}`)
}

func TestNumbersBookedTwice(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"a","numbers":["1","2"],"patterns":["^1$"]}`)
	put(t, s, `{"_id":"b","pvt_type":"callflow","numbers":["2","2","3",5],"patterns":["^1$","^2$"]}`)
	got := conflicts(t, s)
	if len(got.Invalid) != 1 || got.Invalid[0].ID != "b" {
		t.Errorf("invalid %s", mustJSON(t, got.Invalid))
	}
	got.Invalid = nil
	sameJSON(t, got, `{"documents":[],"numbers":[{"number":"2","callflow_ids":["a","b"]}],"patterns":[{"pattern":"^1$","callflow_ids":["a","b"]}]}`)
	// Neither holder is frozen: what the edit leaves as it is is a warning.
	saved, err := s.Patch(t.Context(), write(t, "a", `{"name":"n"}`))
	if err != nil || len(saved.Warnings) != 3 || saved.Warnings[1].Code != "unique" || saved.Warnings[2].Path != "patterns" {
		t.Errorf("%v, %v", saved.Warnings, err)
	}
	patch(t, s, "a", `{"numbers":["1"],"patterns":[]}`)
	if c := conflicts(t, s); len(c.Numbers) != 0 {
		t.Errorf("conflicts %+v", c)
	}
}

func TestConflictsOfOtherDocuments(t *testing.T) {
	s := newService(t)
	put(t, s, `{"_id":"d","pvt_type":"device","name":"x"}`)
	loser := doc(t, `{"_id":"d","_rev":"1-0","pvt_type":"device","name":"y"}`)
	if err := s.Couch.Account(testAccount).BulkRevisions(t.Context(), []document.Doc{loser}); err != nil {
		t.Fatal(err)
	}
	found := conflicts(t, s).Documents
	if len(found) != 1 || found[0].Type != "device" || found[0].Losers[0] != "1-0" {
		t.Fatalf("conflicts %+v", found)
	}
	if _, err := s.Resolve(t.Context(), write(t, "d", `{}`), Resolution{Keep: "1-0"}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Couch.Account(testAccount).Get(t.Context(), "d")
	if err != nil || got.String("name") != "y" || got.Type() != "device" || len(conflicts(t, s).Documents) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// fork stores a document that Kazoo wrote at two sites, from one base.
func fork(t *testing.T, s *Service, id, base, one, other string) {
	t.Helper()
	docs := []document.Doc{doc(t, base), doc(t, one), doc(t, other)}
	for i, hash := range []string{"a", "b", "c"} {
		docs[i]["_id"] = id
		docs[i].SetRev("2-" + hash)
		docs[i]["_revisions"] = map[string]any{"start": 2, "ids": []string{hash, "a"}}
	}
	docs[0].SetRev("1-a")
	docs[0]["_revisions"] = map[string]any{"start": 1, "ids": []string{"a"}}
	for _, d := range docs { // the base first, or it would not be kept
		if err := s.Couch.Account(testAccount).BulkRevisions(t.Context(), []document.Doc{d}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOtherDocumentsMerge(t *testing.T) {
	s := newService(t)
	clock(s) // the history of both versions is in one month
	fork(t, s, "d", `{"pvt_type":"device","n":1}`, `{"pvt_type":"device","n":1,"x":1}`, `{"pvt_type":"device","n":1,"y":1}`)
	saved, err := s.Resolve(t.Context(), write(t, "d", `{}`), Resolution{Merge: true})
	if err != nil {
		t.Fatalf("%v %v", err, problem.AsError(err).Data)
	}
	sameJSON(t, publicOf(saved.Doc), `{"n":1,"x":1,"y":1}`)
	db := s.Couch.DB(couch.MonthDB(testAccount, s.now()))
	for _, rev := range []string{"2-b", "2-c"} {
		if _, err := db.Get(t.Context(), historyID(s.now().Format("200601"), "d", rev)); err != nil {
			t.Errorf("version %s is lost: %v", rev, err)
		}
	}
}

// TestDefaultsDoNotClash merges what Kazoo wrote here with what was saved
// there, defaults and all.
func TestDefaultsDoNotClash(t *testing.T) {
	s := newService(t)
	fork(t, s, "c", `{"pvt_type":"callflow","numbers":["1"],"flow":{"module":"user","data":{"id":"u"},"children":{}}}`,
		`{"pvt_type":"callflow","numbers":["1"],"flow":{"module":"user","data":{"id":"u","timeout":30},"children":{}}}`,
		`{"pvt_type":"callflow","name":"n","numbers":["1"],"patterns":[],"flow":{"module":"user","data":{"id":"u","timeout":20,"delay":0,"strategy":"simultaneous"},"children":{}}}`)
	saved, err := s.Resolve(t.Context(), write(t, "c", `{}`), Resolution{Merge: true})
	if err != nil {
		t.Fatalf("%v %v", err, problem.AsError(err).Data)
	}
	sameJSON(t, publicOf(saved.Doc), `{"name":"n","numbers":["1"],"patterns":[],
		"flow":{"module":"user","data":{"id":"u","timeout":30,"delay":0,"strategy":"simultaneous"},"children":{}}}`)
}

// TestOurDocumentsAreNotForClients leaves design documents and reservations
// to those who write them.
func TestOurDocumentsAreNotForClients(t *testing.T) {
	s := newService(t)
	for _, id := range []string{"_design/x", key{numbersKey, "1"}.ReservationID()} {
		fork(t, s, id, `{"views":{}}`, `{"views":{},"x":1}`, `{"views":{},"y":1}`)
		_, err := s.Resolve(t.Context(), write(t, id, `{}`), Resolution{Keep: "2-b"})
		wantError(t, err, problem.BadIdentifier, "")
	}
	if found := conflicts(t, s).Documents; len(found) != 0 {
		t.Errorf("conflicts %+v", found)
	}
}
