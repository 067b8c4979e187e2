package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/route/index"
)

// TestSplitLookup: what is taken apart by hand comes out as the router has it,
// and no other path is taken for a lookup.
// TestRouteData: what is written by hand is what encoding/json writes.
func TestRouteData(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "+14155550100", `^\*5(\d+)$`, "(?<a>&)", "\x7f\u2028\xff"}))
	rapid.Check(t, func(t *rapid.T) {
		d := routeData{
			Number: text.Draw(t, "number"), Normalized: text.Draw(t, "normalized"), CallflowID: text.Draw(t, "id"), AsOf: text.Draw(t, "as of"),
			Incomplete: rapid.Bool().Draw(t, "incomplete"), Unread: rapid.Bool().Draw(t, "unread"),
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
			d.Steps, d.Candidates = []number.Step{}, []index.Candidate{}
		}
		want, err := web.Encode(&d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.AppendJSON([]byte("before "))
		if err != nil || string(got) != "before "+string(want) {
			t.Fatalf("%s, want %s (%v)", got, want, err)
		}
	})
}

// TestRequestIDs: made ones are 32 hex digits, none of which is always the
// same.
// TestBuffersAreApart: an answer is not made in a buffer that another one is
// still being sent from.
// TestLookupAllocations bounds what a lookup allocates, log record, metrics,
// limits and all: 13 at the time of writing, where mux alone takes 9.
func TestLookupAllocations(t *testing.T) {
	w := newWorld(t, func(cfg *Config) {
		cfg.Log = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zap.InfoLevel))
		cfg.LogLookups = 100
		cfg.Limits.Lookups = web.Rate{Burst: 1 << 30, PerSecond: 1 << 30}
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
	if out.status != http.StatusOK || allocations > 18 {
		t.Errorf("status %d, %v allocations", out.status, allocations)
	}
}
