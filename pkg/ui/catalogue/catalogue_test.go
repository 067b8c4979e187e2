package catalogue

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/schema"
)

// shop is the callflows of one account and their catalogue.
type shop struct {
	t         *testing.T
	flows     *callflow.Service
	account   string
	catalogue *Catalogue
}

func newShop(t *testing.T) *shop {
	t.Helper()
	registry, err := schema.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	client, live := couchtest.New(t), schema.NewLive(registry)
	accounts := &account.Service{Couch: client, Validate: live.Validate}
	master, err := accounts.EnsureMaster(t.Context(), strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	flows := &callflow.Service{Couch: client, Schemas: live, Accounts: accounts}
	return &shop{t, flows, master.ID, New(flows)}
}

func (s *shop) create(text string) {
	s.t.Helper()
	var doc document.Doc
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.flows.Create(s.t.Context(), save.Write{AccountID: s.account, Data: doc}); err != nil {
		s.t.Fatal(err)
	}
}

// put stores a document past the service, as another program does.
func (s *shop) put(doc document.Doc) document.Doc {
	s.t.Helper()
	doc["pvt_account_id"] = s.account
	if err := s.flows.Couch.Account(s.account).Put(s.t.Context(), doc); err != nil {
		s.t.Fatal(err)
	}
	return doc
}

func (s *shop) list() *List {
	s.t.Helper()
	list, err := s.catalogue.Of(s.t.Context(), s.account, time.Minute)
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

func ids(items []*Item) string {
	var out []string
	for _, item := range items {
		out = append(out, item.ID)
	}
	return strings.Join(out, " ")
}

func TestFind(t *testing.T) {
	s := newShop(t)
	s.create(`{"id":"b","name":"Sales","numbers":["+15035550100"],"flow":{"module":"menu","data":{"id":"m1"},"children":{"1":{"module":"user","data":{"id":"p1"}}}}}`)
	s.create(`{"id":"a","name":"apples","numbers":["200"],"patterns":["^7(\\d)$"]}`)
	s.create(`{"id":"c","featurecode":{"name":"park","number":"3"},"patterns":["^\\*3$"],"flow":{"module":"park","data":{}}}`)
	s.create(`{"id":"d","name":"away","patterns":["^\\*3\\D"]}`)
	s.put(document.Doc{"_id": "p1", "pvt_type": "user", "first_name": "Al", "last_name": "Moss"})
	list := s.list()
	tests := []struct {
		text  string
		field Field
		want  string
	}{
		{"", Everywhere, "a d c b"},
		{"SAL", Everywhere, "b"},
		{"sal", ByNumber, ""},
		{"503-555 01", Everywhere, "b"},
		{"(503) 555-0100", ByNumber, "b"},
		{"7", ByNumber, "a"},
		{"menu", ByModule, "b"},
		{"menu", ByName, ""},
		{"park", Everywhere, "c"},
		{"m1", ByReference, "b"},
		{"AL mo", ByReference, "b"},
		{"al mo", Everywhere, "b"},
		{"^\\*3\\D", ByNumber, "d"},
		{"nothing", ByName, ""},
		{"c", Everywhere, "c"},
		{" sales ", ByName, "b"},
	}
	for _, tt := range tests {
		if got := ids(list.Find(tt.text, tt.field)); got != tt.want {
			t.Errorf("%q in %q: %q, want %q", tt.text, tt.field, got, tt.want)
		}
	}
	if !list.Items[0].Empty || list.Items[3].Empty {
		t.Errorf("empty: %v %v", list.Items[0].Empty, list.Items[3].Empty)
	}
}

// TestFollows: a list shows what has been written since it was read.
func TestFollows(t *testing.T) {
	s := newShop(t)
	s.create(`{"id":"a","name":"one","numbers":["1"]}`)
	first := s.list()
	if again := s.list(); again != first {
		t.Error("nothing changed, and the list is another one")
	}
	s.create(`{"id":"b","name":"two","numbers":["2"]}`)
	w := save.Write{AccountID: s.account, ID: "a", Data: document.Doc{"name": "zwei"}}
	if _, err := s.flows.Patch(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	second := s.list()
	if got := ids(second.Items); got != "b a" || second.Version == first.Version || ids(first.Items) != "a" {
		t.Errorf("%q at %s, before %q", got, second.Version, ids(first.Items))
	}
	for _, hard := range []bool{false, true} {
		id := map[bool]string{false: "a", true: "b"}[hard]
		if _, err := s.flows.Delete(t.Context(), save.Write{AccountID: s.account, ID: id}, hard); err != nil {
			t.Fatal(err)
		}
	}
	if got := ids(s.list().Items); got != "" {
		t.Errorf("%q are deleted", got)
	}
}

// TestManyChanges: after more changes than are worth following, the list is
// read anew.
func TestManyChanges(t *testing.T) {
	s := newShop(t)
	s.list()
	b := s.catalogue.book(t.Context(), s.account)
	<-b.ready
	b.list.Version = "" // as if all had been written since
	var docs []document.Doc
	for i := range changePage*mostPages + 10 {
		docs = append(docs, document.Doc{"_id": fmt.Sprintf("d%05d", i), "pvt_type": "callflow", "name": fmt.Sprint(i)})
	}
	if _, err := s.flows.Couch.Account(s.account).Bulk(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	if got := len(s.list().Items); got != len(docs) {
		t.Errorf("%d callflows, want %d", got, len(docs))
	}
}

// TestImpatient: who does not wait is told so, and finds the list later.
func TestImpatient(t *testing.T) {
	s := newShop(t)
	s.create(`{"id":"a","numbers":["1"]}`)
	release := make(chan struct{})
	b := &book{ready: release}
	s.catalogue.books.Put(s.account, held{b, 1})
	if _, err := s.catalogue.Of(t.Context(), s.account, time.Nanosecond); !errors.Is(err, ErrLoading) {
		t.Fatalf("%v", err)
	}
	b.err = b.load(t.Context(), s.flows, s.account)
	close(release)
	if got := ids(s.list().Items); got != "a" {
		t.Errorf("%q", got)
	}
}

// TestFollowsDocuments: what callflows refer to is as fresh as they are, and
// forgotten when nothing refers to it any more.
func TestFollowsDocuments(t *testing.T) {
	s := newShop(t)
	s.create(`{"id":"a","name":"one","numbers":["1"],"flow":{"module":"user","data":{"id":"p1"}}}`)
	s.create(`{"id":"b","name":"two","numbers":["2"],"flow":{"module":"user","data":{"id":"p1"}}}`)
	check := func(want Document, who string, found string) {
		t.Helper()
		list := s.list()
		got := list.Document("p1")
		got.folded = ""
		if got != want || ids(list.Find(who, ByReference)) != found {
			t.Errorf("%+v, found %q", got, ids(list.Find(who, ByReference)))
		}
	}
	check(Document{Missing: true}, "ann", "")
	user := s.put(document.Doc{"_id": "p1", "pvt_type": "user", "first_name": "Ann"})
	check(Document{Name: "Ann"}, "ann", "a b")
	user["first_name"] = "Bo"
	s.put(user)
	check(Document{Name: "Bo"}, "ann", "")
	user["pvt_deleted"] = true
	s.put(user)
	check(Document{Name: "Bo", Deleted: true}, "bo", "a b")
	s.flow("a", `{"module":"user","data":{"id":"p2"}}`)
	check(Document{Name: "Bo", Deleted: true}, "bo", "b")
	s.flow("b", `{"module":"user","data":{"id":"p2"}}`)
	if list := s.list(); len(list.documents) != 1 || !list.Document("p2").Missing {
		t.Errorf("%+v", list.documents)
	}
}

// flow gives a callflow another flow.
func (s *shop) flow(id, text string) {
	s.t.Helper()
	doc, err := s.flows.Get(s.t.Context(), s.account, id)
	if err != nil {
		s.t.Fatal(err)
	}
	var flow map[string]any
	if err := json.Unmarshal([]byte(text), &flow); err != nil {
		s.t.Fatal(err)
	}
	doc["flow"] = flow
	s.put(doc)
}

// TestWeight: a list that grows takes more of the memory, and one that shrinks
// gives it back.
func TestWeight(t *testing.T) {
	s := newShop(t)
	s.create(`{"id":"a","name":"one","numbers":["1"]}`)
	s.list()
	before := s.catalogue.books.Size()
	s.create(`{"id":"b","name":"two","numbers":["2"],"flow":{"module":"user","data":{"id":"p1"}}}`)
	s.list()
	if grown := s.catalogue.books.Size(); before < 300 || grown < before+300 {
		t.Errorf("%d bytes, then %d", before, grown)
	}
	if _, err := s.flows.Delete(t.Context(), save.Write{AccountID: s.account, ID: "b"}, false); err != nil {
		t.Fatal(err)
	}
	s.list()
	if after := s.catalogue.books.Size(); after != before {
		t.Errorf("%d bytes, then %d", before, after)
	}
}
