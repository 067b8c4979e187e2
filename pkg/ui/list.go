package ui

import (
	"cmp"
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
	found := list.Find(data.Query, data.In)
	pager, from, until := pagerOf(c, len(found), func(number string) string {
		return here(c, "/callflows", "q", data.Query, "in", string(data.In), "page", number)
	})
	data.All, data.Pager = len(list.Items), pager
	data.Rows, data.Unknown = p.listed(c, list, found[from:until])
	view.Data = data
	return p.show(c, "callflows", view)
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
	found, current := p.findings.latest(c.Context(), c.Account(), list.Version, p.Patience)
	for _, item := range items {
		row := callflowRow{Item: item}
		row.Numbers, row.MoreNumbers = firstOf(item.Numbers, rowNumbers)
		row.Patterns, row.MorePatterns = firstOf(item.Patterns, rowPatterns)
		row.Modules, row.MoreModules = firstOf(item.Modules, rowModules)
		all := missing(list, item)
		if item.Empty {
			all = append(all, warning{analysis.Warning, say("callflows.empty")})
		}
		for _, f := range found.about[item.ID] {
			all = append(all, warning{f.Severity, renamed(f.Message, list.Name)})
		}
		row.Warnings, row.MoreWarnings = firstOf(all, rowWarnings)
		rows = append(rows, row)
	}
	return rows, !current
}

// missing warns of references to documents that are not there.
func missing(list *catalogue.List, item *catalogue.Item) []warning {
	var out []warning
	for _, r := range item.References {
		switch d := list.Document(r.ID); {
		case d.Missing:
			out = append(out, warning{analysis.Warning, say("callflows.missing", r.Type, shorten(r.ID))})
		case d.Deleted:
			out = append(out, warning{analysis.Warning, say("callflows.gone", r.Type, cmp.Or(d.Name, shorten(r.ID)))})
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
