package store

import (
	"context"
	"crypto/md5"
	"database/sql"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// Edit is one document on its way into the database.
type Edit struct {
	ID          string
	Body        []byte // canonical, without underscore members
	Deleted     bool
	Attachments []Attachment
	Base        revtree.Rev  // the revision it changes; zero: a new document
	Path        revtree.Path // with replicated: its revision and ancestors
	Replicated  bool         // keep the revision it came with (new_edits=false)

	Rev revtree.Rev // what it became
}

// SetBase names the revision that the edit follows; with new_edits=false, the
// revision that it is.
func (e *Edit) SetBase(rev string) error {
	r, err := revtree.ParseRev(rev)
	if err != nil {
		return fault.InvalidRev()
	}
	e.Base = r
	return nil
}

// KeepRevision makes the edit one with new_edits=false.
func (e *Edit) KeepRevision() error {
	if e.Base.IsZero() && len(e.Path.Hashes) == 0 {
		return fault.BadRequest("When `new_edits: false`, the document needs `_rev` or `_revisions` specified")
	}
	if len(e.Path.Hashes) == 0 {
		e.Path = revtree.Path{Gen: e.Base.Gen, Hashes: []string{e.Base.Hash}}
	}
	e.Replicated = true
	return nil
}

// Save writes one edit. Nothing uses the edit's files once it returns, so that
// it waits to the end where there are any.
func (db *Database) Save(ctx context.Context, e *Edit) error {
	if slices.ContainsFunc(e.Attachments, Attachment.inFile) {
		ctx = context.WithoutCancel(ctx)
	}
	return db.writer.do(ctx, func(w *writer) error { return w.apply(context.Background(), e) })
}

// SaveAll writes edits in one transaction. It skips those that have an error in
// outcomes already, and sets outcomes for the rest. If it returns an error,
// nothing was written.
func (db *Database) SaveAll(ctx context.Context, edits []*Edit, outcomes []error) error {
	return db.writer.do(ctx, func(w *writer) error {
		if err := w.checkStubs(context.Background(), edits); err != nil {
			return err
		}
		for i, e := range edits {
			if outcomes[i] != nil {
				continue
			}
			err := w.applyAny(context.Background(), e)
			var f *fault.Error
			if outcomes[i] = err; err != nil && !errors.As(err, &f) {
				return err
			}
		}
		return nil
	})
}

// applyAny writes a document or a local one.
func (w *writer) applyAny(ctx context.Context, e *Edit) error {
	if strings.HasPrefix(e.ID, "_local/") {
		return w.applyLocal(ctx, e)
	}
	return w.apply(ctx, e)
}

// apply writes one edit. A [fault.Error] means that nothing was written.
func (w *writer) apply(ctx context.Context, e *Edit) error {
	num, wasDeleted, tree, err := w.find(ctx, e.ID)
	if err != nil {
		return err
	}
	path, base := e.Path, revtree.Rev{}
	if !e.Replicated {
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
		if !e.Replicated {
			path.Hashes[0] = e.hash(base)
		}
		if _, known := tree.Find(path.Rev()); known && !e.Replicated {
			return fault.Conflict()
		}
		if body, err = w.addBody(ctx, e); err != nil {
			return err
		}
	}
	e.Rev = path.Rev()
	old := tree.Len()
	if !tree.Insert(path, e.Deleted, body) {
		return nil
	}
	if old > 0 {
		w.superseded++
	}
	var stemmed []int64
	tree.Stem(int(w.st.RevsLimit), func(body int64) { stemmed = append(stemmed, body) })
	if err := w.dropBodies(ctx, stemmed); err != nil {
		return err
	}
	if err := w.addOutside(ctx, e); err != nil {
		return err
	}
	return w.saveDoc(ctx, num, wasDeleted, e.ID, tree)
}

// addOutside notes that replication brought a revision of a design document.
// The table is made with the first one.
func (w *writer) addOutside(ctx context.Context, e *Edit) error {
	if !e.Replicated || e.Deleted || !strings.HasPrefix(e.ID, "_design/") {
		return nil
	}
	_, err := w.conn.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS outside(id TEXT NOT NULL, rev TEXT NOT NULL, PRIMARY KEY(id, rev)) WITHOUT ROWID`)
	if err == nil {
		_, err = w.conn.ExecContext(ctx, `INSERT OR IGNORE INTO outside(id, rev) VALUES(?, ?)`, e.ID, e.Rev.String())
	}
	return err
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

// parent checks that the edit may follow its base, and returns the revision that
// it follows. As in CouchDB, a deleted document can only be created again
// without naming a revision, and a new document may name any revision, unless
// it is a design document or has attachments.
func (e *Edit) parent(tree *revtree.Tree) (revtree.Rev, error) {
	winner, ok := tree.Winner()
	switch {
	case !ok && !e.Base.IsZero() && (len(e.Attachments) > 0 || strings.HasPrefix(e.ID, "_design/")):
		return revtree.Rev{}, fault.Conflict()
	case !ok:
		return e.Base, nil
	case winner.Deleted && e.Base.IsZero() && !e.Deleted:
		return winner.Rev, nil
	case winner.Deleted || !tree.IsLeaf(e.Base):
		return revtree.Rev{}, fault.Conflict()
	}
	return e.Base, nil
}

func (w *writer) addBody(ctx context.Context, e *Edit) (int64, error) {
	list, err := w.storeAttachments(ctx, e.Attachments)
	if err != nil {
		return 0, err
	}
	res, err := w.stmt.addBody.ExecContext(ctx, e.Body, list)
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
	w.st.Seq++
	w.count(num != 0, wasDeleted, -1)
	w.count(true, winner.Deleted, 1)
	stmt, key := w.stmt.setDoc, any(num)
	if num == 0 {
		stmt, key = w.stmt.addDoc, id
	}
	_, err := stmt.ExecContext(ctx, w.st.Seq, winner.Deleted, winner.Rev.String(), winner.Body, len(leaves), tree.Encode(nil), key)
	return err
}

// count adjusts the number of documents or tombstones.
func (w *writer) count(exists, deleted bool, by int64) {
	switch {
	case exists && deleted:
		w.st.Deleted += by
	case exists:
		w.st.Docs += by
	}
}

// Inherit gives the edit the content of the revision that it names. If it names
// none, it gets nothing with create, and the winner's attachments without.
func (db *Database) Inherit(ctx context.Context, e *Edit, create bool) error {
	if e.Base.IsZero() {
		if create {
			return nil
		}
		r, err := db.Winner(ctx, e.ID)
		if err == nil && r.Deleted {
			err = fault.Deleted()
		}
		e.Attachments = r.Attachments
		return err
	}
	r, err := db.At(ctx, e.ID, e.Base)
	if fault.IsMissing(err) {
		return fault.New(409, "not_found", "missing_rev")
	}
	e.Body, e.Attachments, e.Deleted = r.Body, r.Attachments, r.Deleted
	return err
}

// hash computes the revision as CouchDB does (couch_db:new_revid): MD5 over
// the external term of [Deleted, OldStart, OldRev, Body, Attachments].
func (e *Edit) hash(base revtree.Rev) string {
	term := make([]byte, 0, 2*len(e.Body)+128)
	term = append(term, 131)
	term = ejson.AppendListHead(term, 5)
	if e.Deleted {
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
	term = ejson.AppendTerm(term, e.Body)
	if len(e.Attachments) > 0 {
		term = ejson.AppendListHead(term, len(e.Attachments))
		for _, a := range slices.Backward(e.Attachments) { // CouchDB folds from the left
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
