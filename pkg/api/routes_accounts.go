package api

import "github.com/callflowd/callflowd/pkg/api/web"

// loginRoutes make tokens, describe them and revoke them.
func (s *Server) loginRoutes() []web.Row {
	return []web.Row{
		{
			Method: put, Path: "/user_auth", Handle: s.userAuth, Access: web.Anyone, Traits: web.Login,
			Summary: "Log in as a user", Body: "UserCredentials", Data: "Session", Created: true,
		},
		{
			Method: get, Path: "/user_auth/{token}", Handle: s.showUserAuth, Access: web.SignedIn, Traits: web.Secret,
			Summary: "What a token says", Data: "TokenInfo",
		},
		{
			Method: put, Path: "/api_auth", Handle: s.apiAuth, Access: web.Anyone, Traits: web.Login,
			Summary: "Log in with an API key", Body: "APIKey", Data: "Session", Created: true,
		},
		{
			Method: get, Path: "/token_auth", Handle: s.showToken, Access: web.SignedIn,
			Summary: "What the caller's token says", Data: "TokenInfo",
		},
		{
			Method: remove, Path: "/token_auth", Handle: s.revokeToken, Access: web.SignedIn, Traits: web.Reads,
			Summary: "Log out", Data: "Empty",
		},
		{
			Method: get, Path: "/auth/tokeninfo", Handle: s.tokenInfo, Access: web.Anyone,
			Summary: "What a token says", Data: "TokenInfo",
		},
		{
			Method: post, Path: "/auth/tokeninfo", Handle: s.tokenInfo, Access: web.Anyone, Traits: web.Reads,
			Summary: "What a token says", Body: "TokenQuery", Data: "TokenInfo",
		},
	}
}

// accountRoutes are accounts themselves.
func (s *Server) accountRoutes() []web.Row {
	return []web.Row{
		{
			Method: put, Path: "/accounts", Handle: s.createAccount, Access: web.SignedIn,
			Summary: "Create an account below the caller's", Body: "NewAccount", Data: "Account", Created: true,
		},
		{
			Method: get, Path: acct, Handle: s.getAccount, Access: web.OfAccount,
			Summary: "Read an account", Query: []string{"include_api_key"}, Data: "Account",
		},
		{
			Method: put, Path: acct, Handle: s.createAccount, Access: web.OfAccount,
			Summary: "Create an account below another", Body: "NewAccount", Data: "Account", Created: true,
		},
		{
			Method: post, Path: acct, Handle: s.replaceAccount, Access: web.OfAccount,
			Summary: "Replace an account's settings", Body: "NewAccount", Data: "Account",
		},
		{
			Method: patch, Path: acct, Handle: s.patchAccount, Access: web.OfAccount,
			Summary: "Change an account's settings", Body: "NewDocument", Data: "Account",
		},
		{
			Method: remove, Path: acct, Handle: s.deleteAccount, Access: web.OfAccount,
			Summary: "Delete an account", Query: []string{"should_soft_delete"}, Data: "Account",
		},
		{
			Method: get, Path: acct + "/api_key", Handle: s.getAPIKey, Access: web.OfAccount,
			Summary: "Read the API key", Data: "AccountKey",
		},
		{
			Method: put, Path: acct + "/api_key", Handle: s.renewAPIKey, Access: web.OfAccount,
			Summary: "Replace the API key", Data: "AccountKey", Created: true,
		},
	}
}

// treeRoutes show and change which account is below which.
func (s *Server) treeRoutes() []web.Row {
	return []web.Row{
		{
			Method: get, Path: acct + "/children", Handle: s.listChildren, Access: web.OfAccount,
			Summary: "Accounts directly below", Query: pagingQuery(), Data: "Items",
		},
		{
			Method: get, Path: acct + "/descendants", Handle: s.listDescendants, Access: web.OfAccount,
			Summary: "All accounts below", Query: pagingQuery(), Data: "Items",
		},
		{
			Method: get, Path: acct + "/siblings", Handle: s.listSiblings, Access: web.OfAccount,
			Summary: "Accounts beside", Query: pagingQuery(), Data: "Items",
		},
		{
			Method: get, Path: acct + "/parents", Handle: s.listParents, Access: web.OfAccount,
			Summary: "Accounts above, nearest last", Data: "Items",
		},
		{
			Method: get, Path: acct + "/tree", Handle: s.listTree, Access: web.OfAccount,
			Summary: "Accounts from the root to this one", Data: "Items",
		},
		{
			Method: post, Path: acct + "/move", Handle: s.moveAccount, Access: web.OfAccount,
			Summary: "Put an account below another", Body: "Move", Data: "Account",
		},
		{
			Method: put, Path: acct + "/reseller", Handle: s.promoteAccount, Access: web.OfAccount,
			Summary: "Make an account a reseller", Data: "Account", Created: true,
		},
		{
			Method: remove, Path: acct + "/reseller", Handle: s.demoteAccount, Access: web.OfAccount,
			Summary: "Make a reseller an account like others", Data: "Account",
		},
	}
}

