package callflow

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/problem"
)

// meanwhile does something once, between a callflow's write and the reading
// of its reservations: the moment in which another writer may come through.
type meanwhile struct {
	callflow string
	do       func()

	mu      sync.Mutex
	written bool
}

func (m *meanwhile) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	do := m.do
	if !m.written || !strings.Contains(r.URL.Path, "callflowd_reservation") {
		do = nil
	}
	m.written = m.written || r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/"+m.callflow)
	if do != nil {
		m.do = nil
	}
	m.mu.Unlock()
	if do != nil {
		do()
	}
	return http.DefaultTransport.RoundTrip(r)
}

// robbed returns a service that loses the reservation of number 1 to the
// callflow "thief" right after it has written the callflow "c", and another
// service on the same server. also happens at the same moment.
func robbed(t *testing.T, also func(steady *Service)) (victim, steady *Service) {
	t.Helper()
	address := couchtest.URL(t)
	steady = serviceOn(t, couchtest.Open(t, address))
	m := &meanwhile{callflow: "c"}
	client, err := couch.Open(couch.Config{URL: address, Transport: m})
	if err != nil {
		t.Fatal(err)
	}
	victim = serviceOn(t, client)
	victim.Index, steady.Index = &silent{}, &silent{}
	db := steady.Couch.Account(testAccount)
	m.do = func() {
		k := key{numbersKey, "1"}
		stored, err := db.Get(t.Context(), k.ReservationID())
		if err != nil {
			t.Error(err)
			return
		}
		stored["holder"], stored["previous"] = "thief", "c"
		if err := db.Put(t.Context(), stored); err != nil {
			t.Error(err)
		}
		put(t, steady, `{"_id":"thief","pvt_type":"callflow","numbers":["1"]}`)
		also(steady)
	}
	return victim, steady
}

const stolen = `{"numbers":{"unique":{"cause":"1","causes":[{"number":"1","id":"thief","name":"thief"}]}}}`

func TestACreateThatLosesItsNumberIsUndone(t *testing.T) {
	victim, steady := robbed(t, func(*Service) {})
	_, err := victim.Create(t.Context(), write(t, "", `{"id":"c","numbers":["1"]}`))
	wantError(t, err, problem.Invalid, stolen)
	_, err = steady.Get(t.Context(), testAccount, "c")
	wantError(t, err, problem.BadIdentifier, "")
	sameJSON(t, conflicts(t, steady), `{"documents":[],"numbers":[],"patterns":[]}`)
}

func TestAnUpdateThatLosesItsNumberIsUndone(t *testing.T) {
	victim, steady := robbed(t, func(*Service) {})
	create(t, steady, `{"id":"c","name":"n","numbers":["2"]}`)
	_, err := victim.Replace(t.Context(), write(t, "c", `{"numbers":["1"]}`))
	wantError(t, err, problem.Invalid, stolen)
	got, err := steady.Get(t.Context(), testAccount, "c")
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, publicOf(got), `{"name":"n","numbers":["2"],"patterns":[]}`)
	_, err = steady.Create(t.Context(), write(t, "", `{"numbers":["2"]}`))
	wantError(t, err, problem.Invalid, `{"numbers":{"unique":{"cause":"2","causes":[{"number":"2","id":"c","name":"n"}]}}}`)
}

// TestUndoDoesNotTakeBackWhatOthersHave: the number that the lost write gave
// up was given to another callflow before the write was undone.
func TestUndoDoesNotTakeBackWhatOthersHave(t *testing.T) {
	victim, steady := robbed(t, func(steady *Service) {
		create(t, steady, `{"id":"heir","numbers":["2"]}`)
	})
	create(t, steady, `{"id":"c","name":"n","numbers":["2","3"]}`)
	_, err := victim.Replace(t.Context(), write(t, "c", `{"numbers":["1"]}`))
	wantError(t, err, problem.Invalid, stolen)
	got, err := steady.Get(t.Context(), testAccount, "c")
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, publicOf(got), `{"name":"n","numbers":["3"],"patterns":[]}`)
	sameJSON(t, conflicts(t, steady), `{"documents":[],"numbers":[],"patterns":[]}`)
}

// TestUndoOfARestoreLeavesWhatWasDeleted: the deleted version keeps its
// numbers, although others have them by now.
func TestUndoOfARestoreLeavesWhatWasDeleted(t *testing.T) {
	victim, steady := robbed(t, func(*Service) {})
	first := create(t, steady, `{"id":"c","numbers":["1"]}`)
	patch(t, steady, "c", `{"numbers":["2"]}`)
	remove(t, steady, "c")
	create(t, steady, `{"id":"heir","numbers":["2"]}`)
	_, err := victim.Restore(t.Context(), write(t, "c", `{}`), first.Rev())
	wantError(t, err, problem.Invalid, stolen)
	got, err := steady.current(t.Context(), testAccount, "c")
	if err != nil || got.Live() {
		t.Fatalf("%v, %v", got, err)
	}
	sameJSON(t, publicOf(got), `{"numbers":["2"],"patterns":[]}`)
}
