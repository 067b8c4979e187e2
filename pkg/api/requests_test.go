package api

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

func paths(t *testing.T, w *world) {
	w.newCallflow(w.master, `{"id":"x","numbers":["1"]}`)
	acct := "/accounts/" + w.master
	tests := []struct {
		name, method, path string
		token              bool
		status             int
		message            string
	}{
		{"v1", get, "/v1" + acct + "/callflows", true, 200, ""},
		{"alias", get, "/v2/account/callflows/x", true, 200, ""},
		{"escapes that say nothing", get, "/%762" + acct + "/%63allflows/%78", true, 200, ""},
		{"escaped percent sign", get, "/v2" + acct + "/callflows/%2578", true, 404, "bad_identifier"},
		{"alias alone", get, "/v2/account", true, 200, ""},
		{"alias without token", get, "/v2/account/callflows", false, 401, "invalid_credentials"},
		{"forged alias", get, "/v2/accounts/~/callflows", true, 404, "bad identifier"},
		{"other version", get, "/v3" + acct, true, 404, "not_found"},
		{"no version", get, "/", false, 404, "not_found"},
		{"unknown noun, nobody", get, "/v2/nosuch", false, 401, "invalid_credentials"},
		{"unknown noun", get, "/v2/nosuch", true, 404, "not_found"},
		{"deeper", get, "/v2" + acct + "/callflows/x/y/z", true, 404, "not_found"},
		{"no account id", get, "/v2/accounts//callflows", false, 404, "bad identifier"},
		{"empty segment", get, "/v2//accounts/" + w.master, true, 404, "not_found"},
		{"short id, nobody", get, "/v2/accounts/abc", false, 404, "bad identifier"},
		{"id of strange letters", get, "/v2/accounts/" + strings.Repeat("%2F", 32), true, 404, "bad_identifier"},
		{"wrong method, nobody", http.MethodDelete, "/v2" + acct + "/callflows", false, 405, "invalid_method"},
		{"design document", get, "/v2" + acct + "/callflows/_design%2Fcallflows", true, 404, "bad_identifier"},
		{"slash in an id", get, "/v2" + acct + "/callflows/a%2Fb", true, 404, "bad_identifier"},
		{"dots", get, "/v2" + acct + "/callflows/..", true, 404, "bad_identifier"},
		{"account document as callflow", get, "/v2" + acct + "/callflows/" + w.master, true, 404, "bad_identifier"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := w.in(t)
			as := w
			if !tt.token {
				as = w.as("")
			}
			r := as.send(tt.method, tt.path, "").want(tt.status)
			if tt.message != "" {
				r.says(tt.message)
			}
		})
	}
}

func headWhereGet(t *testing.T, w *world) {
	w.newCallflow(w.master, `{"id":"x","numbers":["1"]}`)
	base := "/v2/accounts/" + w.master + "/callflows"
	for _, path := range []string{base, base + "?paginate=false", base + "/x", "/v2/accounts/" + w.master, "/healthz"} {
		r := w.send(http.MethodHead, path, "").want(http.StatusOK)
		if r.body != "" || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %q %v", path, r.body, r.header)
		}
	}
	w.send(http.MethodHead, base+"/nosuch", "").want(http.StatusNotFound)
	w.send(http.MethodHead, base+"/validate", "").want(http.StatusMethodNotAllowed)
}

func tunnelledVerbs(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/callflows"
	made := w.send(post, base+"?verb=put", `{"data":{"id":"x","numbers":["1"],"name":"n"}}`).want(http.StatusCreated)
	if made.header.Get("Location") == "" {
		t.Error("no location")
	}
	if got := w.send(post, base+"/x", `{"data":{"custom":1},"verb":"PATCH"}`).want(http.StatusOK).data("name"); got != "n" {
		t.Errorf("name %v", got)
	}
	w.send(get, base+"/x?verb=DELETE", "").want(http.StatusOK)
	w.send(get, base+"/x", "").want(http.StatusOK)
	w.send(post, base+"/x", `{"data":{},"verb":"nonsense"}`).want(http.StatusMethodNotAllowed)
	w.send(post, base+"/x", `{"data":{"verb":"DELETE"}}`).want(http.StatusOK)
	w.send(get, base+"/x", "").want(http.StatusNotFound)
}

