package api

import (
	"crypto/md5" //nolint:gosec // what clients send
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// The tests of this file are contract section 10, what real clients need, one
// test per numbered fact.

func fact01ContentTypeIsBare(t *testing.T, w *world) {
	answers := map[string]response{
		"success": w.send(get, "/v2/accounts/"+w.master, ""),
		"400":     w.send(put, "/v2/accounts/"+w.master+"/callflows", `{`),
		"401":     w.as("").send(get, "/v2/accounts/"+w.master, ""),
		"404":     w.send(get, "/v2/accounts/"+w.master+"/callflows/x", ""),
		"405":     w.send(put, "/v2/accounts/"+w.master+"/callflows/x", `{"data":{}}`),
		"406":     w.send(get, "/v2/accounts/"+w.master, "", "Accept", "image/png"),
		"415":     w.send(put, "/v2/accounts/"+w.master+"/callflows", `x`, "Content-Type", "text/plain"),
	}
	for name, r := range answers {
		if r.header["Content-Type"] == nil || r.header["Content-Type"][0] != "application/json" || r.env == nil {
			t.Errorf("%s: %v %s", name, r.header["Content-Type"], r.body)
		}
		if name != "success" && r.env["error"] != name {
			t.Errorf("%s answered as %v", name, r.env["error"])
		}
	}
}

func fact02TrailingSlashIsServed(t *testing.T, w *world) {
	r := w.send(put, "/v2/accounts/"+w.master+"/callflows/", `{"data":{"id":"x","numbers":["1"]}}`).want(http.StatusCreated)
	if got := r.header.Get("Location"); got != "/v2/accounts/"+w.master+"/callflows/x" {
		t.Errorf("location %q", got)
	}
	w.send(get, "/v2/accounts/"+w.master+"/callflows/x//", "").want(http.StatusOK)
}

func fact03DeleteAnswersWithTheDocument(t *testing.T, w *world) {
	id := w.newCallflow(w.master, `{"name":"n","numbers":["1"]}`)
	r := w.send(remove, "/v2/accounts/"+w.master+"/callflows/"+id, `{"data":{}}`).want(http.StatusOK)
	if r.data("id") != id || r.data("name") != "n" || r.data("_read_only", "deleted") != true {
		t.Errorf("data %v", r.data())
	}
}

func fact04OnlyPutCreates(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/callflows"
	w.send(put, "/v2/api_auth", `{"data":{"api_key":"`+masterKey+`"}}`).want(http.StatusCreated)
	w.send(put, base, `{"data":{"id":"x","numbers":["1"]}}`).want(http.StatusCreated)
	w.send(post, base+"/x", `{"data":{"numbers":["1"]}}`).want(http.StatusOK)
	w.send(patch, base+"/x", `{"data":{"name":"x"}}`).want(http.StatusOK)
	w.send(remove, base+"/x", "").want(http.StatusOK)
	w.send(post, base, `{"data":{"numbers":["2"]},"verb":"PUT"}`).want(http.StatusCreated)
}

func fact05MetadataIsAnObject(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/callflows"
	w.newCallflow(w.master, `{"id":"plain","numbers":["1"]}`)
	w.newCallflow(w.master, `{"id":"pointing","numbers":["2"],"flow":{"module":"callflow","data":{"id":"plain"}}}`)
	if got, ok := w.send(get, base+"/plain", "").data("metadata").(map[string]any); !ok || len(got) != 0 {
		t.Errorf("metadata %v", got)
	}
	read := w.send(get, base+"/pointing", "")
	if read.data("metadata", "plain", "pvt_type") != "callflow" {
		t.Errorf("metadata %v", read.data("metadata"))
	}
	back, err := json.Marshal(map[string]any{"data": read.env["data"]})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.send(post, base+"/pointing", string(back)).want(http.StatusOK).data("metadata"); got != nil {
		t.Errorf("metadata was stored: %v", got)
	}
}

func fact06FiltersRepeat(t *testing.T, w *world) {
	w.newCallflow(w.master, `{"id":"a","numbers":["1"],"ui_metadata":{"origin":"voip"}}`)
	w.newCallflow(w.master, `{"id":"b","numbers":["2"],"ui_metadata":{"origin":"common"}}`)
	w.newCallflow(w.master, `{"id":"c","numbers":["3"],"group_id":"g"}`)
	w.newCallflow(w.master, `{"id":"d","numbers":["+14158867900"],"type":"main"}`)
	tests := []struct {
		query string
		want  string
	}{
		{"filter_not_ui_metadata.origin=voip&filter_not_ui_metadata.origin=common", "d c"},
		{"key_missing=group_id&key_missing=type", "b a"},
		{"filter_ui_metadata.origin=" + url.QueryEscape(`["voip","common"]`), "b a"},
		{"filter_pvt_type=callflow&_=1700000000000", "d c b a"},
		{"has_key=type", "d"},
		{"filter_numbers=+14158867900", "d"},
		{"filter_numbers=%2B14158867900&paginate=false", "d"},
		{"has_value=group_id&ascending=true", "c"},
	}
	for _, tt := range tests {
		r := w.send(get, "/v2/accounts/"+w.master+"/callflows?"+tt.query, "").want(http.StatusOK)
		if got := strings.Join(r.ids(), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.query, got, tt.want)
		}
	}
}

