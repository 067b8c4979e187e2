package route

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/couchviews"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
)

const (
	acct  = "0123456789abcdef0123456789abcdef"
	other = "fedcba9876543210fedcba9876543210"
)

// site is a server with a switch and a second client that writes straight to
// it, as Kazoo would.
type site struct {
	hang atomic.Pointer[hanging] // requests that are not answered
	*testing.T
	url   string
	kazoo *couch.Client
	down  atomic.Bool
	deny  string // path prefix that answers 404
	cut   func() // ends the connections
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{T: t}
	target := couchtest.URL(t)
	s.kazoo = couchtest.Open(t, target)
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.FlushInterval = -1
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.down.Load() {
			s.hang.Load().wait(r.Context(), r.URL.Path)
		}
		switch {
		case s.down.Load():
			panic(http.ErrAbortHandler)
		case s.deny != "" && strings.HasPrefix(r.URL.Path, s.deny):
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":"not_found","reason":"Database does not exist."}`)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	s.url = server.URL
	s.cut = server.CloseClientConnections
	return s
}

// account creates an account's database with its design documents.
func (s *site) account(id string) *couch.DB {
	s.Helper()
	ctx := s.Context()
	if err := s.kazoo.CreateDB(ctx, couch.AccountDB(id)); err != nil {
		s.Fatal(err)
	}
	designs, err := couchviews.Designs("account")
	if err != nil {
		s.Fatal(err)
	}
	for _, d := range designs {
		if d.ID() != "_design/callflows" && d.ID() != "_design/callflowd" {
			continue
		}
		if err := s.kazoo.Account(id).SyncDesign(ctx, d); err != nil {
			s.Fatal(err)
		}
	}
	return s.kazoo.Account(id)
}

func (s *site) put(db *couch.DB, text string) document.Doc {
	s.Helper()
	doc := couchtest.JSON[document.Doc](s, text)
	doc["pvt_type"] = "callflow"
	if err := db.Put(s.Context(), doc); err != nil {
		s.Fatal(err)
	}
	return doc
}

// open starts indexes; Dir and the like may be set in cfg.
func (s *site) open(cfg Config) *Indexes {
	s.Helper()
	cfg.Couch = couchtest.Open(s, s.url)
	cfg.Patience = cmp.Or(cfg.Patience, time.Minute) // a busy machine is no storage that hangs
	x := NewIndexes(cfg)
	s.Cleanup(x.Close)
	return x
}

// takes looks a number up until the callflow taking it is the one wanted.
func (s *site) takes(x *Indexes, number, want string) Answer {
	s.Helper()
	var a Answer
	couchtest.Eventually(s, number+" goes to "+want, func() bool {
		var err error
		a, err = x.Lookup(s.Context(), acct, number, Options{})
		return err == nil && a.Match.CallflowID == want
	})
	return a
}

func TestForeignWritesArrive(t *testing.T) {
	for name, deny := range map[string]string{"_db_updates": "", "a feed per account": "/_db_updates"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.deny = deny
			db := s.account(acct)
			doc := s.put(db, `{"_id":"cf1","numbers":["100"]}`)
			x := s.open(Config{})
			a := s.takes(x, "100", "cf1")
			if a.Callflow == nil || a.Callflow.Doc.ID() != "cf1" || !strings.Contains(string(a.Callflow.Public), `"id":"cf1"`) {
				t.Errorf("callflow %+v", a.Callflow)
			}
			s.put(db, `{"_id":"cf2","patterns":["^2(\\d*)$"],"numbers":["no_match"]}`)
			s.takes(x, "201", "cf2")
			s.takes(x, "301", "cf2") // no_match
			doc["pvt_deleted"] = true
			if err := db.Put(t.Context(), doc); err != nil {
				t.Fatal(err)
			}
			s.takes(x, "100", "cf2")
			s.put(db, `{"_id":"cf3","numbers":["100"]}`)
			s.takes(x, "100", "cf3")
		})
	}
}

