package account_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// dying is the connection of a process that dies after so many requests that
// write: nothing it sends after that arrives.
type dying struct {
	writes atomic.Int64
	feeds  atomic.Int64 // how often the change feed was asked
	asked  atomic.Int64 // how often one document was asked for
	dead   atomic.Bool  // reads do not arrive either

	refused atomic.Int64 // what did not arrive
}

func (d *dying) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/_changes") {
		d.feeds.Add(1)
	}
	if strings.HasSuffix(r.URL.Path, "/_all_docs") || strings.Count(r.URL.Path, "/") == 2 && !strings.Contains(r.URL.Path, "/_") {
		d.asked.Add(1)
	}
	if d.dead.Load() || r.Method != http.MethodGet && r.Method != http.MethodHead && d.writes.Add(-1) < 0 {
		d.refused.Add(1)
		return nil, errors.New("the process is dead")
	}
	return http.DefaultTransport.RoundTrip(r)
}

// dyingService is a process on the server at address that dies after writes.
func dyingService(t *testing.T, address string, writes int) *account.Service {
	t.Helper()
	s, _ := mortalService(t, address, writes)
	return s
}

// mortalService is the same, with its connection.
func mortalService(t *testing.T, address string, writes int) (*account.Service, *dying) {
	t.Helper()
	transport := &dying{}
	transport.writes.Store(int64(writes))
	client, err := couch.Open(couch.Config{URL: address, Transport: transport})
	check(t, err)
	return &account.Service{Couch: client}, transport
}

// later is a process that starts when everything begun before is abandoned.
func later(t *testing.T, address string) *account.Service {
	t.Helper()
	s := &account.Service{Couch: couchtest.Open(t, address), Now: func() time.Time { return time.Now().Add(time.Hour) }}
	ensureMaster(t, s)
	check(t, s.Recover(t.Context()))
	return s
}

// wantSound checks what must hold whatever happened: every account has its
// database and equal copies, every account database an account, nothing is
// left under way.
func wantSound(t *testing.T, s *account.Service) {
	t.Helper()
	wantNoIntents(t, s)
	ctx := t.Context()
	dbs, err := s.Couch.AllDBs(ctx)
	check(t, err)
	var listed []string
	for row, err := range s.Couch.DB("accounts").View(ctx, "accounts", "listing_by_simple_id", couch.Query{}) {
		check(t, err)
		listed = append(listed, row.ID)
	}
	for _, name := range dbs {
		if id, _, ok := couch.AccountOf(name); ok && !slices.Contains(listed, id) {
			t.Errorf("database %s has no account", name)
		}
	}
	for _, id := range listed {
		own, err := s.Couch.Account(id).Get(ctx, id)
		check(t, err)
		copied, err := s.Couch.DB("accounts").Get(ctx, id)
		check(t, err)
		delete(own, "_rev")
		delete(copied, "_rev")
		if !document.Equal(map[string]any(own), map[string]any(copied)) {
			t.Errorf("copies of %s differ: %v, %v", id, own, copied)
		}
		_, err = s.Couch.Account(id).Get(ctx, "_design/callflows")
		check(t, err)
	}
	wantForest(t, s, listed)
}

// wantForest checks that every account has the ancestors of its parent and the
// parent, all of them alive, and the reseller that follows from them.
func wantForest(t *testing.T, s *account.Service, ids []string) {
	t.Helper()
	docs, err := s.Couch.DB("accounts").GetMany(t.Context(), ids)
	check(t, err)
	for id, doc := range docs {
		above := doc.Strings("pvt_tree")
		if len(above) == 0 {
			continue
		}
		parent := docs[above[len(above)-1]]
		if want := append(parent.Strings("pvt_tree"), parent.ID()); parent == nil || !slices.Equal(above, want) || slices.Contains(above, id) {
			t.Errorf("%s has the ancestors %q, its parent's are %q", doc.String("name"), above, want)
		}
		reseller := above[0]
		for _, ancestor := range above {
			if document.Truthy(docs[ancestor]["pvt_reseller"]) {
				reseller = ancestor
			}
		}
		if got := doc.String("pvt_reseller_id"); got != reseller {
			t.Errorf("%s has the reseller %s, want %s", doc.String("name"), got, reseller)
		}
	}
}

// writesOfCreate is how many writes creating an account takes, and a few more.
const writesOfCreate = 16

