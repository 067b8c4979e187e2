package couchlite

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// attachment is one attachment of one revision. Its bytes are stored once
// per database, found by their SHA-256.
type attachment struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	MD5    []byte `json:"md5"`
	Length int64  `json:"length"`
	RevPos int    `json:"revpos"` // generation it came with
	Num    int64  `json:"num"`    // row in the table attachments

	data []byte // new bytes, not stored yet
	stub bool   // take the bytes from an ancestor's attachment of this name

	follows bool // the bytes come in a later part of the request
	gzipped bool // the bytes come compressed
}

func find(list []attachment, name string) int {
	return slices.IndexFunc(list, func(a attachment) bool { return a.Name == name })
}

func decodeAttachments(raw []byte) ([]attachment, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var list []attachment
	err := json.Unmarshal(raw, &list)
	return list, err
}

// setData gives the attachment its bytes.
func (a *attachment) setData(data []byte) {
	sum := md5.Sum(data)
	a.data, a.MD5, a.Length = data, sum[:], int64(len(data))
}

// digest is the attachment's MD5 as CouchDB shows it.
func (a attachment) digest() string { return "md5-" + base64.StdEncoding.EncodeToString(a.MD5) }

// settle replaces stubs by the attachments they stand for, those of the
// nearest ancestor in the tree whose content is here.
func (w *writer) settle(ctx context.Context, e *edit, tree *revtree.Tree, path revtree.Path) error {
	var had map[string]attachment
	for i := range e.attachments {
		a := &e.attachments[i]
		if !a.stub {
			if a.RevPos == 0 {
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
			return fail(412, "missing_stub", "Invalid attachment stub in "+e.id+" for "+a.Name)
		}
		*a = old
	}
	return nil
}

// inherited returns the attachments of the newest ancestor on the path whose
// content is here.
func (w *writer) inherited(ctx context.Context, tree *revtree.Tree, path revtree.Path) (map[string]attachment, error) {
	had := map[string]attachment{}
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
func (w *writer) storeAttachments(ctx context.Context, list []attachment) ([]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	for i := range list {
		a := &list[i]
		if a.Num != 0 {
			continue
		}
		sum := sha256.Sum256(a.data)
		err := w.stmt.findAttachment.QueryRowContext(ctx, sum[:]).Scan(&a.Num)
		if errors.Is(err, sql.ErrNoRows) {
			var res sql.Result
			if a.data == nil {
				a.data = []byte{}
			}
			if res, err = w.stmt.addAttachment.ExecContext(ctx, sum[:], a.data); err == nil {
				a.Num, err = res.LastInsertId()
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return json.Marshal(list)
}

// attachmentData reads the bytes of a stored attachment.
func (db *database) attachmentData(ctx context.Context, a attachment) (data []byte, err error) {
	if err := db.read.attachment.QueryRowContext(ctx, a.Num).Scan(&data); err != nil {
		return nil, fmt.Errorf("read attachment %s: %w", a.Name, err)
	}
	return data, nil
}
