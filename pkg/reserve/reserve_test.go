package reserve_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newNames are reservations in a fresh database, at a time that the test sets.
func newNames(t *testing.T) (reserve.Names, *time.Time) {
	t.Helper()
	client := couchtest.New(t)
	check(t, client.CreateDB(t.Context(), "names"))
	now := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	return reserve.Names{DB: client.DB("names"), Now: func() time.Time { return now }}, &now
}

// ann is the name that documents say they have.
func ann() reserve.Name {
	return reserve.Name{ID: "reservation-ann", HeldBy: func(doc document.Doc) bool { return doc.Live() && doc.String("name") == "ann" }}
}

func put(t *testing.T, n reserve.Names, doc document.Doc) {
	t.Helper()
	check(t, n.DB.Put(t.Context(), doc))
}

// TestTake asks for a reservation that another holds, by what that other is.
func TestTake(t *testing.T) {
	tests := []struct {
		name   string
		holder []document.Doc
		age    time.Duration // of the reservation
		want   bool
	}{
		{"nobody wrote yet", nil, 59 * time.Second, false},
		{"nobody ever wrote", nil, 61 * time.Second, true},
		{"has the name", []document.Doc{{"_id": "first", "name": "ann"}}, time.Hour, false},
		{"is being named", []document.Doc{{"_id": "first", "name": "bob"}}, 59 * time.Second, false},
		{"has another name", []document.Doc{{"_id": "first", "name": "bob"}}, 61 * time.Second, true},
		{"soft-deleted", []document.Doc{{"_id": "first", "name": "ann", "pvt_deleted": true}}, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, now := newNames(t)
			took, err := n.Take(t.Context(), ann(), "first")
			check(t, err)
			if !took {
				t.Fatal("a name that nobody has cannot be had")
			}
			for _, doc := range tt.holder {
				put(t, n, doc)
			}
			*now = now.Add(tt.age)
			free, err := n.Free(t.Context(), ann(), "second")
			check(t, err)
			took, err = n.Take(t.Context(), ann(), "second")
			check(t, err)
			if took != tt.want || free != tt.want {
				t.Errorf("took %v, free %v, want %v", took, free, tt.want)
			}
			for holder, want := range map[string]bool{"first": !tt.want, "second": tt.want} {
				if held, err := n.Held(t.Context(), "reservation-ann", holder); err != nil || held != want {
					t.Errorf("held by %s %v, %v", holder, held, err)
				}
			}
		})
	}
}

func TestTakeAgainAndRelease(t *testing.T) {
	n, _ := newNames(t)
	for range 2 { // one's own can be taken again
		if took, err := n.Take(t.Context(), ann(), "first"); err != nil || !took {
			t.Fatalf("%v, %v", took, err)
		}
	}
	if free, err := n.Free(t.Context(), ann(), "first"); err != nil || !free {
		t.Errorf("one's own is not free: %v", err)
	}
	check(t, n.Release(t.Context(), "reservation-ann", "second")) // not its own: nothing happens
	if held, err := n.Held(t.Context(), "reservation-ann", "first"); err != nil || !held {
		t.Errorf("another released it: %v, %v", held, err)
	}
	check(t, n.Release(t.Context(), "reservation-ann", "first"))
	check(t, n.Release(t.Context(), "reservation-ann", "first")) // again is no error
	if took, err := n.Take(t.Context(), ann(), "second"); err != nil || !took {
		t.Errorf("a released one: %v, %v", took, err)
	}
}

// TestMalformed meets reservations that replication or a hand damaged: they
// bar nobody for good.
func TestMalformed(t *testing.T) {
	for name, doc := range map[string]document.Doc{
		"empty":           {},
		"no time":         {"holder": "first"},
		"time of text":    {"holder": "first", "pvt_created": "yesterday"},
		"holder of digit": {"holder": 7, "pvt_created": 1},
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := newNames(t)
			doc["_id"] = "reservation-ann"
			put(t, n, doc)
			if took, err := n.Take(t.Context(), ann(), "second"); err != nil || !took {
				t.Errorf("%v, %v", took, err)
			}
		})
	}
}

// meddling does something right before the first request it is waiting for.
type meddling struct {
	before func(*http.Request) bool
	do     func()
	done   bool
}

