package couch

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-kivik/kivik/v4"
	"github.com/go-kivik/kivik/v4/couchdb/chttp"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// maxAttachment bounds what [DB.Attachment] reads into memory.
const maxAttachment = 1 << 20

// Attachment returns a small attachment of a document's winning revision. If
// there is none the error is [problem.BadIdentifier].
func (d *DB) Attachment(ctx context.Context, id, name string) ([]byte, error) {
	return d.AttachmentAt(ctx, id, "", name)
}

// AttachmentAt is [DB.Attachment] for a certain revision of the document, the
// winner if rev is empty.
func (d *DB) AttachmentAt(ctx context.Context, id, rev, name string) ([]byte, error) {
	if !readable(id) || dots(id) {
		return nil, d.absent(id, "get an attachment of")
	}
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	options := kivik.Params(nil)
	if rev != "" {
		options = kivik.Rev(rev)
	}
	attachment, err := d.kivik.GetAttachment(ctx, id, name, options)
	if err != nil {
		return nil, d.wrap(cause(ctx, err), "get an attachment of", id)
	}
	defer attachment.Content.Close() //nolint:errcheck // it was read
	raw, err := io.ReadAll(io.LimitReader(attachment.Content, maxAttachment+1))
	if err != nil {
		return nil, d.wrap(cause(ctx, err), "get an attachment of", id)
	}
	if len(raw) > maxAttachment {
		return nil, &problem.Error{Code: problem.DatastoreFault, Msg: "an attachment is too large: " + d.at(id)}
	}
	return raw, nil
}

// Attachment is an attachment that is being read. Close it.
type Attachment struct {
	Type   string
	Digest string // in CouchDB's words: md5-…
	Length int64
	io.ReadCloser
}

// OpenAttachment begins to read an attachment of a document's winning revision,
// from offset on; Length is that of what is left. Its bytes come as they are
// read, and the time limit counts only while they are waited for. If there is
// none the error is [problem.BadIdentifier].
func (d *DB) OpenAttachment(ctx context.Context, id, name string, offset int64) (*Attachment, error) {
	if !readable(id) {
		return nil, d.absent(id, "get an attachment of")
	}
	options := &chttp.Options{Accept: "*/*", Header: http.Header{"Accept-Encoding": {"identity"}}}
	if offset > 0 {
		options.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
	}
	ctx, wait := newWait(ctx, d.client.timeout)
	res, err := d.client.http.DoReq(ctx, http.MethodGet, docPath(d.name, id)+"/"+url.PathEscape(name), options)
	if err == nil {
		err = chttp.ResponseError(res)
	}
	if err != nil {
		err = d.wrap(cause(ctx, err), "get an attachment of", id)
		wait.end()
		return nil, err
	}
	body := &attachmentBody{waitingReader{res.Body, wait}, res.Body}
	a := &Attachment{Type: res.Header.Get("Content-Type"), Digest: digestOf(res.Header.Get("ETag")), Length: lengthOf(res), ReadCloser: body}
	if offset > 0 && res.StatusCode == http.StatusOK { // a server without ranges
		if _, err := io.CopyN(io.Discard, body, offset); err != nil {
			_ = body.Close()
			return nil, d.wrap(cause(ctx, err), "get an attachment of", id)
		}
		a.Length -= offset
	}
	return a, nil
}

// lengthOf reads the header: an answer that is streamed in process has no other.
func lengthOf(res *http.Response) int64 {
	if n, err := strconv.ParseInt(res.Header.Get("Content-Length"), 10, 64); err == nil {
		return n
	}
	return res.ContentLength
}

func digestOf(etag string) string { return "md5-" + strings.Trim(etag, `"`) }

// attachmentBody ends the wait when it is closed.
type attachmentBody struct {
	waitingReader
	body io.Closer
}

func (b *attachmentBody) Close() error {
	b.wait.end()
	return b.body.Close()
}

// PutAttachment adds an attachment to a stored document over the revision that
// doc has, and records the new revision in doc.
func (d *DB) PutAttachment(ctx context.Context, doc document.Doc, name, contentType string, data []byte) error {
	id := doc.ID()
	if !readable(id) {
		return d.absent(id, "put an attachment of")
	}
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	options := &chttp.Options{
		Query: url.Values{"rev": {doc.Rev()}}, ContentType: contentType, ContentLength: int64(len(data)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
	var answer struct{ Rev string }
	if err := d.client.http.DoJSON(ctx, http.MethodPut, docPath(d.name, id)+"/"+url.PathEscape(name), options, &answer); err != nil {
		return d.wrap(cause(ctx, err), "put an attachment of", id)
	}
	doc.SetRev(answer.Rev)
	d.wrote(doc, false)
	return nil
}
