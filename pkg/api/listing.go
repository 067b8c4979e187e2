package api

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// paging is what every listing understands (contract section 3).
type paging struct {
	size       int
	all        bool // paginate=false
	ascending  bool
	start, end string // as sent
	filter     document.Filter
}

// paging reads a listing's parameters.
func (s *Server) paging(c *web.Call) (paging, error) {
	p := paging{
		size: s.cfg.Limits.PageSize, all: !c.KazooFlag("paginate", true),
		start: c.Value("start_key"), end: c.Value("end_key"),
		filter: document.ParseFilter(plusses(c.Query)),
	}
	switch {
	case c.KazooFlag("descending", false):
	case c.KazooFlag("ascending", false):
		p.ascending = true
	default:
		p.ascending = !c.KazooFlag("descending", true)
	}
	if err := checkChunkSize(c); err != nil {
		return p, err
	}
	v, ok := c.Lookup("page_size")
	if !ok {
		return p, nil
	}
	n, err := integer(v)
	if err != nil {
		return p, faulty("invalid page size")
	}
	if n < 1 {
		return p, faulty("page size must be at least 1")
	}
	p.size = min(n, s.cfg.Limits.MaxPageSize)
	return p, nil
}

// checkChunkSize refuses the sizes that Kazoo refuses. It has no other effect.
func checkChunkSize(c *web.Call) error {
	v, ok := c.Lookup("chunk_size")
	if !ok {
		return nil
	}
	if n, err := integer(v); err != nil || n < 1 || n > 50 {
		return faulty("chunk size must be from 1 to 50")
	}
	return nil
}

// integer reads a number sent as JSON or as text. A number that is too large
// becomes the largest one.
func integer(v any) (int, error) {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil && strings.Trim(text, "0123456789") == "" && text != "" {
		return int(^uint32(0) >> 1), nil
	}
	return int(n), err
}

func faulty(message string) error {
	return &problem.Error{Code: problem.FaultyRequest, Data: map[string]any{"message": message}}
}

// plusses puts back the plus sign of numbers in filters: sent raw in a query,
// it arrives as a space (contract 10.15).
func plusses(query url.Values) url.Values {
	out := make(url.Values, len(query))
	for key, values := range query {
		fixed := make([]string, len(values))
		for i, v := range values {
			fixed[i] = plus(v)
		}
		out[key] = fixed
	}
	return out
}

func plus(v string) string {
	if rest, ok := strings.CutPrefix(v, " "); ok && rest != "" && strings.Trim(rest, "0123456789") == "" {
		return "+" + rest
	}
	return v
}

// listCallflows serves GET …/callflows, with ?deleted=true what can be
// restored.
func (s *Server) listCallflows(c *web.Call) (*web.Answer, error) {
	p, err := s.paging(c)
	if err != nil {
		return nil, err
	}
	o := callflow.ListOptions{
		StartKey: callflow.DecodeStartKey(p.start), EndKey: callflow.DecodeStartKey(p.end),
		PageSize: p.size, Ascending: p.ascending, Filter: p.filter,
	}
	list := s.cfg.Callflows.List
	switch {
	case c.Flag("deleted"):
		list = s.cfg.Callflows.ListDeleted
		if p.all {
			o.PageSize = 0
		}
	case p.all:
		return web.Streamed(func(ctx context.Context) iter.Seq2[json.RawMessage, error] {
			return s.cfg.Callflows.Stream(ctx, c.Account(), o)
		}), nil
	}
	found, err := list(c.Context(), c.Account(), o)
	if err != nil {
		return nil, err
	}
	return web.Page(found.Items, startToken(o.StartKey), startToken(found.NextStartKey)), nil
}

// startToken is a start key as envelopes have it; "" for none.
func startToken(id string) string {
	if id == "" {
		return ""
	}
	return callflow.EncodeStartKey(id)
}
