package api

import (
	"net/http"
	"strings"
	"testing"
)

// A copy is described once, told of without its password, and ended.
func TestReplications(t *testing.T) {
	w := newWorld(t, nil)
	w.send(get, "/v2/replications", "").want(http.StatusOK).has(t, `"data":[]`)
	made := w.send(put, "/v2/replications", `{"data":{"remote":"https://u:geheim@host:6984","direction":"both","accounts":"all"}}`).want(http.StatusCreated)
	for _, part := range []string{`"remote":"https://host:6984"`, `"user":"u"`, `"accounts":"all"`, `"continuous":true`, `"state":"starting"`, `"docs_pending":null`} {
		made.has(t, part)
	}
	data, _ := made.env["data"].(map[string]any)
	id, _ := data["id"].(string)
	for _, r := range []response{made, w.send(get, "/v2/replications", ""), w.send(get, "/v2/replications/"+id, "")} {
		if r.status >= 300 || strings.Contains(r.body, "geheim") || !strings.Contains(r.body, id) {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	w.send(remove, "/v2/replications/"+id, "").want(http.StatusOK)
	w.send(get, "/v2/replications/"+id, "").want(http.StatusNotFound)
}

func TestReplicationRefused(t *testing.T) {
	w := newWorld(t, nil)
	w.send(put, "/v2/replications", `{"data":{"remote":"host","direction":"up","accounts":5}}`).want(http.StatusBadRequest).
		has(t, `"remote"`).has(t, `"direction"`).has(t, `"accounts"`)
	_, reseller := w.newAccount("reseller")
	reseller.send(put, "/v2/replications", `{"data":{"remote":"http://host","direction":"push","accounts":"all"}}`).want(http.StatusForbidden)
}

// has checks that the body holds a text.
func (r response) has(t *testing.T, text string) response {
	t.Helper()
	if !strings.Contains(r.body, text) {
		t.Errorf("no %s in %s", text, r.body)
	}
	return r
}
