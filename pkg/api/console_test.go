package api

import (
	"net/http"
	"testing"
)

// TestFact18Apps holds the app list against contract 10.18: a console opens an
// app only for those its allowed_users names, and shows the text of a language.
func TestFact18Apps(t *testing.T) {
	own := []App{{ID: "1", Name: "reports", APIURL: "https://reports.example/v2/", AllowedUsers: "admins", Label: "Reports"}}
	for name, tt := range map[string]struct {
		apps                   []App
		url, users, label, app string
	}{
		"this server's": {nil, "http://pbx.example/v2/", "all", "Callflows", "callflows"},
		"configured":    {own, "https://reports.example/v2/", "admins", "Reports", "reports"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.Apps = tt.apps })
			r := w.send(get, "/v2/accounts/"+w.master+"/apps_store", "").want(http.StatusOK)
			for path, want := range map[string]string{"name": tt.app, "api_url": tt.url, "allowed_users": tt.users} {
				if got := r.data(0, path); got != want {
					t.Errorf("%s is %v, want %s", path, got, want)
				}
			}
			if got := r.data(0, "i18n", "en-US", "label"); got != tt.label {
				t.Errorf("label %v", got)
			}
		})
	}
}
