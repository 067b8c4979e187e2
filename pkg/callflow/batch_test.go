package callflow

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// batchHouse is an account of its own, and the database of what is under way.
func batchHouse(t testing.TB, s *Service, account string) *house {
	t.Helper()
	for _, db := range []string{couch.AccountDB(account), "accounts"} {
		if err := s.Couch.CreateDB(t.Context(), db); err != nil && !problem.Is(err, problem.PreconditionFailed) {
			if there, _ := s.Couch.HasDB(t.Context(), db); !there {
				t.Fatal(err)
			}
		}
	}
	return &house{TB: t, steady: s, account: account}
}

func (h *house) item(op, id, data string) Item { return Item{Op: op, Write: h.write(id, data)} }

// numbersOf is what callflows hold, by id; deleted ones have none.
func (h *house) numbersOf(ids ...string) map[string]string {
	h.Helper()
	out := map[string]string{}
	for _, id := range ids {
		doc, err := h.steady.Get(h.Context(), h.account, id)
		if err != nil && !problem.Is(err, problem.BadIdentifier) {
			h.Fatal(err)
		}
		if err == nil {
			out[id] = strings.Join(doc.Strings(numbersKey), " ")
		}
	}
	return out
}

func (h *house) intentsLeft() int {
	h.Helper()
	n := 0
	for row, err := range h.steady.intents().AllDocs(h.Context(), couch.Query{StartKey: batchPrefix, EndKey: batchPrefix + "\ufff0"}) {
		if err != nil {
			h.Fatal(err)
		}
		if row.ID != "" {
			n++
		}
	}
	return n
}

const oneAccount = "0123456789abcdef0123456789abcdef"

func TestBatchOneByOne(t *testing.T) {
	h := batchHouse(t, newService(t), oneAccount)
	out := h.steady.Batch(t.Context(), []Item{
		h.item(OpCreate, "", `{"id":"a","numbers":["1"]}`),
		h.item(OpCreate, "", `{"id":"b","numbers":["1"]}`),
		h.item(OpPatch, "a", `{"numbers":["2"]}`),
		h.item(OpReplace, "a", `{"name":"A","numbers":["3"]}`),
		h.item(OpCreate, "", `{"id":"b","numbers":["1"]}`),
		h.item(OpDelete, "b", `{}`),
		h.item(OpDelete, "nobody", `{}`),
		h.item("rename", "a", `{}`),
	})
	var codes []problem.Code
	for _, o := range out {
		if o.Err == nil {
			codes = append(codes, "")
			continue
		}
		codes = append(codes, problem.AsError(o.Err).Code)
	}
	want := []problem.Code{"", problem.Invalid, "", "", "", "", problem.BadIdentifier, problem.Invalid}
	if !slices.Equal(codes, want) {
		t.Errorf("%q, want %q", codes, want)
	}
	if got := h.numbersOf("a", "b"); !maps.Equal(got, map[string]string{"a": "3"}) {
		t.Errorf("%v", got)
	}
}

// TestAtomicBatchMovesNumbers swaps numbers, hands one on, and takes one from
// a callflow that is deleted.
func TestAtomicBatchMovesNumbers(t *testing.T) {
	h := batchHouse(t, newService(t), oneAccount)
	for _, data := range []string{`{"id":"a","numbers":["1"],"patterns":["^7$"]}`, `{"id":"b","numbers":["2"]}`, `{"id":"c","numbers":["3"]}`} {
		h.created(data)
	}
	out, err := h.steady.BatchAtomic(t.Context(), h.account, []Item{
		h.item(OpPatch, "a", `{"numbers":["2"],"patterns":[]}`),
		h.item(OpPatch, "b", `{"numbers":["1","3"]}`),
		h.item(OpDelete, "c", `{}`),
		h.item(OpCreate, "", `{"id":"d","patterns":["^7$"]}`),
	})
	if err != nil || len(out) != 4 {
		t.Fatalf("%v %v", err, problem.AsError(err).Data)
	}
	if got := h.numbersOf("a", "b", "c", "d"); !maps.Equal(got, map[string]string{"a": "2", "b": "1 3", "d": ""}) {
		t.Errorf("%v", got)
	}
	for i, id := range []string{"a", "b", "c", "d"} {
		stored, err := h.steady.current(t.Context(), h.account, id)
		if err != nil || out[i].ID != id || out[i].Doc.Rev() != stored.Rev() {
			t.Errorf("%s: %v, stored %v %v", id, out[i], stored.Rev(), err)
		}
	}
	for _, number := range []string{"1", "2", "3"} {
		if _, err := h.steady.Create(t.Context(), h.write("", `{"numbers":["`+number+`"]}`)); !problem.Is(err, problem.Invalid) {
			t.Errorf("%s can be booked again: %v", number, err)
		}
	}
	if n := h.intentsLeft(); n != 0 {
		t.Errorf("%d intents are left", n)
	}
	items, err := h.steady.History(t.Context(), h.account, "a")
	if err != nil || len(items) != 2 {
		t.Errorf("history of a: %v %v", items, err)
	}
}

