package ui

import (
	"bytes"
	"encoding/json"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/draw"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/schema"
)

// flowView is the page of a callflow, as it is or as a version of it was.
type flowView struct {
	ID, Name, Revision string
	Old                bool // a version that is not the stored one
	Picture            picture
	Branch             string // of the picture; "" for all
	Numbers, Patterns  []string
	FeatureCode        string
	Problems, Warnings *foldedLines
	Out                []outward
	In                 []save.Reference
	History            []moment
	Compares           bool // there are versions to compare
	JSON               string
	Cut                bool // JSON is not whole
}

// outward is a document that the flow refers to.
type outward struct {
	Type, ID, Name string
	Missing, Gone  bool
	Href           string
}

// moment is a version in the history.
type moment struct {
	callflow.HistoryItem
	Who     string
	Current bool
}

// callflow serves GET /ui/accounts/{A}/callflows/{C}; with ?as=json the
// document, and with ?as=svg, mermaid or text the picture alone.
func (p *pages) callflow(c *web.Call) (*web.Answer, error) {
	id := c.Var("callflow_id")
	doc, err := p.Callflows.Get(c.Context(), c.Account(), id)
	if err != nil {
		return nil, err
	}
	if as := c.Query.Get("as"); as != "" {
		return p.alone(c, doc, as)
	}
	view, err := p.flowOf(c, doc)
	if err != nil {
		return nil, err
	}
	verdict, err := p.Callflows.Validate(c.Context(), save.Write{AccountID: c.Account(), ID: id, Data: withID(doc), Actor: c.Actor()})
	if err != nil {
		return nil, err
	}
	view.Problems = foldLines(p.withNames(c, linesOf(verdict.Problems)))
	view.Warnings = foldLines(p.withNames(c, warningLines(verdict.Warnings)))
	if view.In, err = p.Callflows.References(c.Context(), c.Account(), id); err != nil {
		return nil, err
	}
	if view.History, err = p.history(c, id); err != nil {
		return nil, err
	}
	view.Compares = len(view.History) > 1
	return p.show(c, "callflow", page{Title: view.Name, Nav: "callflows", Said: c.Query.Get("done"), Data: view})
}

// version serves GET /ui/accounts/{A}/callflows/{C}/versions/{REV}.
func (p *pages) version(c *web.Call) (*web.Answer, error) {
	id, rev := c.Var("callflow_id"), c.Var("revision")
	doc, err := p.Callflows.Version(c.Context(), c.Account(), id, rev)
	if err != nil {
		return nil, err
	}
	if as := c.Query.Get("as"); as != "" {
		return p.alone(c, doc, as)
	}
	view, err := p.flowOf(c, doc)
	if err != nil {
		return nil, err
	}
	if view.History, err = p.history(c, id); err != nil {
		return nil, err
	}
	view.Compares = len(view.History) > 1
	view.Old = len(view.History) > 0 && view.History[0].Revision != rev
	return p.show(c, "callflow", page{Title: say("callflow.version", view.Name, shorten(rev)), Nav: "callflows", Data: view})
}

// withID is the public document with its id, as a request would send it.
func withID(doc document.Doc) document.Doc {
	out := doc.Public()
	out["id"] = doc.ID()
	return out
}

// flowOf is what the page says of a document by itself.
func (p *pages) flowOf(c *web.Call, doc document.Doc) (flowView, error) {
	view := flowView{
		ID: doc.ID(), Name: nameOfDoc(doc), Revision: doc.Rev(), Branch: c.Query.Get("branch"),
		Numbers: doc.Strings("numbers"), Patterns: doc.Strings("patterns"),
		Picture: p.drawn(c, say("callflow.picture", nameOfDoc(doc)), doc, ""),
	}
	if code := doc.Object("featurecode"); code != nil {
		view.FeatureCode, _ = code["name"].(string)
	}
	var err error
	if view.JSON, err = indented(doc.Public()); err != nil {
		return view, err
	}
	const most = 24 << 10
	if len(view.JSON) > most {
		view.JSON, view.Cut = validPrefix(view.JSON, most), true
	}
	view.Out = p.outward(c, doc)
	return view, nil
}

