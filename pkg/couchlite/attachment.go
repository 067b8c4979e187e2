package couchlite

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// serveAttachment serves /{db}/{id}/{name}.
func (q *request) serveAttachment(id, name string) error {
	if err := store.CheckID(id); err != nil {
		return fault.Missing()
	}
	switch q.Method {
	case http.MethodGet, http.MethodHead:
		return q.getAttachment(id, name)
	case http.MethodPut, http.MethodDelete:
		return q.writeAttachment(id, name)
	}
	return q.notAllowed("DELETE,GET,HEAD,PUT")
}

func errNoAttachment() *fault.Error {
	return fault.New(http.StatusNotFound, "not_found", "Document is missing attachment")
}

func (q *request) getAttachment(id, name string) error {
	r, err := q.named(id)
	if err != nil {
		return err
	}
	i := store.FindAttachment(r.Attachments, name)
	if i < 0 {
		return errNoAttachment()
	}
	a := r.Attachments[i]
	if err := q.db.ReadAttachment(q.Context(), &a); err != nil {
		return err
	}
	encoded := a.Encoding != "" && q.takesEncoding(a.Encoding)
	if !encoded {
		if a.Data, err = a.Plain(); err != nil {
			return err
		}
	}
	h := q.w.Header()
	h.Set("ETag", `"`+base64.StdEncoding.EncodeToString(a.MD5)+`"`)
	h.Set("Content-Type", headerSafe(a.Type))
	h.Set("Cache-Control", "must-revalidate")
	h.Set("Content-Security-Policy", "sandbox")
	if encoded {
		h.Set("Content-Encoding", a.Encoding)
		h.Set("Content-Length", strconv.Itoa(len(a.Data)))
		q.Request.Header.Del("Range") // a range would be one of the plain bytes
	}
	http.ServeContent(q.w, q.Request, "", time.Time{}, bytes.NewReader(a.Data))
	return nil
}

// writeAttachment serves PUT and DELETE: a new revision of the document with
// the one attachment changed.
func (q *request) writeAttachment(id, name string) error {
	if err := store.CheckAttachmentName(name); err != nil {
		return err
	}
	e := &store.Edit{ID: id, Body: []byte("{}")}
	if err := q.setRevision(e); err != nil {
		return err
	}
	put := q.Method == http.MethodPut
	if err := q.db.Inherit(q.Context(), e, put); err != nil {
		return err
	}
	at := store.FindAttachment(e.Attachments, name)
	if at < 0 && !put {
		return errNoAttachment()
	}
	if at >= 0 {
		e.Attachments = slices.Delete(e.Attachments, at, at+1)
	}
	if put {
		a, err := q.attachmentBody(name)
		if err != nil {
			return err
		}
		e.Attachments = slices.Insert(e.Attachments, 0, a) // in front, as CouchDB, whose revision depends on it
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

// attachmentBody reads the attachment of a PUT. Compressed bytes are kept as
// they come.
func (q *request) attachmentBody(name string) (store.Attachment, error) {
	a := store.Attachment{Name: name, Type: cmp.Or(q.Header.Get("Content-Type"), store.DefaultType)}
	encoding := q.Header.Get("Content-Encoding")
	if encoding != "gzip" {
		data, err := q.body()
		if err == nil {
			a.SetData(data)
		}
		return a, err
	}
	q.Header.Del("Content-Encoding")
	data, err := q.body()
	if err != nil {
		return a, err
	}
	return a, a.SetGzipped(data, q.s.opts.MaxBody)
}
