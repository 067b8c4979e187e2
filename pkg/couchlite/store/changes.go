package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// ChangeRow is one document in a feed.
type ChangeRow struct {
	Seq  int64
	Rev  Revision
	Tree *revtree.Tree // where there are conflicts
}

// Body is the document as a filter sees it.
func (c ChangeRow) Body(o DocOptions) []byte { return appendRevision(nil, c.Rev, c.Tree, o, nil) }

// ChangeSpan is a part of a feed of changes: those with a sequence greater than
// After and less than Before.
type ChangeSpan struct {
	After, Before int64
	Descending    bool
	Bodies        bool // with content
}

// ChangeRows reads the first rows of a span, at most [Chunk].
func (db *Database) ChangeRows(ctx context.Context, span ChangeSpan) ([]ChangeRow, error) {
	columns, join := `NULL, NULL`, ""
	if span.Bodies {
		columns, join = `b.body, b.attachments`, ` JOIN bodies b ON b.num = d.body`
	}
	where := `d.seq > ? AND d.seq < ? ORDER BY d.seq`
	if span.Descending {
		where += ` DESC`
	}
	args := []any{span.After, span.Before, Chunk}
	rows, err := db.file.R.QueryContext(ctx, `SELECT d.seq, d.id, d.rev, d.deleted, d.leaves, CASE WHEN d.leaves > 1 THEN d.tree END, `+
		columns+` FROM docs d`+join+` WHERE `+where+` LIMIT ?`, args...)
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []ChangeRow
	for rows.Next() {
		var c ChangeRow
		var tree, atts []byte
		if err := rows.Scan(&c.Seq, &c.Rev.ID, &c.Rev.Rev, &c.Rev.Deleted, &c.Rev.Leaves, &tree, &c.Rev.Body, &atts); err != nil {
			return nil, err
		}
		if c.Rev.Attachments, err = decodeAttachments(atts); err != nil {
			return nil, err
		}
		if tree != nil {
			if c.Tree, err = revtree.Decode(tree); err != nil {
				return nil, err
			}
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// CountChanges counts the changes with a sequence between after and before.
func (db *Database) CountChanges(ctx context.Context, after, before int64) (n int64, err error) {
	err = db.file.R.QueryRowContext(ctx, `SELECT count(*) FROM docs WHERE seq > ? AND seq < ?`, after, before).Scan(&n)
	return n, err
}

// Change is one document as of its last change.
type Change struct {
	Seq     int64
	ID      string
	Rev     string // of the winner
	Deleted bool
	Body    []byte // as a map function sees it; nil when deleted
}

// changeColumns reads what a [Change] is made of.
const changeColumns = `
	SELECT d.seq, d.id, d.rev, d.deleted, CASE WHEN d.deleted THEN NULL ELSE b.body END, b.attachments,
	  CASE WHEN d.leaves > 1 THEN d.tree END
	FROM docs d JOIN bodies b ON b.num = d.body`

// ChangesSince calls fn for every document changed after since, in order of
// the change, all from one snapshot, and returns the snapshot's update
// sequence. fn must not wait for a write to this database.
func (db *Database) ChangesSince(ctx context.Context, since int64, fn func(Change) error) (last int64, err error) {
	err = db.inTx(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, `SELECT seq FROM state`).Scan(&last); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, changeColumns+` WHERE d.seq > ? ORDER BY d.seq`, since)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			c, err := scanChange(rows)
			if err != nil {
				return err
			}
			if err := fn(c); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return last, err
}

// Missing returns those of the ids that no document has, not even a deleted
// one.
func (db *Database) Missing(ctx context.Context, ids []string) (missing []string, err error) {
	err = db.inTx(ctx, func(tx *sql.Tx) error {
		find, err := tx.PrepareContext(ctx, `SELECT count(*) FROM docs WHERE id = ?`)
		if err != nil {
			return err
		}
		defer func() { _ = find.Close() }()
		for _, id := range ids {
			var n int
			if err := find.QueryRowContext(ctx, id).Scan(&n); err != nil {
				return err
			}
			if n == 0 {
				missing = append(missing, id)
			}
		}
		return nil
	})
	return missing, err
}

// Mapped returns a document as a map function sees it; its body is nil if it
// is deleted or not there.
func (db *Database) Mapped(ctx context.Context, id string) (c Change, err error) {
	err = db.inTx(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, changeColumns+` WHERE d.id = ?`, id)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		if rows.Next() {
			if c, err = scanChange(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return c, err
}

func scanChange(rows *sql.Rows) (Change, error) {
	var c Change
	var body, list, tree []byte
	if err := rows.Scan(&c.Seq, &c.ID, &c.Rev, &c.Deleted, &body, &list, &tree); err != nil {
		return c, err
	}
	if c.Deleted {
		return c, nil
	}
	r := Revision{ID: c.ID, Rev: c.Rev, Body: body, Leaves: 1}
	var err error
	if r.Attachments, err = decodeAttachments(list); err != nil {
		return c, err
	}
	var t *revtree.Tree
	if tree != nil {
		if t, err = revtree.Decode(tree); err != nil {
			return c, err
		}
	}
	c.Body = appendRevision(nil, r, t, DocOptions{Conflicts: true, DeletedConflicts: true}, nil)
	return c, nil
}
