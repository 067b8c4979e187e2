package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// ParseLocal reads a local document. As in CouchDB its new revision is one more
// than the one it names, which is not compared with the stored one: the last
// writer wins.
func ParseLocal(raw []byte, maxSize int64) (*Edit, error) {
	body, special, err := ejson.Split(raw)
	if err != nil {
		return nil, fault.BadRequest("invalid UTF-8 JSON")
	}
	e := &Edit{Body: body}
	for _, m := range special {
		switch m.Name {
		case "_rev":
			e.Base, err = localRev(m.Value)
		case "_revisions": // CouchDB's replicator repeats _rev here
		default:
			err = e.setSpecial(m)
		}
		if err != nil {
			return nil, err
		}
	}
	if int64(len(body)) > maxSize {
		return nil, fault.New(413, "document_too_large", e.ID)
	}
	return e, nil
}

// localRev reads a quoted "0-N".
func localRev(quoted []byte) (revtree.Rev, error) {
	number, ok := strings.CutPrefix(strings.Trim(string(quoted), `"`), "0-")
	if n, err := strconv.ParseInt(number, 10, 62); !ok || err != nil || n < 0 {
		return revtree.Rev{}, fault.InvalidRev()
	}
	return revtree.Rev{Hash: number}, nil
}

// Local returns a local document, as its only revision.
func (db *Database) Local(ctx context.Context, id string) (Revision, error) {
	var rev int64
	var body []byte
	err := db.read.local.QueryRowContext(context.WithoutCancel(ctx), id).Scan(&rev, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return Revision{}, fault.Missing()
	}
	if err != nil {
		return Revision{}, fmt.Errorf("read local document: %w", err)
	}
	return Revision{ID: id, Rev: "0-" + strconv.FormatInt(rev, 10), Body: body}, nil
}

// maxLocals bounds a listing of local documents.
const maxLocals = 100_000

// LocalRows lists local documents, at most [maxLocals].
func (db *Database) LocalRows(ctx context.Context, rq Listing) ([]Revision, error) {
	ids, limit := rq.IDs(), rq.Limit
	if limit < 0 || limit > maxLocals {
		limit = maxLocals
	}
	if ids.Empty {
		return nil, nil
	}
	rows, err := db.file.R.QueryContext(ctx, `SELECT d.id, d.rev, d.body FROM (SELECT id, rev, body, 0 AS deleted FROM locals) d WHERE `+ids.where+
		` ORDER BY d.id `+ids.order+` LIMIT ? OFFSET ?`, append(ids.args, limit, rq.Skip)...)
	if err != nil {
		return nil, fmt.Errorf("list local documents: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []Revision
	for rows.Next() {
		var r Revision
		var rev int64
		if err := rows.Scan(&r.ID, &rev, &r.Body); err != nil {
			return nil, err
		}
		r.Rev = fmt.Sprintf("0-%d", rev)
		list = append(list, r)
	}
	return list, rows.Err()
}

// Local reports whether the edit is of a local document.
func (e *Edit) Local() bool { return strings.HasPrefix(e.ID, "_local/") }

// SaveLocal writes or deletes a local document.
func (db *Database) SaveLocal(ctx context.Context, e *Edit) error {
	return db.writer.do(ctx, func(w *writer) error { return w.applyLocal(context.Background(), e) })
}

// applyLocal writes or deletes a local document.
func (w *writer) applyLocal(ctx context.Context, e *Edit) error {
	w.touched = true
	if e.Deleted {
		e.Rev = revtree.Rev{Hash: "0"}
		_, err := w.stmt.dropLocal.ExecContext(ctx, e.ID)
		return err
	}
	rev, _ := strconv.ParseInt(e.Base.Hash, 10, 62) // absent is 0
	rev++
	e.Rev = revtree.Rev{Hash: strconv.FormatInt(rev, 10)}
	_, err := w.stmt.setLocal.ExecContext(ctx, e.ID, rev, e.Body)
	return err
}
