package couchlite

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
	"github.com/callflowd/callflowd/pkg/couchlite/users"
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
		if err := store.CheckID(id); err != nil {
			return fault.Missing()
		}
	}
	o, err := q.docOptions()
	if err != nil {
		return err
	}
	if q.query.Has("rev") && !q.flag("latest") {
		o = o.OfRevision()
	}
	if which := q.query.Get("open_revs"); q.query.Has("open_revs") {
		return q.getOpenRevs(id, which, o)
	}
	return q.getRevision(id, o)
}

// getRevision answers with one revision of a document.
func (q *request) getRevision(id string, o store.DocOptions) error {
	r, err := q.named(id)
	if err != nil {
		return err
	}
	if more, err := q.db.ShowsTree(q.Context(), r, o); err != nil || !more && q.unchanged(`"`+r.Rev+`"`) {
		return err
	}
	if o.Attachments && len(r.Attachments) > 0 && q.accepts("multipart/related") {
		return q.getRelated(r, o)
	}
	body, err := q.db.Render(q.Context(), r, o)
	if err != nil {
		return err
	}
	writeRaw(q.w, http.StatusOK, body)
	return nil
}

// named returns the revision that ?rev= names, or else, and with latest=true,
// the winner, unless that is a tombstone.
func (q *request) named(id string) (store.Revision, error) {
	asked, err := q.queryRev()
	if err != nil {
		return store.Revision{}, err
	}
	if !asked.IsZero() && !q.flag("latest") {
		return q.db.At(q.Context(), id, asked)
	}
	r, err := q.db.Winner(q.Context(), id)
	if err == nil && r.Deleted {
		err = fault.Deleted()
	}
	return r, err
}

// queryRev reads ?rev=; it returns the zero revision if there is none.
func (q *request) queryRev() (revtree.Rev, error) {
	if !q.query.Has("rev") {
		return revtree.Rev{}, nil
	}
	rev, err := revtree.ParseRev(q.query.Get("rev"))
	if err != nil {
		return revtree.Rev{}, fault.InvalidRev()
	}
	return rev, nil
}

// docOptions reads what a GET wants to see of a document.
func (q *request) docOptions() (store.DocOptions, error) {
	o := store.DocOptions{
		Revs: q.flag("revs"), RevsInfo: q.flag("revs_info"), LocalSeq: q.flag("local_seq"),
		Conflicts: q.flag("conflicts"), DeletedConflicts: q.flag("deleted_conflicts"), Attachments: q.flag("attachments"), Encodings: q.flag("att_encoding_info"),
	}
	if q.flag("meta") {
		o.RevsInfo, o.Conflicts, o.DeletedConflicts = true, true, true
	}
	if q.query.Has("atts_since") {
		var err error
		if o.AttsSince, err = store.ParseRevs(q.query.Get("atts_since")); err != nil {
			return o, err
		}
		o.Attachments = true
	}
	return o, nil
}

// putDocument serves PUT of a document.
func (q *request) putDocument(id string) error {
	if err := store.CheckID(id); err != nil {
		return err
	}
	e, err := q.documentBody()
	if e != nil {
		defer e.Close()
	}
	if err != nil {
		return err
	}
	e.ID = id
	if err := q.setRevision(e); err != nil {
		return err
	}
	if q.query.Get("new_edits") == "false" {
		if err := e.KeepRevision(); err != nil {
			return err
		}
	}
	return q.saveDocument(e)
}

// setRevision reconciles the revision in the body with ?rev= and If-Match.
func (q *request) setRevision(e *store.Edit) error {
	asked, err := q.queryRev()
	if err != nil {
		return err
	}
	if e.Base.IsZero() {
		e.Base = asked
	}
	if !asked.IsZero() && asked != e.Base {
		return fault.BadRequest("Document rev from request body and query string have different values")
	}
	etag := strings.Trim(q.Header.Get("If-Match"), `"`)
	if etag == "" {
		return nil
	}
	named := e.Base
	if err := e.SetBase(etag); err != nil {
		return err
	}
	if !named.IsZero() && named != e.Base {
		return fault.BadRequest("Document rev and etag have different values")
	}
	return nil
}

// saveDocument writes one edit and answers with its revision. With batch=ok it
// writes as well before it answers, but the answer is always 202, as CouchDB's.
func (q *request) saveDocument(e *store.Edit) error {
	err := q.save(e)
	if q.query.Get("batch") == "ok" {
		var f *fault.Error
		if err != nil && !errors.As(err, &f) {
			return err
		}
		writeRaw(q.w, http.StatusAccepted, append(ejson.AppendString([]byte(`{"ok":true,"id":`), e.ID), '}'))
		return nil
	}
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if e.Deleted && q.Method == http.MethodPut {
		status = http.StatusOK
	}
	h := q.w.Header()
	h.Set("Location", q.absolute("/"+escape(q.db.Name())+"/"+escape(e.ID)))
	if q.Method != http.MethodPost {
		h.Set("ETag", `"`+e.Rev.String()+`"`)
	}
	q.writeSaved(status, e)
	return nil
}

// check refuses an edit that design documents, or the rules of _users, forbid.
func (q *request) check(e *store.Edit) error {
	if err := q.mayWrite(e.ID); err != nil {
		return err
	}
	if q.db.Name() == users.Database && !e.Deleted && !e.Local() && !strings.HasPrefix(e.ID, "_design/") {
		var err error
		if e.Body, err = users.Prepare(e.ID, e.Body); err != nil {
			return err
		}
	}
	return q.views().Check(q.Context(), e)
}

// save checks and writes one edit.
func (q *request) save(e *store.Edit) error {
	if err := q.check(e); err != nil {
		return err
	}
	return q.db.Save(q.Context(), e)
}

func (q *request) writeSaved(status int, e *store.Edit) {
	writeRaw(q.w, status, append(append(ejson.AppendString([]byte(`{"ok":true,"id":`), e.ID), `,"rev":"`+e.Rev.String()...), `"}`...))
}

// deleteDocument serves DELETE of a document.
func (q *request) deleteDocument(id string) error {
	winner, err := q.db.Winner(q.Context(), id)
	if err != nil {
		return err
	}
	if winner.Deleted {
		return fault.Deleted()
	}
	e := &store.Edit{ID: id, Body: []byte("{}"), Deleted: true}
	if err := q.setRevision(e); err != nil {
		return err
	}
	if err := q.save(e); err != nil {
		return err
	}
	q.w.Header().Set("ETag", `"`+e.Rev.String()+`"`)
	q.writeSaved(http.StatusOK, e)
	return nil
}

// copyDocument serves COPY: the content, under the id in Destination.
func (q *request) copyDocument(id string) error {
	target, query, _ := strings.Cut(q.Header.Get("Destination"), "?")
	switch name, err := url.QueryUnescape(target); {
	case q.Header.Values("Destination") == nil:
		return fault.BadRequest("Destination header is mandatory for COPY.")
	case strings.HasPrefix(target, "http://") || strings.HasPrefix(target, "https://"):
		return fault.BadRequest("Destination URL must be relative.")
	case err != nil:
		return fault.BadRequest("invalid_url_encoding")
	default:
		target = name
	}
	e := &store.Edit{ID: target}
	if _, rev, ok := strings.Cut(query, "="); ok {
		if err := e.SetBase(rev); err != nil {
			return err
		}
	}
	if err := store.CheckID(e.ID); err != nil {
		return err
	}
	r, err := q.named(id)
	if err != nil {
		return err
	}
	e.Body, e.Attachments = r.Body, r.Attachments
	return q.saveDocument(e)
}
