package couch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// follower records what a [couch.Follower] is told.
type follower struct {
	couch.Follower
	mu     sync.Mutex
	begun  int
	taken  []string
	lost   []error
	update time.Time
}

func follow(db *couch.DB) *follower {
	f := &follower{Follower: couch.Follower{DB: db, Longpoll: 200 * time.Millisecond}}
	f.Begin = func(context.Context) error { f.note(func() { f.begun++ }); return nil }
	f.Take = func(_ context.Context, page couch.ChangesPage) error {
		f.note(func() { f.taken = append(f.taken, changed(page)...) })
		return nil
	}
	f.Current = func(at time.Time) { f.note(func() { f.update = at }) }
	f.Lost = func(err error) { f.note(func() { f.lost = append(f.lost, err) }) }
	return f
}

func (f *follower) note(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
}

func (f *follower) sees(what func() bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return what()
}

// start runs the follower until the test ends.
func (f *follower) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

func TestFollowInOrder(t *testing.T) {
	db := newDB(t)
	put(t, db, `{"_id":"old"}`)
	f := follow(db)
	f.Begin = func(context.Context) error { put(t, db, `{"_id":"meanwhile"}`); return nil }
	refuse := true
	take := f.Take
	f.Take = func(ctx context.Context, page couch.ChangesPage) error {
		if slices.Contains(changed(page), "b") && refuse {
			refuse = false
			return errors.New("not now")
		}
		return take(ctx, page)
	}
	f.start(t)
	want := []string{"meanwhile", "a", "b", "c"}
	for i, id := range want {
		if i > 0 {
			put(t, db, `{"_id":"`+id+`"}`)
		}
		couchtest.Eventually(t, id, func() bool { return f.sees(func() bool { return slices.Contains(f.taken, id) }) })
	}
	if !f.sees(func() bool { return reflect.DeepEqual(f.taken, want) }) {
		t.Errorf("taken %q, want %q", f.taken, want)
	}
	if !f.sees(func() bool { return len(f.lost) == 1 }) {
		t.Errorf("lost %v, want the one refusal", f.lost)
	}
}

func TestFollowPages(t *testing.T) {
	ctx, db := t.Context(), newDB(t)
	f := follow(db)
	check(t, f.CatchUp(ctx))
	begin := f.Seq()
	for i := range 450 {
		put(t, db, fmt.Sprintf(`{"_id":"%03d"}`, i))
	}
	check(t, f.CatchUp(ctx))
	if len(f.taken) != 450 || !slices.IsSorted(f.taken) && couchtest.Vendor(t) == couchtest.Couchlite {
		t.Errorf("taken %d changes: %q", len(f.taken), f.taken)
	}
	resumed := follow(db)
	resumed.Resume(begin, f.Life())
	check(t, resumed.CatchUp(ctx))
	if len(resumed.taken) != 450 || resumed.begun != 0 {
		t.Errorf("resumed: begun %d times, taken %d changes", resumed.begun, len(resumed.taken))
	}
}

// A database that was made anew under the same name says so by nothing but
// its sequence, or by having been away.
func TestFollowRecreatedDatabase(t *testing.T) {
	couchtest.SkipPouchDB(t, "it does not end the feed of a deleted database")
	ctx, client := t.Context(), couchtest.New(t)
	check(t, client.CreateDB(ctx, dbName))
	db := client.DB(dbName)
	for _, id := range []string{"a", "b", "c"} {
		put(t, db, `{"_id":"`+id+`"}`)
	}
	f := follow(db)
	f.start(t)
	begun := func(n int) func() bool { return func() bool { return f.sees(func() bool { return f.begun >= n }) } }
	couchtest.Eventually(t, "it begins", begun(1))
	check(t, client.DropDB(ctx, dbName))
	check(t, client.CreateDB(ctx, dbName))
	couchtest.Eventually(t, "it begins anew", begun(2))
	put(t, db, `{"_id":"d"}`)
	couchtest.Eventually(t, "the new one is followed", func() bool {
		return f.sees(func() bool { return slices.Contains(f.taken, "d") })
	})
	f.Restart()
	couchtest.Eventually(t, "it begins when told so", begun(3))
}

// A restart that comes while the database is being read counts.
func TestFollowRestartWhileBeginning(t *testing.T) {
	f := follow(newDB(t))
	f.Begin = func(context.Context) error {
		if f.begun++; f.begun == 1 {
			f.Restart()
		}
		return nil
	}
	check(t, f.CatchUp(t.Context()))
	if f.begun != 2 {
		t.Errorf("begun %d times, want 2", f.begun)
	}
}

