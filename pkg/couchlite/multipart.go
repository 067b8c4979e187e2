package couchlite

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// multiparts writes the parts of a multipart body. It ends at the closing
// boundary, since CouchDB's replicator waits for ever when a line break
// follows that. A failed write means that the client left.
type multiparts struct {
	w        io.Writer
	boundary string
	begun    bool
}

// next begins a part with these header lines.
func (m *multiparts) next(headers ...string) {
	line := "--" + m.boundary + "\r\n"
	if m.begun {
		line = "\r\n" + line
	}
	m.begun = true
	m.write([]byte(line + strings.Join(headers, "\r\n") + "\r\n\r\n"))
}

func (m *multiparts) write(p []byte) { _, _ = m.w.Write(p) }

func (m *multiparts) close() {
	if m.begun {
		m.write([]byte("\r\n"))
	}
	m.write([]byte("--" + m.boundary + "--"))
}

// documentParts is a document and the attachments sent after it.
type documentParts struct {
	doc    []byte
	follow []store.Attachment
}

func (q *request) documentParts(r store.Revision, o store.DocOptions) (p documentParts, err error) {
	o.Follows, o.Attachments, o.Encodings = true, true, true
	if p.doc, err = q.db.Render(q.Context(), r, o); err != nil {
		return p, err
	}
	var t *revtree.Tree
	if len(o.AttsSince) > 0 {
		if t, _, err = q.db.Tree(q.Context(), r.ID); err != nil {
			return p, err
		}
	}
	p.follow = store.Shown(r, o, t)
	return p, nil
}

// writeRelated sends the parts as multipart/related. It reads the attachments as
// they go out, so that an error cuts the answer off.
func (q *request) writeRelated(p documentParts, boundary string) error {
	related := &multiparts{w: q.w, boundary: boundary}
	related.next("Content-Type: application/json")
	related.write(p.doc)
	for _, a := range p.follow {
		headers := []string{
			"Content-Disposition: attachment; filename=" + quoteName(a.Name),
			"Content-Type: " + headerSafe(a.Type), "Content-Length: " + strconv.FormatInt(a.Stored(), 10),
		}
		if a.Encoding != "" {
			headers = append(headers, "Content-Encoding: "+a.Encoding)
		}
		related.next(headers...)
		if err := q.writeAttached(a); err != nil {
			return err
		}
	}
	related.close()
	return nil
}

// writeAttached sends an attachment's bytes as they are stored.
func (q *request) writeAttached(a store.Attachment) error {
	src, err := q.db.OpenAttachment(q.Context(), a)
	if err != nil {
		return err
	}
	defer src.Close()
	_, err = io.Copy(q.w, src)
	return err
}

// quoteName quotes a file name for a header line.
func quoteName(name string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\r", "", "\n", "").Replace(name) + `"`
}

// headerSafe is a content type that cannot break out of its header line.
func headerSafe(contentType string) string {
	if strings.ContainsAny(contentType, "\r\n") {
		return "application/octet-stream"
	}
	return contentType
}

// writePart writes one revision as a part of mixed: as JSON or, with attachments,
// as a multipart/related of its own, which gets the headers besides its type.
func (q *request) writePart(mixed *multiparts, r store.Revision, o store.DocOptions, headers ...string) error {
	parts, err := q.documentParts(r, o)
	if err != nil {
		return err
	}
	if len(parts.follow) == 0 {
		mixed.next("Content-Type: application/json")
		mixed.write(parts.doc)
		return nil
	}
	boundary := store.RandomHex(16)
	mixed.next(append(headers, `Content-Type: multipart/related; boundary="`+boundary+`"`)...)
	return q.writeRelated(parts, boundary)
}

// getRelated serves a document with attachments=true to a client that asks
// for multipart/related.
func (q *request) getRelated(r store.Revision, o store.DocOptions) error {
	parts, err := q.documentParts(r, o)
	if err != nil {
		return err
	}
	boundary := store.RandomHex(16)
	q.w.Header().Set("Content-Type", `multipart/related; boundary="`+boundary+`"`)
	return q.writeRelated(parts, boundary)
}

// relatedBody reads a PUT of multipart/related: the document and then, part
// by part, the attachments that it says follow. The caller closes the edit, also
// after an error.
func (q *request) relatedBody(boundary string) (*store.Edit, error) {
	const malformed = "Malformed multipart/related body."
	src, err := q.bodyReader()
	if err != nil {
		return nil, err
	}
	parts := multipart.NewReader(src, boundary)
	first, err := parts.NextPart()
	if err != nil {
		return nil, unreadable(err, malformed)
	}
	doc, err := io.ReadAll(first)
	if err != nil {
		return nil, unreadable(err, malformed)
	}
	e, err := store.ParseDocument(doc, q.s.opts.MaxDocument)
	if err != nil {
		return nil, err
	}
	for i := range e.Attachments {
		if !e.Attachments[i].Follows {
			continue
		}
		part, err := parts.NextPart()
		if err != nil {
			return e, unreadable(err, malformed)
		}
		a := following(e, i, part.FileName())
		if err := a.Receive(q.s.store.Spool(), part, q.s.opts.MaxBody); err != nil {
			return e, unreadable(err, malformed)
		}
	}
	return e, nil
}

// following returns the attachment that a part carries: the one it names, or
// the next in the document.
func following(e *store.Edit, next int, name string) *store.Attachment {
	for i := range e.Attachments {
		if e.Attachments[i].Follows && e.Attachments[i].Name == name {
			return &e.Attachments[i]
		}
	}
	return &e.Attachments[next]
}

// documentBody reads the document of a PUT, in either form. The caller closes
// it, also after an error, if there is any.
func (q *request) documentBody() (*store.Edit, error) {
	kind, params, _ := mime.ParseMediaType(q.Header.Get("Content-Type"))
	if kind == "multipart/related" {
		return q.relatedBody(params["boundary"])
	}
	raw, err := q.body()
	if err != nil {
		return nil, err
	}
	e, err := store.ParseDocument(raw, q.s.opts.MaxDocument)
	if err != nil {
		return nil, err
	}
	for _, a := range e.Attachments {
		if a.Follows {
			return nil, fault.New(http.StatusBadRequest, "bad_request", "Attachment "+a.Name+" does not follow.")
		}
	}
	return e, nil
}
