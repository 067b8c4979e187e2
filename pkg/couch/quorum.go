package couch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
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
	confirmed := false
	switch {
	case !ofDatabase:
		confirmed = t.confirmEdits(r.Context(), db, sameRevisions(r, text))
	case r.Method == http.MethodPut:
		confirmed = t.confirmDatabase(r.Context(), db)
	}
	if !confirmed {
		return nil, errFewNodes
	}
	res.StatusCode, res.Status = http.StatusCreated, "201 Created"
	res.Body = io.NopCloser(bytes.NewReader(text))
	return res, nil
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

// sameRevisions is the body of a request that stores what r has stored, as the
// server's answer names it; nil if that cannot be told.
func sameRevisions(r *http.Request, answer []byte) []byte {
	sent := bodyOf(r)
	if r.Method != http.MethodPost {
		doc, row := edited{}, edited{}
		if json.Unmarshal(answer, &row) != nil || len(sent) > 0 && json.Unmarshal(sent, &doc) != nil {
			return nil
		}
		parent := doc.text("_rev")
		if parent == "" {
			parent = r.URL.Query().Get("rev")
		}
		if r.Method == http.MethodDelete {
			doc = edited{"_deleted": json.RawMessage("true")}
		}
		return asStored([]edited{doc}, []edited{row}, []string{parent})
	}
	var many struct {
		Docs     []edited `json:"docs"`
		NewEdits *bool    `json:"new_edits"`
	}
	if json.Unmarshal(sent, &many) != nil {
		return nil
	}
	if many.NewEdits != nil && !*many.NewEdits {
		return sent
	}
	var rows []edited
	if json.Unmarshal(answer, &rows) != nil || len(rows) != len(many.Docs) {
		return nil
	}
	parents := make([]string, len(rows))
	for i, doc := range many.Docs {
		parents[i] = doc.text("_rev")
	}
	return asStored(many.Docs, rows, parents)
}

// asStored gives the documents that were stored their revisions. Attachments
// that are not in the body cannot be sent again.
func asStored(docs, rows []edited, parents []string) []byte {
	again := []edited{}
	for i, row := range rows {
		rev := row.text("rev")
		if rev == "" {
			continue // this one was refused
		}
		if docs[i]["_attachments"] != nil || !isRev(rev) {
			return nil
		}
		generation, hash := splitRev(rev)
		hashes := []string{hash}
		if isRev(parents[i]) {
			_, parent := splitRev(parents[i])
			hashes = append(hashes, parent)
		}
		history, err := json.Marshal(map[string]any{"start": generation, "ids": hashes})
		if err != nil {
			return nil
		}
		docs[i]["_id"], docs[i]["_rev"], docs[i]["_revisions"] = row["id"], row["rev"], history
		again = append(again, docs[i])
	}
	if len(again) == 0 {
		return nil
	}
	body, err := json.Marshal(map[string]any{"new_edits": false, "docs": again})
	if err != nil {
		return nil
	}
	return body
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
