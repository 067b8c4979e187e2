package route

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/couchviews"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

// kazoos makes an account's database as a cluster of Kazoo's has it: with the
// design document that Kazoo wrote and none of ours.
func (s *site) kazoos(id string) *couch.DB {
	s.Helper()
	if err := s.kazoo.CreateDB(s.Context(), couch.AccountDB(id)); err != nil {
		s.Fatal(err)
	}
	db := s.kazoo.Account(id)
	design := couchtest.JSON[document.Doc](s, `{"_id":"_design/callflows","language":"javascript","kazoo":{"view_map":[{"classification":"account"}]},"views":{
		"crossbar_listing":{"map":"function(doc) { if (doc.pvt_type != 'callflow' || doc.pvt_deleted) return; emit(doc._id, {id: doc._id}); }"},
		"listing_by_number":{"map":"function(doc) { if (doc.pvt_type != 'callflow' || doc.pvt_deleted) return; for (var i in doc.numbers) emit(doc.numbers[i], {name: doc.name}); }"}}}`)
	if err := db.Put(s.Context(), design); err != nil {
		s.Fatal(err)
	}
	s.put(db, `{"_id":"`+id+`","pvt_type":"account","dial_plan":{}}`)
	return db
}

// prepare puts our design documents in place, as the account package does.
func (s *site) prepare(ctx context.Context, id string) error {
	designs, err := couchviews.Designs("account")
	if err != nil {
		return err
	}
	return s.kazoo.Account(id).SyncDesigns(ctx, designs)
}

// On a database of Kazoo's, lookups work at once, whether our view is missing or
// takes for ever to build. What Kazoo wrote stays as it is, to the byte.
func TestRoutesWhileTheViewIsBuilt(t *testing.T) {
	s := newSite(t)
	db := s.kazoos(acct)
	s.put(db, `{"_id":"a","numbers":["100"],"patterns":["^2(\\d)$"]}`)
	s.put(db, `{"_id":"gone","numbers":["300"],"pvt_deleted":true}`)
	before, err := db.GetRaw(t.Context(), "_design/callflows")
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"missing", "being built"} {
		if what == "being built" {
			defer s.silence("/_design/callflowd/_view/routes")()
		}
		x := s.open(Config{Prepare: s.prepare, viewPatience: 50 * time.Millisecond})
		s.takes(x, "100", "a")
		s.takes(x, "21", "a")
		s.takes(x, "300", "")
		s.put(db, `{"_id":"later `+what+`","numbers":["4`+what+`"]}`)
		couchtest.Eventually(t, "a later change is routed", func() bool {
			a, err := x.Lookup(t.Context(), acct, "4"+what, Options{})
			return err == nil && a.Match.CallflowID == "later "+what
		})
		couchtest.Eventually(t, "the view is added", func() bool {
			_, err := db.Get(t.Context(), "_design/callflowd")
			return err == nil
		})
		x.Close()
	}
	if after, err := db.GetRaw(t.Context(), "_design/callflows"); err != nil || !bytes.Equal(before, after) {
		t.Errorf("Kazoo's design document was changed: %s, %v", after, err)
	}
	for row, err := range db.AllDocs(t.Context(), couch.Query{StartKey: "_design/", EndKey: "_design0"}) {
		if err != nil {
			t.Fatal(err)
		}
		if row.ID == "_design/callflows" {
			continue
		}
		doc, err := db.Get(t.Context(), row.ID)
		if err != nil || doc["callflowd"] != true {
			t.Errorf("%s is not marked as ours: %v", row.ID, err)
		}
	}
}

// silence has requests for a path hang until release is called.
func (s *site) silence(path string) (release func()) {
	hang := make(chan struct{})
	s.hang.Store(&hanging{path, hang})
	return func() { close(hang); s.hang.Store(nil) }
}

// hanging is a part of paths whose requests are not answered yet.
type hanging struct {
	path string
	till chan struct{}
}

func (h *hanging) wait(ctx context.Context, path string) {
	if h == nil || !strings.Contains(path, h.path) {
		return
	}
	select {
	case <-h.till:
	case <-ctx.Done():
	}
}
