package callflow

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// counting notes what is asked of storage.
type counting struct {
	mu   sync.Mutex
	seen []string
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.seen = append(c.seen, r.Method+" "+r.URL.Path)
	c.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

// during is what f asks.
func (c *counting) during(f func()) []string {
	c.mu.Lock()
	c.seen = nil
	c.mu.Unlock()
	f()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

// TestRequestsOfASave counts: what decides the speed of a save is how often it
// asks storage. The database of the month and the account are known already.
func TestRequestsOfASave(t *testing.T) {
	address := couchtest.URL(t)
	c := &counting{}
	client, err := couch.Open(couch.Config{URL: address, Transport: c})
	if err != nil {
		t.Fatal(err)
	}
	s := serviceOn(t, client)
	now := time.Now()
	s.Accounts = &account.Service{Couch: client, Now: func() time.Time { return now }}
	s.Index = &silent{}
	if err := client.CreateDB(t.Context(), "accounts"); err != nil {
		t.Fatal(err)
	}
	plan := doc(t, `{"_id":"`+testAccount+`","pvt_type":"account","dial_plan":{"^9(\\d\\d)$":{"prefix":"77"}}}`)
	if err := client.DB("accounts").Put(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	create(t, s, `{"id":"warm","numbers":["900"]}`)
	patch(t, s, "warm", `{"name":"n"}`)
	if err := s.Accounts.Prepare(t.Context(), testAccount); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		do   func()
		want int
	}{
		{"create: take, write, confirm", func() { create(t, s, `{"numbers":["912"]}`) }, 3},
		{"create with a number that is somebody's perhaps: look whose", func() { create(t, s, `{"numbers":["+14155550100"]}`) }, 4},
		{"create with an id: a read more", func() { create(t, s, `{"id":"c","numbers":["913","914"]}`) }, 4},
		{"edit: read, keep, write", func() { patch(t, s, "c", `{"name":"n"}`) }, 3},
		{"another number: look and take and confirm too", func() { patch(t, s, "c", `{"numbers":["915"]}`) }, 6},
		{"another number that is somebody's perhaps", func() { patch(t, s, "c", `{"numbers":["+14155550101"]}`) }, 7},
		{"delete: read, references, keep, write", func() { remove(t, s, "c") }, 4},
	}
	for _, tt := range tests {
		if seen := c.during(tt.do); len(seen) > tt.want {
			t.Errorf("%s: %d requests\n%s", tt.name, len(seen), strings.Join(seen, "\n"))
		}
	}
	got, err := s.Get(t.Context(), testAccount, "c")
	if err == nil {
		t.Errorf("still there: %v", got)
	}
	warm, err := s.Get(t.Context(), testAccount, "warm")
	if err != nil || warm.Strings("numbers")[0] != "7700" {
		t.Errorf("the dial plan is not followed: %v, %v", warm, err)
	}
}
