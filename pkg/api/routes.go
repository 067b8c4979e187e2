package api

import (
	"net/http"
	"slices"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/resource"
)

const (
	get    = http.MethodGet
	put    = http.MethodPut
	post   = http.MethodPost
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

// acct is where everything of an account is.
const acct = "/accounts/{account_id}"

// routes is everything there is. The paths that switches ask stand first,
// since they are tried in this order.
func (s *Server) routes() []web.Row {
	table := slices.Concat(s.callflowRoutes(), s.loginRoutes(), s.accountRoutes(), s.consoleRoutes(), s.otherRoutes(),
		s.metaflowRoutes(acct, accountMetaflows{s}))
	for _, kind := range resource.Kinds() {
		table = append(table, s.collectionRoutes(kind)...)
	}
	return table
}

// callflowRoutes are the lookups and what they are made of.
func (s *Server) callflowRoutes() []web.Row {
	return []web.Row{
		{Method: get, Path: web.LookupPath, Handle: s.getRoute, Access: web.OfAccount, Traits: web.Lookups},
		{Method: post, Path: acct + "/routes", Handle: s.compareRoutes, Access: web.OfAccount},
		{Method: get, Path: acct + "/route_analysis", Handle: s.analyseRoutes, Access: web.OfAccount},
		{Method: get, Path: acct + "/callflows", Handle: s.listCallflows, Access: web.OfAccount, Traits: web.Endless},
		{Method: put, Path: acct + "/callflows", Handle: s.createCallflow, Access: web.OfAccount},
		{Method: post, Path: acct + "/callflows/validate", Handle: s.validateCallflow, Access: web.OfAccount},
		{Method: get, Path: acct + "/callflows/{callflow_id}", Handle: s.getCallflow, Access: web.OfAccount},
		{Method: post, Path: acct + "/callflows/{callflow_id}", Handle: s.replaceCallflow, Access: web.OfAccount},
		{Method: patch, Path: acct + "/callflows/{callflow_id}", Handle: s.patchCallflow, Access: web.OfAccount},
		{Method: remove, Path: acct + "/callflows/{callflow_id}", Handle: s.deleteCallflow, Access: web.OfAccount},
		{Method: get, Path: acct + "/callflows/{callflow_id}/history", Handle: s.listHistory, Access: web.OfAccount},
		{Method: get, Path: acct + "/callflows/{callflow_id}/history/{revision}", Handle: s.getVersion, Access: web.OfAccount},
		{Method: get, Path: acct + "/callflows/{callflow_id}/diff", Handle: s.diffCallflow, Access: web.OfAccount},
		{Method: post, Path: acct + "/callflows/{callflow_id}/restore", Handle: s.restoreCallflow, Access: web.OfAccount},
		{Method: get, Path: acct + "/callflows/{callflow_id}/references", Handle: s.listReferences, Access: web.OfAccount},
		{Method: get, Path: acct + "/search", Handle: s.search, Access: web.OfAccount, Traits: web.Endless},
		{Method: get, Path: acct + "/search/multi", Handle: s.searchMulti, Access: web.OfAccount},
		{Method: get, Path: "/search", Handle: s.search, Access: web.SignedIn, Traits: web.Endless},
		{Method: get, Path: "/search/multi", Handle: s.searchMulti, Access: web.SignedIn},
		{Method: get, Path: acct + "/conflicts", Handle: s.listConflicts, Access: web.OfAccount},
		{Method: post, Path: acct + "/conflicts/{document_id}", Handle: s.resolveConflict, Access: web.OfAccount},
		{Method: get, Path: acct + "/changes", Handle: s.listChanges, Access: web.OfAccount, Traits: web.Endless | web.Events},
	}
}

// loginRoutes give and take tokens.
func (s *Server) loginRoutes() []web.Row {
	return []web.Row{
		{Method: put, Path: "/user_auth", Handle: s.userAuth, Access: web.Anyone, Traits: web.Login},
		{Method: get, Path: "/user_auth/{token}", Handle: s.showUserAuth, Access: web.SignedIn, Traits: web.Secret},
		{Method: put, Path: "/api_auth", Handle: s.apiAuth, Access: web.Anyone, Traits: web.Login},
		{Method: get, Path: "/token_auth", Handle: s.showToken, Access: web.SignedIn},
		{Method: remove, Path: "/token_auth", Handle: s.revokeToken, Access: web.SignedIn},
		{Method: get, Path: "/auth/tokeninfo", Handle: s.tokenInfo, Access: web.Anyone},
		{Method: post, Path: "/auth/tokeninfo", Handle: s.tokenInfo, Access: web.Anyone},
	}
}

// accountRoutes are accounts themselves, and what a console asks of one.
func (s *Server) accountRoutes() []web.Row {
	return []web.Row{
		{Method: put, Path: "/accounts", Handle: s.createAccount, Access: web.SignedIn},
		{Method: get, Path: acct, Handle: s.getAccount, Access: web.OfAccount},
		{Method: put, Path: acct, Handle: s.createAccount, Access: web.OfAccount},
		{Method: post, Path: acct, Handle: s.replaceAccount, Access: web.OfAccount},
		{Method: patch, Path: acct, Handle: s.patchAccount, Access: web.OfAccount},
		{Method: remove, Path: acct, Handle: s.deleteAccount, Access: web.OfAccount},
		{Method: get, Path: acct + "/children", Handle: s.listChildren, Access: web.OfAccount},
		{Method: get, Path: acct + "/descendants", Handle: s.listDescendants, Access: web.OfAccount},
		{Method: get, Path: acct + "/siblings", Handle: s.listSiblings, Access: web.OfAccount},
		{Method: get, Path: acct + "/parents", Handle: s.listParents, Access: web.OfAccount},
		{Method: get, Path: acct + "/tree", Handle: s.listTree, Access: web.OfAccount},
		{Method: get, Path: acct + "/api_key", Handle: s.getAPIKey, Access: web.OfAccount},
		{Method: put, Path: acct + "/api_key", Handle: s.renewAPIKey, Access: web.OfAccount},
		{Method: post, Path: acct + "/move", Handle: s.moveAccount, Access: web.OfAccount},
		{Method: put, Path: acct + "/reseller", Handle: s.promoteAccount, Access: web.OfAccount},
		{Method: remove, Path: acct + "/reseller", Handle: s.demoteAccount, Access: web.OfAccount},
		{Method: get, Path: acct + "/apps_store", Handle: s.listApps, Access: web.OfAccount},
		{Method: get, Path: acct + "/phone_numbers", Handle: s.listPhoneNumbers, Access: web.OfAccount},
		{Method: get, Path: acct + "/phone_numbers/classifiers", Handle: s.listClassifiers, Access: web.OfAccount},
		{Method: get, Path: acct + "/users/{document_id}/devices", Handle: s.listUserDevices, Access: web.OfAccount, Traits: web.Endless},
	}
}

// consoleRoutes are what a console polls and callflowd has nothing of: calls,
// registrations, desks. They stand before the collections, whose ids they are
// not.
func (s *Server) consoleRoutes() []web.Row {
	return []web.Row{
		{Method: get, Path: acct + "/devices/status", Handle: s.listNothing, Access: web.OfAccount},
		{Method: get, Path: acct + "/users/{document_id}/hotdesks", Handle: s.listNothing, Access: web.OfAccount},
		{Method: get, Path: acct + "/conferences/{document_id}/participants", Handle: s.listNothing, Access: web.OfAccount},
		{Method: get, Path: acct + "/alerts", Handle: s.listNothing, Access: web.OfAccount},
		{Method: get, Path: acct + "/channels", Handle: s.listNothing, Access: web.OfAccount},
		{Method: get, Path: acct + "/external_numbers", Handle: s.listNothing, Access: web.OfAccount},
		{Method: get, Path: acct + "/registrations", Handle: s.listNothing, Access: web.OfAccount},
		{Method: get, Path: "/whitelabel/{domain}", Handle: s.noWhitelabel, Access: web.Anyone},
		{Method: get, Path: "/whitelabel/{domain}/{part}", Handle: s.noWhitelabel, Access: web.Anyone},
	}
}

// otherRoutes are schemas, the description of all this, and health.
func (s *Server) otherRoutes() []web.Row {
	return []web.Row{
		{Method: get, Path: "/schemas", Handle: s.listSchemas, Access: web.Anyone},
		{Method: get, Path: "/schemas/{schema_id}", Handle: s.getSchema, Access: web.Anyone},
		{Method: put, Path: "/schemas/{schema_id}/validation", Handle: s.validateDocument, Access: web.SignedIn},
		{Method: get, Path: acct + "/schemas", Handle: s.listSchemas, Access: web.OfAccount},
		{Method: get, Path: acct + "/schemas/{schema_id}", Handle: s.getSchema, Access: web.OfAccount},
		{Method: put, Path: acct + "/schemas/{schema_id}/validation", Handle: s.validateDocument, Access: web.OfAccount},
		{Method: get, Path: "/openapi.json", Handle: s.getOpenAPI, Access: web.Anyone},
		{Method: get, Path: "/healthz", Handle: s.healthz, Access: web.Anyone, Traits: web.Bare},
		{Method: get, Path: "/readyz", Handle: s.readyz, Access: web.Anyone, Traits: web.Bare},
		{Method: get, Path: "/metrics", Handle: s.showMetrics, Access: web.Anyone, Traits: web.Bare},
	}
}

// collectionRoutes are the rows of one generic collection.
func (s *Server) collectionRoutes(kind resource.Kind) []web.Row {
	of := collection{s, kind}
	all, one := acct+"/"+kind.Name, acct+"/"+kind.Name+"/{document_id}"
	list := []web.Row{
		{Method: get, Path: all, Handle: of.list, Access: web.OfAccount, Traits: web.Endless},
		{Method: put, Path: all, Handle: of.create, Access: web.OfAccount},
		{Method: get, Path: one, Handle: of.get, Access: web.OfAccount},
		{Method: post, Path: one, Handle: of.replace, Access: web.OfAccount},
		{Method: patch, Path: one, Handle: of.patch, Access: web.OfAccount},
		{Method: remove, Path: one, Handle: of.remove, Access: web.OfAccount},
	}
	return append(list, s.metaflowRoutes(one, documentMetaflows{s, kind})...)
}

// metaflowRoutes are the rows of the metaflows of an account or a document.
func (s *Server) metaflowRoutes(under string, of metaflowOwner) []web.Row {
	m := metaflows{s, of}
	return []web.Row{
		{Method: get, Path: under + "/metaflows", Handle: m.get, Access: web.OfAccount},
		{Method: post, Path: under + "/metaflows", Handle: m.replace, Access: web.OfAccount},
		{Method: patch, Path: under + "/metaflows", Handle: m.patch, Access: web.OfAccount},
		{Method: remove, Path: under + "/metaflows", Handle: m.remove, Access: web.OfAccount},
	}
}
