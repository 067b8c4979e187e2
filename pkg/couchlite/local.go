package couchlite

import (
	"net/http"
)

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
	out := q.stream()
	out.text(`{"total_rows":null,"offset":null,`)
	if rq.updateSeq {
		out.text(`"update_seq":null,`)
	}
	out.text(`"rows":[`)
	for _, r := range rows {
		if err := q.writeRow(r, r.ID, rangeQuery{includeDocs: rq.includeDocs}, out); err != nil {
			return err
		}
	}
	out.endRows()
	return out.finish("\n")
}

// serveLocal serves /{db}/_local/{id}: documents that are not replicated,
// with one revision, 0-N.
func (q *request) serveLocal(id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	switch q.Method {
	case http.MethodGet, http.MethodHead:
		body, err := q.db.local(q.Context(), id)
		if err != nil {
			return err
		}
		writeRaw(q.w, http.StatusOK, body)
		return nil
	case http.MethodPut, http.MethodDelete:
		return q.writeLocal(id)
	}
	return q.notAllowed("DELETE,GET,HEAD,PUT")
}

func (q *request) writeLocal(id string) error {
	e, status := &edit{body: []byte("{}"), deleted: true}, http.StatusOK
	if q.Method == http.MethodPut {
		raw, err := q.body()
		if err != nil {
			return err
		}
		if e, err = parseLocal(raw, q.s.opts.MaxDocument); err != nil {
			return err
		}
		status = http.StatusCreated
	}
	e.id = id
	if q.Method == http.MethodDelete {
		if _, err := q.db.local(q.Context(), id); err != nil {
			return err
		}
	}
	if err := q.db.saveLocal(q.Context(), e); err != nil {
		return err
	}
	q.writeSaved(status, e)
	return nil
}
