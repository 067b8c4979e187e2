package reserve

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// name is a key that documents have in their field name.
type name string

func (n name) ReservationID() string { return "reservation-" + string(n) }
func (n name) HeldBy(doc document.Doc) bool {
	return doc.Live() && doc.String("name") == string(n)
}
func (name) Kind() string   { return "name" }
func (n name) Text() string { return string(n) }

const ann = name("ann")

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newStore is a store on a fresh database, at a time that the test sets.
func newStore(t *testing.T) (Store, *time.Time) {
	t.Helper()
	client := couchtest.New(t)
	check(t, client.CreateDB(t.Context(), "names"))
	now := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	return Store{DB: client.DB("names"), Lease: time.Minute, Now: func() time.Time { return now }}, &now
}

// take is how far a writer gets with a key.
func (s Store) take(ctx context.Context, self string, k Key, others ...string) (*Claim, error) {
	c := &Claim{Key: k, Self: self, Others: others}
	return c, s.Take(ctx, []*Claim{c})
}

func wantTaken(t *testing.T, s Store, self string, want bool) {
	t.Helper()
	c, err := s.take(t.Context(), self, ann)
	check(t, err)
	if c.Failed() == want {
		t.Errorf("%s takes %s: %v, want %v; held by %q", self, ann, !c.Failed(), want, c.Holder)
	}
}

// TestTake asks for a key that another took, by what became of that one.
func TestTake(t *testing.T) {
	tests := []struct {
		name   string
		holder document.Doc
		age    time.Duration // of the reservation
		want   bool
	}{
		{"nobody wrote yet", nil, 59 * time.Second, false},
		{"nobody ever wrote", nil, 61 * time.Second, true},
		{"the lease ends now", nil, time.Minute, true},
		{"has the name", document.Doc{"_id": "first", "name": "ann"}, time.Hour, false},
		{"is being named", document.Doc{"_id": "first", "name": "bob"}, 59 * time.Second, false},
		{"has another name", document.Doc{"_id": "first", "name": "bob"}, 61 * time.Second, true},
		{"soft-deleted", document.Doc{"_id": "first", "name": "ann", "pvt_deleted": true}, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, now := newStore(t)
			wantTaken(t, s, "first", true)
			wantTaken(t, s, "first", true) // one's own, again
			if tt.holder != nil {
				check(t, s.DB.Put(t.Context(), tt.holder))
			}
			*now = now.Add(tt.age)
			looked := &Claim{Key: ann, Self: "second"}
			check(t, s.Look(t.Context(), []*Claim{looked}))
			if looked.Failed() == tt.want {
				t.Errorf("looks as if it can be taken: %v", !looked.Failed())
			}
			wantTaken(t, s, "second", tt.want)
		})
	}
}

// TestStoredReservations are read in every form that was ever written.
func TestStoredReservations(t *testing.T) {
	tests := map[string]struct {
		stored document.Doc
		want   bool
	}{
		"a username's, young":        {document.Doc{"holder": "first", "pvt_created": document.GregorianNumber(time.Date(2024, 3, 1, 11, 59, 30, 0, time.UTC))}, false},
		"a number's, and before it":  {document.Doc{"holder": "gone", "previous": "kate", "kind": "numbers", "key": "ann"}, false},
		"a number's":                 {document.Doc{"holder": "gone", "kind": "numbers", "key": "ann"}, true},
		"empty":                      {document.Doc{}, true},
		"a time of text":             {document.Doc{"holder": "first", "pvt_created": "yesterday"}, true},
		"a holder of another type":   {document.Doc{"holder": 7, "pvt_created": 1}, true},
		"a holder that has the name": {document.Doc{"holder": "kate"}, false},
	}
	for label, tt := range tests {
		t.Run(label, func(t *testing.T) {
			s, _ := newStore(t)
			check(t, s.DB.Put(t.Context(), document.Doc{"_id": "kate", "name": "ann"}))
			tt.stored["_id"] = ann.ReservationID()
			check(t, s.DB.Put(t.Context(), tt.stored))
			wantTaken(t, s, "second", tt.want)
		})
	}
}

// TestOvertaken: another writer takes the key between the look and the write.
func TestOvertaken(t *testing.T) {
	s, _ := newStore(t)
	c := &Claim{Key: ann, Self: "second"}
	check(t, s.Look(t.Context(), []*Claim{c}))
	wantTaken(t, s, "first", true)
	check(t, s.Take(t.Context(), []*Claim{c}))
	if !c.Failed() || c.Holder != "first" {
		t.Errorf("the late writer failed: %v; the holder is %q", c.Failed(), c.Holder)
	}
}

// late is a name that a document turns out to have at the second look.
type late struct {
	name
	looks *int
}

func (l late) HeldBy(document.Doc) bool {
	*l.looks++
	return *l.looks > 1
}

