package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden responses")

const goldenDir = "../../testdata/golden"

var revisions = regexp.MustCompile(`"([0-9]+)-[0-9a-f]{32}"`)

// golden compares a response with testdata/golden/<name>.golden.json: status,
// the headers that say something, and the body. What differs from run to run
// is masked.
func golden(t *testing.T, name, accountID string, r response) {
	t.Helper()
	shown := map[string]any{"status": r.status, "body": r.env, "headers": map[string]string{}}
	for _, key := range []string{"Allow", "Content-Type", "ETag", "Location", "Www-Authenticate"} {
		if v := r.header.Get(key); v != "" {
			shown["headers"].(map[string]string)[key] = v
		}
	}
	if r.env["auth_token"] != nil {
		r.env["auth_token"] = "{token}"
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(shown); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(buf.String(), accountID, "{A}")
	text = regexp.MustCompile(`\\"([0-9]+)-[0-9a-f]{32}\\"`).ReplaceAllString(text, `\"$1-{hash}\"`)
	text = regexp.MustCompile(`\\"[0-9a-f]{32}\\"`).ReplaceAllString(text, `\"{digest}\"`) // of data with the account's id
	text = revisions.ReplaceAllString(text, `"$1-{hash}"`)
	goldenFile(t, name+".golden.json", text)
}

// goldenFile compares a text with a file of testdata/golden, or makes it so.
func goldenFile(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(goldenDir, name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // test data is for everyone
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s differs; got\n%s", name, text)
	}
}

// TestGoldenBodyErrors has a row for each row of contract 1.6's table, and the
// ones contract 9.11 adds.
func TestGoldenBodyErrors(t *testing.T) {
	w := newWorld(t, func(cfg *Config) { cfg.Limits.Body = 1000 })
	tests := []struct{ name, body string }{
		{"body_malformed", `{"data":{"name":"x",}}`},
		{"body_not_an_object", `["x"]`},
		{"body_no_data", `{"name":"x"}`},
		{"body_null_data", `{"data":null}`},
		{"body_scalar_data", `{"data":"x"}`},
		{"body_duplicate_key", `{"data":{"name":"a","name":"b"}}`},
		{"body_duplicate_member", `{"Data":{},"data":{}}`},
		{"body_number_too_large", `{"data":{"n":1e999}}`},
		{"body_lone_surrogate", `{"data":{"n":"\udc00"}}`},
		{"body_too_large", `{"data":{"n":"` + strings.Repeat("x", 1000) + `"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := w.in(t).as("").send(put, "/v2/accounts/"+w.master+"/callflows", tt.body, "X-Request-Id", "golden")
			golden(t, tt.name, w.master, r)
		})
	}
}

// TestGoldenExamples has a row for each worked example of contract 1.10 that
// one request shows; the others have tests of their own below.
func TestGoldenExamples(t *testing.T) {
	w := newWorld(t, nil)
	base := "/v2/accounts/" + w.master + "/callflows"
	w.newCallflow(w.master, `{"id":"holder","name":"Main","numbers":["2600"],"patterns":["^\\*5$"],"flow":{"module":"response","data":{}}}`)
	const flow = `"flow":{"module":"response","data":{}}`
	tests := []struct{ name, method, path, body string }{
		{"example_01_no_numbers", put, base, `{"data":{` + flow + `}}`},
		{"example_02_numbers_no_array", put, base, `{"data":{"numbers":"2600",` + flow + `}}`},
		{"example_03_number_taken", put, base, `{"data":{"numbers":["2600"],` + flow + `}}`},
		{"example_03_pattern_taken", put, base, `{"data":{"patterns":["^\\*5$"],` + flow + `}}`},
		{"example_04_unknown_module", put, base, `{"data":{"numbers":["1"],"flow":{"module":"nosuchmodule","data":{}}}}`},
		{"example_05_empty_flow", put, base, `{"data":{"numbers":["1"],"flow":{}}}`},
		{"example_05_flow_no_object", put, base, `{"data":{"numbers":["1"],"flow":"x"}}`},
		{"example_06_long_number", put, base, `{"data":{"numbers":["` + strings.Repeat("1", 37) + `"]}}`},
		{"example_07_twice", put, base, `{"data":{"numbers":["1","1"]}}`},
		{"example_08_short_id", put, base, `{"data":{"numbers":["1"],"flow":{"module":"response","data":{},` +
			`"children":{"_":{"module":"voicemail","data":{"id":"short"}}}}}}`},
		{"example_09_null_name", put, base, `{"data":{"numbers":["1"],"name":null}}`},
		{"example_10_unknown_id", get, base + "/nosuch", ``},
		{"example_13_page_size_text", get, base + "?page_size=abc", ``},
		{"example_13_page_size_zero", get, base + "?page_size=0", ``},
		{"example_14_internal_url", put, base, `{"data":{"numbers":["345"],"flow":{"module":"pivot","data":{"voice_url":"http://localhost/123"}}}}`},
		{"callflow_created", put, base, `{"data":{"id":"made","numbers":["4158867900"],"flow":{"module":"user","data":{"timeout":"20"}},"custom":true}}`},
		{"callflow_read", get, base + "/holder", ``},
		{"callflow_listed", get, base + "?page_size=1", ``},
		{"callflow_deleted", remove, base + "/holder", ``},
		{"method_not_allowed", patch, base, `{"data":{}}`},
		{"no_such_path", get, "/v2/nosuch", ``},
		{"no_such_version", get, "/v3/accounts", ``},
		{"account_id_malformed", get, "/v2/accounts/abc/callflows", ``},
		{"account_unknown", get, "/v2/accounts/ffffffffffffffffffffffffffffffff/callflows", ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			golden(t, tt.name, w.master, w.in(t).send(tt.method, tt.path, tt.body, "X-Request-Id", "golden"))
		})
	}
}

// TestGoldenConflict is example 12 and the 412 of contract 9.7.
func TestGoldenConflict(t *testing.T) {
	w := newWorld(t, nil)
	base := "/v2/accounts/" + w.master + "/callflows"
	w.newCallflow(w.master, `{"id":"one","numbers":["1"]}`)
	golden(t, "example_12_conflict", w.master, w.send(put, base, `{"data":{"id":"one","numbers":["2"]}}`, "X-Request-Id", "golden"))
	r := w.send(post, base+"/one", `{"data":{"numbers":["2"]}}`, "X-Request-Id", "golden", "If-Match", `"9-stale"`)
	golden(t, "precondition_failed", w.master, r)
	if got := w.send(get, base+"/one", "").want(http.StatusOK); got.data("numbers", 0) != "1" {
		t.Errorf("a refused write was made: %v", got.data())
	}
}

// TestGoldenForeignNumber is example 11: the number's document says that it
// belongs to another account.
func TestGoldenForeignNumber(t *testing.T) {
	w := newWorld(t, nil)
	owner, _ := w.newAccount("owner")
	acct, mine := w.newAccount("other")
	w.assignNumber("+14158867900", owner)
	r := mine.send(put, "/v2/accounts/"+acct+"/callflows", `{"data":{"numbers":["4158867900"]}}`, "X-Request-Id", "golden")
	golden(t, "example_11_foreign_number", acct, r)
}

// TestGoldenUnauthorised shows both 401s and the 403 (contract 1.3, 1.4).
func TestGoldenUnauthorised(t *testing.T) {
	w := newWorld(t, nil)
	path := "/v2/accounts/" + w.master + "/callflows"
	golden(t, "unauthorised_no_token", w.master, w.as("").send(get, path, "", "X-Request-Id", "golden"))
	golden(t, "unauthorised_bad_token", w.master, w.as("garbage").send(get, path, "", "X-Request-Id", "golden"))
	_, child := w.newAccount("child")
	golden(t, "forbidden", w.master, child.send(get, path, "", "X-Request-Id", "golden"))
}

var revisionText = regexp.MustCompile(`\b([0-9]+)-[0-9a-f]{32}\b`)

// goldenText compares a body outside the envelope with
// testdata/golden/<name>.golden.
func goldenText(t *testing.T, name, text string) {
	t.Helper()
	goldenFile(t, name+".golden", text)
}
