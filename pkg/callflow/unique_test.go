package callflow

import (
	"context"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/names"
)

func TestNumbersAreUnique(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"a","name":"A","numbers":["1","2"],"patterns":["^1$"]}`)
	put(t, s, `{"_id":"kazoo","pvt_type":"callflow","numbers":["3"]}`)
	_, err := s.Create(t.Context(), write(t, "", `{"numbers":["3","2","9","1"],"patterns":["^1$"]}`))
	wantError(t, err, problem.Invalid, `{
		"numbers":{"unique":{"cause":"3","causes":[{"number":"3","id":"kazoo","name":"kazoo"},{"number":"2","id":"a","name":"A"},{"number":"1","id":"a","name":"A"}]}},
		"patterns":{"unique":{"cause":"^1$","causes":[{"pattern":"^1$","id":"a","name":"A"}]}}}`)
	create(t, s, `{"id":"b","numbers":["9"]}`)
	_, err = s.Patch(t.Context(), write(t, "b", `{"numbers":["9","1"]}`))
	wantError(t, err, problem.Invalid, `{"numbers":{"unique":{"cause":"1","causes":[{"number":"1","id":"a","name":"A"}]}}}`)
}

func TestEveryHolderIsNamed(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"a","name":"A","numbers":["1"],"patterns":["^1$"]}`)
	put(t, s, `{"_id":"b","pvt_type":"callflow","name":"B","numbers":["1"],"patterns":["^1$"]}`)
	put(t, s, `{"_id":"gone","pvt_type":"callflow","pvt_deleted":true,"numbers":["1"]}`)
	_, err := s.Create(t.Context(), write(t, "", `{"numbers":["1"],"patterns":["^1$"]}`))
	wantError(t, err, problem.Invalid, `{
		"numbers":{"unique":{"cause":"1","causes":[{"number":"1","id":"a","name":"A"},{"number":"1","id":"b","name":"B"}]}},
		"patterns":{"unique":{"cause":"^1$","causes":[{"pattern":"^1$","id":"a","name":"A"},{"pattern":"^1$","id":"b","name":"B"}]}}}`)
}

