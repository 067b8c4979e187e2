package couchlite

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/view"
)

// serveView serves GET and POST /{db}/_design/{ddoc}/_view/{view}.
func (q *request) serveView(ddoc, name string) error {
	if !allowed(q.Method, "GET,HEAD,POST") {
		return q.notAllowed("GET,POST,HEAD")
	}
	d, err := q.views().Design(q.Context(), ddoc)
	if err != nil {
		return err
	}
	query := view.NewQuery()
	if q.Method == http.MethodPost {
		body, err := q.viewBody()
		if err != nil {
			return err
		}
		if body["queries"] != nil {
			return fault.BadRequest("The `queries` parameter is no longer supported at this endpoint")
		}
		if err := query.SetBody(body); err != nil {
			return err
		}
	}
	if err := query.SetAll(q.URL.RawQuery); err != nil {
		return err
	}
	return q.answerView(d, name, []view.Query{query}, false)
}

// serveViewQueries serves POST …/_view/{view}/queries: several queries, one
// answer each, over one snapshot.
func (q *request) serveViewQueries(ddoc, name string) error {
	if q.Method != http.MethodPost {
		return q.notAllowed("POST")
	}
	d, err := q.views().Design(q.Context(), ddoc)
	if err != nil {
		return err
	}
	body, err := q.viewBody()
	if err != nil {
		return err
	}
	var list []map[string]json.RawMessage
	switch {
	case body["queries"] == nil:
		return fault.BadRequest("POST body must include `queries` parameter.")
	case body["queries"][0] != '[' || json.Unmarshal(body["queries"], &list) != nil:
		return fault.BadRequest("`queries` member must be an array.")
	case len(list) > maxQueries:
		return fault.TooLarge()
	}
	queries, keys := make([]view.Query, len(list)), 0
	for i, members := range list {
		queries[i] = view.NewQuery()
		if err := queries[i].SetAll(q.URL.RawQuery); err != nil {
			return err
		}
		if err := queries[i].SetBody(members); err != nil {
			return err
		}
		if keys += queries[i].Keys(); keys > view.MaxKeys {
			return fault.TooLarge()
		}
	}
	return q.answerView(d, name, queries, true)
}

// viewBody reads the JSON object of a POST.
func (q *request) viewBody() (map[string]json.RawMessage, error) {
	if kind, _, _ := strings.Cut(q.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		return nil, fault.New(http.StatusUnsupportedMediaType, "bad_content_type", "Content-Type must be application/json")
	}
	raw, err := q.body()
	if err != nil {
		return nil, err
	}
	canonical, err := ejson.Canonical(raw)
	if err != nil {
		return nil, fault.BadRequest("invalid UTF-8 JSON")
	}
	var body map[string]json.RawMessage
	if canonical[0] != '{' || json.Unmarshal(canonical, &body) != nil {
		return nil, fault.BadRequest("Request body must be a JSON object")
	}
	return body, nil
}

// answerView runs queries on one view. After the first row was sent, an error
// can only cut the answer short.
func (q *request) answerView(d *view.Design, name string, queries []view.Query, multiple bool) error {
	q.w.Header().Set("Content-Type", "application/json")
	q.w.Header().Set("Cache-Control", "must-revalidate")
	held := &heldWriter{ResponseWriter: q.w}
	if err := q.views().Answer(q.Context(), d, name, queries, multiple, held); err != nil {
		return err
	}
	return held.release()
}

// maxHeld is how many bytes of an answer are held back while it is read.
const maxHeld = 4 << 20

// heldWriter keeps a response until it is complete or grows large, so that a
// slow client does not hold a snapshot of the index, and a late error can still
// be sent as one.
type heldWriter struct {
	http.ResponseWriter
	held   []byte
	direct bool
}

func (h *heldWriter) Write(p []byte) (int, error) {
	if h.direct {
		return h.ResponseWriter.Write(p)
	}
	h.held = append(h.held, p...)
	if len(h.held) > maxHeld {
		return len(p), h.release()
	}
	return len(p), nil
}

// release sends what is held; what follows goes straight to the client.
func (h *heldWriter) release() error {
	held := h.held
	h.held, h.direct = nil, true
	if len(held) > 0 {
		_, _ = h.ResponseWriter.Write(held) // a client that left is no error
	}
	return nil
}

// serveDesignInfo serves GET /{db}/_design/{ddoc}/_info.
func (q *request) serveDesignInfo(ddoc string) error {
	if !allowed(q.Method, "GET") {
		return q.notAllowed("GET")
	}
	d, err := q.views().Design(q.Context(), ddoc)
	if err != nil {
		return err
	}
	info, err := q.views().Info(q.Context(), d)
	if err != nil {
		return err
	}
	return writeJSON(q.w, http.StatusOK, map[string]any{"name": ddoc, "view_index": map[string]any{
		"signature": info.Signature, "language": info.Language, "update_seq": info.Seq, "purge_seq": info.PurgeSeq,
		"updater_running": info.Running, "compact_running": false, "waiting_commit": false, "waiting_clients": 0,
		"updates_pending":   map[string]int64{"minimum": info.Pending, "preferred": info.Pending, "total": info.Pending},
		"sizes":             map[string]int64{"file": info.Size, "active": info.Size, "external": info.Size},
		"collator_versions": []string{},
	}})
}
