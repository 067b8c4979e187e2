package resource

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// File is what a document has as its attachment.
type File struct {
	Name string
	Type string
	Data []byte
}

// Attach gives a stored document a file, in place of those that it has, and the
// public fields that describe it. What the schema says of these is known before
// the file is written. Between the file's write and the document's, readers
// get the new file and the old description.
func (s *Service) Attach(ctx context.Context, w Write, f File, fields document.Doc) (save.Saved, error) {
	return s.saves.Run(ctx, w.Write, func(ctx context.Context) (*save.Attempt, error) {
		a := s.attempt(w)
		if err := s.load(ctx, w.Kind, a); err != nil {
			return nil, err
		}
		public := save.Public(a.Stored)
		maps.Copy(public, fields)
		if err := s.complete(ctx, w.Kind, a, public); err != nil || len(a.Problems) > 0 {
			return a, err
		}
		written := a.Stored.Clone()
		if err := a.DB.PutAttachment(ctx, written, f.Name, f.Type, f.Data); problem.Is(err, problem.Conflict) {
			return nil, save.Again(err)
		} else if err != nil {
			return nil, err
		}
		fresh, err := a.DB.Get(ctx, a.ID)
		if err != nil {
			return nil, err
		}
		if fresh.Rev() != written.Rev() {
			return nil, save.Again(&problem.Error{Code: problem.Conflict, Msg: "the document changes all the time: " + a.ID})
		}
		a.Stored = fresh
		a.Doc.SetRev(fresh.Rev())
		a.Doc["_attachments"] = map[string]any{f.Name: fresh.Object("_attachments")[f.Name]}
		return a, nil
	})
}

// Attached is the file of a stored document.
type Attached struct {
	Doc    document.Doc
	Name   string
	Type   string
	Length int64
	Digest string // changes with the bytes

	db *couch.DB
}

// Attached finds a document's file. A document without one is
// [problem.BadIdentifier].
func (s *Service) Attached(ctx context.Context, kind Kind, accountID, id string) (*Attached, error) {
	doc, err := s.Get(ctx, kind, accountID, id)
	if err != nil {
		return nil, err
	}
	files := doc.Object("_attachments")
	if len(files) == 0 {
		return nil, save.BadIdentifier(id)
	}
	name := slices.Min(slices.Collect(maps.Keys(files)))
	meta, _ := files[name].(map[string]any)
	length, _ := meta["length"].(json.Number)
	size, err := length.Int64()
	if err != nil {
		return nil, &problem.Error{Code: problem.DatastoreFault, Msg: "an attachment without a length: " + id, Err: err}
	}
	one := document.Doc(meta)
	return &Attached{doc, name, one.String("content_type"), size, one.String("digest"), s.Couch.Account(accountID)}, nil
}

// Open begins to read the file at an offset.
func (f *Attached) Open(ctx context.Context, offset int64) (*couch.Attachment, error) {
	return f.db.OpenAttachment(ctx, f.Doc.ID(), f.Name, offset)
}
