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
// it does not, the write has failed for its caller.
func (t *transport) confirm(r *http.Request, res *http.Response) (*http.Response, error) {
	db, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if !edits(r.Method, rest) {
		return res, nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxBuffered))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	body := sameRevisions(r, text)
	wait := pause.Growing{First: firstRepeat, Last: lastRepeat}
	for attempt := 0; body != nil && attempt < maxAttempts && wait.Wait(r.Context()); attempt++ {
		again, err := t.once(storeAgain(r.Context(), db, body))
		if err != nil {
			continue
		}
		_ = again.Body.Close()
		if again.StatusCode == http.StatusCreated {
			res.StatusCode, res.Status = http.StatusCreated, "201 Created"
			res.Body = io.NopCloser(bytes.NewReader(text))
			return res, nil
		}
	}
	return nil, errFewNodes
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

func storeAgain(ctx context.Context, db string, body []byte) *http.Request {
	path := "/" + db + "/_bulk_docs"
	address := &url.URL{RawPath: path}
	address.Path, _ = url.PathUnescape(path)
	r := (&http.Request{
		Method: http.MethodPost, URL: address, ContentLength: int64(len(body)),
		Header:  http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}},
		Body:    io.NopCloser(bytes.NewReader(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(ctx)
	return r
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
