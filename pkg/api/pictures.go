package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/draw"
	"github.com/callflowd/callflowd/pkg/problem"
)

// drawing is what package draw makes of documents.
type drawing interface {
	SVG() string
	Mermaid() string
	Text() string
}

// svgPolicy lets an SVG do nothing but use its own style sheet.
var svgPolicy = func() string {
	sum := sha256.Sum256([]byte(draw.Style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// drawn answers with a picture in the format that was asked for.
func drawn(c *web.Call, p drawing) *web.Answer {
	raw := &web.RawBody{}
	switch c.As() {
	case "svg":
		raw.ContentType, raw.Body = web.SVG, []byte(p.SVG())
		raw.Header = map[string]string{"Content-Security-Policy": svgPolicy}
	case "mermaid":
		raw.ContentType, raw.Body = web.Mermaid+"; charset=utf-8", []byte(p.Mermaid())
	default:
		raw.ContentType, raw.Body = web.Text+"; charset=utf-8", []byte(p.Text())
	}
	return &web.Answer{Raw: raw, Digest: true}
}

// drawFlow answers with the picture of a callflow.
func (s *Server) drawFlow(c *web.Call, doc document.Doc) (*web.Answer, error) {
	return branchDrawn(c, draw.Flow(doc, s.drawOptions(c, doc)))
}

// drawDiff answers with two versions of a callflow in one picture.
func (s *Server) drawDiff(c *web.Call, from, to string) (*web.Answer, error) {
	before, err := s.cfg.Callflows.Version(c.Context(), c.Account(), c.Var("callflow_id"), from)
	if err != nil {
		return nil, err
	}
	after, err := s.cfg.Callflows.Version(c.Context(), c.Account(), c.Var("callflow_id"), to)
	if err != nil {
		return nil, err
	}
	return branchDrawn(c, draw.Diff(before, after, s.drawOptions(c, before, after)))
}

// branchDrawn answers with a picture, unless it was to begin with an action
// that the callflow does not have.
func branchDrawn(c *web.Call, p *draw.Picture) (*web.Answer, error) {
	if branch := c.Query.Get("branch"); branch != "" && len(p.Roots) == 0 {
		return nil, problem.Validation([]problem.Violation{{
			Path: "branch", Code: "not_found", Message: "branch must be the path of an action of this callflow, as flow.children.1",
			Members: map[string]any{"value": web.Clip(branch)},
		}})
	}
	return drawn(c, p), nil
}

// drawOptions are the names that pictures of the documents need, read in one
// request, and where their nodes lead. If the names cannot be read, ids stand
// for them.
func (s *Server) drawOptions(c *web.Call, docs ...document.Doc) draw.Options {
	var ids []string
	for _, doc := range docs {
		ids = append(ids, draw.References(doc)...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	o := draw.Options{
		From: c.Query.Get("branch"),
		Href: func(id string) string {
			return "/" + c.Version + "/accounts/" + c.Account() + "/callflows/" + url.PathEscape(id) + "?as=" + c.As()
		},
		More: func(path string) string { return moreOf(c, path) },
	}
	if named, ok := s.cfg.Callflows.Names(c.Context(), c.Account(), ids); ok {
		o.Docs = draw.FromMetadata(named)
	}
	return o
}

// moreOf is the address of the same picture, begun at another action. Only
// what chooses the versions is taken over, no token.
func moreOf(c *web.Call, path string) string {
	query := url.Values{"as": {c.As()}, "branch": {path}}
	for _, name := range []string{"at", "from", "to"} {
		if c.Query.Has(name) {
			query.Set(name, c.Query.Get(name))
		}
	}
	return "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
}
