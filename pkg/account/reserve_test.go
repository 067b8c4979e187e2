package account_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// meddling does something right before the first request it is waiting for.
type meddling struct {
	before func(*http.Request) bool
	do     func()
	done   bool
}

func (m *meddling) RoundTrip(r *http.Request) (*http.Response, error) {
	if !m.done && m.do != nil && m.before(r) {
		m.done = true
		m.do()
	}
	return http.DefaultTransport.RoundTrip(r)
}

// steal gives a reservation to a holder.
func steal(t *testing.T, s *account.Service, reservation, holder string) {
	t.Helper()
	doc, err := s.Couch.DB("accounts").Get(t.Context(), reservation)
	check(t, err)
	doc["holder"] = holder
	check(t, s.Couch.DB("accounts").Put(t.Context(), doc))
}

// TestLostReservation has another process take a name over between the
// reservation and the write, as one may that finds the holder absent: the
// loser undoes what it did.
func TestLostReservation(t *testing.T) {
	address := couchtest.URL(t)
	s := &account.Service{Couch: couchtest.Open(t, address)}
	master := ensureMaster(t, s).ID
	m := &meddling{}
	client, err := couch.Open(couch.Config{URL: address, Transport: m})
	check(t, err)
	victim := &account.Service{Couch: client}

	m.before = func(r *http.Request) bool { // the account's copy is written
		return r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/accounts/") && !strings.Contains(r.URL.Path, "callflowd-")
	}
	m.do = func() { steal(t, s, "callflowd-name-acme", master) }
	_, err = victim.Create(t.Context(), master, document.Doc{"name": "Acme"}, account.Actor{})
	wantViolation(t, err, "name", "unique")
	wantSound(t, s)

	id := create(t, s, master, "Before")
	m.done, m.do = false, func() { steal(t, s, "callflowd-name-after", master) }
	_, err = victim.Patch(t.Context(), account.Write{ID: id, Data: document.Doc{"name": "After"}})
	wantViolation(t, err, "name", "unique")
	wantSound(t, s)
	if doc, err := s.Get(t.Context(), id); err != nil || doc.String("name") != "Before" {
		t.Errorf("not put back: %v, %v", doc, err)
	}
}

// TestNamesThatKazooGave are found although nothing reserves them.
func TestNamesThatKazooGave(t *testing.T) {
	s, master := newService(t)
	theirs := couchtest.JSON[document.Doc](t, `{"_id":"account0000000000000000000000001","pvt_type":"account",
		"name":"Their Name","realm":"their.realm","pvt_tree":["`+master+`"]}`)
	check(t, s.Couch.DB("accounts").Put(t.Context(), theirs))
	_, err := s.Create(t.Context(), master, document.Doc{"name": "their-name", "realm": "x.example"}, account.Actor{})
	wantViolation(t, err, "name", "unique")
	_, err = s.Create(t.Context(), master, document.Doc{"name": "x", "realm": "THEIR.realm"}, account.Actor{})
	wantViolation(t, err, "realm", "unique")
	theirs["pvt_deleted"] = true
	check(t, s.Couch.DB("accounts").Put(t.Context(), theirs))
	create(t, s, master, "Their Name")
}

// TestReservationsThatMeanNothing are those of accounts that Kazoo renamed,
// deleted or removed; their names can be had.
func TestReservationsThatMeanNothing(t *testing.T) {
	s, master := newService(t)
	now := time.Now()
	s.Now = func() time.Time { return now }
	renamed, deleted := create(t, s, master, "Renamed"), create(t, s, master, "Deleted")
	for id, change := range map[string]document.Doc{renamed: {"name": "Other"}, deleted: {"pvt_deleted": true}} {
		for _, db := range []*couch.DB{s.Couch.Account(id), s.Couch.DB("accounts")} {
			doc, err := db.Get(t.Context(), id)
			check(t, err)
			for key, value := range change {
				doc[key] = value
			}
			check(t, db.Put(t.Context(), doc))
		}
	}
	create(t, s, master, "Deleted")
	_, err := s.Create(t.Context(), master, document.Doc{"name": "Renamed"}, account.Actor{})
	wantViolation(t, err, "name", "unique") // for all we know its holder is being named so just now
	now = now.Add(2 * time.Minute)
	create(t, s, master, "Renamed")
}

func TestPrepare(t *testing.T) {
	s, _ := newService(t)
	const id = "account0000000000000000000000001"
	wantCode(t, s.Prepare(t.Context(), id), problem.MissingDatabase)
	check(t, s.Couch.CreateDB(t.Context(), couch.AccountDB(id)))
	for range 2 {
		check(t, s.Prepare(t.Context(), id))
		for _, err := range s.Couch.Account(id).View(t.Context(), "callflowd", "routes", couch.Query{}) {
			check(t, err)
		}
	}
	db := s.Couch.Account(id)
	design, err := db.Get(t.Context(), "_design/callflowd")
	check(t, err)
	_, err = db.Delete(t.Context(), design.ID(), design.Rev())
	check(t, err)
	check(t, s.Prepare(t.Context(), id)) // remembered
	_, err = db.Get(t.Context(), design.ID())
	wantCode(t, err, problem.BadIdentifier)
	s.Forget(id)
	check(t, s.Prepare(t.Context(), id))
	_, err = db.Get(t.Context(), design.ID())
	check(t, err)
}

// TestValidate has a schema that wants a colour and gives a shape.
func TestValidate(t *testing.T) {
	s, master := newService(t)
	s.Validate = func(name string, doc document.Doc) (document.Doc, []problem.Violation) {
		if name != "accounts" || doc["id"] != nil || doc["pvt_type"] != nil {
			t.Errorf("asked about %s: %v", name, doc)
		}
		doc = doc.Clone()
		doc["shape"] = "round"
		if doc["colour"] == nil {
			return doc, []problem.Violation{{Path: "colour", Code: "required"}}
		}
		return doc, nil
	}
	_, err := s.Create(t.Context(), master, document.Doc{"name": "Acme"}, account.Actor{})
	wantViolation(t, err, "colour", "required")
	doc, err := s.Create(t.Context(), master, document.Doc{"name": "Acme", "colour": "red"}, account.Actor{})
	check(t, err)
	if doc["shape"] != "round" || doc.Type() != "account" || len(doc.Strings("pvt_tree")) != 1 {
		t.Errorf("created %v", doc)
	}
}

func TestEnabledAsKazooReadsIt(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: true, `{"pvt_enabled":true}`: true, `{"pvt_enabled":false}`: false,
		`{"pvt_enabled":"false"}`: false, `{"pvt_enabled":"yes"}`: true, `{"pvt_enabled":0}`: true,
	} {
		if got := account.Public(couchtest.JSON[document.Doc](t, text), false)["enabled"]; got != want {
			t.Errorf("%s: enabled %v", text, got)
		}
	}
}
