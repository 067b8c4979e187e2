package callflow

import (
	"encoding/json"
	"testing"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/schema"
)

const testAccount = "abcdef0123456789abcdef0123456789"

// newService returns a service on a fresh server that has one account.
func newService(t testing.TB) *Service {
	t.Helper()
	return serviceOn(t, couchtest.New(t))
}

// serviceOn returns a service on a server, whose account it makes.
func serviceOn(t testing.TB, client *couch.Client) *Service {
	t.Helper()
	registry, err := schema.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.CreateDB(t.Context(), couch.AccountDB(testAccount)); err != nil {
		t.Fatal(err)
	}
	return &Service{Couch: client, Schemas: schema.NewLive(registry), Accounts: &account.Service{Couch: client}, Words: []string{"validate"}}
}

// doc decodes a JSON object.
func doc(t testing.TB, text string) document.Doc {
	t.Helper()
	var d document.Doc
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// put stores a document as Kazoo or another site would, past the service.
func put(t testing.TB, s *Service, text string) document.Doc {
	t.Helper()
	d := doc(t, text)
	if err := s.Couch.Account(testAccount).Put(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

func create(t testing.TB, s *Service, data string) document.Doc {
	t.Helper()
	saved, err := s.Create(t.Context(), write(t, "", data))
	if err != nil {
		t.Fatalf("create %s: %v %v", data, err, problem.AsError(err).Data)
	}
	return saved.Doc
}

func patch(t testing.TB, s *Service, id, data string) document.Doc {
	t.Helper()
	saved, err := s.Patch(t.Context(), write(t, id, data))
	if err != nil {
		t.Fatalf("patch %s: %v %v", data, err, problem.AsError(err).Data)
	}
	return saved.Doc
}

func remove(t testing.TB, s *Service, id string) document.Doc {
	t.Helper()
	saved, err := s.Delete(t.Context(), write(t, id, `{}`), false)
	if err != nil {
		t.Fatal(err)
	}
	return saved.Doc
}

func write(t testing.TB, id, data string) Write {
	t.Helper()
	return Write{
		AccountID: testAccount, ID: id, Data: doc(t, data),
		Actor: save.Actor{AccountID: testAccount, UserID: "u1", RequestID: "r1", ClientIP: "192.0.2.1"},
	}
}

// sameJSON compares a value with JSON text.
func sameJSON(t testing.TB, got any, want string) {
	t.Helper()
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	a, b := doc(t, `{"v":`+string(text)+`}`), doc(t, `{"v":`+want+`}`)
	if !document.Equal(a["v"], b["v"]) {
		t.Errorf("got %s\nwant %s", text, want)
	}
}

// wantError checks an error's code and, unless data is "", its data.
func wantError(t testing.TB, err error, code problem.Code, data string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", code)
	}
	e := problem.AsError(err)
	if e.Code != code {
		t.Fatalf("code %q (%v %v), want %q", e.Code, err, e.Data, code)
	}
	if data != "" {
		sameJSON(t, withoutMessages(e.Data), data)
	}
}

// withoutMessages drops the texts for people from an error's data.
func withoutMessages(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if k != "message" {
				out[k] = withoutMessages(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = withoutMessages(e)
		}
		return out
	}
	return v
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
