package couch

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/go-kivik/kivik/v4"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// BulkResult is the outcome for one document of a [DB.Bulk].
type BulkResult struct {
	ID  string
	Rev string // the new revision, if Err is nil
	Err error  // [problem.Conflict], or another *[problem.Error]
}

// Bulk saves many documents in one request, each on its own: some may be
// refused while others are saved. The results are in the order of docs, and
// a saved document gets its new revision. A document with _deleted is
// deleted. The error is of the request as a whole.
func (d *DB) Bulk(ctx context.Context, docs []document.Doc) ([]BulkResult, error) {
	bodies, err := encode(d, docs)
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	rows, err := d.save(ctx, saving{ids: idsOf(docs), bodies: bodies})
	if err != nil {
		return nil, d.wrap(err, "put many documents in", "")
	}
	if len(rows) != len(docs) {
		return nil, &problem.Error{Code: problem.DatastoreFault, Msg: "the server answered for another number of documents in " + d.name}
	}
	results := make([]BulkResult, len(rows))
	for i, row := range rows {
		results[i] = BulkResult{ID: row.ID, Rev: row.Rev, Err: d.wrap(row.Error, "put", row.ID)}
		if row.Error == nil {
			isNew := docs[i].Rev() == ""
			docs[i].SetRev(row.Rev)
			d.wrote(docs[i], isNew)
		}
	}
	return results, nil
}

// BulkRevisions stores revisions as they are (new_edits=false), the way
// replication does: each document carries its _rev and, if it has ancestors,
// _revisions. There are no conflicts: a revision that does not follow the
// stored one becomes a conflicting leaf.
func (d *DB) BulkRevisions(ctx context.Context, docs []document.Doc) error {
	bodies, err := encode(d, docs)
	if err != nil || len(docs) == 0 {
		return err
	}
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	_, err = d.kivik.BulkDocs(ctx, anys(bodies), kivik.Param("new_edits", false))
	return d.wrap(cause(ctx, err), "put many documents in", "")
}

func encode(d *DB, docs []document.Doc) ([]json.RawMessage, error) {
	bodies := make([]json.RawMessage, len(docs))
	for i, doc := range docs {
		body, err := json.Marshal(doc)
		if err != nil {
			return nil, &problem.Error{Code: problem.Internal, Msg: "encode " + d.at(doc.ID()), Err: err}
		}
		bodies[i] = body
	}
	return bodies, nil
}

func anys(bodies []json.RawMessage) []any {
	list := make([]any, len(bodies))
	for i, body := range bodies {
		list[i] = body
	}
	return list
}

func idsOf(docs []document.Doc) []string {
	ids := make([]string, len(docs))
	for i, doc := range docs {
		ids[i] = doc.ID()
	}
	return ids
}

// save saves, together with what others save in the database at the moment.
// _local documents are no part of that.
func (d *DB) save(ctx context.Context, s saving) ([]kivik.BulkResult, error) {
	alone := slices.ContainsFunc(s.ids, func(id string) bool { return id == "" || id[0] == '_' })
	if alone || d.client.saves == nil {
		return s.send(ctx, d)
	}
	return d.client.saves.call(ctx, d, s)
}
