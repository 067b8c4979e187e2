package account_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// newService returns accounts on a fresh server with a master account.
func newService(t *testing.T) (*account.Service, string) {
	t.Helper()
	s := &account.Service{Couch: couchtest.New(t)}
	return s, ensureMaster(t, s).ID
}

func ensureMaster(t *testing.T, s *account.Service) account.Master {
	t.Helper()
	master, err := s.EnsureMaster(t.Context(), "")
	check(t, err)
	return master
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, want problem.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", want)
	}
	if got := problem.AsError(err).Code; got != want {
		t.Fatalf("code %q, want %q (%v)", got, want, err)
	}
}

// wantViolation wants an invalid document, with that code at that path.
func wantViolation(t *testing.T, err error, path, code string) {
	t.Helper()
	wantCode(t, err, problem.Invalid)
	at, _ := problem.AsError(err).Data[path].(map[string]any)
	if at[code] == nil {
		t.Fatalf("data %v, want %s at %s", problem.AsError(err).Data, code, path)
	}
}

func create(t *testing.T, s *account.Service, parent, name string) string {
	t.Helper()
	doc, err := s.Create(t.Context(), parent, document.Doc{"name": name}, account.Actor{AccountID: parent})
	check(t, err)
	return doc.ID()
}

func names(items []account.Item) []string {
	got := []string{}
	for _, item := range items {
		name, _ := item["name"].(string)
		got = append(got, name)
	}
	return got
}

