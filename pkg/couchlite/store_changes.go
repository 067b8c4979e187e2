package couchlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// changeRow is one document in a feed.
type changeRow struct {
	seq  int64
	rev  revision
	tree *revtree.Tree // where there are conflicts
}

// body is the document as a filter sees it.
func (c changeRow) body(o docOptions) []byte { return appendRevision(nil, c.rev, c.tree, o, nil) }

// changeSpan is a part of a feed of changes: those with a sequence between
// after and before, the ends left out.
type changeSpan struct {
	after, before int64
	descending    bool
	bodies        bool // with content
}

// changeRows reads the first rows of a span, at most [chunk].
func (db *database) changeRows(ctx context.Context, span changeSpan) ([]changeRow, error) {
	columns, join := `NULL, NULL`, ""
	if span.bodies {
		columns, join = `b.body, b.attachments`, ` JOIN bodies b ON b.num = d.body`
	}
	where := `d.seq > ? AND d.seq < ? ORDER BY d.seq`
	if span.descending {
		where += ` DESC`
	}
	args := []any{span.after, span.before, chunk}
	rows, err := db.file.r.QueryContext(ctx, `SELECT d.seq, d.id, d.rev, d.deleted, d.leaves, CASE WHEN d.leaves > 1 THEN d.tree END, `+
		columns+` FROM docs d`+join+` WHERE `+where+` LIMIT ?`, args...)
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []changeRow
	for rows.Next() {
		var c changeRow
		var tree, atts []byte
		if err := rows.Scan(&c.seq, &c.rev.ID, &c.rev.Rev, &c.rev.Deleted, &c.rev.Leaves, &tree, &c.rev.Body, &atts); err != nil {
			return nil, err
		}
		if c.rev.Attachments, err = decodeAttachments(atts); err != nil {
			return nil, err
		}
		if tree != nil {
			if c.tree, err = revtree.Decode(tree); err != nil {
				return nil, err
			}
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// countChanges counts the changes with a sequence between after and before.
func (db *database) countChanges(ctx context.Context, after, before int64) (n int64, err error) {
	err = db.file.r.QueryRowContext(ctx, `SELECT count(*) FROM docs WHERE seq > ? AND seq < ?`, after, before).Scan(&n)
	return n, err
}

// change is one document as of its last change.
type change struct {
	Seq     int64
	ID      string
	Rev     string // of the winner
	Deleted bool
	Body    []byte // as a map function sees it; nil when deleted
}

// changesSince calls fn for every document changed after since, in order of
// the change, all from one snapshot, and returns the snapshot's update
// sequence. fn must not wait for a write to this database.
func (db *database) changesSince(ctx context.Context, since int64, fn func(change) error) (last int64, err error) {
	err = db.inTx(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, `SELECT seq FROM state`).Scan(&last); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `
			SELECT d.seq, d.id, d.rev, d.deleted, CASE WHEN d.deleted THEN NULL ELSE b.body END, b.attachments,
			  CASE WHEN d.leaves > 1 THEN d.tree END
			FROM docs d JOIN bodies b ON b.num = d.body WHERE d.seq > ? ORDER BY d.seq`, since)
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

func scanChange(rows *sql.Rows) (change, error) {
	var c change
	var body, list, tree []byte
	if err := rows.Scan(&c.Seq, &c.ID, &c.Rev, &c.Deleted, &body, &list, &tree); err != nil {
		return c, err
	}
	if c.Deleted {
		return c, nil
	}
	r := revision{ID: c.ID, Rev: c.Rev, Body: body, Leaves: 1}
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
	c.Body = appendRevision(nil, r, t, docOptions{Conflicts: true, DeletedConflicts: true}, nil)
	return c, nil
}
