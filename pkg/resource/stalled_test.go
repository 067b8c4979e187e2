package resource

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

// stalling lets a process stop before requests that the test names, until the
// test lets it go on.
type stalling struct {
	before  chan func(*http.Request) bool
	reached chan struct{}
	goOn    chan struct{}
	wait    func(*http.Request) bool
}

func newStalling(before ...func(*http.Request) bool) *stalling {
	s := &stalling{
		before: make(chan func(*http.Request) bool, len(before)), reached: make(chan struct{}), goOn: make(chan struct{}),
	}
	for _, b := range before {
		s.before <- b
	}
	return s
}

func (s *stalling) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.wait == nil && len(s.before) > 0 {
		s.wait = <-s.before
	}
	if s.wait != nil && s.wait(r) {
		s.wait = nil
		s.reached <- struct{}{}
		<-s.goOn
	}
	return http.DefaultTransport.RoundTrip(r)
}

// writing matches a write of the document of that id.
func writing(id string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/"+id) }
}

// readingThenWriting matches the first write after the document of that id
// was read.
func readingThenWriting(id string) func(*http.Request) bool {
	read := false
	return func(r *http.Request) bool {
		read = read || r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/"+id)
		write := r.Method == http.MethodPut || strings.HasSuffix(r.URL.Path, "/_bulk_docs")
		return read && write
	}
}

func anyRequest(*http.Request) bool { return true }

// saver is one process that saves one user.
type saver struct {
	*stalling
	result chan error
}

// save begins to save a user in a process whose clock is late by so much.
func (s saver) save(t *testing.T, address string, late time.Duration, do func(*Service) (document.Doc, error)) {
	t.Helper()
	client, err := couch.Open(couch.Config{URL: address, Transport: s.stalling})
	if err != nil {
		t.Fatal(err)
	}
	service := serviceOn(t, couchtest.Open(t, address))
	now := service.Now()
	service.Couch, service.Now = client, func() time.Time { return now.Add(late) }
	go func() {
		_, err := do(service)
		s.result <- err
	}()
}

func newSaver(before ...func(*http.Request) bool) saver {
	return saver{newStalling(before...), make(chan error, 1)}
}

// TestTwoWritersOfOneUser: the first process stalls between its reservation
// and its write for longer than a time.Minute. Another user takes the name over and
// is acknowledged, while a second process of the first user takes it back for
// a moment. The first must notice that the reservation was not its own all
// along, although it names its user again.
func TestTwoWritersOfOneUser(t *testing.T) {
	address := couchtest.URL(t)
	plain := serviceOn(t, couchtest.Open(t, address))
	newUser(t, plain, "a", "")
	patch := func(s *Service) (document.Doc, error) {
		return only(s.Patch(context.Background(), write(t, "users", "a", `{"username":"ann","password":"pw"}`)))
	}
	first := newSaver(writing("a"))
	first.save(t, address, 0, patch)
	<-first.reached
	other := newSaver(writing("b"))
	other.save(t, address, 2*lease, func(s *Service) (document.Doc, error) {
		return only(s.Create(context.Background(), write(t, "users", "", `{"id":"b",`+person+`,"username":"ann","password":"pw"}`)))
	})
	<-other.reached
	second := newSaver(readingThenWriting("b"), anyRequest)
	second.save(t, address, 4*lease, patch)
	<-second.reached // it has seen that b has no name
	other.goOn <- struct{}{}
	errOther := <-other.result
	second.goOn <- struct{}{}
	<-second.reached // the reservation is in its hands, and it does not know yet about b
	first.goOn <- struct{}{}
	errFirst := <-first.result
	second.goOn <- struct{}{}
	errSecond := <-second.result
	if errOther != nil {
		t.Errorf("nobody had the name when it was written to b: %v", errOther)
	}
	if errFirst == nil || errSecond == nil {
		t.Errorf("two users were promised the name: %v, %v", errFirst, errSecond)
	}
	for id, want := range map[string]string{"a": "", "b": "ann"} {
		if doc, err := plain.Get(t.Context(), kind(t, "users"), account, id); err != nil || doc.String("username") != want {
			t.Errorf("%s is named %q: %v", id, doc.String("username"), err)
		}
	}
}