func fact07ListItems(t *testing.T, w *world) {
	w.newCallflow(w.master, `{"id":"p","patterns":["^1$"]}`)
	w.newCallflow(w.master, `{"id":"f","numbers":["*1"],"featurecode":{"name":"x","number":"1"}}`)
	r := w.send(get, "/v2/accounts/"+w.master+"/callflows", "").want(http.StatusOK)
	if r.data(0, "id") != "p" || r.data(0, "featurecode") != false {
		t.Errorf("first item %v", r.data(0))
	}
	if numbers, ok := r.data(0, "numbers").([]any); !ok || len(numbers) != 0 {
		t.Errorf("numbers %v", r.data(0, "numbers"))
	}
	if r.data(1, "featurecode", "name") != "x" {
		t.Errorf("second item %v", r.data(1))
	}
}

func fact08Paging(t *testing.T, w *world) {
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		w.newCallflow(w.master, `{"id":"`+id+`","numbers":["1`+id+`"]}`)
	}
	base := "/v2/accounts/" + w.master + "/callflows"
	var pages []string
	start := ""
	for range 10 {
		r := w.send(get, base+"?page_size=2"+start, "").want(http.StatusOK)
		pages = append(pages, strings.Join(r.ids(), ""))
		next, more := r.env["next_start_key"].(string)
		if !more {
			break
		}
		start = "&start_key=" + url.QueryEscape(next)
	}
	if got := strings.Join(pages, " "); got != "ed cb a" {
		t.Errorf("pages %q", got)
	}
	for query, want := range map[string]string{
		"paginate=false": "edcba", "ascending=true": "abcde", "descending=false": "abcde", "descending=true&ascending=true": "edcba",
		"start_key=c": "cba", "start_key=g20AAAABYw": "cba", "start_key=c&end_key=b": "cb", "page_size=99999999": "edcba",
	} {
		r := w.send(get, base+"?"+query, "").want(http.StatusOK)
		if got := strings.Join(r.ids(), ""); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		if _, paged := r.env["page_size"]; paged == strings.HasPrefix(query, "paginate") {
			t.Errorf("%s: page_size %v", query, r.env["page_size"])
		}
	}
	if got := w.send(get, base, `{"data":{"paginate":false}}`).want(http.StatusOK); got.env["page_size"] != nil {
		t.Error("paginate is not read from the body")
	}
}

func fact09ErrorEnvelope(t *testing.T, w *world) {
	r := w.send(get, "/v2/accounts/"+w.master+"/callflows/x", "", "X-Request-ID", "mine").want(http.StatusNotFound)
	if r.env["error"] != "404" || r.env["request_id"] != "mine" || r.header.Get("X-Request-Id") != "mine" {
		t.Errorf("envelope %s", r.body)
	}
}

