package api

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/url"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/resource"
)

// listApps serves GET …/apps_store: the apps that a web console offers, each
// with the API it uses and who may open it (contract 10.18). A console hides an
// app that does not say who.
func (s *Server) listApps(c *web.Call) (*web.Answer, error) {
	return &web.Answer{Data: s.apps(c), Digest: true}, nil
}

// apps are the configured apps, or else the callflows of this server, with
// what their configuration leaves out.
func (s *Server) apps(c *web.Call) []App {
	apps := s.cfg.Apps
	if apps == nil {
		apps = []App{{Name: "callflows", Masqueradable: true}}
	}
	out := make([]App, len(apps))
	for i, app := range apps {
		app.ID = cmp.Or(app.ID, app.Name)
		app.Label = cmp.Or(app.Label, appLabel(app.Name))
		app.APIURL = cmp.Or(app.APIURL, baseURL(c))
		app.AllowedUsers = cmp.Or(app.AllowedUsers, "all")
		if app.I18n == nil {
			app.I18n = map[string]AppText{"en-US": {Label: app.Label}}
		}
		out[i] = app
	}
	return out
}

// appLabel is what a console shows of an app whose configuration says nothing.
func appLabel(name string) string {
	known := map[string]string{"callflows": "Callflows", "voip": "SmartPBX", "accounts": "Accounts", "numbers": "Numbers", "pbxs": "PBX Connector"}
	return cmp.Or(known[name], name)
}

// baseURL is this API as the client reached it.
func baseURL(c *web.Call) string {
	scheme := "http"
	if c.Request.TLS != nil || c.Request.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	host := c.Request.Host
	if host == "" {
		host = "localhost"
	}
	return scheme + "://" + host + "/" + c.Version + "/"
}

// listPhoneNumbers serves GET …/phone_numbers: the numbers of the public
// network that callflows of the account use.
func (s *Server) listPhoneNumbers(c *web.Call) (*web.Answer, error) {
	numbers := map[string]any{}
	more := false
	view := s.cfg.Couch.Account(c.Account()).View(c.Context(), "callflows", "listing_by_number", couch.Query{})
	for row, err := range view {
		if err != nil {
			return nil, err
		}
		var key string
		if json.Unmarshal(row.Key, &key) != nil || !number.Reconcilable(key) {
			continue
		}
		if more = len(numbers) >= s.cfg.Limits.MaxPageSize; more {
			break
		}
		numbers[key] = map[string]any{"assigned_to": c.Account(), "state": "in_service", "used_by": "callflow"}
	}
	return &web.Answer{Data: map[string]any{"numbers": numbers, "truncated": more}, Digest: true}, nil
}

// listClassifiers serves GET …/phone_numbers/classifiers: the kinds of numbers
// by name. A console asks before it opens a user or a device.
func (s *Server) listClassifiers(*web.Call) (*web.Answer, error) {
	names := map[string]string{
		"emergency": "Emergency", "tollfree_us": "US toll-free", "toll_us": "US toll", "caribbean": "Caribbean",
		"did_us": "US local", "international": "International",
	}
	kinds := map[string]any{}
	for _, name := range number.Classes() {
		kinds[name] = map[string]any{"name": name, "friendly_name": cmp.Or(names[name], name)}
	}
	return &web.Answer{Data: kinds, Digest: true}, nil
}

// listUserDevices serves GET …/users/{id}/devices: the devices the user owns.
func (s *Server) listUserDevices(c *web.Call) (*web.Answer, error) {
	owned := url.Values{}
	maps.Copy(owned, c.Query)
	owned.Add("filter_owner_id", c.Var("document_id"))
	c.Query = owned
	for _, kind := range resource.Kinds() {
		if kind.Name == "devices" {
			return collection{s, kind}.list(c)
		}
	}
	return nil, &problem.Error{Code: problem.NotFound}
}

// listNothing serves lists that are always empty here.
func (*Server) listNothing(*web.Call) (*web.Answer, error) { return web.Page([]any{}, "", ""), nil }

// noWhitelabel serves GET /v2/whitelabel/{DOMAIN}, which a console asks before
// anybody logs in. No domain has a brand here, so it is always a 404.
func (*Server) noWhitelabel(c *web.Call) (*web.Answer, error) {
	return nil, &problem.Error{Code: problem.BadIdentifier, Data: map[string]any{"cause": c.Var("domain")}}
}
