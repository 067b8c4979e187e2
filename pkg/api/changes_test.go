package api

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

func TestChanges(t *testing.T) {
	w := newWorld(t, nil)
	base := "/v2/accounts/" + w.master + "/changes"
	w.newCallflow(w.master, `{"id":"a","numbers":["1"]}`)
	first := w.send(get, base, "").want(http.StatusOK)
	since, _ := first.env["last_seq"].(string)
	if since == "" || len(first.items()) == 0 {
		t.Fatalf("page %s", first.body)
	}
	if got := w.send(get, base+"?since="+since, "").want(http.StatusOK).items(); len(got) != 0 {
		t.Errorf("nothing happened, and yet: %v", got)
	}
	w.newCallflow(w.master, `{"id":"b","numbers":["2"]}`)
	next := w.send(get, base+"?feed=longpoll&since="+since, "").want(http.StatusOK)
	if got := next.ids(); len(got) != 1 || got[0] != "b" {
		t.Errorf("after %s: %v", since, next.data())
	}
	w.send(get, base+"?limit=0", "").want(http.StatusNotFound).says("faulty_request")
	w.send(get, base+"?feed=continuous", "").want(http.StatusBadRequest)
	if got := w.send(get, base+"?limit=1", "").want(http.StatusOK).items(); len(got) != 1 {
		t.Errorf("limit=1 gave %v", got)
	}
}

func TestChangesSinceNonsense(t *testing.T) {
	couchtest.SkipPouchDB(t, "its change feed takes any since")
	w := newWorld(t, nil)
	path := "/v2/accounts/" + w.master + "/changes?since=nonsense"
	w.send(get, path, "").want(http.StatusBadRequest)
	w.send(get, path, "", "Accept", "text/event-stream").want(http.StatusBadRequest)
}

// TestEventStream reads server-sent events over a connection, and goes on
// after the last one it saw.
func TestEventStream(t *testing.T) {
	w := newWorld(t, nil)
	srv := httptest.NewServer(w.handler)
	defer srv.Close()
	w.newCallflow(w.master, `{"id":"a","numbers":["1"]}`)
	_, id := w.nextEvent(srv, "", `"id":"a"`)
	w.newCallflow(w.master, `{"id":"b","numbers":["2"]}`)
	data, _ := w.nextEvent(srv, id, "")
	if !strings.Contains(data, `"id":"b"`) {
		t.Errorf("after %s came %s", id, data)
	}
}

// nextEvent opens a stream after an event and returns the first one whose data
// holds a text, with its id.
func (w *world) nextEvent(srv *httptest.Server, after, holding string) (data, id string) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, get, srv.URL+"/v2/accounts/"+w.master+"/changes", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", w.token)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Last-Event-ID", after)
	res, err := srv.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("content type %s", res.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			id = value
		}
		if value, ok := strings.CutPrefix(lines.Text(), "data: "); ok && strings.Contains(value, holding) {
			return value, id
		}
	}
	w.t.Fatalf("the stream ended: %v", lines.Err())
	return "", ""
}

// TestConflicts makes two revisions of a callflow, as two sites would, and
// settles them.
func TestConflicts(t *testing.T) {
	w := newWorld(t, nil)
	base := "/v2/accounts/" + w.master
	w.newCallflow(w.master, `{"id":"x","numbers":["1"],"name":"ours"}`)
	db := w.couch.DB(couch.AccountDB(w.master))
	stored, err := db.Get(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	theirs := stored.Clone()
	theirs["name"] = "theirs"
	theirs["_rev"] = "1-" + strings.Repeat("0", 32)
	if err := db.BulkRevisions(t.Context(), []document.Doc{theirs}); err != nil {
		t.Fatal(err)
	}
	found := w.send(get, base+"/conflicts", "").want(http.StatusOK)
	if found.data("documents", 0, "id") != "x" {
		t.Fatalf("conflicts %v", found.data())
	}
	w.send(post, base+"/conflicts/x", `{"data":{}}`).want(http.StatusBadRequest)
	w.send(post, base+"/conflicts/nosuch", `{"data":{"merge":true}}`).want(http.StatusNotFound)
	loser, _ := found.data("documents", 0, "losers", 0).(string)
	settled := w.send(post, base+"/conflicts/x", `{"data":{"keep":"`+loser+`"}}`).want(http.StatusOK)
	if settled.data("id") != "x" {
		t.Errorf("settled %v", settled.data())
	}
	if again := w.send(get, base+"/conflicts", "").want(http.StatusOK); again.data("documents", 0) != nil {
		t.Errorf("still in conflict: %v", again.data())
	}
}
