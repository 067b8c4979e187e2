package callflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// fault is what happens to a storage request.
type fault struct {
	name    string
	reaches int  // how often the server sees the request
	answers bool // whether the last answer comes back
	forever bool // whether all later requests fail before they reach the server, as after a crash
}

var errCut = errors.New("the connection was cut")

// failing lets a fault happen to the n-th request, counted from 1.
type failing struct {
	fault
	n int

	mu    sync.Mutex
	count int
}

func (f *failing) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.count++
	at := f.count
	f.mu.Unlock()
	switch {
	case at == f.n:
		return f.strike(r)
	case at > f.n && f.forever:
		return nil, errCut
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (f *failing) strike(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	for seen := 1; seen <= f.reaches; seen++ {
		again := r.Clone(context.WithoutCancel(r.Context()))
		again.Body = io.NopCloser(bytes.NewReader(body))
		res, err := http.DefaultTransport.RoundTrip(again)
		if err != nil || seen == f.reaches && f.answers {
			return res, err
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	return nil, errCut
}

// happened reports whether there was an n-th request.
func (f *failing) happened() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count >= f.n
}

// scene is a write and what it finds.
type scene struct {
	name   string
	before func(h *house)
	act    func(h *house, s *Service) (Saved, error)
	again  problem.Code // what a second attempt gets after the first took effect; "" if it succeeds
}

// house is an account of its own, with the callflow "c" that scenes are about.
type house struct {
	testing.TB
	steady  *Service
	account string
	revs    []string // of c, as the scene wrote them
}

func (h *house) write(id, data string) Write {
	w := write(h, id, data)
	w.AccountID = h.account
	return w
}

// did notes the revision of a write that has to succeed.
func (h *house) did(saved Saved, err error) {
	h.Helper()
	if err != nil {
		h.Fatalf("%v %v", err, problem.AsError(err).Data)
	}
	h.revs = append(h.revs, saved.Doc.Rev())
}

func (h *house) created(data string) { h.did(h.steady.Create(h.Context(), h.write("", data))) }

func (h *house) patched(data string) { h.did(h.steady.Patch(h.Context(), h.write("c", data))) }

func (h *house) removed(hard bool) { h.did(h.steady.Delete(h.Context(), h.write("c", `{}`), hard)) }

// losing is a revision that loses against any other of its generation.
const losing = "2-00000000000000000000000000000000"

// forked leaves c with two conflicting edits.
func (h *house) forked() {
	h.created(`{"id":"c","name":"n","numbers":["1"]}`)
	base, err := h.steady.Get(h.Context(), h.account, "c")
	if err != nil {
		h.Fatal(err)
	}
	h.patched(`{"numbers":["1","2"]}`)
	_, first, _ := strings.Cut(base.Rev(), "-")
	other := base.Clone()
	other["name"] = "there"
	other.SetRev(losing)
	other["_revisions"] = map[string]any{"start": 2, "ids": []string{losing[2:], first}}
	if err := h.steady.Couch.Account(h.account).BulkRevisions(h.Context(), []document.Doc{other}); err != nil {
		h.Fatal(err)
	}
}

func scenes() []scene {
	none := func(*house) {}
	one := func(h *house) { h.created(`{"id":"c","name":"n","numbers":["1","2"],"patterns":["^9$"]}`) }
	restore := func(h *house, s *Service) (Saved, error) {
		return s.Restore(h.Context(), h.write("c", `{}`), h.revs[0])
	}
	patching := func(data string) func(*house, *Service) (Saved, error) {
		return func(h *house, s *Service) (Saved, error) { return s.Patch(h.Context(), h.write("c", data)) }
	}
	removing := func(hard bool) func(*house, *Service) (Saved, error) {
		return func(h *house, s *Service) (Saved, error) { return s.Delete(h.Context(), h.write("c", `{}`), hard) }
	}
	return []scene{
		{"create", none, func(h *house, s *Service) (Saved, error) {
			return s.Create(h.Context(), h.write("", `{"id":"c","numbers":["1","2"],"patterns":["^9$"]}`))
		}, problem.Conflict},
		{"replace", one, func(h *house, s *Service) (Saved, error) {
			return s.Replace(h.Context(), h.write("c", `{"name":"new","numbers":["3"]}`))
		}, ""},
		{"take what another released", func(h *house) {
			one(h)
			h.did(h.steady.Create(h.Context(), h.write("", `{"id":"d","numbers":["3","4"]}`)))
			h.did(h.steady.Patch(h.Context(), h.write("d", `{"numbers":["4"]}`)))
		}, patching(`{"numbers":["1","2","3"]}`), ""},
		{"merge", func(h *house) { one(h); h.patched(`{"numbers":["1","2","3"]}`) }, func(h *house, s *Service) (Saved, error) {
			w := h.write("c", `{"name":"mine"}`)
			w.Base = h.revs[0]
			return s.Patch(h.Context(), w)
		}, ""},
		{"delete", one, removing(false), problem.BadIdentifier},
		{"remove for good", one, removing(true), problem.BadIdentifier},
		{"undelete", func(h *house) { one(h); h.removed(false) }, restore, ""},
		{"bring back", func(h *house) { one(h); h.removed(true) }, restore, ""},
		{"merge a conflict", (*house).forked, func(h *house, s *Service) (Saved, error) {
			return s.Resolve(h.Context(), h.write("c", `{}`), Resolution{Merge: true})
		}, problem.BadIdentifier},
		{"choose in a conflict", (*house).forked, func(h *house, s *Service) (Saved, error) {
			return s.Resolve(h.Context(), h.write("c", `{}`), Resolution{Keep: losing})
		}, problem.BadIdentifier},
	}
}

// standing is what is stored of c, as a client can tell.
type standing struct {
	live   bool
	public document.Doc
}

func (h *house) standing() standing {
	h.Helper()
	doc, err := h.steady.current(h.Context(), h.account, "c")
	if err != nil {
		h.Fatal(err)
	}
	if doc == nil || !doc.Live() {
		return standing{public: document.Doc{}}
	}
	return standing{true, publicOf(doc)}
}

func (a standing) same(b standing) bool {
	return a.live == b.live && document.Equal(map[string]any(a.public), map[string]any(b.public))
}

// nothingIsLost makes sure that every version c ever had, except the stored
// one, is in history.
func (h *house) nothingIsLost() {
	h.Helper()
	ancestry, err := h.steady.Couch.Account(h.account).Ancestry(h.Context(), "c")
	if problem.Is(err, problem.BadIdentifier) {
		return
	}
	if err != nil {
		h.Fatal(err)
	}
	items, err := h.steady.History(h.Context(), h.account, "c")
	if err != nil {
		h.Fatal(err)
	}
	known := revisions(items)
	for leaf, path := range ancestry {
		for _, rev := range path[1:] {
			if !slices.Contains(known, rev) {
				h.Errorf("version %s before %s is lost: history has %v", rev, leaf, known)
			}
		}
	}
}

// numbersAreSound makes sure that every number has one holder, who keeps
// others out, or none, and then can be booked.
func (h *house) numbersAreSound() {
	h.Helper()
	var free, held []any
	for _, number := range []string{"1", "2", "3", "4"} {
		k, holders := key{numbersKey, number}, 0
		for _, id := range []string{"c", "d", "e"} {
			if doc, err := h.steady.Get(h.Context(), h.account, id); err == nil && k.HeldBy(doc) {
				holders++
				held = append(held, number)
			}
		}
		switch holders {
		case 0:
			free = append(free, number)
		case 1:
		default:
			h.Errorf("%s has %d holders", number, holders)
		}
	}
	w := h.write("", `{"id":"booker"}`)
	for _, number := range held {
		w.Data["numbers"] = []any{number}
		if _, err := h.steady.Create(h.Context(), w); !problem.Is(err, problem.Invalid) {
			h.Errorf("%s has a holder, and booking it again gives %v", number, err)
		}
	}
	if len(free) == 0 {
		return
	}
	w.Data["numbers"] = free
	if _, err := h.steady.Create(h.Context(), w); err != nil {
		h.Errorf("nobody holds %s, and booking gives %v", free, err)
		return
	}
	if _, err := h.steady.Delete(h.Context(), h.write("booker", `{}`), true); err != nil {
		h.Fatal(err)
	}
}

// TestEveryStorageRequestMayFail walks every request of every kind of write
// and lets it fail, get lost on the way back, or be sent twice, with and
// without the process going down with it.
func TestEveryStorageRequestMayFail(t *testing.T) {
	address := couchtest.URL(t)
	steady := serviceOn(t, couchtest.Open(t, address))
	steady.Index = &silent{}
	faults := []fault{
		{"fails", 0, false, false}, {"is sent twice", 2, true, false}, {"is the last thing that happens", 1, false, true},
	}
	var accounts atomic.Int64
	enter := func(t *testing.T, sc scene) *house {
		h := &house{TB: t, steady: steady, account: fmt.Sprintf("%032x", accounts.Add(1))}
		if err := steady.Couch.CreateDB(t.Context(), couch.AccountDB(h.account)); err != nil {
			t.Fatal(err)
		}
		sc.before(h)
		return h
	}
	for _, sc := range scenes() {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			h := enter(t, sc)
			before := h.standing()
			h.did(sc.act(h, steady))
			after := h.standing()
			for _, f := range faults {
				for n := 1; ; n++ {
					h := enter(t, sc)
					if !h.survives(sc, &failing{fault: f, n: n}, address, before, after) {
						break
					}
					if t.Failed() {
						t.Fatalf("where request %d %s", n, f.name)
					}
				}
			}
		})
	}
}

// survives runs the scene with a fault and checks what is left. It reports
// whether the fault happened at all.
func (h *house) survives(sc scene, f *failing, address string, before, after standing) bool {
	h.Helper()
	client, err := couch.Open(couch.Config{URL: address, Transport: f})
	if err != nil {
		h.Fatal(err)
	}
	faulty := &Service{Couch: client, Schemas: h.steady.Schemas, Index: &silent{}}
	_, err = sc.act(h, faulty)
	if !f.happened() {
		return false
	}
	now := h.standing()
	switch {
	case err == nil && !now.same(after):
		h.Errorf("acknowledged, but there is %v, not %v", now, after)
	case err != nil && !now.same(before) && !now.same(after):
		h.Errorf("half written: %v", now)
	}
	if f.answers && err != nil {
		h.Errorf("a request sent twice fails the write: %v", err)
	}
	h.nothingIsLost()
	h.numbersAreSound()
	_, err = sc.act(h, h.steady)
	if err != nil && (!now.same(after) || !problem.Is(err, sc.again)) {
		h.Errorf("once more: %v", err)
	}
	if now := h.standing(); !now.same(after) {
		h.Errorf("once more, and there is %v, not %v", now, after)
	}
	h.nothingIsLost()
	return true
}
