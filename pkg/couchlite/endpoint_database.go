package couchlite

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
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
	return q.db.gone(q.serveWithin(rest))
}

// serveWithin serves the paths below a database that is held.
func (q *request) serveWithin(rest []string) error {
	if len(rest) == 0 {
		return q.serveInfo()
	}
	if e, ok := q.s.endpoints[rest[0]]; ok {
		if len(rest) > 1 {
			if e, ok = q.s.endpoints[strings.Join(rest, "/")]; !ok {
				return errMissing()
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

// enter takes the database for this request; leave gives it back, and may be
// called again.
func (q *request) enter(ctx context.Context, name string) error {
	sl, err := q.s.acquire(ctx, name)
	if err != nil {
		return err
	}
	q.slot, q.db = sl, sl.db
	return nil
}

func (q *request) leave() {
	if q.slot != nil {
		q.s.release(q.slot)
		q.slot = nil
	}
}

// serveDocumentPath serves what is below a document: itself, its
// attachments, a design document's views.
func (q *request) serveDocumentPath(rest []string) error {
	id, rest := rest[0], rest[1:]
	if id == "_local" && len(rest) == 0 || id == "_local/" {
		return badRequest("Invalid _local document id.")
	}
	if (id == "_design" || id == "_local") && len(rest) > 0 {
		id, rest = id+"/"+rest[0], rest[1:]
	}
	if ddoc, ok := strings.CutPrefix(id, "_design/"); ok && len(rest) > 0 && strings.HasPrefix(rest[0], "_") {
		return q.serveDesign(ddoc, rest)
	}
	if strings.HasPrefix(id, "_local/") {
		if len(rest) > 0 {
			return badRequest("_local documents do not accept attachments.")
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
	return errMissing()
}

func (q *request) createDatabase(name string) error {
	if !validName(name) {
		return fail(http.StatusBadRequest, "illegal_database_name", "Name: '"+name+"'. Only lowercase characters (a-z), digits (0-9), "+
			"and any of the characters _, $, (, ), +, -, and / are allowed. Must begin with a letter.")
	}
	sl, err := q.s.create(q.Context(), name)
	if err != nil {
		return err
	}
	q.s.release(sl)
	q.w.Header().Set("Location", q.absolute("/"+escape(name)))
	writeRaw(q.w, http.StatusCreated, []byte(`{"ok":true}`))
	return nil
}

// escape escapes a segment of a URL as CouchDB does.
func escape(segment string) string {
	escaped := make([]byte, 0, len(segment))
	for _, c := range []byte(segment) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("_.-:", c) >= 0:
			escaped = append(escaped, c)
		default:
			escaped = fmt.Appendf(escaped, "%%%02X", c)
		}
	}
	return string(escaped)
}

// absolute is the URL of an escaped path on this server.
func (q *request) absolute(path string) string {
	host := q.Host
	if host == "" {
		host = "localhost"
	}
	return "http://" + host + path
}

func (q *request) deleteDatabase(name string) error {
	if q.query.Has("rev") {
		return badRequest("You tried to DELETE a database with a ?=rev parameter. Did you mean to DELETE a document instead?")
	}
	// What began with the request ends without it.
	if err := q.s.destroy(context.WithoutCancel(q.Context()), name); err != nil {
		return err
	}
	writeRaw(q.w, http.StatusOK, []byte(`{"ok":true}`))
	return nil
}

// serveInfo serves /{db} itself.
func (q *request) serveInfo() error {
	switch q.Method {
	case http.MethodGet, http.MethodHead:
		return writeJSON(q.w, http.StatusOK, q.db.info())
	case http.MethodPost:
		if err := q.jsonOnly(); err != nil {
			return err
		}
		return q.postDocument()
	}
	return q.notAllowed("DELETE,GET,HEAD,POST")
}

// info is what GET /{db} says.
func (db *database) info() map[string]any {
	st := db.state.Load()
	size := db.file.size()
	return map[string]any{
		"db_name": db.name, "doc_count": st.docs, "doc_del_count": st.deleted,
		"update_seq": db.encodeSeq(st.seq), "purge_seq": strconv.FormatInt(st.purgeSeq, 10) + "-" + st.incarnation,
		"instance_start_time": "0", "compact_running": db.compacting.Load(), "disk_format_version": 8, "props": map[string]any{},
		"cluster": map[string]int{"q": 1, "n": 1, "w": 1, "r": 1},
		"sizes":   map[string]int64{"file": size, "active": size, "external": size},
	}
}

func (q *request) ensureFullCommit() error {
	writeRaw(q.w, http.StatusCreated, []byte(`{"ok":true,"instance_start_time":"0"}`))
	return nil
}
