package couchlite

import (
	"cmp"
	"encoding/base64"
	"io"
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
	return q.sendAttachment(r.Attachments[i])
}

// sendAttachment answers with an attachment: whole, or the ranges asked for,
// read as they go out.
func (q *request) sendAttachment(a store.Attachment) error {
	stored, err := q.db.OpenAttachment(q.Context(), a)
	if err != nil {
		return err
	}
	defer stored.Close()
	h := q.w.Header()
	h.Set("ETag", `"`+base64.StdEncoding.EncodeToString(a.MD5)+`"`)
	h.Set("Content-Type", headerSafe(a.Type))
	h.Set("Cache-Control", "must-revalidate")
	h.Set("Content-Security-Policy", "sandbox")
	var content io.ReadSeeker = stored
	switch {
	case a.Encoding != "" && q.takesEncoding(a.Encoding):
		h.Set("Content-Encoding", a.Encoding)
		h.Set("Content-Length", strconv.FormatInt(a.Stored(), 10))
		q.Request.Header.Del("Range") // a range would be one of the plain bytes
	case a.Encoding != "":
		content = stored.Unpacked(a.Length)
	}
	http.ServeContent(q.w, q.Request, "", time.Time{}, content)
	return stored.Err() // which cuts the answer off
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
		e.Attachments = slices.Insert(e.Attachments, 0, a) // in front, as CouchDB, whose revision depends on it
		defer e.Close()
		if err != nil {
			return err
		}
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
// they come. The caller closes the edit that it becomes part of.
func (q *request) attachmentBody(name string) (store.Attachment, error) {
	packed := q.Header.Get("Content-Encoding") == "gzip"
	if packed {
		q.Header.Del("Content-Encoding")
	}
	a := store.NewAttachment(name, cmp.Or(q.Header.Get("Content-Type"), store.DefaultType), packed)
	src, err := q.bodyReader()
	if err == nil {
		err = a.Receive(q.s.store.Spool(), src, q.s.opts.MaxBody)
	}
	if err != nil {
		return a, unreadable(err, "The request body could not be read.")
	}
	return a, nil
}