// TestCrashWhileCreating lets a process die at every step of creating an
// account. After the next start there is no trace of it or a sound account,
// and the name can be used if it is not.
func TestCrashWhileCreating(t *testing.T) {
	address := couchtest.URL(t)
	master := ensureMaster(t, &account.Service{Couch: couchtest.Open(t, address)}).ID
	done := 0
	for died := range writesOfCreate {
		data := document.Doc{"name": fmt.Sprintf("Acme %d", died)}
		_, crash := dyingService(t, address, died).Create(t.Context(), master, data, account.Actor{})
		s := later(t, address)
		wantSound(t, s)
		children, err := s.Children(t.Context(), master)
		check(t, err)
		made := slices.Contains(names(children), data.String("name"))
		if crash == nil {
			if done++; !made {
				t.Errorf("after %d writes: an account that was created is gone", died)
			}
			continue
		}
		_, err = s.Create(t.Context(), master, data, account.Actor{})
		if !made {
			if err != nil {
				t.Errorf("after %d writes: the name cannot be used: %v", died, err)
			}
			continue
		}
		wantViolation(t, err, "name", "unique")
	}
	if done == 0 {
		t.Errorf("%d writes were not enough", writesOfCreate)
	}
}

// TestCrashWhileStarting lets the first process die at every step of making
// the master account, from its last system database on; the next start makes
// it.
func TestCrashWhileStarting(t *testing.T) {
	for died := 10; died < 22; died++ {
		address := couchtest.URL(t)
		_, _ = dyingService(t, address, died).EnsureMaster(t.Context(), "")
		s := later(t, address)
		wantSound(t, s)
		create(t, s, s.MasterID(), "Acme")
	}
}

// TestCrashWhileDeleting lets a process die at every step of deleting an
// account, softly and hard: it is there or it is gone, and its name is free if
// it is gone.
func TestCrashWhileDeleting(t *testing.T) {
	for _, hard := range []bool{false, true} {
		address := couchtest.URL(t)
		first := &account.Service{Couch: couchtest.Open(t, address)}
		master := ensureMaster(t, first).ID
		done := 0
		for died := range 12 {
			id := create(t, first, master, "Acme")
			check(t, first.Couch.CreateDB(t.Context(), couch.MonthDB(id, time.Now())))
			_, crash := dyingService(t, address, died).Delete(t.Context(), account.Write{ID: id}, hard)
			s := later(t, address)
			_, err := s.Get(t.Context(), id)
			gone := problem.Is(err, problem.BadIdentifier)
			if !gone {
				check(t, err)
				_, err := s.Delete(t.Context(), account.Write{ID: id}, hard) // make room for the next of that name
				check(t, err)
			}
			if crash == nil && !gone {
				t.Errorf("hard %v, after %d writes: deleted, but there", hard, died)
			}
			if crash == nil {
				done++
			}
			if hard {
				wantSound(t, s)
			}
			wantNoIntents(t, s)
		}
		if done == 0 {
			t.Errorf("hard %v: twelve writes were not enough", hard)
		}
	}
}

func TestCrashWhileMoving(t *testing.T) {
	address := couchtest.URL(t)
	first := &account.Service{Couch: couchtest.Open(t, address)}
	master := ensureMaster(t, first).ID
	from := create(t, first, master, "From")
	to := create(t, first, master, "To")
	_, err := first.Reseller(t.Context(), to, true)
	check(t, err)
	id := create(t, first, from, "Moving")
	below := create(t, first, id, "Below")
	for died := range 16 {
		_, crash := dyingService(t, address, died).Move(t.Context(), id, to, account.Actor{})
		s := later(t, address)
		wantSound(t, s)
		tree, err := s.Ancestors(t.Context(), id)
		check(t, err)
		lower, err := s.Ancestors(t.Context(), below)
		check(t, err)
		if !slices.Equal(lower, append(slices.Clone(tree), id)) {
			t.Errorf("after %d writes: %q, but below %q", died, tree, lower)
		}
		if crash == nil && !slices.Equal(tree, []string{master, to}) {
			t.Errorf("after %d writes: moved, but tree %q", died, tree)
		}
		if tree[1] == to {
			from, to = to, from
		}
	}
}

// TestRecoverLeavesTheLivingAlone sees an operation that began just now.
func TestRecoverLeavesTheLivingAlone(t *testing.T) {
	address := couchtest.URL(t)
	master := ensureMaster(t, &account.Service{Couch: couchtest.Open(t, address)}).ID
	_, err := dyingService(t, address, 4).Create(t.Context(), master, document.Doc{"name": "Acme"}, account.Actor{})
	if err == nil {
		t.Fatal("four writes were enough to create an account")
	}
	s := &account.Service{Couch: couchtest.Open(t, address)}
	check(t, s.Recover(t.Context()))
	_, err = s.Create(t.Context(), master, document.Doc{"name": "Acme"}, account.Actor{})
	wantViolation(t, err, "name", "unique")
}