// TestGivenBack: a document gets the key while its old reservation is taken
// over. The reservation goes back to it.
func TestGivenBack(t *testing.T) {
	s, now := newStore(t)
	wantTaken(t, s, "first", true)
	check(t, s.DB.Put(t.Context(), document.Doc{"_id": "first"}))
	*now = now.Add(time.Hour)
	c, err := s.take(t.Context(), "second", late{ann, new(int)})
	check(t, err)
	if !c.Failed() {
		t.Error("two documents have the key")
	}
	doc, err := s.DB.Get(t.Context(), ann.ReservationID())
	check(t, err)
	if doc.String("holder") != "first" || doc.String("previous") != "second" {
		t.Errorf("stored %v", doc)
	}
}

// TestTurn: with a lease keys are taken one by one, else all at once.
func TestTurn(t *testing.T) {
	claims := []*Claim{{Key: ann}, {Key: name("bob")}}
	for lease, want := range map[time.Duration]int{0: 2, time.Minute: 1} {
		if got := len((Store{Lease: lease}).turn(claims)); got != want {
			t.Errorf("with a lease of %v %d keys are taken at once, want %d", lease, got, want)
		}
	}
}

// TestAccountOfReservation: a reservation in an account's database names the
// account.
func TestAccountOfReservation(t *testing.T) {
	for _, account := range []string{"", "a"} {
		s, _ := newStore(t)
		s.AccountID = account
		wantTaken(t, s, "first", true)
		doc, err := s.DB.Get(t.Context(), ann.ReservationID())
		check(t, err)
		if got, there := doc["pvt_account_id"]; there != (account != "") || doc.String("pvt_account_id") != account {
			t.Errorf("stored account %v, want %q", got, account)
		}
	}
}

func TestRelease(t *testing.T) {
	s, _ := newStore(t)
	wantTaken(t, s, "first", true)
	check(t, s.Release(t.Context(), "second", []Key{ann})) // not its own: nothing happens
	wantTaken(t, s, "second", false)
	for range 2 {
		check(t, s.Release(t.Context(), "first", []Key{ann, name("never taken")}))
	}
	wantTaken(t, s, "second", true)
	doc, err := s.DB.Get(t.Context(), ann.ReservationID())
	check(t, err)
	if doc.String("previous") != "first" || doc.String("kind") != "name" || doc.String("key") != "ann" {
		t.Errorf("stored %v", doc)
	}
}

// TestConfirm: a reservation that was written since is lost, though it names
// the same holder.
func TestConfirm(t *testing.T) {
	s, _ := newStore(t)
	for _, keys := range [][]Key{{ann}, {ann, name("bob")}} {
		var claims []*Claim
		for _, k := range keys {
			claims = append(claims, &Claim{Key: k, Self: "first"})
		}
		check(t, s.Take(t.Context(), claims))
		check(t, s.Confirm(t.Context(), claims))
		for _, c := range claims {
			if c.state != confirmed {
				t.Errorf("%s is not confirmed, and nobody wrote it", c.Key.Text())
			}
		}
		doc, err := s.DB.Get(t.Context(), ann.ReservationID())
		check(t, err)
		check(t, s.DB.Put(t.Context(), doc))
		check(t, s.Confirm(t.Context(), claims))
		if !claims[0].Lost() || claims[len(claims)-1].Lost() != (len(claims) == 1) {
			t.Errorf("of %d, lost %v", len(claims), claims[0].Lost())
		}
	}
}

// TestOneOfMany has many writers take, write and confirm at once, through two
// clients: one at most has the name at the end.
func TestOneOfMany(t *testing.T) {
	address := couchtest.URL(t)
	clients := []*couch.Client{couchtest.Open(t, address), couchtest.Open(t, address)}
	check(t, clients[0].CreateDB(t.Context(), "names"))
	var wg sync.WaitGroup
	won := make(chan string, 20)
	for i := range cap(won) {
		s := Store{DB: clients[i%2].DB("names"), Lease: time.Minute, Now: time.Now}
		self := "writer-" + strconv.Itoa(i)
		wg.Go(func() {
			c, err := s.take(context.Background(), self, ann)
			if err == nil && !c.Failed() {
				err = s.DB.Put(context.Background(), document.Doc{"_id": self, "name": "ann"})
			}
			if err == nil && !c.Failed() {
				err = s.Confirm(context.Background(), []*Claim{c})
			}
			if err != nil {
				t.Error(err)
			} else if !c.Failed() {
				won <- self
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d writers have the name", len(won))
	}
}

// TestUnreachable asks a server that is not there: every question fails.
func TestUnreachable(t *testing.T) {
	client, err := couch.Open(couch.Config{URL: "http://127.0.0.1:1"})
	check(t, err)
	s := Store{DB: client.DB("names"), Lease: time.Minute, Now: time.Now}
	for label, ask := range map[string]func() error{
		"take": func() error { _, err := s.take(t.Context(), "first", ann); return err },
		"judge": func() error {
			return s.Judge(t.Context(), []*Claim{{Key: ann, Self: "first", Others: []string{"second"}}})
		},
		"confirm": func() error { return s.Confirm(t.Context(), []*Claim{{Key: ann, Self: "first"}}) },
		"release": func() error { return s.Release(t.Context(), "first", []Key{ann}) },
	} {
		if err := ask(); !problem.Is(err, problem.Unavailable) {
			t.Errorf("%s: %v", label, err)
		}
	}
}