func (m *meddling) RoundTrip(r *http.Request) (*http.Response, error) {
	if !m.done && m.before(r) {
		m.done = true
		m.do()
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestMeddling lets the world change between two requests of Take: the former
// holder writes after all, releases, or a third comes first.
func TestMeddling(t *testing.T) {
	put := func(db *couch.DB, doc document.Doc) func(*testing.T) {
		return func(t *testing.T) { check(t, db.Put(t.Context(), doc)) }
	}
	tests := []struct {
		name   string
		method string // of the request to the reservation that it happens before
		nth    int
		do     func(*couch.DB) func(*testing.T)
		want   string // who holds it in the end
	}{
		{"the holder writes after all", http.MethodPut, 2, func(db *couch.DB) func(*testing.T) {
			return put(db, document.Doc{"_id": "first", "name": "ann"})
		}, "first"},
		{"the holder releases", http.MethodGet, 1, func(db *couch.DB) func(*testing.T) {
			return func(t *testing.T) {
				check(t, reserve.Names{DB: db, Now: time.Now}.Release(t.Context(), "reservation-ann", "first"))
			}
		}, "second"},
		{"a third takes over", http.MethodPut, 2, func(db *couch.DB) func(*testing.T) {
			return func(t *testing.T) {
				doc, err := db.Get(t.Context(), "reservation-ann")
				check(t, err)
				doc["holder"] = "third"
				put(db, doc)(t)
			}
		}, "third"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			address := couchtest.URL(t)
			plain := couchtest.Open(t, address)
			check(t, plain.CreateDB(t.Context(), "names"))
			db := plain.DB("names")
			old := func() time.Time { return time.Now().Add(-time.Hour) }
			_, err := reserve.Names{DB: db, Now: old}.Take(t.Context(), ann(), "first")
			check(t, err)
			seen := 0
			m := &meddling{do: func() { tt.do(db)(t) }, before: func(r *http.Request) bool {
				if r.Method == tt.method && strings.HasSuffix(r.URL.Path, "/reservation-ann") {
					seen++
				}
				return seen == tt.nth
			}}
			client, err := couch.Open(couch.Config{URL: address, Transport: m})
			check(t, err)
			took, err := reserve.Names{DB: client.DB("names"), Now: time.Now}.Take(t.Context(), ann(), "second")
			check(t, err)
			if held, err := (reserve.Names{DB: db}).Held(t.Context(), "reservation-ann", tt.want); err != nil || !held {
				t.Errorf("not held by %s: %v", tt.want, err)
			}
			if took != (tt.want == "second") || !m.done {
				t.Errorf("took %v, meddled %v", took, m.done)
			}
		})
	}
}

// TestOneOfMany has many writers take, write and ask again at once, through
// two clients: exactly one has the name at the end.
func TestOneOfMany(t *testing.T) {
	address := couchtest.URL(t)
	clients := []*couch.Client{couchtest.Open(t, address), couchtest.Open(t, address)}
	check(t, clients[0].CreateDB(t.Context(), "names"))
	var wg sync.WaitGroup
	won := make(chan string, 20)
	for i := range cap(won) {
		n := reserve.Names{DB: clients[i%2].DB("names"), Now: time.Now}
		wg.Go(func() {
			if id := "writer-" + strconv.Itoa(i); write(t, n, id) {
				won <- id
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d writers have the name", len(won))
	}
}

// write is what a writer does to get the name ann.
func write(t *testing.T, n reserve.Names, id string) bool {
	took, err := n.Take(context.Background(), ann(), id)
	if err != nil || !took {
		if err != nil {
			t.Error(err)
		}
		return false
	}
	if err := n.DB.Put(context.Background(), document.Doc{"_id": id, "name": "ann"}); err != nil {
		t.Error(err)
	}
	held, err := n.Held(context.Background(), "reservation-ann", id)
	if err != nil {
		t.Error(err)
	}
	return held
}

// TestUnreachable asks a server that is not there: every question fails, and
// none is answered with yes.
func TestUnreachable(t *testing.T) {
	client, err := couch.Open(couch.Config{URL: "http://127.0.0.1:1"})
	check(t, err)
	n := reserve.Names{DB: client.DB("names"), Now: time.Now}
	yes := map[string]func() (bool, error){
		"take": func() (bool, error) { return n.Take(t.Context(), ann(), "first") },
		"free": func() (bool, error) { return n.Free(t.Context(), ann(), "first") },
		"held": func() (bool, error) { return n.Held(t.Context(), "reservation-ann", "first") },
		"release": func() (bool, error) {
			return false, n.Release(t.Context(), "reservation-ann", "first")
		},
	}
	for name, ask := range yes {
		if got, err := ask(); got || !problem.Is(err, problem.Unavailable) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
