package callflow

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

func TestListDeleted(t *testing.T) {
	couchtest.SkipPouchDB(t, "its memory adapter keeps no old revisions")
	s := newService(t)
	create(t, s, `{"id":"alive","numbers":["1"]}`)
	for _, id := range []string{"soft", "hard", "raw", "back"} {
		create(t, s, `{"id":"`+id+`","name":"`+id+`","numbers":["`+id+`"]}`)
		remove(t, s, id)
	}
	for _, id := range []string{"hard", "raw", "back"} {
		if _, err := s.Restore(t.Context(), write(t, id, `{}`), ""); err != nil {
			t.Fatal(err)
		}
		if id == "raw" {
			doc, err := s.Get(t.Context(), testAccount, id)
			if err == nil {
				_, err = s.Couch.Account(testAccount).Delete(t.Context(), id, doc.Rev())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if id == "hard" {
			if _, err := s.Delete(t.Context(), write(t, id, `{}`), true); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(t, s, `{"_id":"device","pvt_type":"device","pvt_deleted":true}`)
	gone := put(t, s, `{"_id":"user","pvt_type":"user"}`)
	if _, err := s.Couch.Account(testAccount).Delete(t.Context(), "user", gone.Rev()); err != nil {
		t.Fatal(err)
	}
	list, err := s.ListDeleted(t.Context(), testAccount)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, want := range []Deleted{{ID: "hard", Removed: true}, {ID: "raw", Removed: true}, {ID: "soft"}} {
		got := list[i]
		if got.ID != want.ID || got.Removed != want.Removed || got.Name != want.ID || len(got.Numbers) != 1 || (got.At == "") != (want.ID == "raw") {
			t.Errorf("%+v", got)
		}
		if _, err := s.Restore(t.Context(), write(t, got.ID, `{}`), got.Revision); err != nil {
			t.Errorf("restore %s: %v", got.ID, err)
		}
		remove(t, s, got.ID)
	}
}
