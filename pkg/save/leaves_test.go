package save_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// conflicting gives the document d two more leaves, one of them deleted, and
// deletes its winner.
func conflicting(t *testing.T, db *couch.DB) {
	t.Helper()
	leaf := func(hash string, deleted bool) document.Doc {
		return document.Doc{"_id": "d", "_rev": "1-" + strings.Repeat(hash, 32), "_deleted": deleted, "value": hash}
	}
	if err := db.BulkRevisions(t.Context(), []document.Doc{leaf("1", false), leaf("2", false), leaf("3", true)}); err != nil {
		t.Fatal(err)
	}
	leaves, err := save.Living(t.Context(), db, "d")
	if err != nil || len(leaves) != 3 {
		t.Fatalf("%v %v", leaves, err)
	}
	if _, err := db.Delete(t.Context(), "d", leaves[0].Rev()); err != nil {
		t.Fatal(err)
	}
}

// TestRemoveRest deletes every leaf that would take the place of a removed
// document, and keeps each of them first.
func TestRemoveRest(t *testing.T) {
	db := newDB(t)
	conflicting(t, db)
	var kept []string
	warnings := save.RemoveRest(t.Context(), db, "d", func(_ context.Context, leaf document.Doc) error {
		kept = append(kept, leaf.Rev())
		return nil
	})
	if len(warnings) > 0 || len(kept) != 2 {
		t.Errorf("kept %v, warnings %v", kept, warnings)
	}
	if left, err := save.Living(t.Context(), db, "d"); err != nil || len(left) > 0 {
		t.Errorf("left %v %v", left, err)
	}
	if warnings := save.RemoveRest(t.Context(), db, "none", nil); len(warnings) > 0 {
		t.Errorf("of no document: %v", warnings)
	}
}

// TestRemoveRestWarns: leaves that cannot be kept stay, and the warning names
// them.
func TestRemoveRestWarns(t *testing.T) {
	db := newDB(t)
	conflicting(t, db)
	warnings := save.RemoveRest(t.Context(), db, "d", func(context.Context, document.Doc) error { return errors.New("full") })
	left, err := save.Living(t.Context(), db, "d")
	if err != nil || len(left) != 2 || len(warnings) != 1 || warnings[0].Code != "not_removed" {
		t.Fatalf("left %v %v, warnings %v", left, err, warnings)
	}
	for _, leaf := range left {
		if !strings.Contains(warnings[0].Message, leaf.Rev()) {
			t.Errorf("%s does not name %s", warnings[0].Message, leaf.Rev())
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if warnings := save.RemoveRest(ended, db, "d", nil); len(warnings) != 1 || !strings.Contains(warnings[0].Message, "not known") {
		t.Errorf("of a request that has ended: %v", warnings)
	}
}

// TestReferenced warns of documents that refer to one to be deleted, or refuses
// the deletion if the request asks for that.
func TestReferenced(t *testing.T) {
	found := []save.Reference{{ID: "cf1", Type: "callflow", Name: "Main", Path: "flow.data.id"}, {ID: "u1", Type: "user", Path: "x"}}
	down := &problem.Error{Code: problem.Unavailable}
	tests := []struct {
		name     string
		refuse   bool
		found    []save.Reference
		err      error
		want     problem.Code // of the error; "" for none
		warnings string
	}{
		{"nothing refers to it", false, nil, nil, "", ""},
		{"nothing refers to it, refusing", true, nil, nil, "", ""},
		{"referred to", false, found, nil, "", "callflow cf1 still refers to this menu at flow.data.id; user u1 still refers to this menu at x"},
		{"referred to, refusing", true, found, nil, problem.Conflict, ""},
		{"the view cannot be read", false, nil, down, "", ""},
		{"the view cannot be read, refusing", true, nil, down, problem.Unavailable, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &save.Attempt{Write: save.Write{ID: "m", RefuseIfReferenced: tt.refuse}, Stored: document.Doc{"_id": "m", "_rev": "1-a", "pvt_type": "menu"}}
			err := a.Referenced(t.Context(), func(context.Context) ([]save.Reference, error) { return tt.found, tt.err })
			if tt.want == "" && err != nil || tt.want != "" && !problem.Is(err, tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			var messages []string
			for _, w := range a.Warnings {
				if w.Code != "referenced" || w.Path != "id" || w.Members["id"] == "" {
					t.Errorf("warning %+v", w)
				}
				messages = append(messages, w.Message)
			}
			if got := strings.Join(messages, "; "); got != tt.warnings {
				t.Errorf("warnings %s, want %s", got, tt.warnings)
			}
			if tt.want == problem.Conflict {
				data := problem.AsError(err).Data
				if data["revision"] != "1-a" || fmt.Sprint(data["references"]) != fmt.Sprint(found) {
					t.Errorf("data %v", data)
				}
			}
		})
	}
}

// TestChecked asks the client's precondition, if there is one.
func TestChecked(t *testing.T) {
	if err := (save.Write{}).Checked("1-a"); err != nil {
		t.Errorf("without a precondition: %v", err)
	}
	failed := errors.New("another revision")
	var asked string
	w := save.Write{Check: func(rev string) error { asked = rev; return failed }}
	if err := w.Checked("1-a"); !errors.Is(err, failed) || asked != "1-a" {
		t.Errorf("%v of %q", err, asked)
	}
}
