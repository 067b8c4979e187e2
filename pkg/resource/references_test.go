package resource

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// TestReferencesOfEveryKind: what a flow, a group or a directory mentions is
// guarded, whatever it is.
func TestReferencesOfEveryKind(t *testing.T) {
	s := newService(t)
	db := s.Couch.Account(account)
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			id := save.NewID()
			for _, doc := range []document.Doc{
				{"_id": id, "pvt_type": k.Type, "name": "x"},
				{"_id": "flow-" + id, "pvt_type": "callflow", "flow": map[string]any{"module": "x", "data": map[string]any{"id": id}}},
				{"_id": "group-" + id, "pvt_type": "group", "endpoints": map[string]any{id: map[string]any{"weight": 1}}},
			} {
				if err := db.Put(t.Context(), doc); err != nil {
					t.Fatal(err)
				}
			}
			found, err := s.References(t.Context(), k, account, id)
			if err != nil || len(found) != 2 || found[0].Path != "flow.data.id" || found[1].Path != "endpoints."+id {
				t.Errorf("%+v, %v", found, err)
			}
			w := write(t, k.Name, id, `{}`)
			w.RefuseIfReferenced = true
			if _, err := s.Delete(t.Context(), w, false); !problem.Is(err, problem.Conflict) {
				t.Errorf("deleted: %v", err)
			}
			w.RefuseIfReferenced = false
			saved, err := s.Delete(t.Context(), w, true)
			if err != nil || len(saved.Warnings) != 2 {
				t.Errorf("%+v, %v", saved.Warnings, err)
			}
			if _, err := s.References(t.Context(), k, account, id); !problem.Is(err, problem.BadIdentifier) {
				t.Errorf("references of what is not there: %v", err)
			}
		})
	}
}

// TestRemovalLeavesNoLeaf: a removal for good does not bring a revision back
// that had lost.
func TestRemovalLeavesNoLeaf(t *testing.T) {
	s := newService(t)
	mustCreate(t, s, "menus", `{"id":"m1","name":"x"}`)
	other := couchtest.JSON[document.Doc](t, `{"_id":"m1","_rev":"1-0","pvt_type":"menu","name":"y"}`)
	db := s.Couch.Account(account)
	if err := db.BulkRevisions(t.Context(), []document.Doc{other}); err != nil {
		t.Fatal(err)
	}
	saved, err := s.Delete(t.Context(), write(t, "menus", "m1", `{}`), true)
	if err != nil || len(saved.Warnings) != 0 {
		t.Fatalf("%+v, %v", saved, err)
	}
	left, err := save.Living(t.Context(), db, "m1")
	if err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
