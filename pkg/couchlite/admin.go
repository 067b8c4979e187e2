package couchlite

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

func (q *request) ok(status int) error {
	writeRaw(q.w, status, []byte(`{"ok":true}`))
	return nil
}

// security serves _security. The object is kept and given back; access is
// decided by the server's one admin alone.
func (q *request) security() error {
	if q.Method != http.MethodPut {
		writeRaw(q.w, http.StatusOK, []byte(q.db.state.Load().security))
		return nil
	}
	raw, err := q.body()
	if err != nil {
		return err
	}
	object, err := ejson.Canonical(raw)
	if err != nil {
		return badRequest("invalid UTF-8 JSON")
	}
	var shape struct {
		Admins, Members struct{ Names, Roles []string }
	}
	if object[0] != '{' || json.Unmarshal(object, &shape) != nil {
		return badRequest("admins and members must be objects with lists of names and roles")
	}
	err = q.db.writer.do(q.Context(), func(w *writer) error {
		w.st.security = string(object)
		return nil
	})
	if err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// maxRevsLimit bounds _revs_limit.
const maxRevsLimit = 1_000_000

// revsLimit serves _revs_limit.
func (q *request) revsLimit() error {
	if q.Method != http.MethodPut {
		writeRaw(q.w, http.StatusOK, strconv.AppendInt(nil, q.db.state.Load().revsLimit, 10))
		return nil
	}
	raw, err := q.body()
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil || n < 1 || n > maxRevsLimit {
		return badRequest("`rev_limit` must be a positive integer")
	}
	err = q.db.writer.do(q.Context(), func(w *writer) error {
		w.st.revsLimit = n
		return nil
	})
	if err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// viewCleanup serves _view_cleanup.
func (q *request) viewCleanup() error {
	if err := q.db.views.cleanup(q.Context()); err != nil {
		return err
	}
	return q.ok(http.StatusAccepted)
}

func (q *request) tempView() error {
	return fail(http.StatusGone, "gone", "Temporary views are not supported in CouchDB")
}

// notImplemented serves what CouchDB has and couchlite has not.
func (q *request) notImplemented() error {
	return fail(http.StatusNotImplemented, "not_implemented", "This server has no Mango queries; read a view.")
}

// purge serves _purge: revisions are forgotten as if they had never been.
func (q *request) purge() error {
	ids, revs, err := q.askedRevs()
	if err != nil {
		return err
	}
	purged := map[string][]string{}
	err = q.db.writer.do(q.Context(), func(w *writer) error {
		for _, id := range ids {
			gone, err := w.purge(context.Background(), id, revs[id])
			if err != nil {
				return err
			}
			purged[id] = texts(gone)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(q.w, http.StatusCreated, map[string]any{"purge_seq": nil, "purged": purged})
}

// purge forgets leaves of one document, and the document with its last.
func (w *writer) purge(ctx context.Context, id string, revs []revtree.Rev) ([]revtree.Rev, error) {
	num, deleted, tree, err := w.find(ctx, id)
	if err != nil || num == 0 {
		return nil, err
	}
	var bodies []int64
	gone := tree.Purge(revs, func(body int64) { bodies = append(bodies, body) })
	if len(gone) == 0 {
		return nil, nil
	}
	w.st.purgeSeq++
	if err := w.dropBodies(ctx, bodies); err != nil {
		return nil, err
	}
	if tree.Len() > 0 {
		return gone, w.saveDoc(ctx, num, deleted, id, tree)
	}
	w.count(true, deleted, -1)
	w.st.seq++
	_, err = w.stmt.dropDoc.ExecContext(ctx, num)
	return gone, err
}