// consoleRoutes are what a web console asks of an account.
func (s *Server) consoleRoutes() []web.Row {
	return []web.Row{
		{
			Method: get, Path: acct + "/apps_store", Handle: s.listApps, Access: web.OfAccount,
			Summary: "Apps of a web console", Data: "Apps",
		},
		{
			Method: get, Path: acct + "/users/{document_id}/devices", Handle: s.listUserDevices, Access: web.OfAccount, Traits: web.Endless,
			Summary: "Devices a user owns", Query: pagingQuery(), Data: "Items",
		},
	}
}

// emptyRoutes are what a console polls and callflowd does not have: calls,
// registrations, desks. Their words are no ids of documents, so they stand
// before the collections.
func (s *Server) emptyRoutes() []web.Row {
	return []web.Row{
		{
			Method: get, Path: acct + "/devices/status", Handle: s.listNothing, Access: web.OfAccount,
			Summary: "Devices that are registered: none", Data: "Items",
		},
		{
			Method: get, Path: acct + "/users/{document_id}/hotdesks", Handle: s.listNothing, Access: web.OfAccount,
			Summary: "Devices a user has borrowed: none", Data: "Items",
		},
		{
			Method: get, Path: acct + "/conferences/{document_id}/participants", Handle: s.listNothing, Access: web.OfAccount,
			Summary: "Who is in a conference: nobody", Data: "Items",
		},
		{
			Method: get, Path: acct + "/alerts", Handle: s.listNothing, Access: web.OfAccount,
			Summary: "Alerts: none", Data: "Items",
		},
		{
			Method: get, Path: acct + "/channels", Handle: s.listNothing, Access: web.OfAccount,
			Summary: "Calls that are up: none", Data: "Items",
		},
		{
			Method: get, Path: acct + "/external_numbers", Handle: s.listNothing, Access: web.OfAccount,
			Summary: "Numbers of elsewhere: none", Data: "Items",
		},
		{
			Method: get, Path: acct + "/registrations", Handle: s.listNothing, Access: web.OfAccount,
			Summary: "Registrations: none", Data: "Items",
		},
		{
			Method: get, Path: "/whitelabel/{domain}", Handle: s.noWhitelabel, Access: web.Anyone,
			Summary: "The brand of a domain: there is none", Data: "Empty",
		},
		{
			Method: get, Path: "/whitelabel/{domain}/{part}", Handle: s.noWhitelabel, Access: web.Anyone,
			Summary: "A part of a domain's brand: there is none", Data: "Empty",
		},
	}
}

// schemaRoutes are the schemas that documents are validated with.
func (s *Server) schemaRoutes() []web.Row {
	return []web.Row{
		{
			Method: get, Path: "/schemas", Handle: s.listSchemas, Access: web.Anyone,
			Summary: "Names of the schemas", Query: []string{"internals"}, Data: "SchemaNames",
		},
		{
			Method: get, Path: "/schemas/{schema_id}", Handle: s.getSchema, Access: web.Anyone,
			Summary: "A schema", Data: "Schema",
		},
		{
			Method: put, Path: "/schemas/{schema_id}/validation", Handle: s.validateDocument, Access: web.SignedIn,
			Summary: "Check a document by a schema", Body: "NewDocument", Data: "Empty", Created: true,
		},
		{
			Method: get, Path: acct + "/schemas", Handle: s.listSchemas, Access: web.OfAccount,
			Summary: "Names of the schemas", Query: []string{"internals"}, Data: "SchemaNames",
		},
		{
			Method: get, Path: acct + "/schemas/{schema_id}", Handle: s.getSchema, Access: web.OfAccount,
			Summary: "A schema", Data: "Schema",
		},
		{
			Method: put, Path: acct + "/schemas/{schema_id}/validation", Handle: s.validateDocument, Access: web.OfAccount,
			Summary: "Check a document by a schema", Body: "NewDocument", Data: "Empty", Created: true,
		},
	}
}

// processRoutes are the OpenAPI document, health and metrics.
func (s *Server) processRoutes() []web.Row {
	return []web.Row{
		{
			Method: get, Path: "/openapi.json", Handle: s.getOpenAPI, Access: web.Anyone,
			Summary: "This document",
		},
		{
			Method: get, Path: "/healthz", Handle: s.healthz, Access: web.Anyone, Traits: web.Bare,
			Summary: "The process is alive", Data: "Health",
		},
		{
			Method: get, Path: "/readyz", Handle: s.readyz, Access: web.Anyone, Traits: web.Bare,
			Summary: "Whether this process should get traffic, and what of it works", Query: []string{"for"}, Data: "Readiness",
		},
		{
			Method: get, Path: "/metrics", Handle: s.showMetrics, Access: web.Anyone, Traits: web.Bare,
			Summary: "Prometheus metrics", Media: []string{"text/plain"},
		},
	}
}
