package couchlite

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// serveAttachment serves /{db}/{id}/{name}.
func (q *request) serveAttachment(id, name string) error {
	if err := checkID(id); err != nil {
		return errMissing()
	}
	switch q.Method {
	case http.MethodGet, http.MethodHead:
		return q.getAttachment(id, name)
	case http.MethodPut, http.MethodDelete:
		return q.writeAttachment(id, name)
	}
	return q.notAllowed("DELETE,GET,HEAD,PUT")
}

func errNoAttachment() *failure {
	return fail(http.StatusNotFound, "not_found", "Document is missing attachment")
}

func find(list []attachment, name string) int {
	return slices.IndexFunc(list, func(a attachment) bool { return a.Name == name })
}

func (q *request) getAttachment(id, name string) error {
	r, err := q.named(id)
	if err != nil {
		return err
	}
	i := find(r.Attachments, name)
	if i < 0 {
		return errNoAttachment()
	}
	a := r.Attachments[i]
	if err := q.db.read.attachment.QueryRowContext(q.Context(), a.Num).Scan(&a.data); err != nil {
		return err
	}
	h := q.w.Header()
	h.Set("ETag", `"`+base64.StdEncoding.EncodeToString(a.MD5)+`"`)
	h.Set("Content-Type", headerSafe(a.Type))
	h.Set("Cache-Control", "must-revalidate")
	h.Set("Content-Security-Policy", "sandbox")
	http.ServeContent(q.w, q.Request, "", time.Time{}, bytes.NewReader(a.data))
	return nil
}

// writeAttachment serves PUT and DELETE: a new revision of the document with
// the one attachment changed.
func (q *request) writeAttachment(id, name string) error {
	put := q.Method == http.MethodPut
	if put && strings.HasPrefix(name, "_") {
		return badRequest("Attachment name '" + name + "' starts with prohibited character '_'")
	}
	e := &edit{id: id, body: []byte("{}")}
	if err := q.setRevision(e); err != nil {
		return err
	}
	if err := q.db.inherit(q.Context(), e, put); err != nil {
		return err
	}
	at := find(e.attachments, name)
	switch {
	case put:
		data, err := q.body()
		if err != nil {
			return err
		}
		a := attachment{Name: name, Type: q.Header.Get("Content-Type")}
		if a.Type == "" {
			a.Type = "application/octet-stream"
		}
		a.setData(data)
		if at >= 0 {
			e.attachments = slices.Delete(e.attachments, at, at+1)
		}
		e.attachments = slices.Insert(e.attachments, 0, a) // in front, as CouchDB, whose revision depends on it
		return q.saveDocument(e)
	case at < 0:
		return errNoAttachment()
	}
	e.attachments = slices.Delete(e.attachments, at, at+1)
	if err := q.db.save(q.Context(), e); err != nil {
		return err
	}
	q.writeSaved(http.StatusOK, e)
	return nil
}

// inherit gives the edit the content of the revision it follows. A document
// that is not there is made when create is set and no revision is named.
func (db *database) inherit(ctx context.Context, e *edit, create bool) error {
	t, _, err := db.tree(ctx, e.id)
	if isMissing(err) {
		if create {
			return nil
		}
		return err
	}
	if err != nil {
		return err
	}
	winner, _ := t.Winner()
	if e.base.IsZero() && winner.Deleted && create {
		return nil
	}
	n, ok := t.Find(e.base)
	if !ok || !t.IsLeaf(n.Rev) || n.Deleted {
		return errConflict()
	}
	r, err := db.load(ctx, e.id, t, n)
	if err != nil {
		return err
	}
	e.body, e.attachments = r.Body, r.Attachments
	return nil
}