func fact10And12Login(t *testing.T, w *world) {
	acct, mine := w.newAccount("Acme Inc")
	user := mine.send(put, "/v2/accounts/"+acct+"/users",
		`{"data":{"first_name":"A","last_name":"B","username":"Alice","password":"secret"}}`).want(http.StatusCreated)
	for _, key := range []string{"password", "pvt_md5_auth"} {
		if user.data(key) != nil {
			t.Errorf("%s is shown", key)
		}
	}
	sum := md5.Sum([]byte("alice:secret")) //nolint:gosec // Kazoo's hash
	body := `{"data":{"credentials":"` + hex.EncodeToString(sum[:]) + `","account_name":"acme inc"},"verb":"PUT","accept_charges":true}`
	for _, path := range []string{"/v2/user_auth", "/v1/user_auth"} {
		r := w.as("").send(put, path, body, "X-Auth-Token", "").want(http.StatusCreated)
		token, _ := r.env["auth_token"].(string)
		if r.env["status"] != "success" || token == "" || r.data("account_id") != acct || r.data("owner_id") != user.data("id") {
			t.Errorf("%s: %s", path, r.body)
		}
		for _, key := range []string{"is_reseller", "language", "apps"} {
			if r.data(key) == nil {
				t.Errorf("%s: no %s", path, key)
			}
		}
		as := w.as(token)
		as.send(get, "/v2/accounts/"+acct+"/users/"+r.data("owner_id").(string), "", "Content-Type", "application/json").want(http.StatusOK)
		as.send(get, "/v2/accounts/"+w.master, "").want(http.StatusForbidden)
	}
}

