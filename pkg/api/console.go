package api

import (
	"cmp"
	"maps"
	"net/url"

	"github.com/callflowd/callflowd/pkg/api/web"
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
