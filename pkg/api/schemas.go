package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// listSchemas serves GET /v2/schemas: the names, internal ones on request.
func (s *Server) listSchemas(c *call) (*answer, error) {
	names := slices.Clone(s.cfg.Schemas.Names())
	if !c.flag("internals", false) {
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "kapi.") })
	}
	slices.Sort(names)
	return &answer{data: names, digest: true}, nil
}

// schemaOf finds the schema in the path.
func (s *Server) schemaOf(c *call) (string, document.Doc, error) {
	name := c.vars["schema_id"]
	doc, ok := s.cfg.Schemas.Schema(name)
	if !ok {
		return "", nil, &problem.Error{Code: problem.BadIdentifier, Data: map[string]any{"cause": name}}
	}
	return name, doc, nil
}

// getSchema serves GET /v2/schemas/{ID}.
func (s *Server) getSchema(c *call) (*answer, error) {
	name, doc, err := s.schemaOf(c)
	if err != nil {
		return nil, err
	}
	data := doc.Public()
	data["id"] = name
	return &answer{data: data, digest: true}, nil
}

// validateDocument serves PUT /v2/schemas/{ID}/validation: the document as it
// would be stored, without private keys, or what is wrong with it.
func (s *Server) validateDocument(c *call) (*answer, error) {
	name, _, err := s.schemaOf(c)
	if err != nil {
		return nil, err
	}
	data, err := c.object()
	if err != nil {
		return nil, err
	}
	data = data.Public()
	valid, violations := s.cfg.Schemas.Validate(name, data)
	if err := problem.Validation(violations); err != nil {
		return nil, err
	}
	return (&answer{status: http.StatusCreated, data: valid}).warn(s.cfg.Schemas.Advise(name, data)), nil
}
