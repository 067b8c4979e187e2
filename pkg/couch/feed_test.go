package couch_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

func changed(page couch.ChangesPage) []string {
	got := []string{}
	for _, change := range page.Changes {
		got = append(got, change.ID)
	}
	return got
}

func TestChanges(t *testing.T) {
	ctx, db := t.Context(), newDB(t)
	put(t, db, `{"_id":"a"}`)
	b := put(t, db, `{"_id":"b","name":"b"}`)
	seq, err := db.UpdateSeq(ctx)
	check(t, err)
	page, err := db.Changes(ctx, couch.ChangesOptions{IncludeDocs: true})
	check(t, err)
	if got := changed(page); !reflect.DeepEqual(got, []string{"a", "b"}) {
		t.Fatalf("changes %q", got)
	}
	if c := page.Changes[1]; c.Deleted || !reflect.DeepEqual(c.Revs, []string{b.Rev()}) || len(c.Doc) == 0 {
		t.Errorf("change %+v", c)
	}
	_, err = db.Delete(ctx, "b", b.Rev())
	check(t, err)
	for _, since := range []string{seq, page.LastSeq} {
		page, err := db.Changes(ctx, couch.ChangesOptions{Since: since})
		check(t, err)
		if len(page.Changes) != 1 || page.Changes[0].ID != "b" || !page.Changes[0].Deleted {
			t.Errorf("since %s: %+v", since, page)
		}
	}
	page, err = db.Changes(ctx, couch.ChangesOptions{DocIDs: []string{"a"}})
	check(t, err)
	if got := changed(page); !reflect.DeepEqual(got, []string{"a"}) {
		t.Errorf("by id %q", got)
	}
	page, err = db.Changes(ctx, couch.ChangesOptions{Limit: 1})
	check(t, err)
	if len(page.Changes) != 1 {
		t.Errorf("limited %+v", page)
	}
}

func TestLongpoll(t *testing.T) {
	ctx, db := t.Context(), newDB(t)
	put(t, db, `{"_id":"a"}`)
	seq, err := db.UpdateSeq(ctx)
	check(t, err)
	page, err := db.Changes(ctx, couch.ChangesOptions{Since: seq, Longpoll: true, Timeout: 50 * time.Millisecond})
	check(t, err)
	if len(page.Changes) != 0 || page.LastSeq == "" {
		t.Errorf("nothing happened, but %+v", page)
	}
	woken := make(chan couch.ChangesPage, 1)
	go func() {
		page, err := db.Changes(ctx, couch.ChangesOptions{Since: seq, Longpoll: true})
		if err != nil {
			t.Error(err)
		}
		woken <- page
	}()
	put(t, db, `{"_id":"b"}`)
	if got := changed(<-woken); !reflect.DeepEqual(got, []string{"b"}) {
		t.Errorf("woken by %q", got)
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := db.Changes(ctx, couch.ChangesOptions{Since: seq, Longpoll: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestDBUpdates(t *testing.T) {
	couchtest.SkipPouchDB(t, "it has no _db_updates")
	client := couchtest.New(t)
	seq, err := client.UpdatesSeq(t.Context())
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	updates := make(chan couch.DBUpdate, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- client.DBUpdates(ctx, seq, func(u couch.DBUpdate) error {
			updates <- u
			return nil
		})
	}()
	check(t, client.CreateDB(ctx, dbName))
	await(t, updates, "created")
	put(t, client.DB(dbName), `{"_id":"a"}`)
	await(t, updates, "updated")
	check(t, client.DropDB(ctx, dbName))
	await(t, updates, "deleted")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	stop := errors.New("enough")
	check(t, client.CreateDB(t.Context(), "accounts"))
	if err := client.DBUpdates(t.Context(), seq, func(couch.DBUpdate) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("stopped with %v", err)
	}
}

// await passes over other updates: a server may report one twice.
func await(t *testing.T, updates <-chan couch.DBUpdate, kind string) {
	t.Helper()
	couchtest.Eventually(t, "an update of type "+kind, func() bool {
		select {
		case u := <-updates:
			return u.DB == dbName && u.Type == kind && u.Seq != ""
		default:
			return false
		}
	})
}