func preconditions(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/callflows"
	one := w.send(put, base, `{"data":{"id":"x","numbers":["1"]}}`).want(http.StatusCreated)
	rev, _ := one.env["revision"].(string)
	tag := `"` + rev + `"`
	w.send(get, base+"/x", "", "If-Match", `"1-0"`, "If-None-Match", tag).want(http.StatusPreconditionFailed)
	w.send(get, base+"/x", "", "If-Match", tag, "If-None-Match", tag).want(http.StatusNotModified)
	tests := []struct {
		name, method, path, body, header, value string
		status                                  int
	}{
		{"unchanged", get, base + "/x", "", "If-None-Match", tag, 304},
		{"unchanged, weak", get, base + "/x", "", "If-None-Match", "W/" + tag, 304},
		{"unchanged, star", get, base + "/x", "", "If-None-Match", "*", 304},
		{"changed", get, base + "/x", "", "If-None-Match", `"1-0"`, 200},
		{"another one wanted", get, base + "/x", "", "If-Match", `"1-0"`, 412},
		{"create over nothing", put, base, `{"data":{"numbers":["2"]}}`, "If-Match", "*", 412},
		{"stale replace", post, base + "/x", `{"data":{"numbers":["1"]}}`, "If-Match", `"1-0", "2-0"`, 412},
		{"stale patch", patch, base + "/x", `{"data":{"a":1}}`, "If-Match", `W/` + tag, 412},
		{"stale delete", remove, base + "/x", "", "If-Match", `"1-0"`, 412},
		{"unless it is there", remove, base + "/x", "", "If-None-Match", "*", 412},
		{"unknown before condition", post, base + "/nosuch", `{"data":{"numbers":["1"]}}`, "If-Match", "*", 404},
		{"fresh in a list", patch, base + "/x", `{"data":{"a":1}}`, "If-Match", `"1-0", ` + tag, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := w.in(t).send(tt.method, tt.path, tt.body, tt.header, tt.value).want(tt.status)
			if tt.status == http.StatusPreconditionFailed && tt.path != base && (r.data("revision") != rev || r.header.Get("ETag") != tag) {
				t.Errorf("the current revision is not told: %v, ETag %s", r.data(), r.header.Get("ETag"))
			}
			if tt.status == http.StatusNotModified && (r.body != "" || r.header.Get("ETag") != tag) {
				t.Errorf("304 with %q, ETag %s", r.body, r.header.Get("ETag"))
			}
		})
	}
}

// strictWriters lets many writers change the same revision: one wins.
func strictWriters(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/callflows"
	one := w.send(put, base, `{"data":{"id":"x","numbers":["1"]}}`).want(http.StatusCreated)
	rev, _ := one.env["revision"].(string)
	var wg sync.WaitGroup
	var mu sync.Mutex
	counts := map[int]int{}
	for range 8 {
		wg.Go(func() {
			r := w.send(patch, base+"/x", `{"data":{"a":1}}`, "If-Match", `"`+rev+`"`)
			mu.Lock()
			defer mu.Unlock()
			counts[r.status]++
		})
	}
	wg.Wait()
	if counts[http.StatusOK] != 1 || counts[http.StatusPreconditionFailed] != 7 {
		t.Errorf("answers %v", counts)
	}
}

func baseRevisionMerges(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/callflows"
	one := w.send(put, base, `{"data":{"id":"x","numbers":["1"],"name":"n"}}`).want(http.StatusCreated)
	rev, _ := one.env["revision"].(string)
	w.send(patch, base+"/x", `{"data":{"name":"theirs"}}`).want(http.StatusOK)
	merged := w.send(post, base+"/x", `{"data":{"numbers":["1","2"],"name":"n"},"revision":"`+rev+`"}`).want(http.StatusOK)
	if merged.data("name") != "theirs" || merged.data("numbers", 1) != "2" {
		t.Errorf("merged to %v", merged.data())
	}
	clash := w.send(patch, base+"/x", `{"data":{"name":"mine"},"revision":"`+rev+`"}`).want(http.StatusConflict).says("datastore_conflict")
	if clash.data("conflicts", 0, "path") != "name" {
		t.Errorf("conflict %v", clash.data())
	}
}

func listDigest(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/callflows"
	tag := w.send(get, base, "").want(http.StatusOK).header.Get("ETag")
	w.send(get, base, "", "If-None-Match", tag).want(http.StatusNotModified)
	w.newCallflow(w.master, `{"numbers":["1"]}`)
	if again := w.send(get, base, "", "If-None-Match", tag).want(http.StatusOK); again.header.Get("ETag") == tag {
		t.Error("the tag did not change with the list")
	}
}

