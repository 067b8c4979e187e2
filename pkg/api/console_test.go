package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/number"
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

// TestFact18Editors asks what a console asks before it edits a user or a
// device: one refusal, and the editor stays shut.
func TestFact18Editors(t *testing.T) {
	w := newWorld(t, nil)
	base := "/v2/accounts/" + w.master
	kinds := w.send(get, base+"/phone_numbers/classifiers?paginate=false", "").want(http.StatusOK)
	for _, name := range number.Classes() {
		if kinds.data(name, "name") != name || kinds.data(name, "friendly_name") == nil {
			t.Errorf("%s is %v", name, kinds.data(name))
		}
	}
	one, two := strings.Repeat("1", 32), strings.Repeat("2", 32)
	for id, owner := range map[string]string{"a": one, "b": two, "c": one} {
		w.send(put, base+"/devices", `{"data":{"id":"`+id+`","name":"`+id+`","owner_id":"`+owner+`"}}`).want(http.StatusCreated)
	}
	for query, want := range map[string]string{
		one + "/devices?ascending=true": "ac", one + "/devices?filter_name=c": "c", one + "/devices?filter_owner_id=" + two: "",
		one + "/devices": "ca", two + "/devices?paginate=false": "b", "nobody/devices": "",
	} {
		if got := strings.Join(w.send(get, base+"/users/"+query, "").want(http.StatusOK).ids(), ""); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

// TestFact18Polls asks for what a console polls: an empty list keeps it quiet
// where a 404 is shown to its user.
func TestFact18Polls(t *testing.T) {
	w := newWorld(t, nil)
	base := "/v2/accounts/" + w.master
	for _, path := range []string{
		"/devices/status", "/users/u/hotdesks", "/conferences/c/participants", "/alerts", "/channels", "/external_numbers",
		"/registrations",
	} {
		if got := w.send(get, base+path+"?paginate=false", "").want(http.StatusOK).items(); len(got) != 0 {
			t.Errorf("%s: %v", path, got)
		}
		w.as("").send(get, base+path, "").want(http.StatusUnauthorized)
	}
	for _, id := range []string{"status", "validate"} {
		r := w.send(put, base+"/devices", `{"data":{"id":"`+id+`","name":"n"}}`).want(http.StatusBadRequest)
		if r.data("id", "error", "value") != id {
			t.Errorf("%s: %v", id, r.data())
		}
	}
}

// TestFact18Brands asks for a domain's brand, as a console does before anybody
// logs in.
func TestFact18Brands(t *testing.T) {
	w := newWorld(t, nil).as("")
	for _, path := range []string{"", "/logo", "/icon", "/welcome"} {
		r := w.send(get, "/v2/whitelabel/pbx.example"+path, "").want(http.StatusNotFound).says("bad_identifier")
		if r.data("cause") != "pbx.example" {
			t.Errorf("%s: %v", path, r.data())
		}
	}
}