// flaky is a server whose answers a test sets.
type flaky struct {
	answer atomic.Pointer[func(w http.ResponseWriter, r *http.Request)]
}

func (s *flaky) set(answer func(w http.ResponseWriter, r *http.Request)) { s.answer.Store(&answer) }

// feed answers as a database born at a time whose sequence stands at seq.
func feed(born, seq string, ids ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !strings.HasSuffix(r.URL.Path, "/_changes") {
			fmt.Fprintf(w, `{"db_name":"x","update_seq":%q,"instance_start_time":%q,"doc_count":0,"sizes":{}}`, seq, born)
			return
		}
		rows := []string{}
		for _, id := range ids {
			rows = append(rows, fmt.Sprintf(`{"seq":%q,"id":%q,"changes":[{"rev":"1-a"}]}`, seq, id))
		}
		if len(rows) == 0 || r.URL.Query().Get("since") == seq {
			rows = nil
			if r.URL.Query().Get("feed") == "longpoll" {
				<-r.Context().Done() // it has nothing to say, and never says so
				return
			}
		}
		fmt.Fprintf(w, `{"results":[%s],"last_seq":%q,"pending":0}`, strings.Join(rows, ","), seq)
	}
}

func newFlaky(t *testing.T) (*flaky, *couch.DB) {
	t.Helper()
	s := &flaky{}
	client := serving(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // only then is a client that leaves noticed
		(*s.answer.Load())(w, r)
	})
	return s, client.DB(dbName)
}

func unavailable(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusServiceUnavailable)
}

func TestFollowGoesOnAfterALoss(t *testing.T) {
	server, db := newFlaky(t)
	server.set(feed("7", "5-x"))
	f := follow(db)
	f.start(t)
	// A longpoll that no server ends is not the end of the feed.
	couchtest.Eventually(t, "it is current again and again", func() bool {
		return f.sees(func() bool { return time.Since(f.update) < time.Second && f.begun == 1 })
	})
	var refused atomic.Int32
	server.set(func(w http.ResponseWriter, r *http.Request) { refused.Add(1); unavailable(w, r) })
	couchtest.Eventually(t, "some attempts fail", func() bool { return refused.Load() > 2 })
	server.set(feed("7", "6-x", "a"))
	couchtest.Eventually(t, "it goes on", func() bool { return f.sees(func() bool { return slices.Contains(f.taken, "a") }) })
	if f.begun != 1 || len(f.lost) != 1 || f.Seq() != "6-x" {
		t.Errorf("begun %d times, lost %v, at %s", f.begun, f.lost, f.Seq())
	}
	server.set(unavailable)
	couchtest.Eventually(t, "the second loss is told", func() bool { return f.sees(func() bool { return len(f.lost) > 1 }) })
	server.set(feed("8", "9-x", "b")) // further on, but another database
	couchtest.Eventually(t, "it begins anew", func() bool { return f.sees(func() bool { return f.begun == 2 }) })
}

func TestFollowStartsOver(t *testing.T) {
	tests := []struct{ name, seq, since string }{
		{"behind", "3-x", "5-x"},
		{"a row that was passed", "5-x", "5-y"},
		{"numbers alone", "3", "5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, db := newFlaky(t)
			server.set(feed("7", tt.seq, "a"))
			f := follow(db)
			f.Resume(tt.since, "")
			check(t, f.CatchUp(t.Context()))
			if f.begun != 1 || f.Seq() != tt.seq {
				t.Errorf("begun %d times, at %q", f.begun, f.Seq())
			}
		})
	}
}

// No answer of a server may end the process.
func TestFollowStrangeAnswers(t *testing.T) {
	answers := []string{
		``, `null`, `[]`, `{}`, `{"results":null}`, `{"results":[]}`, `{"results":{}}`, `{"results":[null],"last_seq":"1-x"}`,
		`{"results":[{"seq":"1-x"`, `{"results":[],"last_seq":null}`, `{"last_seq":"1-x"}`, `{"last_seq":"1-x","pending":0}` + "\n",
		`{"seq":"1-x","id":"a","changes":[{"rev":"1-a"}]}` + "\n" + `{"last_seq":"1-x","pending":0}` + "\n",
		`{"results":[{"seq":1,"id":1,"changes":1}],"last_seq":"1-x"}`, `{"results":[],"last_seq":{"a":1}}`, "\x00\xff",
	}
	for _, answer := range answers {
		t.Run(answer, func(t *testing.T) {
			db := canned(t, http.StatusOK, answer).DB(dbName)
			for _, longpoll := range []bool{false, true} {
				page, err := db.Changes(t.Context(), couch.ChangesOptions{Since: "1-x", Longpoll: longpoll, IncludeDocs: true})
				if err == nil && page.LastSeq == "" {
					t.Errorf("a page without an end is no error: %+v", page)
				}
			}
			f := follow(db)
			f.Resume("1-x", "")
			if err := f.CatchUp(t.Context()); err == nil && f.Seq() == "" {
				t.Error("no error, and no place to go on from")
			}
		})
	}
}

