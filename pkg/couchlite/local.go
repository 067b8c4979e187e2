package couchlite

import (
	"net/http"

	"github.com/callflowd/callflowd/pkg/couchlite/rows"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// localDocs serves _local_docs.
func (q *request) localDocs() error {
	rq, err := q.listingQuery()
	if err != nil {
		return err
	}
	out := q.stream()
	out.Text(`{"total_rows":null,"offset":null,`)
	if rq.UpdateSeq {
		out.Text(`"update_seq":null,`)
	}
	out.Text(`"rows":[`)
	if rq.Keys != nil {
		err = q.keyRows(rq, out, func(id string) (store.Revision, error) { return q.db.Local(q.Context(), id) })
	} else {
		err = q.localRows(rq, out)
	}
	if err != nil {
		return err
	}
	out.End()
	return out.Finish("\n")
}

func (q *request) localRows(rq store.Listing, out *rows.Writer) error {
	found, err := q.db.LocalRows(q.Context(), rq)
	if err != nil {
		return err
	}
	for _, r := range found {
		if err := q.writeRow(r, r.ID, rq, out); err != nil {
			return err
		}
	}
	return nil
}

// serveLocal serves /{db}/_local/{id}: documents that are not replicated,
// with one revision, 0-N.
func (q *request) serveLocal(id string) error {
	if err := store.CheckID(id); err != nil {
		return err
	}
	switch q.Method {
	case http.MethodGet, http.MethodHead:
		r, err := q.db.Local(q.Context(), id)
		if err != nil {
			return err
		}
		body, err := q.db.Render(q.Context(), r, store.DocOptions{})
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
	e, status := &store.Edit{Body: []byte("{}"), Deleted: true}, http.StatusOK
	if q.Method == http.MethodPut {
		raw, err := q.body()
		if err != nil {
			return err
		}
		if e, err = store.ParseLocal(raw, q.s.opts.MaxDocument); err != nil {
			return err
		}
		status = http.StatusCreated
	}
	e.ID = id
	if q.Method == http.MethodDelete {
		if _, err := q.db.Local(q.Context(), id); err != nil {
			return err
		}
	}
	if err := q.db.SaveLocal(q.Context(), e); err != nil {
		return err
	}
	q.writeSaved(status, e)
	return nil
}
