package couchlite

import (
	"bytes"
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
	out := q.stream()
	if err := q.listDocs(rq, out); err != nil {
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
	out := q.stream()
	out.text(`{"results":[`)
	for i, rq := range queries {
		if i > 0 {
			out.text(",")
		}
		out.text("\r\n")
		out.rows = 0
		if err := q.listDocs(rq, out); err != nil {
			return err
		}
	}
	return out.finish("\r\n]}\n")
}

// listDocs writes the answer to one query of _all_docs.
func (q *request) listDocs(rq rangeQuery, out *stream) error {
	if rq.keys != nil {
		return q.listKeys(rq, out)
	}
	seq := ""
	if rq.updateSeq {
		seq = `"update_seq":"` + q.db.encodeSeq(q.db.current().seq) + `",`
	}
	ids := rq.ids()
	total, err := q.db.total(q.Context(), rq)
	if err != nil {
		return err
	}
	offset, err := q.db.offset(q.Context(), ids, rq, total)
	if err != nil {
		return err
	}
	out.text(fmt.Sprintf(`{"total_rows":%d,"offset":%d,%s"rows":[`, total, offset, seq))
	if err := q.listRange(ids, rq, out); err != nil {
		return err
	}
	out.endRows()
	return nil
}

// listRange writes the rows of a range, chunk by chunk.
func (q *request) listRange(ids idRange, rq rangeQuery, out *stream) error {
	left, skip := rq.limit, rq.skip
	for !ids.empty && left != 0 {
		n := chunk
		if left > 0 {
			n = min(n, left)
		}
		rows, err := q.db.docRows(q.Context(), ids, rq, n, skip)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := q.writeRow(r, r.ID, rq, out); err != nil {
				return err
			}
		}
		if err := out.flushed(); err != nil || len(rows) < n {
			return err
		}
		if left > 0 {
			left -= len(rows)
		}
		skip = 0
		ids = ids.after(rows[len(rows)-1].ID)
	}
	return nil
}

// writeRow writes one row of _all_docs.
func (q *request) writeRow(r revision, key string, rq rangeQuery, out *stream) error {
	row := append(out.row(), `{"id":`...)
	row = ejson.AppendString(row, r.ID)
	row = append(row, `,"key":`...)
	row = ejson.AppendString(row, key)
	row = append(row, `,"value":{"rev":"`...)
	row = append(append(row, r.Rev...), '"')
	if r.Deleted {
		row = append(row, `,"deleted":true`...)
	}
	row = append(row, '}')
	if rq.includeDocs {
		doc := []byte("null")
		if !r.Deleted {
			var err error
			if doc, err = q.db.render(q.Context(), r, rq.docs); err != nil {
				return err
			}
		}
		row = append(append(row, `,"doc":`...), doc...)
	}
	out.write(append(row, '}'))
	return nil
}

// listKeys writes a row per key, in the order of the keys.
func (q *request) listKeys(rq rangeQuery, out *stream) error {
	total, err := q.db.total(q.Context(), rq)
	if err != nil {
		return err
	}
	out.text(fmt.Sprintf(`{"total_rows":%d,"offset":null,`, total))
	if rq.updateSeq {
		out.text(`"update_seq":null,`)
	}
	out.text(`"rows":[`)
	keys := rq.keys[min(rq.skip, len(rq.keys)):]
	if rq.limit >= 0 {
		keys = keys[:min(rq.limit, len(keys))]
	}
	for i := range keys {
		raw := keys[i]
		if rq.descending {
			raw = keys[len(keys)-1-i]
		}
		var id string
		if rq.design && !bytes.HasPrefix(raw, []byte(`"_design/`)) {
			continue
		}
		if raw[0] != '"' || json.Unmarshal(raw, &id) != nil {
			out.write(fmt.Appendf(out.row(), `{"key":%s,"error":"not_found"}`, raw))
			continue
		}
		r, err := q.db.winner(q.Context(), id)
		switch {
		case err == nil:
			err = q.writeRow(r, id, rq, out)
		case isMissing(err):
			out.write(append(ejson.AppendString(append(out.row(), `{"key":`...), id), `,"error":"not_found"}`...))
			err = nil
		}
		if err != nil {
			return err
		}
	}
	out.endRows()
	return out.flushed()
}
