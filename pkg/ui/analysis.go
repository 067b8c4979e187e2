package ui

import (
	"cmp"
	"slices"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/analysis"
	"github.com/callflowd/callflowd/pkg/ui/catalogue"
)

// analysisView is the page of what is wrong with an account's routes.
type analysisView struct {
	Groups      []findingGroup
	Kind        string // of the only group shown; "" for all
	Total       int
	NotAnalysed []analysis.NotAnalysed
	MoreNot     int
	List        *catalogue.List // names callflows
}

// findingGroup is the findings of one kind.
type findingGroup struct {
	Kind, Severity string
	Findings       []analysis.Finding
	Total          int
	Pager          pager
	All            string // where the rest is; "" where there is none
}

// analysisPatience is how long the page of the analysis waits for it.
const analysisPatience = 20 * time.Second

// mostOfKind is how many findings of a kind the page of all kinds shows.
const mostOfKind = 10

// analysis serves GET /ui/accounts/{A}/analysis; with ?kind= all of a kind.
func (p *pages) analysis(c *web.Call) (*web.Answer, error) {
	list, err := p.catalogue.Of(c.Context(), c.Account(), analysisPatience)
	if err != nil {
		return nil, err
	}
	found, done, err := p.findings.of(c.Context(), c.Account(), list.Version, analysisPatience)
	if err != nil {
		return nil, err
	}
	if !done {
		return nil, &problem.Error{Code: problem.Unavailable, Msg: "analysis", Data: map[string]any{"message": say("analysis.late")}}
	}
	view := analysisView{Kind: c.Query.Get("kind"), Total: len(found.Findings)}
	view.Groups = groupsOf(c, found.Findings, view.Kind)
	view.NotAnalysed, view.MoreNot = firstOf(found.NotAnalysed, rowsAPage)
	view.List = list
	for i := range view.Groups {
		for j := range view.Groups[i].Findings {
			f := &view.Groups[i].Findings[j]
			f.Message = renamed(f.Message, list.Name)
		}
	}
	return p.show(c, "analysis", page{Title: say("analysis.title"), Nav: "analysis", Data: view})
}

// severities order groups: the worst first.
var severities = []string{analysis.Error, analysis.Warning, analysis.Info}

// groupsOf sorts findings by kind, the worst kind first.
func groupsOf(c *web.Call, findings []analysis.Finding, only string) []findingGroup {
	byKind := map[string]*findingGroup{}
	var groups []*findingGroup
	for _, f := range findings {
		if only != "" && f.Kind != only {
			continue
		}
		g := byKind[f.Kind]
		if g == nil {
			g = &findingGroup{Kind: f.Kind, Severity: f.Severity}
			byKind[f.Kind] = g
			groups = append(groups, g)
		}
		if worse(f.Severity, g.Severity) {
			g.Severity = f.Severity
		}
		g.Findings = append(g.Findings, f) // a copy: reports are shared
	}
	slices.SortStableFunc(groups, func(x, y *findingGroup) int {
		return cmp.Or(cmp.Compare(slices.Index(severities, x.Severity), slices.Index(severities, y.Severity)), cmp.Compare(x.Kind, y.Kind))
	})
	out := make([]findingGroup, 0, len(groups))
	for _, g := range groups {
		g.Total = len(g.Findings)
		if only != "" {
			pager, from, until := pagerOf(c, g.Total, func(n string) string { return here(c, "/analysis", "kind", only, "page", n) })
			g.Findings, g.Pager = g.Findings[from:until], pager
		} else if g.Total > mostOfKind {
			g.Findings, g.All = g.Findings[:mostOfKind], here(c, "/analysis", "kind", g.Kind)
		}
		out = append(out, *g)
	}
	return out
}

func worse(x, y string) bool { return slices.Index(severities, x) < slices.Index(severities, y) }

// besideView is two callflows side by side.
type besideView struct {
	Number string
	Flows  []besideFlow
}

type besideFlow struct {
	ref
	Numbers, Patterns []string
	Picture           picture
}

// beside serves GET /ui/accounts/{A}/beside?a=ID&b=ID&number=…
func (p *pages) beside(c *web.Call) (*web.Answer, error) {
	view := besideView{Number: c.Query.Get("number")}
	for _, name := range []string{"a", "b"} {
		doc, err := p.Callflows.Get(c.Context(), c.Account(), c.Query.Get(name))
		if err != nil {
			return nil, err
		}
		view.Flows = append(view.Flows, besideFlow{
			ref{doc.ID(), nameOfDoc(doc)},
			doc.Strings("numbers"), doc.Strings("patterns"),
			p.drawn(c, say("callflow.picture", nameOfDoc(doc)), doc, ""),
		})
	}
	return p.show(c, "beside", page{Title: say("beside.title"), Nav: "analysis", Number: view.Number, Data: view})
}
