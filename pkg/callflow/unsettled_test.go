package callflow

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

// TestUnsettled: a preview shows what a merge gives, and writes nothing.
func TestUnsettled(t *testing.T) {
	a, _ := sites(t, `{"numbers":["1","2"]}`, `{"name":"there"}`)
	before := conflicts(t, a)
	found, err := a.Unsettled(t.Context(), testAccount, "c")
	if err != nil || len(found.Leaves) != 2 || found.Leaves[0].Rev() != before.Documents[0].Winner || found.Clashes != nil {
		t.Fatalf("%+v, %v", found, err)
	}
	sameJSON(t, publicOf(found.Merged), `{"name":"there","numbers":["1","2"],"patterns":[]}`)
	sameJSON(t, conflicts(t, a), mustJSON(t, before))
	moved := write(t, "c", `{}`)
	moved.Check = func(rev string) error {
		return &problem.Error{Code: problem.PreconditionFailed, Data: map[string]any{"revision": rev}}
	}
	_, err = a.Resolve(t.Context(), moved, Resolution{Merge: true})
	wantError(t, err, problem.PreconditionFailed, "")
	sameJSON(t, conflicts(t, a), mustJSON(t, before))
	saved, err := a.Resolve(t.Context(), write(t, "c", `{}`), Resolution{Merge: true})
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, publicOf(saved.Doc), mustJSON(t, publicOf(found.Merged)))
	_, err = a.Unsettled(t.Context(), testAccount, "c")
	wantError(t, err, problem.BadIdentifier, "")
	_, err = a.Unsettled(t.Context(), testAccount, "none")
	wantError(t, err, problem.BadIdentifier, "")
}

// TestUnsettledClash: where edits overlap, there is no merge but the places.
func TestUnsettledClash(t *testing.T) {
	a, _ := sites(t, `{"name":"here"}`, `{"name":"there"}`)
	found, err := a.Unsettled(t.Context(), testAccount, "c")
	if err != nil || found.Merged != nil || len(found.Clashes) != 1 || found.Clashes[0]["path"] != "name" {
		t.Fatalf("%+v, %v", found, err)
	}
}
