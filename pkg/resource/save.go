package resource

import (
	"context"
	"regexp"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// saveAttempts bounds how often a save without precondition begins again
// because another one came in between.
const saveAttempts = 8

// Create saves a new document and returns it. The client may choose its id.
func (s *Service) Create(ctx context.Context, w Write) (document.Doc, error) {
	doc := publicPart(w.Data)
	id, err := newID(w.Data)
	if err != nil {
		return nil, err
	}
	if w.Check != nil {
		if err := w.Check(""); err != nil {
			return nil, err
		}
	}
	doc["_id"] = id
	return s.save(ctx, w, nil, doc)
}

// Replace gives a stored document other public fields.
func (s *Service) Replace(ctx context.Context, w Write) (document.Doc, error) {
	return s.change(ctx, w, func(document.Doc) document.Doc { return publicPart(w.Data) })
}

// Patch merges the request over the stored document; null deletes.
func (s *Service) Patch(ctx context.Context, w Write) (document.Doc, error) {
	return s.change(ctx, w, func(stored document.Doc) document.Doc {
		return publicPart(document.Patch(stored, w.Data))
	})
}

// Delete marks a document as deleted, or with hard leaves a tombstone only. A
// user's name is free then.
func (s *Service) Delete(ctx context.Context, w Write, hard bool) (document.Doc, error) {
	db := s.Couch.Account(w.AccountID)
	doc, err := s.retry(ctx, w, func(stored document.Doc) (document.Doc, error) {
		if hard {
			rev, err := db.Delete(ctx, stored.ID(), stored.Rev())
			stored.SetRev(rev)
			return stored, err
		}
		stored["pvt_deleted"] = true
		s.stamp(w, stored)
		return stored, db.Put(ctx, stored)
	})
	if err == nil && w.Kind.Type == userType {
		s.releaseUsername(ctx, db, usernameOf(doc), doc.ID())
	}
	return doc, err
}

// change saves what from makes of the stored document's public part.
func (s *Service) change(ctx context.Context, w Write, from func(document.Doc) document.Doc) (document.Doc, error) {
	return s.retry(ctx, w, func(stored document.Doc) (document.Doc, error) {
		doc := from(stored)
		for key, v := range stored {
			if document.Private(key) {
				doc[key] = v
			}
		}
		return s.save(ctx, w, stored, doc)
	})
}

// retry reads the stored document, judges the precondition and writes; after a
// conflict it begins again on the fresh document.
func (s *Service) retry(ctx context.Context, w Write, write func(document.Doc) (document.Doc, error)) (document.Doc, error) {
	for attempt := 1; ; attempt++ {
		stored, err := s.Get(ctx, w.Kind, w.AccountID, w.ID)
		if err != nil {
			return nil, err
		}
		if w.Check != nil {
			if err := w.Check(stored.Rev()); err != nil {
				return nil, err
			}
		}
		doc, err := write(stored)
		if !problem.Is(err, problem.Conflict) || attempt == saveAttempts {
			return doc, err
		}
	}
}

// save validates, stamps and writes one version; stored is the one before it,
// nil for a new document.
func (s *Service) save(ctx context.Context, w Write, stored, doc document.Doc) (document.Doc, error) {
	public := publicPart(doc)
	password, hash := "", ""
	if w.Kind.Type == userType {
		password, hash = takeSecrets(public)
	}
	if _, known := s.Schemas.Schema(w.Kind.Design); known {
		valid, violations := s.Schemas.Validate(w.Kind.Design, public)
		if err := problem.Validation(violations); err != nil {
			return nil, err
		}
		public = valid
	}
	for key, v := range doc {
		if document.Private(key) {
			public[key] = v
		}
	}
	s.stamp(w, public)
	if w.Kind.Type == userType {
		return public, s.saveUser(ctx, w, stored, public, password, hash)
	}
	return public, s.Couch.Account(w.AccountID).Put(ctx, public)
}

func (s *Service) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Service) stamp(w Write, doc document.Doc) {
	document.Stamp{
		Type: w.Kind.Type, AccountID: w.AccountID, AccountDB: couch.EncodedDB(couch.AccountDB(w.AccountID)), Now: s.now(),
		RequestID: w.Actor.RequestID, AuthAccountID: w.Actor.AccountID, AuthUserID: w.Actor.UserID,
	}.Apply(doc)
}

// publicPart copies what a client may set: no private keys, no id and nothing
// the server adds to answers.
func publicPart(doc document.Doc) document.Doc {
	out := make(document.Doc, len(doc))
	for key, v := range doc {
		if !document.Private(key) && key != "id" {
			out[key] = v
		}
	}
	return out
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// newID is the id the client chose (contract 9.18), or 32 hex digits.
func newID(data document.Doc) (string, error) {
	for _, key := range []string{"id", "_id"} {
		v := data[key]
		if v == nil || v == "" { // as scripts send a new document
			continue
		}
		id, _ := v.(string)
		if !idForm.MatchString(id) || id == "validate" || id == "status" { // words of paths
			return "", problem.Validation([]problem.Violation{{
				Path: "id", Code: "error", Message: "an id is 1 to 128 letters, digits, dots, underscores and dashes",
				Members: map[string]any{"value": v},
			}})
		}
		return id, nil
	}
	return randomHex(16), nil
}
