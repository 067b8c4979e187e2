package account_test

import (
	"context"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

func TestTree(t *testing.T) {
	s, master := newService(t)
	reseller := create(t, s, master, "Reseller")
	customer := create(t, s, reseller, "Customer")
	create(t, s, reseller, "Another")
	create(t, s, master, "Zeta")
	tests := []struct {
		name string
		list func(context.Context, string) ([]account.Item, error)
		of   string
		want []string
	}{
		{"children", s.Children, master, []string{"Reseller", "Zeta"}},
		{"children of the lowest", s.Children, customer, []string{}},
		{"descendants", s.Descendants, master, []string{"Another", "Customer", "Reseller", "Zeta"}},
		{"siblings", s.Siblings, customer, []string{"Another", "Customer"}},
		{"siblings of the highest", s.Siblings, master, []string{}},
		{"tree", s.Tree, customer, []string{"master", "Reseller"}},
		{"parents", s.Parents, reseller, []string{"master"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			items, err := tt.list(t.Context(), tt.of)
			check(t, err)
			if got := names(items); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			for _, item := range items {
				if item["id"] == nil {
					t.Errorf("no id in %v", item)
				}
			}
		})
	}
	_, err := s.Tree(t.Context(), account.NewID())
	wantCode(t, err, problem.BadIdentifier)
}

func TestMove(t *testing.T) {
	s, master := newService(t)
	ctx := t.Context()
	a, b := create(t, s, master, "A"), create(t, s, master, "B")
	moving := create(t, s, a, "Moving")
	below := create(t, s, moving, "Below")
	doc, err := s.Move(ctx, moving, b, account.Actor{})
	check(t, err)
	if got := doc.Strings("pvt_tree"); !slices.Equal(got, []string{master, b}) {
		t.Errorf("tree %q", got)
	}
	lower, err := s.Get(ctx, below)
	check(t, err)
	if got := lower.Strings("pvt_tree"); !slices.Equal(got, []string{master, b, moving}) {
		t.Errorf("tree below %q", got)
	}
	for name, tt := range map[string]struct {
		id, to string
		want   problem.Code
	}{
		"below itself":      {moving, below, problem.Invalid},
		"to itself":         {moving, moving, problem.Invalid},
		"to nobody":         {moving, account.NewID(), problem.Invalid},
		"the master":        {master, a, problem.Forbidden},
		"an account of air": {account.NewID(), a, problem.BadIdentifier},
	} {
		_, err := s.Move(ctx, tt.id, tt.to, account.Actor{})
		if !problem.Is(err, tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	wantNoIntents(t, s)
}

func TestDelete(t *testing.T) {
	for _, hard := range []bool{false, true} {
		s, master := newService(t)
		ctx := t.Context()
		id := create(t, s, master, "Acme")
		below := create(t, s, id, "Below")
		month := couch.MonthDB(id, time.Now())
		check(t, s.Couch.CreateDB(ctx, month))
		_, err := s.Delete(ctx, account.Write{ID: master}, hard)
		wantCode(t, err, problem.Forbidden)
		_, err = s.Delete(ctx, account.Write{ID: id}, hard)
		wantCode(t, err, problem.HasDescendants)
		_, err = s.Delete(ctx, account.Write{ID: below}, hard)
		check(t, err)
		refuse := func(string) error { return &problem.Error{Code: problem.PreconditionFailed} }
		_, err = s.Delete(ctx, account.Write{ID: id, Check: refuse}, hard)
		wantCode(t, err, problem.PreconditionFailed)
		_, err = s.Delete(ctx, account.Write{ID: id}, hard)
		check(t, err)
		for _, gone := range []string{id, below} {
			_, err = s.Get(ctx, gone)
			wantCode(t, err, problem.BadIdentifier)
			_, err = s.State(ctx, gone)
			wantCode(t, err, problem.BadIdentifier)
			_, err = s.Delete(ctx, account.Write{ID: gone}, hard)
			wantCode(t, err, problem.BadIdentifier)
			has, err := s.Couch.HasDB(ctx, s.Couch.Account(gone).Name())
			check(t, err)
			if has == hard {
				t.Errorf("hard %v: the database is there %v", hard, has)
			}
		}
		if has, err := s.Couch.HasDB(ctx, month); err != nil || has == hard {
			t.Errorf("hard %v: the month's database is there %v, %v", hard, has, err)
		}
		create(t, s, master, "Acme") // the name is free
		wantNoIntents(t, s)
	}
}

// TestRepair changes either copy behind the service's back, as replication
// may: the account's own database decides.
func TestRepair(t *testing.T) {
	s, master := newService(t)
	ctx, id := t.Context(), create(t, s, master, "Acme")
	copied, err := s.Couch.DB("accounts").Get(ctx, id)
	check(t, err)
	copied["name"] = "wrong"
	check(t, s.Couch.DB("accounts").Put(ctx, copied))
	doc, err := s.Get(ctx, id)
	check(t, err)
	repaired, err := s.Couch.DB("accounts").Get(ctx, id)
	check(t, err)
	if doc.String("name") != "Acme" || repaired.String("name") != "Acme" {
		t.Errorf("%v, copy %v", doc, repaired)
	}
	_, err = s.Couch.DB("accounts").Delete(ctx, id, repaired.Rev())
	check(t, err)
	_, err = s.Get(ctx, id)
	check(t, err)
	if _, err := s.Couch.DB("accounts").Get(ctx, id); err != nil {
		t.Errorf("the copy is not restored: %v", err)
	}
	other := couchtest.JSON[document.Doc](t, `{"_id":"account0000000000000000000000001","pvt_type":"account","name":"no database"}`)
	check(t, s.Couch.DB("accounts").Put(ctx, other))
	if doc, err := s.Get(ctx, other.ID()); err != nil || doc.String("name") != "no database" {
		t.Errorf("without a database: %v, %v", doc, err)
	}
}

// TestFollow waits until one process knows what another did.
func TestFollow(t *testing.T) {
	address := couchtest.URL(t)
	a := &account.Service{Couch: couchtest.Open(t, address)}
	b := &account.Service{Couch: couchtest.Open(t, address)}
	master := ensureMaster(t, a).ID
	id := create(t, a, master, "Acme")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		b.Follow(ctx)
		close(done)
	}()
	state, err := b.State(ctx, id)
	check(t, err)
	if !state.Enabled || !state.Below(master) || !state.Below(id) || state.Below("x") {
		t.Errorf("state %+v", state)
	}
	write := account.Write{ID: id, Data: document.Doc{"enabled": false}, Actor: account.Actor{AccountID: master}}
	_, err = a.Patch(ctx, write)
	check(t, err)
	couchtest.Eventually(t, "the change arrives", func() bool {
		state, err := b.State(ctx, id)
		check(t, err)
		return !state.Enabled
	})
	cancel()
	<-done
}

// TestStateOutlivesTheDatabase asks while the database is gone.
func TestStateOutlivesTheDatabase(t *testing.T) {
	address := couchtest.URL(t)
	master := ensureMaster(t, &account.Service{Couch: couchtest.Open(t, address)}).ID
	s, connection := mortalService(t, address, 0)
	now := time.Now()
	s.Now = func() time.Time { return now }
	_, err := s.State(t.Context(), master)
	check(t, err)
	connection.dead.Store(true)
	now = now.Add(23 * time.Hour)
	if state, err := s.State(t.Context(), master); err != nil || !state.Superduper {
		t.Errorf("after 23 hours: %v, %v", state, err)
	}
	now = now.Add(2 * time.Hour)
	_, err = s.State(t.Context(), master)
	wantCode(t, err, problem.Unavailable)
}

// TestStateOutlivesTheFeed loses the feed and the database after a day: what
// the feed watched over until then is known as of then. The clock stands
// still meanwhile, so that only the feed brings anything new.
func TestStateOutlivesTheFeed(t *testing.T) {
	address := couchtest.URL(t)
	other := &account.Service{Couch: couchtest.Open(t, address)}
	master := ensureMaster(t, other).ID
	id := create(t, other, master, "Other")
	s, connection := mortalService(t, address, 1_000_000)
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	s.Now = func() time.Time { return time.Unix(0, now.Load()) }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		s.Follow(ctx)
		close(done)
	}()
	// The feed is asked again when its last answer has been dealt with; the
	// second time, that answer came after the call.
	awaitFeed := func() {
		asked, round := connection.feeds.Load(), 0
		couchtest.Eventually(t, "the feed speaks twice", func() bool {
			_, err := other.Patch(ctx, account.Write{ID: id, Data: document.Doc{"round": round}})
			check(t, err)
			round++
			return connection.feeds.Load() >= asked+2
		})
	}
	awaitFeed()
	for len(s.Snapshot()) == 0 { // not kept if the feed spoke meanwhile
		_, err := s.State(ctx, master)
		check(t, err)
	}
	now.Add(int64(20 * time.Hour))
	awaitFeed()
	connection.dead.Store(true)
	cancel()
	<-done
	now.Add(int64(20 * time.Hour))
	if _, err := s.State(t.Context(), master); err != nil {
		t.Errorf("20 hours after the feed was lost: %v", err)
	}
	now.Add(int64(5 * time.Hour))
	_, err := s.State(t.Context(), master)
	wantCode(t, err, problem.Unavailable)
}

// TestStateWhileTheFeedIsLost: what is known is answered at once, without a
// question, until the feed is back and tells what has changed.
func TestStateWhileTheFeedIsLost(t *testing.T) {
	address := couchtest.URL(t)
	other := &account.Service{Couch: couchtest.Open(t, address)}
	master := ensureMaster(t, other).ID
	id := create(t, other, master, "Other")
	s, connection := mortalService(t, address, 1_000_000)
	var ahead atomic.Int64
	s.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Follow(ctx) }()
	defer func() { cancel(); <-done }()
	name := func() string {
		state, err := s.State(ctx, id)
		check(t, err)
		return state.Name
	}
	couchtest.Eventually(t, "the feed tells of changes", func() bool {
		name()
		ahead.Add(int64(time.Minute))
		asked := connection.asked.Load()
		name()
		return connection.asked.Load() == asked
	})
	connection.dead.Store(true)
	failed := connection.refused.Load()
	couchtest.Eventually(t, "the feed is lost", func() bool { return connection.refused.Load() > failed+1 })
	asked := connection.asked.Load()
	for range 10 {
		ahead.Add(int64(time.Minute))
		if name() != "Other" {
			t.Error("another account")
		}
	}
	if got := connection.asked.Load(); got != asked {
		t.Errorf("%d questions about the account", got-asked)
	}
	_, err := other.Patch(ctx, account.Write{ID: id, Data: document.Doc{"name": "New"}})
	check(t, err)
	connection.dead.Store(false)
	couchtest.Eventually(t, "the feed is back", func() bool { return name() == "New" })
}
