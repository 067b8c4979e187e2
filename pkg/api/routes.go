package api

import (
	"net/http"
	"slices"

	"github.com/callflowd/callflowd/pkg/api/console"
	"github.com/callflowd/callflowd/pkg/api/phones"
	"github.com/callflowd/callflowd/pkg/api/sound"
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

// callflows and oneCallflow are where an account's callflows are.
const (
	callflows   = acct + "/callflows"
	oneCallflow = callflows + "/{callflow_id}"
)

// routes is the whole table. Paths are tried in its order, so lookups stand
// first.
func (s *Server) routes() []web.Row {
	table := slices.Concat(
		s.lookupRoutes(), s.callflowRoutes(), s.historyRoutes(), s.searchRoutes(), s.changesRoutes(),
		s.loginRoutes(), s.accountRoutes(), s.treeRoutes(), s.consoleRoutes(), s.emptyRoutes(), console.Rows(s.tokenLife), s.phoneRoutes(), s.soundRoutes(), s.schemaRoutes(), s.processRoutes(),
		s.metaflowRoutes(acct, accountMetaflows{s}),
		s.replicationRoutes(),
	)
	for _, kind := range resource.Kinds() {
		table = append(table, s.collectionRoutes(kind)...)
	}
	return append(table, s.pages...)
}

// phoneRoutes are the numbers of accounts.
func (s *Server) phoneRoutes() []web.Row {
	numbers := &phones.API{Phones: s.cfg.Phones, Most: s.cfg.Limits.MaxPageSize}
	return numbers.Rows()
}

// soundRoutes are the audio of media documents, and voicemail messages.
func (s *Server) soundRoutes() []web.Row {
	audio := &sound.API{Resources: s.cfg.Resources, Formats: s.cfg.MediaFormats}
	return audio.Rows()
}

// pagingQuery are the parameters of every listing.
func pagingQuery() []string {
	return []string{"page_size", "start_key", "end_key", "paginate", "ascending", "descending"}
}

// lookupRoutes say which callflow takes a number.
func (s *Server) lookupRoutes() []web.Row {
	return []web.Row{
		{
			Method: post, Path: web.ImpactPath, Handle: s.compareAllRoutes, Access: web.OfAccount, Traits: web.Reads,
			Summary: "Every number that goes elsewhere under a draft", Body: "ImpactQuery", Data: "Impact",
		},
		{
			Method: get, Path: web.LookupPath, Handle: s.getRoute, Access: web.OfAccount, Traits: web.Lookups,
			Summary: "The callflow that takes a dialled number", Own: []string{"at"}, Flags: []string{"explain", "consistent"}, Data: "Route",
		},
		{
			Method: post, Path: acct + "/routes", Handle: s.compareRoutes, Access: web.OfAccount, Traits: web.Reads,
			Summary: "Where many numbers go, optionally against a draft", Body: "RouteQuery", Data: "Routes",
		},
		{
			Method: get, Path: acct + "/export", Handle: s.exportAccount, Access: web.OfAccount, Traits: web.Endless,
			Summary: "All callflows, as JSON Lines, or with attachments as a tar archive", Flags: []string{"dependencies", "history", "revisions"}, Media: []string{web.JSONLines, web.Tar},
		},
		{
			Method: post, Path: acct + "/import", Handle: s.importAccount, Access: web.OfAccount, Traits: web.Streams | web.Endless,
			Summary: "Bring an export in, or a dump of a CouchDB database", Flags: []string{"dry_run", "new_ids"}, Own: []string{"on_conflict"},
			Data: "ImportResult", Media: []string{web.JSONLines},
		},
		{
			Method: get, Path: acct + "/route_analysis", Handle: s.analyseRoutes, Access: web.OfAccount,
			Summary: "What is wrong with the account's patterns", Data: "Analysis",
		},
	}
}

// callflowRoutes are the callflows themselves.
func (s *Server) callflowRoutes() []web.Row {
	return []web.Row{
		{
			Method: get, Path: callflows, Handle: s.listCallflows, Access: web.OfAccount, Traits: web.Endless,
			Summary: "List callflows", Query: pagingQuery(), Flags: []string{"deleted"}, Data: "CallflowItems",
		},
		{
			Method: put, Path: callflows, Handle: s.createCallflow, Access: web.OfAccount,
			Summary: "Create a callflow", Body: "NewCallflow", Data: "Callflow", Created: true,
		},
		{
			Method: post, Path: callflows + "/validate", Handle: s.validateCallflow, Access: web.OfAccount, Traits: web.Reads,
			Summary: "Check a callflow without saving it", Body: "CallflowPatch", Data: "Verdict",
		},
		{
			Method: post, Path: callflows + "/batch", Handle: s.batchCallflows, Access: web.OfAccount,
			Summary: "Change many callflows, one by one or all at once", Flags: []string{"atomic", "dry_run"}, Body: "Batch", Data: "BatchResult", Partly: true,
		},
		{
			Method: get, Path: oneCallflow, Handle: s.getCallflow, Access: web.OfAccount,
			Summary: "Read a callflow, or draw it", Own: []string{"at", "as", "branch"}, Data: "Callflow", Media: web.Pictures(),
		},
		{
			Method: post, Path: oneCallflow, Handle: s.replaceCallflow, Access: web.OfAccount,
			Summary: "Replace a callflow", Body: "NewCallflow", Data: "Callflow",
		},
		{
			Method: patch, Path: oneCallflow, Handle: s.patchCallflow, Access: web.OfAccount,
			Summary: "Change parts of a callflow", Body: "CallflowPatch", Data: "Callflow",
		},
		{
			Method: remove, Path: oneCallflow, Handle: s.deleteCallflow, Access: web.OfAccount,
			Summary: "Delete a callflow", Query: []string{"should_soft_delete"}, Flags: []string{"refuse_if_referenced"}, Data: "Callflow",
		},
	}
}

// historyRoutes are old versions of a callflow, and what points at it.
func (s *Server) historyRoutes() []web.Row {
	return []web.Row{
		{
			Method: get, Path: oneCallflow + "/history", Handle: s.listHistory, Access: web.OfAccount,
			Summary: "Who changed a callflow and when", Data: "History",
		},
		{
			Method: get, Path: oneCallflow + "/history/{revision}", Handle: s.getVersion, Access: web.OfAccount,
			Summary: "An old version of a callflow, or its picture", Own: []string{"as", "branch"}, Data: "Callflow", Media: web.Pictures(),
		},
		{
			Method: get, Path: oneCallflow + "/diff", Handle: s.diffCallflow, Access: web.OfAccount,
			Summary: "What changed between two versions", Query: []string{"from", "to"}, Own: []string{"as", "branch"},
			Data: "Diff", Media: web.Pictures(),
		},
		{
			Method: post, Path: oneCallflow + "/restore", Handle: s.restoreCallflow, Access: web.OfAccount,
			Summary: "Go back to an old version, or undelete", Body: "Restore", Data: "Callflow",
		},
		{
			Method: get, Path: oneCallflow + "/references", Handle: s.listReferences, Access: web.OfAccount,
			Summary: "Documents that point at a callflow", Data: "References",
		},
		{
			Method: get, Path: acct + "/map", Handle: s.getMap, Access: web.OfAccount,
			Summary: "The account's callflows and the ways between them", Own: []string{"as"}, Data: "Map", Media: web.Pictures(),
		},
	}
}

// searchRoutes find documents of an account, and accounts below the caller's.
func (s *Server) searchRoutes() []web.Row {
	return []web.Row{
		{
			Method: get, Path: acct + "/search", Handle: s.search, Access: web.OfAccount, Traits: web.Endless,
			Summary: "Search documents by prefix", Query: searchQuery(), Data: "Items",
		},
		{
			Method: get, Path: acct + "/search/multi", Handle: s.searchMulti, Access: web.OfAccount,
			Summary: "Search by several fields", Query: multiQuery(), Data: "SearchResults",
		},
		{
			Method: get, Path: "/search", Handle: s.search, Access: web.SignedIn, Traits: web.Endless,
			Summary: "Search accounts below the caller's", Query: searchQuery(), Data: "Items",
		},
		{
			Method: get, Path: "/search/multi", Handle: s.searchMulti, Access: web.SignedIn,
			Summary: "Search accounts by several fields", Query: multiQuery(), Data: "SearchResults",
		},
	}
}

// changesRoutes are conflicts after replication, and the change feed.
func (s *Server) changesRoutes() []web.Row {
	return []web.Row{
		{
			Method: get, Path: acct + "/conflicts", Handle: s.listConflicts, Access: web.OfAccount,
			Summary: "Conflicting revisions and numbers booked twice", Data: "Conflicts",
		},
		{
			Method: post, Path: acct + "/conflicts/{document_id}", Handle: s.resolveConflict, Access: web.OfAccount,
			Summary: "Resolve a document's conflict", Flags: []string{"merge"}, Body: "Resolution", Data: "Document",
		},
		{
			Method: get, Path: acct + "/changes", Handle: s.listChanges, Access: web.OfAccount, Traits: web.Endless,
			Summary: "Feed of document changes", Query: []string{"since", "feed", "limit"}, Data: "Changes", Media: []string{web.EventStream},
		},
	}
}

// searchQuery are the parameters of a search; multiQuery those of one by
// several fields.
func searchQuery() []string { return append([]string{"t", "q", "v"}, pagingQuery()...) }

func multiQuery() []string {
	return []string{"t", "by_name", "by_number", "by_name_and_number", "by_realm", "by_id"}
}

// collectionRoutes are the rows of one generic collection.
func (s *Server) collectionRoutes(kind resource.Kind) []web.Row {
	of := collection{s, kind}
	all, one := acct+"/"+kind.Name, acct+"/"+kind.Name+"/{document_id}"
	list := []web.Row{
		{
			Method: get, Path: all, Handle: of.list, Access: web.OfAccount, Traits: web.Endless,
			Summary: "List " + kind.Name, Query: pagingQuery(), Data: "Items",
		},
		{
			Method: put, Path: all, Handle: of.create, Access: web.OfAccount,
			Summary: "Create one of " + kind.Name, Body: "NewDocument", Data: "Document", Created: true,
		},
		{
			Method: get, Path: one, Handle: of.get, Access: web.OfAccount,
			Summary: "Read one of " + kind.Name, Data: "Document",
		},
		{
			Method: post, Path: one, Handle: of.replace, Access: web.OfAccount,
			Summary: "Replace one of " + kind.Name, Body: "NewDocument", Data: "Document",
		},
		{
			Method: patch, Path: one, Handle: of.patch, Access: web.OfAccount,
			Summary: "Change one of " + kind.Name, Body: "NewDocument", Data: "Document",
		},
		{
			Method: remove, Path: one, Handle: of.remove, Access: web.OfAccount,
			Summary: "Delete one of " + kind.Name, Query: []string{"should_soft_delete"}, Flags: []string{"refuse_if_referenced"}, Data: "Document",
		},
		{
			Method: get, Path: one + "/references", Handle: of.references, Access: web.OfAccount,
			Summary: "Documents that point at one of " + kind.Name, Data: "References",
		},
	}
	return append(list, s.metaflowRoutes(one, documentMetaflows{s, kind})...)
}

// metaflowRoutes are the rows of the metaflows of an account or a document.
func (s *Server) metaflowRoutes(under string, of metaflowOwner) []web.Row {
	m := metaflows{s, of}
	return []web.Row{
		{
			Method: get, Path: under + "/metaflows", Handle: m.get, Access: web.OfAccount,
			Summary: "Read metaflows", Data: "Metaflows",
		},
		{
			Method: post, Path: under + "/metaflows", Handle: m.replace, Access: web.OfAccount,
			Summary: "Replace metaflows", Body: "Metaflows", Data: "Metaflows",
		},
		{
			Method: patch, Path: under + "/metaflows", Handle: m.patch, Access: web.OfAccount,
			Summary: "Change parts of metaflows", Body: "Metaflows", Data: "Metaflows",
		},
		{
			Method: remove, Path: under + "/metaflows", Handle: m.remove, Access: web.OfAccount,
			Summary: "Remove metaflows", Data: "Metaflows",
		},
	}
}

// Words lists what no document may be called: the words of the API's own paths
// that stand where ids do (contract 9.18).
func Words() []string { return web.Words(new(Server).routes()) }
