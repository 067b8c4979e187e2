package callflow

import (
	"net/url"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
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
	list := deleted(t, s, ListOptions{Ascending: true})
	if len(list) != 3 {
		t.Fatalf("%+v", list)
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

// deleted lists what can be restored, page by page.
func deleted(t *testing.T, s *Service, o ListOptions) (list []Deleted) {
	t.Helper()
	for {
		page, err := s.ListDeleted(t.Context(), testAccount, o)
		if err != nil || o.PageSize > 0 && len(page.Items) > o.PageSize {
			t.Fatalf("%d items, %v", len(page.Items), err)
		}
		for _, item := range page.Items {
			list = append(list, couchtest.JSON[Deleted](t, string(item)))
		}
		if o.StartKey = page.NextStartKey; o.StartKey == "" {
			return list
		}
	}
}

func TestListDeletedByPages(t *testing.T) {
	couchtest.SkipPouchDB(t, "its memory adapter keeps no old revisions")
	s := newService(t)
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		create(t, s, `{"id":"`+id+`","name":"name of `+id+`","numbers":["`+id+`"]}`)
		if _, err := s.Delete(t.Context(), write(t, id, `{}`), id == "b" || id == "d"); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		o    ListOptions
		want string
	}{
		{"one page", ListOptions{Ascending: true}, "abcde"},
		{"as listings are ordered", ListOptions{}, "edcba"},
		{"pages of two", ListOptions{PageSize: 2}, "edcba"},
		{"pages of one", ListOptions{PageSize: 1, Ascending: true}, "abcde"},
		{"a page that is full", ListOptions{PageSize: 5}, "edcba"},
		{"from", ListOptions{StartKey: "c", PageSize: 2}, "cba"},
		{"to", ListOptions{EndKey: "c", Ascending: true}, "abc"},
		{"filtered", ListOptions{Filter: document.ParseFilter(url.Values{"filter_name": {"name of d"}}), PageSize: 1}, "d"},
	} {
		got := ""
		for _, item := range deleted(t, s, tt.o) {
			got += item.ID
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
