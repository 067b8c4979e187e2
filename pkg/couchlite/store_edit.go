package couchlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// edit is one document on its way into the database.
type edit struct {
	id          string
	body        []byte // canonical, without underscore members
	deleted     bool
	attachments []attachment
	base        revtree.Rev  // the revision it changes; zero: a new document
	path        revtree.Path // with replicated: its revision and ancestors
	replicated  bool         // keep the revision it came with (new_edits=false)

	rev revtree.Rev // what it became
}

// setBase names the revision that the edit follows, or with new_edits=false
// is.
func (e *edit) setBase(rev string) error {
	r, err := revtree.ParseRev(rev)
	if err != nil {
		return errRev()
	}
	e.base = r
	return nil
}

// keepRevision makes the edit one with new_edits=false.
func (e *edit) keepRevision() error {
	if e.base.IsZero() && len(e.path.Hashes) == 0 {
		return badRequest("When `new_edits: false`, the document needs `_rev` or `_revisions` specified")
	}
	if len(e.path.Hashes) == 0 {
		e.path = revtree.Path{Gen: e.base.Gen, Hashes: []string{e.base.Hash}}
	}
	e.replicated = true
	return nil
}

// save writes one edit.
func (db *database) save(ctx context.Context, e *edit) error {
	return db.writer.do(ctx, func(w *writer) error { return w.apply(context.Background(), e) })
}

// saveAll writes edits in one transaction, but for those that outcomes has an
// error of, and adds to outcomes what stood against the others. Its own error
// means that none was written.
func (db *database) saveAll(ctx context.Context, edits []*edit, outcomes []error) error {
	return db.writer.do(ctx, func(w *writer) error {
		for i, e := range edits {
			if outcomes[i] != nil {
				continue
			}
			err := w.applyAny(context.Background(), e)
			var f *failure
			if outcomes[i] = err; err != nil && !errors.As(err, &f) {
				return err
			}
		}
		return nil
	})
}

// applyAny writes a document or a local one.
func (w *writer) applyAny(ctx context.Context, e *edit) error {
	if strings.HasPrefix(e.id, "_local/") {
		return w.applyLocal(ctx, e)
	}
	return w.apply(ctx, e)
}

// apply writes one edit. A [failure] means that nothing was written.
func (w *writer) apply(ctx context.Context, e *edit) error {
	num, wasDeleted, tree, err := w.find(ctx, e.id)
	if err != nil {
		return err
	}
	path, base := e.path, revtree.Rev{}
	if !e.replicated {
		if base, err = e.parent(tree); err != nil {
			return err
		}
		path = revtree.Path{Gen: base.Gen + 1, Hashes: []string{"", base.Hash}}
		if base.IsZero() {
			path.Hashes = path.Hashes[:1]
		}
	}
	var body int64
	if node, known := tree.Find(path.Rev()); !known || node.Body == 0 {
		if err := w.settle(ctx, e, tree, path); err != nil {
			return err
		}
		if !e.replicated {
			path.Hashes[0] = e.hash(base)
		}
		if _, known := tree.Find(path.Rev()); known && !e.replicated {
			return errConflict()
		}
		if body, err = w.addBody(ctx, e); err != nil {
			return err
		}
	}
	e.rev = path.Rev()
	old := tree.Len()
	if !tree.Insert(path, e.deleted, body) {
		return nil
	}
	if old > 0 {
		w.superseded++
	}
	var stemmed []int64
	tree.Stem(int(w.st.revsLimit), func(body int64) { stemmed = append(stemmed, body) })
	if err := w.dropBodies(ctx, stemmed); err != nil {
		return err
	}
	return w.saveDoc(ctx, num, wasDeleted, e.id, tree)
}

// find reads a document's row; num is 0 when there is none.
func (w *writer) find(ctx context.Context, id string) (num int64, deleted bool, tree *revtree.Tree, err error) {
	var raw []byte
	err = w.stmt.findDoc.QueryRowContext(ctx, id).Scan(&num, &deleted, &raw)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, new(revtree.Tree), nil
	}
	if err != nil {
		return 0, false, nil, err
	}
	tree, err = revtree.Decode(raw)
	return num, deleted, tree, err
}

// parent checks that the edit may follow its base and returns what it
// follows. As in CouchDB a deleted document may only be made anew without
// naming a revision, and one that never was may name any, unless it is a
// design document or has attachments.
func (e *edit) parent(tree *revtree.Tree) (revtree.Rev, error) {
	winner, ok := tree.Winner()
	switch {
	case !ok && !e.base.IsZero() && (len(e.attachments) > 0 || strings.HasPrefix(e.id, "_design/")):
		return revtree.Rev{}, errConflict()
	case !ok:
		return e.base, nil
	case winner.Deleted && e.base.IsZero() && !e.deleted:
		return winner.Rev, nil
	case winner.Deleted || !tree.IsLeaf(e.base):
		return revtree.Rev{}, errConflict()
	}
	return e.base, nil
}

func (w *writer) addBody(ctx context.Context, e *edit) (int64, error) {
	list, err := w.storeAttachments(ctx, e.attachments)
	if err != nil {
		return 0, err
	}
	res, err := w.stmt.addBody.ExecContext(ctx, e.body, list)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// saveDoc writes the row of a document after its tree has changed, under the
// next update sequence.
func (w *writer) saveDoc(ctx context.Context, num int64, wasDeleted bool, id string, tree *revtree.Tree) error {
	leaves := tree.Leaves()
	winner := leaves[0]
	w.st.seq++
	w.count(num != 0, wasDeleted, -1)
	w.count(true, winner.Deleted, 1)
	stmt, key := w.stmt.setDoc, any(num)
	if num == 0 {
		stmt, key = w.stmt.addDoc, id
	}
	_, err := stmt.ExecContext(ctx, w.st.seq, winner.Deleted, winner.Rev.String(), winner.Body, len(leaves), tree.Encode(nil), key)
	return err
}

// count adjusts the number of documents or tombstones.
func (w *writer) count(exists, deleted bool, by int64) {
	switch {
	case exists && deleted:
		w.st.deleted += by
	case exists:
		w.st.docs += by
	}
}

// inherit gives the edit the content of the revision it follows. One that
// names no revision starts from nothing, if create is set, which only a
// document that is not there allows; else from the winner.
func (db *database) inherit(ctx context.Context, e *edit, create bool) error {
	if e.base.IsZero() {
		if create {
			return nil
		}
		r, err := db.winner(ctx, e.id)
		if err == nil && r.Deleted {
			err = errDeleted()
		}
		e.attachments = r.Attachments
		return err
	}
	r, err := db.at(ctx, e.id, e.base)
	if isMissing(err) {
		return fail(409, "not_found", "missing_rev")
	}
	e.body, e.attachments, e.deleted = r.Body, r.Attachments, r.Deleted
	return err
}
