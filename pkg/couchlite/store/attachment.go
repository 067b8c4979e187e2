package store

import (
	"bytes"
	"context"
	"crypto/md5"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/callflowd/callflowd/pkg/couchlite/content"
	"github.com/callflowd/callflowd/pkg/couchlite/deflate"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// Attachment is one attachment of one revision. Its bytes are stored once
// per database, found by their SHA-256. Text is stored compressed, and digests
// are those of the compressed bytes, as in CouchDB.
type Attachment struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	MD5    []byte `json:"md5"`    // of the bytes as stored
	Length int64  `json:"length"` // of the plain bytes
	RevPos int    `json:"revpos"` // generation it came with
	Num    int64  `json:"num"`    // row in the table attachments

	Encoding      string `json:"encoding,omitempty"` // of the stored bytes: gzip, or empty
	EncodedLength int64  `json:"encoded_length,omitempty"`

	bytes *content.Spool // new ones, as they are to be stored
	stub  bool           // take the bytes from an ancestor's attachment of this name

	Follows bool `json:"-"` // the bytes come in a later part of the request
	gzipped bool // and are compressed

	// What the document says of bytes that follow it; -1 and nil if it does not
	// say.
	announced struct {
		length int64
		md5    []byte
	}
}

// FindAttachment returns the index of the attachment of that name, or -1.
func FindAttachment(list []Attachment, name string) int {
	return slices.IndexFunc(list, func(a Attachment) bool { return a.Name == name })
}

func decodeAttachments(raw []byte) ([]Attachment, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var list []Attachment
	err := json.Unmarshal(raw, &list)
	return list, err
}

// NewAttachment is an attachment whose bytes come by themselves, perhaps
// compressed.
func NewAttachment(name, contentType string, gzipped bool) Attachment {
	a := Attachment{Name: name, Type: contentType, gzipped: gzipped}
	a.announced.length = -1
	return a
}

// Receive reads the attachment's bytes into a spool, which is the attachment's
// from then on: see [Edit.Close]. It refuses those of another length or digest
// than the document announced, and compressed ones that unpack to more than
// limit bytes.
func (a *Attachment) Receive(in *content.Spool, src io.Reader, limit int64) error {
	a.bytes = in
	got := &received{src: src}
	if a.announced.md5 != nil {
		got.md5 = md5.New()
	}
	if err := a.fill(got); err != nil {
		return err
	}
	switch {
	case a.announced.length >= 0 && got.n < a.announced.length:
		return fault.BadRequest("attachment shorter than expected")
	case a.announced.length >= 0 && got.n > a.announced.length:
		return fault.BadRequest("attachment longer than expected")
	case got.md5 != nil && !bytes.Equal(got.md5.Sum(nil), a.announced.md5):
		return fault.New(400, "content_md5_mismatch", "Possible message corruption.")
	}
	a.Follows = false
	a.Length = got.n
	if a.gzipped {
		var err error
		if a.Length, err = unpackedLength(in.Reader(), limit); err != nil {
			return fault.BadRequest("Invalid attachment data for " + a.Name)
		}
	}
	return nil
}

// fill writes what comes into the spool, in the form in which it is kept.
func (a *Attachment) fill(src io.Reader) (err error) {
	encoding := gzipEncoding
	switch {
	case a.gzipped:
		_, err = io.Copy(a.bytes, src)
	case compressible.MatchString(a.Type):
		err = deflate.Pack(a.bytes, src)
	default:
		encoding = ""
		_, err = io.Copy(a.bytes, src)
	}
	var disk *content.SpoolError
	if errors.As(err, &disk) {
		return errUnwritable()
	}
	a.describe(encoding)
	return err
}

// received counts what comes, and sums it up if the sum is wanted. The spool's own
// sum is that of the stored bytes, which may be compressed.
type received struct {
	src io.Reader
	n   int64
	md5 hash.Hash // nil: not wanted
}

func (r *received) Read(p []byte) (int, error) {
	n, err := r.src.Read(p)
	r.n += int64(n)
	if r.md5 != nil {
		_, _ = r.md5.Write(p[:n]) // never fails
	}
	return n, err
}

// SetData gives the attachment its bytes.
func (a *Attachment) SetData(data []byte) {
	a.Length = int64(len(data))
	encoding := ""
	if compressible.MatchString(a.Type) {
		data, encoding = deflate.Gzip(data), gzipEncoding
	}
	a.bytes = content.SpoolOf(data)
	a.describe(encoding)
}

// describe says what the spool has.
func (a *Attachment) describe(encoding string) {
	a.MD5, a.Encoding, a.EncodedLength = a.bytes.MD5(), encoding, 0
	if encoding != "" {
		a.EncodedLength = a.bytes.Size()
	}
}

// Stored is how many bytes are stored.
func (a Attachment) Stored() int64 {
	if a.Encoding == "" {
		return a.Length
	}
	return a.EncodedLength
}