func lookingUp(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master
	w.newCallflow(w.master, `{"id":"star","name":"Star","patterns":["^\\*3([0-9]*)$"]}`)
	w.newCallflow(w.master, `{"id":"all","numbers":["no_match"]}`)
	explained := w.send(get, base+"/routes/"+url.PathEscape("*3100")+"?explain=true", "").want(http.StatusOK)
	if explained.data("match", "capture_group") != "100" || explained.data("candidates", 0, "callflow_id") != "star" ||
		explained.data("steps", 0, "step") == nil || explained.data("as_of") == nil {
		t.Errorf("explained %v", explained.data())
	}
	if got := w.send(get, base+"/routes/7777", "").want(http.StatusOK); got.data("match", "kind") != "no_match" {
		t.Errorf("fell to %v", got.data("match"))
	}
	missed := w.send(get, base+"/routes/abc?explain=true", "").want(http.StatusNotFound).says("not_found")
	if missed.data("steps", 0, "step") == nil {
		t.Errorf("a miss is not explained: %v", missed.data())
	}
	w.send(get, base+"/routes/1%0A2", "").want(http.StatusBadRequest)
	w.send(get, base+"/routes/100?consistent=true", "").want(http.StatusOK)
	many := w.send(post, base+"/routes", `{"data":{"numbers":["*31","abc"]}}`).want(http.StatusOK)
	if many.data("routes", 0, "callflow_id") != "star" || many.data("routes", 1, "callflow_id") != nil || many.data("routes", 1, "match") != nil {
		t.Errorf("many %v", many.data())
	}
	draft := w.send(post, base+"/routes",
		`{"data":{"numbers":["*31","100"],"draft":[{"id":"star","_deleted":true},{"numbers":["100"]}]}}`).want(http.StatusOK)
	if draft.data("routes", 0, "changed") != true || draft.data("routes", 0, "after", "match") != nil ||
		draft.data("routes", 1, "before", "callflow_id") != "all" || draft.data("routes", 1, "changed") != true {
		t.Errorf("draft %v", draft.data())
	}
	for _, body := range []string{`{"data":{}}`, `{"data":{"numbers":"1"}}`, `{"data":{"numbers":[1]}}`, `{"data":{"numbers":[],"draft":1}}`, `{"data":{"numbers":[],"draft":[1]}}`} {
		w.send(post, base+"/routes", body).want(http.StatusBadRequest)
	}
	w.newCallflow(w.master, `{"id":"loose","patterns":["600"]}`)
	report := w.send(get, base+"/route_analysis", "").want(http.StatusOK)
	if report.data("findings", 0, "kind") == nil {
		t.Errorf("no finding about an unanchored pattern: %v", report.data())
	}
}

func versions(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/callflows"
	one := w.send(put, base, `{"data":{"id":"x","numbers":["1"],"name":"first"}}`).want(http.StatusCreated)
	first, _ := one.env["revision"].(string)
	second, _ := w.send(patch, base+"/x", `{"data":{"name":"second"}}`).want(http.StatusOK).env["revision"].(string)
	history := w.send(get, base+"/x/history", "").want(http.StatusOK)
	if len(history.items()) != 2 || history.data(0, "revision") != second || history.data(1, "action") != "created" {
		t.Errorf("history %v", history.data())
	}
	if got := w.send(get, base+"/x/history/"+first, "").want(http.StatusOK).data("name"); got != "first" {
		t.Errorf("old name %v", got)
	}
	diff := w.send(get, base+"/x/diff?from="+first+"&to="+second, "").want(http.StatusOK)
	if diff.data("changes", 0, "path") != "name" || diff.data("changes", 0, "op") != "replace" {
		t.Errorf("diff %v", diff.data())
	}
	for _, query := range []string{"", "?from=" + first, "?to=" + second} {
		if got := w.send(get, base+"/x/diff"+query, "").want(http.StatusOK); got.data("from") != first || got.data("to") != second {
			t.Errorf("%q compares %v", query, got.data())
		}
	}
	w.send(get, base+"/x/diff?to="+first, "").want(http.StatusBadRequest)
	w.send(get, base+"/nosuch/diff", "").want(http.StatusNotFound)
	w.send(remove, base+"/x", "").want(http.StatusOK)
	if got := w.send(get, base+"?deleted=true", "").want(http.StatusOK); got.data(0, "id") != "x" || got.data(0, "revision") == nil {
		t.Errorf("what can be restored: %v", got.data())
	}
	taken := w.send(put, base, `{"data":{"id":"x","numbers":["1"]}}`).want(http.StatusConflict)
	if message, _ := taken.data("message").(string); !strings.Contains(message, "/restore") {
		t.Errorf("a deleted id is refused with %q", message)
	}
	restored := w.send(post, base+"/x/restore", `{"data":{"revision":"`+first+`"}}`).want(http.StatusOK)
	if restored.data("name") != "first" {
		t.Errorf("restored %v", restored.data())
	}
	w.send(post, base+"/x/restore", `{"data":{}}`).want(http.StatusBadRequest)
	w.send(get, base+"/x?at=yesterday", "").want(http.StatusBadRequest)
	w.send(get, base+"/x?at=2024-03-01T12:00", "").want(http.StatusOK)
	w.send(get, base+"/x?at=2024-03-01T13:00:00+01:00", "").want(http.StatusOK)
	w.send(get, base+"/x?at=-1", "").want(http.StatusBadRequest)
	w.send(get, base+"/x?at=2024-03-01&at=2024-03-02", "").want(http.StatusBadRequest)
	w.past("/v2/accounts/"+w.master, base)
	w.newCallflow(w.master, `{"id":"y","numbers":["2"],"flow":{"module":"callflow","data":{"id":"x"}}}`)
	if got := w.send(get, base+"/x/references", "").want(http.StatusOK); got.data(0, "id") != "y" {
		t.Errorf("references %v", got.data())
	}
	for _, on := range []string{"=true", "=1", "=True", "=yes", "=ON", "=", ""} {
		w.send(remove, base+"/x?refuse_if_referenced"+on, "").want(http.StatusConflict)
	}
	if got := w.send(remove, base+"/x?refuse_if_referenced=maybe", "").want(http.StatusBadRequest); got.data("refuse_if_referenced", "enum") == nil {
		t.Errorf("a flag that is nothing: %s", got.body)
	}
	if got := w.send(remove, base+"/x", "").want(http.StatusOK); got.env["warnings"] == nil {
		t.Errorf("no warning: %s", got.body)
	}
}

