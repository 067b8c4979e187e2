package api

import (
	"net/http"
	"slices"

	"github.com/callflowd/callflowd/pkg/resource"
)

// access says who may use a route.
type access int

const (
	anyone    access = iota // no token needed
	signedIn                // any valid token
	ofAccount               // who may touch the account in the path: itself, its ancestors, the master
)

// trait is a bit of what sets a route apart.
type trait int

const (
	login   trait = 1 << iota // guesses a credential: costs 35 tokens
	secret                    // the path holds a credential: the log has the template only
	lookups                   // its own rate limit
	endless                   // streams or waits: no deadline
	events                    // also served as server-sent events
	bare                      // outside the envelope and outside /v2: no body, no token
)

func (t trait) has(one trait) bool { return t&one != 0 }

// handler does the work of one route.
type handler func(*Server, *call) (*answer, error)

// row is one line of the table: a method of a path, what answers it, who may
// ask, and what else the stages before the handler must know.
type row struct {
	method string
	path   string // below the version, in mux's syntax
	handle handler
	access access
	traits trait
	count  *routeMetrics // set when the table is mounted
}

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
func routes() []row {
	table := slices.Concat(callflowRoutes(), loginRoutes(), accountRoutes(), consoleRoutes(), otherRoutes(),
		metaflowRoutes(acct, accountMetaflows{}))
	for _, kind := range resource.Kinds() {
		table = append(table, collectionRoutes(kind)...)
	}
	return table
}

// callflowRoutes are the lookups and what they are made of.
func callflowRoutes() []row {
	return []row{
		{get, lookupPath, (*Server).getRoute, ofAccount, lookups, nil},
		{post, acct + "/routes", (*Server).compareRoutes, ofAccount, 0, nil},
		{get, acct + "/route_analysis", (*Server).analyseRoutes, ofAccount, 0, nil},
		{get, acct + "/callflows", (*Server).listCallflows, ofAccount, endless, nil},
		{put, acct + "/callflows", (*Server).createCallflow, ofAccount, 0, nil},
		{post, acct + "/callflows/validate", (*Server).validateCallflow, ofAccount, 0, nil},
		{get, acct + "/callflows/{callflow_id}", (*Server).getCallflow, ofAccount, 0, nil},
		{post, acct + "/callflows/{callflow_id}", (*Server).replaceCallflow, ofAccount, 0, nil},
		{patch, acct + "/callflows/{callflow_id}", (*Server).patchCallflow, ofAccount, 0, nil},
		{remove, acct + "/callflows/{callflow_id}", (*Server).deleteCallflow, ofAccount, 0, nil},
		{get, acct + "/callflows/{callflow_id}/history", (*Server).listHistory, ofAccount, 0, nil},
		{get, acct + "/callflows/{callflow_id}/history/{revision}", (*Server).getVersion, ofAccount, 0, nil},
		{get, acct + "/callflows/{callflow_id}/diff", (*Server).diffCallflow, ofAccount, 0, nil},
		{post, acct + "/callflows/{callflow_id}/restore", (*Server).restoreCallflow, ofAccount, 0, nil},
		{get, acct + "/callflows/{callflow_id}/references", (*Server).listReferences, ofAccount, 0, nil},
		{get, acct + "/search", (*Server).search, ofAccount, endless, nil},
		{get, acct + "/search/multi", (*Server).searchMulti, ofAccount, 0, nil},
		{get, "/search", (*Server).search, signedIn, endless, nil},
		{get, "/search/multi", (*Server).searchMulti, signedIn, 0, nil},
		{get, acct + "/conflicts", (*Server).listConflicts, ofAccount, 0, nil},
		{post, acct + "/conflicts/{document_id}", (*Server).resolveConflict, ofAccount, 0, nil},
		{get, acct + "/changes", (*Server).listChanges, ofAccount, endless | events, nil},
	}
}

// loginRoutes give and take tokens.
func loginRoutes() []row {
	return []row{
		{put, "/user_auth", (*Server).userAuth, anyone, login, nil},
		{get, "/user_auth/{token}", (*Server).showUserAuth, signedIn, secret, nil},
		{put, "/api_auth", (*Server).apiAuth, anyone, login, nil},
		{get, "/token_auth", (*Server).showToken, signedIn, 0, nil},
		{remove, "/token_auth", (*Server).revokeToken, signedIn, 0, nil},
		{get, "/auth/tokeninfo", (*Server).tokenInfo, anyone, 0, nil},
		{post, "/auth/tokeninfo", (*Server).tokenInfo, anyone, 0, nil},
	}
}

