package resource

import (
	"encoding/json"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/callflowd/callflowd/couchviews"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/schema"
)

const account = "abcdef0123456789abcdef0123456789"

// newService returns a service on a fresh server that has one account.
func newService(t testing.TB) *Service {
	t.Helper()
	return serviceOn(t, couchtest.New(t))
}

// serviceOn is one more process on the server of client.
func serviceOn(t testing.TB, client *couch.Client) *Service {
	t.Helper()
	registry, err := schema.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	name := couch.AccountDB(account)
	if err := client.CreateDB(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	designs, err := couchviews.Designs("account")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range designs {
		if err := client.DB(name).SyncDesign(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	return &Service{
		Couch: client, Schemas: schema.NewLive(registry),
		Now:  func() time.Time { return time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC) },
		Hash: func(username, password string) (string, string) { return "md5:" + username + password, "sha1" },
	}
}

// kind finds a row of the table.
func kind(t testing.TB, name string) Kind {
	t.Helper()
	for _, k := range Kinds() {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("no kind %s", name)
	return Kind{}
}

func write(t testing.TB, name, id, data string) Write {
	t.Helper()
	return Write{
		Kind: kind(t, name), Write: save.Write{
			AccountID: account, ID: id, Data: couchtest.JSON[document.Doc](t, data),
			Actor: save.Actor{AccountID: "actor", UserID: "user", RequestID: "request"},
		},
	}
}

// only is the document of a save.
func only(saved save.Saved, err error) (document.Doc, error) { return saved.Doc, err }

func mustCreate(t testing.TB, s *Service, name, data string) document.Doc {
	t.Helper()
	doc, err := only(s.Create(t.Context(), write(t, name, "", data)))
	if err != nil {
		t.Fatalf("create %s: %v %v", data, err, problem.AsError(err).Data)
	}
	return doc
}

func TestPrivateFields(t *testing.T) {
	s := newService(t)
	doc := mustCreate(t, s, "menus", `{"id":"m1","name":"Day Menu","pvt_type":"user","pvt_own":1,"_x":2}`)
	want := map[string]any{
		"_id": "m1", "pvt_type": "menu", "pvt_account_id": account, "pvt_alphanum_name": "daymenu", "pvt_auth_user_id": "user",
		"pvt_auth_account_id": "actor", "pvt_request_id": "request", "pvt_own": nil, "_x": nil, "id": nil,
	}
	for key, v := range want {
		if doc[key] != v {
			t.Errorf("%s = %v, want %v", key, doc[key], v)
		}
	}
	stored, err := s.Couch.Account(account).Get(t.Context(), "m1")
	if err != nil {
		t.Fatal(err)
	}
	stored["pvt_site"] = "theirs"
	if err := s.Couch.Account(account).Put(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	replaced, err := only(s.Replace(t.Context(), write(t, "menus", "m1", `{"name":"Night","pvt_site":"mine"}`)))
	if err != nil || replaced["pvt_site"] != "theirs" || replaced["name"] != "Night" || replaced["pvt_created"] != doc["pvt_created"] {
		t.Errorf("replaced %v, %v", replaced, err)
	}
}

func TestIDs(t *testing.T) {
	s := newService(t)
	for _, bad := range []string{`"_design/x"`, `"a/b"`, `7`, `"-a"`} {
		_, err := s.Create(t.Context(), write(t, "menus", "", `{"name":"x","id":`+bad+`}`))
		if !problem.Is(err, problem.Invalid) || problem.AsError(err).Data["id"] == nil {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, none := range []string{`{"name":"x"}`, `{"name":"x","id":null}`, `{"name":"x","id":""}`} {
		if doc := mustCreate(t, s, "menus", none); len(doc.ID()) != 32 {
			t.Errorf("%s: made up %q", none, doc.ID())
		}
	}
	mustCreate(t, s, "menus", `{"name":"x","_id":"m1"}`)
	if _, err := s.Create(t.Context(), write(t, "menus", "", `{"name":"y","id":"m1"}`)); !problem.Is(err, problem.Conflict) {
		t.Errorf("an id twice: %v", err)
	}
	for _, id := range []string{"", "_design/menus", "nosuch"} {
		if _, err := s.Get(t.Context(), kind(t, "menus"), account, id); !problem.Is(err, problem.BadIdentifier) {
			t.Errorf("get %q: %v", id, err)
		}
	}
	if _, err := s.Get(t.Context(), kind(t, "devices"), account, "m1"); !problem.Is(err, problem.BadIdentifier) {
		t.Errorf("a menu as a device: %v", err)
	}
}

func TestDelete(t *testing.T) {
	s := newService(t)
	db := s.Couch.Account(account)
	for _, hard := range []bool{false, true} {
		id := "m" + strconv.FormatBool(hard)
		mustCreate(t, s, "menus", `{"name":"x","id":"`+id+`"}`)
		gone, err := only(s.Delete(t.Context(), write(t, "menus", id, `{}`), hard))
		if err != nil || gone.String("name") != "x" {
			t.Fatalf("hard %v: %v %v", hard, gone, err)
		}
		doc, err := db.Get(t.Context(), id)
		if hard != problem.Is(err, problem.BadIdentifier) || !hard && doc["pvt_deleted"] != true {
			t.Errorf("hard %v left %v, %v", hard, doc, err)
		}
		if _, err := s.Delete(t.Context(), write(t, "menus", id, `{}`), hard); !problem.Is(err, problem.BadIdentifier) {
			t.Errorf("hard %v, again: %v", hard, err)
		}
	}
}

// TestNoLostPatch lets many writers change different fields at once.
func TestNoLostPatch(t *testing.T) {
	s := newService(t)
	mustCreate(t, s, "menus", `{"name":"x","id":"m1"}`)
	var wg sync.WaitGroup
	for i := range 6 {
		patch := write(t, "menus", "m1", `{"f`+strconv.Itoa(i)+`":true}`)
		wg.Go(func() {
			if _, err := s.Patch(t.Context(), patch); err != nil {
				t.Errorf("patch %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	doc, err := s.Get(t.Context(), kind(t, "menus"), account, "m1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if doc["f"+strconv.Itoa(i)] != true {
			t.Errorf("f%d is lost", i)
		}
	}
}

func TestPrecondition(t *testing.T) {
	s := newService(t)
	doc := mustCreate(t, s, "menus", `{"name":"x","id":"m1"}`)
	w := write(t, "menus", "m1", `{"a":1}`)
	var seen string
	w.Check = func(rev string) error {
		seen = rev
		return &problem.Error{Code: problem.PreconditionFailed}
	}
	if _, err := s.Patch(t.Context(), w); !problem.Is(err, problem.PreconditionFailed) || seen != doc.Rev() {
		t.Errorf("judged %q: %v", seen, err)
	}
}

func TestPages(t *testing.T) {
	s := newService(t)
	for i := range 5 {
		mustCreate(t, s, "menus", `{"id":"m`+strconv.Itoa(i)+`","name":"x"}`)
	}
	view := kind(t, "menus").Listing()
	o := ListOptions{PageSize: 2, Ascending: true}
	var seen []string
	for range 5 {
		page, err := s.List(t.Context(), account, view, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			seen = append(seen, couchtest.JSON[document.Doc](t, string(item)).String("id"))
		}
		if page.Next == nil {
			break
		}
		o.Start = page.Next
	}
	if got, _ := json.Marshal(seen); string(got) != `["m0","m1","m2","m3","m4"]` {
		t.Errorf("pages %s", got)
	}
	count := 0
	for _, err := range s.Stream(t.Context(), account, view, ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != 5 {
		t.Errorf("streamed %d", count)
	}
	if _, err := s.List(t.Context(), account, View{Design: "menus", Name: "nosuch"}, o); !problem.Is(err, problem.MissingView) {
		t.Errorf("a missing view: %v", err)
	}
}
