package couch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/pause"
)

// errFewNodes is a write that CouchDB answered 202: fewer nodes than its
// quorum hold it, and it is lost if they are.
var errFewNodes = errors.New("too few nodes have confirmed the write")

// confirm deals with a 202. Reading with r=… does not tell how many nodes hold
// a revision, so the very same revisions are stored again (new_edits=false),
// which changes nothing where they are, until the quorum confirms that. Where
// it does not, the write has failed for its caller. The deletion of a database
// cannot be confirmed: who deletes it again hears that it is gone.
func (t *transport) confirm(r *http.Request, res *http.Response) (*http.Response, error) {
	db, rest, inside := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	ofDatabase := !inside && (r.Method == http.MethodPut || r.Method == http.MethodDelete)
	if !ofDatabase && !edits(r.Method, rest) {
		return res, nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxBuffered))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	status := http.StatusCreated
	switch {
	case !ofDatabase:
		status, text, err = t.confirmWritten(r, db, text)
	case r.Method == http.MethodDelete || !t.confirmDatabase(r.Context(), db):
		err = errFewNodes
	}
	if err != nil {
		return nil, err
	}
	res.StatusCode, res.Status = status, strconv.Itoa(status)+" "+http.StatusText(status)
	res.Header.Del("Content-Length")
	res.ContentLength = int64(len(text))
	res.Body = io.NopCloser(bytes.NewReader(text))
	return res, nil
}

// confirmWritten has the quorum confirm edits, but for those that are withdrawn
// because of others, and returns what the answer becomes.
func (t *transport) confirmWritten(r *http.Request, db string, text []byte) (status int, answer []byte, err error) {
	sent := bodyOf(r)
	if keepsRevisions(r, sent) {
		if !t.confirmEdits(r.Context(), db, sent) {
			return 0, nil, errFewNodes
		}
		return http.StatusCreated, text, nil
	}
	edits, rows, ok := writtenOf(sent, r, text)
	if !ok {
		return 0, nil, errFewNodes
	}
	lost, err := t.settle(r.Context(), db, edits)
	if err != nil {
		return 0, nil, errors.Join(errFewNodes, err)
	}
	edits = slices.DeleteFunc(edits, func(w written) bool { return lost[w.row.text("id")] || w.row.text("rev") != w.path[0] })
	if len(edits) > 0 && !t.confirmEdits(r.Context(), db, bodyOfRevisions(edits...)) {
		return 0, nil, errFewNodes
	}
	return answered(r, rows, lost)
}

// confirmEdits stores revisions again until the quorum confirms that.
func (t *transport) confirmEdits(ctx context.Context, db string, body []byte) bool {
	wait := pause.Growing{First: firstRepeat, Last: lastRepeat}
	for attempt := 0; body != nil && attempt < maxAttempts && wait.Wait(ctx); attempt++ {
		again, err := t.once(request(ctx, http.MethodPost, "/"+db+"/_bulk_docs", body))
		if err != nil {
			continue
		}
		_ = again.Body.Close()
		if again.StatusCode == http.StatusCreated {
			return true
		}
	}
	return false
}

// markOfCreation is a document that is never replicated, and is gone again
// when the quorum has confirmed it.
const markOfCreation = "_local/callflowd-created"

// confirmDatabase deals with a database whose creation too few nodes have
// confirmed. Creating it again only tells that it exists. But a node confirms
// a document only if it has the database, so a document is stored in it until
// the quorum confirms that.
func (t *transport) confirmDatabase(ctx context.Context, db string) bool {
	path, stored := "/"+db+"/"+markOfCreation, edited{}
	wait := pause.Growing{First: firstRepeat, Last: lastRepeat}
	for attempt := 0; attempt < maxAttempts && wait.Wait(ctx); attempt++ {
		body, err := json.Marshal(edited{"_rev": stored["rev"]})
		if stored["rev"] == nil {
			body = []byte(`{}`)
		}
		if err != nil {
			return false
		}
		res, err := t.once(request(ctx, http.MethodPut, path, body))
		if err != nil {
			continue
		}
		err = json.NewDecoder(io.LimitReader(res.Body, maxRefusal)).Decode(&stored)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusCreated {
			continue
		}
		remove := request(ctx, http.MethodDelete, path, nil)
		remove.URL.RawQuery = url.Values{"rev": {stored.text("rev")}}.Encode()
		if gone, err := t.once(remove); err == nil { // it harms nobody where it stays
			_ = gone.Body.Close()
		}
		return true
	}
	return false
}

// edits reports whether a request changes documents that are replicated.
func edits(method, inDatabase string) bool {
	switch method {
	case http.MethodPut, http.MethodDelete:
		return inDatabase != "" && (inDatabase[0] != '_' || strings.HasPrefix(inDatabase, "_design/"))
	case http.MethodPost:
		return inDatabase == "_bulk_docs"
	}
	return false
}

// request is a request to a path that is escaped already.
func request(ctx context.Context, method, path string, body []byte) *http.Request {
	address := &url.URL{RawPath: path}
	address.Path, _ = url.PathUnescape(path)
	r := &http.Request{Method: method, URL: address, Header: http.Header{"Accept": {"application/json"}}}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = int64(len(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return r.WithContext(ctx)
}

// edited is a document in a request or its answer.
type edited map[string]json.RawMessage

func (e edited) text(member string) string {
	var s string
	_ = json.Unmarshal(e[member], &s) // what is no string names nothing
	return s
}

// bodyOf is a request's body, nil if it has none or it was streamed.
func bodyOf(r *http.Request) []byte {
	if r.GetBody == nil {
		return nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil
	}
	return text
}
