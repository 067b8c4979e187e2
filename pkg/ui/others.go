package ui

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/callflow"
)

// deletedView is the page of what can be restored.
type deletedView struct {
	Rows  []callflow.Deleted
	Pager pager
}

// deleted serves GET /ui/accounts/{A}/deleted.
func (p *pages) deleted(c *web.Call) (*web.Answer, error) {
	list, err := p.Callflows.ListDeleted(c.Context(), c.Account(), callflow.ListOptions{Ascending: true})
	if err != nil {
		return nil, err
	}
	found := make([]callflow.Deleted, len(list.Items))
	for i, item := range list.Items {
		if err := json.Unmarshal(item, &found[i]); err != nil {
			return nil, err // cannot be: it was just encoded
		}
	}
	slices.SortStableFunc(found, func(x, y callflow.Deleted) int { return cmp.Compare(y.At, x.At) })
	var view deletedView
	var from, until int
	view.Pager, from, until = pagerOf(c, len(found), func(number string) string { return here(c, "/deleted", "page", number) })
	view.Rows = found[from:until]
	return p.show(c, "deleted", page{Title: say("deleted.title"), Nav: "deleted", Data: view})
}

// changesView is the page of the change feed.
type changesView struct {
	Since, Last string
	Rows        []changeRow
	More        bool
}

// changeRow is a change as people read it.
type changeRow struct {
	callflow.Change
	Name string `json:"name"`
	At   string `json:"at"`
}

func rowOf(change callflow.Change) changeRow {
	row := changeRow{change, cmp.Or(strings.TrimSpace(change.Name), shorten(change.ID)), say("changes.unknown")}
	if !change.At.IsZero() {
		row.At = readable(change.At)
	}
	return row
}

// changes serves GET /ui/accounts/{A}/changes: what changed since a sequence,
// or from now on.
func (p *pages) changes(c *web.Call) (*web.Answer, error) {
	const most = 100
	view := changesView{Since: cmp.Or(c.Query.Get("since"), "now")}
	found, err := p.Callflows.Changes(c.Context(), c.Account(), callflow.ChangesOptions{Since: view.Since, Limit: most})
	if err != nil {
		return nil, err
	}
	view.Last, view.More = found.LastSeq, len(found.Changes) == most
	for _, change := range slices.Backward(found.Changes) {
		view.Rows = append(view.Rows, rowOf(change))
	}
	return p.show(c, "changes", page{Title: say("changes.title"), Nav: "changes", Data: view})
}

// stream serves GET /ui/accounts/{A}/changes/stream, for the page's script.
func (p *pages) stream(c *web.Call) (*web.Answer, error) {
	return p.API.StreamChanges(c, callflow.ChangesOptions{Since: cmp.Or(c.Query.Get("since"), "now")}, func(change callflow.Change) any { return rowOf(change) })
}

// accountsView is the page of the accounts below one.
type accountsView struct {
	Query string
	Tree  []*branch
	Pager pager
	Below int
	Flat  bool // found by a search: no tree
}

// branch is an account with those below it.
type branch struct {
	ID, Name, Realm string
	Above           []ref // in a search: the accounts between
	Below           []*branch
	Hidden          int // below it and not shown
}

// wholeTree is how many accounts are shown as a tree; of more, one level.
const wholeTree = 200

// accounts serves GET /ui/accounts/{A}/accounts.
func (p *pages) accounts(c *web.Call) (*web.Answer, error) {
	items, err := p.Accounts.Descendants(c.Context(), c.Account())
	if err != nil {
		return nil, err
	}
	view := accountsView{Query: strings.TrimSpace(c.Query.Get("q")), Below: len(items)}
	tree := treeOf(c.Account(), items)
	switch {
	case view.Query != "":
		view.Flat, view.Tree = true, found(tree, view.Query)
	case len(items) > wholeTree:
		for _, b := range tree {
			b.Hidden, b.Below = count(b.Below), nil
		}
		view.Tree = tree
	default:
		view.Tree = tree
	}
	pager, from, until := pagerOf(c, len(view.Tree), func(n string) string { return here(c, "/accounts", "q", view.Query, "page", n) })
	view.Tree, view.Pager = view.Tree[from:until], pager
	return p.show(c, "accounts", page{Title: say("accounts.title"), Nav: "accounts", Data: view})
}

// treeOf puts accounts below each other. One whose parent is not among them is
// right below root.
func treeOf(root string, items []account.Item) []*branch {
	byID := map[string]*branch{}
	for _, item := range items {
		id, _ := item["id"].(string)
		b := &branch{ID: id, Name: shorten(id)}
		if name, ok := item["name"].(string); ok && name != "" {
			b.Name = name
		}
		b.Realm, _ = item["realm"].(string)
		byID[id] = b
	}
	var top []*branch
	for _, item := range items {
		id, _ := item["id"].(string)
		above, _ := item["tree"].([]any)
		parent := ""
		if len(above) > 0 {
			parent, _ = above[len(above)-1].(string)
		}
		if b, ok := byID[parent]; ok && parent != root && parent != id {
			b.Below = append(b.Below, byID[id])
		} else {
			top = append(top, byID[id])
		}
	}
	return top
}

func count(list []*branch) int {
	n := len(list)
	for _, b := range list {
		n += count(b.Below)
	}
	return n
}

// found lists the accounts of a tree whose name, realm or id holds a text.
func found(tree []*branch, text string) []*branch {
	text = strings.ToLower(text)
	var out []*branch
	var walk func(list []*branch, above []ref)
	walk = func(list []*branch, above []ref) {
		for _, b := range list {
			if strings.Contains(strings.ToLower(b.Name), text) || strings.Contains(strings.ToLower(b.Realm), text) || b.ID == text {
				out = append(out, &branch{ID: b.ID, Name: b.Name, Realm: b.Realm, Above: above, Hidden: count(b.Below)})
			}
			walk(b.Below, append(slices.Clone(above), ref{b.ID, b.Name}))
		}
	}
	walk(tree, nil)
	return out
}
