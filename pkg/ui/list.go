package ui

import (
	"errors"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/route/analysis"
	"github.com/callflowd/callflowd/pkg/ui/catalogue"
)

// rowsAPage is how many rows a table has at most.
const rowsAPage = 50

// pager is a part of a list: which rows, and where the others are.
type pager struct {
	Total          int
	First, Last    int // of the rows shown, from 1
	Earlier, Later string
}

// pagerOf cuts a page out of total rows. to makes the address of another one.
func pagerOf(c *web.Call, total int, to func(page string) string) (p pager, from, until int) {
	number, err := strconv.Atoi(c.Query.Get("page"))
	last := max(1, (total+rowsAPage-1)/rowsAPage)
	if err != nil {
		number = 1
	}
	number = min(max(1, number), last)
	from = (number - 1) * rowsAPage
	until = min(from+rowsAPage, total)
	p = pager{Total: total, First: min(from+1, total), Last: until}
	if number > 1 {
		p.Earlier = to(strconv.Itoa(number - 1))
	}
	if number < last {
		p.Later = to(strconv.Itoa(number + 1))
	}
	return p, from, until
}

// callflowList is what the list of callflows shows.
type callflowList struct {
	Query   string
	In      catalogue.Field
	Fields  []catalogue.Field
	Rows    []callflowRow
	All     int // callflows of the account
	Pager   pager
	Loading bool // the list is being read
	Unknown bool // the analysis is not done yet
}

// callflowRow is a callflow in the list.
type callflowRow struct {
	*catalogue.Item
	Numbers, Patterns         []string
	MoreNumbers, MorePatterns int
	Modules                   []string
	MoreModules               int
	Warnings                  []warning
	MoreWarnings              int
}

// warning is something wrong, in words.
type warning struct {
	Severity string // error, warning or info
	Text     string
}

// callflows serves GET /ui/accounts/{A}/callflows.
func (p *pages) callflows(c *web.Call) (*web.Answer, error) {
	view := page{Title: say("callflows.title"), Nav: "callflows"}
	data := callflowList{Query: strings.TrimSpace(c.Query.Get("q")), In: catalogue.Field(c.Query.Get("in")), Fields: catalogue.Fields()}
	list, err := p.catalogue.Of(c.Context(), c.Account(), p.Patience)
	if errors.Is(err, catalogue.ErrLoading) {
		data.Loading = true
		view.Data = data
		a, err := p.show(c, "callflows", view)
		if err == nil {
			a.Raw.Header["Refresh"] = "1" // the list is there then
		}
		return a, err
	}
	if err != nil {
		return nil, err
	}
	found := list.Find(data.Query, data.In, p.named(c, list, data))
	pager, from, until := pagerOf(c, len(found), func(number string) string {
		return here(c, "/callflows", "q", data.Query, "in", string(data.In), "page", number)
	})
	data.All, data.Pager = len(list.Items), pager
	data.Rows, data.Unknown = p.listed(c, list, found[from:until])
	view.Data = data
	return p.show(c, "callflows", view)
}

// named are the ids of the referred documents whose names hold the text that
// is searched for. Without their names the search knows ids alone.
func (p *pages) named(c *web.Call, list *catalogue.List, asked callflowList) map[string]bool {
	if asked.Query == "" || asked.In != catalogue.Everywhere && asked.In != catalogue.ByReference {
		return nil
	}
	seen := map[string]bool{}
	var ids []string
	for _, item := range list.Items {
		for _, r := range item.References {
			if !seen[r.ID] {
				seen[r.ID] = true
				ids = append(ids, r.ID)
			}
		}
	}
	names, err := p.Routes.Names(c.Context(), c.Account(), ids)
	if err != nil {
		return nil
	}
	out := map[string]bool{}
	for id, described := range names {
		name, _ := described.Fields["name"].(string)
		if strings.Contains(strings.ToLower(name), strings.ToLower(asked.Query)) {
			out[id] = true
		}
	}
	return out
}

// The most that a row shows.
const (
	rowNumbers  = 4
	rowPatterns = 2
	rowModules  = 5
	rowWarnings = 3
)

// listed makes the rows, with what is wrong with each. A list without an
// analysis is of use, too.
func (p *pages) listed(c *web.Call, list *catalogue.List, items []*catalogue.Item) (rows []callflowRow, unknown bool) {
	found, done, err := p.findings.of(c.Context(), c.Account(), list.Version, p.Patience)
	wrong := map[string][]warning{}
	if done = done && err == nil; done {
		names := list.Names()
		for _, f := range found.Findings {
			wrong[f.CallflowID] = append(wrong[f.CallflowID], warning{f.Severity, worded(f, names)})
		}
	}
	missing := p.missing(c, items)
	for _, item := range items {
		row := callflowRow{Item: item}
		row.Numbers, row.MoreNumbers = firstOf(item.Numbers, rowNumbers)
		row.Patterns, row.MorePatterns = firstOf(item.Patterns, rowPatterns)
		row.Modules, row.MoreModules = firstOf(item.Modules, rowModules)
		if item.Empty {
			row.Warnings = append(row.Warnings, warning{analysis.Warning, say("callflows.empty")})
		}
		all := append(append(row.Warnings, missing[item.ID]...), wrong[item.ID]...)
		row.Warnings, row.MoreWarnings = firstOf(all, rowWarnings)
		rows = append(rows, row)
	}
	return rows, !done
}

// worded is a finding's message, with the names of callflows for their ids.
func worded(f analysis.Finding, names map[string]string) string {
	ids := []string{f.CallflowID, f.Winner}
	if f.Other != nil {
		ids = append(ids, f.Other.CallflowID)
	}
	text := f.Message
	for _, id := range ids {
		if name := names[id]; name != "" {
			text = strings.ReplaceAll(text, "callflow "+id, name)
		}
	}
	return text
}

// missing warns of references to documents that are not there.
func (p *pages) missing(c *web.Call, items []*catalogue.Item) map[string][]warning {
	var ids []string
	for _, item := range items {
		for _, r := range item.References {
			ids = append(ids, r.ID)
		}
	}
	names, err := p.Routes.Names(c.Context(), c.Account(), ids)
	if err != nil {
		return nil
	}
	out := map[string][]warning{}
	for _, item := range items {
		for _, r := range item.References {
			switch described, ok := names[r.ID]; {
			case !ok:
				out[item.ID] = append(out[item.ID], warning{analysis.Warning, say("callflows.missing", r.Type, shorten(r.ID))})
			case described.Deleted:
				out[item.ID] = append(out[item.ID], warning{analysis.Warning, say("callflows.gone", r.Type, shorten(r.ID))})
			}
		}
	}
	return out
}

// firstOf returns the first of a list, and how many are left out.
func firstOf[T any](list []T, most int) (first []T, more int) {
	if len(list) <= most {
		return list, 0
	}
	return list[:most], len(list) - most
}
