package store

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

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

	Data []byte `json:"-"` // the bytes as stored: new ones, or read
	stub bool   // take the bytes from an ancestor's attachment of this name

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

// Receive takes the attachment's bytes, which followed the document. It refuses
// those of another length or digest than the document announced.
func (a *Attachment) Receive(data []byte, limit int64) error {
	switch n := int64(len(data)); {
	case a.announced.length >= 0 && n < a.announced.length:
		return fault.BadRequest("attachment shorter than expected")
	case a.announced.length >= 0 && n > a.announced.length:
		return fault.BadRequest("attachment longer than expected")
	}
	if sum := md5.Sum(data); a.announced.md5 != nil && !bytes.Equal(sum[:], a.announced.md5) {
		return fault.New(400, "content_md5_mismatch", "Possible message corruption.")
	}
	a.Follows = false
	if a.gzipped {
		return a.SetGzipped(data, limit)
	}
	a.SetData(data)
	return nil
}

// SetData gives the attachment its bytes.
func (a *Attachment) SetData(data []byte) {
	a.Length = int64(len(data))
	if compressible.MatchString(a.Type) {
		a.setStored(deflate.Gzip(data), gzipEncoding)
	} else {
		a.setStored(data, "")
	}
}

// SetGzipped gives the attachment bytes that came compressed, which unpacked
// are at most limit bytes.
func (a *Attachment) SetGzipped(packed []byte, limit int64) error {
	data, err := gunzip(packed, limit)
	if err != nil {
		return fault.BadRequest("Invalid attachment data for " + a.Name)
	}
	a.Length = int64(len(data))
	a.setStored(packed, gzipEncoding)
	return nil
}

func (a *Attachment) setStored(data []byte, encoding string) {
	sum := md5.Sum(data)
	a.Data, a.MD5, a.Encoding, a.EncodedLength = data, sum[:], encoding, 0
	if encoding != "" {
		a.EncodedLength = int64(len(data))
	}
}

// Plain returns the bytes of an attachment that was read.
func (a Attachment) Plain() ([]byte, error) {
	if a.Encoding == "" {
		return a.Data, nil
	}
	return gunzip(a.Data, a.Length)
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
		sum := sha256.Sum256(a.Data)
		err := w.stmt.findAttachment.QueryRowContext(ctx, sum[:]).Scan(&a.Num)
		if errors.Is(err, sql.ErrNoRows) {
			var res sql.Result
			if a.Data == nil {
				a.Data = []byte{}
			}
			if res, err = w.stmt.addAttachment.ExecContext(ctx, sum[:], a.Data); err == nil {
				a.Num, err = res.LastInsertId()
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return json.Marshal(list)
}

// ReadAttachment reads the bytes of a stored attachment into it.
func (db *Database) ReadAttachment(ctx context.Context, a *Attachment) error {
	if err := db.read.attachment.QueryRowContext(ctx, a.Num).Scan(&a.Data); err != nil {
		return fmt.Errorf("read attachment %s: %w", a.Name, err)
	}
	return nil
}
