package couchlite

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// endpoint is what serves one path of a database, by the methods named; none
// stands for all.
type endpoint struct {
	methods string
	serve   func(*request) error
}

// anyBody are the endpoints that take a POST of any content type.
func anyBody(name string) bool {
	switch name {
	case "_view_cleanup", "_temp_view", "_explain", "_find", "_index":
		return true
	}
	return false
}

// serverEndpoints are the paths that are no databases. Those that are open
// to everyone say so.
func serverEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"_active_tasks": {"GET,HEAD", (*request).activeTasks},
		"_all_dbs":      {"GET,HEAD", (*request).allDatabases},
		"_db_updates":   {"GET", (*request).databaseUpdates},
		"_dbs_info":     {"GET,HEAD,POST", (*request).databasesInfo},
		"_membership":   {"GET", (*request).membership},
		"_session":      {"GET,HEAD,POST,DELETE", (*request).session},
		"_up":           {"GET,HEAD", (*request).up},
		"_uuids":        {"GET", (*request).uuids},
	}
}

// open reports whether anonymous users may use the path.
func open(name string) bool { return name == "_session" || name == "_up" || name == "_uuids" }

// databaseEndpoints are the paths below a database that are no documents.
func databaseEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"_all_docs":            {"GET,HEAD,POST", (*request).allDocs},
		"_all_docs/queries":    {"POST", (*request).allDocsQueries},
		"_bulk_docs":           {"POST", (*request).bulkDocs},
		"_bulk_get":            {"POST", (*request).bulkGet},
		"_changes":             {"GET,HEAD,POST", (*request).changes},
		"_compact":             {"POST", (*request).compact},
		"_design_docs":         {"GET,HEAD,POST", (*request).designDocs},
		"_design_docs/queries": {"POST", (*request).allDocsQueries},
		"_ensure_full_commit":  {"POST", (*request).ensureFullCommit},
		"_explain":             {"", (*request).notImplemented},
		"_find":                {"", (*request).notImplemented},
		"_index":               {"", (*request).notImplemented},
		"_local_docs":          {"GET,HEAD,POST", (*request).localDocs},
		"_missing_revs":        {"POST", (*request).missingRevs},
		"_purge":               {"POST", (*request).purge},
		"_revs_diff":           {"POST", (*request).revsDiff},
		"_revs_limit":          {"PUT,GET", (*request).revsLimit},
		"_security":            {"PUT,GET", (*request).security},
		"_temp_view":           {"", (*request).tempView},
		"_view_cleanup":        {"POST", (*request).viewCleanup},
	}
}

// serve routes a request by the segments of its path.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, drain <-chan struct{}) error {
	segments, err := splitPath(r.URL.EscapedPath())
	if err != nil {
		return err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.BadRequest("Invalid query string.")
	}
	req := &request{Request: r, s: s, w: w, query: query, drain: drain}
	if req.user, err = s.authenticate(r); err != nil {
		return err
	}
	switch {
	case len(segments) == 0:
		return req.welcome()
	case open(segments[0]), req.user.name != "" && forMembers(r.Method, segments):
	default:
		if err := req.mustBeAdmin(); err != nil {
			return err
		}
	}
	if segments[0] == "_replicate" || segments[0] == "_scheduler" {
		return req.serveReplications(segments)
	}
	e, ok := s.serverEndpoints[strings.Join(segments, "/")]
	if !ok {
		return req.serveDatabase(segments[0], segments[1:])
	}
	if !allowed(r.Method, e.methods) {
		return req.notAllowed(e.methods)
	}
	return e.serve(req)
}

// splitPath returns the unescaped segments of a path; an escaped slash stays
// inside its segment, and a plus sign is a space, as CouchDB has it. Several
// slashes count as one, and one at the end is ignored.
func splitPath(escaped string) ([]string, error) {
	segments := strings.FieldsFunc(escaped, func(c rune) bool { return c == '/' })
	for i, segment := range segments {
		plain, err := url.QueryUnescape(segment)
		if err != nil {
			return nil, fault.BadRequest("invalid_url_encoding")
		}
		segments[i] = plain
	}
	return segments, nil
}

