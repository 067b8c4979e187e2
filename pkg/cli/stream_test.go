package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// TestStreamRenewsTheLogin sends a file to a server that no longer knows the
// token: it is sent again from its start, once there is a new token.
func TestStreamRenewsTheLogin(t *testing.T) {
	var bodies []string
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v2/api_auth", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"success","data":{"account_id":"a"},"auth_token":"new"}`)
	})
	mux.HandleFunc("POST /v2/import", func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		bodies = append(bodies, r.Header.Get("X-Auth-Token")+" "+string(raw))
		if r.Header.Get("X-Auth-Token") != "new" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"status":"error","message":"invalid_credentials","data":{}}`)
			return
		}
		_, _ = io.WriteString(w, "done")
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("lines"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c := &client{
		env:      &Env{Getenv: func(string) string { return t.TempDir() }},
		settings: settings{Server: srv.URL, Token: "old", APIKey: "key"},
	}
	request := func() (*http.Request, error) { return c.fileRequest(t.Context(), "/v2/import", file) }
	body, err := c.stream(t.Context(), asLines, request)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if raw, err := io.ReadAll(body); err != nil || string(raw) != "done" {
		t.Errorf("%q %v", raw, err)
	}
	if len(bodies) != 2 || bodies[0] != "old lines" || bodies[1] != "new lines" {
		t.Errorf("it sent %q", bodies)
	}

	c.settings.Token, c.settings.APIKey = "old", "" // nothing to renew it with
	if _, err := c.stream(t.Context(), asLines, request); ExitCode(err) != Refused || len(bodies) != 3 {
		t.Errorf("it sent %q and says %v", bodies, err)
	}
}