// TestMovingANumber is contract 9.22.
func TestMovingANumber(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"a","numbers":["1","2"]}`)
	create(t, s, `{"id":"b","numbers":["3"]}`)
	move := write(t, "b", `{"numbers":["3","1"]}`)
	_, err := s.Patch(t.Context(), move)
	wantError(t, err, problem.Invalid, "")
	patch(t, s, "a", `{"numbers":["2"]}`)
	if _, err := s.Patch(t.Context(), move); err != nil {
		t.Fatal(err)
	}
	remove(t, s, "b")
	create(t, s, `{"id":"c","numbers":["1","3"]}`)
	_, err = s.Patch(t.Context(), write(t, "a", `{"numbers":["1","2"]}`))
	wantError(t, err, problem.Invalid, `{"numbers":{"unique":{"cause":"1","causes":[{"number":"1","id":"c","name":"c"}]}}}`)
}

// silent is an index that knows nothing, as one that lags behind.
type silent struct {
	mu      sync.Mutex
	applied []document.Doc
}

func (*silent) Holders(context.Context, string, []string, []string) (numbers, patterns map[string][]string, err error) {
	return nil, nil, nil
}

func (*silent) Advise(context.Context, string, string, document.Doc) ([]problem.Warning, error) {
	return nil, nil
}

func (*silent) Names(context.Context, string, []string) (map[string]names.Description, error) {
	return nil, nil
}

func (i *silent) Together(accountID string, do func() []document.Doc) {
	for _, doc := range do() {
		i.Apply(accountID, doc)
	}
}

func (i *silent) Apply(_ string, doc document.Doc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.applied = append(i.applied, doc)
}

func TestReservationsKeepNumbersUniqueWithoutTheIndex(t *testing.T) {
	s := newService(t)
	index := &silent{}
	s.Index = index
	create(t, s, `{"id":"a","name":"A","numbers":["1"],"patterns":["^1$"]}`)
	_, err := s.Create(t.Context(), write(t, "", `{"numbers":["1"],"patterns":["^1$"]}`))
	wantError(t, err, problem.Invalid, `{
		"numbers":{"unique":{"cause":"1","causes":[{"number":"1","id":"a","name":"A"}]}},
		"patterns":{"unique":{"cause":"^1$","causes":[{"pattern":"^1$","id":"a","name":"A"}]}}}`)
	patch(t, s, "a", `{"numbers":["2"]}`)
	create(t, s, `{"id":"b","numbers":["1"]}`)
	_, err = s.Patch(t.Context(), write(t, "a", `{"numbers":["1","2"]}`))
	wantError(t, err, problem.Invalid, `{"numbers":{"unique":{"cause":"1","causes":[{"number":"1","id":"b","name":"b"}]}}}`)
	remove(t, s, "b")
	patch(t, s, "a", `{"numbers":["1","2"]}`)
	if n := len(index.applied); n != 5 || index.applied[3].Live() {
		t.Errorf("the index was told %d writes: %v", n, index.applied)
	}
}

// TestADyingWriterHidesNobody: a reservation left with a callflow that never
// got the number, taken from one that has it.
func TestADyingWriterHidesNobody(t *testing.T) {
	s := newService(t)
	s.Index = &silent{}
	create(t, s, `{"id":"a","numbers":["1"]}`)
	k := key{numbersKey, "1"}
	db := s.Couch.Account(testAccount)
	stored, err := db.Get(t.Context(), k.ReservationID())
	if err != nil {
		t.Fatal(err)
	}
	stored["holder"], stored["previous"] = "dead", "a"
	if err := db.Put(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"b", "dead"} {
		_, err = s.Create(t.Context(), write(t, "", `{"id":"`+id+`","numbers":["1"]}`))
		wantError(t, err, problem.Invalid, `{"numbers":{"unique":{"cause":"1","causes":[{"number":"1","id":"a","name":"a"}]}}}`)
	}
	patch(t, s, "a", `{"name":"still mine"}`)
}

func TestOwnership(t *testing.T) {
	s := newService(t)
	const child, stranger = "0000cdef0123456789abcdef01234567", "1111cdef0123456789abcdef01234567"
	for name, texts := range map[string][]string{
		"accounts": {
			`{"_id":"` + testAccount + `","pvt_tree":["` + stranger + `"]}`,
			`{"_id":"` + child + `","pvt_tree":["` + stranger + `","` + testAccount + `"]}`,
			`{"_id":"` + stranger + `","pvt_tree":[]}`,
		},
		"numbers/+1415": {
			`{"_id":"+14155550000","pvt_assigned_to":"` + testAccount + `"}`,
			`{"_id":"+14155550001","pvt_assigned_to":"` + child + `"}`,
			`{"_id":"+14155550002","pvt_assigned_to":"` + stranger + `","pvt_state":"in_service"}`,
			`{"_id":"+14155550003","pvt_assigned_to":"` + stranger + `","pvt_state":"available"}`,
			`{"_id":"+14155550004","pvt_assigned_to":"` + stranger + `","pvt_state":"reserved"}`,
			`{"_id":"+14155550005","pvt_assigned_to":"` + stranger + `","pvt_state":"in_service"}`,
		},
	} {
		if err := s.Couch.CreateDB(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if err := s.Couch.DB(name).Put(t.Context(), doc(t, text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	create(t, s, `{"numbers":["+14155550000","+14155550001","+14155550003","+14155550004","+14155559999","+442071830750","26001"]}`)
	_, err := s.Create(t.Context(), write(t, "", `{"numbers":["4155550005","4155550002"]}`))
	wantError(t, err, problem.Forbidden, "")
	if got := problem.AsError(err).Data["message"]; got != "unauthorized to use +14155550002, +14155550005" {
		t.Errorf("message %q", got)
	}
	_, err = s.Create(t.Context(), write(t, "", `{"id":"refused","numbers":["4155550002","26009"]}`))
	wantError(t, err, problem.Forbidden, "")
	if got, err := s.Couch.Account(testAccount).Get(t.Context(), "refused"); !problem.Is(err, problem.BadIdentifier) {
		t.Errorf("a refused callflow is stored: %v, %v", got, err)
	}
	create(t, s, `{"id":"next","numbers":["26009"]}`) // what was reserved meanwhile is free
	_, err = s.Create(t.Context(), write(t, "", `{"numbers":["4155550002"],"name":5}`))
	wantError(t, err, problem.Invalid, `{"name":{"type":{"target":"string","value":5}},"numbers":{"forbidden":{"causes":["+14155550002"]}}}`)
	if got := verdict(t, s, `{"numbers":["4155550002"]}`); got.Valid {
		t.Error("a foreign number is valid")
	}
}

func TestReservationsOfOneKeyHaveOneID(t *testing.T) {
	a, b := key{numbersKey, "1"}, key{patternsKey, "1"}
	if a.ReservationID() == b.ReservationID() || a.ReservationID() != (key{numbersKey, "1"}).ReservationID() {
		t.Error("ids must differ by kind and text, and by nothing else")
	}
}
