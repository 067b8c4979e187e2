package couchlite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/rows"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
	"github.com/callflowd/callflowd/pkg/couchlite/view"
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
	if rq.Design = design; design && rq.Start == nil {
		rq.Start = json.RawMessage(`"_design/"`)
		if rq.Descending {
			rq.Start = json.RawMessage(`"_design0"`)
		}
	}
	out := q.stream()
	if err := q.listDocs(rq, out); err != nil {
		return err
	}
	return out.Finish("\n")
}

// listingQuery reads the query of a listing of documents, which says the same
// as that of a view without a reduce function.
func (q *request) listingQuery() (store.Listing, error) {
	v := view.NewQuery()
	if q.Method == http.MethodPost {
		var body map[string]json.RawMessage
		if err := q.decode(&body); err != nil {
			return store.Listing{}, err
		}
		if keys, ok := body["keys"]; ok && keys[0] != '[' {
			return store.Listing{}, fault.BadRequest("`keys` body member must be an array.")
		}
		if err := v.SetBody(body); err != nil {
			return store.Listing{}, err
		}
	}
	if err := v.SetAll(q.URL.RawQuery); err != nil {
		return store.Listing{}, err
	}
	rq, err := v.Listing()
	if v.Single != nil {
		rq.Keys = []json.RawMessage{v.Single}
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
		return fault.BadRequest("POST body must include `queries` parameter.")
	}
	queries, keys := make([]store.Listing, len(in.Queries)), 0
	for i, members := range in.Queries {
		v := view.NewQuery()
		err := v.SetAll(q.URL.RawQuery)
		if err == nil {
			err = v.SetBody(members)
		}
		if err == nil {
			queries[i], err = v.Listing()
		}
		if err != nil {
			return err
		}
		if keys += len(queries[i].Keys); keys > view.MaxKeys {
			return fault.TooLarge()
		}
	}
	out := q.stream()
	out.Text(`{"results":[`)
	for i, rq := range queries {
		if i > 0 {
			out.Text(",")
		}
		out.Text("\r\n")
		out.Rows = 0
		if err := q.listDocs(rq, out); err != nil {
			return err
		}
	}
	return out.Finish("\r\n]}\n")
}

// listDocs writes the answer to one query of _all_docs.
func (q *request) listDocs(rq store.Listing, out *rows.Writer) error {
	if rq.Keys != nil {
		return q.listKeys(rq, out)
	}
	seq := ""
	if rq.UpdateSeq {
		seq = `"update_seq":"` + q.db.EncodeSeq(q.db.Current().Seq) + `",`
	}
	ids := rq.IDs()
	total, err := q.db.Total(q.Context(), rq)
	if err != nil {
		return err
	}
	offset, err := q.db.Offset(q.Context(), ids, rq, total)
	if err != nil {
		return err
	}
	out.Text(fmt.Sprintf(`{"total_rows":%d,"offset":%d,%s"rows":[`, total, offset, seq))
	if err := q.listRange(ids, rq, out); err != nil {
		return err
	}
	out.End()
	return nil
}

// listRange writes the rows of a range, chunk by chunk.
func (q *request) listRange(ids store.IDRange, rq store.Listing, out *rows.Writer) error {
	left, skip := rq.Limit, rq.Skip
	for !ids.Empty && left != 0 {
		n := store.Chunk
		if left > 0 {
			n = min(n, left)
		}
		rows, err := q.db.DocRows(q.Context(), ids, rq, n, skip)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := q.writeRow(r, r.ID, rq, out); err != nil {
				return err
			}
		}
		if err := out.Flushed(); err != nil || len(rows) < n {
			return err
		}
		if left > 0 {
			left -= len(rows)
		}
		skip = 0
		ids = ids.After(rows[len(rows)-1].ID)
	}
	return nil
}

// writeRow writes one row of _all_docs.
func (q *request) writeRow(r store.Revision, key string, rq store.Listing, out *rows.Writer) error {
	row := append(out.Row(), `{"id":`...)
	row = ejson.AppendString(row, r.ID)
	row = append(row, `,"key":`...)
	row = ejson.AppendString(row, key)
	row = append(row, `,"value":{"rev":"`...)
	row = append(append(row, r.Rev...), '"')
	if r.Deleted {
		row = append(row, `,"deleted":true`...)
	}
	row = append(row, '}')
	if rq.IncludeDocs {
		doc := []byte("null")
		if !r.Deleted {
			var err error
			if doc, err = q.db.Render(q.Context(), r, rq.Docs); err != nil {
				return err
			}
		}
		row = append(append(row, `,"doc":`...), doc...)
	}
	out.Put(append(row, '}'))
	return nil
}

// listKeys writes a row per key, in the order of the keys.
func (q *request) listKeys(rq store.Listing, out *rows.Writer) error {
	total, err := q.db.Total(q.Context(), rq)
	if err != nil {
		return err
	}
	out.Text(fmt.Sprintf(`{"total_rows":%d,"offset":null,`, total))
	if rq.UpdateSeq {
		out.Text(`"update_seq":null,`)
	}
	out.Text(`"rows":[`)
	err = q.keyRows(rq, out, func(id string) (store.Revision, error) { return q.db.Winner(q.Context(), id) })
	if err != nil {
		return err
	}
	out.End()
	return out.Flushed()
}

// keyRows writes a row per key, in the order of the keys; find finds what a
// key names.
func (q *request) keyRows(rq store.Listing, out *rows.Writer, find func(id string) (store.Revision, error)) error {
	keys := rq.Keys[min(rq.Skip, len(rq.Keys)):]
	if rq.Limit >= 0 {
		keys = keys[:min(rq.Limit, len(keys))]
	}
	for i := range keys {
		raw := keys[i]
		if rq.Descending {
			raw = keys[len(keys)-1-i]
		}
		var id string
		if rq.Design && !bytes.HasPrefix(raw, []byte(`"_design/`)) {
			continue
		}
		if raw[0] != '"' || json.Unmarshal(raw, &id) != nil {
			out.Put(fmt.Appendf(out.Row(), `{"key":%s,"error":"not_found"}`, raw))
			continue
		}
		r, err := find(id)
		switch {
		case err == nil:
			err = q.writeRow(r, id, rq, out)
		case fault.IsMissing(err):
			out.Put(append(ejson.AppendString(append(out.Row(), `{"key":`...), id), `,"error":"not_found"}`...))
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
