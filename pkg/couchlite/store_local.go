package couchlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// parseLocal reads a local document. As in CouchDB its new revision follows
// the one it names, whichever that is: the last writer wins.
func parseLocal(raw []byte, maxSize int64) (*edit, error) {
	body, special, err := ejson.Split(raw)
	if err != nil {
		return nil, badRequest("invalid UTF-8 JSON")
	}
	e := &edit{body: body}
	for _, m := range special {
		switch m.Name {
		case "_rev":
			e.base, err = localRev(m.Value)
		case "_revisions": // CouchDB's replicator says _rev's again here
		default:
			err = e.setSpecial(m)
		}
		if err != nil {
			return nil, err
		}
	}
	if int64(len(body)) > maxSize {
		return nil, fail(413, "document_too_large", e.id)
	}
	return e, nil
}

// localRev reads a quoted "0-N".
func localRev(quoted []byte) (revtree.Rev, error) {
	number, ok := strings.CutPrefix(strings.Trim(string(quoted), `"`), "0-")
	if n, err := strconv.ParseInt(number, 10, 62); !ok || err != nil || n < 0 {
		return revtree.Rev{}, errRev()
	}
	return revtree.Rev{Hash: number}, nil
}

// local returns a local document as a client sees it.
func (db *database) local(ctx context.Context, id string) ([]byte, error) {
	var rev int64
	var body []byte
	err := db.read.local.QueryRowContext(context.WithoutCancel(ctx), id).Scan(&rev, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errMissing()
	}
	if err != nil {
		return nil, fmt.Errorf("read local document: %w", err)
	}
	r := revision{ID: id, Rev: "0-" + strconv.FormatInt(rev, 10), Body: body}
	return appendRevision(nil, r, nil, docOptions{}, nil), nil
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

// saveLocal writes or deletes a local document.
func (db *database) saveLocal(ctx context.Context, e *edit) error {
	return db.writer.do(ctx, func(w *writer) error { return w.applyLocal(context.Background(), e) })
}

// applyLocal writes or deletes a local document.
func (w *writer) applyLocal(ctx context.Context, e *edit) error {
	if e.deleted {
		e.rev = revtree.Rev{Hash: "0"}
		_, err := w.stmt.dropLocal.ExecContext(ctx, e.id)
		return err
	}
	rev, _ := strconv.ParseInt(e.base.Hash, 10, 62) // absent is 0
	rev++
	e.rev = revtree.Rev{Hash: strconv.FormatInt(rev, 10)}
	_, err := w.stmt.setLocal.ExecContext(ctx, e.id, rev, e.body)
	return err
}
