package ui

import (
	"html/template"
	"net/url"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/draw"
)

// picture is a drawing as a page shows it: to look at, and to read.
type picture struct {
	Label string
	SVG   template.HTML // of pkg/draw, which escapes every text
	Text  string
}

func pictureOf(label string, p interface {
	SVG() string
	Text() string
},
) picture {
	return picture{label, template.HTML(p.SVG()), p.Text()} //nolint:gosec // see picture
}

// drawn is the picture of one version of a callflow. took is the number or
// pattern whose way is marked; "" for none.
func (p *pages) drawn(c *web.Call, label string, doc document.Doc, took string) picture {
	o := p.options(c, doc)
	o.Took = took
	return pictureOf(label, draw.Flow(doc, o))
}

// compared is the picture of two versions in one.
func (p *pages) compared(c *web.Call, label string, before, after document.Doc) picture {
	return pictureOf(label, draw.Diff(before, after, p.options(c, before, after)))
}

// options name what the documents refer to, and lead from jumps to the pages
// of callflows. Without names ids stand for them.
func (p *pages) options(c *web.Call, docs ...document.Doc) draw.Options {
	var ids []string
	for _, doc := range docs {
		ids = append(ids, draw.References(doc)...)
	}
	slices.Sort(ids)
	o := draw.Options{
		From: c.Query.Get("branch"),
		Href: func(id string) string { return here(c, callflowPath(id)) },
		More: func(path string) string {
			query := url.Values{}
			for name, values := range c.Query {
				query[name] = values
			}
			query.Set("branch", path)
			return "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
		},
	}
	if named, ok := p.Callflows.Names(c.Context(), c.Account(), slices.Compact(ids)); ok {
		o.Docs = draw.FromMetadata(named)
	}
	return o
}
