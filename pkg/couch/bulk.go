package couch

import (
	"context"
	"encoding/json"

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
	rows, err := d.bulk(ctx, docs, kivik.Params(nil))
	if err != nil || len(docs) == 0 {
		return nil, err
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
	_, err := d.bulk(ctx, docs, kivik.Param("new_edits", false))
	return err
}

func (d *DB) bulk(ctx context.Context, docs []document.Doc, options kivik.Option) ([]kivik.BulkResult, error) {
	if len(docs) == 0 {
		return nil, nil
	}
	bodies := make([]any, len(docs))
	for i, doc := range docs {
		body, err := json.Marshal(doc)
		if err != nil {
			return nil, &problem.Error{Code: problem.Internal, Msg: "encode " + d.at(doc.ID()), Err: err}
		}
		bodies[i] = json.RawMessage(body)
	}
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	rows, err := d.kivik.BulkDocs(ctx, bodies, options)
	return rows, d.wrap(cause(ctx, err), "put many documents in", "")
}
