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
	list := s.list()
	tests := []struct {
		text  string
		field Field
		want  string
	}{
		{"", Everywhere, "a c b"},
		{"SAL", Everywhere, "b"},
		{"sal", ByNumber, ""},
		{"503-555 01", Everywhere, "b"},
		{"(503) 555-0100", ByNumber, "b"},
		{"7", ByNumber, "a"},
		{"menu", ByModule, "b"},
		{"menu", ByName, ""},
		{"park", Everywhere, "c"},
		{"m1", ByReference, "b"},
		{"greeting", ByReference, "b"},
		{"nothing", ByName, ""},
		{"c", Everywhere, "c"},
		{" sales ", ByName, "b"},
	}
	for _, tt := range tests {
		named := map[string]bool{"p1": tt.text == "greeting"}
		if got := ids(list.Find(tt.text, tt.field, named)); got != tt.want {
			t.Errorf("%q in %q: %q, want %q", tt.text, tt.field, got, tt.want)
		}
	}
	if !list.Items[0].Empty || list.Items[2].Empty {
		t.Errorf("empty: %v %v", list.Items[0].Empty, list.Items[2].Empty)
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
	b.since = "" // as if all had been written since
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
	s.catalogue.books.Put(s.account, b)
	if _, err := s.catalogue.Of(t.Context(), s.account, time.Nanosecond); !errors.Is(err, ErrLoading) {
		t.Fatalf("%v", err)
	}
	b.err = b.load(t.Context(), s.flows, s.account)
	close(release)
	if got := ids(s.list().Items); got != "a" {
		t.Errorf("%q", got)
	}
}
