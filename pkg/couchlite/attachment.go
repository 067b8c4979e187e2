package couchlite

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"net/http"
	"slices"
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
	if a.data, err = q.db.attachmentData(q.Context(), a); err != nil {
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
	if err := checkAttachmentName(name); err != nil {
		return err
	}
	e := &edit{id: id, body: []byte("{}")}
	if err := q.setRevision(e); err != nil {
		return err
	}
	put := q.Method == http.MethodPut
	if err := q.db.inherit(q.Context(), e, put); err != nil {
		return err
	}
	at := find(e.attachments, name)
	if at < 0 && !put {
		return errNoAttachment()
	}
	if at >= 0 {
		e.attachments = slices.Delete(e.attachments, at, at+1)
	}
	if put {
		data, err := q.body()
		if err != nil {
			return err
		}
		a := attachment{Name: name, Type: cmp.Or(q.Header.Get("Content-Type"), defaultType)}
		a.setData(data)
		e.attachments = slices.Insert(e.attachments, 0, a) // in front, as CouchDB, whose revision depends on it
	}
	if err := q.save(e); err != nil {
		return err
	}
	status := http.StatusOK
	if put {
		status = http.StatusCreated
		q.w.Header().Set("Location", q.absolute("/"+escape(q.db.Name())+"/"+escape(id)+"/"+escape(name)))
	}
	q.writeSaved(status, e)
	return nil
}
