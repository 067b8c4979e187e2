package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// validators are the validate_doc_update functions of a database, as of its
// last change to a design document.
type validators struct {
	seq, count int64 // of design documents: another one is another state
	list       []validator
}

type validator struct {
	key     string // of its machine
	source  string
	modules []byte
}

// Check refuses a design document that is not valid, and an edit that a
// validate_doc_update function forbids.
func (s *Set) Check(ctx context.Context, e *store.Edit) error {
	if strings.HasPrefix(e.ID, "_design/") && !e.Deleted && !e.Replicated {
		return checkDesign(e.Body)
	}
	return s.validate(ctx, e)
}

// validate asks every validate_doc_update function about an edit, as CouchDB
// does for all documents but design documents. An object that a
// function throws is the answer: 403 for forbidden, 401 for unauthorized.
func (s *Set) validate(ctx context.Context, e *store.Edit) error {
	if strings.HasPrefix(e.ID, "_design/") || strings.HasPrefix(e.ID, "_local/") {
		return nil
	}
	v, err := s.validators(ctx)
	if err != nil || len(v.list) == 0 {
		return err
	}
	args, err := s.validationArguments(ctx, e)
	if err != nil {
		return err
	}
	for _, f := range v.list {
		if err := s.ask(ctx, f, args); err != nil {
			return err
		}
	}
	return nil
}

func (s *Set) ask(ctx context.Context, f validator, args [][]byte) error {
	pool := s.engine.machines
	m, err := pool.get(f.key, func() (*sandbox.Machine, error) {
		compiled, err := sandbox.Compile("validate_doc_update", f.source)
		if err != nil {
			return nil, err
		}
		return sandbox.NewMachine(ctx, sandbox.Config{Functions: []*sandbox.Function{compiled}, Modules: f.modules, Limits: s.engine.limits})
	})
	if err != nil {
		return filterFailure(err)
	}
	defer pool.put(f.key, m)
	_, err = m.Test(ctx, 0, args...)
	var exception *sandbox.ExceptionError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exception) && exception.Forbidden != nil:
		return fault.New(403, "forbidden", *exception.Forbidden)
	case errors.As(err, &exception) && exception.Unauthorized != nil:
		return fault.New(401, "unauthorized", *exception.Unauthorized)
	}
	return filterFailure(err)
}

// validationArguments are the new document, the stored one or null, the user
// and the security object.
func (s *Set) validationArguments(ctx context.Context, e *store.Edit) ([][]byte, error) {
	document := append([]byte(`{"_id":`), ejson.AppendString(nil, e.ID)...)
	rev := e.Base
	if e.Replicated {
		rev = e.Path.Rev()
	}
	if !rev.IsZero() {
		document = fmt.Appendf(document, `,"_rev":%q`, rev)
	}
	if e.Deleted {
		document = append(document, `,"_deleted":true`...)
	}
	if len(e.Body) > 2 {
		document = append(append(document, ','), e.Body[1:len(e.Body)-1]...)
	}
	stored, deleted, err := s.db.DocBody(ctx, e.ID, "", store.DocOptions{Revs: true})
	if err != nil && !fault.IsMissing(err) {
		return nil, err
	}
	if err != nil || deleted {
		stored = []byte("null")
	}
	user, err := json.Marshal(map[string]any{"db": s.db.Name(), "name": nil, "roles": []string{"_admin"}})
	if err != nil {
		return nil, err
	}
	return [][]byte{append(document, '}'), stored, user, []byte(s.db.Current().Security)}, nil
}

// validators returns the functions, read anew when a design document changed.
func (s *Set) validators(ctx context.Context) (*validators, error) {
	v := &validators{}
	var err error
	if v.seq, v.count, err = s.db.DesignState(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	known := s.validating
	s.mu.Unlock()
	if known != nil && known.seq == v.seq && known.count == v.count {
		return known, nil
	}
	err = s.eachDesign(ctx, func(r store.Revision, trust Trust) {
		var doc struct {
			Language string `json:"language"`
			Validate string `json:"validate_doc_update"`
		}
		if json.Unmarshal(r.Body, &doc) == nil && doc.Validate != "" && trust.runs(doc.Validate) && (doc.Language == "" || doc.Language == "javascript") {
			key := fmt.Sprintf("validate %s %s %d", s.db.Name(), r.ID, v.seq)
			v.list = append(v.list, validator{key: key, source: doc.Validate, modules: r.Body})
		}
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.validating = v
	return v, nil
}
