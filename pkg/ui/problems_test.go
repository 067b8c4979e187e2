package ui

import (
	"net/http"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

func TestRenamed(t *testing.T) {
	names := map[string]string{"a": "Sales", "a.b": "Night", "a-b_1": "Day"}
	for message, want := range map[string]string{
		"callflow a has it":                        "Sales has it",
		"goes to callflow a.b; callflow a-b_1 too": "goes to Night; Day too",
		"callflow a, pattern ^1$: callflow a":      "Sales, pattern ^1$: Sales",
		"callflow a.":                              "Sales.",
		"callflow ab has it":                       "callflow ab has it",
		"taken by callflow a (Sales), at once":     "taken by Sales, at once",
		"callflow a (Night)":                       "Sales (Night)",
		"exists in callflow a.b Night":             "exists in Night",
		"callflow a.b Nights":                      "Night Nights",
		"a callflow":                               "a callflow",
		"":                                         "",
	} {
		if got := renamed(message, func(id string) string { return names[id] }); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}

// TestNamesOfLikeIDs: a callflow whose id begins with another's is not called
// by the other's name, wherever a message names it.
func TestNamesOfLikeIDs(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	s.save(t, `{"id":"north","name":"Wide","patterns":["^7(\\d+)$"]}`)
	s.save(t, `{"id":"north.1","name":"Narrow","numbers":["7123"]}`)
	for _, page := range []string{"/callflows", "/analysis", "/callflows/north"} {
		b.get(s.under(page)).want(http.StatusOK).has("a number of Narrow, which keeps it")
	}
	// Past the service, which would refuse it.
	again := document.Doc{"_id": "again", "pvt_type": "callflow", "pvt_account_id": s.master, "name": "Again", "numbers": []any{"7123"}}
	if err := s.couch.Account(s.master).Put(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	b.get(s.under("/callflows/again")).want(http.StatusOK).has("exists in Narrow<")
}
