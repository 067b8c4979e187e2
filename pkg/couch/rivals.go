package couch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/pause"
)

// When two writers edit one revision at the same time, the nodes of a cluster
// may meet the two edits in different orders. CouchDB then answers 201 to the
// edit that most nodes took, and 202, not 409, to one that a single node took.
// The document has both as leaves, and any of them may win. So a 202 is looked
// into: where another edit of the same revision is found, ours is withdrawn,
// and its writer is told of the conflict.

// withdrawnKey marks the tombstone of an edit that was withdrawn. It is no
// deletion of the document.
const withdrawnKey = "pvt_callflowd_withdrawn"

// allCopies is more copies of a document than a cluster keeps: every node that
// is up is asked.
const allCopies = "99"

// written is an edit that a server has answered with 202.
type written struct {
	doc    edited   // as it was sent
	row    edited   // as it was answered
	path   []string // its revisions: this one, and the one it replaces if it has one
	parent string
}

// revision is a leaf of a document with its ancestors.
type revision struct {
	rev       string
	path      []string // of revisions, the leaf first
	deleted   bool
	withdrawn bool
}

// of reports whether the leaf is, or comes from, the revision.
func (l revision) of(rev string) bool { return slices.Contains(l.path, rev) }

// rivals are the leaves that were written in place of w: they replace the same
// revision, or have none to replace.
func (w written) rivals(leaves []revision) (found []revision) {
	for _, l := range leaves {
		switch {
		case l.withdrawn, l.of(w.row.text("rev")):
		case w.parent != "" && l.of(w.parent), w.parent == "" && !l.deleted:
			found = append(found, l)
		}
	}
	return found
}

// settle finds those edits that have rivals, withdraws them and returns their
// ids. An edit all of whose rivals were withdrawn as well is written again,
// which changes its row.
func (t *transport) settle(ctx context.Context, db string, edits []written) (lost map[string]bool, err error) {
	lost = map[string]bool{}
	all, err := t.leaves(ctx, db, edits)
	if err != nil {
		return nil, err
	}
	for _, w := range edits {
		id := w.row.text("id")
		rivals := w.rivals(all[id])
		if len(rivals) == 0 {
			continue
		}
		if lost[id], err = t.withdraw(ctx, db, w, rivals); err != nil {
			return nil, err
		}
	}
	return lost, nil
}

// withdraw puts a tombstone behind an edit. If every rival was withdrawn too,
// nobody's edit would be left, and the document would be gone: then the edit is
// written once more. Of several writers who find that, the one whose revision
// is the greatest comes first.
func (t *transport) withdraw(ctx context.Context, db string, w written, rivals []revision) (lost bool, err error) {
	tombstone := w.next(edited{"_deleted": json.RawMessage("true"), withdrawnKey: json.RawMessage("true")})
	if !t.confirmEdits(ctx, db, bodyOfRevisions(tombstone)) {
		return false, errFewNodes
	}
	wait := pause.Growing{First: lastRepeat, Last: lastRepeat}
	for first := true; ; first = false {
		all, err := t.leaves(ctx, db, []written{w})
		if err != nil {
			return false, err
		}
		leaves := all[w.row.text("id")]
		if len(w.rivals(leaves)) > 0 || slices.ContainsFunc(leaves, func(l revision) bool { return !l.deleted }) {
			return true, nil
		}
		greatest := !slices.ContainsFunc(rivals, func(l revision) bool { return l.rev > w.row.text("rev") })
		if greatest || !first {
			break
		}
		if !wait.Wait(ctx) {
			return false, ctx.Err()
		}
	}
	if string(w.doc["_deleted"]) == "true" {
		return false, nil // it is gone, as was asked
	}
	w.path = tombstone.path
	again := w.next(w.doc)
	if !t.confirmEdits(ctx, db, bodyOfRevisions(again)) {
		return false, errFewNodes
	}
	w.row["rev"] = again.row["rev"]
	return false, nil
}

// next is the document as it follows the edit. Its revision is made of the
// edit's, so that no other is like it.
func (w written) next(doc edited) written {
	generation, _ := splitRev(w.path[0])
	sum := sha256.Sum256([]byte(w.row.text("id") + " after " + w.path[0]))
	rev := strconv.Itoa(generation+1) + "-" + hex.EncodeToString(sum[:16])
	text, _ := json.Marshal(rev) // a string
	return written{doc: doc, row: edited{"id": w.row["id"], "rev": text}, path: append([]string{rev}, w.path...)}
}

// leaves reads the leaves of documents from every node that is up.
func (t *transport) leaves(ctx context.Context, db string, edits []written) (map[string][]revision, error) {
	asked := []edited{}
	for _, w := range edits {
		asked = append(asked, edited{"id": w.row["id"]})
	}
	body, err := json.Marshal(map[string]any{"docs": asked})
	if err != nil {
		return nil, err
	}
	r := request(ctx, http.MethodPost, "/"+db+"/_bulk_get", body)
	r.URL.RawQuery = "revs=true&r=" + allCopies
	res, err := t.send(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, errors.New("the leaves cannot be read: " + res.Status)
	}
	var answer struct {
		Results []struct {
			ID   string
			Docs []struct{ OK edited }
		}
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxBuffered)).Decode(&answer); err != nil {
		return nil, err
	}
	found := map[string][]revision{}
	for _, result := range answer.Results {
		for _, doc := range result.Docs {
			if doc.OK != nil {
				found[result.ID] = append(found[result.ID], revisionOf(doc.OK))
			}
		}
	}
	return found, nil
}

