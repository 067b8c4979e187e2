package phone

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

const (
	one = "+14158867900"
	two = "+14158867901"
)

// fixture is a service on a fresh server, the master account and one below it.
type fixture struct {
	*Service
	master, child string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	client := couchtest.New(t)
	accounts := &account.Service{Couch: client}
	head, err := accounts.EnsureMaster(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	child, err := accounts.Create(t.Context(), head.ID, document.Doc{"name": "child"}, account.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC) }
	return &fixture{&Service{Couch: client, Accounts: accounts, Now: now}, head.ID, child.ID()}
}

func (f *fixture) request(accountID, n, data string) Request {
	return Request{AccountID: accountID, Number: n, Data: parse(data), Master: true}
}

// add puts a number into a state for an account.
func (f *fixture) add(t *testing.T, accountID, n, state string) {
	t.Helper()
	if _, err := f.Create(t.Context(), f.request(accountID, n, `{"create_with_state":"`+state+`"}`)); err != nil {
		t.Fatal(err)
	}
}

// callflow gives numbers to a callflow of an account, as another program does.
func (f *fixture) callflow(t *testing.T, accountID, id string, numbers ...any) {
	t.Helper()
	db := f.Couch.Account(accountID)
	doc, err := db.Get(t.Context(), id)
	if err != nil {
		doc = document.Doc{"_id": id, "pvt_type": "callflow"}
	}
	doc["numbers"] = numbers
	if err := db.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

// stored is a field of a number's document and of the account's copy, which
// must agree.
func (f *fixture) stored(t *testing.T, accountID, n, key string) any {
	t.Helper()
	truth, err := f.Couch.DB(couch.NumberDB(n)).Get(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	held, err := f.Couch.Account(accountID).Get(t.Context(), n)
	if err != nil || held[key] != truth[key] {
		t.Errorf("the copy of %s says %v, the number %v (%v)", n, held[key], truth[key], err)
	}
	return truth[key]
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]string{"4158867900": one, one: one, "+442071830750": "+442071830750", "100": "", "*97": "", "": "", "+1": "", "911": ""} {
		got, err := Number(text)
		if got != want || want == "" && !problem.Is(err, problem.NotReconcilable) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// TestMove has a row for each way from state to state.
func TestMove(t *testing.T) {
	const mine, other = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	tests := []struct {
		from, owner, to string
		code            problem.Code // "" = it moves
	}{
		{Reserved, mine, Reserved, problem.NoChangeRequired},
		{Reserved, other, Reserved, ""},
		{Available, "", Reserved, ""},
		{InService, mine, Reserved, ""},
		{Aging, "", Reserved, problem.InvalidTransition},
		{PortIn, mine, Reserved, problem.InvalidTransition},
		{"released", "", Reserved, problem.InvalidTransition},
		{Discovery, "", Reserved, problem.NotSupported},
		{InService, mine, InService, ""},
		{InService, other, InService, ""},
		{PortIn, mine, InService, ""},
		{Available, "", InService, ""},
		{Aging, "", InService, ""},
		{Reserved, mine, InService, ""},
		{Discovery, "", InService, problem.NotSupported},
		{"port_out", mine, InService, problem.InvalidTransition},
		{Reserved, mine, Available, problem.InvalidTransition},
	}
	for _, tt := range tests {
		doc := document.Doc{"_id": one, stateKey: tt.from, usedByKey: callflowUse}
		if tt.owner != "" {
			doc[assignedTo] = tt.owner
		}
		err := move(doc, tt.to, mine)
		if tt.code != "" {
			if !problem.Is(err, tt.code) || doc[stateKey] != tt.from {
				t.Errorf("%s to %s: %v, now %v", tt.from, tt.to, err, doc[stateKey])
			}
			continue
		}
		if err != nil || doc[stateKey] != tt.to || doc[assignedTo] != mine || (tt.owner == mine) != (doc[usedByKey] != nil) {
			t.Errorf("%s to %s: %v, now %v", tt.from, tt.to, err, doc)
		}
	}
}

// TestReleaseGoesBack: a number goes back to the account that reserved it
// before, and is gone when nobody did.
func TestReleaseGoesBack(t *testing.T) {
	f := newFixture(t)
	f.add(t, f.master, one, Reserved)
	if _, err := f.Reserve(t.Context(), f.request(f.child, one, `{}`)); err != nil {
		t.Fatal(err)
	}
	if got := f.stored(t, f.child, one, assignedTo); got != f.child {
		t.Errorf("assigned to %v", got)
	}
	if _, err := f.Couch.Account(f.master).Get(t.Context(), one); !problem.Is(err, problem.BadIdentifier) {
		t.Errorf("the former owner still has a copy: %v", err)
	}
	if _, err := f.Release(t.Context(), f.request(f.child, one, `{}`), false); err != nil {
		t.Fatal(err)
	}
	if f.stored(t, f.master, one, assignedTo) != f.master || f.stored(t, f.master, one, stateKey) != Reserved {
		t.Error("it did not go back")
	}
	gone, err := f.Release(t.Context(), f.request(f.master, one, `{}`), false)
	if err != nil || gone[stateKey] != "deleted" {
		t.Errorf("released as %v, %v", gone, err)
	}
	if _, err := f.Get(t.Context(), f.master, one); !problem.Is(err, problem.BadIdentifier) {
		t.Errorf("it is still there: %v", err)
	}
	f.add(t, f.child, one, InService)
}

// TestUseIsKept: the use of numbers follows the callflows that this process
// writes, beside their saves.
func TestUseIsKept(t *testing.T) {
	f := newFixture(t)
	f.Couch.OnWrite(f.Wrote)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	f.add(t, f.child, one, Reserved)
	f.add(t, f.child, two, Reserved)
	use := func(n string, want any) func() bool {
		return func() bool {
			truth, err := f.Couch.DB(couch.NumberDB(n)).Get(t.Context(), n)
			held, heldErr := f.Couch.Account(f.child).Get(t.Context(), n)
			return err == nil && heldErr == nil && truth[usedByKey] == want && held[usedByKey] == want
		}
	}
	f.callflow(t, f.child, "x", one)
	couchtest.Eventually(t, "the number is taken", use(one, callflowUse))
	f.callflow(t, f.child, "x", two)
	couchtest.Eventually(t, "one is released", use(one, nil))
	couchtest.Eventually(t, "the other is taken", use(two, callflowUse))
}

// TestRepair puts right what crashes and other programs leave behind.
func TestRepair(t *testing.T) {
	f := newFixture(t)
	f.add(t, f.child, one, Reserved)
	f.add(t, f.child, two, Reserved)
	f.callflow(t, f.child, "x", one)
	db := f.Couch.Account(f.child)
	held, err := db.Get(t.Context(), two)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Delete(t.Context(), two, held.Rev()); err != nil { // as if the crash came before the copy
		t.Fatal(err)
	}
	stray := document.Doc{"_id": "+14158867902", "pvt_type": kind, assignedTo: f.child, stateKey: Reserved}
	if err := db.Put(t.Context(), stray); err != nil {
		t.Fatal(err)
	}
	if err := f.Repair(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if f.stored(t, f.child, one, usedByKey) != callflowUse || f.stored(t, f.child, two, usedByKey) != nil {
		t.Error("the use is not what the callflows say")
	}
	if _, err := db.Get(t.Context(), stray.ID()); !problem.Is(err, problem.BadIdentifier) {
		t.Errorf("a copy of no number is still there: %v", err)
	}
}

// TestOneOwner lets accounts race for a number.
func TestOneOwner(t *testing.T) {
	f := newFixture(t)
	won := make(chan error, 8)
	for i := range 8 {
		owner := []string{f.master, f.child}[i%2]
		go func() {
			_, err := f.Create(t.Context(), f.request(owner, one, `{}`))
			won <- err
		}()
	}
	winners := 0
	for range 8 {
		if err := <-won; err == nil {
			winners++
		} else if !problem.Is(err, problem.NumberExists) {
			t.Error(err)
		}
	}
	if winners != 1 {
		t.Errorf("%d owners", winners)
	}
	owner, _ := f.stored(t, f.ownerOf(t), one, assignedTo).(string)
	other := map[string]string{f.master: f.child, f.child: f.master}[owner]
	if doc, err := f.Couch.Account(other).Get(t.Context(), one); err == nil {
		t.Errorf("the loser has a copy: %v", doc)
	}
}

func (f *fixture) ownerOf(t *testing.T) string {
	t.Helper()
	doc, err := f.Couch.DB(couch.NumberDB(one)).Get(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	return doc.String(assignedTo)
}

// TestAdditions: whoever adds a number keeps others from it, so that not
// everybody may.
func TestAdditions(t *testing.T) {
	f := newFixture(t)
	r := f.request(f.child, one, `{}`)
	r.Master, r.Actor.AccountID = false, f.child
	if _, err := f.Create(t.Context(), r); !problem.Is(err, problem.Forbidden) {
		t.Errorf("anybody may add: %v", err)
	}
	db := f.Couch.DB("accounts")
	doc, err := db.Get(t.Context(), f.child)
	if err != nil {
		t.Fatal(err)
	}
	doc["pvt_wnm_allow_additions"] = true
	if err := db.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Create(t.Context(), r); err != nil {
		t.Errorf("allowed to add: %v", err)
	}
	r.Number, r.Data = two, document.Doc{stateField: Available}
	if _, err := f.Create(t.Context(), r); !problem.Is(err, problem.Forbidden) {
		t.Errorf("added as available: %v", err)
	}
	r.Data, r.Actor.AccountID = document.Doc{}, f.master
	f.AnyMayAdd = true
	if _, err := f.Create(t.Context(), r); err != nil {
		t.Errorf("everybody may: %v", err)
	}
}

func parse(data string) document.Doc {
	var doc document.Doc
	if err := doc.UnmarshalJSON([]byte(data)); err != nil {
		panic(err)
	}
	return doc
}

// TestFree: the numbers of an account that is deleted go back to whoever reserved
// them before and is still there, or become available.
func TestFree(t *testing.T) {
	f := newFixture(t)
	f.Accounts.Deleting = f.Free
	ctx := t.Context()
	between, err := f.Accounts.Create(ctx, f.child, document.Doc{"name": "between"}, account.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	last, err := f.Accounts.Create(ctx, f.child, document.Doc{"name": "last"}, account.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	const three, four = "+14158867902", "+442071830750"
	f.add(t, f.child, one, Reserved)
	f.add(t, between.ID(), two, InService)
	f.add(t, between.ID(), four, Reserved)
	f.add(t, f.child, three, Reserved)
	for _, r := range []Request{f.request(between.ID(), one, `{}`), f.request(last.ID(), four, `{}`)} {
		if _, err := f.Reserve(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, hard := range []bool{true, false} { // the one that goes last has the other in a number's history
		id := map[bool]string{true: between.ID(), false: last.ID()}[hard]
		if _, err := f.Accounts.Delete(ctx, account.Write{ID: id}, hard); err != nil {
			t.Fatal(err)
		}
	}
	for n, want := range map[string]struct {
		state, owner, before string
	}{
		one:   {Reserved, f.child, between.ID()},
		two:   {Available, "", between.ID()},
		three: {Reserved, f.child, ""},
		four:  {Available, "", last.ID()},
	} {
		doc, err := f.Couch.DB(couch.NumberDB(n)).Get(ctx, n)
		if err != nil || doc.String(stateKey) != want.state || doc.String(assignedTo) != want.owner || doc.String(previousKey) != want.before {
			t.Errorf("%s: %v %v, want %v", n, doc, err, want)
		}
	}
	if _, err := f.Couch.Account(last.ID()).Get(ctx, two); !problem.Is(err, problem.BadIdentifier) {
		t.Errorf("a copy is left: %v", err)
	}
	found, err := f.Search(ctx, "+1415", 10, 0)
	if err != nil || len(found) != 1 || found[0].Number != two {
		t.Errorf("available: %v %v", found, err)
	}
	if _, err := f.Activate(ctx, f.request(f.child, two, `{}`)); err != nil {
		t.Errorf("it cannot be taken: %v", err)
	}
}

// TestSearch lists what is available and begins as asked.
func TestSearch(t *testing.T) {
	f := newFixture(t)
	f.add(t, f.master, one, Available)
	f.add(t, f.master, two, Available)
	f.add(t, f.master, "+14158867902", InService)
	f.add(t, f.master, "+14168867902", Available)
	f.add(t, f.master, "+442071830750", Aging)
	tests := []struct {
		prefix           string
		quantity, offset int
		want             []string
	}{
		{"+1415", 10, 0, []string{one, two}},
		{"+1415", 1, 0, []string{one}},
		{"+1415", 1, 1, []string{two}},
		{"+1415", 5, 2, nil},
		{"+14158867901", 5, 0, []string{two}},
		{"+141", 10, 0, []string{one, two, "+14168867902"}},
		{"+4420", 10, 0, nil},
		{"+1999", 10, 0, nil},
	}
	for _, tt := range tests {
		found, err := f.Search(t.Context(), tt.prefix, tt.quantity, tt.offset)
		var got []string
		for _, n := range found {
			got = append(got, n.Number)
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v %v", tt, got, err)
		}
	}
	got, err := f.Available(t.Context(), []string{"4158867900", "+14158867902", "+19995550000", "100"})
	if want := map[string]bool{"4158867900": true, "+14158867902": false, "+19995550000": false, "100": false}; err != nil || !maps.Equal(got, want) {
		t.Errorf("available: %v %v", got, err)
	}
	doc, err := f.Port(t.Context(), f.request(f.child, "+14155550000", `{}`))
	if err != nil || doc[stateKey] != PortIn || doc[assignedTo] != f.child {
		t.Errorf("ported: %v %v", doc, err)
	}
}
