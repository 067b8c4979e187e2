package api

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/resource"
)

// accountType is the type of a search for accounts. It finds accounts below
// the caller's, whatever account is in the path (contract 7.3).
const accountType = "account"

// searched is one search: the documents of a type whose field begins with a
// value.
type searched struct {
	view   resource.View
	scope  []string // of keys, before the text: the type, an account's id before it
	prefix string
	field  string
}

// searchFields are what q may name, in the order of their views.
func searchFields(kind string) []string {
	if kind == accountType {
		return []string{"name", "realm", "id"}
	}
	return []string{"name", "number", "name_and_number"}
}

// search serves GET …/search?t=callflow&q=name&v=prefix (contract 7.3).
func (s *Server) search(c *web.Call) (*web.Answer, error) {
	kind, field := c.Value("t"), c.Value("q")
	if err := checkSearch(c, kind, field); err != nil {
		return nil, err
	}
	p, err := s.paging(c)
	if err != nil {
		return nil, err
	}
	found := searchOf(c, kind, field, c.Value("v"))
	o := found.options(p)
	if p.start != "" {
		o.Start = positionOf(p.start)
	}
	if p.all {
		return web.Streamed(func(ctx context.Context) iter.Seq2[json.RawMessage, error] {
			return s.cfg.Resources.Stream(ctx, c.Account(), found.view, o)
		}), nil
	}
	list, err := s.cfg.Resources.List(c.Context(), c.Account(), found.view, o)
	if err != nil {
		return nil, err
	}
	start := ""
	if p.start != "" {
		start = tokenOf(o.Start)
	}
	return web.Page(list.Items, start, tokenOf(list.Next)), nil
}

// checkSearch names every parameter that is missing or wrong.
func checkSearch(c *web.Call, kind, field string) error {
	wrong := checkSearchType(c, kind)
	switch allowed := searchFields(kind); {
	case field == "":
		wrong = append(wrong, missingChoice("q", allowed))
	case !slices.Contains(allowed, field):
		wrong = append(wrong, unknownField(allowed, field))
	}
	if _, ok := c.Lookup("v"); !ok {
		wrong = append(wrong, problem.Violation{Path: "v", Code: "required", Message: "Field is required but missing"})
	}
	return problem.Validation(wrong)
}

// checkSearchType wants a type. Without an account in the path it must be
// account.
func checkSearchType(c *web.Call, kind string) []problem.Violation {
	types := []string{accountType, "user", "callflow", "device"}
	if c.Account() == "" {
		types = types[:1]
	}
	switch {
	case kind == "":
		return []problem.Violation{missingChoice("t", types)}
	case c.Account() == "" && kind != accountType:
		return []problem.Violation{{
			Path: "t", Code: "enum", Message: "other types are searched in an account",
			Members: map[string]any{"target": types, "value": kind, "cause": kind},
		}}
	}
	return nil
}

func missingChoice(path string, from []string) problem.Violation {
	return problem.Violation{
		Path: path, Code: "required", Message: "Field is required but missing: one of " + strings.Join(from, ", "),
		Members: map[string]any{"target": from},
	}
}

func unknownField(allowed []string, field string) problem.Violation {
	return problem.Violation{
		Path: "q", Code: "enum", Message: "q is one of " + strings.Join(allowed, ", "),
		Members: map[string]any{"target": allowed, "value": field, "cause": field},
	}
}

func searchOf(c *web.Call, kind, field, value string) searched {
	out := searched{
		view: resource.View{Design: "search", Name: "search_by_" + field}, scope: []string{kind},
		prefix: document.Alphanumeric(value), field: field,
	}
	if kind == accountType {
		out.view.DB, out.scope = "accounts", []string{c.Identity.AccountID, kind}
	}
	return out
}

// options is the range of a prefix, in the order a listing has.
func (f searched) options(p paging) resource.ListOptions {
	low, _ := json.Marshal(append(slices.Clone(f.scope), f.prefix))
	high, _ := json.Marshal(append(slices.Clone(f.scope), f.prefix+"\ufff0"))
	o := resource.ListOptions{
		Start: &resource.Position{Key: low}, End: &resource.Position{Key: high},
		PageSize: p.size, Ascending: p.ascending, Filter: p.filter, Keep: f.first(p.ascending),
	}
	if !o.Ascending {
		o.Start, o.End = o.End, o.Start
	}
	return o
}

// first returns a filter that keeps only the first row of each document. A
// document is found by each of its numbers, and must not be on two pages. It is
// nil for a field that a document has only once.
func (f searched) first(ascending bool) func(couch.Row) bool {
	if !strings.HasSuffix(f.field, "number") {
		return nil
	}
	return func(row couch.Row) bool {
		var key []string
		var value document.Doc
		if json.Unmarshal(row.Key, &key) != nil || json.Unmarshal(row.Value, &value) != nil || len(key) == 0 {
			return true
		}
		texts := value.Strings("numbers")
		if name := value.String("name"); name != "" && f.field != "number" {
			texts = append(texts, name)
		}
		here := key[len(key)-1]
		return !slices.ContainsFunc(texts, func(text string) bool {
			there := document.Alphanumeric(text)
			return strings.HasPrefix(there, f.prefix) && there != here && (there < here) == ascending
		})
	}
}

// searchMulti serves GET …/search/multi?t=callflow&by_name=…&by_number=…: one
// list per field, whole.
func (s *Server) searchMulti(c *web.Call) (*web.Answer, error) {
	kind := c.Value("t")
	if err := problem.Validation(checkSearchType(c, kind)); err != nil {
		return nil, err
	}
	fields, err := multiFields(c, kind)
	if err != nil {
		return nil, err
	}
	p, err := s.paging(c)
	if err != nil {
		return nil, err
	}
	p.size = s.cfg.Limits.MaxPageSize
	data := map[string]any{}
	for _, field := range fields {
		found := searchOf(c, kind, field, c.Value("by_"+field))
		list, err := s.cfg.Resources.List(c.Context(), c.Account(), found.view, found.options(p))
		if err != nil {
			return nil, err
		}
		data[field] = list.Items
	}
	return &web.Answer{Data: data, Digest: true}, nil
}

// multiFields are the fields that a search by several names.
func multiFields(c *web.Call, kind string) ([]string, error) {
	allowed := searchFields(kind)
	for name := range c.Query {
		if field, ok := strings.CutPrefix(name, "by_"); ok && !slices.Contains(allowed, field) {
			return nil, problem.Validation([]problem.Violation{unknownField(allowed, field)})
		}
	}
	fields := slices.DeleteFunc(slices.Clone(allowed), func(field string) bool {
		_, asked := c.Lookup("by_" + field)
		return !asked
	})
	if len(fields) > 0 {
		return fields, nil
	}
	return nil, problem.Validation([]problem.Violation{{
		Path: "multi", Code: "enum", Message: "give one of by_" + strings.Join(allowed, ", by_"),
		Members: map[string]any{"target": allowed},
	}})
}
