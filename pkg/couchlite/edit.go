package couchlite

import (
	"context"
	"crypto/md5"
	"database/sql"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
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

// hash computes the revision as CouchDB does (couch_db:new_revid): MD5 over
// the external term of [Deleted, OldStart, OldRev, Body, Attachments].
func (e *edit) hash(base revtree.Rev) string {
	term := make([]byte, 0, 2*len(e.body)+128)
	term = append(term, 131)
	term = ejson.AppendListHead(term, 5)
	if e.deleted {
		term = ejson.AppendAtom(term, "true")
	} else {
		term = ejson.AppendAtom(term, "false")
	}
	term = ejson.AppendInt(term, int64(base.Gen))
	raw, err := hex.DecodeString(base.Hash)
	switch {
	case base.IsZero():
		term = ejson.AppendInt(term, 0)
	case err == nil && len(raw) == md5.Size:
		term = ejson.AppendBinary(term, raw)
	default:
		term = ejson.AppendBinary(term, []byte(base.Hash))
	}
	term = ejson.AppendTerm(term, e.body)
	if len(e.attachments) > 0 {
		term = ejson.AppendListHead(term, len(e.attachments))
		for _, a := range slices.Backward(e.attachments) { // CouchDB folds from the left
			term = ejson.AppendTupleHead(term, 3)
			term = ejson.AppendBinary(term, []byte(a.Name))
			term = ejson.AppendBinary(term, []byte(a.Type))
			term = ejson.AppendBinary(term, a.MD5)
		}
	}
	term = ejson.AppendNil(ejson.AppendNil(term))
	sum := md5.Sum(term)
	return hex.EncodeToString(sum[:])
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
