package api

import (
	"net/http"
	"strings"
	"testing"
)

// TestGoldenFixedAnswers: what a console asks at every login has Kazoo's shape
// and is empty.
func TestGoldenFixedAnswers(t *testing.T) {
	w := newWorld(t, nil)
	for _, path := range []string{
		"limits", "ledgers/total", "multi_factor", "security", "apps_store", "apps_store/blacklist", "service_plans", "storage", "entitlements",
		"cdrs/interaction", "lists", "resources",
	} {
		t.Run(path, func(t *testing.T) {
			w := w.in(t)
			r := w.send(get, "/v2/accounts/"+w.master+"/"+path+"?paginate=false", "", "X-Request-Id", "golden").want(http.StatusOK)
			golden(t, "console_"+strings.ReplaceAll(path, "/", "_"), w.master, r)
		})
	}
}

// TestGoldenTokens are the answers about tokens.
func TestGoldenTokens(t *testing.T) {
	w := newWorld(t, nil)
	login := w.as("").send(put, "/v2/api_auth", `{"data":{"api_key":"`+masterKey+`"}}`, "X-Request-Id", "golden").want(http.StatusCreated)
	token, _ := login.env["auth_token"].(string)
	golden(t, "login", w.master, login)
	golden(t, "tokeninfo", w.master, w.as(token).send(get, "/v2/auth/tokeninfo", "", "X-Request-Id", "golden"))
}