// accountRoutes are accounts themselves, and what a console asks of one.
func accountRoutes() []row {
	return []row{
		{put, "/accounts", (*Server).createAccount, signedIn, 0, nil},
		{get, acct, (*Server).getAccount, ofAccount, 0, nil},
		{put, acct, (*Server).createAccount, ofAccount, 0, nil},
		{post, acct, (*Server).replaceAccount, ofAccount, 0, nil},
		{patch, acct, (*Server).patchAccount, ofAccount, 0, nil},
		{remove, acct, (*Server).deleteAccount, ofAccount, 0, nil},
		{get, acct + "/children", (*Server).listChildren, ofAccount, 0, nil},
		{get, acct + "/descendants", (*Server).listDescendants, ofAccount, 0, nil},
		{get, acct + "/siblings", (*Server).listSiblings, ofAccount, 0, nil},
		{get, acct + "/parents", (*Server).listParents, ofAccount, 0, nil},
		{get, acct + "/tree", (*Server).listTree, ofAccount, 0, nil},
		{get, acct + "/api_key", (*Server).getAPIKey, ofAccount, 0, nil},
		{put, acct + "/api_key", (*Server).renewAPIKey, ofAccount, 0, nil},
		{post, acct + "/move", (*Server).moveAccount, ofAccount, 0, nil},
		{put, acct + "/reseller", (*Server).promoteAccount, ofAccount, 0, nil},
		{remove, acct + "/reseller", (*Server).demoteAccount, ofAccount, 0, nil},
		{get, acct + "/apps_store", (*Server).listApps, ofAccount, 0, nil},
		{get, acct + "/phone_numbers", (*Server).listPhoneNumbers, ofAccount, 0, nil},
		{get, acct + "/phone_numbers/classifiers", (*Server).listClassifiers, ofAccount, 0, nil},
		{get, acct + "/users/{document_id}/devices", (*Server).listUserDevices, ofAccount, endless, nil},
	}
}

// consoleRoutes are what a console polls and callflowd has nothing of: calls,
// registrations, desks. They stand before the collections, whose ids they are
// not.
func consoleRoutes() []row {
	return []row{
		{get, acct + "/devices/status", (*Server).listNothing, ofAccount, 0, nil},
		{get, acct + "/users/{document_id}/hotdesks", (*Server).listNothing, ofAccount, 0, nil},
		{get, acct + "/conferences/{document_id}/participants", (*Server).listNothing, ofAccount, 0, nil},
		{get, acct + "/alerts", (*Server).listNothing, ofAccount, 0, nil},
		{get, acct + "/channels", (*Server).listNothing, ofAccount, 0, nil},
		{get, acct + "/external_numbers", (*Server).listNothing, ofAccount, 0, nil},
		{get, acct + "/registrations", (*Server).listNothing, ofAccount, 0, nil},
		{get, "/whitelabel/{domain}", (*Server).noWhitelabel, anyone, 0, nil},
		{get, "/whitelabel/{domain}/{part}", (*Server).noWhitelabel, anyone, 0, nil},
	}
}

// otherRoutes are schemas, the description of all this, and health.
func otherRoutes() []row {
	return []row{
		{get, "/schemas", (*Server).listSchemas, anyone, 0, nil},
		{get, "/schemas/{schema_id}", (*Server).getSchema, anyone, 0, nil},
		{put, "/schemas/{schema_id}/validation", (*Server).validateDocument, signedIn, 0, nil},
		{get, acct + "/schemas", (*Server).listSchemas, ofAccount, 0, nil},
		{get, acct + "/schemas/{schema_id}", (*Server).getSchema, ofAccount, 0, nil},
		{put, acct + "/schemas/{schema_id}/validation", (*Server).validateDocument, ofAccount, 0, nil},
		{get, "/openapi.json", (*Server).getOpenAPI, anyone, 0, nil},
		{get, "/healthz", (*Server).healthz, anyone, bare, nil},
		{get, "/readyz", (*Server).readyz, anyone, bare, nil},
		{get, "/metrics", (*Server).showMetrics, anyone, bare, nil},
	}
}

// collectionRoutes are the rows of one generic collection.
func collectionRoutes(kind resource.Kind) []row {
	of := collection{kind}
	all, one := acct+"/"+kind.Name, acct+"/"+kind.Name+"/{document_id}"
	list := []row{
		{get, all, of.list, ofAccount, endless, nil},
		{put, all, of.create, ofAccount, 0, nil},
		{get, one, of.get, ofAccount, 0, nil},
		{post, one, of.replace, ofAccount, 0, nil},
		{patch, one, of.patch, ofAccount, 0, nil},
		{remove, one, of.remove, ofAccount, 0, nil},
	}
	return append(list, metaflowRoutes(one, documentMetaflows{kind})...)
}

// metaflowRoutes are the rows of the metaflows of an account or a document.
func metaflowRoutes(under string, of metaflowOwner) []row {
	m := metaflows{of}
	return []row{
		{get, under + "/metaflows", m.get, ofAccount, 0, nil},
		{post, under + "/metaflows", m.replace, ofAccount, 0, nil},
		{patch, under + "/metaflows", m.patch, ofAccount, 0, nil},
		{remove, under + "/metaflows", m.remove, ofAccount, 0, nil},
	}
}
