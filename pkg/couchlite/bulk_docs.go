package couchlite

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// bulkResult is one line of _bulk_docs' answer.
type bulkResult struct {
	OK     bool   `json:"ok,omitempty"`
	ID     string `json:"id"`
	Rev    string `json:"rev,omitempty"`
	Error  string `json:"error,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// maxBulk bounds the documents of one request.
const maxBulk = 100_000

// bulkDocs serves _bulk_docs: all documents in one transaction, each with its
// own outcome.
func (q *request) bulkDocs() error {
	var in struct {
		Docs     json.RawMessage `json:"docs"`
		NewEdits *bool           `json:"new_edits"`
	}
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.Docs == nil {
		return fault.BadRequest("POST body must include `docs` parameter.")
	}
	var docs []json.RawMessage
	if json.Unmarshal(in.Docs, &docs) != nil || docs == nil {
		return fault.BadRequest("`docs` parameter must be an array.")
	}
	if len(docs) > maxBulk {
		return fault.TooLarge()
	}
	edits := make([]*store.Edit, len(docs))
	for i, raw := range docs {
		e, err := store.ParseAny(raw, q.s.opts.MaxDocument)
		if err != nil {
			return err
		}
		if e.ID == "" {
			e.ID = store.NewID()
		}
		if in.NewEdits != nil && !*in.NewEdits && !strings.HasPrefix(e.ID, "_local/") {
			if err := e.KeepRevision(); err != nil {
				return err
			}
		}
		edits[i] = e
	}
	outcomes := make([]error, len(edits))
	for i, e := range edits {
		outcomes[i] = q.check(e)
	}
	if err := q.db.SaveAll(q.Context(), edits, outcomes); err != nil {
		return err
	}
	return writeJSON(q.w, http.StatusCreated, bulkResults(edits, outcomes))
}

// bulkResults lists every outcome, or with new_edits=false only the failures.
func bulkResults(edits []*store.Edit, outcomes []error) []bulkResult {
	results := []bulkResult{}
	for i, e := range edits {
		switch {
		case outcomes[i] != nil:
			f := fault.As(outcomes[i])
			r := bulkResult{ID: e.ID, Error: f.Code, Reason: f.Reason}
			if e.Replicated {
				r.Rev = e.Path.Rev().String()
			}
			results = append(results, r)
		case !e.Replicated:
			results = append(results, bulkResult{OK: true, ID: e.ID, Rev: e.Rev.String()})
		}
	}
	return results
}
