package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// listSchemas serves GET /v2/schemas: the names, internal ones on request.
func (s *Server) listSchemas(c *web.Call) (*web.Answer, error) {
	names := slices.Clone(s.cfg.Schemas.Names())
	if !c.KazooFlag("internals", false) {
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "kapi.") })
	}
	slices.Sort(names)
	return &web.Answer{Data: names, Digest: true}, nil
}

// schemaOf finds the schema in the path.
func (s *Server) schemaOf(c *web.Call) (string, document.Doc, error) {
	name := c.Var("schema_id")
	doc, ok := s.cfg.Schemas.Schema(name)
	if !ok {
		return "", nil, &problem.Error{Code: problem.BadIdentifier, Data: map[string]any{"cause": name}}
	}
	return name, doc, nil
}

// getSchema serves GET /v2/schemas/{ID}.
func (s *Server) getSchema(c *web.Call) (*web.Answer, error) {
	name, doc, err := s.schemaOf(c)
	if err != nil {
		return nil, err
	}
	data := doc.Public()
	data["id"] = name
	return &web.Answer{Data: data, Digest: true}, nil
}

// validateDocument serves PUT /v2/schemas/{ID}/validation: the document as it
// would be stored, without private keys, or what is wrong with it.
func (s *Server) validateDocument(c *web.Call) (*web.Answer, error) {
	name, _, err := s.schemaOf(c)
	if err != nil {
		return nil, err
	}
	data, err := c.Object()
	if err != nil {
		return nil, err
	}
	data = data.Public()
	valid, violations := s.cfg.Schemas.Validate(name, data)
	if err := problem.Validation(violations); err != nil {
		return nil, err
	}
	return (&web.Answer{Status: http.StatusCreated, Data: valid}).Warn(s.cfg.Schemas.Advise(name, data)), nil
}
