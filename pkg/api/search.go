package api

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/resource"
)

// searchFields are what q may name, in the order of their views.
func searchFields() []string { return []string{"name", "number", "name_and_number"} }

// search serves GET …/search?t=callflow&q=name&v=prefix (contract 7.3).
func (s *Server) search(c *call) (*answer, error) {
	kind, field := c.value("t"), c.value("q")
	if err := checkSearch(c, kind, field); err != nil {
		return nil, err
	}
	o, err := s.searchOptions(c, kind, c.value("v"))
	if err != nil {
		return nil, err
	}
	found, err := s.cfg.Resources.List(c.ctx(), c.account(), searchView(field), o)
	if err != nil {
		return nil, err
	}
	start := ""
	if c.value("start_key") != "" {
		start = tokenOf(o.Start)
	}
	return page(found.Items, start, tokenOf(found.Next)), nil
}

func searchView(field string) resource.View {
	return resource.View{Design: "search", Name: "search_by_" + field}
}

// checkSearch names every parameter that is missing or wrong.
func checkSearch(c *call, kind, field string) error {
	var wrong []problem.Violation
	missing := func(name string) {
		wrong = append(wrong, problem.Violation{Path: name, Code: "required", Message: "Field is required but missing"})
	}
	if kind == "" {
		missing("t")
	}
	switch {
	case field == "":
		missing("q")
	case !slices.Contains(searchFields(), field):
		wrong = append(wrong, problem.Violation{
			Path: "q", Code: "enum", Message: "q is one of " + strings.Join(searchFields(), ", "),
			Members: map[string]any{"target": searchFields(), "value": field, "cause": field},
		})
	}
	if _, ok := c.lookup("v"); !ok {
		missing("v")
	}
	return problem.Validation(wrong)
}

// searchOptions is the range of a prefix, in the order a listing has.
func (s *Server) searchOptions(c *call, kind, value string) (resource.ListOptions, error) {
	p, err := s.paging(c)
	if err != nil {
		return resource.ListOptions{}, err
	}
	if p.all {
		p.size = s.cfg.Limits.MaxPageSize
	}
	prefix := document.Alphanumeric(value)
	low, _ := json.Marshal([]string{kind, prefix})
	high, _ := json.Marshal([]string{kind, prefix + "\ufff0"})
	o := resource.ListOptions{
		Start: &resource.Position{Key: low}, End: &resource.Position{Key: high},
		PageSize: p.size, Ascending: p.ascending, Distinct: true, Filter: p.filter,
	}
	if !o.Ascending {
		o.Start, o.End = o.End, o.Start
	}
	if p.start != "" {
		o.Start = positionOf(p.start)
	}
	return o, nil
}

// searchMulti serves GET …/search/multi?t=callflow&by_name=…&by_number=…: one
// list per field.
func (s *Server) searchMulti(c *call) (*answer, error) {
	kind := c.value("t")
	if kind == "" {
		return nil, required("t")
	}
	data := map[string]any{}
	for _, field := range searchFields() {
		value := c.value("by_" + field)
		if value == "" {
			continue
		}
		o, err := s.searchOptions(c, kind, value)
		if err != nil {
			return nil, err
		}
		found, err := s.cfg.Resources.List(c.ctx(), c.account(), searchView(field), o)
		if err != nil {
			return nil, err
		}
		data[field] = found.Items
	}
	if len(data) == 0 {
		return nil, required("by_name", "by_number", "by_name_and_number")
	}
	return &answer{data: data, digest: true}, nil
}
