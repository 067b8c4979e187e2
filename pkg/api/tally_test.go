package api

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// TestRequestsToStorage holds what each operation asks of storage: on a real
// CouchDB the requests made one after the other decide how long it takes.
// Whoever adds one has to say so here.
func TestRequestsToStorage(t *testing.T) {
	w := worldOn(t, couchtest.Counted(t), nil)
	w.undescribed = true
	id, mine := w.newAccount("one")
	base := "/v2/accounts/" + id
	mine.newUser(id, "ann", "")
	flow := `"flow":{"module":"user","data":{"id":"ann"},"children":{"_":{"module":"voicemail","data":{"id":"` + strings.Repeat("b", 32) + `"}}}}`
	for _, warm := range []string{`{"id":"a","numbers":["100"],` + flow + `}`, `{"id":"b","numbers":["101"],` + flow + `}`} {
		mine.newCallflow(id, warm)
	}
	mine.send(get, base+"/callflows/a", "").want(http.StatusOK)
	mine.send(get, base+"/routes/100", "").want(http.StatusOK)
	login := `{"data":{"credentials":"` + md5Hex("ann:pw") + `","account_name":"one"}}`
	mine.send(put, "/v2/user_auth", login).want(http.StatusCreated)
	tests := []struct {
		name, method, path, body string
		want                     []string
	}{
		{"GET", get, base + "/callflows/a", "", []string{"GET account/doc", "POST account/_all_docs"}},
		{"list", get, base + "/callflows", "", []string{"GET account/_view/crossbar_listing"}},
		{"lookup", get, base + "/routes/100", "", nil},
		{"PUT", put, base + "/callflows", `{"data":{"id":"c","numbers":["102"],` + flow + `}}`, []string{"GET account/doc", "GET account/doc", "POST account/_all_docs", "POST account/_bulk_docs", "PUT account/doc"}},
		{"POST", post, base + "/callflows/c", `{"data":{"name":"C","numbers":["102"],` + flow + `}}`, []string{"GET account/doc", "POST account/_all_docs", "PUT account/doc", "PUT month", "PUT month/doc"}},
		{"PATCH", patch, base + "/callflows/c", `{"data":{"name":"D"}}`, []string{"GET account/doc", "POST account/_all_docs", "PUT account/doc", "PUT month/doc"}},
		{"PATCH of a number", patch, base + "/callflows/c", `{"data":{"numbers":["103"]}}`, []string{"GET account/doc", "GET account/doc", "GET account/doc", "POST account/_all_docs", "POST account/_bulk_docs", "PUT account/doc", "PUT month/doc"}},
		{"DELETE", http.MethodDelete, base + "/callflows/c", "", []string{"GET account/_view/by_target", "GET account/doc", "PUT account/doc", "PUT month/doc"}},
		{"user", patch, base + "/users/ann", `{"data":{"timezone":"UTC"}}`, []string{"GET account/doc", "PUT account/doc"}},
		{"login", put, "/v2/user_auth", login, []string{"GET account/_view/creds_by_md5", "GET accounts/_view/listing_by_name", "GET accounts/doc"}},
		{"API key", put, "/v2/api_auth", `{"data":{"api_key":"` + masterKey + `"}}`, []string{"GET accounts/_view/listing_by_api"}},
	}
	for _, tt := range tests {
		var tally couchtest.Tally
		r := httptest.NewRequestWithContext(tally.Context(t.Context()), tt.method, tt.path, strings.NewReader(tt.body))
		r.RemoteAddr = "127.0.0.1:40000"
		r.Header.Set("X-Auth-Token", mine.token)
		if got := mine.do(r, tt.body); got.status > 299 {
			t.Errorf("%s: %d %s", tt.name, got.status, got.body)
		}
		if got := tally.Requests(); !slices.Equal(got, tt.want) {
			t.Errorf("%s asks storage %d times: %q, want %q", tt.name, len(got), got, tt.want)
		}
	}
}
