package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// readStatements are prepared on the reading connections.
type readStatements struct {
	winner, tree, body, local *sql.Stmt
}

func (s *readStatements) prepare(pool *sql.DB) error {
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.winner, `SELECT d.rev, d.deleted, d.leaves, b.body, b.attachments FROM docs d JOIN bodies b ON b.num = d.body WHERE d.id = ?`},
		{&s.tree, `SELECT tree, seq FROM docs WHERE id = ?`},
		{&s.body, `SELECT body, attachments FROM bodies WHERE num = ?`},
		{&s.local, `SELECT rev, body FROM locals WHERE id = ?`},
	} {
		var err error
		if *p.stmt, err = pool.Prepare(p.text); err != nil {
			return fmt.Errorf("prepare %s: %w", p.text, err)
		}
	}
	return nil
}

// Revision is one revision of a document with its content.
type Revision struct {
	ID          string
	Rev         string
	Deleted     bool
	Leaves      int    // how many leaves the document has
	Body        []byte // canonical, without underscore members
	Attachments []Attachment

	seq int64 // of the document's last change, where _local_seq is asked for
}

// Winner returns a document's winning revision, which may be a tombstone.
// A document that never was is errMissing.
func (db *Database) Winner(ctx context.Context, id string) (Revision, error) {
	r := Revision{ID: id}
	var raw []byte
	// Reading one row is too short to be worth canceling, and a context that
	// can be canceled costs a goroutine.
	row := db.read.winner.QueryRowContext(context.WithoutCancel(ctx), id)
	err := row.Scan(&r.Rev, &r.Deleted, &r.Leaves, &r.Body, &raw)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fault.Missing()
	}
	if err != nil {
		return r, fmt.Errorf("read document: %w", err)
	}
	r.Attachments, err = decodeAttachments(raw)
	return r, err
}

// Tree returns a document's revision tree and the update sequence of its last
// change. A document that never was is errMissing.
func (db *Database) Tree(ctx context.Context, id string) (*revtree.Tree, int64, error) {
	var raw []byte
	var seq int64
	err := db.read.tree.QueryRowContext(context.WithoutCancel(ctx), id).Scan(&raw, &seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, fault.Missing()
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read revision tree: %w", err)
	}
	t, err := revtree.Decode(raw)
	return t, seq, err
}

// TreeOrEmpty returns a document's tree, an empty one when it never was.
func (db *Database) TreeOrEmpty(ctx context.Context, id string) (*revtree.Tree, error) {
	t, _, err := db.Tree(ctx, id)
	if fault.IsMissing(err) {
		return new(revtree.Tree), nil
	}
	return t, err
}

// Load returns the content of one node of a document's tree. Content that was
// compacted away, or never was here, is errMissing.
func (db *Database) Load(ctx context.Context, id string, t *revtree.Tree, n revtree.Node) (Revision, error) {
	r := Revision{ID: id, Rev: n.String(), Deleted: n.Deleted, Leaves: len(t.Leaves())}
	if n.Body == 0 {
		return r, fault.Missing()
	}
	var raw []byte
	err := db.read.body.QueryRowContext(context.WithoutCancel(ctx), n.Body).Scan(&r.Body, &raw)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fault.Missing()
	}
	if err != nil {
		return r, fmt.Errorf("read revision: %w", err)
	}
	r.Attachments, err = decodeAttachments(raw)
	return r, err
}

// DocBody returns a revision as a client sees it; rev "" is the winner.
// Absent documents and revisions are errMissing.
func (db *Database) DocBody(ctx context.Context, id, rev string, o DocOptions) (body []byte, deleted bool, err error) {
	var r Revision
	if rev == "" {
		r, err = db.Winner(ctx, id)
	} else {
		var named revtree.Rev
		if named, err = revtree.ParseRev(rev); err != nil {
			return nil, false, fault.InvalidRev()
		}
		r, err = db.At(ctx, id, named)
	}
	if err != nil {
		return nil, false, err
	}
	body, err = db.Render(ctx, r, o)
	return body, r.Deleted, err
}

// At returns the revision named by a client.
func (db *Database) At(ctx context.Context, id string, named revtree.Rev) (Revision, error) {
	t, _, err := db.Tree(ctx, id)
	if err != nil {
		return Revision{}, err
	}
	n, ok := t.Find(named)
	if !ok {
		return Revision{}, fault.Missing()
	}
	return db.Load(ctx, id, t, n)
}

// OpenRev is one revision asked for by open_revs or _bulk_get.
type OpenRev struct {
	Revision
	Missing bool
}

// OpenRevs returns the asked revisions of a document, or all its leaves when
// asked is nil. With latest, an inner revision stands for the leaves that
// descend from it.
func (db *Database) OpenRevs(ctx context.Context, id string, asked []revtree.Rev, latest bool) ([]OpenRev, error) {
	t, err := db.TreeOrEmpty(ctx, id)
	if err != nil {
		return nil, err
	}
	nodes := t.Leaves()
	if asked != nil {
		nodes = nil
		for _, rev := range asked {
			n, ok := t.Find(rev)
			if found := t.Descendants(rev); latest && len(found) > 0 {
				nodes = append(nodes, found...)
				continue
			}
			if n.Rev = rev; !ok {
				n.Body = 0
			}
			nodes = append(nodes, n)
		}
	}
	var revs []OpenRev
	seen := map[revtree.Rev]bool{}
	for _, n := range nodes {
		if seen[n.Rev] {
			continue
		}
		seen[n.Rev] = true
		r, err := db.Load(ctx, id, t, n)
		if err != nil && !fault.IsMissing(err) {
			return nil, err
		}
		revs = append(revs, OpenRev{r, err != nil})
	}
	return revs, nil
}