// TestAtomicBatchTellsAllProblems expects every problem of every item, and
// that nothing was written.
func TestAtomicBatchTellsAllProblems(t *testing.T) {
	h := batchHouse(t, newService(t), oneAccount)
	h.created(`{"id":"a","numbers":["1"]}`)
	h.created(`{"id":"other","numbers":["9"]}`)
	_, err := h.steady.BatchAtomic(t.Context(), h.account, []Item{
		h.item(OpPatch, "a", `{"numbers":["5"]}`),
		h.item(OpCreate, "", `{"id":"x","numbers":["5"],"patterns":["(("]}`),
		h.item(OpPatch, "nobody", `{"numbers":["6"]}`),
		h.item(OpPatch, "a", `{"name":"again"}`),
		h.item("rename", "z", `{}`),
	})
	data := problem.AsError(err).Data
	for _, path := range []string{"1.numbers", "1.patterns.0", "2", "3.id", "4.op"} {
		if data[path] == nil {
			t.Errorf("nothing is said of %s: %v", path, data)
		}
	}
	_, err = h.steady.BatchAtomic(t.Context(), h.account, []Item{
		h.item(OpPatch, "a", `{"numbers":["9"]}`), h.item(OpCreate, "", `{"id":"y","numbers":["9","1"]}`),
	})
	if data := problem.AsError(err).Data; data["1.numbers"] == nil {
		t.Errorf("two items want 9: %v", data)
	}
	_, err = h.steady.BatchAtomic(t.Context(), h.account, []Item{h.item(OpPatch, "a", `{"numbers":["9"]}`)})
	if data := problem.AsError(err).Data; data["0.numbers"] == nil {
		t.Errorf("9 is another's: %v", data)
	}
	if got := h.numbersOf("a", "x", "y"); !maps.Equal(got, map[string]string{"a": "1"}) {
		t.Errorf("%v", got)
	}
}

// batchScene is a batch that is walked with faults.
func batchScene(h *house, s *Service) error {
	_, err := s.BatchAtomic(h.Context(), h.account, []Item{
		h.item(OpPatch, "c", `{"numbers":["2"]}`), h.item(OpPatch, "d", `{"numbers":["1","4"]}`), h.item(OpCreate, "", `{"id":"e","numbers":["3"]}`),
	})
	return err
}

// TestEveryStorageRequestOfABatchMayFail walks every request of a batch that
// swaps numbers. After the next start all of it is there, or nothing.
func TestEveryStorageRequestOfABatchMayFail(t *testing.T) {
	address := couchtest.URL(t)
	steady := serviceOn(t, couchtest.Open(t, address))
	steady.Index = &silent{}
	var accounts atomic.Int64
	before := map[string]string{"c": "1", "d": "2"}
	after := map[string]string{"c": "2", "d": "1 4", "e": "3"}
	for _, f := range []fault{
		{"fails", 0, false, false}, {"is sent twice", 2, true, false}, {"is answered in vain", 1, false, false}, {"is the last thing that happens", 1, false, true}, {"is never sent", 0, false, true},
	} {
		for n := 1; ; n++ {
			h := batchHouse(t, steady, fmt.Sprintf("%032x", accounts.Add(1)))
			h.created(`{"id":"c","numbers":["1"]}`)
			h.created(`{"id":"d","numbers":["2"]}`)
			strike := &failing{fault: f, n: n}
			client, err := couch.Open(couch.Config{URL: address, Transport: strike})
			if err != nil {
				t.Fatal(err)
			}
			err = batchScene(h, &Service{Couch: client, Schemas: steady.Schemas, Index: &silent{}})
			if !strike.happened() {
				break
			}
			if err := steady.RecoverBatches(context.WithoutCancel(t.Context()), true); err != nil {
				t.Fatal(err)
			}
			now := h.numbersOf("c", "d", "e")
			switch {
			case err == nil && !maps.Equal(now, after):
				t.Errorf("acknowledged, but there is %v", now)
			case !maps.Equal(now, before) && !maps.Equal(now, after):
				t.Errorf("half written: %v", now)
			case f.answers && err != nil:
				t.Errorf("a request sent twice fails the batch: %v", err)
			}
			h.nothingIsLost()
			h.numbersAreSound()
			if left := h.intentsLeft(); left > 0 {
				t.Errorf("%d intents are left", left)
			}
			if maps.Equal(now, before) {
				if err := batchScene(h, steady); err != nil {
					t.Errorf("once more: %v %v", err, problem.AsError(err).Data)
				}
			}
			if t.Failed() {
				t.Fatalf("where request %d %s", n, f.name)
			}
		}
	}
}

// TestInterruptedBatchIsFinished leaves what a server leaves that stores
// documents of one request one by one and goes down in between.
func TestInterruptedBatchIsFinished(t *testing.T) {
	s := newService(t)
	h := batchHouse(t, s, oneAccount)
	h.created(`{"id":"c","numbers":["1"]}`)
	h.created(`{"id":"d","numbers":["2"]}`)
	items := []Item{h.item(OpPatch, "c", `{"numbers":["2"]}`), h.item(OpPatch, "d", `{"numbers":["1","4"]}`), h.item(OpCreate, "", `{"id":"e","numbers":["3"]}`)}
	g, err := s.prepareBatch(t.Context(), h.account, items, s.now())
	if err == nil {
		err = g.Begin(t.Context())
	}
	if err == nil {
		_, err = s.Couch.Account(h.account).Bulk(t.Context(), []document.Doc{g.Attempts[0].Doc})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RecoverBatches(t.Context(), false); err != nil || h.intentsLeft() != 1 {
		t.Fatalf("a batch of another process is touched: %v", err)
	}
	if err := s.RecoverBatches(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if got := h.numbersOf("c", "d", "e"); !maps.Equal(got, map[string]string{"c": "2", "d": "1 4", "e": "3"}) {
		t.Errorf("%v", got)
	}
	h.numbersAreSound()
	if n := h.intentsLeft(); n != 0 {
		t.Errorf("%d intents are left", n)
	}
}