// revisionOf reads a leaf from a document with _revisions.
func revisionOf(doc edited) revision {
	var history struct {
		Start int
		IDs   []string
	}
	_ = json.Unmarshal(doc["_revisions"], &history) // none: the leaf alone
	l := revision{rev: doc.text("_rev"), path: []string{doc.text("_rev")}}
	for i, hash := range history.IDs {
		if i > 0 {
			l.path = append(l.path, strconv.Itoa(history.Start-i)+"-"+hash)
		}
	}
	l.deleted, l.withdrawn = string(doc["_deleted"]) == "true", string(doc[withdrawnKey]) == "true"
	return l
}

// writtenOf are the edits of a request that the server has answered with 202.
// Of many documents, some may have been confirmed at once.
func writtenOf(sent []byte, r *http.Request, answer []byte) (edits []written, rows []edited, ok bool) {
	docs, rows, parents := docsOf(sent, r, answer)
	if len(docs) == 0 || len(docs) != len(rows) {
		return nil, nil, false
	}
	unsure := slices.ContainsFunc(rows, func(row edited) bool { return string(row["accepted"]) == "true" })
	for i, row := range rows {
		if !isRev(row.text("rev")) || unsure && string(row["accepted"]) != "true" {
			continue
		}
		w := written{doc: docs[i], row: row, path: []string{row.text("rev")}}
		if isRev(parents[i]) {
			w.parent = parents[i]
			w.path = append(w.path, w.parent)
		}
		edits = append(edits, w)
	}
	return edits, rows, true
}

// docsOf pairs the documents of a request with the rows of its answer and the
// revisions they replace.
func docsOf(sent []byte, r *http.Request, answer []byte) (docs, rows []edited, parents []string) {
	if r.Method == http.MethodPost {
		var many struct{ Docs []edited }
		if json.Unmarshal(sent, &many) != nil || json.Unmarshal(answer, &rows) != nil {
			return nil, nil, nil
		}
		for _, doc := range many.Docs {
			parents = append(parents, doc.text("_rev"))
		}
		return many.Docs, rows, parents
	}
	doc, row := edited{}, edited{}
	if json.Unmarshal(answer, &row) != nil || len(sent) > 0 && json.Unmarshal(sent, &doc) != nil {
		return nil, nil, nil
	}
	parent := doc.text("_rev")
	if parent == "" {
		parent = r.URL.Query().Get("rev")
	}
	if r.Method == http.MethodDelete {
		doc = edited{"_deleted": json.RawMessage("true")}
	}
	return []edited{doc}, []edited{row}, []string{parent}
}

// bodyOfRevisions is the body of a request that stores revisions as they are,
// nil if one cannot be sent again: attachments have to be in it.
func bodyOfRevisions(edits ...written) []byte {
	docs := []edited{}
	for _, w := range edits {
		if stubs(w.doc["_attachments"]) {
			return nil
		}
		generation, _ := splitRev(w.path[0])
		var hashes []string
		for _, rev := range w.path {
			_, hash := splitRev(rev)
			hashes = append(hashes, hash)
		}
		history, err := json.Marshal(map[string]any{"start": generation, "ids": hashes})
		if err != nil {
			return nil
		}
		doc := edited{}
		for key, value := range w.doc {
			doc[key] = value
		}
		doc["_id"], doc["_rev"], doc["_revisions"] = w.row["id"], w.row["rev"], history
		docs = append(docs, doc)
	}
	if len(docs) == 0 {
		return nil
	}
	body, err := json.Marshal(map[string]any{"new_edits": false, "docs": docs})
	if err != nil {
		return nil
	}
	return body
}

// stubs reports whether attachments are named whose content is not there.
func stubs(attachments json.RawMessage) bool {
	var named map[string]struct{ Data *string }
	if len(attachments) == 0 {
		return false
	}
	if json.Unmarshal(attachments, &named) != nil {
		return true
	}
	for _, a := range named {
		if a.Data == nil {
			return true
		}
	}
	return false
}

// conflicted is the answer to an edit that was withdrawn.
const conflicted = `{"error":"conflict","reason":"Document update conflict."}`

// answered is the answer to edits of which some were withdrawn: 201, or 409 for
// a single one.
func answered(r *http.Request, rows []edited, lost map[string]bool) (status int, text []byte, err error) {
	for i, row := range rows {
		delete(row, "accepted")
		if id := row.text("id"); lost[id] {
			rows[i] = edited{"id": row["id"], "error": json.RawMessage(`"conflict"`), "reason": json.RawMessage(`"Document update conflict."`)}
		}
	}
	if r.Method == http.MethodPost {
		text, err = json.Marshal(rows)
		return http.StatusCreated, text, err
	}
	if len(lost) > 0 && lost[rows[0].text("id")] {
		return http.StatusConflict, []byte(conflicted), nil
	}
	text, err = json.Marshal(rows[0])
	return http.StatusCreated, text, err
}

// keepsRevisions reports whether a request stores revisions as they are, which
// have no rivals.
func keepsRevisions(r *http.Request, sent []byte) bool {
	var body struct {
		NewEdits *bool `json:"new_edits"`
	}
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.EscapedPath(), "/_bulk_docs") &&
		json.Unmarshal(sent, &body) == nil && body.NewEdits != nil && !*body.NewEdits
}
