package account_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// processes are two services on one server, with a master account.
func processes(t *testing.T) (a, b *account.Service, master string) {
	t.Helper()
	address := couchtest.URL(t)
	a = &account.Service{Couch: couchtest.Open(t, address)}
	b = &account.Service{Couch: couchtest.Open(t, address)}
	return a, b, ensureMaster(t, a).ID
}

// atOnce runs functions beside each other and returns their errors.
func atOnce(do ...func() error) []error {
	errs := make([]error, len(do))
	var wg sync.WaitGroup
	for i, f := range do {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errs
}

// moving is a move of one account below another.
func moving(s *account.Service, id, to string) func() error {
	return func() error {
		_, err := s.Move(context.Background(), id, to, account.Actor{})
		return err
	}
}

// TestCrossingMoves has two processes move two accounts below each other: one
// of them is refused, whoever comes first.
func TestCrossingMoves(t *testing.T) {
	a, b, master := processes(t)
	for round := range 5 {
		one, two := create(t, a, master, fmt.Sprintf("One %d", round)), create(t, a, master, fmt.Sprintf("Two %d", round))
		create(t, a, one, fmt.Sprintf("Below one %d", round))
		create(t, a, two, fmt.Sprintf("Below two %d", round))
		errs := atOnce(moving(a, one, two), moving(b, two, one))
		slices.SortFunc(errs, func(x, y error) int { return len(codeOf(x)) - len(codeOf(y)) })
		if errs[0] != nil {
			t.Errorf("both are refused: %v", errs)
		}
		wantViolation(t, errs[1], "to", "invalid")
	}
	wantSound(t, a)
}

func codeOf(err error) problem.Code {
	if err == nil {
		return ""
	}
	return problem.AsError(err).Code
}

// TestMoveWhileCreating creates accounts at every level of a tree while it is
// moved to and fro: all have the ancestors of where it came to stand.
func TestMoveWhileCreating(t *testing.T) {
	a, b, master := processes(t)
	left, right := create(t, a, master, "Left"), create(t, a, master, "Right")
	_, err := a.Reseller(t.Context(), right, true)
	check(t, err)
	top := create(t, a, left, "Top")
	middle := create(t, a, top, "Middle")
	var tasks []func() error
	for i := range 6 {
		parent := []string{top, middle}[i%2]
		tasks = append(tasks, func() error {
			_, err := b.Create(context.Background(), parent, document.Doc{"name": fmt.Sprintf("New %d", i)}, account.Actor{})
			return err
		})
	}
	tasks = append(tasks, moving(a, top, right), moving(b, top, left), moving(a, top, right))
	for _, err := range atOnce(tasks...) {
		check(t, err)
	}
	items, err := a.Descendants(t.Context(), top)
	check(t, err)
	if len(items) != 7 {
		t.Errorf("below: %q", names(items))
	}
	wantSound(t, a)
}

// TestDeleteWhileCreating deletes an account while one is created below it, or
// moved there: never is one left below an account that is gone.
func TestDeleteWhileCreating(t *testing.T) {
	a, b, master := processes(t)
	for round := range 6 {
		parent := create(t, a, master, fmt.Sprintf("Parent %d", round))
		child := create(t, a, master, fmt.Sprintf("Child %d", round))
		errs := atOnce(
			func() error {
				_, err := a.Delete(context.Background(), account.Write{ID: parent}, round%2 == 0)
				return err
			},
			func() error {
				_, err := b.Create(context.Background(), parent, document.Doc{"name": fmt.Sprintf("Below %d", round)}, account.Actor{})
				return err
			},
			moving(b, child, parent),
		)
		wantOneOf(t, errs[0], "", problem.HasDescendants)
		wantOneOf(t, errs[1], "", problem.BadIdentifier)
		wantOneOf(t, errs[2], "", problem.Invalid)
		_, err := a.Get(t.Context(), parent)
		if gone := problem.Is(err, problem.BadIdentifier); gone != (errs[0] == nil) || gone && (errs[1] == nil || errs[2] == nil) {
			t.Errorf("the parent: %v, after %v", err, errs)
		}
		listed, err := a.Descendants(t.Context(), master)
		check(t, err)
		ids := []string{master}
		for _, item := range listed {
			id, _ := item["id"].(string)
			ids = append(ids, id)
		}
		wantForest(t, a, ids)
	}
	wantNoIntents(t, a)
}

func wantOneOf(t *testing.T, err error, codes ...problem.Code) {
	t.Helper()
	if got := codeOf(err); !slices.Contains(codes, got) {
		t.Errorf("code %q, want one of %q (%v)", got, codes, err)
	}
}

func TestReseller(t *testing.T) {
	s, master := newService(t)
	ctx := t.Context()
	top := create(t, s, master, "Top")
	middle := create(t, s, top, "Middle")
	low := create(t, s, middle, "Low")
	resellerOf := func(id string) string {
		doc, err := s.Get(ctx, id)
		check(t, err)
		return doc.String("pvt_reseller_id")
	}
	doc, err := s.Reseller(ctx, middle, true)
	check(t, err)
	if doc["pvt_reseller"] != true || resellerOf(middle) != master || resellerOf(low) != middle {
		t.Errorf("%v; below it %s", doc, resellerOf(low))
	}
	_, err = s.Reseller(ctx, top, true)
	wantCode(t, err, problem.HasDescendants)
	_, err = s.Reseller(ctx, master, false)
	wantCode(t, err, problem.Forbidden)
	_, err = s.Reseller(ctx, account.NewID(), true)
	wantCode(t, err, problem.BadIdentifier)
	state, err := s.State(ctx, middle)
	check(t, err)
	if !state.Reseller {
		t.Error("the state does not know")
	}
	if got := resellerOf(create(t, s, middle, "Later")); got != middle {
		t.Errorf("one created below it has the reseller %s", got)
	}
	_, err = s.Move(ctx, low, top, account.Actor{})
	check(t, err)
	if got := resellerOf(low); got != master {
		t.Errorf("moved away, the reseller is %s", got)
	}
	_, err = s.Move(ctx, low, middle, account.Actor{})
	check(t, err)
	doc, err = s.Reseller(ctx, middle, false)
	check(t, err)
	if doc["pvt_reseller"] != false || resellerOf(low) != master {
		t.Errorf("demoted: %v; below it %s", doc, resellerOf(low))
	}
	wantSound(t, s)
}

// TestCrashWhilePromoting lets a process die at every step.
func TestCrashWhilePromoting(t *testing.T) {
	address := couchtest.URL(t)
	first := &account.Service{Couch: couchtest.Open(t, address)}
	id := create(t, first, ensureMaster(t, first).ID, "Reseller")
	create(t, first, create(t, first, id, "Customer"), "Site")
	on, done := true, 0
	for died := range 10 {
		if _, err := dyingService(t, address, died).Reseller(t.Context(), id, on); err == nil {
			done++
		}
		s := later(t, address)
		wantSound(t, s)
		doc, err := s.Get(t.Context(), id)
		check(t, err)
		on = !document.Truthy(doc["pvt_reseller"])
	}
	if done == 0 {
		t.Error("ten writes were not enough")
	}
}

// TestAwaitTurn meets the intent of another operation: one that is alive is
// waited for as long as the caller does, one that was abandoned is finished.
func TestAwaitTurn(t *testing.T) {
	s, master := newService(t)
	top, other := create(t, s, master, "Top"), create(t, s, master, "Other")
	db := s.Couch.DB("accounts")
	intent := document.Doc{
		"_id": "callflowd-intent-tree", "op": "move", "account_id": other, "to": top, "pvt_created": document.GregorianNumber(s.Now()),
	}
	check(t, db.Put(t.Context(), intent))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Move(ctx, top, other, account.Actor{})
	if err == nil {
		t.Error("two operations at once")
	}
	intent["pvt_created"] = document.GregorianNumber(s.Now().Add(-3 * 60e9))
	check(t, db.Put(t.Context(), intent))
	_, err = s.Move(t.Context(), top, other, account.Actor{}) // other is below top by now
	wantViolation(t, err, "to", "invalid")
	if above, err := s.Ancestors(t.Context(), other); err != nil || !slices.Equal(above, []string{master, top}) {
		t.Errorf("not finished: %q, %v", above, err)
	}
	wantSound(t, s)
}

// TestRecoverJunk finds intents that mean nothing, or nothing any more.
func TestRecoverJunk(t *testing.T) {
	s, master := newService(t)
	id := create(t, s, master, "Acme")
	for name, intent := range map[string]document.Doc{
		"empty":            {},
		"of no account":    {"op": "move", "account_id": "x", "to": master},
		"unknown":          {"op": "dance", "account_id": id},
		"move to nowhere":  {"op": "move", "account_id": id, "to": account.NewID()},
		"move of nobody":   {"op": "move", "account_id": account.NewID(), "to": master},
		"move of the root": {"op": "move", "account_id": master, "to": id},
		"not marked":       {"op": "delete", "account_id": id, "hard": true},
		"delete of nobody": {"op": "delete", "account_id": account.NewID()},
		"promote nobody":   {"op": "reseller", "account_id": account.NewID(), "on": true},
		"create of nobody": {"op": "create", "account_id": account.NewID()},
		"create, complete": {"op": "create", "account_id": id},
	} {
		intent["_id"] = "callflowd-intent-" + name
		check(t, s.Couch.DB("accounts").Put(t.Context(), intent))
	}
	check(t, s.Recover(t.Context()))
	wantSound(t, s)
	if above, err := s.Ancestors(t.Context(), id); err != nil || !slices.Equal(above, []string{master}) {
		t.Errorf("ancestors %q, %v", above, err)
	}
}

// TestKazoosAccounts changes accounts that would not pass our checks, and one
// whose database did not come with it.
func TestKazoosAccounts(t *testing.T) {
	s, master := newService(t)
	ctx := t.Context()
	to := create(t, s, master, "To")
	odd, bare := create(t, s, master, "Odd"), "account0000000000000000000000001"
	doc, err := s.Couch.Account(odd).Get(ctx, odd)
	check(t, err)
	doc["name"], doc["realm"] = "", []any{"x"}
	check(t, s.Couch.Account(odd).Put(ctx, doc))
	check(t, s.Couch.DB("accounts").Put(ctx, document.Doc{"_id": bare, "pvt_type": "account", "name": "Bare", "pvt_tree": []any{master}}))
	for _, id := range []string{odd, bare} {
		key, err := s.RenewAPIKey(ctx, id, account.Actor{})
		check(t, err)
		if stored, err := s.APIKey(ctx, id); err != nil || stored != key {
			t.Errorf("%s: API key %q, %v", id, stored, err)
		}
		moved, err := s.Move(ctx, id, to, account.Actor{})
		check(t, err)
		if !slices.Equal(moved.Strings("pvt_tree"), []string{master, to}) {
			t.Errorf("%s: %v", id, moved)
		}
		_, err = s.Delete(ctx, account.Write{ID: id}, false)
		check(t, err)
		_, err = s.State(ctx, id)
		wantCode(t, err, problem.BadIdentifier)
	}
}

// TestDeletedElsewhere has replication bring an account's own document,
// deleted, without its copy.
func TestDeletedElsewhere(t *testing.T) {
	s, master := newService(t)
	id := create(t, s, master, "Acme")
	doc, err := s.Couch.Account(id).Get(t.Context(), id)
	check(t, err)
	doc["pvt_deleted"] = true
	check(t, s.Couch.Account(id).Put(t.Context(), doc))
	_, err = s.Get(t.Context(), id)
	wantCode(t, err, problem.BadIdentifier)
	_, err = s.State(t.Context(), id)
	wantCode(t, err, problem.BadIdentifier)
	if items, err := s.Children(t.Context(), master); err != nil || len(items) != 0 {
		t.Errorf("listed: %v, %v", items, err)
	}
}
