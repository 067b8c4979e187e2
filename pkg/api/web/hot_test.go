package web

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSplitLookup(t *testing.T) {
	s := New(Config{Now: noon}, []Row{
		{Method: http.MethodGet, Path: LookupPath},
		{Method: http.MethodGet, Path: "/accounts/{account_id}/callflows/{callflow_id}/history/{revision}"},
	})
	segments := rapid.OneOf(
		rapid.SampledFrom([]string{"", "accounts", "routes", "callflows", "~", "2600", "+14155550100", "%2B1415", "*97", "a.b", "..", "é", "%zz", "%2F", "%252F"}),
		rapid.StringMatching(`[a-z0-9%*+^|]{1,4}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(segments, 1, 6).Draw(t, "segments")
		if rapid.Bool().Draw(t, "lookup") {
			parts = []string{"accounts", segments.Draw(t, "account"), "routes", segments.Draw(t, "number")}
		}
		path := "/" + strings.Join(parts, "/")
		ask := func() *Call {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			return &Call{Request: r, path: path}
		}
		byHand, routed := ask(), ask()
		got, err := s.match(byHand)
		want, wantErr := s.ask(routed)
		if (err == nil) != (wantErr == nil) || got != want || err == nil && !maps.Equal(all(byHand.vars), all(routed.vars)) {
			t.Fatalf("%s: %v %v %v, routed %v %v %v", path, got, all(byHand.vars), err, want, all(routed.vars), wantErr)
		}
	})
}

func TestRequestIDs(t *testing.T) {
	seen := make([]map[rune]bool, 32)
	for range 100 {
		id := requestID("")
		if len(id) != len(seen) || strings.Trim(id, "0123456789abcdef") != "" {
			t.Fatalf("request id %q", id)
		}
		for i, digit := range id {
			if seen[i] == nil {
				seen[i] = map[rune]bool{}
			}
			seen[i][digit] = true
		}
	}
	for i, digits := range seen {
		if len(digits) < 2 {
			t.Errorf("digit %d is always the same", i)
		}
	}
}

func TestBuffersAreApart(t *testing.T) {
	s := New(Config{Now: noon}, nil)
	one, other := s.buffer(), s.buffer()
	if err := one.begin("one"); err != nil {
		t.Fatal(err)
	}
	if err := other.begin("other"); err != nil {
		t.Fatal(err)
	}
	if string(one.b) != `{"data":"one"` || string(other.b) != `{"data":"other"` {
		t.Errorf("%s and %s", one.b, other.b)
	}
	s.release(one)
	if again := s.buffer(); len(again.b) != 0 {
		t.Errorf("a fresh buffer holds %s", again.b)
	}
}

func all(v vars) map[string]string {
	out := map[string]string{}
	for _, one := range v.list[:v.n] {
		out[one.name] = one.value
	}
	return out
}

// TestPlainText: eight bytes at a time find what each one does.
func TestPlainText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(strings.Repeat("plain", 4))
		for range rapid.IntRange(0, 2).Draw(t, "how many") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		want := true
		for _, c := range b {
			want = want && c >= ' ' && c <= '~' && c != '"' && c != '\\'
		}
		if got := plainText(string(b)); got != want {
			t.Fatalf("%q: %v", b, got)
		}
	})
}

// TestTooManyVariables: a path that a call has no room for does not mount.
func TestTooManyVariables(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("mounted")
		}
	}()
	New(Config{Now: noon}, []Row{{Method: http.MethodGet, Path: "/{a}/{b}/{c}/{d}/{e}"}})
}