// serveDatabase serves /{db} and everything below it.
func (q *request) serveDatabase(name string, rest []string) error {
	if len(rest) == 0 {
		switch q.Method {
		case http.MethodPut:
			return q.createDatabase(name)
		case http.MethodDelete:
			return q.deleteDatabase(name)
		}
	}
	if err := q.enter(q.Context(), name); err != nil {
		return err
	}
	defer q.leave()
	if err := q.mayEnter(); err != nil {
		return err
	}
	return q.db.Gone(q.serveWithin(rest))
}

// serveWithin serves the paths below a database that is held.
func (q *request) serveWithin(rest []string) error {
	if len(rest) == 0 {
		return q.serveInfo()
	}
	if e, ok := q.s.endpoints[rest[0]]; ok {
		if len(rest) > 1 {
			if e, ok = q.s.endpoints[strings.Join(rest, "/")]; !ok {
				return fault.Missing()
			}
		}
		if e.methods != "" && !allowed(q.Method, e.methods) {
			return q.notAllowed(e.methods)
		}
		if q.Method == http.MethodPost && !anyBody(rest[0]) {
			if err := q.jsonOnly(); err != nil {
				return err
			}
		}
		return e.serve(q)
	}
	return q.serveDocumentPath(rest)
}

// serveDocumentPath serves what is below a document: itself, its
// attachments, a design document's views.
func (q *request) serveDocumentPath(rest []string) error {
	id, rest := rest[0], rest[1:]
	if id == "_local" && len(rest) == 0 || id == "_local/" {
		return fault.BadRequest("Invalid _local document id.")
	}
	if (id == "_design" || id == "_local") && len(rest) > 0 {
		id, rest = id+"/"+rest[0], rest[1:]
	}
	if ddoc, ok := strings.CutPrefix(id, "_design/"); ok && len(rest) > 0 && strings.HasPrefix(rest[0], "_") {
		return q.serveDesign(ddoc, rest)
	}
	if strings.HasPrefix(id, "_local/") {
		if len(rest) > 0 {
			return fault.BadRequest("_local documents do not accept attachments.")
		}
		return q.serveLocal(id)
	}
	if len(rest) > 0 {
		return q.serveAttachment(id, strings.Join(rest, "/"))
	}
	return q.serveDocument(id)
}

// serveDesign serves a design document's functions.
func (q *request) serveDesign(ddoc string, rest []string) error {
	switch {
	case rest[0] == "_view" && len(rest) == 1:
		return q.notAllowed("GET,POST,HEAD")
	case rest[0] == "_view" && len(rest) == 2:
		return q.serveView(ddoc, rest[1])
	case rest[0] == "_view" && len(rest) == 3 && rest[2] == "queries":
		return q.serveViewQueries(ddoc, rest[1])
	case rest[0] == "_info" && len(rest) == 1:
		return q.serveDesignInfo(ddoc)
	}
	return fault.Missing()
}

// notAllowed answers 405 with the methods that are, written as CouchDB does.
func (q *request) notAllowed(methods string) error {
	q.w.Header().Set("Allow", methods)
	return errMethod(methods)
}

// allowed reports whether methods names the method. HEAD is allowed where GET
// is.
func allowed(method, methods string) bool {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for m := range strings.SplitSeq(methods, ",") {
		if m == method {
			return true
		}
	}
	return false
}

func errMethod(allow string) *fault.Error {
	return fault.New(http.StatusMethodNotAllowed, "method_not_allowed", "Only "+allow+" allowed")
}

func (q *request) tempView() error {
	return fault.New(http.StatusGone, "gone", "Temporary views are not supported in CouchDB")
}

// notImplemented serves the endpoints of CouchDB that couchlite leaves out.
func (q *request) notImplemented() error {
	return fault.New(http.StatusNotImplemented, "not_implemented", "This server has no Mango queries; read a view.")
}
