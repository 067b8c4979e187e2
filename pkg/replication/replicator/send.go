package replicator

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// send writes a revision with its attachments to the target.
func (r *Replication) send(ctx context.Context, src *parts) error {
	var h header
	if err := json.Unmarshal(src.doc, &h); err != nil || h.ID == "" {
		return fmt.Errorf("%w: a document without _id", errMalformed)
	}
	r.note(func(s *Stats) { s.DocsRead++ })
	c := call{method: http.MethodPut, path: docPath(h.ID), query: url.Values{"new_edits": {"false"}}, length: -1}
	out, in := io.Pipe()
	defer func() { _ = out.Close() }() // ends the writer, if the target wants no more
	counted := &counter{Reader: out}
	c.body = counted
	var write func() error
	if r.inline {
		write = func() error { return writeInline(in, src) }
	} else {
		boundary := newBoundary()
		c.kind = `multipart/related; boundary="` + boundary + `"`
		related := &relatedWriter{to: in, boundary: boundary}
		c.length = related.length(src.doc)
		write = func() error { return related.write(src) }
	}
	done := make(chan error, 1)
	go func() {
		err := write()
		_ = in.CloseWithError(err)
		done <- err
	}()
	err := r.target.json(ctx, c, nil, nil)
	_ = out.Close()
	var broken *sourceError
	if werr := <-done; errors.As(werr, &broken) {
		return werr // the target only saw the body end
	}
	if err == nil {
		r.note(func(s *Stats) {
			s.DocsWritten++
			s.Bytes += counted.n
			s.Err = nil
		})
	}
	return err
}

// counter counts what is read.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

func newBoundary() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails, says its documentation
	return hex.EncodeToString(random)
}

// relatedWriter writes multipart/related, in the form of CouchDB's replicator:
// nothing comes before the first boundary or after the last.
type relatedWriter struct {
	to       io.Writer
	boundary string
}

func (w *relatedWriter) write(src *parts) error {
	if _, err := io.WriteString(w.to, w.lead(true, "Content-Type: application/json")+string(src.doc)); err != nil {
		return err
	}
	for order := follows(src.doc); src.next != nil; {
		a, err := src.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fromSource(err)
		}
		if len(order) == 0 {
			return fmt.Errorf("%w: more attachments than the document has", errMalformed)
		}
		at := max(0, slices.IndexFunc(order, func(f follow) bool { return f.name == a.name }))
		if _, err := io.WriteString(w.to, w.lead(false, order[at].headers()...)); err != nil {
			return err
		}
		order = slices.Delete(order, at, at+1)
		if _, err := io.Copy(w.to, sourceReader{a.body}); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w.to, "\r\n--"+w.boundary+"--")
	return err
}

// sourceReader marks errors as the source's.
type sourceReader struct{ io.Reader }

func (r sourceReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	return n, fromSource(err)
}

func (w *relatedWriter) lead(first bool, headers ...string) string {
	line := "--" + w.boundary + "\r\n"
	if !first {
		line = "\r\n" + line
	}
	return line + strings.Join(headers, "\r\n") + "\r\n\r\n"
}

// length is that of the whole body.
func (w *relatedWriter) length(doc []byte) int64 {
	n := int64(len(w.lead(true, "Content-Type: application/json"))+len(doc)) + int64(len("\r\n--"+w.boundary+"--"))
	for _, f := range follows(doc) {
		n += int64(len(w.lead(false, f.headers()...))) + f.size()
	}
	return n
}

// follow is what a document says of an attachment that follows it.
type follow struct {
	name     string
	Type     string `json:"content_type"`
	Length   int64  `json:"length"`
	Encoded  int64  `json:"encoded_length"`
	Encoding string `json:"encoding"`
	Follows  bool   `json:"follows"`
}

func (f follow) size() int64 {
	if f.Encoding != "" {
		return f.Encoded
	}
	return f.Length
}

func (f follow) headers() []string {
	headers := []string{
		"Content-Disposition: attachment; filename=" + quoted(f.name),
		"Content-Type: " + clean(f.Type), "Content-Length: " + strconv.FormatInt(f.size(), 10),
	}
	if f.Encoding != "" {
		headers = append(headers, "Content-Encoding: "+clean(f.Encoding))
	}
	return headers
}

func quoted(name string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\r", "", "\n", "").Replace(name) + `"`
}

// clean is a value that cannot break out of its header line.
func clean(value string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(value) }

// follows lists the attachments that follow a document, in their order.
func follows(doc []byte) []follow {
	var h struct {
		Attachments json.RawMessage `json:"_attachments"`
	}
	if json.Unmarshal(doc, &h) != nil || h.Attachments == nil {
		return nil
	}
	members, names, err := membersOf(h.Attachments)
	if err != nil {
		return nil
	}
	var list []follow
	for _, name := range names {
		f := follow{name: name}
		if json.Unmarshal(members[name], &f) == nil && f.Follows {
			list = append(list, f)
		}
	}
	return list
}

// writeInline writes the document as JSON with the attachments inside it, for
// a server that knows no multipart.
func writeInline(to io.Writer, src *parts) error {
	members, names, err := membersOf(src.doc)
	if err != nil {
		return err
	}
	atts, order, err := membersOf(members["_attachments"])
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(names, func(name string) bool { return name == "_attachments" })
	text := join(members, rest) // with _id and _rev at least
	if _, err := to.Write(append(text[:len(text)-1], `,"_attachments":{`...)); err != nil {
		return err
	}
	queue := follows(src.doc)
	for i, name := range order {
		lead, _ := json.Marshal(name)
		if i > 0 {
			lead = append([]byte{','}, lead...)
		}
		if _, err := to.Write(append(lead, ':')); err != nil {
			return err
		}
		if len(queue) == 0 || queue[0].name != name {
			if _, err := to.Write(atts[name]); err != nil { // a stub
				return err
			}
			continue
		}
		if err := writeData(to, src, queue[0], atts[name]); err != nil {
			return err
		}
		queue = queue[1:]
	}
	_, err = io.WriteString(to, "}}")
	return err
}

// writeData writes one attachment as base64.
func writeData(to io.Writer, src *parts, f follow, said []byte) error {
	a, err := src.next()
	if err != nil {
		return fromSource(fmt.Errorf("%w: an attachment is missing: %w", io.ErrUnexpectedEOF, err))
	}
	var kept struct {
		Type   string `json:"content_type"`
		RevPos int    `json:"revpos"`
	}
	if err := json.Unmarshal(said, &kept); err != nil {
		return err
	}
	lead, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	if _, err := to.Write(append(lead[:len(lead)-1], `,"data":"`...)); err != nil {
		return err
	}
	var body io.Reader = sourceReader{a.body}
	if f.Encoding == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return fromSource(err)
		}
	}
	encoder := base64.NewEncoder(base64.StdEncoding, to)
	if _, err := io.Copy(encoder, body); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	_, err = io.WriteString(to, `"}`)
	return err
}
