package couchlite

import (
	"net/http"
	"strconv"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// version is the CouchDB whose behaviour this server follows.
const version = "3.5.0"

// requestID is random; CouchDB's have ten hex digits.
func requestID() string { return store.RandomHex(5) }

func (q *request) welcome() error {
	if !allowed(q.Method, "GET,HEAD") {
		return q.notAllowed("GET,HEAD")
	}
	writeRaw(q.w, http.StatusOK, []byte(`{"couchdb":"Welcome","version":"`+version+
		`","uuid":"`+q.s.store.Updates().Incarnation+`","features":[],"vendor":{"name":"callflowd couchlite"}}`))
	return nil
}

func (q *request) up() error {
	writeRaw(q.w, http.StatusOK, []byte(`{"status":"ok","seeds":{}}`))
	return nil
}

// maxUUIDs bounds count, as CouchDB's default does.
const maxUUIDs = 1000

func (q *request) uuids() error {
	count := 1
	if raw := q.query.Get("count"); raw != "" {
		n, err := strconv.Atoi(raw)
		if err != nil || n < 0 {
			return fault.BadRequest("count must be a positive integer")
		}
		if n > maxUUIDs {
			return fault.BadRequest("count parameter too large")
		}
		count = n
	}
	uuids := make([]string, count)
	for i := range uuids {
		uuids[i] = store.NewID()
	}
	q.w.Header().Set("Cache-Control", "no-cache")
	return writeJSON(q.w, http.StatusOK, map[string]any{"uuids": uuids})
}

// activeTasks tells of replications, where the server runs any. Views are
// brought up to date by requests, which are no tasks.
func (q *request) activeTasks() error {
	if q.s.replications != nil {
		q.s.replications.ServeHTTP(q.w, q.Request)
		return nil
	}
	writeRaw(q.w, http.StatusOK, []byte("[]"))
	return nil
}

// serveReplications serves _replicate and what is below _scheduler by the
// handler of [Server.Replications]. Without one there are none.
func (q *request) serveReplications(segments []string) error {
	methods := "GET,HEAD"
	if segments[0] == "_replicate" {
		methods = "POST"
	}
	switch {
	case len(segments) == 1 && methods == "GET,HEAD", len(segments) > 1 && methods == "POST":
		return fault.Missing()
	case !allowed(q.Method, methods):
		return q.notAllowed(methods)
	}
	if q.Method == http.MethodPost {
		if err := q.jsonOnly(); err != nil {
			return err
		}
	}
	if q.s.replications != nil {
		q.s.replications.ServeHTTP(q.w, q.Request)
		return nil
	}
	kind := segments[len(segments)-1]
	if methods == "POST" || kind != "jobs" && kind != "docs" {
		return fault.New(http.StatusNotImplemented, "not_implemented", "This server runs no replications.")
	}
	writeRaw(q.w, http.StatusOK, []byte(`{"total_rows":0,"offset":0,"`+kind+`":[]}`))
	return nil
}

func (q *request) membership() error {
	writeRaw(q.w, http.StatusOK, []byte(`{"all_nodes":["couchlite@localhost"],"cluster_nodes":["couchlite@localhost"]}`))
	return nil
}