func TestFact11TokensAreJWT(t *testing.T) {
	parts := strings.Split(newWorld(t, nil).token, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || !json.Valid(claims) {
		t.Errorf("claims %s: %v", claims, err)
	}
}

func fact13IntegersAsStrings(t *testing.T, w *world) {
	r := w.send(put, "/v2/accounts/"+w.master+"/callflows",
		`{"data":{"numbers":["1"],"flow":{"module":"user","data":{"timeout":"20"}}}}`).want(http.StatusCreated)
	if got := r.data("flow", "data", "timeout"); got != json.Number("20") {
		t.Errorf("timeout %#v", got)
	}
}

func TestFact14UnknownFieldsRoundTrip(t *testing.T) {
	couchtest.SkipPouchDB(t, "integers beyond 2^53 lose digits there")
	w := newWorld(t, nil)
	id := w.newCallflow(w.master, `{"numbers":["1"],"ui_metadata":{"a":[1,{"b":null}]},"contact_list":{"exclude":false},"type":"main",
		"owner_id":"o","group_id":"g","flags":["x"],"ui_is_main_number_cf":true,"big":12345678901234567890}`)
	r := w.send(get, "/v2/accounts/"+w.master+"/callflows/"+id, "").want(http.StatusOK)
	if r.data("ui_metadata", "a", 0) != json.Number("1") || r.data("contact_list", "exclude") != false || r.data("type") != "main" ||
		r.data("owner_id") != "o" || r.data("group_id") != "g" || r.data("flags", 0) != "x" || r.data("ui_is_main_number_cf") != true ||
		r.data("big") != json.Number("12345678901234567890") {
		t.Errorf("data %v", r.data())
	}
}

func fact15AcceptHeaders(t *testing.T, w *world) {
	for _, accept := range []string{"", "*/*", "application/json, text/javascript, */*; q=0.01"} {
		w.send(get, "/v2/accounts/"+w.master+"/callflows", "", "Accept", accept).want(http.StatusOK)
	}
	w.newCallflow(w.master, `{"id":"x","numbers":["+14158867900"],"name":"n"}`)
	r := w.send(get, "/v2/accounts/"+w.master+"/search?t=callflow&q=number&v=+1415", "").want(http.StatusOK)
	if got := r.ids(); len(got) != 1 || got[0] != "x" {
		t.Errorf("found %v", got)
	}
}

func fact16Preflight(t *testing.T, w *world) {
	for _, path := range []string{"/v2/accounts/x/callflows/y", "/v2/user_auth", "/v2/nosuch", "/v9", "/", "/healthz"} {
		r := w.as("").send(http.MethodOptions, path, "", "Origin", "https://ui.example", "Access-Control-Request-Method", "PATCH").want(http.StatusOK)
		if r.body != "" || !strings.Contains(r.header.Get("Access-Control-Allow-Headers"), "x-auth-token") {
			t.Errorf("%s: %q %v", path, r.body, r.header)
		}
	}
	r := w.send(http.MethodOptions, "/v2/accounts/x/callflows/y", "", "Origin", "https://ui.example")
	for _, method := range []string{"PATCH", "DELETE"} {
		if !strings.Contains(r.header.Get("Access-Control-Allow-Methods"), method) {
			t.Errorf("%s is not allowed: %v", method, r.header)
		}
	}
	w.as("").send(http.MethodOptions, "/v2/accounts/"+w.master, "").want(http.StatusMethodNotAllowed)
}

func fact17SearchByNumber(t *testing.T, w *world) {
	w.newCallflow(w.master, `{"id":"x","numbers":["2600","2700"],"name":"Front Desk"}`)
	base := "/v2/accounts/" + w.master + "/search"
	for query, want := range map[string]int{
		"t=callflow&q=number&v=26": 1, "t=callflow&q=name&v=front": 1, "t=callflow&q=name_and_number&v=27": 1,
		"t=callflow&q=number&v=2": 1,
		"t=callflow&q=number&v=9": 0, "t=device&q=number&v=26": 0,
	} {
		if got := w.send(get, base+"?"+query, "").want(http.StatusOK).ids(); len(got) != want {
			t.Errorf("%s: %v", query, got)
		}
	}
	multi := w.send(get, base+"/multi?t=callflow&by_name=front&by_number=1", "").want(http.StatusOK)
	if multi.data("name", 0, "id") != "x" || multi.data("number", 0) != nil {
		t.Errorf("multi %v", multi.data())
	}
	missing := w.send(get, base, "").want(http.StatusBadRequest)
	for _, name := range []string{"t", "q", "v"} {
		if missing.data(name, "required") == nil {
			t.Errorf("%s is not asked for: %v", name, missing.data())
		}
	}
	if bad := w.send(get, base+"?t=callflow&q=x&v=1", "").want(http.StatusBadRequest); bad.data("q", "enum") == nil {
		t.Errorf("data %v", bad.data())
	}
}

func fact18ConsoleLogin(t *testing.T, w *world) {
	acct, mine := w.newAccount("console")
	base := "/v2/accounts/" + acct
	user, _ := mine.send(put, base+"/users", `{"data":{"first_name":"A","last_name":"B"}}`).want(http.StatusCreated).data("id").(string)
	mine.send(get, base, "").want(http.StatusOK)
	mine.send(patch, base+"/users/"+user, `{"data":{"ui_flags":{"x":true}}}`).want(http.StatusOK)
	apps := mine.send(get, base+"/apps_store", "").want(http.StatusOK)
	if api, _ := apps.data(0, "api_url").(string); api != "http://pbx.example/v2/" {
		t.Errorf("api_url %q", api)
	}
	info := w.as("").send(post, "/v2/auth/tokeninfo", `{"data":{"token":"`+mine.token+`"}}`).want(http.StatusOK)
	if info.data("account_id") != acct {
		t.Errorf("tokeninfo %v", info.data())
	}
	mine.send(get, base+"/phone_numbers", "").want(http.StatusOK)
	for _, name := range []string{
		"users", "devices", "media", "menus", "vmboxes", "groups", "temporal_rules", "temporal_rules_sets",
		"directories", "conferences", "faxboxes", "blacklists",
	} {
		mine.send(get, base+"/"+name+"?paginate=false", "").want(http.StatusOK)
	}
	mine.send(get, "/v2/whitelabel/example.com", "").want(http.StatusNotFound)
}

// TestFacts runs the facts, each for an account of its own.
func TestFacts(t *testing.T) {
	newWorld(t, nil).each(t, []tenantTest{
		{"Fact01ContentTypeIsBare", fact01ContentTypeIsBare},
		{"Fact02TrailingSlashIsServed", fact02TrailingSlashIsServed},
		{"Fact03DeleteAnswersWithTheDocument", fact03DeleteAnswersWithTheDocument},
		{"Fact04OnlyPutCreates", fact04OnlyPutCreates},
		{"Fact05MetadataIsAnObject", fact05MetadataIsAnObject},
		{"Fact06FiltersRepeat", fact06FiltersRepeat},
		{"Fact07ListItems", fact07ListItems},
		{"Fact08Paging", fact08Paging},
		{"Fact09ErrorEnvelope", fact09ErrorEnvelope},
		{"Fact10And12Login", fact10And12Login},
		{"Fact13IntegersAsStrings", fact13IntegersAsStrings},
		{"Fact15AcceptHeaders", fact15AcceptHeaders},
		{"Fact16Preflight", fact16Preflight},
		{"Fact17SearchByNumber", fact17SearchByNumber},
		{"Fact18ConsoleLogin", fact18ConsoleLogin},
	})
}
