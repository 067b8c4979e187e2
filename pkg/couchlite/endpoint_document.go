package couchlite

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// serveDocument serves /{db}/{id}.
func (q *request) serveDocument(id string) error {
	switch q.Method {
	case http.MethodGet, http.MethodHead:
		return q.getDocument(id)
	case http.MethodPut:
		return q.putDocument(id)
	case http.MethodDelete:
		return q.deleteDocument(id)
	case "COPY":
		return q.copyDocument(id)
	}
	return q.notAllowed("DELETE,GET,HEAD,PUT,COPY")
}

// getDocument serves GET and HEAD of a document.
func (q *request) getDocument(id string) error {
	if !strings.HasPrefix(id, "_design/") {
		if err := checkID(id); err != nil {
			return errMissing()
		}
	}
	o, err := q.docOptions()
	if err != nil {
		return err
	}
	if which := q.query.Get("open_revs"); which != "" {
		return q.getOpenRevs(id, which, o)
	}
	r, err := q.named(id)
	if err != nil {
		return err
	}
	etag := `"` + r.Rev + `"`
	q.w.Header().Set("ETag", etag)
	if q.Header.Get("If-None-Match") == etag {
		q.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if o.Attachments && len(r.Attachments) > 0 && strings.Contains(q.Header.Get("Accept"), "multipart/related") {
		return q.getRelated(r, o)
	}
	body, err := q.db.render(q.Context(), r, o)
	if err != nil {
		return err
	}
	writeRaw(q.w, http.StatusOK, body)
	return nil
}

// named returns the revision that ?rev= names, with latest=true the leaf that
// it became; or else the winner, unless that is a tombstone.
func (q *request) named(id string) (revision, error) {
	rev := q.query.Get("rev")
	if rev == "" {
		r, err := q.db.winner(q.Context(), id)
		if err == nil && r.Deleted {
			err = errDeleted()
		}
		return r, err
	}
	if !q.flag("latest") {
		return q.db.at(q.Context(), id, rev)
	}
	asked, err := revtree.ParseRev(rev)
	if err != nil {
		return revision{}, errRev()
	}
	found, err := q.db.openRevs(q.Context(), id, []revtree.Rev{asked}, true)
	if err == nil && (len(found) == 0 || found[0].missing) {
		return revision{}, errMissing()
	} else if err != nil {
		return revision{}, err
	}
	return found[0].revision, nil
}

// docOptions reads what a GET wants to see of a document.
func (q *request) docOptions() (docOptions, error) {
	o := docOptions{
		Revs: q.flag("revs"), RevsInfo: q.flag("revs_info"), LocalSeq: q.flag("local_seq"),
		Conflicts: q.flag("conflicts"), DeletedConflicts: q.flag("deleted_conflicts"), Attachments: q.flag("attachments"),
	}
	if q.flag("meta") {
		o.RevsInfo, o.Conflicts, o.DeletedConflicts = true, true, true
	}
	if raw := q.query.Get("atts_since"); raw != "" {
		var err error
		if o.AttsSince, err = parseRevs(raw); err != nil {
			return o, err
		}
	}
	return o, nil
}

// parseRevs reads a JSON array of revisions.
func parseRevs(raw string) ([]revtree.Rev, error) {
	var texts []string
	if json.Unmarshal([]byte(raw), &texts) != nil || len(texts) > maxRevisions {
		return nil, badRequest("invalid UTF-8 JSON")
	}
	revs := make([]revtree.Rev, len(texts))
	for i, text := range texts {
		var err error
		if revs[i], err = revtree.ParseRev(text); err != nil {
			return nil, errRev()
		}
	}
	return revs, nil
}

// putDocument serves PUT of a document.
func (q *request) putDocument(id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	e, err := q.documentBody()
	if err != nil {
		return err
	}
	e.id = id
	if err := q.setRevision(e); err != nil {
		return err
	}
	return q.saveDocument(e)
}

// setRevision reconciles the revision in the body with ?rev= and If-Match.
func (q *request) setRevision(e *edit) error {
	for _, rev := range []string{q.query.Get("rev"), strings.Trim(q.Header.Get("If-Match"), `"`)} {
		if rev == "" {
			continue
		}
		inBody := e.base
		if err := e.setBase(rev); err != nil {
			return err
		}
		if !inBody.IsZero() && inBody != e.base {
			return badRequest("Document rev from request body and query string have different values")
		}
	}
	return nil
}

// saveDocument writes one edit and answers with its revision.
func (q *request) saveDocument(e *edit) error {
	if q.query.Get("new_edits") == "false" {
		if err := e.keepRevision(); err != nil {
			return err
		}
	}
	if err := q.db.save(q.Context(), e); err != nil {
		return err
	}
	status := http.StatusCreated
	if e.deleted {
		status = http.StatusOK
	}
	if q.query.Get("batch") == "ok" {
		status = http.StatusAccepted
	}
	q.w.Header().Set("Location", q.absolute("/"+url.PathEscape(q.db.name)+"/"+escapeID(e.id)))
	q.writeSaved(status, e)
	return nil
}

// escapeID escapes an id for a URL; a design document keeps its slash.
func escapeID(id string) string {
	for _, prefix := range []string{"_design/", "_local/"} {
		if name, ok := strings.CutPrefix(id, prefix); ok {
			return prefix + url.PathEscape(name)
		}
	}
	return url.PathEscape(id)
}

func (q *request) writeSaved(status int, e *edit) {
	rev := e.rev.String()
	q.w.Header().Set("ETag", `"`+rev+`"`)
	writeRaw(q.w, status, append(append(ejson.AppendString([]byte(`{"ok":true,"id":`), e.id), `,"rev":"`+rev...), `"}`...))
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

// save checks and writes one edit.
func (db *database) save(ctx context.Context, e *edit) error {
	if err := db.check(ctx, e); err != nil {
		return err
	}
	return db.writer.do(ctx, func(w *writer) error { return w.apply(context.Background(), e) })
}

// check refuses a design document that cannot work, and what a design
// document's validate_doc_update forbids.
func (db *database) check(ctx context.Context, e *edit) error {
	if strings.HasPrefix(e.id, "_design/") && !e.deleted && !e.replicated {
		return db.checkDesign(e.body)
	}
	return db.views.validate(ctx, e)
}

// deleteDocument serves DELETE of a document.
func (q *request) deleteDocument(id string) error {
	e := &edit{id: id, body: []byte("{}"), deleted: true}
	if err := q.setRevision(e); err != nil {
		return err
	}
	winner, err := q.db.winner(q.Context(), id)
	if err != nil {
		return err
	}
	if winner.Deleted {
		return errDeleted()
	}
	if e.base.IsZero() {
		return errConflict()
	}
	if err := q.db.save(q.Context(), e); err != nil {
		return err
	}
	q.writeSaved(http.StatusOK, e)
	return nil
}

// copyDocument serves COPY: the content, under the id in Destination.
func (q *request) copyDocument(id string) error {
	target, err := url.Parse(q.Header.Get("Destination"))
	if err != nil || target.Path == "" {
		return badRequest("Destination header is mandatory for COPY.")
	}
	if target.IsAbs() || strings.HasPrefix(target.Path, "/") {
		return badRequest("Destination URL must be relative.")
	}
	r, err := q.named(id)
	if err != nil {
		return err
	}
	e := &edit{id: target.Path, body: r.Body, attachments: r.Attachments}
	if err := checkID(e.id); err != nil {
		return err
	}
	if rev := target.Query().Get("rev"); rev != "" {
		if err := e.setBase(rev); err != nil {
			return err
		}
	}
	return q.saveDocument(e)
}

// postDocument serves POST /{db}: a document whose id may be ours to choose.
func (q *request) postDocument() error {
	raw, err := q.body()
	if err != nil {
		return err
	}
	e, err := parseDocument(raw, q.s.opts.MaxDocument)
	if err != nil {
		return err
	}
	if e.id == "" {
		e.id = newID()
	}
	return q.saveDocument(e)
}
