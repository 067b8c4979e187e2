package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// command runs a command that ends by itself and returns what it printed.
func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out buffer
	err := run(t.Context(), args, nil, &out, io.Discard)
	return out.String(), err
}

// signedBy reads the name of the key out of a token.
func signedBy(t testing.TB, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var header struct {
		KID string `json:"kid"`
	}
	if err := json.Unmarshal(raw, &header); err != nil || header.KID == "" {
		t.Fatalf("token header %s: %v", raw, err)
	}
	return header.KID
}

// A key made while the program serves, and one made while it is stopped, are
// used for new tokens; the old tokens stay good.
func TestE2ERotateKey(t *testing.T) {
	dir := "--data-dir=" + t.TempDir()
	secret := writeSecret(t, "admin:s3cret\n")
	args := []string{dir, "--couchdb-listen=127.0.0.1:0", "--couchdb-admin-file=" + secret, "--master-api-key=" + someKey}
	p := start(t, args...)
	c, account := login(t, p, someKey)
	first := signedBy(t, c.token)

	if _, err := command(t, "rotate-key", dir); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the databases of a running program: %v", err)
	}
	url := strings.Replace(p.couchdb, "http://", "http://admin@", 1)
	out, err := command(t, "rotate-key", "--couchdb-url="+url, "--couchdb-password-file="+writeSecret(t, "s3cret\n"))
	if err != nil || !strings.Contains(out, "new key") {
		t.Fatalf("%v: %s", err, out)
	}
	var second string
	couchtest.Eventually(t, "the new key signs", func() bool {
		fresh, _ := login(t, p, someKey)
		second = signedBy(t, fresh.token)
		return second != first
	})
	p.stop()

	if _, err := command(t, "rotate-key", dir); err != nil {
		t.Fatal(err)
	}
	p = start(t, args...)
	fresh, _ := login(t, p, someKey)
	if third := signedBy(t, fresh.token); third == first || third == second {
		t.Errorf("key %s signs again", third)
	}
	c.base = p.api
	c.must(http.StatusOK, "GET", "/v2/accounts/"+account, nil)
}

// A lost key of the master account has a way back, on embedded databases and
// on a server, and the lost one is void then.
func TestE2EResetKey(t *testing.T) {
	storages := map[string][]string{
		"embedded": {"--data-dir=" + t.TempDir()},
		"server":   {"--data-dir=" + t.TempDir(), "--couchdb-url=" + couchtest.URL(t)},
	}
	for name, storage := range storages {
		t.Run(name, func(t *testing.T) {
			if _, err := command(t, append([]string{"reset-key"}, storage...)...); err == nil || !strings.Contains(err.Error(), "no master account") {
				t.Errorf("a key before the first start: %v", err)
			}
			p := start(t, storage...)
			account, lost := masterOf(t, p.greeting())
			p.stop()
			out, err := command(t, append([]string{"reset-key"}, storage...)...)
			if err != nil {
				t.Fatal(err)
			}
			p = start(t, storage...)
			defer p.stop()
			same, key := masterOf(t, out)
			if same != account || len(key) != 64 || key == lost {
				t.Fatalf("account %s with the key %s prints %s", account, lost, out)
			}
			if _, now := login(t, p, key); now != account {
				t.Errorf("the new key logs into %s", now)
			}
			caller{t: t, base: p.api}.must(http.StatusNotFound, "PUT", "/v2/api_auth", map[string]any{"api_key": lost})
		})
	}
}

// A configured key is neither printed nor logged.
func TestE2EConfiguredKeyIsNotPrinted(t *testing.T) {
	p := start(t, "--data-dir="+t.TempDir(), "--master-api-key="+someKey)
	login(t, p, someKey)
	p.stop()
	if strings.Contains(p.greeting(), someKey) || !strings.Contains(p.greeting(), "CALLFLOWD_MASTER_API_KEY") {
		t.Errorf("the greeting: %s", p.greeting())
	}
}
