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
		{"list", get, base + "/callflows", "", []string{"GET account/_view/crossbar_listing"}},
		{"lookup", get, base + "/routes/100", "", nil},
		{"PUT", put, base + "/callflows", `{"data":{"id":"c","numbers":["102"],` + flow + `}}`, []string{"GET account/doc", "GET account/doc", "POST account/_all_docs", "POST account/_bulk_docs", "PUT account/doc"}},
		{"POST", post, base + "/callflows/c", `{"data":{"name":"C","numbers":["102"],` + flow + `}}`, []string{"GET account/doc", "POST account/_all_docs", "PUT account/doc", "PUT month", "PUT month/doc"}},
		{"PATCH", patch, base + "/callflows/c", `{"data":{"name":"D"}}`, []string{"GET account/doc", "POST account/_all_docs", "PUT account/doc", "PUT month/doc"}},
		{"PATCH of a number", patch, base + "/callflows/c", `{"data":{"numbers":["103"]}}`, []string{"GET account/doc", "GET account/doc", "GET account/doc", "POST account/_all_docs", "POST account/_bulk_docs", "PUT account/doc", "PUT month/doc"}},
		{"DELETE", http.MethodDelete, base + "/callflows/c", "", []string{"GET account/_view/by_target", "GET account/doc", "PUT account/doc", "PUT month/doc"}},
		{"user", patch, base + "/users/ann", `{"data":{"timezone":"UTC"}}`, []string{"GET account/doc", "PUT account/doc"}},
		{"login", put, "/v2/user_auth", login, []string{"GET account/_view/creds_by_md5", "GET account/doc", "GET accounts/_view/listing_by_name"}},
		{"API key", put, "/v2/api_auth", `{"data":{"api_key":"` + masterKey + `"}}`, []string{"GET account/doc", "GET accounts/_view/listing_by_api"}},
	}
	ask := func(method, path, body string) []string {
		var tally couchtest.Tally
		r := httptest.NewRequestWithContext(tally.Context(t.Context()), method, path, strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:40000"
		r.Header.Set("X-Auth-Token", mine.token)
		if got := mine.do(r, body); got.status > 299 {
			t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
		}
		return tally.Requests()
	}
	// What the callflow refers to may just be told of by the feed, and so be
	// asked for again.
	couchtest.Eventually(t, "a GET is one request", func() bool {
		return slices.Equal(ask(get, base+"/callflows/a", ""), []string{"GET account/doc"})
	})
	for _, tt := range tests {
		if got := ask(tt.method, tt.path, tt.body); !slices.Equal(got, tt.want) {
			t.Errorf("%s asks storage %d times: %q, want %q", tt.name, len(got), got, tt.want)
		}
	}
}
