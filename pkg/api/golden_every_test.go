package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/api/openapi"
	"github.com/callflowd/callflowd/pkg/api/web"
)

// everyDir has the good answer of every operation.
const everyDir = "operations"

// random is what differs from run to run, and what stands for it.
var random = []struct {
	found *regexp.Regexp
	shown string
}{
	{regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`), "{token}"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "{key}"},
	{regexp.MustCompile(`\b([0-9]+)-[0-9a-f]{32}\b`), "$1-{hash}"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "{id}"},
	{regexp.MustCompile(`\baccount(%2F|/)[0-9a-f]{2}(%2F|/)[0-9a-f]{2}(%2F|/)[0-9a-f]{28}\b`), "account/{id}"},
	{regexp.MustCompile(`"[0-9a-f]+\.sip\.`), `"{made up}.sip.`},
	{regexp.MustCompile(`"(seq|last_seq|as_of)":( ?)"[^"]*"`), `"$1":$2"{passing}"`},
}

// goldenAnswer compares the good answer of an operation with its golden. The
// order of lists is left out, since it may be that of random ids.
func goldenAnswer(t *testing.T, op web.Row, r response) {
	t.Helper()
	if r.env == nil || op.Path == "/openapi.json" {
		return // held to the document alone, or it is the document
	}
	for _, key := range []string{"tokens", "node", "version", "timestamp", "request_id", "auth_token"} {
		delete(r.env, key)
	}
	headers := map[string]string{}
	for _, key := range []string{"Allow", "Location"} {
		if v := r.header.Get(key); v != "" {
			headers[key] = v
		}
	}
	shown := sorted(map[string]any{"status": r.status, "body": r.env, "headers": headers, "etag": r.header.Get("ETag") != ""})
	goldenFile(t, filepath.Join(everyDir, openapi.ID(op)+".golden.json"), masked(t, shown))
}

// masked is JSON without what is random.
func masked(t *testing.T, v any) string {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	text := buf.String()
	for _, m := range random {
		text = m.found.ReplaceAllString(text, m.shown)
	}
	return text
}

// sorted puts the members of lists into an order that random ids do not change.
func sorted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			v[key] = sorted(member)
		}
	case []any:
		for i := range v {
			v[i] = sorted(v[i])
		}
		key := func(item any) string {
			text, _ := json.Marshal(item) // it came from JSON
			out := string(text)
			for _, m := range random {
				out = m.found.ReplaceAllString(out, m.shown)
			}
			return out
		}
		slices.SortStableFunc(v, func(a, b any) int { return cmp.Compare(key(a), key(b)) })
	}
	return v
}

// TestGoldenOfEveryOperation holds that no operation that answers with JSON lacks
// a golden, and that there is none of an operation that is gone.
func TestGoldenOfEveryOperation(t *testing.T) {
	if *update {
		t.Skip("they are being written")
	}
	w := newWorld(t, nil)
	want := map[string]bool{}
	for _, op := range w.server.routes() {
		name := openapi.ID(op) + ".golden.json"
		want[name] = true
		_, err := os.Stat(filepath.Join(goldenDir, everyDir, name))
		if err != nil && op.Media == nil && op.Data != "" {
			t.Errorf("%s %s has no golden: run the tests with -update", op.Method, op.Path)
		}
	}
	entries, err := os.ReadDir(filepath.Join(goldenDir, everyDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !want[e.Name()] && strings.HasSuffix(e.Name(), ".golden.json") {
			t.Errorf("%s belongs to no operation", e.Name())
		}
	}
}
