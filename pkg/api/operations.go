package api

import (
	"slices"

	"github.com/callflowd/callflowd/pkg/resource"
)

// operation describes one row of the route table for the OpenAPI document.
// Schemas and parameters are named as in openapi_components.json.
type operation struct {
	method, path string
	summary      string
	query        []string
	body         string // schema of the request's data; "" = none
	data         string // schema of the answer's data; "" = outside the envelope
	created      bool   // answers 201
}

// operations describes every route. A test compares it with the table of
// routes in both directions.
func operations() []operation {
	ops := slices.Concat(callflowOperations(), loginOperations(), accountOperations(), consoleOperations(), otherOperations(), metaflowOperations(acct))
	for _, kind := range resource.Kinds() {
		ops = append(ops, collectionOperations(kind.Name)...)
	}
	return ops
}

func pagingQuery() []string {
	return []string{"page_size", "start_key", "end_key", "paginate", "ascending", "descending"}
}

func searchQuery() []string {
	return []string{"t", "by_name", "by_number", "by_name_and_number", "by_realm", "by_id"}
}

func callflowOperations() []operation {
	const cf = acct + "/callflows/{callflow_id}"
	paging := pagingQuery()
	return []operation{
		{get, acct + "/routes/{number}", "The callflow that takes a dialled number", []string{"explain", "consistent", "at"}, "", "Route", false},
		{post, acct + "/routes", "Where many numbers go, optionally against a draft", nil, "RouteQuery", "Routes", false},
		{get, acct + "/route_analysis", "What is wrong with the account's patterns", nil, "", "Analysis", false},
		{get, acct + "/callflows", "List callflows", paging, "", "CallflowItems", false},
		{put, acct + "/callflows", "Create a callflow", nil, "NewCallflow", "Callflow", true},
		{post, acct + "/callflows/validate", "Check a callflow without saving it", nil, "CallflowPatch", "Verdict", false},
		{get, cf, "Read a callflow", []string{"at"}, "", "Callflow", false},
		{post, cf, "Replace a callflow", nil, "NewCallflow", "Callflow", false},
		{patch, cf, "Change parts of a callflow", nil, "CallflowPatch", "Callflow", false},
		{remove, cf, "Delete a callflow", []string{"should_soft_delete", "refuse_if_referenced"}, "", "Callflow", false},
		{get, cf + "/history", "Who changed a callflow and when", nil, "", "History", false},
		{get, cf + "/history/{revision}", "An old version of a callflow", nil, "", "Callflow", false},
		{get, cf + "/diff", "What changed between two versions", []string{"from", "to"}, "", "Diff", false},
		{post, cf + "/restore", "Go back to an old version, or undelete", nil, "Restore", "Callflow", false},
		{get, cf + "/references", "Documents that point at a callflow", nil, "", "References", false},
		{get, acct + "/search", "Search documents by prefix", append([]string{"t", "q", "v"}, paging...), "", "Items", false},
		{get, acct + "/search/multi", "Search by several fields", searchQuery(), "", "SearchResults", false},
		{get, "/search", "Search accounts below the caller's", append([]string{"t", "q", "v"}, paging...), "", "Items", false},
		{get, "/search/multi", "Search accounts by several fields", searchQuery(), "", "SearchResults", false},
		{get, acct + "/conflicts", "Conflicting revisions and numbers booked twice", nil, "", "Conflicts", false},
		{post, acct + "/conflicts/{document_id}", "Resolve a document's conflict", nil, "Resolution", "Document", false},
		{get, acct + "/changes", "Feed of document changes", []string{"since", "feed", "limit"}, "", "Changes", false},
	}
}

func loginOperations() []operation {
	return []operation{
		{put, "/user_auth", "Log in as a user", nil, "UserCredentials", "Session", true},
		{get, "/user_auth/{token}", "What a token says", nil, "", "TokenInfo", false},
		{put, "/api_auth", "Log in with an API key", nil, "APIKey", "Session", true},
		{get, "/token_auth", "What the caller's token says", nil, "", "TokenInfo", false},
		{remove, "/token_auth", "Log out", nil, "", "Empty", false},
		{get, "/auth/tokeninfo", "What a token says", nil, "", "TokenInfo", false},
		{post, "/auth/tokeninfo", "What a token says", nil, "TokenQuery", "TokenInfo", false},
	}
}