func TestFollowUpdates(t *testing.T) {
	var begun, asked, lost int
	client := serving(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch asked++; {
		case r.URL.Query().Get("feed") == "normal":
			io.WriteString(w, `{"results":[],"last_seq":"5-x"}`) //nolint:errcheck // the client may be gone
		case begun < 3: // a feed that breaks behind its first line
			io.WriteString(w, `{"db_name":"a","type":"updated","seq":"6-x"}`+"\n") //nolint:errcheck // the client may be gone
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	var taken []couch.DBUpdate
	err := client.FollowUpdates(t.Context(), couch.Updates{
		Begin: func() { begun++ },
		Take:  func(u couch.DBUpdate) { taken = append(taken, u) },
		Lost:  func(error) { lost++ },
	})
	if !isNoUpdates(err) || begun != 3 || lost != 3 || len(taken) != 2 || taken[1].DB != "a" {
		t.Errorf("%v: begun %d, lost %d, taken %+v", err, begun, lost, taken)
	}
}

// TestFollowPurge begins anew where documents were purged: waiting for changes,
// beside a change, and after a stop.
func TestFollowPurge(t *testing.T) {
	couchtest.SkipPouchDB(t, "it purges otherwise")
	ctx, address := t.Context(), couchtest.URL(t)
	client := couchtest.Open(t, address)
	check(t, client.CreateDB(ctx, dbName))
	db := client.DB(dbName)
	a, b, c := put(t, db, `{"_id":"a"}`), put(t, db, `{"_id":"b"}`), put(t, db, `{"_id":"c"}`)
	f := follow(db)
	f.start(t)
	begun := func(n int) func() bool { return func() bool { return f.sees(func() bool { return f.begun >= n }) } }
	couchtest.Eventually(t, "it begins", begun(1))
	purge(t, address, "a", a.Rev())
	couchtest.Eventually(t, "it begins anew", begun(2))

	idle := follow(db)
	check(t, idle.CatchUp(ctx))
	purge(t, address, "b", b.Rev())
	put(t, db, `{"_id":"d"}`)
	check(t, idle.CatchUp(ctx))
	if idle.begun == 1 && !idle.Unsure() {
		t.Error("it is sure although a change may hide a purge")
	}
	check(t, idle.CatchUp(ctx))
	if idle.begun != 2 {
		t.Errorf("begun %d times beside a change, want 2", idle.begun)
	}

	seq, life := idle.Seq(), idle.Life()
	purge(t, address, "c", c.Rev())
	resumed := follow(db)
	resumed.Resume(seq, life)
	check(t, resumed.CatchUp(ctx))
	if resumed.begun != 1 {
		t.Errorf("resumed behind a purge: begun %d times, want 1", resumed.begun)
	}
}

// purge has the server at an address forget a leaf.
func purge(t *testing.T, address, id, rev string) {
	t.Helper()
	body := strings.NewReader(fmt.Sprintf(`{%q:[%q]}`, id, rev))
	res, err := http.Post(address+"/"+url.PathEscape(dbName)+"/_purge", "application/json", body)
	check(t, err)
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		t.Fatalf("purge %s: %s", id, res.Status)
	}
}

func TestLife(t *testing.T) {
	info := func(start, purges string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/_changes") {
				feed("", "5-x")(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"db_name":"x","update_seq":"5-x","instance_start_time":%s,"purge_seq":%s,"doc_count":0,"sizes":{}}`, start, purges)
		}
	}
	server, db := newFlaky(t)
	f := follow(db)
	for i, tt := range []struct {
		start, purges string
		begun         int
	}{
		{`"1"`, `"3-a"`, 1},
		{`"1"`, `"3-b"`, 1}, // another text for the same number
		{`"1"`, `"2-a"`, 1}, // another copy of a shard answers
		{`"1"`, `"4-a"`, 2},
		{`"1"`, `5`, 3}, // as CouchDB 1 counts
		{`"2"`, `5`, 4},
		{`"2"`, `null`, 4},
	} {
		server.set(info(tt.start, tt.purges))
		check(t, f.CatchUp(t.Context()))
		if f.begun != tt.begun {
			t.Fatalf("row %d: begun %d times, want %d", i, f.begun, tt.begun)
		}
	}
}