func TestFeedIsResumed(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"cf1","numbers":["100"]}`)
	x := s.open(Config{})
	s.takes(x, "100", "cf1")

	s.down.Store(true)
	s.cut()
	s.put(db, `{"_id":"cf2","numbers":["200"]}`)
	a := s.takes(x, "100", "cf1") // goes on without the database
	if a.Callflow == nil {
		t.Error("the callflow was in memory")
	}
	if a, err := x.Lookup(t.Context(), acct, "200", Options{}); err != nil || a.Found {
		t.Errorf("200 cannot be known: %+v, %v", a, err)
	}
	s.down.Store(false)
	s.takes(x, "200", "cf2")
}

func TestAsOfStandsStillWithoutTheDatabase(t *testing.T) {
	s := newSite(t)
	s.put(s.account(acct), `{"_id":"cf1","numbers":["100"]}`)
	x := s.open(Config{})
	s.takes(x, "100", "cf1")
	s.down.Store(true)
	s.cut()
	for x.feedUp.Load() { // the broken connection is noticed
		s.takes(x, "100", "cf1")
	}
	first := s.takes(x, "100", "cf1").AsOf
	if second := s.takes(x, "100", "cf1").AsOf; !second.Equal(first) {
		t.Errorf("as_of moved from %v to %v", first, second)
	}
}

func TestRecreatedDatabase(t *testing.T) {
	couchtest.SkipPouchDB(t, "its sequences are plain integers, which a database created again passes unnoticed")
	for name, deny := range map[string]string{"_db_updates": "", "a feed per account": "/_db_updates"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.deny = deny
			db := s.account(acct)
			for i := range 5 {
				s.put(db, fmt.Sprintf(`{"_id":"cf%d","numbers":["10%d"]}`, i, i))
			}
			x := s.open(Config{})
			s.takes(x, "101", "cf1")
			if err := s.kazoo.DropDB(t.Context(), db.Name()); err != nil {
				t.Fatal(err)
			}
			s.put(s.account(acct), `{"_id":"new","numbers":["200"]}`)
			s.takes(x, "200", "new")
			s.takes(x, "101", "")
		})
	}
}

func TestMissingDatabase(t *testing.T) {
	s := newSite(t)
	x := s.open(Config{})
	_, err := x.Lookup(t.Context(), acct, "100", Options{})
	if !problem.Is(err, problem.MissingDatabase) {
		t.Errorf("error %v", err)
	}
}

// An own write that falls between the reading of the view and the index made
// of it stays visible, although the feed brings nothing but that write.
func TestReadYourWritesWhileReloading(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	x := s.open(Config{})
	s.takes(x, "100", "")
	x.mu.RLock()
	l := x.accounts[acct]
	x.mu.RUnlock()
	l.cancel() // the feed brings nothing meanwhile
	began, empty := time.Now(), index.New()
	x.Apply(acct, s.put(db, `{"_id":"cf1","numbers":["100"]}`))
	l.install(empty, began)
	if a, err := x.Lookup(t.Context(), acct, "100", Options{}); err != nil || a.Match.CallflowID != "cf1" {
		t.Errorf("100 goes to %+v (%v)", a.Match, err)
	}
	l.install(index.New(), time.Now().Add(time.Second)) // as of a database made again
	if a, err := x.Lookup(t.Context(), acct, "100", Options{}); err != nil || a.Found {
		t.Errorf("100 still goes to %+v (%v)", a.Match, err)
	}
}

func TestReadYourWrites(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	x := s.open(Config{})
	if _, err := x.Lookup(t.Context(), acct, "100", Options{}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		number := fmt.Sprintf("1%02d", i)
		doc := s.put(db, fmt.Sprintf(`{"_id":"cf%d","numbers":[%q]}`, i, number))
		x.Apply(acct, doc)
		a, err := x.Lookup(t.Context(), acct, number, Options{})
		if err != nil || a.Match.CallflowID != doc.ID() {
			t.Fatalf("%s goes to %+v (%v)", number, a.Match, err)
		}
		x.Apply(acct, document.Doc{"_id": doc.ID(), "_rev": "9-z", "_deleted": true})
		if a, _ := x.Lookup(t.Context(), acct, number, Options{}); a.Found {
			t.Fatalf("%s still goes to %+v", number, a.Match)
		}
	}
}

func TestOlderRevisionsDoNotOverwriteOwnWrites(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	x := s.open(Config{})
	doc := s.put(db, `{"_id":"cf","numbers":["100"]}`)
	s.takes(x, "100", "cf")
	l, err := x.account(t.Context(), acct)
	if err != nil {
		t.Fatal(err)
	}
	stale := doc.Clone()
	doc["numbers"] = []any{"200"}
	if err := db.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	x.Apply(acct, doc)
	l.applying.Lock()
	old := l.outranked(couch.Change{ID: "cf", Revs: []string{stale.Rev()}}, stale)
	again := l.outranked(couch.Change{ID: "cf", Revs: []string{doc.Rev()}}, doc)
	left := len(l.written)
	l.applying.Unlock()
	if again || !old && left > 0 {
		t.Errorf("old outranked %v, own %v", old, again)
	}
	s.takes(x, "200", "cf")
}