func accountOperations() []operation {
	paging := pagingQuery()
	return []operation{
		{put, "/accounts", "Create an account below the caller's", nil, "NewAccount", "Account", true},
		{get, acct, "Read an account", []string{"include_api_key"}, "", "Account", false},
		{put, acct, "Create an account below another", nil, "NewAccount", "Account", true},
		{post, acct, "Replace an account's settings", nil, "NewAccount", "Account", false},
		{patch, acct, "Change an account's settings", nil, "NewDocument", "Account", false},
		{remove, acct, "Delete an account", []string{"should_soft_delete"}, "", "Account", false},
		{get, acct + "/children", "Accounts directly below", paging, "", "Items", false},
		{get, acct + "/descendants", "All accounts below", paging, "", "Items", false},
		{get, acct + "/siblings", "Accounts beside", paging, "", "Items", false},
		{get, acct + "/parents", "Accounts above, nearest last", nil, "", "Items", false},
		{get, acct + "/tree", "Accounts from the root to this one", nil, "", "Items", false},
		{get, acct + "/api_key", "Read the API key", nil, "", "AccountKey", false},
		{put, acct + "/api_key", "Replace the API key", nil, "", "AccountKey", true},
		{post, acct + "/move", "Put an account below another", nil, "Move", "Account", false},
		{put, acct + "/reseller", "Make an account a reseller", nil, "", "Account", true},
		{remove, acct + "/reseller", "Make a reseller an account like others", nil, "", "Account", false},
		{get, acct + "/apps_store", "Apps of a web console", nil, "", "Apps", false},
		{get, acct + "/phone_numbers", "Phone numbers in use", nil, "", "PhoneNumbers", false},
		{get, acct + "/phone_numbers/classifiers", "Kinds of phone numbers", nil, "", "Classifiers", false},
		{get, acct + "/users/{document_id}/devices", "Devices a user owns", pagingQuery(), "", "Items", false},
	}
}

func consoleOperations() []operation {
	return []operation{
		{get, acct + "/devices/status", "Devices that are registered: none", nil, "", "Items", false},
		{get, acct + "/users/{document_id}/hotdesks", "Devices a user has borrowed: none", nil, "", "Items", false},
		{get, acct + "/conferences/{document_id}/participants", "Who is in a conference: nobody", nil, "", "Items", false},
		{get, acct + "/alerts", "Alerts: none", nil, "", "Items", false},
		{get, acct + "/channels", "Calls that are up: none", nil, "", "Items", false},
		{get, acct + "/external_numbers", "Numbers of elsewhere: none", nil, "", "Items", false},
		{get, acct + "/registrations", "Registrations: none", nil, "", "Items", false},
		{get, "/whitelabel/{domain}", "The brand of a domain: there is none", nil, "", "Empty", false},
		{get, "/whitelabel/{domain}/{part}", "A part of a domain's brand: there is none", nil, "", "Empty", false},
	}
}

func otherOperations() []operation {
	return []operation{
		{get, "/schemas", "Names of the schemas", []string{"internals"}, "", "SchemaNames", false},
		{get, "/schemas/{schema_id}", "A schema", nil, "", "Schema", false},
		{put, "/schemas/{schema_id}/validation", "Check a document by a schema", nil, "NewDocument", "Empty", true},
		{get, acct + "/schemas", "Names of the schemas", []string{"internals"}, "", "SchemaNames", false},
		{get, acct + "/schemas/{schema_id}", "A schema", nil, "", "Schema", false},
		{put, acct + "/schemas/{schema_id}/validation", "Check a document by a schema", nil, "NewDocument", "Empty", true},
		{get, "/openapi.json", "This document", nil, "", "", false},
		{get, "/healthz", "The process is alive", nil, "", "Health", false},
		{get, "/readyz", "Storage can be reached", nil, "", "Health", false},
		{get, "/metrics", "Prometheus metrics", nil, "", "", false},
	}
}

func collectionOperations(name string) []operation {
	all, one := acct+"/"+name, acct+"/"+name+"/{document_id}"
	return append([]operation{
		{get, all, "List " + name, pagingQuery(), "", "Items", false},
		{put, all, "Create one of " + name, nil, "NewDocument", "Document", true},
		{get, one, "Read one of " + name, nil, "", "Document", false},
		{post, one, "Replace one of " + name, nil, "NewDocument", "Document", false},
		{patch, one, "Change one of " + name, nil, "NewDocument", "Document", false},
		{remove, one, "Delete one of " + name, []string{"should_soft_delete"}, "", "Document", false},
	}, metaflowOperations(one)...)
}

func metaflowOperations(under string) []operation {
	path := under + "/metaflows"
	return []operation{
		{get, path, "Read metaflows", nil, "", "Metaflows", false},
		{post, path, "Replace metaflows", nil, "Metaflows", "Metaflows", false},
		{patch, path, "Change parts of metaflows", nil, "Metaflows", "Metaflows", false},
		{remove, path, "Remove metaflows", nil, "", "Metaflows", false},
	}
}