// nameOfDoc is a callflow's name, or its id.
func nameOfDoc(doc document.Doc) string {
	if name := doc.String("name"); name != "" {
		return name
	}
	return doc.ID()
}

// indented is JSON for people to read.
func indented(v any) (string, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return out.String(), err
}

// mostOutward bounds the list of references of one flow.
const mostOutward = 100

// outward lists the documents that a flow refers to, each once.
func (p *pages) outward(c *web.Call, doc document.Doc) []outward {
	var out []outward
	var ids []string
	seen := map[string]bool{}
	for action := range schema.Walk(doc) {
		for _, r := range action.References() {
			if !seen[r.ID] && len(out) < mostOutward {
				seen[r.ID] = true
				out = append(out, outward{Type: r.Type, ID: r.ID})
				ids = append(ids, r.ID)
			}
		}
	}
	names, known := p.Callflows.Names(c.Context(), c.Account(), ids)
	for i := range out {
		described, there := names[out[i].ID].(map[string]any)
		out[i].Name, _ = described["name"].(string)
		out[i].Missing = known && !there
		out[i].Gone = described["deleted"] == true
		if out[i].Type == callflow.Type && there && !out[i].Gone {
			out[i].Href = here(c, callflowPath(out[i].ID))
		}
	}
	return out
}

// mostMoments bounds the time line.
const mostMoments = 100

// history is the time line, with the names of those who wrote.
func (p *pages) history(c *web.Call, id string) ([]moment, error) {
	items, err := p.Callflows.History(c.Context(), c.Account(), id)
	if err != nil {
		return nil, err
	}
	items, _ = firstOf(items, mostMoments)
	var users []string
	for _, item := range items {
		if item.UserID != "" && item.AccountID == c.Account() {
			users = append(users, item.UserID)
		}
	}
	names, _ := p.Callflows.Names(c.Context(), c.Account(), users)
	out := make([]moment, len(items))
	for i, item := range items {
		out[i] = moment{item, p.who(c, item, names), i == 0}
	}
	return out, nil
}

// who wrote a version: a user of the account, an account, or nobody known.
func (p *pages) who(c *web.Call, item callflow.HistoryItem, names map[string]any) string {
	described, _ := names[item.UserID].(map[string]any)
	if name, ok := described["name"].(string); ok && name != "" {
		return name
	}
	switch {
	case item.UserID != "":
		return say("who.user", shorten(item.UserID))
	case item.AccountID != "" && p.Auth.Authorize(c.Context(), c.Identity, item.AccountID) == nil:
		return say("who.account", p.nameOf(c, item.AccountID))
	case item.AccountID != "": // one above, whose name the API does not tell either
		return say("who.account", shorten(item.AccountID))
	}
	return say("who.nobody")
}

// alone answers with a document or its picture and nothing around it.
func (p *pages) alone(c *web.Call, doc document.Doc, as string) (*web.Answer, error) {
	raw := &web.RawBody{Header: headers(), ContentType: web.Text + "; charset=utf-8"}
	drawn := draw.Flow(doc, p.options(c, doc))
	switch as {
	case "json":
		text, err := indented(doc.Public())
		if err != nil {
			return nil, err
		}
		raw.ContentType, raw.Body = "application/json", []byte(text)
	case "svg":
		raw.ContentType, raw.Body = web.SVG, []byte(drawn.SVG())
	case "mermaid":
		raw.Body = []byte(drawn.Mermaid())
	case "text":
		raw.Body = []byte(drawn.Text())
	default:
		return nil, problem.Validation([]problem.Violation{{Path: "as", Code: "enum", Message: say("callflow.as")}})
	}
	return &web.Answer{Raw: raw}, nil
}