// past asks as of a time what cannot be asked so, and for what was not there.
func (w *world) past(account, base string) {
	w.t.Helper()
	for _, path := range []string{
		base + "/x?at=2024-03-02", account + "/routes/100?at=2124-01-01",
		base + "?at=2024-03-01", account + "/users?at=2024-03-01", base + "/x/history?at=2024-03-01", account + "/search?t=callflow&q=name&v=x&at=2024-03-01",
	} {
		w.send(get, path, "").want(http.StatusBadRequest).says("validation error")
	}
	w.send(remove, account+"/users/none?refuse_if_referenced=true", "").want(http.StatusNotFound)
	w.send(get, account+"/users/none/references", "").want(http.StatusNotFound)
	w.send(get, base+"/none/references", "").want(http.StatusNotFound)
	if got := w.send(get, account+"/routes/100?at=2024-03-01&explain=true", "").want(http.StatusNotFound); got.data("steps", 0, "step") == nil {
		w.t.Errorf("a miss in the past is not explained: %v", got.data())
	}
	missed := w.send(get, account+"/routes/4155550199?at=2024-03-01T11:00:00Z", "").want(http.StatusNotFound)
	data, _ := missed.data().(map[string]any)
	if match, ok := data["match"]; !ok || match != nil || data["number"] != "4155550199" || data["normalized"] != "+14155550199" || data["as_of"] != "2024-03-01T11:00:00Z" {
		w.t.Errorf("a miss in the past: %v", data)
	}
}

func validate(t *testing.T, w *world) {
	path := "/v2/accounts/" + w.master + "/callflows/validate"
	good := w.send(post, path, `{"data":{"numbers":["4158867900"]}}`).want(http.StatusOK)
	if good.data("valid") != true || good.data("document", "numbers", 0) != "+14158867900" {
		t.Errorf("good %v", good.data())
	}
	bad := w.send(post, path, `{"data":{"flow":{}}}`).want(http.StatusOK)
	if bad.data("valid") != false || bad.data("problems", "flow.module", "required") == nil {
		t.Errorf("bad %v", bad.data())
	}
	if got := w.send(get, "/v2/accounts/"+w.master+"/callflows", "").items(); len(got) != 0 {
		t.Errorf("it was saved: %v", got)
	}
}

// TestRequests runs the tests above, each for an account of its own.
func TestRequests(t *testing.T) {
	newWorld(t, nil).each(t, []tenantTest{
		{"Paths", paths},
		{"HeadWhereGet", headWhereGet},
		{"TunnelledVerbs", tunnelledVerbs},
		{"Preconditions", preconditions},
		{"StrictWriters", strictWriters},
		{"BaseRevisionMerges", baseRevisionMerges},
		{"ListDigest", listDigest},
		{"Lookups", lookingUp},
		{"Versions", versions},
		{"Validate", validate},
	})
}
