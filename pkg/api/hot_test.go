package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/route"
)

// TestSplitLookup: what is taken apart by hand comes out as the router has it,
// and no other path is taken for a lookup.
func TestSplitLookup(t *testing.T) {
	s := New(Config{Now: noon})
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
		ask := func() *call {
			r := httptest.NewRequest(get, "/", nil)
			return &call{r: r, path: path}
		}
		byHand, routed := ask(), ask()
		got, err := s.match(byHand)
		want, wantErr := s.ask(routed)
		if (err == nil) != (wantErr == nil) || got != want || err == nil && !reflect.DeepEqual(byHand.vars, routed.vars) {
			t.Fatalf("%s: %v %v %v, routed %v %v %v", path, got, byHand.vars, err, want, routed.vars, wantErr)
		}
	})
}

// TestRouteData: what is written by hand is what encoding/json writes.
func TestRouteData(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "+14155550100", `^\*5(\d+)$`, "(?<a>&)", "\x7f\u2028\xff"}))
	rapid.Check(t, func(t *rapid.T) {
		d := routeData{
			Number: text.Draw(t, "number"), Normalized: text.Draw(t, "normalized"), CallflowID: text.Draw(t, "id"), AsOf: text.Draw(t, "as of"),
			Incomplete: rapid.Bool().Draw(t, "incomplete"),
		}
		if rapid.Bool().Draw(t, "found") {
			d.Match = &match{Kind: text.Draw(t, "kind"), Key: text.Draw(t, "key"), Form: text.Draw(t, "form"), CaptureGroup: text.Draw(t, "group")}
			if rapid.Bool().Draw(t, "named") {
				d.Match.CaptureGroups = map[string]string{text.Draw(t, "name"): text.Draw(t, "value")}
			}
		}
		if rapid.Bool().Draw(t, "callflow") {
			d.Callflow = []byte(`{"id":"x","name":"\u003c"}`)
		}
		if rapid.Bool().Draw(t, "explained") {
			d.Steps, d.Candidates = []number.Step{}, []route.Candidate{}
		}
		want, err := encode(&d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.appendTo([]byte("before "))
		if err != nil || string(got) != "before "+string(want) {
			t.Fatalf("%s, want %s (%v)", got, want, err)
		}
	})
}

// TestRequestIDs: made ones are 32 hex digits, none of which is always the
// same.
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

// TestBuffersAreApart: an answer is not made in a buffer that another one is
// still being sent from.
func TestBuffersAreApart(t *testing.T) {
	s := New(Config{Now: noon})
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

// TestLookupAllocations bounds what a lookup allocates, log record, metrics,
// limits and all: 18 at the time of writing, where mux alone takes 9.
func TestLookupAllocations(t *testing.T) {
	w := newWorld(t, func(cfg *Config) {
		cfg.Log = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zap.InfoLevel))
		cfg.Limits.Lookups = Rate{Burst: 1 << 30, PerSecond: 1 << 30}
	})
	w.newCallflow(w.master, benchFlow)
	r := httptest.NewRequestWithContext(t.Context(), get, "/v2/accounts/"+w.master+"/routes/4155550100", nil)
	r.Header.Set("X-Auth-Token", w.token)
	r.RemoteAddr = "192.0.2.1:1"
	out := &discarder{header: http.Header{}}
	allocations := testing.AllocsPerRun(200, func() {
		clear(out.header)
		w.handler.ServeHTTP(out, r)
	})
	if out.status != http.StatusOK || allocations > 30 {
		t.Errorf("status %d, %v allocations", out.status, allocations)
	}
}