func TestCreate(t *testing.T) {
	s, master := newService(t)
	ctx := t.Context()
	actor := account.Actor{AccountID: master, UserID: "u", RequestID: "r"}
	made, err := s.Create(ctx, master, couchtest.JSON[document.Doc](t, `{"name":"Acme, Inc.","realm":"Acme.Example",
		"id":"x","_id":"y","pvt_tree":["forged"],"pvt_superduper_admin":true,"enabled":true,"custom":{"a":1}}`), actor)
	check(t, err)
	id := made.ID()
	if !couch.IsAccountID(id) {
		t.Fatalf("id %q", id)
	}
	got, err := s.Get(ctx, id)
	check(t, err)
	for key, want := range map[string]any{
		"name": "Acme, Inc.", "realm": "acme.example", "pvt_type": "account", "pvt_vsn": "1", "pvt_account_id": id,
		"pvt_account_db": couch.EncodedDB(couch.AccountDB(id)), "pvt_tree": []any{master}, "pvt_enabled": true,
		"pvt_superduper_admin": false, "pvt_alphanum_name": "acmeinc", "pvt_auth_account_id": master, "pvt_request_id": "r",
		"preflow": map[string]any{}, "timezone": "America/Los_Angeles", "pvt_reseller_id": master,
	} {
		if !reflect.DeepEqual(got[key], want) {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if key := got.String("pvt_api_key"); len(key) != 64 {
		t.Errorf("API key %q", key)
	}
	if got["id"] != nil || got["enabled"] != nil {
		t.Error("what only answers show was stored")
	}
	copied, err := s.Couch.DB("accounts").Get(ctx, id)
	check(t, err)
	delete(copied, "_rev")
	delete(got, "_rev")
	if !reflect.DeepEqual(copied, got) {
		t.Errorf("the copy differs: %v, want %v", copied, got)
	}
	for _, err := range s.Couch.Account(id).View(ctx, "callflows", "crossbar_listing", couch.Query{}) {
		check(t, err)
	}
	wantNoIntents(t, s)
}

// TestCreateDisabled: an account above may create one that is not to be used
// yet; nobody else decides that.
func TestCreateDisabled(t *testing.T) {
	s, master := newService(t)
	for i, tt := range []struct {
		actor string
		on    any
		want  bool
	}{{master, false, false}, {master, true, true}, {master, "false", true}, {master, nil, true}, {"", false, true}, {account.NewID(), false, true}} {
		data := document.Doc{"name": fmt.Sprintf("Acme %d", i), "enabled": tt.on}
		doc, err := s.Create(t.Context(), master, data, account.Actor{AccountID: tt.actor})
		check(t, err)
		if doc["pvt_enabled"] != tt.want || doc["enabled"] != nil {
			t.Errorf("%v by %q: %v", tt.on, tt.actor, doc)
		}
	}
}

func wantNoIntents(t *testing.T, s *account.Service) {
	t.Helper()
	q := couch.Query{StartKey: "callflowd-intent-", EndKey: "callflowd-intent-z"}
	for row, err := range s.Couch.DB("accounts").AllDocs(t.Context(), q) {
		check(t, err)
		t.Errorf("left behind: %s", row.ID)
	}
}

func TestCreateInvalid(t *testing.T) {
	s, master := newService(t)
	_, err := s.Create(t.Context(), master, document.Doc{"name": "Acme", "realm": "acme.example"}, account.Actor{})
	check(t, err)
	tests := []struct{ name, data, path, code string }{
		{"no name", `{}`, "name", "required"},
		{"empty name", `{"name":""}`, "name", "minLength"},
		{"long name", `{"name":"` + strings.Repeat("ü", 129) + `"}`, "name", "maxLength"},
		{"name of another type", `{"name":7}`, "name", "type"},
		{"name in use", `{"name":"ACME!"}`, "name", "unique"},
		{"realm of spaces", `{"name":"x","realm":"     "}`, "realm", "minLength"},
		{"realm in use", `{"name":"x","realm":"Acme . Example"}`, "realm", "unique"},
		{"both in use", `{"name":"acme","realm":"acme.example"}`, "realm", "unique"},
		{"realm of another type", `{"name":"x","realm":["a"]}`, "realm", "type"},
		{"long realm", `{"name":"x","realm":"` + strings.Repeat("r", 254) + `"}`, "realm", "maxLength"},
		{"short realm", `{"name":"x","realm":"abc"}`, "realm", "minLength"},
		{"master's realm", `{"name":"x","realm":"MASTER-` + master[:6] + `.sip.local"}`, "realm", "unique"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.Create(t.Context(), master, couchtest.JSON[document.Doc](t, tt.data), account.Actor{})
			wantViolation(t, err, tt.path, tt.code)
		})
	}
	_, err = s.Create(t.Context(), account.NewID(), document.Doc{"name": "y"}, account.Actor{})
	wantCode(t, err, problem.BadIdentifier)
	dbs, err := s.Couch.AllDBs(t.Context())
	check(t, err)
	own := 0
	for _, name := range dbs {
		if _, _, ok := couch.AccountOf(name); ok {
			own++
		}
	}
	if own != 2 {
		t.Errorf("%d account databases, want master's and Acme's: %q", own, dbs)
	}
}

// TestTwoCreateOneName has two processes create accounts of one name and
// realm at once, many times: exactly one succeeds, and those that were
// refused leave nothing behind.
func TestTwoCreateOneName(t *testing.T) {
	address := couchtest.URL(t)
	a := &account.Service{Couch: couchtest.Open(t, address)}
	b := &account.Service{Couch: couchtest.Open(t, address)}
	master := ensureMaster(t, a).ID
	for _, name := range []string{"one", "two", "three"} {
		results := make(chan error, 10)
		for i := range cap(results) {
			s := []*account.Service{a, b}[i%2]
			go func() {
				_, err := s.Create(context.Background(), master, document.Doc{"name": name, "realm": name + ".example"}, account.Actor{})
				results <- err
			}()
		}
		made := 0
		for range cap(results) {
			if err := <-results; err == nil {
				made++
			} else {
				wantViolation(t, err, "name", "unique")
			}
		}
		if made != 1 {
			t.Errorf("%d accounts of name %s", made, name)
		}
	}
	children, err := a.Children(t.Context(), master)
	check(t, err)
	if got := names(children); !reflect.DeepEqual(got, []string{"one", "three", "two"}) {
		t.Errorf("children %q", got)
	}
	wantSound(t, a)
}

// TestMasterIsSomebodys has another process start while the master account is
// being made. It takes the copy for lost and writes it; the account is still
// the first one's, which alone shows the key.
func TestMasterIsSomebodys(t *testing.T) {
	address := couchtest.URL(t)
	first, second := &account.Service{Couch: couchtest.Open(t, address)}, &account.Service{Couch: couchtest.Open(t, address)}
	var other account.Master
	var failed error
	var once sync.Once
	first.Couch.OnWrite(func(w couch.Wrote) {
		if w.Doc.Type() == "account" && w.DB != "accounts" {
			once.Do(func() { other, failed = second.EnsureMaster(t.Context(), "") })
		}
	})
	master, err := first.EnsureMaster(t.Context(), "")
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	if !master.Created || other.Created || master.ID != other.ID || master.APIKey != other.APIKey {
		t.Errorf("%v and %v", master, other)
	}
}

// TestMasterOnce starts several processes on one empty server.
func TestMasterOnce(t *testing.T) {
	address := couchtest.URL(t)
	masters := make(chan account.Master, 4)
	for range cap(masters) {
		s := &account.Service{Couch: couchtest.Open(t, address)}
		go func() {
			master, err := s.EnsureMaster(context.Background(), "")
			if err != nil {
				t.Error(err)
			}
			masters <- master
		}()
	}
	first, created := <-masters, 0
	if first.Created {
		created++
	}
	for range cap(masters) - 1 {
		next := <-masters
		if next.Created {
			created++
		}
		if next.ID != first.ID || next.APIKey != first.APIKey || len(next.APIKey) != 64 {
			t.Errorf("%v and %v", next, first)
		}
	}
	if created != 1 {
		t.Errorf("created %d times", created)
	}
	s := &account.Service{Couch: couchtest.Open(t, address)}
	if again := ensureMaster(t, s); again.ID != first.ID || again.Created || s.MasterID() != first.ID {
		t.Errorf("a later start found %v", again)
	}
}

func TestMasterThatKazooMade(t *testing.T) {
	s := &account.Service{Couch: couchtest.New(t)}
	check(t, s.EnsureSystem(t.Context()))
	old := couchtest.JSON[document.Doc](t, `{"_id":"account0000000000000000000000001","pvt_type":"account","name":"old",
		"pvt_tree":[],"pvt_superduper_admin":true,"pvt_created":63000000000,"pvt_api_key":"k"}`)
	check(t, s.Couch.DB("accounts").Put(t.Context(), old))
	master, err := s.EnsureMaster(t.Context(), "")
	check(t, err)
	if master != (account.Master{ID: old.ID(), APIKey: "k"}) {
		t.Errorf("master %v", master)
	}
}

func TestReplaceAndPatch(t *testing.T) {
	s, master := newService(t)
	ctx, id := t.Context(), create(t, s, master, "Acme")
	other := create(t, s, master, "Other")
	actor := account.Actor{AccountID: master}
	saved, err := s.Patch(ctx, account.Write{ID: id, Data: couchtest.JSON[document.Doc](t, `{"a":{"b":1,"c":null},"pvt_tree":[]}`), Actor: actor})
	check(t, err)
	doc := saved.Doc
	if doc.String("name") != "Acme" || len(doc.Strings("pvt_tree")) != 1 || doc.Object("a")["b"] == nil {
		t.Errorf("patched %v", doc)
	}
	realm := doc.String("realm")
	saved, err = s.Replace(ctx, account.Write{ID: id, Data: document.Doc{"name": "Acme 2"}, Actor: actor})
	check(t, err)
	doc = saved.Doc
	if doc["a"] != nil || doc.String("realm") != realm || doc.String("pvt_alphanum_name") != "acme2" {
		t.Errorf("replaced %v", doc)
	}
	create(t, s, master, "Acme") // the old name is free again
	_, err = s.Patch(ctx, account.Write{ID: id, Data: document.Doc{"name": "other"}})
	wantViolation(t, err, "name", "unique")
	_, err = s.Patch(ctx, account.Write{ID: id, Data: document.Doc{"name": "ACME 2"}}) // its own, in other letters
	check(t, err)
	refused := &problem.Error{Code: problem.PreconditionFailed}
	_, err = s.Patch(ctx, account.Write{ID: id, Data: document.Doc{"x": 1}, Check: func(rev string) error {
		if rev == "" {
			t.Error("no revision to check")
		}
		return refused
	}})
	wantCode(t, err, problem.PreconditionFailed)
	_, err = s.Patch(ctx, account.Write{ID: account.NewID(), Data: document.Doc{}})
	wantCode(t, err, problem.BadIdentifier)
	if got, err := s.Get(ctx, other); err != nil || got.String("name") != "Other" {
		t.Errorf("the other account: %v, %v", got, err)
	}
}

func TestEnabledIsForAncestors(t *testing.T) {
	s, master := newService(t)
	id := create(t, s, master, "Acme")
	below := create(t, s, id, "Below")
	for _, tt := range []struct {
		actor string
		on    bool
		want  bool
	}{{id, false, true}, {below, false, true}, {"", false, true}, {master, false, false}, {id, true, false}, {master, true, true}} {
		_, err := s.Patch(t.Context(), account.Write{ID: id, Data: document.Doc{"enabled": tt.on}, Actor: account.Actor{AccountID: tt.actor}})
		check(t, err)
		s.Forget(id)
		state, err := s.State(t.Context(), id)
		check(t, err)
		if state.Enabled != tt.want {
			t.Errorf("%s set %v: enabled is %v", tt.actor, tt.on, state.Enabled)
		}
		lower, err := s.State(t.Context(), below)
		check(t, err)
		if err := s.Usable(t.Context(), lower); (err == nil) != tt.want {
			t.Errorf("below: %v, want usable %v", err, tt.want)
		}
	}
}

func TestExpired(t *testing.T) {
	s, master := newService(t)
	doc, err := s.Couch.DB("accounts").Get(t.Context(), master)
	check(t, err)
	doc["pvt_trial_expires"] = document.GregorianNumber(time.Now().Add(-time.Hour))
	check(t, s.Couch.DB("accounts").Put(t.Context(), doc))
	state, err := s.State(t.Context(), master)
	check(t, err)
	err = s.Usable(t.Context(), state)
	wantCode(t, err, problem.Locked)
	if at, _ := problem.AsError(err).Data["account"].(map[string]any); at["expired"] == nil {
		t.Errorf("data %v", problem.AsError(err).Data)
	}
}

func TestAPIKey(t *testing.T) {
	s, master := newService(t)
	id := create(t, s, master, "Acme")
	before, err := s.APIKey(t.Context(), id)
	check(t, err)
	after, err := s.RenewAPIKey(t.Context(), id, account.Actor{})
	check(t, err)
	stored, err := s.APIKey(t.Context(), id)
	check(t, err)
	if after == before || len(after) != 64 || stored != after {
		t.Errorf("%q, %q, %q", before, after, stored)
	}
}

func TestPublic(t *testing.T) {
	s, master := newService(t)
	doc, err := s.Get(t.Context(), create(t, s, master, "Acme"))
	check(t, err)
	public := account.Public(doc, false)
	if public["api_key"] != nil || public["pvt_api_key"] != nil || public["_rev"] != nil {
		t.Errorf("secrets in %v", public)
	}
	for key, want := range map[string]any{
		"id": doc.ID(), "enabled": true, "is_reseller": false, "reseller_id": master, "billing_mode": "normal",
		"superduper_admin": false, "wnm_allow_additions": false, "created": doc["pvt_created"],
	} {
		if !reflect.DeepEqual(public[key], want) {
			t.Errorf("%s is %v, want %v", key, public[key], want)
		}
	}
	if key := account.Public(doc, true)["api_key"]; key != doc["pvt_api_key"] {
		t.Errorf("API key %v", key)
	}
}