// inFile reports whether the attachment's bytes are in a file until they are
// stored.
func (a Attachment) inFile() bool { return a.bytes != nil && a.bytes.InFile() }

// Close removes the files of attachments that came. Call it when the edit is
// saved, or will not be.
func (e *Edit) Close() {
	for _, a := range e.Attachments {
		if a.bytes != nil {
			a.bytes.Close()
		}
	}
}

const gzipEncoding = "gzip"

// compressible matches the types that CouchDB compresses by default.
var compressible = regexp.MustCompile(`(?i)^\s*(?:text/.*|application/javascript|application/json|application/xml)(?:\s*;.*?)?\s*$`)

// digest is the attachment's MD5 as CouchDB shows it.
func (a Attachment) digest() string { return "md5-" + base64.StdEncoding.EncodeToString(a.MD5) }

// settle replaces stubs by the attachments they stand for, those of the
// nearest ancestor in the tree whose content is here.
func (w *writer) settle(ctx context.Context, e *Edit, tree *revtree.Tree, path revtree.Path) error {
	var had map[string]Attachment
	for i := range e.Attachments {
		a := &e.Attachments[i]
		if !a.stub {
			if a.RevPos == 0 || !e.Replicated && a.Num == 0 {
				a.RevPos = path.Gen
			}
			continue
		}
		if had == nil {
			var err error
			if had, err = w.inherited(ctx, tree, path); err != nil {
				return err
			}
		}
		old, ok := had[a.Name]
		if !ok {
			return errStub(e, a.Name)
		}
		*a = old
	}
	return nil
}

func errStub(e *Edit, name string) *fault.Error {
	return fault.New(412, "missing_stub", "Invalid attachment stub in "+e.ID+" for "+name)
}

// checkStubs refuses all of the replicated documents, as CouchDB does, if one
// has a stub for an attachment that is not here.
func (w *writer) checkStubs(ctx context.Context, edits []*Edit) error {
	for _, e := range edits {
		stub := func(a Attachment) bool { return a.stub }
		if !e.Replicated || !slices.ContainsFunc(e.Attachments, stub) {
			continue
		}
		_, _, tree, err := w.find(ctx, e.ID)
		if err != nil {
			return err
		}
		if node, known := tree.Find(e.Path.Rev()); known && node.Body != 0 {
			continue // it is here already
		}
		had, err := w.inherited(ctx, tree, e.Path)
		if err != nil {
			return err
		}
		for _, a := range e.Attachments {
			if _, ok := had[a.Name]; a.stub && !ok {
				return errStub(e, a.Name)
			}
		}
	}
	return nil
}

// inherited returns the attachments of the newest ancestor on the path whose
// content is here.
func (w *writer) inherited(ctx context.Context, tree *revtree.Tree, path revtree.Path) (map[string]Attachment, error) {
	had := map[string]Attachment{}
	for k, hash := range path.Hashes {
		node, ok := tree.Find(revtree.Rev{Gen: path.Gen - k, Hash: hash})
		if !ok || node.Body == 0 {
			continue
		}
		var raw []byte
		if err := w.stmt.getBody.QueryRowContext(ctx, node.Body).Scan(&raw); err != nil {
			return nil, err
		}
		list, err := decodeAttachments(raw)
		for _, a := range list {
			had[a.Name] = a
		}
		return had, err
	}
	return had, nil
}

// storeAttachments writes new bytes and returns the list as kept with the
// body, nil when it is empty.
func (w *writer) storeAttachments(ctx context.Context, list []Attachment) ([]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	for i := range list {
		a := &list[i]
		if a.Num != 0 {
			continue
		}
		err := w.stmt.findAttachment.QueryRowContext(ctx, a.bytes.SHA256()).Scan(&a.Num)
		if errors.Is(err, sql.ErrNoRows) {
			a.Num, err = content.Add(ctx, w.conn, a.bytes)
		}
		if err != nil {
			return nil, err
		}
	}
	return json.Marshal(list)
}

// Spool returns an empty spool for the bytes of an attachment that comes.
func (s *Store) Spool() *content.Spool { return content.NewSpool(filepath.Join(s.dir, "spool")) }

// OpenAttachment begins to read the bytes of a stored attachment, as they are
// stored.
func (db *Database) OpenAttachment(ctx context.Context, a Attachment) (*content.Reader, error) {
	c, err := db.reading.Open(ctx, db.file.R, a.Num, a.Stored())
	if err != nil {
		return nil, fmt.Errorf("read attachment %s: %w", a.Name, err)
	}
	return c, nil
}

// ReadAttachment returns the plain bytes of a stored attachment.
func (db *Database) ReadAttachment(ctx context.Context, a Attachment) ([]byte, error) {
	c, err := db.OpenAttachment(ctx, a)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if a.Encoding != "" {
		return io.ReadAll(c.Unpacked(a.Length))
	}
	return io.ReadAll(c)
}
