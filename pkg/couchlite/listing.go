package couchlite

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
)

// allDocs serves _all_docs.
func (q *request) allDocs() error { return q.listing(false) }

// designDocs serves _design_docs: the same for design documents.
func (q *request) designDocs() error { return q.listing(true) }

func (q *request) listing(design bool) error {
	rq, err := q.listingQuery()
	if err != nil {
		return err
	}
	if rq.design = design; design && rq.start == nil {
		rq.start = json.RawMessage(`"_design/"`)
		if rq.descending {
			rq.start = json.RawMessage(`"_design0"`)
		}
	}
	out := newStream(q.w)
	if err := q.db.listDocs(q.Context(), rq, out); err != nil {
		return err
	}
	return out.finish("\n")
}

// listingQuery reads the query of a listing of documents, which says the same
// as that of a view without a reduce function.
func (q *request) listingQuery() (rangeQuery, error) {
	v := newViewQuery()
	if q.Method == http.MethodPost {
		var body map[string]json.RawMessage
		if err := q.decode(&body); err != nil {
			return rangeQuery{}, err
		}
		if keys, ok := body["keys"]; ok && keys[0] != '[' {
			return rangeQuery{}, badRequest("`keys` body member must be an array.")
		}
		if err := v.setBody(body); err != nil {
			return rangeQuery{}, err
		}
	}
	if err := v.setAll(q.URL.RawQuery); err != nil {
		return rangeQuery{}, err
	}
	rq, err := v.listing()
	if v.single != nil {
		rq.keys = []json.RawMessage{v.single}
	}
	return rq, err
}

// listing is the query as one for documents.
func (q *viewQuery) listing() (rangeQuery, error) {
	if q.badKeys {
		return rangeQuery{}, badRequest("`keys` parameter must be an array.")
	}
	partition := q.partition
	q.partition = false
	if err := q.resolve(view{}); err != nil {
		return rangeQuery{}, err
	}
	if partition {
		return rangeQuery{}, parseError("`partition` parameter is not supported on this db")
	}
	quoted := func(id *string, key json.RawMessage) json.RawMessage {
		if key == nil && id != nil {
			return ejson.AppendString(nil, *id)
		}
		return key
	}
	return rangeQuery{
		keys: q.keys, start: quoted(q.startDoc, q.start), end: quoted(q.endDoc, q.end), exclusiveEnd: q.exclusiveEnd,
		descending: q.descending, limit: q.limit, skip: q.skip, includeDocs: q.includeDocs, updateSeq: q.updateSeq, docs: q.docs,
	}, nil
}

// maxQueries bounds the queries of one request.
const maxQueries = 1000

// allDocsQueries serves _all_docs/queries.
func (q *request) allDocsQueries() error {
	var in struct{ Queries []map[string]json.RawMessage }
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.Queries == nil || len(in.Queries) > maxQueries {
		return badRequest("POST body must include `queries` parameter.")
	}
	queries := make([]rangeQuery, len(in.Queries))
	for i, members := range in.Queries {
		v := newViewQuery()
		err := v.setAll(q.URL.RawQuery)
		if err == nil {
			err = v.setBody(members)
		}
		if err == nil {
			queries[i], err = v.listing()
		}
		if err != nil {
			return err
		}
	}
	out := newStream(q.w)
	out.text(`{"results":[`)
	for i, rq := range queries {
		if i > 0 {
			out.text(",")
		}
		out.text("\r\n")
		out.rows = 0
		if err := q.db.listDocs(q.Context(), rq, out); err != nil {
			return err
		}
	}
	return out.finish("\r\n]}\n")
}

// localDocs serves _local_docs.
func (q *request) localDocs() error {
	rq, err := q.listingQuery()
	if err != nil {
		return err
	}
	rows, err := q.db.localRows(q.Context(), rq)
	if err != nil {
		return err
	}
	out := newStream(q.w)
	out.text(`{"total_rows":null,"offset":null,`)
	if rq.updateSeq {
		out.text(`"update_seq":null,`)
	}
	out.text(`"rows":[`)
	for _, r := range rows {
		if err := q.db.writeRow(q.Context(), r, r.ID, rangeQuery{includeDocs: rq.includeDocs}, out); err != nil {
			return err
		}
	}
	out.endRows()
	return out.finish("\n")
}

// localRows lists local documents, at most [maxLookups].
func (db *database) localRows(ctx context.Context, rq rangeQuery) ([]revision, error) {
	ids, limit := rq.ids(), rq.limit
	if limit < 0 || limit > maxLookups {
		limit = maxLookups
	}
	if ids.empty || rq.keys != nil {
		return nil, nil
	}
	rows, err := db.file.r.QueryContext(ctx, `SELECT d.id, d.rev, d.body FROM (SELECT id, rev, body, 0 AS deleted FROM locals) d WHERE `+ids.where+
		` ORDER BY d.id `+ids.order+` LIMIT ? OFFSET ?`, append(ids.args, limit, rq.skip)...)
	if err != nil {
		return nil, fmt.Errorf("list local documents: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []revision
	for rows.Next() {
		var r revision
		var rev int64
		if err := rows.Scan(&r.ID, &rev, &r.Body); err != nil {
			return nil, err
		}
		r.Rev = fmt.Sprintf("0-%d", rev)
		list = append(list, r)
	}
	return list, rows.Err()
}
